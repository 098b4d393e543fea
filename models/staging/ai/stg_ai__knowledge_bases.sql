with source as (

    select * from {{ rows_of(source('ai', 'ai_knowledge_bases')) }}

),

renamed as (

    select
        -- ids
        id as knowledge_base_id,
        tenant_id,

        -- text
        kb_name,
        description,
        kb_type,
        embedding_model,
        config,
        status,
        index_status,
        created_by,

        -- numbers
        chunk_size,
        chunk_overlap,
        vector_dimension,
        document_count,
        total_chunks,
        query_count,
        hit_count,
        avg_relevance_score,

        -- dates and times
        last_queried_at,
        created_at,
        updated_at
    from source

)

select * from renamed
