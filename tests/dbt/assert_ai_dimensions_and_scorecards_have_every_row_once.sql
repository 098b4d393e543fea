-- Agents, versions, platforms, knowledge bases and tools of closed days stand in their marts with their
-- tenant, and nothing else does: joins of figures lose and invent rows without a key being broken.
{%- set pairs = [
    ('dim_agents', 'stg_ai__agents', 'agent_id'),
    ('agent_scorecard', 'stg_ai__agents', 'agent_id'),
    ('agent_version_scorecard', 'stg_ai__agent_versions', 'agent_version_id'),
    ('dim_ai_platforms', 'stg_ai__platforms', 'platform_id'),
    ('knowledge_base_scorecard', 'stg_ai__knowledge_bases', 'knowledge_base_id'),
    ('tool_scorecard', 'stg_ai__tools', 'tool_id'),
] %}

with both_sides as (

    {%- for mart, staging, key in pairs %}
    {{ 'union all' if not loop.first }}
    select
        '{{ mart }}' as mart,
        {{ key }} as entity_id,
        tenant_id,
        1 as mart_rows
    from {{ ref(mart) }}
    {%- if mart == 'agent_scorecard' %}
    where agent_id in (select agent_id from {{ ref('dim_agents') }} where created_at < {{ as_of_date() }})
    {%- else %}
    where created_at < {{ as_of_date() }}
    {%- endif %}

    union all

    select
        '{{ mart }}' as mart,
        {{ key }} as entity_id,
        tenant_id,
        -1 as mart_rows
    from {{ ref(staging) }}
    where created_at < {{ as_of_date() }}
    {%- endfor %}

)

select
    mart,
    entity_id,
    tenant_id,
    sum(mart_rows) as rows_too_many
from both_sides
group by mart, entity_id, tenant_id
having sum(mart_rows) <> 0
