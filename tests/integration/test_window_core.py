"""What a build of the core's incremental marts does, and leaves, on both engines.

One tenant's logins, audit entries, alerts, messages and metrics on every other day since 16 June,
and rows on either side of the longer windows. Four builds, one after the other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from window_warehouse import WindowWarehouse

from orchestration.settings import Settings

FIRST_BUILD = datetime(2026, 6, 30, 12)
HOUR = timedelta(hours=1)
# On either side of the sixty days of alerts, and of the seven of messages.
OLD_ALERTS = (date(2026, 4, 30), date(2026, 5, 1))
OLD_MESSAGES = (date(2026, 6, 22), date(2026, 6, 23))
SUBJECT = ("scope_id", "subject_type", "subject_name", "stat_date")
RELATIONS = {
    "warehouse.fct_logins": ("login_attempt_id", "login_date"),
    "warehouse.fct_audit_events": ("audit_log_id", "event_date"),
    "warehouse.fct_alerts": ("alert_id", "alert_date"),
    "warehouse.message_delivery_daily": ("tenant_id", "message_type", "stat_date"),
    "warehouse.platform_health_daily": SUBJECT,
}
FACTS = ("fct_logins", "fct_audit_events")
NAMES = tuple(relation.split(".")[1] for relation in RELATIONS)


@dataclass
class Platform:
    """Inserts raw rows, each with a number of its own."""

    warehouse: WindowWarehouse
    made: int = 0

    def _insert(self, table: str, **values: Any) -> str:
        self.made += 1
        name = f"r{self.made}"
        self.warehouse.insert(table, {"id": name, **values})
        return name

    def message(self, day: date) -> None:
        """A text message that the provider took."""
        self._insert(
            "saas_message_logs", tenant_id="t1", message_type="sms", recipient_type="user",
            recipient_address="x", status="sent", created_at=at(day),
        )  # fmt: skip

    def alert(self, day: date) -> str:
        """An alert that waits, raised by the tenant's rule; its id."""
        return self._insert(
            "saas_unified_alerts", tenant_id="t1", source_type="monitor", source_module="core",
            source_id="rule", alert_code="X", alert_title="x", alert_message="x",
            alert_level="error", alert_category="custom", first_occurred_at=at(day),
            last_occurred_at=at(day), created_at=at(day),
        )  # fmt: skip

    def all_on(self, day: date) -> None:
        """A row of every kind."""
        self._insert(
            "saas_login_attempts", tenant_id="t1", username="ann", attempt_result="success",
            ip_address="10.0.0.1", created_at=at(day),
        )  # fmt: skip
        self._insert(
            "saas_unified_audit_logs", tenant_id="t1", log_type="security", module="core",
            action="login", created_at=at(day),
        )  # fmt: skip
        self._insert(
            "saas_system_metrics", metric_name="calls", metric_type="counter", time_window="1m",
            metric_category="api", metric_value=1, recorded_at=at(day),
        )  # fmt: skip
        self.alert(day)
        self.message(day)


def at(day: date) -> datetime:
    """Ten in the morning."""
    return datetime.combine(day, time(10))


def june(*numbers: int) -> list[date]:
    """Days of June 2026."""
    return [date(2026, 6, number) for number in numbers]


def days(keys: Iterable[tuple[Any, ...]]) -> list[date]:
    """The days that keys end with, each once."""
    return sorted({key[-1] for key in keys})


@pytest.fixture(scope="module")
def platform(module_engine_settings: Settings) -> Platform:
    """Deployed, filled and built for the first time."""
    warehouse = WindowWarehouse(module_engine_settings, RELATIONS, domains=("core",))
    warehouse.deploy(FIRST_BUILD, oldest=OLD_ALERTS[0])
    long_ago = datetime(2026, 1, 1)
    warehouse.insert(
        "saas_tenants",
        {"id": "t1", "tenant_code": "t1", "tenant_name": "t1", "created_at": long_ago},
    )
    warehouse.insert(
        "saas_monitor_rules",
        {
            "id": "rule", "tenant_id": "t1", "rule_name": "x", "rule_category": "system",
            "target_module": "core", "monitor_target": {}, "check_conditions": {},
            "alert_level": "error", "created_at": long_ago,
        },
    )  # fmt: skip
    warehouse.insert(
        "saas_health_checks",
        {
            "id": "h1", "check_name": "x", "check_type": "http", "target_endpoint": "x",
            "status": "healthy",
        },
    )  # fmt: skip
    platform = Platform(warehouse)
    for day in june(*range(16, 31, 2)):
        platform.all_on(day)
    for day in OLD_ALERTS:
        platform.alert(day)
    for day in OLD_MESSAGES:
        platform.message(day)
    assert warehouse.build(FIRST_BUILD) == ()
    return platform


