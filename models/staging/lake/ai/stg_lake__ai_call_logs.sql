with source as (

    select * from {{ lake_rows(source('lake', 'ai_call_logs')) }}

),

renamed as (

    select
        -- ids
        id as call_log_id,
        tenant_id,
        agent_id,
        conversation_id as conversation_record_id,

        -- text
        tokens,
        error_code,

        -- numbers
        status_code,
        response_time as response_seconds,
        cost as cost_cny,

        -- dates and times
        created_at
    from source

)

select * from renamed
