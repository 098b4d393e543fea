with source as (

    select * from {{ rows_of(source('business', 'marketing_ab_tests')) }}

),

renamed as (

    select
        -- ids
        id as ab_test_id,
        tenant_id,

        -- text
        test_name,
        test_description,
        test_type,
        test_config,
        variant_configs,
        traffic_allocation,
        primary_metric,
        secondary_metrics,
        success_criteria,
        status,
        variant_stats,
        test_results,
        winner_variant,
        created_by,

        -- numbers
        total_participants,

        -- dates and times
        start_time as starts_at,
        end_time as ends_at,
        created_at,
        updated_at
    from source

)

select * from renamed