def test_first_build_takes_everything_and_a_replay_changes_nothing(platform: Platform) -> None:
    even = june(*range(16, 31, 2))
    found = {name: days(platform.warehouse.read(name)) for name in NAMES}
    assert found == {
        "fct_logins": even,
        "fct_audit_events": even,
        "fct_alerts": [*OLD_ALERTS, *even],
        "message_delivery_daily": sorted({*even, *OLD_MESSAGES}),
        "platform_health_daily": [*OLD_ALERTS, *even],
    }
    platform.warehouse.mark()
    assert platform.warehouse.build(FIRST_BUILD + HOUR) == ()
    assert all(platform.warehouse.changes(name) == {} for name in NAMES)


def test_late_rows_show_within_each_window_and_no_further(platform: Platform) -> None:
    """Three days of events, seven of messages, sixty of alerts; probes only on the running day."""
    for day in june(26, 27):
        platform.all_on(day)
    run = platform.warehouse.execute
    core = "{prefix}saas_unified_core"
    run(
        f"update {core}.saas_message_logs set status = 'failed' "
        "where created_at between '2026-06-22' and '2026-06-24'"
    )
    run(
        f"update {core}.saas_unified_alerts set status = 'resolved', "
        "resolved_at = '2026-06-30 12:00:00' where created_at < '2026-06-01'"
    )
    run(f"delete from {core}.saas_system_metrics where recorded_at >= '2026-06-30'")
    run(f"update {core}.saas_health_checks set status = 'degraded'")
    assert platform.warehouse.build(FIRST_BUILD + 2 * HOUR) == ()
    changes = {name: platform.warehouse.changes(name) for name in NAMES}
    assert [days(changes[name]) for name in FACTS] == [june(27)] * 2
    (alert,) = (seen for key, seen in changes["fct_alerts"].items() if key[-1] == OLD_ALERTS[1])
    assert alert == {"status", "resolved_at", "resolve_seconds"}
    assert days(changes["fct_alerts"]) == [OLD_ALERTS[1], *june(26, 27)]
    assert days(changes["message_delivery_daily"]) == june(23, 26, 27)
    health = changes["platform_health_daily"]
    (late, today) = june(27, 30)
    assert health == {
        ("platform", "metric", "calls", late): {"+"},
        ("t1", "monitor_rule", "system", late): {"+"},
        ("platform", "metric", "calls", today): {"-"},
        ("platform", "health_check", "http", today): {
            "healthy_probes", "degraded_probes", "healthy_pct",
        },
    }  # fmt: skip


def test_a_backfill_rebuilds_its_days_and_no_others(platform: Platform) -> None:
    """Start inclusive, end exclusive."""
    for day in june(16, 17, 22, 23):
        platform.all_on(day)
    window = {"start_date": "2026-06-17", "end_date": "2026-06-23"}
    assert platform.warehouse.build(FIRST_BUILD + 3 * HOUR, **window) == ()
    changes = {name: days(platform.warehouse.changes(name)) for name in NAMES}
    assert changes == {name: june(17, 22) for name in NAMES}


def test_a_full_refresh_finds_what_no_window_did(platform: Platform) -> None:
    """And keeps what the snapshots know of the day."""
    assert platform.warehouse.build(FIRST_BUILD + 4 * HOUR, "--full-refresh") == ()
    changes = {name: platform.warehouse.changes(name) for name in NAMES}
    assert [days(changes[name]) for name in FACTS] == [june(16, 23, 26)] * 2
    assert days(changes["fct_alerts"]) == [OLD_ALERTS[0], *june(16, 23)]
    assert days(changes["message_delivery_daily"]) == june(16, 23)
    assert days(changes["platform_health_daily"]) == june(16, 23, 26)
    probe = ("platform", "health_check", "http", FIRST_BUILD.date())
    assert platform.warehouse.read("platform_health_daily")[probe]["degraded_probes"] == 1
