"""The health domain's views, statistics tables and marts, value by value, and how MySQL reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import oracles.health as oracle
import pytest
from oracles.base import Keyed, Raw, Row
from warehouses import ENGINES, Demo

VIEWS = "health_management"


@dataclass(frozen=True)
class Relation:
    """A relation under test: its database, grain and oracle; its columns where they are fixed."""

    home: str
    grain: tuple[str, ...]
    expected: Callable[[Raw], Keyed]
    columns: str = ""


RELATIONS = {
    "v_patient_health_overview": Relation(
        VIEWS,
        ("id",),
        oracle.patient_overview,
        "id tenant_id patient_code name gender age phone status total_visits total_records "
        "last_visit_at last_record_at recent_records open_alerts assigned_devices "
        "last_vital_signs_at last_systolic_pressure last_diastolic_pressure last_heart_rate "
        "last_temperature last_checkup_status last_checkup_date",
    ),
    "v_device_status_overview": Relation(
        VIEWS,
        ("id",),
        oracle.device_overview,
        "id tenant_id device_name device_type status assigned_patient_id patient_name "
        "battery_level last_online_at total_measurements successful_measurements error_count "
        "success_rate needs_calibration last_calibration_at recent_logs",
    ),
    "health_statistics": Relation(
        VIEWS, ("tenant_id", "stat_date", "stat_type"), oracle.statistics
    ),
    "health_vital_signs_daily": Relation(
        VIEWS, ("patient_id", "stat_date"), oracle.vital_signs_daily
    ),
    "health_patient_risk": Relation(VIEWS, ("patient_id",), oracle.patient_risk),
    "health_device_performance": Relation(VIEWS, ("device_id",), oracle.device_performance),
    "dim_patients": Relation("warehouse", ("patient_key",), oracle.patients),
    "fct_vital_signs": Relation("warehouse", ("vital_sign_id",), oracle.vital_signs),
    "fct_health_alerts": Relation("warehouse", ("alert_id",), oracle.alerts),
    "fct_checkups": Relation("warehouse", ("checkup_report_id",), oracle.checkups),
    "patient_timeline": Relation("warehouse", ("event_type", "event_id"), oracle.timeline),
}


@pytest.mark.parametrize("name", RELATIONS)
@pytest.mark.parametrize("engine", ENGINES)
def test_every_value_equals_the_computation(demo: Demo, engine: str, name: str) -> None:
    relation = RELATIONS[name]
    demo.check(
        engine,
        f"{relation.home}.{name}",
        relation.grain,
        relation.expected(demo.raw),
        columns=relation.columns,
        least=50,
    )


def test_the_demo_has_what_makes_the_figures_differ(demo: Demo) -> None:
    """Ties, silence, every rating and every level: an oracle agrees easily over nothing."""
    signs = Counter(
        (row["patient_id"], row["measured_at"]) for row in demo.raw.rows("health_vital_signs")
    )
    assert max(signs.values()) > 1
    risks = oracle.patient_risk(demo.raw).values()
    assert {row["risk_level"] for row in risks} == {"very_low", "low", "medium", "high"}
    assert {row["missing_inputs"] is None for row in risks} == {True, False}
    ratings = {row["performance_rating"] for row in oracle.device_performance(demo.raw).values()}
    assert {"excellent", "poor", "no_data"} <= ratings
    kinds = Counter(kind for _, _, kind in oracle.statistics(demo.raw))
    assert kinds.keys() == {"daily", "weekly", "monthly", "yearly"}
    assert 0 < len(oracle.released(demo.raw)) < len(demo.raw.rows("health_patients"))


@pytest.mark.parametrize("engine", ENGINES)
def test_no_row_of_a_mart_names_anybody(demo: Demo, engine: str) -> None:
    """Neither ids of patients nor what identifies them reach analysts, released or not."""
    people = demo.raw.rows("health_patients")
    columns = ("id", "patient_code", "id_card", "name", "phone", "email", "emergency_contact")
    told = {person[column] for person in people for column in columns} - {None}
    for name, relation in RELATIONS.items():
        if relation.home == "warehouse":
            shown = {value for row in demo.rows(engine, "warehouse", name) for value in row.values()
                     if isinstance(value, str)}  # fmt: skip
            assert not shown & told, name


# --- what MySQL reads --------------------------------------------------------------------------


def read_tables(plan: list[Row]) -> dict[str, list[Row]]:
    """The plan's rows by table or alias; results of earlier steps are left out."""
    found: dict[str, list[Row]] = {}
    for step in plan:
        if step["table"] and not step["table"].startswith("<"):
            found.setdefault(step["table"], []).append(step)
    return found


@pytest.mark.mysql
@pytest.mark.parametrize("view", ["v_patient_health_overview", "v_device_status_overview"])
def test_one_tenant_s_question_is_answered_from_indexes(demo: Demo, view: str) -> None:
    """No table is read whole, whatever it is for; the tenant asked for is the rarest."""
    home = "health_patients" if "patient" in view else "health_devices"
    tenants = Counter(row["tenant_id"] for row in demo.raw.rows(home))
    (tenant, _) = tenants.most_common()[-1]
    steps = read_tables(
        demo.plan(f"select * from {{health_management}}.{view} where tenant_id = '{tenant}'")
    )
    assert steps
    for table, reads in steps.items():
        for read in reads:
            assert read["key"] and read["type"] in ("const", "eq_ref", "ref", "range"), (
                table,
                read,
            )


@pytest.mark.mysql
def test_a_device_s_recent_logs_come_from_this_month_s_partition(demo: Demo) -> None:
    steps = read_tables(demo.plan("select * from {health_management}.v_device_status_overview"))
    (logs,) = steps["health_device_logs"]
    assert (logs["partitions"], logs["key"]) == ("p202606", "ix_tenant_id_device_id")


@pytest.mark.mysql
@pytest.mark.parametrize("model", ["health_statistics", "health_device_performance"])
def test_a_night_s_window_reads_its_months_of_logs(demo: Demo, model: str) -> None:
    (logs,) = read_tables(demo.plan(demo.compiled(model)))["health_device_logs"]
    assert logs["partitions"] == "p202606"


@pytest.mark.mysql
def test_a_night_s_records_can_come_from_the_index_on_their_time(demo: Demo) -> None:
    """Records by created_at and recorded_at, earlier ones only of tenants without a total.

    Whether the first two pay is the server's to say: eight days are a sixth of what the demo has.
    """
    reads = read_tables(demo.plan(demo.compiled("health_statistics")))["health_records"]
    by_tenant = [read for read in reads if "ix_tenant_id_patient_id" in read["possible_keys"]]
    assert [(r["type"], r["key"]) for r in by_tenant] == [("ref", "ix_tenant_id_patient_id")]
    others = sorted(read["possible_keys"] for read in reads if read not in by_tenant)
    assert others == ["ix_created_at", "ix_recorded_at"]


@pytest.mark.mysql
@pytest.mark.parametrize(
    "model", ["health_statistics", "health_vital_signs_daily", "health_patient_risk"]
)
def test_signs_of_the_last_days_can_come_from_the_index(demo: Demo, model: str) -> None:
    """Whether it pays is the server's to say: eight days are a tenth of what the demo has."""
    (signs,) = read_tables(demo.plan(demo.compiled(model)))["health_vital_signs"]
    assert "ix_measured_at" in signs["possible_keys"]
