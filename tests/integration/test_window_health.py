"""What a build of the health domain's incremental tables does, and leaves, on both engines.

One tenant with one patient since 15 June: a record, a measurement and a device log a day. June
closes on the way, builds are missed, rows arrive late. Seven builds, one after the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from window_warehouse import WindowWarehouse

from orchestration.settings import Settings

FIRST_BUILD = datetime(2026, 6, 30, 12)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BEGUN = date(2026, 6, 15)
RELATIONS = {
    "health_management.health_statistics": ("stat_type", "stat_date"),
    "health_management.health_vital_signs_daily": ("patient_id", "stat_date"),
}
COMMON = {"tenant_id": "t1", "patient_id": "p1"}
NEW = {"+"}
RECOUNTED = {"new_records", "total_records", "updated_at"}
Changes = dict[Any, set[str]]


def at(day: date, hour: int = 8) -> datetime:
    """A full hour of a day."""
    return datetime(day.year, day.month, day.day, hour)


def june(number: int) -> date:
    """A day of June 2026."""
    return date(2026, 6, number)


def july(number: int) -> date:
    """A day of July 2026."""
    return date(2026, 7, number)


@dataclass
class Ward:
    """Inserts raw rows, each with a number of its own, and tells what builds change."""

    warehouse: WindowWarehouse
    made: int = 0

    def _insert(self, table: str, moment: datetime, **values: Any) -> None:
        self.made += 1
        row = {"id": f"r{self.made}", **COMMON, "created_at": moment, **values}
        self.warehouse.insert(table, row)

    def opened(self, moment: datetime) -> None:
        """The patient and the device."""
        person = {"patient_code": "P1", "name": "王小明", "gender": "male"}
        born = {"birth_date": date(1960, 2, 29), "created_at": moment}
        self.warehouse.insert("health_patients", {"id": "p1", "tenant_id": "t1", **person, **born})
        kind = {"device_name": "血压计", "device_code": "D1", "device_type": "blood_pressure"}
        self.warehouse.insert(
            "health_devices", {"id": "d1", "tenant_id": "t1", **kind, "created_at": moment}
        )

    def record(self, moment: datetime) -> None:
        """A health record."""
        self._insert(
            "health_records", moment, record_type="symptom", title="复诊", recorded_at=moment
        )

    def measured(self, moment: datetime, heart_rate: int = 70) -> None:
        """Vital signs."""
        self._insert("health_vital_signs", moment, measured_at=moment, heart_rate=heart_rate)

    def day(self, day: date) -> None:
        """A record, a measurement and a device log."""
        self.record(at(day))
        self.measured(at(day))
        self._insert(
            "health_device_logs", at(day), device_id="d1", log_type="measurement", raw_data={}
        )

    def rows(self) -> dict[Any, dict[str, Any]]:
        """The statistics by kind and first day."""
        return self.warehouse.read("health_statistics")

    def changes(self) -> tuple[Changes, Changes]:
        """What the last build changed in the statistics, and in the patient's days."""
        signs = self.warehouse.changes("health_vital_signs_daily")
        return (
            self.warehouse.changes("health_statistics"),
            {day: columns for (_, day), columns in signs.items()},
        )


@pytest.fixture(scope="module")
def ward(module_engine_settings: Settings) -> Ward:
    """Deployed, filled and built for the first time."""
    warehouse = WindowWarehouse(module_engine_settings, RELATIONS, domains=("core", "health"))
    warehouse.deploy(FIRST_BUILD, oldest=BEGUN)
    ward = Ward(warehouse)
    ward.opened(at(BEGUN))
    for number in range(15, 31):
        ward.day(june(number))
    assert warehouse.build(FIRST_BUILD) == ()
    return ward


def test_first_build_takes_what_is_closed_and_a_replay_changes_nothing(ward: Ward) -> None:
    found = ward.rows()
    closed = [("daily", june(number)) for number in range(15, 30)]
    assert set(found) == {*closed, ("weekly", june(15)), ("weekly", june(22))}
    assert [found[day]["total_records"] for day in closed] == list(range(1, 16))
    assert found["weekly", june(22)]["total_records"] == 14
    assert found["weekly", june(22)]["new_records"] == 7
    assert len(ward.warehouse.read("health_vital_signs_daily")) == 16
    ward.warehouse.mark()
    assert ward.warehouse.build(FIRST_BUILD + HOUR) == ()
    assert ward.changes() == ({}, {})


