-- Parts are no larger than what they are part of, and a first answer stands exactly where there is one.
-- That time passes forward is the suite's.
select conversation_record_id
from {{ ref('fct_conversations') }}
where user_messages + answers > messages
    or failed_answers > answers
    or positive_feedback_count + negative_feedback_count + neutral_feedback_count > messages
    or (answers > 0) <> (first_answer_at is not null)
