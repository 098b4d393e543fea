"""Customer behaviour, value by value on both engines, and how MySQL reads for it.

The raw rows are the sample data, whole: four months of events.
"""

from __future__ import annotations

from collections import Counter

import oracles.customer_behavior as oracle
import pytest
from warehouses import ENGINES, Demo, Relation

RELATIONS = {
    "customer_management.customer_behavior_statistics": Relation(
        ("customer_id", "behavior_id", "stat_period", "stat_date"),
        oracle.behavior_statistics,
        least=10_000,
    ),
    "customer_management.customer_behavior_sequences": Relation(
        ("event_id",), oracle.behavior_sequences, least=10_000
    ),
    "customer_management.v_behavior_heatmap": Relation(
        ("tenant_id", "behavior_name", "event_date", "event_hour"),
        oracle.behavior_heatmap,
        "tenant_id behavior_name behavior_category unique_customers total_events avg_event_value "
        "total_event_value event_date event_hour",
        least=1000,
    ),
    "warehouse.fct_behavior_events": Relation(("event_id",), oracle.behavior_events, least=10_000),
    "warehouse.behavior_paths": Relation(
        ("tenant_id", "path_rank"), oracle.behavior_paths, least=500
    ),
}


@pytest.mark.parametrize("name", RELATIONS)
@pytest.mark.parametrize("engine", ENGINES)
def test_every_value_equals_the_computation(demo: Demo, engine: str, name: str) -> None:
    demo.check_relation(engine, name, RELATIONS[name])


def test_the_sample_data_has_what_could_go_wrong(demo: Demo) -> None:
    """Sessions over midnight and over a partition's end, every trend, growth that must be cut."""
    found = oracle.traits(demo.raw)
    kinds = ("auto", "over midnight", "over a month's end", "beyond five steps",
             "up", "down", "stable", "no trend", "clamped")  # fmt: skip
    assert [kind for kind in kinds if not found[kind]] == []


# --- what MySQL reads --------------------------------------------------------------------------


@pytest.mark.mysql
@pytest.mark.parametrize(
    "model", ["customer_behavior_statistics", "customer_behavior_sequences", "fct_behavior_events"]
)
def test_a_night_s_window_reads_its_month_of_events(demo: Demo, model: str) -> None:
    """27 to 30 June lie in one partition of the many that the demo has."""
    events = demo.reads(demo.compiled(model))["customer_behavior_events"]
    assert {step["partitions"] for step in events} == {"p202606"}


@pytest.mark.mysql
def test_longer_periods_are_looked_up_and_not_searched_for(demo: Demo) -> None:
    """What a customer did before comes by key; only the window's own days are a range."""
    demo.query("mysql", "analyze table {customer_management}.customer_behavior_statistics")
    tables = demo.reads(demo.compiled("customer_behavior_statistics"))
    assert {step["type"] for step in tables["kept"]} == {"ref"}
    assert {step["key"] for step in tables["counted_days"]} == {"ix_stat_date"}


@pytest.mark.mysql
def test_the_heat_map_reads_seven_days_of_one_tenant_by_index(demo: Demo) -> None:
    """Of the partitions that of the last seven days; of it, the tenant that has least in it."""
    tenants = Counter(row["tenant_id"] for row in demo.raw.rows("customer_behavior_events"))
    tenant = tenants.most_common()[-1][0]
    view = "{customer_management}.v_behavior_heatmap"
    (events,) = demo.reads(f"select * from {view} where tenant_id = '{tenant}'")[
        "customer_behavior_events"
    ]
    assert events["partitions"] == "p202606"
    assert events["type"] == "ref"
    (all_events,) = demo.reads(f"select * from {view}")["customer_behavior_events"]
    assert all_events["partitions"] == "p202606"
