with source as (

    select * from {{ rows_of(source('customer', 'customer_tag_definitions')) }}

),

renamed as (

    select
        -- ids
        id as tag_id,
        tenant_id,

        -- text
        tag_name,
        tag_code,
        tag_description,
        category,
        tag_type,
        rule_config,
        rule_expression,
        value_type,
        default_value,
        possible_values,
        color,
        icon,
        created_by,

        -- numbers
        weight,
        priority,
        customer_count,

        -- booleans
        is_active,
        auto_assign as is_auto_assigned,
        auto_remove as is_auto_removed,

        -- dates and times
        last_calculated_at,
        created_at,
        updated_at
    from source

)

select * from renamed
