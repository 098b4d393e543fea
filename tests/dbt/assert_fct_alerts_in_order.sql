-- Alerts of the closed days that a build touches whose clock runs backwards, that were resolved before they
-- were taken on, or whose state and times disagree: durations would be negative, or missing where there
-- should be one.
select
    alert_id,
    status,
    first_occurred_at,
    acknowledged_at,
    resolved_at
from {{ ref('fct_alerts') }}
where created_at >= {{ add_days(as_of_date(), -1 * var('lookback_days') | int) }}
    and created_at < {{ as_of_date() }}
    and (
        acknowledge_seconds < 0
        or resolve_seconds < acknowledge_seconds
        or resolve_seconds < 0
        or (status = 'resolved' and resolved_at is null)
        or (status = 'acknowledged' and acknowledged_at is null)
        or (status = 'open' and resolved_at is not null)
        or last_occurred_at < first_occurred_at
    )
