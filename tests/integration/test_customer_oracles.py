"""Every value of the customer views, statistics tables and marts against Python, on both engines.

Behaviour has a module of its own. The raw rows are the sample data, whole.
"""

from __future__ import annotations

import oracles.customer as oracle
import pytest
from warehouses import ENGINES, Demo, Relation

RELATIONS = {
    "customer_management.v_customer_360": Relation(
        ("id",),
        oracle.customer_360,
        "id tenant_id customer_code name customer_type phone email status lifecycle_stage level "
        "source_channel total_orders total_amount avg_order_amount last_order_date "
        "satisfaction_score tag_count segment_count tags created_at last_contact_date",
    ),
    "customer_management.v_segment_statistics": Relation(
        ("id",),
        oracle.segment_statistics,
        "id tenant_id segment_name segment_type customer_count avg_order_amount total_revenue "
        "conversion_rate actual_member_count actual_avg_amount actual_total_revenue "
        "last_calculated_at created_at",
    ),
    "customer_management.customer_lifetime_value": Relation(
        ("customer_id",), oracle.lifetime_value
    ),
    "customer_management.customer_segment_daily": Relation(
        ("segment_id", "stat_date"), oracle.segment_daily
    ),
    "warehouse.dim_customers": Relation(("customer_id",), oracle.customers),
    "warehouse.customer_lifecycle_stage": Relation(("customer_id",), oracle.lifecycle_stages),
    "warehouse.fct_lifecycle_changes": Relation(("lifecycle_change_id",), oracle.lifecycle_changes),
    "warehouse.fct_tag_assignments": Relation(("tag_assignment_id",), oracle.tag_assignments),
    "warehouse.customer_rfm": Relation(("customer_id",), oracle.rfm),
    "warehouse.customer_cohort_retention": Relation(
        ("tenant_id", "cohort_start_date", "month_start_date"), oracle.cohort_retention
    ),
    "warehouse.segment_overlap": Relation(
        ("segment_id", "other_segment_id"), oracle.segment_overlap
    ),
}


@pytest.mark.parametrize("name", RELATIONS)
@pytest.mark.parametrize("engine", ENGINES)
def test_every_value_equals_the_computation(demo: Demo, engine: str, name: str) -> None:
    demo.check_relation(engine, name, RELATIONS[name])


def test_small_cells_are_hidden_and_others_are_not(demo: Demo) -> None:
    """The sample has both kinds, or the comparison above would prove little about hiding."""
    for expected, figure in (
        (oracle.cohort_retention, "retained_customers"),
        (oracle.segment_overlap, "both_customers"),
    ):
        rows = list(expected(demo.raw).values())
        shown = [row[figure] for row in rows if not row["has_small_cell"]]
        assert len(rows) > len(shown) > 10
        assert None not in shown


@pytest.mark.mysql
@pytest.mark.parametrize("name", ["v_customer_360", "v_segment_statistics"])
def test_a_tenants_question_is_answered_from_indexes(demo: Demo, name: str) -> None:
    """No table is read from end to end, however many tenants there are."""
    tenant = demo.raw.rows("customers")[0]["tenant_id"]
    plan = demo.plan(f"select * from {{customer_management}}.{name} where tenant_id = '{tenant}'")
    tables = [step for step in plan if not str(step["table"]).startswith("<")]
    assert len(tables) > 2
    assert [step for step in tables if step["type"] in ("ALL", "index")] == []


@pytest.mark.mysql
def test_daily_segments_read_the_windows_orders_and_ask_older_runs_by_segment(demo: Demo) -> None:
    """The sample's runs are hardly older than the window, so that those in it are not looked at."""
    plan = demo.plan(demo.compiled("customer_segment_daily"))
    types = {step["table"]: set[str]() for step in plan}
    for step in plan:
        types[step["table"]].add(step["type"])
    assert types["service_orders"] == {"range"}
    assert "ref" in types["segment_calculation_history"]
