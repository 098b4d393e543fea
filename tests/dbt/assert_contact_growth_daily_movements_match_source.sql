-- As for new contacts, for what the source overwrites: joins, leaves and failed synchronisations. An
-- application may move one to another day between the build and this test, hence a warning.
{{ config(severity='warn', store_failures=true) }}

with counted as (

    select
        stat_date,
        members_joined as joined,
        members_left as departed,
        sync_failures as failed
    from {{ ref('contact_growth_daily') }}
    where stat_date >= {{ add_days(as_of_date(), -1 * var('lookback_days')) }}
        and stat_date < {{ as_of_date() }}

    union all

    select
        {{ business_date('joined_at') }} as stat_date,
        -1 as joined,
        0 as departed,
        0 as failed
    from {{ ref('stg_wework__group_members') }}
    where joined_at >= {{ add_days(as_of_date(), -1 * var('lookback_days')) }}
        and joined_at < {{ as_of_date() }}

    union all

    select
        {{ business_date('left_at') }} as stat_date,
        0 as joined,
        -1 as departed,
        0 as failed
    from {{ ref('stg_wework__group_members') }}
    where left_at >= {{ add_days(as_of_date(), -1 * var('lookback_days')) }}
        and left_at < {{ as_of_date() }}

    union all

    select
        {{ business_date('last_synced_at') }} as stat_date,
        0 as joined,
        0 as departed,
        -1 as failed
    from {{ ref('stg_wework__contacts') }}
    where sync_status = 'failed'
        and last_synced_at >= {{ add_days(as_of_date(), -1 * var('lookback_days')) }}
        and last_synced_at < {{ as_of_date() }}

    union all

    select
        {{ business_date('last_synced_at') }} as stat_date,
        0 as joined,
        0 as departed,
        -1 as failed
    from {{ ref('stg_wework__groups') }}
    where sync_status = 'failed'
        and last_synced_at >= {{ add_days(as_of_date(), -1 * var('lookback_days')) }}
        and last_synced_at < {{ as_of_date() }}

)

select
    stat_date,
    sum(joined) as joined_too_many,
    sum(departed) as left_too_many,
    sum(failed) as failures_too_many
from counted
group by stat_date
having sum(joined) <> 0
    or sum(departed) <> 0
    or sum(failed) <> 0
