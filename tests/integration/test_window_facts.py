"""What a build of calls, dispatches and capacity changes does, and leaves, on both engines.

One tenant's, one of each on every other day since 16 June; four builds, one after the other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from window_warehouse import WindowWarehouse

from orchestration.settings import Settings

FIRST_BUILD = datetime(2026, 6, 30, 12)
HOUR = timedelta(hours=1)
RELATIONS = {
    "warehouse.fct_ai_calls": ("created_at", "call_log_id"),
    "warehouse.fct_dispatches": ("created_at", "dispatch_log_id"),
    "warehouse.fct_capacity_changes": ("created_at", "capacity_log_id"),
}
NAMES = tuple(relation.split(".")[1] for relation in RELATIONS)
OWNER = {"tenant_id": "t1"}


@dataclass
class Gateway:
    """Inserts a call, a dispatch and a capacity change of the same moment, under the same id."""

    warehouse: WindowWarehouse

    def serve(self, *moments: datetime) -> None:
        """A good call, a dispatch that went where it was meant to, and a booking, at each."""
        for moment in moments:
            entry = {"id": f"{moment:%d-%H%M%S}", "created_at": moment, **OWNER}
            booking = {"capacity_type": "service", "capacity_id": "s1", "change_type": "book"}
            places = {"change_quantity": 1, "before_capacity": 5, "after_capacity": 4}
            self.warehouse.insert("service_capacity_logs", {**entry, **booking, **places})
            row = {**entry, "agent_id": "a1", "request_id": "q"}
            call = {"platform_id": "p1", "api_endpoint": "/v1/chat", "request_method": "POST"}
            figures = {"status_code": 200, "response_time": 1, "cost": "0.01"}
            self.warehouse.insert("ai_call_logs", {**row, **call, **figures})
            ends = {"selected_platform_id": "p1", "final_platform_id": "p1"}
            took = {"dispatch_time_ms": 1, "dispatch_status": "success", "available_platforms": []}
            self.warehouse.insert("ai_dispatch_logs", {**row, **ends, **took})


def at(day: int, hour: int = 10) -> datetime:
    """An hour of a day of June 2026."""
    return datetime(2026, 6, day, hour)


def days(keys: Iterable[tuple[Any, ...]]) -> list[int]:
    """The days that keys begin with."""
    return sorted(key[0].day for key in keys)


@pytest.fixture(scope="module")
def gateway(module_engine_settings: Settings) -> Gateway:
    """Deployed, filled and built for the first time."""
    warehouse = WindowWarehouse(
        module_engine_settings, RELATIONS, domains=("core", "ai", "business")
    )
    warehouse.deploy(FIRST_BUILD, oldest=date(2026, 6, 1))
    created = {"tenant_id": "t1", "created_at": datetime(2026, 1, 1)}
    agent = {"id": "a1", "agent_name": "导诊", "config": {}, "created_by": "u1"}
    warehouse.insert("ai_agents", {**created, **agent})
    gateway = Gateway(warehouse)
    gateway.serve(*(at(day) for day in range(16, 31, 2)))
    assert warehouse.build(FIRST_BUILD) == ()
    return gateway


def test_first_build_takes_everything_and_a_replay_changes_nothing(gateway: Gateway) -> None:
    for name in NAMES:
        assert days(gateway.warehouse.read(name)) == list(range(16, 31, 2)), name
    gateway.warehouse.mark()
    assert gateway.warehouse.build(FIRST_BUILD + HOUR) == ()
    assert {name: gateway.warehouse.changes(name) for name in NAMES} == {n: {} for n in NAMES}


def test_late_rows_changes_and_losses_show_within_three_days(gateway: Gateway) -> None:
    gateway.serve(datetime(2026, 6, 26, 23, 59, 59), datetime(2026, 6, 27))
    for table, column, value in (
        ("ai_agent_platform.ai_call_logs", "status_code", "500"),
        ("ai_agent_platform.ai_dispatch_logs", "final_platform_id", "'p2'"),
        ("core_business_platform.service_capacity_logs", "change_type", "'cancel'"),
    ):
        home = f"{{prefix}}{table}"
        gateway.warehouse.execute(f"update {home} set {column} = {value} where id like '2%'")
        gateway.warehouse.execute(f"delete from {home} where created_at >= '2026-06-30'")
    assert gateway.warehouse.build(FIRST_BUILD + 2 * HOUR) == ()
    for name, changed in (
        ("fct_ai_calls", {"status_code", "is_failed"}),
        ("fct_dispatches", {"final_platform_id", "is_failover"}),
        ("fct_capacity_changes", {"change_type"}),
    ):
        changes = {key[0]: what for key, what in gateway.warehouse.changes(name).items()}
        assert changes == {at(27, 0): {"+"}, at(28): changed, at(30): {"-"}}, name


def test_a_backfill_rebuilds_its_days_and_no_others(gateway: Gateway) -> None:
    """Start inclusive, end exclusive."""
    gateway.serve(at(16, 20), at(17, 0), at(22, 23), at(23, 0))
    window = {"start_date": "2026-06-17", "end_date": "2026-06-23"}
    assert gateway.warehouse.build(FIRST_BUILD + 3 * HOUR, **window) == ()
    for name in NAMES:
        changes = gateway.warehouse.changes(name)
        assert days(key for key, what in changes.items() if what == {"+"}) == [17, 22], name
        assert days(key for key, what in changes.items() if what != {"+"}) == [20, 22], name
