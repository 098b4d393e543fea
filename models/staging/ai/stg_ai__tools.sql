with source as (

    select * from {{ rows_of(source('ai', 'ai_tools')) }}

),

renamed as (

    select
        -- ids
        id as tool_id,
        tenant_id,

        -- text
        tool_name,
        description,
        tool_type,
        tool_schema,
        input_schema,
        output_schema,
        status,
        created_by,

        -- numbers
        usage_count,
        success_count,
        avg_execution_time as avg_execution_seconds,

        -- dates and times
        last_used_at,
        created_at,
        updated_at
    from source

)

select * from renamed
