with source as (

    select * from {{ rows_of(source('core', 'saas_system_metrics')) }}

),

renamed as (

    select
        -- ids
        id as system_metric_id,
        tenant_id,

        -- text
        metric_name,
        metric_type,
        metric_category,
        labels,
        tags,
        time_window,

        -- numbers
        metric_value,

        -- dates and times
        recorded_at
    from source

)

select * from renamed
