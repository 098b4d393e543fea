-- One row per service that is not discontinued. Counters and revenue are those that the applications keep
-- on the service; variants are the active ones of now, asked per service from their index, so that they
-- cannot multiply it. Prices and ratings must not be summed.

with services as (

    select
        service_id,
        tenant_id,
        service_code,
        service_name,
        service_type,
        delivery_mode,
        category_id,
        base_price_cny,
        sale_price_cny,
        pricing_model,
        max_concurrent_bookings,
        available_slots,
        booked_slots,
        booking_count,
        completed_count,
        revenue_cny,
        avg_rating,
        review_count,
        default_provider_id,
        status,
        created_at
    from {{ ref('stg_business__services') }}
    where status <> 'discontinued'
        or status is null

)

select
    services.service_id as id,
    services.tenant_id,
    services.service_code,
    services.service_name,
    services.service_type,
    services.delivery_mode,
    services.category_id,
    categories.category_name,
    services.base_price_cny as base_price,
    services.sale_price_cny as sale_price,
    services.pricing_model,
    services.max_concurrent_bookings,
    services.available_slots,
    services.booked_slots,
    services.booking_count,
    services.completed_count,
    services.revenue_cny as revenue,
    services.avg_rating as rating_average,
    services.review_count,
    offered.variant_count,
    offered.min_variant_price,
    offered.max_variant_price,
    offered.total_variant_capacity,
    providers.provider_name as default_provider_name,
    services.status,
    services.created_at
from services
left join {{ ref('stg_business__categories') }} as categories
    on categories.category_id = services.category_id
left join {{ ref('stg_business__providers') }} as providers
    on providers.provider_id = services.default_provider_id
cross join lateral (
    select
        count(*) as variant_count,
        min(variants.price_cny) as min_variant_price,
        max(variants.price_cny) as max_variant_price,
        coalesce(sum(variants.capacity), 0) as total_variant_capacity
    from {{ ref('stg_business__variants') }} as variants
    where variants.service_id = services.service_id
        and variants.status = 'active'
) as offered
