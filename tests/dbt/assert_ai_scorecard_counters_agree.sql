-- Hits are part of searches, an agent's share part of the whole: for knowledge bases and tools. The
-- retriever and the gateway keep these counters, so what parts there is theirs to mend: a warning.
{{ config(severity='warn', store_failures=true) }}

select
    'knowledge_base' as entity,
    knowledge_base_id as entity_id
from {{ ref('knowledge_base_scorecard') }}
where hits > queries
    or agent_queries > queries
    or searchable_documents + waiting_documents + failed_documents <> documents

union all

select
    'tool' as entity,
    tool_id as entity_id
from {{ ref('tool_scorecard') }}
where failed_calls < 0
    or agent_calls > calls
