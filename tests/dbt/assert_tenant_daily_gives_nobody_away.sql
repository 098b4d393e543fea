-- Nothing is shown of one to four people, nor can it be had from a day's total: the people whom the shown
-- tenants leave over are none, or five at least in two tenants or more. Where all tenants together had one
-- to four there is no total to subtract from.
{%- set first_day = add_days(as_of_date(), -1 * var('lookback_days')) %}
{%- set groups = ['active_users', 'patients', 'active_patients', 'new_customers'] %}

with totals as (

    select
        usage_date as stat_date,
        'active_users' as people,
        sum(active_users) as total
    from {{ ref('saas_usage_statistics') }}
    where usage_date >= {{ first_day }}
    group by usage_date

    union all

    select
        usage_date as stat_date,
        'active_patients' as people,
        sum(health_patients_active) as total
    from {{ ref('saas_usage_statistics') }}
    where usage_date >= {{ first_day }}
    group by usage_date

    union all

    select
        stat_date,
        'patients' as people,
        sum(total_patients) as total
    from {{ ref('health_statistics') }}
    where stat_type = 'daily'
        and stat_date >= {{ first_day }}
    group by stat_date

    union all

    select
        {{ business_date('created_at') }} as stat_date,
        'new_customers' as people,
        count(*) as total
    from {{ ref('stg_customer__customers') }}
    where created_at >= {{ first_day }}
        and created_at < {{ add_days(as_of_date(), 1) }}
        and tenant_id in (select tenant_id from {{ ref('stg_core__tenants') }})
    group by {{ business_date('created_at') }}

),

shown as (
    {% for people in groups %}
    select
        stat_date,
        '{{ people }}' as people,
        sum(coalesce({{ people }}, 0)) as shown,
        {{ count_if(people ~ ' is null') }} as hidden_tenants
    from {{ ref('tenant_daily') }}
    where stat_date >= {{ first_day }}
    group by stat_date
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
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
    shown.people as fault
from shown
inner join totals
    on totals.stat_date = shown.stat_date
        and {{ by_code_point('totals.people') }} = {{ by_code_point('shown.people') }}
where not {{ is_small_cell('totals.total') }}
    -- patients of the running day are not known, which hides nobody
    and (shown.people <> 'patients' or shown.stat_date < {{ as_of_date() }})
    and ({{ is_small_cell('totals.total - shown.shown') }} or (shown.hidden_tenants = 1 and totals.total <> shown.shown))
