"""Booking business: catalogue, capacity, orders, payments, marketing.

Days are business days, amounts yuan. Money must add up to the cent; prices are held against the
catalogue's, by which fen for yuan shows at once.
"""

from __future__ import annotations

from expectations.base import (
    HISTORY_DAYS,
    Expectation,
    Product,
    Scope,
    at_most,
    complete,
    in_order,
    no_copies,
    no_rows,
    not_ahead,
    not_negative,
    quiet_nights,
    readable,
    rule,
    same_tenant,
    steady_ratio,
    steady_volume,
    within,
)

DATABASE = "core_business_platform"
SERVICES = (DATABASE, "services")
PROVIDERS = (DATABASE, "service_providers")
ORDERS = (DATABASE, "service_orders")
CAMPAIGNS = (DATABASE, "marketing_campaigns")
WRITTEN_DAY = "cast(created_at as date)"
# Household and business services: beyond this a digit, or fen for yuan, is likelier than a sale.
DEAREST_UNIT_CNY = 50_000
DEAREST_ORDER_CNY = 500_000
# Sales, variants' grades and surges move a price by a factor of three at most; fen by a hundred.
PRICE_FACTOR = 10
# China's VAT for services is 6 %, its highest rate 13 % (State Council 2019): of the net price.
HIGHEST_TAX = 0.14
# A working day of a provider, doubled; a course may take several.
LONGEST_MINUTES = 7 * 1440
# Booked as far ahead as calendars are open, and rescheduled from there.
FARTHEST_DAYS = 366


def sources(scope: Scope) -> list[Product]:
    """What the applications wrote, in a fixed order."""
    return [
        categories(scope),
        providers(scope),
        services(scope),
        variants(scope),
        time_slots(scope),
        capacity_logs(scope),
        orders(scope),
        order_items(scope),
        status_history(scope),
        payments(scope),
        campaigns(scope),
        coupons(scope),
        participations(scope),
        ab_tests(scope),
    ]


def outputs(scope: Scope) -> list[Product]:
    """What was built from it, in a fixed order."""
    return [
        service_daily(scope),
        provider_daily(scope),
        funnel(scope),
        campaign_daily(scope),
        sales_overview(scope),
        order_overview(scope),
        campaign_performance(scope),
        service_dimension(scope),
        provider_dimension(scope),
        order_facts(scope),
        item_facts(scope),
        payment_facts(scope),
        capacity_facts(scope),
        redemption_facts(scope),
        ab_test_arms(scope),
    ]


# --- sources: catalogue and capacity -------------------------------------------------------------


def categories(scope: Scope) -> Product:
    """One row per category of a tenant's catalogue."""
    parents = scope.relation(DATABASE, "service_categories")
    return Product(
        DATABASE,
        "service_categories",
        expectations=[
            no_rows(
                "categories_lie_one_step_below_their_parent",
                ["parent_id", "level"],
                "A tree joined to the wrong branch, or levels counted from 0.",
                f"""
                select c.tenant_id, c.id as category_id
                from checked as c left join {parents} as p on p.id = c.parent_id
                where c.level <> coalesce(p.level, 0) + 1
                """,
                "level 1 at the root, one more a step",
            ),
            same_tenant(
                "categories_stay_in_their_tenants_tree",
                scope,
                "parent_id",
                (DATABASE, "service_categories"),
                "A branch of another tenant's catalogue.",
            ),
            readable(
                "categories_have_readable_names",
                scope,
                ["category_name", "category_path", "description"],
                "Chinese decoded by the wrong table, which every customer would see.",
            ),
            rule(
                "categories_have_a_name",
                ["category_name"],
                f"trim(category_name) = '' or {scope.matches('category_name', '[?]{2}')}",
                "Empty names, or Chinese that a Latin connection turned into question marks.",
                "a name that can be read",
            ),
        ],
    )


def providers(scope: Scope) -> Product:
    """One row per provider."""
    return Product(
        *PROVIDERS,
        expectations=[
            rule(
                "providers_are_rated_in_stars",
                ["rating_average", "review_count"],
                "rating_average < 0 or rating_average > 5 "
                "or (review_count = 0 and rating_average > 0)",
                "A percentage or a scale of ten for stars; assignment goes by them.",
                "0 to 5, and 0 without a review",
            ),
            rule(
                "providers_have_a_phone_number",
                ["phone"],
                f"not {scope.matches('phone', '^[+]?[0-9][0-9 -]{5,18}$')}",
                "A number that a spreadsheet rounded (1.38E+10), or another column in its place.",
                "a phone number",
            ),
            within(
                "providers_hold_a_plausible_number_of_orders",
                "max_concurrent_services",
                0,
                1000,
                "An identifier or an amount in the place of a small number.",
            ),
            not_negative(
                "providers_counters_are_not_negative",
                ["review_count", "service_count", "advance_booking_days"],
                "A counter that was corrected by subtraction.",
            ),
            readable(
                "providers_have_readable_names",
                scope,
                ["provider_name", "contact_person"],
                "A name in a broken encoding, which customers see.",
            ),
        ],
    )


