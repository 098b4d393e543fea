-- One row per tenant, platform, metric, window length (1h, 1d) and window start with a request. The
-- tenant is the call's. Metrics have different units: never sum over metrics, nor over 1h and 1d
-- together; means and rates are weighted by the requests in `labels`.
{{ config(window_column='recorded_at', refresh_by_month=true) }}

with calls as (

    select
        tenant_id,
        platform_id,
        {{ dbt.date_trunc('hour', 'created_at') }} as hour_start,
        case when {{ is_failed_call() }} then 1 else 0 end as failures,
        response_seconds,
        {{ json_number('tokens', '$.total', 'bigint') }} as tokens,
        cost_cny
    from {{ ref('stg_ai__call_logs') }}
    where created_at >= {{ window_start() }}
        and created_at < {{ window_end() }}
        and platform_id is not null

),

hours as (

    select
        tenant_id,
        platform_id,
        hour_start,
        count(*) as requests,
        sum(failures) as failures,
        sum(response_seconds) as response_seconds,
        coalesce(sum(tokens), 0) as tokens,
        coalesce(sum(cost_cny), 0) as cost_cny
    from calls
    group by
        tenant_id,
        platform_id,
        hour_start

),

days as (

    select
        tenant_id,
        platform_id,
        {{ day_start(business_date('hour_start')) }} as recorded_at,
        sum(requests) as requests,
        sum(failures) as failures,
        sum(response_seconds) as response_seconds,
        sum(tokens) as tokens,
        sum(cost_cny) as cost_cny
    from hours
    group by
        tenant_id,
        platform_id,
        {{ day_start(business_date('hour_start')) }}

),

time_windows as (

    select
        tenant_id,
        platform_id,
        '1h' as time_window,
        3600 as window_seconds,
        hour_start as recorded_at,
        requests,
        failures,
        response_seconds,
        tokens,
        cost_cny
    from hours

    union all

    select
        tenant_id,
        platform_id,
        '1d' as time_window,
        86400 as window_seconds,
        recorded_at,
        requests,
        failures,
        response_seconds,
        tokens,
        cost_cny
    from days

),

metric_types as (

    select 'response_time' as metric_type
    union all
    select 'success_rate' as metric_type
    union all
    select 'error_rate' as metric_type
    union all
    select 'qps' as metric_type
    union all
    select 'token_usage' as metric_type
    union all
    select 'cost' as metric_type

)

select
    {{ row_id([
        'time_windows.tenant_id',
        'time_windows.platform_id',
        'metric_types.metric_type',
        'time_windows.time_window',
        'time_windows.recorded_at'
    ]) }} as id,
    time_windows.tenant_id,
    time_windows.platform_id,
    metric_types.metric_type,
    case metric_types.metric_type
        when 'response_time' then {{ exact_divide('response_seconds', 'requests', 6) }}
        when 'success_rate' then {{ percentage('requests - failures', 'requests', 6) }}
        when 'error_rate' then {{ percentage('failures', 'requests', 6) }}
        when 'qps' then {{ exact_divide('requests', 'window_seconds', 6) }}
        when 'token_usage' then {{ cast_to('tokens', 'decimal(30,6)') }}
        when 'cost' then {{ cast_to('cost_cny', 'decimal(30,6)') }}
    end as metric_value,
    time_windows.time_window,
    {{ json_object_of({'requests': cast_to('requests', 'bigint')}) }} as labels,
    time_windows.recorded_at
from time_windows
cross join metric_types
