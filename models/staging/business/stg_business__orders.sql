with source as (

    select * from {{ rows_of(source('business', 'service_orders')) }}

),

renamed as (

    select
        -- ids
        id as order_id,
        tenant_id,
        customer_id,
        assigned_provider_id,
        parent_order_id,

        -- text
        order_no,
        external_order_no,
        order_source,
        order_type,
        customer_type,
        contact_info,
        service_location_type,
        service_address,
        location_requirements,
        provider_assignment_method,
        order_status,
        payment_status,
        service_status,
        coupon_codes,
        promotion_ids,
        discount_details,
        recurrence_pattern,
        service_requirements,
        special_instructions,
        materials_provided,
        invoice_type,
        invoice_info,
        reschedule_reason,
        cancellation_reason,
        cancelled_by as cancelled_by_party,
        notes,
        internal_notes,
        tags,
        risk_level,
        created_by,

        -- numbers
        estimated_duration_minutes,
        actual_duration_minutes,
        subtotal as subtotal_cny,
        service_fee as service_fee_cny,
        travel_fee as travel_fee_cny,
        material_fee as material_fee_cny,
        discount_amount as discount_amount_cny,
        tax_amount as tax_amount_cny,
        total_amount as total_amount_cny,
        paid_amount as paid_amount_cny,
        refund_amount as refund_amount_cny,
        reschedule_count,
        cancellation_fee as cancellation_fee_cny,
        risk_score,

        -- booleans
        is_recurring,
        is_suspicious,

        -- dates and times
        service_date,
        service_time_start as agreed_start_time,
        service_time_end as agreed_end_time,
        provider_assigned_at,
        order_time as ordered_at,
        payment_time as paid_at,
        confirm_time as confirmed_at,
        assigned_time as assigned_at,
        service_start_time as service_started_at,
        service_end_time as service_ended_at,
        complete_time as completed_at,
        cancel_time as cancelled_at,
        rescheduled_from_date,
        rescheduled_from_time,
        created_at,
        updated_at
    from source

)

select * from renamed
