-- A message is sent, then delivered, then read. A negative duration means that a source clock is off or
-- that columns are swapped; a not-null or range test of one column sees neither. The rows stay in the
-- mart as they are, hence a warning.
{{ config(severity='warn', store_failures=true) }}

select message_record_id
from {{ ref('fct_messages') }}
where created_at >= {{ add_days(as_of_date(), -7) }}
    and created_at < {{ add_days(as_of_date(), 1) }}
    and (delivery_seconds < 0 or read_seconds < coalesce(delivery_seconds, 0))
