with source as (

    select * from {{ rows_of(source('core', 'saas_message_templates')) }}

),

renamed as (

    select
        -- ids
        id as message_template_id,
        tenant_id,

        -- text
        template_name,
        template_code,
        template_type,
        template_category,
        subject,
        content,
        content_format,
        variables,
        default_values,
        priority,
        version,
        created_by,

        -- booleans
        is_active,

        -- dates and times
        created_at,
        updated_at
    from source

)

select * from renamed
