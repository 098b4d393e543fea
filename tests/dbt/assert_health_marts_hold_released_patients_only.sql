-- Patients in dim_patients, and rows in the four marts beside it, are as many as the source has of
-- patients who consented and are not private. One more is a leak that no key test would see, because
-- keys cannot be traced back; one less is a lost row.
with released as (

    select patient_id
    from {{ ref('stg_health__patients') }}
    where has_data_sharing_consent
        and privacy_level in ('public', 'restricted')

),

counted as (

    select
        'dim_patients' as mart,
        (select count(*) from {{ ref('dim_patients') }}) as shown,
        (select count(*) from released) as released

    union all

    select
        'fct_vital_signs' as mart,
        (select count(*) from {{ ref('fct_vital_signs') }}) as shown,
        (
            select count(*)
            from {{ ref('stg_health__vital_signs') }}
            where patient_id in (select released.patient_id from released)
        ) as released

    union all

    select
        'fct_health_alerts' as mart,
        (select count(*) from {{ ref('fct_health_alerts') }}) as shown,
        (
            select count(*)
            from {{ ref('stg_health__alerts') }}
            where patient_id in (select released.patient_id from released)
        ) as released

    union all

    select
        'fct_checkups' as mart,
        (select count(*) from {{ ref('fct_checkups') }}) as shown,
        (
            select count(*)
            from {{ ref('stg_health__checkup_reports') }}
            where patient_id in (select released.patient_id from released)
        ) as released

    union all

    select
        'patient_timeline' as mart,
        (
            select count(*)
            from {{ ref('patient_timeline') }}
            where event_type in ('registered', 'vital_signs')
        ) as shown,
        (select count(*) from released)
        + (
            select count(*)
            from {{ ref('stg_health__vital_signs') }}
            where patient_id in (select released.patient_id from released)
        ) as released

)

select
    mart,
    shown,
    released
from counted
where shown <> released
