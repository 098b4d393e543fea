with source as (

    select * from {{ rows_of(source('core', 'saas_user_roles')) }}

),

renamed as (

    select
        -- ids
        id as user_role_id,
        tenant_id,
        user_id,
        role_id,

        -- text
        granted_by,
        grant_reason,
        scope_type,
        scope_value,
        scope_description,
        status,
        revoked_by,
        revoke_reason,

        -- dates and times
        granted_at,
        effective_start as effective_start_at,
        effective_end as effective_end_at,
        expires_at,
        revoked_at
    from source

)

select * from renamed
