"""What a build of usage, quotas and sign-ins does, and leaves, on both engines.

One tenant's AI calls, logins and failed audit entries on every other day since it was created on 20
June, a second tenant that comes later, and a quota that changes. Six builds, one after the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from window_warehouse import WindowWarehouse

from orchestration.settings import Settings

FIRST_BUILD = datetime(2026, 6, 30, 12, 30)
NEXT_DAY = datetime(2026, 7, 1, 12, 30)
HOUR = timedelta(hours=1)
RELATIONS = {
    "saas_unified_core.saas_usage_statistics": ("tenant_id", "usage_date"),
    "saas_unified_core.saas_security_daily": ("tenant_id", "stat_date"),
    "saas_unified_core.saas_quota_usage_realtime": (
        "tenant_id", "resource_type", "usage_period",
    ),
    "warehouse.fct_quota_utilization_daily": (
        "tenant_id", "usage_date", "resource_type", "usage_period",
    ),
}  # fmt: skip
USAGE, SECURITY, REALTIME, UTILIZATION = (name.split(".")[1] for name in RELATIONS)
CALLED = {"ai_requests", "api_calls", "ai_cost", "updated_at"}
SIGNED_IN = {"successful_attempts", "ip_address_count", "audit_failures"}
NEW = {"+"}


def june(*numbers: int) -> list[date]:
    """Days of June 2026."""
    return [date(2026, 6, number) for number in numbers]


@dataclass
class Suite:
    """Inserts raw rows, each with a number of its own, and looks at two tenants."""

    warehouse: WindowWarehouse
    made: int = 0

    def insert(self, table: str, **values: Any) -> None:
        """One row."""
        self.made += 1
        self.warehouse.insert(table, {"id": f"r{self.made}", **values})

    def tenant(self, name: str, moment: datetime) -> None:
        """A tenant with a limit on what it calls."""
        self.warehouse.insert(
            "saas_tenants",
            {"id": name, "tenant_code": name, "tenant_name": name, "created_at": moment},
        )
        self.insert(
            "saas_tenant_quotas", tenant_id=name, effective_from=date(2026, 1, 1),
            created_at=moment, max_api_calls_per_day=100,
        )  # fmt: skip

    def all_at(self, moment: datetime, tenant: str = "t1") -> None:
        """A call, a login and an audit entry that failed."""
        self.insert(
            "ai_call_logs", tenant_id=tenant, request_id="q", platform_id="p", cost="0.5",
            api_endpoint="/v1", request_method="POST", status_code=200, response_time=1,
            created_at=moment,
        )  # fmt: skip
        self.insert(
            "saas_login_attempts", tenant_id=tenant, username="ann", attempt_result="success",
            ip_address=f"10.0.0.{self.made}", created_at=moment,
        )  # fmt: skip
        self.insert(
            "saas_unified_audit_logs", tenant_id=tenant, log_type="system", module="core",
            action="update", operator_type="system", status="failure", created_at=moment,
        )  # fmt: skip

    def rows(self, name: str) -> dict[Any, dict[str, Any]]:
        """A relation's rows of the two tenants; deployment's own tenant is left out."""
        found = self.warehouse.read(name)
        return {key: row for key, row in found.items() if key[0] in ("t1", "t2")}

    def changes(self, name: str) -> dict[Any, set[str]]:
        """What differs since the last look, of the two tenants."""
        found = self.warehouse.changes(name)
        return {key: names for key, names in found.items() if key[0] in ("t1", "t2")}

    def calls(self, period: str) -> tuple[Any, ...]:
        """The first tenant's calls by now: of the current window, at most, on average."""
        row = self.rows(REALTIME)["t1", "api_calls", period]
        return row["current_usage"], row["peak_usage"], float(row["avg_usage"])


@pytest.fixture(scope="module")
def suite(module_engine_settings: Settings) -> Suite:
    """Deployed, filled and built for the first time."""
    warehouse = WindowWarehouse(module_engine_settings, RELATIONS, domains=("core", "ai"))
    warehouse.deploy(FIRST_BUILD, oldest=date(2026, 6, 1))
    suite = Suite(warehouse)
    suite.tenant("t1", datetime(2026, 6, 20, 23, 59, 59))
    suite.tenant("t2", datetime(2026, 6, 29))
    for day in june(20, 22, 24, 26, 28, 30):
        suite.all_at(datetime(day.year, day.month, day.day, 10))
    assert warehouse.build(FIRST_BUILD) == ()
    return suite


