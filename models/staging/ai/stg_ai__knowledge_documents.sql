with source as (

    select * from {{ rows_of(source('ai', 'ai_knowledge_documents')) }}

),

renamed as (

    select
        -- ids
        id as knowledge_document_id,
        tenant_id,
        knowledge_base_id,

        -- text
        title,
        content,
        file_url,
        file_type,
        metadata,
        tags,
        category,
        process_status,
        process_error,

        -- numbers
        file_size as file_size_bytes,
        chunk_count,
        query_count,
        hit_count,

        -- dates and times
        last_queried_at,
        created_at,
        updated_at
    from source

)

select * from renamed
