with source as (

    select * from {{ rows_of(source('business', 'marketing_participations')) }}

),

renamed as (

    select
        -- ids
        id as participation_id,
        tenant_id,
        campaign_id,
        participant_id,
        order_id,

        -- text
        participant_type,
        participant_info,
        participation_source,
        participation_channel,
        participation_result,
        result_data,
        rewards,
        user_agent,
        ip_address,
        device_info,

        -- numbers
        order_amount as order_amount_cny,

        -- booleans
        has_placed_order,

        -- dates and times
        participation_time as participated_at
    from source

)

select * from renamed