def test_first_build_takes_everything_and_a_replay_moves_only_the_clock(suite: Suite) -> None:
    every_day = {("t1", day) for day in june(*range(20, 31))} | {("t2", d) for d in june(29, 30)}
    assert suite.rows(USAGE).keys() == suite.rows(SECURITY).keys() == every_day
    assert sum(row["ai_requests"] for row in suite.rows(USAGE).values()) == 6
    assert {key[1] for key in suite.rows(UTILIZATION)} == set(june(30))
    assert suite.calls("minute") == (0, 0, 0)
    assert suite.calls("hour") == (0, 1, 0.03)
    assert suite.calls("day") == (1, 1, 0.2)
    assert suite.calls("month") == (6, 6, 0.2)
    suite.warehouse.mark()
    assert suite.warehouse.build(FIRST_BUILD + HOUR) == ()
    for name in (USAGE, SECURITY, UTILIZATION):
        assert suite.changes(name) == {}, name
    clock = {"window_start", "window_end", "last_reset_at", "updated_at"}
    assert suite.changes(REALTIME) == {
        (tenant, "api_calls", period): clock
        for tenant in ("t1", "t2")
        for period in ("minute", "hour")
    }


def test_late_rows_show_within_three_days_and_no_further(suite: Suite) -> None:
    for number in (26, 27):
        suite.all_at(datetime(2026, 6, number, 20))
    assert suite.warehouse.build(FIRST_BUILD + HOUR) == ()
    assert suite.changes(USAGE) == {("t1", date(2026, 6, 27)): CALLED}
    assert suite.changes(SECURITY) == {("t1", date(2026, 6, 27)): SIGNED_IN}
    assert suite.calls("day") == (1, 1, 0.23)
    assert suite.calls("month") == (7, 7, 0.23)
    month = ("t1", date(2026, 6, 30), "api_calls", "month")
    assert suite.changes(UTILIZATION)[month] == {"usage_amount"}


def test_a_backfill_rebuilds_the_days_that_it_names(suite: Suite) -> None:
    days = {"start_date": "2026-06-25", "end_date": "2026-06-27"}
    assert suite.warehouse.build(FIRST_BUILD + HOUR, **days) == ()
    assert suite.changes(USAGE) == {("t1", date(2026, 6, 26)): CALLED}
    assert suite.changes(SECURITY) == {("t1", date(2026, 6, 26)): SIGNED_IN}
    assert suite.changes(UTILIZATION) == {}
    assert suite.calls("month") == (8, 8, 0.27)
    assert suite.calls("day") == (1, 2, 0.27)


def test_the_next_day_has_its_own_quota_and_yesterday_keeps_the_one_it_had(suite: Suite) -> None:
    suite.warehouse.execute(
        "update {prefix}saas_unified_core.saas_tenant_quotas "
        "set max_api_calls_per_day = 1 where tenant_id = 't1'"
    )
    suite.all_at(NEXT_DAY - HOUR)
    suite.all_at(NEXT_DAY - HOUR)
    suite.warehouse.mark()
    assert suite.warehouse.build(NEXT_DAY) == ()
    changed = suite.changes(USAGE)
    assert changed == {(tenant, date(2026, 7, 1)): NEW for tenant in ("t1", "t2")}
    rows = suite.rows(UTILIZATION)
    limits = {
        day: (rows[key]["limit_amount"], rows[key]["is_over_limit"])
        for key in rows
        if (key[0], key[2], key[3]) == ("t1", "api_calls", "day")
        for day in [key[1]]
    }
    assert limits == {date(2026, 6, 30): (100, False), date(2026, 7, 1): (1, True)}
    now = suite.rows(REALTIME)["t1", "api_calls", "day"]
    assert (now["current_usage"], now["usage_limit"]) == (2, 1)
    assert (now["usage_percentage"], bool(now["alert_triggered"])) == (200, True)
    assert now["created_at"] == FIRST_BUILD
    assert now["updated_at"] == NEXT_DAY


def test_full_refresh_builds_the_same_and_keeps_the_stamps(suite: Suite) -> None:
    suite.warehouse.mark()
    assert suite.warehouse.build(NEXT_DAY, "--full-refresh") == ()
    assert {name: suite.changes(name) for name in (USAGE, SECURITY, REALTIME, UTILIZATION)} == {
        USAGE: {}, SECURITY: {}, REALTIME: {}, UTILIZATION: {},
    }  # fmt: skip
