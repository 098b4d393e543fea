with source as (

    select * from {{ rows_of(source('customer', 'customer_segment_members')) }}

),

renamed as (

    select
        -- ids
        id as segment_member_id,
        tenant_id,
        segment_id,
        customer_id,

        -- text
        join_type,
        join_reason,
        status,

        -- numbers
        match_score,

        -- dates and times
        joined_at,
        last_matched_at
    from source

)

select * from renamed
