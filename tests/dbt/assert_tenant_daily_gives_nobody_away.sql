-- Nothing is shown of one to four people, nor can it be had from a day's total: the users whom the shown
-- tenants leave over are none, or five at least in two tenants or more. Where all tenants together had one
-- to four users there is no total to subtract from.
{%- set first_day = add_days(as_of_date(), -1 * var('lookback_days')) %}

with shown as (

    select
        stat_date,
        sum(coalesce(active_users, 0)) as shown_users,
        {{ count_if('active_users is null') }} as hidden_tenants
    from {{ ref('tenant_daily') }}
    where stat_date >= {{ first_day }}
    group by stat_date

),

totals as (

    select
        usage_date,
        sum(active_users) as users
    from {{ ref('saas_usage_statistics') }}
    where usage_date >= {{ first_day }}
    group by usage_date

)

select
    stat_date,
    'a few people are shown' as fault
from {{ ref('tenant_daily') }}
where stat_date >= {{ first_day }}
    and (
        {{ is_small_cell('active_users') }}
        or {{ is_small_cell('patients') }}
        or {{ is_small_cell('active_patients') }}
        or {{ is_small_cell('new_customers') }}
        or {{ is_small_cell('active_customers') }}
        or (patients is null and health_alerts is not null)
        or (active_patients is null and health_records is not null)
    )

union all

select
    shown.stat_date,
    'a few people can be computed' as fault
from shown
inner join totals
    on totals.usage_date = shown.stat_date
where not {{ is_small_cell('totals.users') }}
    and shown.shown_users > 0
    and ({{ is_small_cell('totals.users - shown.shown_users') }} or shown.hidden_tenants = 1)
