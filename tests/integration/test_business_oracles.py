"""The business domain's views, statistics tables and A/B tests, value by value, and their plans."""

from __future__ import annotations

from collections import Counter

import oracles.business as oracle
import pytest
from warehouses import ENGINES, Demo, Relation

HOME = "core_business_platform"


RELATIONS = {
    f"{HOME}.v_service_sales_overview": Relation(
        ("id",),
        oracle.service_sales_overview,
        "id tenant_id service_code service_name service_type delivery_mode category_id "
        "category_name base_price sale_price pricing_model max_concurrent_bookings available_slots "
        "booked_slots booking_count completed_count revenue rating_average review_count "
        "variant_count min_variant_price max_variant_price total_variant_capacity "
        "default_provider_name status created_at",
    ),
    f"{HOME}.v_service_order_overview": Relation(
        ("id",),
        oracle.service_order_overview,
        "id tenant_id order_no customer_id order_type order_status payment_status service_status "
        "service_location_type service_date service_time_start service_time_end "
        "estimated_duration_minutes actual_duration_minutes total_amount paid_amount "
        "assigned_provider_id provider_name service_item_count total_service_quantity "
        "avg_quality_score order_time payment_time assigned_time service_start_time "
        "service_end_time complete_time payment_duration_hours preparation_duration_hours "
        "actual_service_duration_minutes reschedule_count created_at",
        least=500,
    ),
    f"{HOME}.v_campaign_performance": Relation(
        ("id",),
        oracle.campaign_performance,
        "id tenant_id campaign_name campaign_type status start_time end_time total_participants "
        "total_orders total_revenue total_discount conversion_rate actual_conversion_rate roi "
        "campaign_duration_days coupon_count ab_test_count",
        least=30,
    ),
    f"{HOME}.service_daily": Relation(("service_id", "stat_date"), oracle.service_daily, least=500),
    f"{HOME}.service_provider_daily": Relation(
        ("provider_id", "stat_date"), oracle.service_provider_daily, least=300
    ),
    f"{HOME}.service_order_funnel_daily": Relation(
        ("tenant_id", "stat_date"), oracle.service_order_funnel_daily, least=200
    ),
    f"{HOME}.marketing_campaign_daily": Relation(
        ("campaign_id", "stat_date"), oracle.marketing_campaign_daily, least=200
    ),
    "warehouse.ab_test_arms": Relation(("ab_test_id", "arm_name"), oracle.ab_test_arms, least=30),
    "warehouse.ab_test_results": Relation(
        ("ab_test_id", "arm_name"), oracle.ab_test_results, least=30
    ),
}


@pytest.mark.parametrize("name", RELATIONS)
@pytest.mark.parametrize("engine", ENGINES)
def test_every_value_equals_the_computation(demo: Demo, engine: str, name: str) -> None:
    demo.check_relation(engine, name, RELATIONS[name])


# --- what MySQL reads --------------------------------------------------------------------------


@pytest.mark.mysql
@pytest.mark.parametrize(
    ("view", "home", "beside"),
    [
        ("v_service_sales_overview", "services", "service_variants"),
        ("v_service_order_overview", "service_orders", "service_order_items"),
        ("v_campaign_performance", "marketing_campaigns", "marketing_coupons"),
    ],
)
def test_one_tenant_s_question_is_answered_from_indexes(
    demo: Demo, view: str, home: str, beside: str
) -> None:
    """The tenant's own rows by its key, and what is counted beside them row by row by theirs.

    Which a table of a few rows need not use; the tenant is the one with the fewest.
    """
    tenant = Counter(row["tenant_id"] for row in demo.raw.rows(home)).most_common()[-1][0]
    steps = demo.reads(f"select * from {{{HOME}}}.{view} where tenant_id = '{tenant}'")
    (own,) = steps[home]
    assert own["key"] and own["type"] == "ref", own
    (counted,) = steps[beside]
    assert counted["key"] and counted["type"] == "ref", counted
    assert all(step["possible_keys"] for table in steps.values() for step in table)


@pytest.mark.mysql
@pytest.mark.parametrize(
    ("model", "table", "key"),
    [
        ("service_daily", "service_orders", "ix_service_date"),
        ("service_daily", "service_time_slots", "ix_slot_date_start_time_end_time"),
        ("service_provider_daily", "service_orders", "ix_service_date"),
        ("service_order_funnel_daily", "service_orders", "ix_order_time"),
        ("marketing_campaign_daily", "marketing_participations", "ix_participation_time"),
    ],
)
def test_a_night_s_window_can_be_cut_out_by_index(
    demo: Demo, model: str, table: str, key: str
) -> None:
    """A window of weeks is much of the demo's few months, so MySQL may prefer to read it all."""
    steps = demo.reads(demo.compiled(model))[table]
    assert any(key in (step["possible_keys"] or "").split(",") for step in steps), steps


@pytest.mark.mysql
@pytest.mark.parametrize(
    ("model", "table"),
    [
        ("service_daily", "service_order_items"),
        ("service_provider_daily", "service_order_items"),
        ("service_provider_daily", "service_order_payments"),
    ],
)
def test_orders_fetch_what_belongs_to_them_by_index(demo: Demo, model: str, table: str) -> None:
    """Two weeks of orders must not read all items or payments ever written."""
    (step,) = demo.reads(demo.compiled(model))[table]
    assert (step["type"], step["key"]) == ("ref", "ix_order_id")
