"""The health domain's views, statistics tables and marts, value by value, and how MySQL reads."""

from __future__ import annotations

from collections import Counter

import oracles.health as oracle
import pytest
from warehouses import ENGINES, Demo, Relation

VIEWS = "health_management"


RELATIONS = {
    f"{VIEWS}.v_patient_health_overview": Relation(
        ("id",),
        oracle.patient_overview,
        "id tenant_id patient_code name gender age phone status total_visits total_records "
        "last_visit_at last_record_at recent_records open_alerts assigned_devices "
        "last_vital_signs_at last_systolic_pressure last_diastolic_pressure last_heart_rate "
        "last_temperature last_checkup_status last_checkup_date",
    ),
    f"{VIEWS}.v_device_status_overview": Relation(
        ("id",),
        oracle.device_overview,
        "id tenant_id device_name device_type status assigned_patient_id patient_name "
        "battery_level last_online_at total_measurements successful_measurements error_count "
        "success_rate needs_calibration last_calibration_at recent_logs",
    ),
    f"{VIEWS}.health_statistics": Relation(
        ("tenant_id", "stat_date", "stat_type"), oracle.statistics
    ),
    f"{VIEWS}.health_vital_signs_daily": Relation(
        ("patient_id", "stat_date"), oracle.vital_signs_daily
    ),
    f"{VIEWS}.health_patient_risk": Relation(("patient_id",), oracle.patient_risk),
    f"{VIEWS}.health_device_performance": Relation(("device_id",), oracle.device_performance),
    "warehouse.dim_patients": Relation(("patient_key",), oracle.patients),
    "warehouse.fct_vital_signs": Relation(("vital_sign_id",), oracle.vital_signs),
    "warehouse.fct_health_alerts": Relation(("alert_id",), oracle.alerts),
    "warehouse.fct_checkups": Relation(("checkup_report_id",), oracle.checkups),
    "warehouse.patient_timeline": Relation(("event_type", "event_id"), oracle.timeline),
}


@pytest.mark.parametrize("name", RELATIONS)
@pytest.mark.parametrize("engine", ENGINES)
def test_every_value_equals_the_computation(demo: Demo, engine: str, name: str) -> None:
    demo.check_relation(engine, name, RELATIONS[name])


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
    marts = [name for name in RELATIONS if name.startswith("warehouse.")]
    assert marts
    for name in marts:
        shown = {value for row in demo.rows(engine, *name.split(".")) for value in row.values()
                 if isinstance(value, str)}  # fmt: skip
        assert not shown & told, name


# --- what MySQL reads --------------------------------------------------------------------------


@pytest.mark.mysql
@pytest.mark.parametrize("view", ["v_patient_health_overview", "v_device_status_overview"])
def test_one_tenant_s_question_is_answered_from_indexes(demo: Demo, view: str) -> None:
    """No table is read whole, whatever it is for; the tenant asked for is the rarest."""
    home = "health_patients" if "patient" in view else "health_devices"
    tenants = Counter(row["tenant_id"] for row in demo.raw.rows(home))
    (tenant, _) = tenants.most_common()[-1]
    steps = demo.reads(f"select * from {{health_management}}.{view} where tenant_id = '{tenant}'")
    assert steps
    for table, reads in steps.items():
        for read in reads:
            assert read["key"] and read["type"] in ("const", "eq_ref", "ref", "range"), (
                table,
                read,
            )


@pytest.mark.mysql
def test_a_device_s_recent_logs_come_from_this_month_s_partition(demo: Demo) -> None:
    steps = demo.reads("select * from {health_management}.v_device_status_overview")
    (logs,) = steps["health_device_logs"]
    assert (logs["partitions"], logs["key"]) == ("p202606", "ix_tenant_id_device_id")


@pytest.mark.mysql
@pytest.mark.parametrize("model", ["health_statistics", "health_device_performance"])
def test_a_night_s_window_reads_its_months_of_logs(demo: Demo, model: str) -> None:
    (logs,) = demo.reads(demo.compiled(model))["health_device_logs"]
    assert logs["partitions"] == "p202606"


@pytest.mark.mysql
def test_a_night_s_records_can_come_from_the_index_on_their_time(demo: Demo) -> None:
    """Records by created_at and recorded_at, earlier ones only of tenants without a total.

    Whether the first two pay is the server's to say: eight days are a sixth of what the demo has.
    """
    reads = demo.reads(demo.compiled("health_statistics"))["health_records"]
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
    (signs,) = demo.reads(demo.compiled(model))["health_vital_signs"]
    assert "ix_measured_at" in signs["possible_keys"]
