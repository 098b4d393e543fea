-- One row per account, business day and status the account was in for at least a second that day.
-- Seconds may be summed over statuses (they fill the day since creation), accounts and days.
{{ config(window_column='stat_date') }}

with segments as (

    select
        stretches.account_id,
        stretches.tenant_id,
        stretches.stat_date,
        stretches.status,
        stretches.starts_at,
        stretches.ends_at
    from ({{ account_status_segments() }}) as stretches

),

-- the running day is observed up to now
observed_segments as (

    select
        account_id,
        tenant_id,
        stat_date,
        status,
        {{ seconds_between('starts_at', least_of(['ends_at', as_of()])) }} as seconds
    from segments

)

select
    account_id,
    tenant_id,
    stat_date,
    status,
    sum(seconds) as seconds
from observed_segments
where seconds > 0
group by
    account_id,
    tenant_id,
    stat_date,
    status
