-- One row per A/B test and arm with counts, the control's beside each: what ab_test_results is computed
-- from. The control is the arm called `control`, else the first by code point (MySQL does not keep the
-- order in which a document names them). Participants may be summed over arms, rates may not, and the
-- control's counts repeat on every row of its test.
{{ config(primary_key=['ab_test_arm_id'], indexes=[['ab_test_id'], ['tenant_id', 'status']]) }}

with ab_tests as (

    select
        ab_test_id,
        tenant_id,
        test_name,
        test_type,
        status,
        primary_metric,
        winner_variant,
        starts_at,
        ends_at,
        variant_stats
    from {{ ref('stg_business__ab_tests') }}

),

arms as (

    select
        ab_tests.*,
        {{ by_code_point('arm.json_key') }} as arm_name,
        {{ json_part('ab_tests.variant_stats', json_member_path('arm.json_key')) }} as counts
    from ab_tests {{ unnest_json_keys('ab_tests.variant_stats', 'arm') }}

),

counted_arms as (

    select
        arms.*,
        {{ json_number('counts', '$.participants', 'bigint') }} as participants,
        {{ json_number('counts', '$.conversions', 'bigint') }} as conversions,
        row_number() over (
            partition by ab_test_id
            order by case when arm_name = 'control' then 0 else 1 end, arm_name
        ) as arm_number
    from arms

)

select
    {{ row_id(['counted_arms.ab_test_id', 'counted_arms.arm_name']) }} as ab_test_arm_id,
    counted_arms.ab_test_id,
    counted_arms.tenant_id,
    counted_arms.test_name,
    counted_arms.test_type,
    counted_arms.status,
    counted_arms.primary_metric,
    counted_arms.winner_variant,
    counted_arms.starts_at,
    counted_arms.ends_at,
    counted_arms.arm_name,
    {{ cast_boolean('counted_arms.arm_number = 1') }} as is_control,
    counted_arms.participants,
    counted_arms.conversions,
    {{ percentage('counted_arms.conversions', 'counted_arms.participants', 4) }} as conversion_rate_pct,
    controls.arm_name as control_arm_name,
    controls.participants as control_participants,
    controls.conversions as control_conversions
from counted_arms
inner join counted_arms as controls
    on controls.ab_test_id = counted_arms.ab_test_id
        and controls.arm_number = 1
