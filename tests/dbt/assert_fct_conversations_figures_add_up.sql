-- Parts are no larger than what they are part of, and nothing happens before a conversation begins.
select
    conversation_record_id,
    messages,
    user_messages,
    answers,
    failed_answers,
    first_answer_seconds,
    duration_seconds
from {{ ref('fct_conversations') }}
where user_messages + answers > messages
    or failed_answers > answers
    or positive_feedback_count + negative_feedback_count + neutral_feedback_count > messages
    or (answers > 0) <> (first_answer_at is not null)
    or first_answer_seconds < 0
    or duration_seconds < 0
