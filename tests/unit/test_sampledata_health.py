"""The health tables agree with each other: counters with rows, states with their times."""

from __future__ import annotations

import pandas as pd
import pytest

from tests.frames import pandas_frames


@pytest.fixture(scope="module")
def health() -> dict[str, pd.DataFrame]:
    return pandas_frames("health")


def test_patients_counters_are_their_records(health: dict[str, pd.DataFrame]) -> None:
    patients, records = health["health_patients"].set_index("id"), health["health_records"]
    counts = records.groupby("patient_id").size().reindex(patients.index, fill_value=0)
    assert (patients.total_records == counts).all()
    newest = records.groupby("patient_id").recorded_at.max()
    assert (
        patients.last_record_at.dropna()
        .sort_index()
        .equals(newest.sort_index().rename("last_record_at").rename_axis("id"))
    )
    visits = records[records.record_type == "diagnosis"].groupby("patient_id").size()
    assert (patients.total_visits == visits.reindex(patients.index, fill_value=0)).all()


def test_devices_counters_are_their_logs(health: dict[str, pd.DataFrame]) -> None:
    devices, logs = health["health_devices"].set_index("id"), health["health_device_logs"]
    measured = logs[logs.log_type == "measurement"]
    for column, rows in (
        ("total_measurements", measured),
        ("successful_measurements", measured[measured.error_code.isna()]),
        ("error_count", logs[logs.log_type == "error"]),
    ):
        counts = rows.groupby("device_id").size().reindex(devices.index, fill_value=0)
        assert (devices[column] == counts).all(), column
    assert (devices.total_measurements == 0).any(), "a device that never measured anything"


def test_references_stay_in_the_tenant(health: dict[str, pd.DataFrame]) -> None:
    patients = health["health_patients"].set_index("id")
    for name in ("health_records", "health_vital_signs", "health_alerts", "health_checkup_reports"):
        rows = health[name]
        assert (patients.tenant_id[rows.patient_id].values == rows.tenant_id.values).all(), name
    records = health["health_records"].set_index("id")
    linked = health["health_vital_signs"].dropna(subset="health_record_id")
    assert len(linked)
    assert (records.patient_id[linked.health_record_id].values == linked.patient_id.values).all()


def test_alerts_times_follow_their_status(health: dict[str, pd.DataFrame]) -> None:
    alerts = health["health_alerts"]
    settled = alerts.status.isin(["resolved", "false_positive"])
    assert (alerts.resolved_at.notna() == settled).all()
    acted = alerts.dropna(subset="acknowledged_at")
    assert (acted.acknowledged_at >= acted.triggered_at).all()
    done = alerts.dropna(subset="resolved_at")
    assert (done.resolved_at >= done.acknowledged_at).all()


def test_named_edge_rows_exist(health: dict[str, pd.DataFrame]) -> None:
    vitals = health["health_vital_signs"]
    assert vitals.duplicated(["patient_id", "measured_at"]).any(), "two signs at one instant"
    born = pd.to_datetime(health["health_patients"].birth_date)
    assert ((born.dt.month == 2) & (born.dt.day == 29)).any()
    assert (vitals.created_at > vitals.measured_at + pd.Timedelta(hours=1)).any(), "late rows"
