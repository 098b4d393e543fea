-- Alerts of the closed days that a build touches that were resolved before they were taken on, or whose
-- state and times disagree: a duration would be missing where there should be one. Durations below zero
-- are the suite's.
select alert_id
from {{ ref('fct_alerts') }}
where created_at >= {{ add_days(as_of_date(), -1 * var('lookback_days') | int) }}
    and created_at < {{ as_of_date() }}
    and (
        resolve_seconds < acknowledge_seconds
        or (status = 'resolved' and resolved_at is null)
        or (status = 'acknowledged' and acknowledged_at is null)
        or (status = 'open' and resolved_at is not null)
        or last_occurred_at < first_occurred_at
    )