def services(scope: Scope) -> Product:
    """One row per service."""
    items = scope.relation(DATABASE, "service_order_items")
    return Product(
        *SERVICES,
        expectations=[
            within(
                "services_have_a_plausible_price",
                "base_price",
                0,
                DEAREST_UNIT_CNY,
                "Fen for yuan, or a negative price.",
            ),
            rule(
                "services_sell_near_their_list_price",
                ["sale_price", "base_price"],
                f"sale_price < 0 or sale_price > base_price "
                f"or sale_price * {PRICE_FACTOR} < base_price",
                "Fen for yuan in one of the two, or swapped columns: sales are never dearer.",
                "a tenth of base_price up to base_price",
            ),
            rule(
                "services_cost_less_than_they_bring",
                ["cost_price", "base_price"],
                "cost_price < 0 or cost_price > 2 * base_price",
                "Swapped prices: customers would see what the tenant pays.",
                "cost up to twice the list price",
            ),
            rule(
                "services_places_are_not_negative",
                ["available_slots", "booked_slots", "max_concurrent_bookings"],
                "available_slots < 0 or booked_slots < 0 or max_concurrent_bookings < 1",
                "Two bookings that took the same last place.",
                "0 or more places",
            ),
            within(
                "services_last_plausibly",
                "duration_minutes",
                1,
                LONGEST_MINUTES,
                "Seconds for minutes: hourly prices multiply by it.",
            ),
            at_most(
                "services_are_completed_at_most_as_often_as_booked",
                "completed_count",
                "booking_count",
                "Swapped counters, or one that was set back.",
            ),
            rule(
                "services_are_rated_in_stars",
                ["rating_average", "review_count"],
                "rating_average < 0 or rating_average > 5 "
                "or (review_count = 0 and rating_average > 0)",
                "A percentage or a scale of ten for stars.",
                "0 to 5, and 0 without a review",
            ),
            not_negative(
                "services_totals_are_not_negative",
                ["view_count", "booking_count", "completed_count", "revenue", "review_count"],
                "A counter that wrapped round, or refunds taken off twice.",
            ),
            no_rows(
                "services_count_their_bookings",
                ["booking_count"],
                "A stuck counter: orders go on and their service's total does not.",
                f"""
                , booked as (
                    select service_id, count(*) as bookings from {items}
                    where created_at >= {scope.instant(HISTORY_DAYS)}
                        and created_at < {scope.instant(0)}
                    group by service_id
                )
                select c.tenant_id, c.id as service_id, b.bookings as expected,
                    c.booking_count as got
                from checked as c join booked as b on b.service_id = c.id
                where b.bookings > c.booking_count
                """,
                "at least as many as the last weeks' order lines",
            ),
            same_tenant(
                "services_stay_in_their_tenants_category",
                scope,
                "category_id",
                (DATABASE, "service_categories"),
                "A service shown in another tenant's catalogue.",
            ),
            same_tenant(
                "services_go_to_their_tenants_provider",
                scope,
                "default_provider_id",
                PROVIDERS,
                "Orders that would be handed to another tenant's provider.",
            ),
            readable(
                "services_have_readable_names",
                scope,
                ["service_name", "service_title", "short_description"],
                "Chinese decoded by the wrong table, copied into every order.",
            ),
        ],
    )


def variants(scope: Scope) -> Product:
    """One row per variant of a service."""
    return Product(
        DATABASE,
        "service_variants",
        expectations=[
            no_rows(
                "variants_cost_about_what_their_service_costs",
                ["price"],
                "Fen for yuan, a negative price, or variants joined to the wrong service.",
                f"""
                select c.tenant_id, c.id as variant_id
                from checked as c join {scope.relation(*SERVICES)} as s on s.id = c.service_id
                where c.price < 0 or c.price > {PRICE_FACTOR} * s.base_price
                    or c.price * {PRICE_FACTOR} < s.base_price
                """,
                "a tenth to ten times the service's price",
            ),
            rule(
                "variants_hold_no_more_than_they_can",
                ["booked_capacity", "capacity"],
                "booked_capacity < 0 or booked_capacity > capacity",
                "Two bookings that took the same last place.",
                "booked_capacity from 0 to capacity",
            ),
            at_most(
                "variants_are_completed_at_most_as_often_as_booked",
                "completed_count",
                "booking_count",
                "Swapped counters, or one that was set back.",
            ),
            at_most(
                "variants_groups_grow",
                "group_size_min",
                "group_size_max",
                "Swapped columns: no group would fit.",
            ),
            not_negative(
                "variants_totals_are_not_negative",
                ["booking_count", "completed_count", "revenue", "cost_price"],
                "A counter that wrapped round, or refunds taken off twice.",
            ),
            same_tenant(
                "variants_stay_with_their_services_tenant",
                scope,
                "service_id",
                SERVICES,
                "A tenant's offer in another's catalogue.",
            ),
        ],
    )


def time_slots(scope: Scope) -> Product:
    """One row per bookable slot; read are those of the last year and all to come."""
    return Product(
        DATABASE,
        "service_time_slots",
        where=f"slot_date >= {scope.day(366)}",
        day="slot_date",
        expectations=[
            rule(
                "slots_end_after_they_begin",
                ["start_time", "end_time"],
                "end_time <= start_time",
                "Swapped columns, or a slot over midnight that counts for the wrong day.",
                "start_time before end_time",
            ),
            rule(
                "slots_hold_no_more_than_they_can",
                ["current_bookings", "max_bookings"],
                "current_bookings < 0 or current_bookings > max_bookings or max_bookings < 0",
                "Two customers in one place: overbooking, or places given back twice.",
                "current_bookings from 0 to max_bookings",
            ),
            rule(
                "slots_leave_what_is_not_booked",
                ["available_capacity"],
                "available_capacity <> max_bookings - current_bookings",
                "A computed column that was written over by an import.",
                "max_bookings - current_bookings",
            ),
            rule(
                "slots_lie_on_a_plausible_day",
                ["slot_date"],
                f"slot_date > {scope.day(-2 * FARTHEST_DAYS)}",
                "A year mistyped: places that nobody will ever book.",
                "within two years",
            ),
            rule(
                "slots_have_a_plausible_price",
                ["base_price", "surge_multiplier"],
                f"base_price < 0 or base_price > {DEAREST_UNIT_CNY} "
                "or surge_multiplier < 0.1 or surge_multiplier > 5",
                "Fen for yuan, or a percentage (150) for a factor (1.5).",
                "a price, and a factor from 0.1 to 5",
            ),
            rule(
                "slots_open_when_people_are_awake",
                ["start_time"],
                "slot_type <> 'emergency' and extract(hour from start_time) between 1 and 4",
                "Times shifted by a time zone: nobody is served at three at night.",
                "no start between one and five at night",
            ),
            same_tenant(
                "slots_stay_with_their_services_tenant",
                scope,
                "service_id",
                SERVICES,
                "A tenant's places sold by another.",
            ),
            same_tenant(
                "slots_stay_with_their_providers_tenant",
                scope,
                "provider_id",
                PROVIDERS,
                "A provider who is booked by another tenant.",
            ),
        ],
    )


