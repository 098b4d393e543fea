-- One row per segment and business day since the segment's created day, quiet days included. Members are
-- a stock and must not be summed over days; joined, left, orders and revenue may, but nothing may be
-- summed over segments, as a customer is in several. Dynamic segments are told by their successful
-- calculations (members: the last one's, also of an earlier day; NULL before the first), all others by
-- their memberships, which keep no time of leaving: an old day knows only who is still there.
{{ config(window_column='stat_date') }}

with segments as (

    select
        segment_id,
        tenant_id,
        segment_type = 'dynamic' as is_dynamic,
        {{ greatest_of([business_date('created_at'), window_start()]) }} as first_day
    from {{ ref('stg_customer__segments') }}
    where created_at < {{ window_end() }}

),

days as (

    select spine.date_day
    from ({{ day_spine('(select min(first_day) from segments)', window_last_day()) }}) as spine

),

segment_days as (

    select
        segments.segment_id,
        segments.tenant_id,
        segments.is_dynamic,
        segments.first_day,
        days.date_day as stat_date
    from segments
    inner join days
        on days.date_day >= segments.first_day

),

-- what the last calculation before a segment's first day here had left
openings as (

    select
        segment_id,
        {{ first_row_value(
            'calculations.final_count',
            ref('stg_customer__segment_calculation_history') ~ ' as calculations',
            "calculations.segment_id = segments.segment_id and calculations.calculation_status = 'success'"
            ~ ' and calculations.started_at < ' ~ day_start('segments.first_day'),
            ['calculations.started_at', by_code_point('calculations.segment_calculation_id')]
        ) }} as members
    from segments
    where is_dynamic

),

calculations as (

    select
        segment_id,
        {{ business_date('started_at') }} as stat_date,
        added_customers,
        removed_customers,
        final_count,
        row_number() over (
            partition by segment_id, {{ business_date('started_at') }}
            order by started_at desc, {{ by_code_point('segment_calculation_id') }} desc
        ) as number_from_last
    from {{ ref('stg_customer__segment_calculation_history') }}
    where calculation_status = 'success'
        and started_at >= {{ window_start() }}
        and started_at < {{ window_end() }}

),

calculation_days as (

    select
        segment_id,
        stat_date,
        count(*) as successful_calculations,
        sum(added_customers) as joined_members,
        sum(removed_customers) as left_members,
        max(case when number_from_last = 1 then final_count end) as members
    from calculations
    group by
        segment_id,
        stat_date

),

-- who was there before a segment's first day here is there on that day
membership_days as (

    select
        members.segment_id,
        {{ greatest_of([business_date('members.joined_at'), 'segments.first_day']) }} as stat_date,
        {{ count_if(business_date('members.joined_at') ~ ' >= segments.first_day') }} as joined_members,
        {{ count_if("members.status = 'active'") }} as present_members
    from segments
    inner join {{ ref('stg_customer__segment_members') }} as members
        on members.segment_id = segments.segment_id
    where not segments.is_dynamic
        and members.joined_at < {{ window_end() }}
    group by
        members.segment_id,
        {{ greatest_of([business_date('members.joined_at'), 'segments.first_day']) }}

),

orders as (

    select
        customer_id,
        {{ business_date('ordered_at') }} as stat_date,
        total_amount_cny
    from {{ ref('stg_business__orders') }}
    where ordered_at >= {{ window_start() }}
        and ordered_at < {{ window_end() }}
        and order_status not in ('cancelled', 'refunded')

),

-- an order counts in every segment that its customer had joined by the end of its day and is still in
order_days as (

    select
        members.segment_id,
        orders.stat_date,
        count(*) as orders,
        sum(orders.total_amount_cny) as revenue_cny
    from orders
    inner join {{ ref('stg_customer__segment_members') }} as members
        on members.customer_id = orders.customer_id
            and members.joined_at < {{ day_start(add_days('orders.stat_date', 1)) }}
    where members.status = 'active'
    group by
        members.segment_id,
        orders.stat_date

),

figures as (

    select
        segment_days.segment_id,
        segment_days.tenant_id,
        segment_days.is_dynamic,
        segment_days.stat_date,
        calculation_days.successful_calculations,
        case
            when segment_days.is_dynamic then coalesce(calculation_days.joined_members, 0)
            else coalesce(membership_days.joined_members, 0)
        end as joined_members,
        case
            when segment_days.is_dynamic then coalesce(calculation_days.left_members, 0)
        end as left_members,
        openings.members as opening_members,
        calculation_days.members as calculated_members,
        count(calculation_days.members) over (
            partition by segment_days.segment_id
            order by segment_days.stat_date
        ) as calculated_days,
        sum(coalesce(membership_days.present_members, 0)) over (
            partition by segment_days.segment_id
            order by segment_days.stat_date
        ) as present_members,
        order_days.orders,
        order_days.revenue_cny
    from segment_days
    left join openings
        on openings.segment_id = segment_days.segment_id
    left join calculation_days
        on calculation_days.segment_id = segment_days.segment_id
            and calculation_days.stat_date = segment_days.stat_date
    left join membership_days
        on membership_days.segment_id = segment_days.segment_id
            and membership_days.stat_date = segment_days.stat_date
    left join order_days
        on order_days.segment_id = segment_days.segment_id
            and order_days.stat_date = segment_days.stat_date

),

-- a day without a calculation has the members of the latest one before it
carried as (

    select
        figures.*,
        max(calculated_members) over (partition by segment_id, calculated_days) as last_calculated_members
    from figures

)

select
    segment_id,
    stat_date,
    tenant_id,
    coalesce(successful_calculations, 0) as successful_calculations,
    joined_members,
    left_members,
    case
        when is_dynamic then coalesce(last_calculated_members, opening_members)
        else present_members
    end as members,
    coalesce(orders, 0) as orders,
    coalesce(revenue_cny, 0) as revenue_cny
from carried
