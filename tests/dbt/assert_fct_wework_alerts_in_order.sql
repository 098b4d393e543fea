-- An alert occurs, is acknowledged, is resolved. A negative time to either means swapped columns or a
-- source clock that is off; the mart shows it unchanged, hence a warning.
{{ config(severity='warn', store_failures=true) }}

select alert_id
from {{ ref('fct_wework_alerts') }}
where acknowledge_seconds < 0
    or resolve_seconds < coalesce(acknowledge_seconds, 0)
    or last_occurred_at < first_occurred_at
