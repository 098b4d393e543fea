-- The management's day is the sum of the tenants' days, and the change that it shows leads from the figure
-- seven rows before it: a window that is cut wrong compares with nothing, or with the wrong day.
{%- set first_day = add_days(as_of_date(), -1 * var('lookback_days')) %}

with tenants as (

    select
        stat_date,
        count(*) as tenants,
        sum(ai_requests) as ai_requests,
        sum(sent_messages) as sent_messages,
        sum(placed_orders) as placed_orders,
        sum(revenue_cny) as revenue_cny
    from {{ ref('tenant_daily') }}
    where stat_date >= {{ first_day }}
    group by stat_date

),

week_before as (

    select
        {{ add_days('stat_date', 7) }} as stat_date,
        revenue_cny
    from {{ ref('executive_summary_daily') }}

)

select tenants.stat_date
from tenants
left join {{ ref('executive_summary_daily') }} as summary
    on summary.stat_date = tenants.stat_date
left join week_before
    on week_before.stat_date = tenants.stat_date
where summary.stat_date is null
    or summary.tenants <> tenants.tenants
    or summary.ai_requests <> tenants.ai_requests
    or summary.sent_messages <> tenants.sent_messages
    or summary.placed_orders <> tenants.placed_orders
    or summary.revenue_cny <> tenants.revenue_cny
    or summary.active_tenants > summary.tenants
    or {{ is_small_cell('summary.active_users') }}
    or {{ is_small_cell('summary.active_patients') }}
    or {{ is_small_cell('summary.new_customers') }}
    -- two decimals of a per cent are a hundredth of the figure a week before, at most half of it off
    or abs(summary.revenue_cny - week_before.revenue_cny * (1 + summary.revenue_change_pct / 100))
    > 0.00006 * week_before.revenue_cny
    or (week_before.revenue_cny > 0 and summary.revenue_change_pct is null)
