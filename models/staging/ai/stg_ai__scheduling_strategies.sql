with source as (

    select * from {{ rows_of(source('ai', 'ai_scheduling_strategies')) }}

),

renamed as (

    select
        -- ids
        id as strategy_id,
        tenant_id,
        agent_id,

        -- text
        strategy_name,
        strategy_type,
        description,
        platform_weights,
        platform_priorities,
        load_balance_config,
        failover_config,
        health_check_config,
        routing_rules,
        cost_optimization_config,
        circuit_breaker_config,
        platform_usage_stats,
        performance_metrics,
        cost_metrics,

        -- numbers
        max_concurrent_requests,
        timeout_seconds,
        retry_count,
        retry_interval_ms,
        total_dispatches,
        successful_dispatches,
        failed_dispatches,
        avg_dispatch_time as avg_dispatch_ms,

        -- booleans
        is_enabled,

        -- dates and times
        last_dispatch_at,
        created_at,
        updated_at
    from source

)

select * from renamed
