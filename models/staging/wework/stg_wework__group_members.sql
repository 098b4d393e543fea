with source as (

    select * from {{ rows_of(source('wework', 'wework_group_members')) }}

),

renamed as (

    select
        -- ids
        id as group_member_id,
        tenant_id,
        group_id,
        member_wework_id,
        inviter_id as inviter_wework_id,

        -- text
        member_name,
        nickname,
        avatar_url,
        role,
        join_type,
        status,

        -- numbers
        message_count,

        -- booleans
        is_muted,

        -- dates and times
        mute_until as muted_until_at,
        joined_at,
        left_at,
        last_active_at,
        created_at,
        updated_at
    from source

)

select * from renamed