def test_a_month_closes_and_late_rows_show_within_the_window(ward: Ward) -> None:
    """On 2 July, 29 June is the first day that is rebuilt; the month starts long before.

    What came late for 27 June is in the totals from then on, for June is counted from its start.
    """
    ward.day(july(1))
    for day in (june(27), june(29)):
        ward.record(at(day, 20))
        ward.measured(at(day, 20), heart_rate=90)
    assert ward.warehouse.build(at(july(2), 12)) == ()
    statistics, signs = ward.changes()
    assert statistics == {
        ("daily", june(29)): RECOUNTED,
        ("daily", june(30)): NEW,
        ("daily", july(1)): NEW,
        ("monthly", june(1)): NEW,
    }
    assert signs == {
        june(29): {"measurement_count", "avg_heart_rate", "max_heart_rate", "heart_rate_count"},
        july(1): NEW,
    }
    month = ward.rows()["monthly", june(1)]
    assert (month["new_records"], month["total_records"], month["active_patients"]) == (18, 18, 1)
    assert (month["online_devices"], month["total_devices"]) == (1, 1)
    assert ward.rows()["daily", july(1)]["total_records"] == 19


def test_a_backfilled_day_rebuilds_the_periods_it_lies_in(ward: Ward) -> None:
    """Day, week and month, wherever they start; other days stay as they are."""
    window = {"start_date": "2026-06-27", "end_date": "2026-06-28"}
    assert ward.warehouse.build(at(july(2), 13), **window) == ()
    statistics, signs = ward.changes()
    assert statistics == {("daily", june(27)): RECOUNTED, ("weekly", june(22)): RECOUNTED}
    assert signs.keys() == {june(27)}
    assert ward.rows()["daily", june(27)]["total_records"] == 14
    assert ward.rows()["weekly", june(22)]["total_records"] == 15


def test_a_full_refresh_mends_the_day_between_and_keeps_when_rows_were_made(ward: Ward) -> None:
    assert ward.warehouse.build(at(july(2), 14), "--full-refresh") == ()
    statistics, signs = ward.changes()
    assert statistics == {("daily", june(28)): {"total_records", "updated_at"}}
    assert signs == {}
    made = {row["created_at"] for row in ward.rows().values()}
    assert made == {FIRST_BUILD, at(july(2), 12)}


def test_missed_builds_do_not_lose_records_from_the_totals(ward: Ward) -> None:
    """From 3 to 11 July nothing ran: the days before the window stay out, their records do not."""
    for number in range(2, 13):
        ward.day(july(number))
    assert ward.warehouse.build(at(july(12), 12)) == ()
    statistics, signs = ward.changes()
    assert statistics == {("daily", july(number)): NEW for number in (9, 10, 11)}
    assert signs.keys() == {july(number) for number in (9, 10, 11, 12)}
    found = ward.rows()
    assert [found["daily", july(n)]["total_records"] for n in (9, 10, 11)] == [27, 28, 29]


def test_a_first_record_of_a_new_tenant_starts_its_total(ward: Ward) -> None:
    """No row of the day before: its earlier records are counted once, the other tenant's never."""
    moment = at(july(10))
    person = {"patient_code": "P2", "name": "李雷", "gender": "male", "birth_date": BEGUN}
    ward.warehouse.insert(
        "health_patients", {"id": "p2", "tenant_id": "t2", **person, "created_at": moment}
    )
    for number, day in enumerate((june(1), july(10), july(11))):
        ward.warehouse.insert(
            "health_records",
            {
                "id": f"n{number}", "tenant_id": "t2", "patient_id": "p2", "created_at": at(day),
                "record_type": "symptom", "title": "复诊", "recorded_at": at(day),
            },
        )  # fmt: skip
    ward.warehouse.execute(
        "delete from {prefix}health_management.health_records where patient_id = 'p1' "
        "and created_at < '2026-07-01'"
    )
    ward.warehouse.relations = {
        **RELATIONS,
        "health_management.health_statistics": ("tenant_id", "stat_type", "stat_date"),
    }
    assert ward.warehouse.build(at(july(12), 13)) == ()
    found = ward.rows()
    totals = {
        tenant: [found[tenant, "daily", july(n)]["total_records"] for n in (10, 11)]
        for tenant in ("t1", "t2")
    }
    assert totals == {"t1": [28, 29], "t2": [2, 3]}
