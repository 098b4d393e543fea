with source as (

    select * from {{ rows_of(source('ai', 'ai_agent_tools')) }}

),

renamed as (

    select
        -- ids
        id as agent_tool_id,
        tenant_id,
        agent_id,
        tool_id,

        -- numbers
        execution_order,
        invocation_count,
        success_count,
        error_count,
        avg_execution_time as avg_execution_seconds,

        -- booleans
        is_enabled,

        -- dates and times
        last_invoked_at,
        created_at
    from source

)

select * from renamed