def capacity_logs(scope: Scope) -> Product:
    """One row per change of capacity; read are those of the last weeks."""
    moved = "after_capacity - before_capacity"
    return Product(
        DATABASE,
        "service_capacity_logs",
        where=scope.since("created_at"),
        day=WRITTEN_DAY,
        expectations=[
            rule(
                "capacity_moves_by_what_was_changed",
                ["before_capacity", "after_capacity", "change_quantity"],
                f"(change_type = 'book' and {moved} <> -change_quantity) "
                f"or (change_type = 'cancel' and {moved} <> change_quantity) "
                f"or (change_type = 'adjust' and {moved} not in (0, change_quantity)) "
                f"or (change_type = 'block' and {moved} not in (0, -change_quantity)) "
                f"or (change_type in ('release', 'complete') "
                f"and {moved} not in (0, change_quantity))",
                "Before and after swapped, or read without the lock: a place sold twice.",
                "after is before and the change",
            ),
            not_negative(
                "capacity_is_not_negative",
                ["before_capacity", "after_capacity"],
                "Two bookings that took the same last place.",
            ),
            not_ahead(
                "capacity_changes_are_not_of_tomorrow",
                scope,
                ["created_at"],
                "A clock that runs ahead: low capacity would be told at the wrong time.",
            ),
            steady_volume(
                "capacity_changes_volume_is_steady",
                scope,
                "1",
                "A partial, missing or doubled day of the log.",
                day=WRITTEN_DAY,
                high=2.0,
                least=40,
            ),
            no_copies(
                "capacity_changes_are_written_once",
                scope,
                [
                    "tenant_id",
                    "capacity_type",
                    "capacity_id",
                    "change_type",
                    "before_capacity",
                    "after_capacity",
                    "booking_id",
                    "created_at",
                ],
                "A batch that was loaded twice under new identifiers: places would move twice.",
                day=WRITTEN_DAY,
            ),
            same_tenant(
                "capacity_changes_stay_with_their_orders_tenant",
                scope,
                "booking_id",
                ORDERS,
                "A tenant's places taken by another's order.",
            ),
            no_rows(
                "capacity_changes_are_of_known_orders",
                ["booking_id"],
                "Bookings of orders that are not there: half of a transaction.",
                f"""
                select c.tenant_id, c.id as row_id
                from checked as c left join {scope.relation(*ORDERS)} as o on o.id = c.booking_id
                where c.booking_id is not null and o.id is null
                """,
                "an order that is there",
            ),
        ],
    )


# --- sources: orders and money -------------------------------------------------------------------


def orders(scope: Scope) -> Product:
    """One row per order."""
    history = scope.relation(DATABASE, "service_order_status_history")
    parts = "subtotal + service_fee + travel_fee + material_fee - discount_amount + tax_amount"
    return Product(
        *ORDERS,
        day="cast(order_time as date)",
        expectations=[
            rule(
                "orders_cost_what_their_parts_add_up_to",
                ["total_amount"],
                f"total_amount <> {parts}",
                "Fen for yuan, money rounded to whole yuan, or a fee left out in one column.",
                "lines, fees and tax less discounts, to the cent",
            ),
            within(
                "orders_cost_plausibly",
                "total_amount",
                0,
                DEAREST_ORDER_CNY,
                "Fen for yuan, or a total below nothing.",
            ),
            not_negative(
                "orders_amounts_are_not_negative",
                [
                    "subtotal",
                    "service_fee",
                    "travel_fee",
                    "material_fee",
                    "discount_amount",
                    "tax_amount",
                    "paid_amount",
                    "refund_amount",
                    "cancellation_fee",
                ],
                "A sign turned round: what is paid would count as given back.",
            ),
            at_most(
                "orders_are_paid_at_most_once",
                "paid_amount",
                "total_amount",
                "A payment booked twice, or fen for yuan.",
            ),
            at_most(
                "orders_give_back_at_most_what_was_paid",
                "refund_amount",
                "paid_amount",
                "A refund booked twice, or swapped columns.",
            ),
            at_most(
                "orders_keep_at_most_what_they_cost",
                "cancellation_fee",
                "total_amount",
                "A percentage taken for an amount.",
            ),
            rule(
                "orders_are_reduced_within_their_price",
                ["discount_amount"],
                "discount_amount > subtotal + service_fee + travel_fee + material_fee",
                "A percentage or fen taken for an amount, or a coupon applied twice.",
                "discount_amount at most items and fees",
            ),
            rule(
                "orders_are_taxed_within_the_law",
                ["tax_amount"],
                f"tax_amount > {HIGHEST_TAX} * (total_amount - tax_amount)",
                "A rate of 6 taken for 6 %.",
                "at most the highest rate",
            ),
            rule(
                "orders_say_what_was_paid",
                ["payment_status", "paid_amount", "refund_amount"],
                "(payment_status = 'unpaid' and paid_amount > 0) "
                "or (payment_status = 'paid' and paid_amount < total_amount) "
                "or (payment_status in ('refunded', 'partial_refunded') and refund_amount <= 0)",
                "States mapped wrongly: paid orders would be cancelled for not being paid.",
                "a state that fits the amounts",
            ),
            rule(
                "orders_have_the_times_of_their_state",
                ["order_status"],
                "(order_status = 'completed' and complete_time is null) "
                "or (order_status = 'cancelled' and cancel_time is null) "
                "or (order_status in ('paid', 'confirmed', 'assigned', 'in_progress', 'completed') "
                "and payment_time is null) "
                "or (order_status = 'pending_payment' and complete_time is not null)",
                "States set by hand past the state machine, or mapped wrongly.",
                "the times of what happened",
            ),
            no_rows(
                "orders_reached_their_state_in_history",
                ["order_status"],
                "A state written past the state machine, or half of a transaction.",
                f"""
                select c.tenant_id, c.id as order_id
                from checked as c left join {history} as h
                    on h.order_id = c.id and h.new_status = c.order_status
                where h.id is null
                """,
                "an entry of its state in the history",
            ),
            in_order(
                "orders_go_forward",
                ["order_time", "payment_time", "complete_time"],
                "Swapped times, or a zone shifted in one: the funnel would run backwards.",
            ),
            in_order(
                "orders_are_served_forward",
                ["order_time", "service_start_time", "service_end_time", "complete_time"],
                "Swapped times, or a zone shifted in one: durations would be negative.",
            ),
            in_order(
                "orders_are_cancelled_after_they_are_placed",
                ["order_time", "cancel_time"],
                "A zone shifted in one of the two.",
            ),
            rule(
                "orders_are_written_when_placed",
                ["order_time", "created_at"],
                "created_at < order_time - interval '10' minute "
                "or created_at > order_time + interval '3' day",
                "A zone shifted in one of the two; orders move to another day by it.",
                "written within three days",
            ),
            not_ahead(
                "orders_are_not_of_tomorrow",
                scope,
                [
                    "order_time",
                    "payment_time",
                    "confirm_time",
                    "service_start_time",
                    "service_end_time",
                    "complete_time",
                    "cancel_time",
                    "created_at",
                    "updated_at",
                ],
                "A clock that runs ahead or a zone added twice.",
            ),
            quiet_nights(
                "orders_sleep_at_night",
                scope,
                "order_time",
                "Times shifted by a time zone: people do not order between two and six.",
                least=30,
            ),
            rule(
                "orders_are_served_on_a_plausible_day",
                ["service_date", "order_time"],
                "service_date < cast(order_time as date) - interval '1' day or service_date > "
                f"cast(order_time as date) + interval '{2 * FARTHEST_DAYS}' day",
                "A year mistyped, or day and month exchanged.",
                "from the day of the order up to two years later",
            ),
            rule(
                "orders_take_a_plausible_time",
                ["estimated_duration_minutes", "actual_duration_minutes"],
                f"estimated_duration_minutes < 0 or actual_duration_minutes < 0 "
                f"or estimated_duration_minutes > {4 * LONGEST_MINUTES} "
                f"or actual_duration_minutes > {4 * LONGEST_MINUTES}",
                "Seconds for minutes.",
                "minutes of a few days at most",
            ),
            rule(
                "orders_take_as_long_as_their_times_say",
                ["actual_duration_minutes", "service_start_time", "service_end_time"],
                "service_end_time < service_start_time + (actual_duration_minutes - 2) "
                "* interval '1' minute"
                if not scope.is_mysql
                else "service_end_time < date_add(service_start_time, "
                "interval actual_duration_minutes - 2 minute)",
                "Seconds for minutes, or the times of another order.",
                "minutes between the real start and end",
            ),
            rule(
                "orders_are_suspected_in_points",
                ["risk_score"],
                "risk_score < 0 or risk_score > 100",
                "Another scale of the risk engine.",
                "0 to 100",
            ),
            steady_volume(
                "orders_volume_is_steady",
                scope,
                "1",
                "A partial, missing or doubled day of orders.",
                day="cast(order_time as date)",
            ),
            complete(
                "orders_come_from_every_tenant",
                scope,
                "A tenant whose shop stopped while its customers go on trying.",
                day="cast(order_time as date)",
                least=40,
            ),
            no_copies(
                "orders_are_placed_once",
                scope,
                ["tenant_id", "customer_id", "order_time", "service_date", "total_amount"],
                "Orders sent twice under new numbers: revenue would double.",
                day="cast(order_time as date)",
                least=3,
            ),
            same_tenant(
                "orders_stay_with_their_providers_tenant",
                scope,
                "assigned_provider_id",
                PROVIDERS,
                "A provider who is sent to another tenant's customer.",
            ),
            readable(
                "orders_have_readable_texts",
                scope,
                ["special_instructions", "cancellation_reason", "notes"],
                "Instructions that a provider cannot read.",
            ),
        ],
    )


