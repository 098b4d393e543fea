-- One row per service provider, as it is now, people masked: only teams and companies go by their names.
-- Ratings must not be summed; services_done is a running total of the application.
{{ config(primary_key=['provider_id'], indexes=[['tenant_id', 'status'], ['phone_key']]) }}

with providers as (

    select
        provider_id,
        tenant_id,
        provider_code,
        provider_name,
        provider_type,
        contact_person,
        phone,
        email,
        address,
        service_areas,
        specialties,
        certifications,
        languages,
        status,
        is_verified,
        max_concurrent_services,
        advance_booking_days,
        avg_rating,
        review_count,
        service_count,
        created_by,
        created_at,
        updated_at
    from {{ ref('stg_business__providers') }}

),

default_services as (

    select
        default_provider_id as provider_id,
        count(*) as services
    from {{ ref('stg_business__services') }}
    where default_provider_id is not null
        and status <> 'discontinued'
    group by default_provider_id

)

select
    providers.provider_id,
    providers.tenant_id,
    providers.provider_code,
    case
        when providers.provider_type in ('team', 'company') then providers.provider_name
        else {{ mask_name('providers.provider_name') }}
    end as provider_name_masked,
    providers.provider_type,
    {{ mask_name('providers.contact_person') }} as contact_person_masked,
    {{ mask_phone('providers.phone') }} as phone_masked,
    {{ mask_hash('providers.phone') }} as phone_key,
    {{ mask_email('providers.email') }} as email_masked,
    {{ mask_hash('providers.email') }} as email_key,
    {{ generalise_address('providers.address') }} as province,
    {{ json_size('providers.service_areas') }} as service_areas,
    {{ json_size('providers.specialties') }} as specialties,
    {{ json_size('providers.certifications') }} as certifications,
    {{ json_size('providers.languages') }} as languages,
    providers.status,
    providers.is_verified,
    coalesce(providers.is_verified and providers.status = 'active', false) as is_assignable,
    coalesce(default_services.services, 0) as default_services,
    providers.max_concurrent_services,
    providers.advance_booking_days,
    -- the column's default 0 is no mark
    case when providers.review_count > 0 then providers.avg_rating end as avg_rating,
    providers.review_count,
    providers.service_count as services_done,
    providers.created_by,
    providers.created_at,
    providers.updated_at
from providers
left join default_services
    on default_services.provider_id = providers.provider_id
