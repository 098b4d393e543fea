-- At most one version of an agent is in force. The application keeps the mark, so this is a warning: its
-- console shows the wrong version, but nothing in the warehouse is counted by it.
{{ config(severity='warn', store_failures=true) }}

select
    agent_id,
    count(*) as current_versions
from {{ ref('agent_version_scorecard') }}
where is_current
group by agent_id
having count(*) > 1