def order_items(scope: Scope) -> Product:
    """One row per line of an order."""
    fees = "base_service_fee + travel_fee + material_fee + overtime_fee"
    return Product(
        DATABASE,
        "service_order_items",
        day=WRITTEN_DAY,
        expectations=[
            rule(
                "items_have_a_plausible_price",
                ["unit_price", "subtotal", "final_price"],
                f"unit_price < 0 or subtotal < 0 or final_price < 0 "
                f"or unit_price > {DEAREST_UNIT_CNY}",
                "Fen for yuan, or a negative price.",
                "0 or more, and a unit of services at a possible price",
            ),
            rule(
                "items_cost_what_their_parts_add_up_to",
                ["final_price"],
                f"final_price <> subtotal + {fees} - discount_amount",
                "Money rounded to whole yuan, or a fee left out: services' revenue sums it.",
                "subtotal and fees less discount, to the cent",
            ),
            within(
                "items_are_ordered_in_plausible_numbers",
                "quantity",
                1,
                1000,
                "Nothing ordered and paid for, or an amount in the place of a quantity.",
            ),
            rule(
                "items_are_marked_in_stars",
                ["quality_score"],
                "quality_score < 0 or quality_score > 5",
                "A percentage or a scale of ten for stars.",
                "0 to 5",
            ),
            within(
                "items_are_done_by_a_percentage",
                "completion_rate",
                0,
                100,
                "A share for a percentage is always below 1; beyond 100 is more than done.",
            ),
            at_most(
                "items_end_after_they_begin",
                "actual_start_time",
                "actual_end_time",
                "Swapped times: durations would be negative.",
            ),
            no_rows(
                "items_cost_about_what_the_catalogue_says",
                ["unit_price"],
                "Fen for yuan in the line or in the catalogue, or lines joined to a wrong service.",
                f"""
                select c.tenant_id, c.id as item_id
                from checked as c join {scope.relation(*SERVICES)} as s on s.id = c.service_id
                where c.unit_price > {PRICE_FACTOR} * s.base_price
                    or c.unit_price * {PRICE_FACTOR} < s.base_price
                """,
                "a tenth to ten times the service's price",
            ),
            same_tenant(
                "items_stay_with_their_orders_tenant",
                scope,
                "order_id",
                ORDERS,
                "A tenant's sales in another's figures.",
            ),
            same_tenant(
                "items_stay_with_their_services_tenant",
                scope,
                "service_id",
                SERVICES,
                "A tenant's service sold by another.",
            ),
            no_rows(
                "items_add_up_to_their_order",
                ["subtotal"],
                "A line lost, doubled, or moved to another order, and money rounded on the way.",
                f"""
                , listed as (
                    select order_id, sum(subtotal) as subtotal from checked group by order_id
                )
                select o.tenant_id, o.id as order_id
                from {scope.relation(*ORDERS)} as o left join listed as l on l.order_id = o.id
                where coalesce(l.subtotal, -1) <> o.subtotal
                """,
                "the order's subtotal, to the cent",
            ),
            readable(
                "items_have_readable_names",
                scope,
                ["service_name", "variant_name", "service_notes"],
                "Chinese decoded by the wrong table on a customer's receipt.",
            ),
        ],
    )


def status_history(scope: Scope) -> Product:
    """One row per change of an order's state; read are those of the last weeks."""
    return Product(
        DATABASE,
        "service_order_status_history",
        where=scope.since("created_at"),
        day=WRITTEN_DAY,
        expectations=[
            rule(
                "order_states_change",
                ["old_status", "new_status"],
                "old_status = new_status",
                "The same change written twice: repeats count as steps.",
                "another state than before",
            ),
            not_ahead(
                "order_states_are_not_of_tomorrow",
                scope,
                ["created_at"],
                "A clock that runs ahead: the order's last state would not be its last.",
            ),
            no_copies(
                "order_states_are_written_once",
                scope,
                ["tenant_id", "order_id", "old_status", "new_status", "created_at"],
                "A batch that was loaded twice under new identifiers.",
                day=WRITTEN_DAY,
                least=3,
            ),
            same_tenant(
                "order_states_stay_with_their_orders_tenant",
                scope,
                "order_id",
                ORDERS,
                "A tenant's order history in another's sight.",
            ),
            no_rows(
                "order_states_begin_when_the_order_does",
                ["created_at"],
                "A zone shifted in one of the two: steps before the order was placed.",
                f"""
                select c.tenant_id, c.id as row_id
                from checked as c join {scope.relation(*ORDERS)} as o on o.id = c.order_id
                where c.created_at < o.order_time - interval '10' minute
                """,
                "not before the order",
            ),
        ],
    )


