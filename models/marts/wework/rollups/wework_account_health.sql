-- One row per account: its health score as of now, and the four deductions that lead to it. The
-- inputs are the account row's own figures; operations write the score back for ONLINE and OFFLINE
-- accounts. Nothing here may be summed.
{{ config(materialized='table', primary_key=['account_id'], indexes=[['tenant_id', 'health_score']]) }}

with accounts as (

    select
        account_id,
        tenant_id,
        status,
        -- the columns' default 0 is no measurement: without a finished send, or without history,
        -- the rate is unknown and costs nothing
        case
            when coalesce(successful_messages, 0) + coalesce(failed_messages, 0) > 0
                then message_success_rate_pct
        end as message_success_rate,
        case
            when exists (
                    select 1
                    from {{ ref('stg_wework__account_status_history') }} as history
                    where history.account_id = accounts.account_id
                )
                then uptime_pct
        end as uptime_percentage,
        coalesce(error_count, 0) as error_count,
        {{ minutes_between('last_heartbeat_at', as_of()) }} as minutes_since_heartbeat
    from {{ ref('stg_wework__accounts') }} as accounts

),

deductions as (

    select
        account_id,
        tenant_id,
        status,
        message_success_rate,
        uptime_percentage,
        error_count,
        minutes_since_heartbeat,
        cast(case when message_success_rate < 90 then 0.4 * (90 - message_success_rate) else 0 end as decimal(6, 3))
            as success_rate_deduction,
        cast(case when uptime_percentage < 95 then 0.3 * (95 - uptime_percentage) else 0 end as decimal(6, 3))
            as uptime_deduction,
        {{ clamp('2 * error_count', 0, 20) }} as error_deduction,
        case
            when minutes_since_heartbeat is null then 10
            when minutes_since_heartbeat > 5 then {{ clamp('minutes_since_heartbeat', 0, 10) }}
            else 0
        end as heartbeat_deduction
    from accounts

),

scores as (

    select
        deductions.*,
        100 - success_rate_deduction - uptime_deduction - error_deduction - heartbeat_deduction as score
    from deductions

)

select
    account_id,
    tenant_id,
    status,
    message_success_rate,
    uptime_percentage,
    error_count,
    minutes_since_heartbeat,
    success_rate_deduction,
    uptime_deduction,
    {{ cast_to('error_deduction', 'int') }} as error_deduction,
    {{ cast_to('heartbeat_deduction', 'int') }} as heartbeat_deduction,
    {{ cast_to(round_half_up(clamp('score', 0, 100)), 'int') }} as health_score
from scores
