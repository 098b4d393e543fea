-- Messages of before the window that every build replaces whose pseudonym is not what the masking key of
-- this build makes of the source's value: the key was changed without a full refresh, so one person has two
-- pseudonyms, and counts and joins over both are wrong.
select facts.message_record_id
from {{ ref('fct_messages') }} as facts
inner join {{ ref('stg_wework__message_records') }} as sources
    on sources.message_record_id = facts.message_record_id
where facts.created_at >= {{ add_days(as_of_date(), -20) }}
    and facts.created_at < {{ add_days(as_of_date(), -10) }}
    and facts.from_key <> {{ mask_hash('sources.from_id') }}
