-- Messages of before the window that every build replaces whose pseudonym is not what the masking key of
-- this build makes of the source's value: the key was changed without a full refresh, so one person has two
-- pseudonyms, and counts and joins over both are wrong.
select
    fact_name,
    row_id
from {{ rows_of_another_key(
    'fct_messages', 'stg_wework__message_records', 'message_record_id', 'from_key', 'from_id'
) }}
