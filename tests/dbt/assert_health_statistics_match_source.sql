-- Records, alerts, checkups and patients of each closed day that a build touches are the source's. Zeros
-- pass every key and range test; only the raw count shows a day cut in the wrong zone or a row joined twice.
with counted as (

    select
        tenant_id,
        stat_date,
        new_records as records,
        total_alerts as alerts,
        total_checkups as checkups,
        new_patients as patients
    from {{ ref('health_statistics') }}
    where stat_type = 'daily'
        and stat_date >= {{ add_days(as_of_date(), -1 * var('lookback_days')) }}
        and stat_date < {{ as_of_date() }}

    union all

    select
        tenant_id,
        {{ business_date('created_at') }} as stat_date,
        -count(*) as records,
        0 as alerts,
        0 as checkups,
        0 as patients
    from {{ ref('stg_health__records') }}
    where created_at >= {{ add_days(as_of_date(), -1 * var('lookback_days')) }}
        and created_at < {{ as_of_date() }}
    group by
        tenant_id,
        {{ business_date('created_at') }}

    union all

    select
        tenant_id,
        {{ business_date('triggered_at') }} as stat_date,
        0 as records,
        -count(*) as alerts,
        0 as checkups,
        0 as patients
    from {{ ref('stg_health__alerts') }}
    where triggered_at >= {{ add_days(as_of_date(), -1 * var('lookback_days')) }}
        and triggered_at < {{ as_of_date() }}
    group by
        tenant_id,
        {{ business_date('triggered_at') }}

    union all

    select
        tenant_id,
        checkup_date as stat_date,
        0 as records,
        0 as alerts,
        -{{ count_if("report_status <> 'draft'") }} as checkups,
        0 as patients
    from {{ ref('stg_health__checkup_reports') }}
    where checkup_date >= {{ add_days(as_of_date(), -1 * var('lookback_days')) }}
        and checkup_date < {{ as_of_date() }}
    group by
        tenant_id,
        checkup_date

    union all

    select
        tenant_id,
        {{ business_date('created_at') }} as stat_date,
        0 as records,
        0 as alerts,
        0 as checkups,
        -count(*) as patients
    from {{ ref('stg_health__patients') }}
    where created_at >= {{ add_days(as_of_date(), -1 * var('lookback_days')) }}
        and created_at < {{ as_of_date() }}
    group by
        tenant_id,
        {{ business_date('created_at') }}

)

select
    tenant_id,
    stat_date,
    sum(records) as records_too_many,
    sum(alerts) as alerts_too_many,
    sum(checkups) as checkups_too_many,
    sum(patients) as patients_too_many
from counted
group by
    tenant_id,
    stat_date
having sum(records) <> 0
    or sum(alerts) <> 0
    or sum(checkups) <> 0
    or sum(patients) <> 0
