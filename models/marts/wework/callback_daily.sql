-- One row per tenant, callback type and day with callbacks. The mean and the p95 must not be summed or
-- averaged; everything else may be summed.
{{ config(materialized='window', window_column='stat_date') }}

with callbacks as (

    select
        tenant_id,
        callback_type,
        {{ business_date('created_at') }} as stat_date,
        processing_status,
        response_seconds
    from {{ ref('stg_wework__callback_logs') }}
    where created_at >= {{ window_start() }}
        and created_at < {{ window_end() }}

),

ranked as (

    select
        callbacks.*,
        {{ percentile_columns('response_seconds', ['tenant_id', 'callback_type', 'stat_date']) }}
    from callbacks

)

select
    tenant_id,
    callback_type,
    stat_date,
    count(*) as received_callbacks,
    {{ count_if("processing_status = 'success'") }} as successful_callbacks,
    {{ count_if("processing_status = 'failed'") }} as failed_callbacks,
    {{ count_if("processing_status = 'timeout'") }} as timed_out_callbacks,
    {{ count_if("processing_status = 'ignored'") }} as ignored_callbacks,
    count(response_seconds) as answered_callbacks,
    coalesce(sum(response_seconds), 0) as response_seconds_sum,
    {{ exact_avg('response_seconds', 3) }} as avg_response_seconds,
    {{ percentile('response_seconds', 95) }} as p95_response_seconds
from ranked
group by tenant_id, callback_type, stat_date
