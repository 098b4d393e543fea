with source as (

    select * from {{ rows_of(source('wework', 'wework_message_templates')) }}

),

renamed as (

    select
        -- ids
        id as template_id,
        tenant_id,

        -- text
        template_name,
        template_code,
        description,
        message_type,
        content_template,
        variables,
        default_values,
        send_config,
        rate_limit,
        retry_config,
        category,
        tags,
        created_by,

        -- numbers
        usage_count,
        success_count,

        -- booleans
        is_active,

        -- dates and times
        created_at,
        updated_at
    from source

)

select * from renamed