def payments(scope: Scope) -> Product:
    """One row per attempt to pay."""
    return Product(
        DATABASE,
        "service_order_payments",
        day=WRITTEN_DAY,
        expectations=[
            within(
                "payments_are_plausible",
                "payment_amount",
                0,
                DEAREST_ORDER_CNY,
                "Fen for yuan, or a negative amount.",
            ),
            rule(
                "payments_are_in_yuan",
                ["currency"],
                "currency <> 'CNY'",
                "Amounts of another currency, which every sum would add to yuan.",
                "CNY",
            ),
            rule(
                "payments_give_back_at_most_what_they_brought",
                ["refund_amount", "payment_amount"],
                "refund_amount < 0 or refund_amount > payment_amount",
                "Fen for yuan, or a refund booked twice.",
                "0 up to payment_amount",
            ),
            rule(
                "payments_are_divided_to_the_cent",
                ["settlement_amount", "platform_fee", "provider_amount"],
                "settlement_amount <> platform_fee + provider_amount or platform_fee < 0 "
                "or provider_amount < 0 or settlement_amount > payment_amount - refund_amount",
                "Money rounded on one side, or a fee beyond what there is to divide.",
                "platform_fee + provider_amount, at most what was kept",
            ),
            rule(
                "payments_leave_most_to_the_provider",
                ["platform_fee"],
                "platform_fee > 0.5 * payment_amount",
                "Swapped shares: the platform's rate is a fraction of the provider's.",
                "at most half of the payment",
            ),
            rule(
                "payments_have_a_time_when_money_came",
                ["payment_status", "payment_time"],
                "(payment_status in ('success', 'refunded', 'partial_refunded')) "
                "<> (payment_time is not null)",
                "States mapped wrongly: failed attempts would count as money.",
                "a time of payment where money came, and only there",
            ),
            rule(
                "payments_given_back_say_so",
                ["payment_status", "refund_amount"],
                "payment_status in ('refunded', 'partial_refunded') and refund_amount = 0",
                "A refund whose amount was lost: it would stay in the revenue.",
                "an amount of the refund",
            ),
            in_order(
                "payments_go_forward",
                ["created_at", "payment_time", "refund_time"],
                "Swapped times, or a zone shifted in one of them.",
            ),
            rule(
                "payments_are_told_soon",
                ["payment_time", "notify_time"],
                "notify_time < payment_time - interval '10' minute "
                "or notify_time > payment_time + interval '3' day",
                "The gateway's time in another zone.",
                "told within three days",
            ),
            not_ahead(
                "payments_are_not_of_tomorrow",
                scope,
                ["created_at", "payment_time", "refund_time", "settlement_time"],
                "A clock that runs ahead or a zone added twice.",
            ),
            no_rows(
                "payments_are_booked_once",
                ["gateway_transaction_no"],
                "A gateway's transaction booked twice: the money came once.",
                """
                select tenant_id, gateway_transaction_no, 1 as expected, count(*) as got
                from checked where gateway_transaction_no is not null
                group by tenant_id, gateway_transaction_no having count(*) > 1
                """,
                "one row a transaction",
            ),
            no_copies(
                "payments_are_made_once",
                scope,
                ["tenant_id", "order_id", "payment_amount", "payment_status", "created_at"],
                "A batch that was loaded twice under new identifiers: revenue would double.",
                day=WRITTEN_DAY,
                least=3,
            ),
            no_rows(
                "payments_are_at_most_their_orders_total",
                ["payment_amount"],
                "Fen for yuan: no attempt asks for more than the order costs.",
                f"""
                select c.tenant_id, c.id as payment_id
                from checked as c join {scope.relation(*ORDERS)} as o on o.id = c.order_id
                where c.payment_amount > o.total_amount
                """,
                "at most the order's total",
            ),
            same_tenant(
                "payments_stay_with_their_orders_tenant",
                scope,
                "order_id",
                ORDERS,
                "A tenant's money in another's books.",
            ),
            steady_ratio(
                "payments_fail_as_often_as_usual",
                scope,
                "case when payment_status = 'failed' then 1 else 0 end",
                "1",
                "A gateway that refuses everybody, or states mapped wrongly.",
                day=WRITTEN_DAY,
                slack=0.15,
                least=40,
            ),
        ],
    )


# --- sources: marketing --------------------------------------------------------------------------


def campaigns(scope: Scope) -> Product:
    """One row per campaign."""
    taken = scope.relation(DATABASE, "marketing_participations")
    return Product(
        *CAMPAIGNS,
        expectations=[
            in_order(
                "campaigns_begin_before_they_end",
                ["start_time", "end_time"],
                "Swapped times: nobody could take part.",
            ),
            at_most(
                "campaigns_lead_to_at_most_an_order_a_participation",
                "total_orders",
                "total_participants",
                "Swapped counters: a conversion beyond 100 %.",
            ),
            within(
                "campaigns_convert_a_percentage",
                "conversion_rate",
                0,
                100,
                "Swapped counters, or a rate of 140.",
            ),
            not_negative(
                "campaigns_totals_are_not_negative",
                [
                    "total_participants",
                    "total_orders",
                    "total_revenue",
                    "total_discount",
                    "min_order_amount",
                    "max_discount_amount",
                ],
                "A counter that wrapped round or was corrected by subtraction.",
            ),
            rule(
                "campaigns_bring_plausible_orders",
                ["total_revenue", "total_orders"],
                f"total_revenue > {DEAREST_ORDER_CNY} * total_orders "
                "or (total_orders = 0 and total_revenue > 0)",
                "Fen for yuan, or revenue without an order.",
                "a possible amount an order",
            ),
            no_rows(
                "campaigns_count_their_participations",
                ["total_participants"],
                "A stuck counter: people take part and the campaign's total stands still.",
                f"""
                , taken as (
                    select campaign_id, count(*) as people from {taken}
                    where participation_time < {scope.instant(0)} group by campaign_id
                )
                select c.tenant_id, c.id as campaign_id, t.people as expected,
                    c.total_participants as got
                from checked as c join taken as t on t.campaign_id = c.id
                where t.people > c.total_participants
                """,
                "at least as many as there are",
            ),
            not_ahead(
                "campaigns_are_not_of_tomorrow",
                scope,
                ["created_at", "updated_at", "reviewed_at"],
                "A clock that runs ahead or a zone added twice.",
            ),
            readable(
                "campaigns_have_readable_names",
                scope,
                ["campaign_name", "description"],
                "Chinese decoded by the wrong table in every advertisement.",
            ),
        ],
    )


