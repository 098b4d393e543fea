"""What the window materialization does around a SELECT, on the wework tables and both engines.

First build, replay, late row, backfill, full refresh and a failing build, one after the other on
one small set of rows: the tests of an engine run in the order in which they stand.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from harness import clean_environment
from window_warehouse import WindowWarehouse

from orchestration.dbt_project import dbt_arguments, run_dbt, summarise, target_path
from orchestration.errors import WarehouseError
from orchestration.settings import Settings

DOMAINS = ("core", "wework")
FIRST_BUILD = datetime(2026, 6, 30, 12)
TENANT_SINCE = date(2026, 6, 15)
USAGE = "wework_tenant_usage"
DAILY = "wework_account_daily"
STATUS = "wework_account_status_daily"
TABLES = (USAGE, DAILY, STATUS)
RELATIONS = {
    f"wework_platform.{USAGE}": ("stat_date",),
    f"wework_platform.{DAILY}": ("account_id", "stat_date"),
    f"wework_platform.{STATUS}": ("account_id", "stat_date", "status"),
}


@dataclass
class Warehouse(WindowWarehouse):
    """One account's messages, in an engine of their own."""

    made: int = 0

    def message(self, moment: datetime, **values: Any) -> None:
        """One sent message of account a1."""
        self.made += 1
        self.insert(
            "wework_message_records",
            {
                "id": f"m{self.made}", "tenant_id": "t1", "account_id": "a1",
                "message_id": f"w{self.made}", "conversation_id": "c1", "direction": "send",
                "message_type": "text", "from_type": "user", "from_id": "u1",
                "to_type": "contact", "to_id": "x1", "content": "你好", "send_status": "sent",
                "created_at": moment, **values,
            },
        )  # fmt: skip

    def changes(self, name: str) -> dict[Any, set[str]]:
        """As of every window; no row may come or go."""
        changed = super().changes(name)
        assert {"+"} not in changed.values() and {"-"} not in changed.values()
        return changed


def day(number: int) -> date:
    """A day of June 2026."""
    return date(2026, 6, number)


def at(number: int, hour: int = 10) -> datetime:
    """An instant of June 2026."""
    return datetime(2026, 6, number, hour)


@pytest.fixture(scope="module")
def warehouse(module_engine_settings: Settings) -> Warehouse:
    """One tenant since 15 June, its account ONLINE since, with a message every other day."""
    made = Warehouse(module_engine_settings, RELATIONS, DOMAINS)
    made.deploy(FIRST_BUILD, TENANT_SINCE)
    assert made.build(FIRST_BUILD) == ()  # from no rows at all
    assert all(made.read(table) == {} for table in TABLES)
    made.insert(
        "saas_tenants",
        {"id": "t1", "tenant_code": "t1", "tenant_name": "租户", "created_at": at(15)},
    )
    account = {"id": "a1", "tenant_id": "t1", "account_name": "a", "status": "ONLINE"}
    made.insert("wework_accounts", {**account, "created_at": at(15)})
    for number in range(16, 31, 2):
        made.message(at(number))
    assert made.build(FIRST_BUILD) == ()
    return made


def test_first_build_takes_everything(warehouse: Warehouse) -> None:
    usage = warehouse.read(USAGE)
    assert sorted(usage) == [(day(number),) for number in range(15, 31)]
    assert {row["total_messages"] for (d,), row in usage.items() if d.day % 2 == 0} == {1}
    assert {row["created_at"] for row in usage.values()} == {FIRST_BUILD}
    assert {row["updated_at"] for row in usage.values()} == {FIRST_BUILD}
    assert len(warehouse.read(DAILY)) == 8
    seconds = {d: row["seconds"] for (_, d, _), row in warehouse.read(STATUS).items()}
    assert seconds[day(15)] == 14 * 3600
    assert seconds[day(29)] == 86_400
    assert seconds[day(30)] == 12 * 3600
    warehouse.mark()


def test_replay_changes_nothing_but_the_running_day(warehouse: Warehouse) -> None:
    """An hour later only the running day has more seconds; no stamp moves."""
    assert warehouse.build(FIRST_BUILD + timedelta(hours=1)) == ()
    assert warehouse.changes(USAGE) == {}
    assert warehouse.changes(DAILY) == {}
    assert warehouse.changes(STATUS) == {("a1", day(30), "ONLINE"): {"seconds"}}


def test_late_rows_show_within_each_window_and_no_further(warehouse: Warehouse) -> None:
    """Three days for usage and states, seven for the cohort of messages."""
    for number in (22, 23, 26, 27):
        warehouse.message(at(number, hour=20))
    late = FIRST_BUILD + timedelta(hours=2)
    assert warehouse.build(late) == ()
    changed = warehouse.changes(USAGE)
    assert changed.keys() == {(day(27),)}
    assert "updated_at" in changed[(day(27),)]
    assert "created_at" not in changed[(day(27),)]
    assert warehouse.read(USAGE)[(day(27),)]["updated_at"] == late
    counts = {d.day: row["sent_count"] for (_, d), row in warehouse.read(DAILY).items()}
    assert counts == {16: 1, 18: 1, 20: 1, 22: 1, 23: 1, 24: 1, 26: 2, 27: 1, 28: 1, 30: 1}
    warehouse.mark()


