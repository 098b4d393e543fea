-- Closed days of the lookback: new contacts and groups per day equal the source's, over all tenants. It
-- catches what the grain cannot: rows of a tenant that the spine left out, or a join that multiplies.
with counted as (

    select
        stat_date,
        new_contacts as mart_contacts,
        new_groups as mart_groups,
        0 as source_contacts,
        0 as source_groups
    from {{ ref('contact_growth_daily') }}
    where stat_date >= {{ add_days(as_of_date(), -1 * var('lookback_days')) }}
        and stat_date < {{ as_of_date() }}

    union all

    select
        {{ business_date('created_at') }} as stat_date,
        0 as mart_contacts,
        0 as mart_groups,
        1 as source_contacts,
        0 as source_groups
    from {{ ref('stg_wework__contacts') }}
    where created_at >= {{ add_days(as_of_date(), -1 * var('lookback_days')) }}
        and created_at < {{ as_of_date() }}

    union all

    select
        {{ business_date('created_at') }} as stat_date,
        0 as mart_contacts,
        0 as mart_groups,
        0 as source_contacts,
        1 as source_groups
    from {{ ref('stg_wework__groups') }}
    where created_at >= {{ add_days(as_of_date(), -1 * var('lookback_days')) }}
        and created_at < {{ as_of_date() }}

)

select
    stat_date,
    sum(mart_contacts) as mart_contacts,
    sum(source_contacts) as source_contacts,
    sum(mart_groups) as mart_groups,
    sum(source_groups) as source_groups
from counted
group by stat_date
having sum(mart_contacts) <> sum(source_contacts)
    or sum(mart_groups) <> sum(source_groups)
