with source as (

    select * from {{ rows_of(source('wework', 'wework_contacts')) }}

),

renamed as (

    select
        -- ids
        id as contact_id,
        tenant_id,
        account_id,
        wework_contact_id,

        -- text
        contact_type,
        contact_name,
        alias,
        avatar_url,
        gender,
        phone,
        email,
        corp_name,
        corp_full_name,
        department,
        position as job_title,
        tags,
        custom_fields,
        relation_type,
        source as contact_source,
        remark,
        status,
        sync_status,

        -- numbers
        message_count,

        -- booleans
        is_friend,
        is_starred,
        is_blacklisted,

        -- dates and times
        last_message_at,
        last_contact_at,
        last_sync_at as last_synced_at,
        created_at,
        updated_at
    from source

)

select * from renamed