def coupons(scope: Scope) -> Product:
    """One row per coupon code."""
    return Product(
        DATABASE,
        "marketing_coupons",
        expectations=[
            rule(
                "coupons_are_used_within_their_limit",
                ["used_count", "usage_limit"],
                "used_count < 0 or used_count > usage_limit",
                "A code redeemed by two at once, or given back twice.",
                "used_count from 0 to usage_limit",
            ),
            rule(
                "coupons_take_off_a_plausible_value",
                ["discount_value"],
                "discount_value < 0 or (coupon_type = 'percentage' and discount_value > 100) "
                "or (coupon_type = 'fixed_amount' and discount_value > 10000)",
                "Fen for yuan, or a percentage beyond the price.",
                "0 to 100 percent, or up to 10,000 yuan",
            ),
            not_negative(
                "coupons_amounts_are_not_negative",
                ["min_order_amount", "max_discount_amount"],
                "A sign turned round: any order would be enough.",
            ),
            in_order(
                "coupons_begin_before_they_end",
                ["start_time", "end_time"],
                "Swapped times: a coupon that is never valid.",
            ),
            rule(
                "coupons_are_used_while_they_run",
                ["used_at", "start_time", "end_time"],
                "used_at < start_time or used_at > end_time",
                "A zone shifted in one of them.",
                "used between start and end",
            ),
            rule(
                "coupons_used_say_when",
                ["used_count", "used_at"],
                "(used_count > 0) <> (used_at is not null)",
                "A counter that was not moved with its redemption.",
                "a time of use where it was used, and only there",
            ),
            same_tenant(
                "coupons_stay_with_their_campaigns_tenant",
                scope,
                "campaign_id",
                CAMPAIGNS,
                "A tenant's money given away by another's campaign.",
            ),
            same_tenant(
                "coupons_stay_with_their_orders_tenant",
                scope,
                "used_order_id",
                ORDERS,
                "A tenant's coupon redeemed with another.",
            ),
            not_ahead(
                "coupons_are_not_of_tomorrow",
                scope,
                ["used_at", "created_at"],
                "A clock that runs ahead or a zone added twice.",
            ),
        ],
    )


def participations(scope: Scope) -> Product:
    """One row per participation in a campaign; read are those of the last year."""
    return Product(
        DATABASE,
        "marketing_participations",
        where=scope.since("participation_time", 366),
        day="cast(participation_time as date)",
        expectations=[
            rule(
                "participations_with_an_order_name_it",
                ["has_placed_order", "order_id", "order_amount"],
                "(has_placed_order and (order_id is null or order_amount is null)) "
                "or (not has_placed_order and order_id is not null)",
                "A flag that was set without its order: conversions that nobody can find.",
                "order and amount where there is one, and only there",
            ),
            within(
                "participations_bring_plausible_amounts",
                "order_amount",
                0,
                DEAREST_ORDER_CNY,
                "Fen for yuan, or a negative amount.",
            ),
            not_ahead(
                "participations_are_not_of_tomorrow",
                scope,
                ["participation_time"],
                "A clock that runs ahead: the campaign would count them days later.",
            ),
            no_copies(
                "participations_are_counted_once",
                scope,
                ["tenant_id", "campaign_id", "participant_id", "ip_address", "participation_time"],
                "A batch that was loaded twice under new identifiers.",
                day="cast(participation_time as date)",
                least=3,
            ),
            same_tenant(
                "participations_stay_with_their_campaigns_tenant",
                scope,
                "campaign_id",
                CAMPAIGNS,
                "A tenant's customers in another's campaign.",
            ),
            no_rows(
                "participations_bring_what_their_order_costs",
                ["order_id", "order_amount"],
                "Fen for yuan, or orders matched wrongly: the campaign's return hangs on it.",
                f"""
                select c.tenant_id, c.id as row_id
                from checked as c left join {scope.relation(*ORDERS)} as o on o.id = c.order_id
                where c.order_id is not null and (o.id is null or o.tenant_id <> c.tenant_id
                    or c.order_amount > 2 * o.total_amount
                    or o.total_amount > 2 * c.order_amount)
                """,
                "an order of the tenant at about that amount",
            ),
        ],
    )


def ab_tests(scope: Scope) -> Product:
    """One row per A/B test."""
    return Product(
        DATABASE,
        "marketing_ab_tests",
        expectations=[
            in_order(
                "ab_tests_begin_before_they_end",
                ["start_time", "end_time"],
                "Swapped times: nobody would be divided into arms.",
            ),
            not_negative(
                "ab_tests_participants_are_not_negative",
                ["total_participants"],
                "A counter that wrapped round.",
            ),
            rule(
                "ab_tests_in_draft_have_nobody",
                ["status", "total_participants"],
                "status = 'draft' and total_participants > 0",
                "States mapped wrongly: results of a test that never ran.",
                "no participants of a draft",
            ),
            readable(
                "ab_tests_have_readable_names",
                scope,
                ["test_name", "test_description"],
                "Chinese decoded by the wrong table.",
            ),
        ],
    )


# --- outputs -------------------------------------------------------------------------------------


def service_daily(scope: Scope) -> Product:
    """One row per service and day."""
    return Product(
        DATABASE,
        "service_daily",
        where=f"stat_date >= {scope.day(HISTORY_DAYS)}",
        day="stat_date",
        expectations=[
            rule(
                "service_days_parts_fit_their_wholes",
                ["cancelled_orders", "slot_bookings", "on_time_items", "rated_items"],
                "cancelled_orders > orders or orders > items or slot_bookings > slot_capacity "
                "or on_time_items > started_items or rated_items > items",
                "Joins that multiply one side, or swapped columns.",
                "no part beyond its whole",
            ),
            *_rates("service_days"),
            rule(
                "service_days_earn_plausibly",
                ["revenue_cny", "items"],
                f"revenue_cny < 0 or revenue_cny > {DEAREST_ORDER_CNY} * items",
                "Fen for yuan, or refunds taken off twice.",
                "a possible amount a line",
            ),
            steady_volume(
                "service_days_volume_is_steady",
                scope,
                "items",
                "A partial, missing or doubled day of services.",
            ),
        ],
    )


