with source as (

    select * from {{ rows_of(source('health', 'health_checkup_reports')) }}

),

renamed as (

    select
        -- ids
        id as checkup_report_id,
        tenant_id,
        patient_id,

        -- text
        checkup_type,
        report_number,
        hospital_name,
        department,
        doctor_name,
        doctor_signature,
        checkup_items,
        overall_conclusion,
        health_status,
        risk_factors,
        recommendations,
        major_findings,
        abnormal_results,
        follow_up_items,
        vital_signs,
        laboratory_results,
        imaging_results,
        functional_tests,
        specialist_consultations,
        report_status,
        reviewed_by,
        report_files,
        image_files,
        raw_data_files,
        payment_status,
        created_by,

        -- numbers
        total_cost as total_cost_cny,

        -- booleans
        follow_up_required as is_follow_up_required,

        -- dates and times
        checkup_date,
        report_date,
        follow_up_date,
        reviewed_at,
        created_at,
        updated_at
    from source

)

select * from renamed
