-- One row per knowledge base: what is in it, by its documents, and what retrieving from it brought, by its
-- lifetime counters. Counts, chunks and bytes may be summed over bases, rates and relevance may not.
{{ config(primary_key=['knowledge_base_id'], indexes=[['tenant_id', 'status']]) }}

with knowledge_bases as (

    select
        knowledge_base_id,
        tenant_id,
        kb_name,
        kb_type,
        embedding_model,
        status,
        index_status,
        query_count,
        hit_count,
        avg_relevance_score,
        last_queried_at,
        created_by,
        created_at,
        updated_at
    from {{ ref('stg_ai__knowledge_bases') }}

),

document_figures as (

    select
        knowledge_base_id,
        count(*) as documents,
        {{ count_if("process_status = 'completed'") }} as searchable_documents,
        {{ count_if("process_status in ('pending', 'processing')") }} as waiting_documents,
        {{ count_if("process_status = 'failed'") }} as failed_documents,
        {{ count_if("process_status = 'completed' and hit_count = 0") }} as never_hit_documents,
        {{ sum_if('chunk_count', "process_status = 'completed'") }} as chunks,
        coalesce(sum(file_size_bytes), 0) as file_size_bytes,
        max(created_at) as last_document_at
    from {{ ref('stg_ai__knowledge_documents') }}
    group by knowledge_base_id

),

agent_links as (

    select
        knowledge_base_id,
        count(*) as linked_agents,
        {{ count_if('is_enabled') }} as enabled_agents,
        coalesce(sum(query_count), 0) as agent_queries,
        coalesce(sum(hit_count), 0) as agent_hits
    from {{ ref('stg_ai__agent_knowledge_bases') }}
    group by knowledge_base_id

)

select
    knowledge_bases.knowledge_base_id,
    knowledge_bases.tenant_id,
    knowledge_bases.kb_name,
    knowledge_bases.kb_type,
    knowledge_bases.embedding_model,
    knowledge_bases.status,
    knowledge_bases.index_status,
    coalesce(document_figures.documents, 0) as documents,
    coalesce(document_figures.searchable_documents, 0) as searchable_documents,
    coalesce(document_figures.waiting_documents, 0) as waiting_documents,
    coalesce(document_figures.failed_documents, 0) as failed_documents,
    {{ percentage('document_figures.failed_documents', 'document_figures.documents') }}
        as failed_documents_pct,
    coalesce(document_figures.never_hit_documents, 0) as never_hit_documents,
    coalesce(document_figures.chunks, 0) as chunks,
    coalesce(document_figures.file_size_bytes, 0) as file_size_bytes,
    document_figures.last_document_at,
    coalesce(agent_links.linked_agents, 0) as linked_agents,
    coalesce(agent_links.enabled_agents, 0) as enabled_agents,
    coalesce(knowledge_bases.query_count, 0) as queries,
    coalesce(knowledge_bases.hit_count, 0) as hits,
    {{ percentage('knowledge_bases.hit_count', 'knowledge_bases.query_count') }} as hit_rate_pct,
    coalesce(agent_links.agent_queries, 0) as agent_queries,
    {{ percentage('agent_links.agent_hits', 'agent_links.agent_queries') }} as agent_hit_rate_pct,
    knowledge_bases.avg_relevance_score,
    knowledge_bases.last_queried_at,
    knowledge_bases.created_by,
    knowledge_bases.created_at,
    knowledge_bases.updated_at
from knowledge_bases
left join document_figures
    on document_figures.knowledge_base_id = knowledge_bases.knowledge_base_id
left join agent_links
    on agent_links.knowledge_base_id = knowledge_bases.knowledge_base_id
