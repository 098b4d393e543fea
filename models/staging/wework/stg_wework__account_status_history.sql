with source as (

    select * from {{ rows_of(source('wework', 'wework_account_status_history')) }}

),

renamed as (

    select
        -- ids
        id as status_change_id,
        tenant_id,
        account_id,
        operator_id,

        -- text
        old_status,
        new_status,
        change_reason,
        trigger_type,
        extra_data,
        server_node,
        client_version,
        network_quality,
        operator_name,
        ip_address,
        user_agent,

        -- numbers
        duration_seconds,
        expected_duration_seconds,
        affected_conversations,
        lost_messages,

        -- booleans
        is_abnormal_duration,

        -- dates and times
        created_at
    from source

)

select * from renamed
