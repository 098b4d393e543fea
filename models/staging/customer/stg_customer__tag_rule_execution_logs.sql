with source as (

    select * from {{ rows_of(source('customer', 'tag_rule_execution_logs')) }}

),

renamed as (

    select
        -- ids
        id as tag_rule_execution_log_id,
        tenant_id,
        tag_id,

        -- text
        execution_type,
        trigger_event,
        execution_status,
        error_message,
        execution_details,

        -- numbers
        processed_customers,
        added_tags,
        removed_tags,
        execution_time_ms,

        -- dates and times
        created_at
    from source

)

select * from renamed
