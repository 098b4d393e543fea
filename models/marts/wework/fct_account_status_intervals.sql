-- One row per account and stretch of a status, half-open and without gaps. A stretch may cross midnights,
-- so its seconds must not be summed by day of started_at.
{{ config(primary_key=['account_id', 'started_at'], indexes=[['started_at'], ['tenant_id', 'status']]) }}

with accounts as (

    select
        account_id,
        tenant_id,
        status,
        created_at
    from {{ ref('stg_wework__accounts') }}
    where created_at <= {{ as_of() }}

),

changes as (

    select
        accounts.account_id,
        accounts.tenant_id,
        history.old_status,
        history.new_status,
        history.trigger_type,
        -- nothing holds before the account existed: an older change takes hold with the account
        case
            when history.created_at < accounts.created_at then accounts.created_at
            else history.created_at
        end as started_at,
        row_number() over (
            partition by accounts.account_id
            order by history.created_at, {{ by_code_point('history.status_change_id') }}
        ) as change_number
    from accounts
    inner join {{ ref('stg_wework__account_status_history') }} as history
        on history.account_id = accounts.account_id
    where history.created_at <= {{ as_of() }}

),

starts as (

    select
        account_id,
        tenant_id,
        started_at,
        new_status as status,
        trigger_type,
        change_number
    from changes

    union all

    select
        accounts.account_id,
        accounts.tenant_id,
        accounts.created_at as started_at,
        case
            when first_change.account_id is null then accounts.status
            else coalesce(first_change.old_status, 'CREATED')
        end as status,
        null as trigger_type,
        0 as change_number
    from accounts
    left join changes as first_change
        on first_change.account_id = accounts.account_id
            and first_change.change_number = 1

),

numbered_starts as (

    select
        account_id,
        tenant_id,
        started_at,
        status,
        trigger_type,
        row_number() over (
            partition by account_id, started_at
            order by change_number desc
        ) as number_from_last,
        count(case when change_number > 0 then 1 end) over (
            partition by account_id, started_at
        ) as status_changes
    from starts

),

intervals as (

    select
        account_id,
        tenant_id,
        started_at,
        lead(started_at) over (partition by account_id order by started_at) as ended_at,
        status,
        lag(status) over (partition by account_id order by started_at) as previous_status,
        trigger_type,
        status_changes
    from numbered_starts
    -- of several starts in one second only the last holds for any time
    where number_from_last = 1

)

select
    account_id,
    tenant_id,
    started_at,
    ended_at,
    ended_at is null as is_running,
    {{ seconds_between('started_at', 'coalesce(ended_at, ' ~ as_of() ~ ')') }} as seconds,
    status,
    previous_status,
    trigger_type,
    status_changes
from intervals