def test_backfill_rebuilds_its_days_and_no_others(warehouse: Warehouse) -> None:
    """Start inclusive, end exclusive; a late row beside the window stays unseen."""
    for number in (16, 18):
        warehouse.message(at(number, hour=20))
    backfill = FIRST_BUILD + timedelta(hours=3)
    assert warehouse.build(backfill, start_date="2026-06-17", end_date="2026-06-23") == ()
    changed = warehouse.changes(USAGE)
    assert changed.keys() == {(day(18),), (day(22),)}
    assert warehouse.read(USAGE)[(day(18),)]["updated_at"] == backfill
    assert warehouse.changes(DAILY).keys() == {("a1", day(18)), ("a1", day(22))}
    assert warehouse.changes(STATUS) == {}  # not even the running day: it is not in the window


def test_full_refresh_gives_what_a_first_build_would(warehouse: Warehouse) -> None:
    """All days are taken anew; rows that stay the same keep their stamps."""
    refresh = FIRST_BUILD + timedelta(hours=4)
    assert warehouse.build(refresh, "--full-refresh") == ()
    assert warehouse.changes(USAGE).keys() == {(day(16),), (day(23),), (day(26),)}
    assert {row["created_at"] for row in warehouse.read(USAGE).values()} == {FIRST_BUILD}
    assert warehouse.changes(DAILY).keys() == {("a1", day(16))}
    warehouse.changes(STATUS)


def test_a_failing_build_leaves_the_old_rows(warehouse: Warehouse) -> None:
    """A figure that no column can hold: the delete before it is undone."""
    warehouse.message(at(29), response_time_ms=2_000_000_000)
    failures = warehouse.build(FIRST_BUILD + timedelta(hours=5))
    assert [failure.split(":")[0] for failure in failures] == [USAGE]
    assert warehouse.changes(USAGE) == {}
    warehouse.execute(
        "delete from {prefix}wework_platform.wework_message_records "
        "where response_time_ms > 1000000"
    )
    assert warehouse.build(FIRST_BUILD + timedelta(hours=5)) == ()
    assert warehouse.changes(USAGE) == {}


@pytest.mark.parametrize("days", [3, pytest.param(30, marks=pytest.mark.slow)])
def test_a_backfill_equals_its_days_one_by_one(warehouse: Warehouse, days: int) -> None:
    """From empty tables, whatever state and message goes on from one day to the next."""
    chance, last = random.Random(days), day(30)
    account = f"a-{days}"
    warehouse.insert(
        "wework_accounts",
        {"id": account, "tenant_id": "t1", "account_name": account, "status": "ONLINE",
         "created_at": at(1), "wework_guid": account},
    )  # fmt: skip
    for number in range(1, 31):
        for _ in range(chance.randrange(4)):
            moment = datetime(2026, 6, number) + timedelta(seconds=chance.randrange(86_400))
            status = chance.choice(("sent", "failed", "read"))
            warehouse.message(moment, account_id=account, send_status=status)
    as_of = datetime(2026, 7, 1, 12)
    found = []
    for step in (days, 1):
        for table in TABLES:
            warehouse.execute(f"delete from {{prefix}}wework_platform.{table}")
        for back in range(days, 0, -step):
            first = last - timedelta(days=back - 1)
            window = {"start_date": str(first), "end_date": str(first + timedelta(days=step))}
            assert warehouse.build(as_of, parents=False, **window) == ()
        found.append({table: warehouse.read(table) for table in TABLES})
    at_once, one_by_one = found
    assert one_by_one == at_once
    assert {key[-1] for key in at_once[USAGE]} == {
        last - timedelta(days=n) for n in range(days) if last - timedelta(days=n) >= TENANT_SINCE
    }


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"end_date": "2026-06-30"}, "without start_date"),
        ({"start_date": "2026-06-30", "end_date": "2026-06-30"}, "is not before end_date"),
        ({"start_date": "30.06.2026"}, "'30.06.2026' is not a date"),
        ({"as_of": "yesterday"}, "'yesterday' is not a date or a time"),
    ],
)
def test_a_window_that_makes_no_sense_is_refused(
    embedded_settings: Settings, variables: Mapping[str, str], said: str
) -> None:
    with clean_environment():
        # What was parsed for days that make sense is no reason to take these.
        run_dbt(embedded_settings, _arguments(embedded_settings, ["parse"], {}))
        with pytest.raises(WarehouseError) as refused:
            run_dbt(embedded_settings, _arguments(embedded_settings, ["run"], variables))
    assert said in str(refused.value)
    assert not embedded_settings.duckdb_path.exists(), "refused only after it had begun"


def test_a_table_that_is_not_deployed_says_what_to_do(embedded_settings: Settings) -> None:
    with clean_environment():
        command = ["run", "--quiet", "--select", DAILY]
        result = run_dbt(embedded_settings, _arguments(embedded_settings, command, {}))
    (failure,) = summarise(result.results, 0.0).failures
    assert "is not deployed" in failure
    assert "warehouse deploy" in failure


def _arguments(
    settings: Settings, command: Sequence[str], variables: Mapping[str, str]
) -> list[str]:
    return dbt_arguments(
        command,
        target=settings.target,
        target_path=target_path(settings),
        variables=variables,
    )
