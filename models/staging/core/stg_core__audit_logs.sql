with source as (

    select * from {{ rows_of(source('core', 'saas_unified_audit_logs')) }}

),

renamed as (

    select
        -- ids
        id as audit_log_id,
        tenant_id,
        operator_id,
        session_id,
        target_id,

        -- text
        log_type,
        module,
        sub_module,
        operator_type,
        action,
        target_type,
        target_name,
        change_data,
        status,
        error_info,
        ip_address,
        user_agent,
        business_context,
        tags,

        -- numbers
        execution_time_ms,

        -- dates and times
        created_at
    from source

)

select * from renamed