def provider_daily(scope: Scope) -> Product:
    """One row per provider and day."""
    return Product(
        DATABASE,
        "service_provider_daily",
        where=f"stat_date >= {scope.day(HISTORY_DAYS)}",
        day="stat_date",
        expectations=[
            *_rates("provider_days"),
            rule(
                "provider_days_earn_plausibly",
                ["revenue_cny", "platform_fee_cny", "provider_amount_cny"],
                f"revenue_cny < 0 or platform_fee_cny < 0 or provider_amount_cny < 0 "
                f"or revenue_cny > {DEAREST_ORDER_CNY} * orders",
                "Fen for yuan, or a sign turned round: providers are paid by these.",
                "0 or more, and a possible amount an order",
            ),
            at_most(
                "provider_days_leave_most_to_the_provider",
                "platform_fee_cny",
                "provider_amount_cny",
                "Swapped shares: the platform's is the smaller one.",
            ),
        ],
    )


def _rates(subject: str) -> list[Expectation]:
    return [
        within(
            f"{subject}_use_a_percentage",
            "utilisation_pct",
            0,
            100,
            "Places booked beyond those offered, or a share for a percentage.",
        ),
        within(
            f"{subject}_are_on_time_by_a_percentage",
            "on_time_pct",
            0,
            100,
            "Punctual ones beyond those begun.",
        ),
        within(
            f"{subject}_are_rated_in_stars",
            "avg_quality_score",
            0,
            5,
            "A percentage or a scale of ten for stars.",
        ),
    ]


def funnel(scope: Scope) -> Product:
    """One row per tenant and day on which orders were placed."""
    medians = (
        "p50_placed_to_paid_minutes",
        "p50_paid_to_confirmed_minutes",
        "p50_confirmed_to_assigned_minutes",
        "p50_started_to_completed_minutes",
    )
    return Product(
        DATABASE,
        "service_order_funnel_daily",
        where=f"stat_date >= {scope.day(HISTORY_DAYS)}",
        day="stat_date",
        expectations=[
            rule(
                "funnel_steps_take_plausible_minutes",
                medians,
                " or ".join(f"{column} > {31 * 1440}" for column in medians),
                "Seconds for minutes: a median step of a month.",
                "up to a month",
            ),
            steady_ratio(
                "funnel_pays_as_usual",
                scope,
                "paid_orders",
                "placed_orders",
                "Payments that no longer arrive: orders would stop at the first step.",
                low=0.4,
                high=2,
                least=40,
            ),
            no_rows(
                "funnel_does_not_dry_up",
                ["completed_orders"],
                "A step whose time is no longer read: nothing would ever be completed.",
                f"""
                , counted as (
                    select sum(placed_orders) as placed, sum(completed_orders) as completed
                    from checked where stat_date < {scope.day(14)}
                )
                select 1 as expected, completed as got from counted
                where placed >= 20 and completed < 0.1 * placed
                """,
                "a tenth of all orders completed after two weeks",
            ),
        ],
    )


def campaign_daily(scope: Scope) -> Product:
    """One row per campaign and day."""
    return Product(
        DATABASE,
        "marketing_campaign_daily",
        where=f"stat_date >= {scope.day(HISTORY_DAYS)}",
        day="stat_date",
        expectations=[
            not_negative(
                "campaign_days_are_not_negative",
                ["participations", "revenue_cny", "discount_cny", "coupons_issued", "coupons_used"],
                "A count or an amount corrected by subtraction.",
            ),
            rule(
                "campaign_days_bring_plausible_orders",
                ["revenue_cny", "orders"],
                f"revenue_cny > {DEAREST_ORDER_CNY} * orders",
                "Fen for yuan, or revenue without an order.",
                "a possible amount an order",
            ),
            rule(
                "campaign_days_are_past",
                ["stat_date"],
                f"stat_date > {scope.day(0)}",
                "Days cut in another zone, or participations of tomorrow.",
                "days not after today",
            ),
        ],
    )


def sales_overview(scope: Scope) -> Product:
    """One row per service: the applications' list."""
    return Product(
        DATABASE,
        "v_service_sales_overview",
        expectations=[
            at_most(
                "sales_list_has_the_lowest_price_below_the_highest",
                "min_variant_price",
                "max_variant_price",
                "Swapped columns in the view.",
            ),
            not_negative(
                "sales_list_is_not_negative",
                ["variant_count", "total_variant_capacity", "revenue", "booking_count"],
                "A count corrected by subtraction.",
            ),
        ],
    )


def order_overview(scope: Scope) -> Product:
    """One row per order: the applications' list."""
    return Product(
        DATABASE,
        "v_service_order_overview",
        day="cast(order_time as date)",
        expectations=[
            not_negative(
                "order_list_takes_time",
                [
                    "payment_duration_hours",
                    "preparation_duration_hours",
                    "actual_service_duration_minutes",
                ],
                "Times the wrong way round in the view, or shifted in one column.",
            ),
            within(
                "order_list_is_rated_in_stars",
                "avg_quality_score",
                0,
                5,
                "A sum for a mean.",
            ),
            rule(
                "order_list_counts_lines",
                ["service_item_count", "total_service_quantity"],
                "service_item_count < 1 or total_service_quantity < service_item_count",
                "Orders without their lines: half of a transaction.",
                "a line at least, and a unit a line",
            ),
        ],
    )


def campaign_performance(scope: Scope) -> Product:
    """One row per campaign: the applications' list."""
    return Product(
        DATABASE,
        "v_campaign_performance",
        expectations=[
            within(
                "campaign_list_converts_a_percentage",
                "actual_conversion_rate",
                0,
                100,
                "Orders beyond participations: a rate of 140.",
            ),
            not_negative(
                "campaign_list_is_not_negative",
                ["roi", "campaign_duration_days", "coupon_count", "ab_test_count"],
                "Days the wrong way round, or a sign turned.",
            ),
        ],
    )


def service_dimension(scope: Scope) -> Product:
    """One row per service."""
    return Product(
        "warehouse",
        "dim_services",
        expectations=[
            within(
                "dim_services_have_a_plausible_price",
                "current_price_cny",
                0,
                DEAREST_UNIT_CNY,
                "Fen for yuan, or a negative price.",
            ),
            rule(
                "dim_services_are_low_by_their_threshold",
                ["is_low_on_capacity", "available_slots", "min_capacity_threshold"],
                "is_low_on_capacity and min_capacity_threshold > 0 "
                "and available_slots > min_capacity_threshold",
                "A comparison turned round: full services would be told as empty.",
                "low where places are at or under the threshold",
            ),
        ],
    )


