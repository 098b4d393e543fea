-- Each A/B test with counts has exactly one control, which all its arms name, and as many arms as its
-- counts have keys: an arm lost to an odd name would make the others look like the whole test.
with arms as (

    select
        ab_test_id,
        count(*) as arms,
        {{ count_if('is_control') }} as controls,
        {{ count_if('is_control and arm_name = control_arm_name') }} as controls_of_their_own,
        count(distinct {{ by_code_point('control_arm_name') }}) as named_controls
    from {{ ref('ab_test_arms') }}
    group by ab_test_id

),

ab_tests as (

    select
        ab_test_id,
        variant_stats
    from {{ ref('stg_business__ab_tests') }}

),

keys_of_tests as (

    select
        ab_tests.ab_test_id,
        count(*) as arms
    from ab_tests {{ unnest_json_keys('ab_tests.variant_stats', 'arm') }}
    group by ab_tests.ab_test_id

)

select
    keys_of_tests.ab_test_id,
    keys_of_tests.arms as wanted_arms,
    arms.arms,
    arms.controls,
    arms.named_controls
from keys_of_tests
left join arms
    on arms.ab_test_id = keys_of_tests.ab_test_id
where arms.ab_test_id is null
    or arms.arms <> keys_of_tests.arms
    or arms.controls <> 1
    or arms.controls_of_their_own <> 1
    or arms.named_controls <> 1
