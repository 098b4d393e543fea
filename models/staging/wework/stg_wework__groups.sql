with source as (

    select * from {{ rows_of(source('wework', 'wework_groups')) }}

),

renamed as (

    select
        -- ids
        id as group_id,
        tenant_id,
        account_id,
        wework_group_id,
        owner_id as owner_wework_id,

        -- text
        group_name,
        group_notice,
        avatar_url,
        group_type,
        status,
        invite_permission,
        message_permission,
        sync_status,

        -- numbers
        member_count,
        max_member_count,
        message_count,

        -- booleans
        is_muted,
        is_pinned,

        -- dates and times
        last_message_at,
        last_active_at,
        last_sync_at as last_synced_at,
        created_at,
        updated_at
    from source

)

select * from renamed