def provider_dimension(scope: Scope) -> Product:
    """One row per provider, people masked."""
    return Product(
        "warehouse",
        "dim_service_providers",
        expectations=[
            rule(
                "dim_providers_of_one_person_are_masked",
                ["provider_name_masked", "provider_type"],
                "provider_type = 'individual' and char_length(provider_name_masked) > 1 "
                "and provider_name_masked not like '%*%'"
                if scope.is_mysql
                else "provider_type = 'individual' and length(provider_name_masked) > 1 "
                "and provider_name_masked not like '%*%'",
                "A person's full name in the warehouse.",
                "a star in every person's name",
            ),
            rule(
                "dim_providers_phones_are_masked",
                ["phone_masked"],
                scope.matches("phone_masked", "[0-9]{8}"),
                "A whole phone number in the warehouse.",
                "no eight digits in a row",
            ),
        ],
    )


def order_facts(scope: Scope) -> Product:
    """One row per order."""
    return Product(
        "warehouse",
        "fct_orders",
        day="order_date",
        expectations=[
            rule(
                "order_facts_earn_by_their_state",
                ["revenue_cny", "total_amount_cny", "order_status"],
                "revenue_cny <> case when order_status in ('cancelled', 'refunded') "
                "or is_cancelled then 0 else total_amount_cny end",
                "Cancelled orders counted as revenue, or sold ones left out.",
                "the total, 0 where cancelled or refunded",
            ),
            rule(
                "order_facts_cost_what_their_parts_add_up_to",
                ["total_amount_cny"],
                "total_amount_cny <> subtotal_cny + service_fee_cny + travel_fee_cny "
                "+ material_fee_cny - discount_amount_cny + tax_amount_cny",
                "Fen for yuan in one column, on days that no build touches any more.",
                "items, fees and tax less discounts, to the cent",
            ),
            not_negative(
                "order_facts_take_time",
                ["payment_seconds", "service_seconds"],
                "Times the wrong way round, or shifted in one column.",
            ),
            not_negative(
                "order_facts_keep_no_less_than_nothing",
                ["kept_amount_cny"],
                "More given back than was received.",
            ),
            no_rows(
                "order_facts_stay_with_their_customers_tenant",
                ["customer_id", "tenant_id"],
                "A tenant's customer who orders from another, in two databases.",
                f"""
                select c.tenant_id, c.order_id
                from checked as c
                join {scope.relation("warehouse", "dim_customers")} as p
                    on p.customer_id = c.customer_id
                where p.tenant_id <> c.tenant_id
                """,
                "the tenant of its customer",
            ),
            rule(
                "order_facts_lie_on_their_day",
                ["order_date", "ordered_at"],
                "order_date <> cast(ordered_at as date)",
                "A day cut in another zone.",
                "the day of ordered_at",
            ),
        ],
    )


def item_facts(scope: Scope) -> Product:
    """One row per line of an order."""
    return Product(
        "warehouse",
        "fct_order_items",
        day="order_date",
        expectations=[
            rule(
                "item_facts_earn_at_most_their_price",
                ["revenue_cny", "final_price_cny"],
                "revenue_cny not in (0, final_price_cny) or (is_cancelled and revenue_cny <> 0)",
                "Cancelled lines counted as revenue.",
                "the final price, or 0",
            ),
            within(
                "item_facts_are_marked_in_stars",
                "quality_score",
                0.01,
                5,
                "Zeros for lines that nobody rated: they would pull every mean down.",
            ),
        ],
    )


def payment_facts(scope: Scope) -> Product:
    """One row per attempt to pay."""
    return Product(
        "warehouse",
        "fct_payments",
        day="attempt_date",
        expectations=[
            rule(
                "payment_facts_keep_what_is_left",
                ["kept_amount_cny", "received_amount_cny", "refunded_amount_cny"],
                "kept_amount_cny <> received_amount_cny - refunded_amount_cny "
                "or kept_amount_cny < 0",
                "A sign turned round, or a refund of money that never came.",
                "received less given back, to the cent",
            ),
            rule(
                "payment_facts_receive_what_came",
                ["is_received", "received_amount_cny", "payment_amount_cny"],
                "received_amount_cny <> case when is_received then payment_amount_cny else 0 end",
                "Failed attempts counted as money.",
                "the amount where it was received, else 0",
            ),
        ],
    )


def capacity_facts(scope: Scope) -> Product:
    """One row per change of capacity; read are those of the last weeks."""
    return Product(
        "warehouse",
        "fct_capacity_changes",
        where=scope.since("created_at"),
        day="change_date",
        expectations=[
            rule(
                "capacity_facts_move_what_changed",
                ["free_places_change", "before_capacity", "after_capacity"],
                "free_places_change <> after_capacity - before_capacity",
                "Before and after swapped on the way.",
                "after less before",
            ),
            rule(
                "capacity_facts_lie_on_their_day",
                ["change_date", "created_at"],
                "change_date <> cast(created_at as date)",
                "A day cut in another zone.",
                "the day of created_at",
            ),
        ],
    )


def redemption_facts(scope: Scope) -> Product:
    """One row per order and coupon applied to it."""
    return Product(
        "warehouse",
        "fct_coupon_redemptions",
        day="redemption_date",
        expectations=[
            rule(
                "redemptions_take_off_plausibly",
                ["discount_cny", "granted_discount_cny", "order_subtotal_cny"],
                "discount_cny < 0 or granted_discount_cny < 0 "
                "or granted_discount_cny > order_subtotal_cny + 10000",
                "Fen for yuan, or a reduction with the wrong sign.",
                "0 or more, fees included",
            ),
            not_negative(
                "redemptions_come_after_the_issue",
                ["issued_days"],
                "Coupons matched to another order, or a shifted zone.",
            ),
        ],
    )


def ab_test_arms(scope: Scope) -> Product:
    """One row per arm of a test."""
    return Product(
        "warehouse",
        "ab_test_arms",
        expectations=[
            rule(
                "ab_test_arms_convert_at_most_everybody",
                ["conversions", "participants", "conversion_rate_pct"],
                "conversions < 0 or conversions > participants "
                "or conversion_rate_pct < 0 or conversion_rate_pct > 100",
                "Swapped counters: a rate of 140.",
                "conversions from 0 to participants",
            ),
            rule(
                "ab_test_arms_repeat_their_own_control",
                ["is_control", "control_participants", "control_conversions"],
                "is_control and (control_participants <> participants "
                "or control_conversions <> conversions)",
                "Arms compared with another test's control.",
                "the control's own figures on its row",
            ),
        ],
    )
