-- One row per tenant, channel and day with messages, by the day they were written. Means, percentiles and
-- rates must not be summed or averaged; everything else may be summed. Providers report for days: a week is
-- rebuilt.
{{ config(materialized='window', window_column='stat_date', lookback_days=7) }}

with messages as (

    select
        tenant_id,
        message_type,
        {{ business_date('created_at') }} as stat_date,
        recipient_type,
        status,
        retry_count,
        opened_at,
        clicked_at,
        {{ seconds_between('sent_at', 'delivered_at') }} as delivery_seconds
    from {{ ref('stg_core__message_logs') }}
    where created_at >= {{ window_start() }}
        and created_at < {{ window_end() }}

),

ranked as (

    select
        messages.*,
        {{ percentile_columns('delivery_seconds', ['tenant_id', 'message_type', 'stat_date']) }}
    from messages

)

select
    tenant_id,
    message_type,
    stat_date,
    count(*) as messages,
    {{ count_if("recipient_type = 'external'") }} as external_messages,
    {{ count_if("status in ('pending', 'sending')") }} as pending_messages,
    {{ count_if("status = 'sent'") }} as sent_messages,
    {{ count_if("status = 'delivered'") }} as delivered_messages,
    {{ count_if("status = 'failed'") }} as failed_messages,
    {{ count_if("status = 'bounced'") }} as bounced_messages,
    {{ count_if("retry_count > 0") }} as retried_messages,
    coalesce(sum(retry_count), 0) as retries,
    {{ count_if("opened_at is not null") }} as opened_messages,
    {{ count_if("clicked_at is not null") }} as clicked_messages,
    -- what is not over yet counts for neither side
    {{ percentage(
        count_if("status in ('sent', 'delivered')"),
        count_if("status in ('sent', 'delivered', 'failed', 'bounced')")
    ) }} as success_rate_pct,
    {{ percentage(
        count_if("opened_at is not null and status = 'delivered'"), count_if("status = 'delivered'")
    ) }} as open_rate_pct,
    count(delivery_seconds) as timed_messages,
    coalesce(sum(delivery_seconds), 0) as delivery_seconds_sum,
    {{ exact_avg('delivery_seconds', 3) }} as avg_delivery_seconds,
    {{ percentile('delivery_seconds', 50) }} as p50_delivery_seconds,
    {{ percentile('delivery_seconds', 95) }} as p95_delivery_seconds
from ranked
group by tenant_id, message_type, stat_date
