{#- A query of the WeCom accounts' states in the window: one row per account and stretch of one day in
    one status, columns account_id, tenant_id, stat_date, starts_at, ends_at, status.

    The status at an instant is the new_status of the latest change before it (ties: id); before the
    first change that row's old_status or CREATED; without changes the current status; nothing before
    the account existed. A stretch runs to the next change or to midnight, never over midnight: the one
    that ends at midnight is the status at the day's end. The running day's last stretch ends at its
    midnight too: cut it at as_of where seconds count.

    Only the window's changes are read, and per account, by index, the one change before it. -#}
{% macro account_status_segments() -%}
    {%- set history = ref('stg_wework__account_status_history') -%}
    {%- set end_of_window = day_start(add_days(window_last_day(), 1)) -%}

with accounts as (

    select
        account_id,
        tenant_id,
        status,
        {{ greatest_of(['created_at', day_start(window_start())]) }} as observed_from
    from {{ ref('stg_wework__accounts') }}
    where created_at < {{ end_of_window }}

),

openings as (

    select
        account_id,
        tenant_id,
        observed_from,
        coalesce(
            {{ first_row_value(
                'history.new_status', history ~ ' as history',
                'history.account_id = accounts.account_id and history.created_at < accounts.observed_from',
                ['history.created_at', by_code_point('history.status_change_id')]
            ) }},
            {{ first_row_value(
                "coalesce(history.old_status, 'CREATED')", history ~ ' as history',
                'history.account_id = accounts.account_id and history.created_at is not null',
                ['history.created_at', by_code_point('history.status_change_id')], descending=false
            ) }},
            status
        ) as status
    from accounts

),

days as (

    {{ day_spine(
        '(select cast(min(observed_from) as date) from accounts)',
        window_last_day()
    ) }}

),

points as (

    select
        account_id,
        tenant_id,
        observed_from as starts_at,
        0 as is_change,
        '' as change_id,
        status
    from openings

    union all

    select
        accounts.account_id,
        accounts.tenant_id,
        {{ day_start('days.date_day') }} as starts_at,
        0 as is_change,
        '' as change_id,
        null as status
    from accounts
    inner join days
        on {{ day_start('days.date_day') }} > accounts.observed_from

    union all

    select
        accounts.account_id,
        accounts.tenant_id,
        history.created_at as starts_at,
        1 as is_change,
        history.status_change_id as change_id,
        history.new_status as status
    from accounts
    inner join {{ history }} as history
        on history.account_id = accounts.account_id
            and history.created_at >= accounts.observed_from
    where history.created_at < {{ end_of_window }}

),

-- a midnight has no status of its own: it continues the one before it
ordered_points as (

    select
        account_id,
        tenant_id,
        starts_at,
        status,
        lead(starts_at) over (
            partition by account_id
            order by starts_at, is_change, {{ by_code_point('change_id') }}
        ) as next_starts_at,
        count(status) over (
            partition by account_id
            order by starts_at, is_change, {{ by_code_point('change_id') }}
            rows between unbounded preceding and current row
        ) as status_number
    from points

),

segments as (

    select
        account_id,
        tenant_id,
        starts_at,
        coalesce(next_starts_at, {{ end_of_window }}) as ends_at,
        max(status) over (partition by account_id, status_number) as status
    from ordered_points

)

select
    account_id,
    tenant_id,
    cast(starts_at as date) as stat_date,
    starts_at,
    ends_at,
    status
from segments
where starts_at < ends_at
{%- endmacro %}
