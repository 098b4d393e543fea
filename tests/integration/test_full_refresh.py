"""`dbt --full-refresh`: the same rows and table, readers see no gap, and no history is lost.

With another masking key it leaves no pseudonym of the old one.
"""

from __future__ import annotations

import secrets
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta

import pymysql
import pytest
import warehouses
from pseudonyms import shown, with_key
from rows import insert
from warehouses import ENGINES_SPARINGLY, Demo
from window_warehouse import Row, WindowWarehouse

from orchestration import database
from orchestration.schema.inspect import DeployedTable, read_databases, read_deployed
from orchestration.schema.record import load_record
from orchestration.settings import Settings

USAGE = "wework_tenant_usage"
DAILY = "wework_account_daily"
FIRST_BUILD = datetime(2026, 6, 30, 12)
SINCE = date(2026, 3, 1)
READERS_PAUSE = 0.02  # seconds, or four readers take the processors that the build needs
LONG_READ_SECONDS = 25  # the build comes to its rename within ten


@pytest.mark.parametrize(
    "of", [("--select", "wework"), pytest.param((), marks=pytest.mark.slow, id="everything")]
)
@pytest.mark.parametrize("engine", ENGINES_SPARINGLY)
def test_rows_keys_partitions_and_readers_survive(
    demo: Demo, engine: str, of: tuple[str, ...]
) -> None:
    """All is made anew while four readers ask each mart in turn how many rows it has."""
    settings = demo.on(engine)
    built = [(t.database, t.name) for t in load_record(settings.domains) if t.built_by_dbt]
    rows = {key: Counter(demo.content(engine, *key).rows) for key in built}
    tables = _tables(settings)
    if settings.is_mysql:
        with _readers(settings, {key: sum(found.values()) for key, found in rows.items()}) as seen:
            warehouses.refresh(settings, *of)
        assert seen.wrong == []
        assert seen.reads > 200
    else:
        warehouses.refresh(settings, *of)
    assert [k for k in built if rows[k] != Counter(demo.content(engine, *k).rows)] == []
    assert _tables(settings) == tables


def _tables(settings: Settings) -> dict[tuple[str, str], DeployedTable]:
    """What is deployed: columns, keys, foreign keys, partitions; no twin may be among it."""
    prefix = settings.database_prefix
    with database.connect(settings) as connection:
        return read_deployed(connection, read_databases(connection, prefix), prefix)


class _Seen:
    """What readers met."""

    def __init__(self) -> None:
        self.reads = 0
        self.wrong: list[str] = []


@contextmanager
def _readers(settings: Settings, expected: dict[tuple[str, str], int]) -> Iterator[_Seen]:
    seen, stop = _Seen(), threading.Event()
    views = [("wework_platform", "v_wework_account_overview"), ("warehouse", "dim_wework_accounts")]

    def read() -> None:
        with warehouses.connect_mysql(settings) as connection, connection.cursor() as cursor:
            connection.autocommit(True)
            while not stop.is_set():
                for home, name in [*expected, *views]:
                    stop.wait(READERS_PAUSE)
                    try:
                        cursor.execute(
                            f"select count(*) from `{settings.database_prefix}{home}`.`{name}`"
                        )
                        count = cursor.fetchone()[0]
                    except pymysql.MySQLError as error:
                        seen.wrong.append(f"{name}: {error}")
                        continue
                    seen.reads += 1
                    if count != expected.get((home, name), max(count, 1)):
                        seen.wrong.append(f"{name}: {count} rows")

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def messages(since: datetime, days: Iterable[int]) -> list[Row]:
    """One on each of these days after `since`."""
    return [
        {
            "id": f"m{since:%y%m}{number}", "tenant_id": "t1", "account_id": "a1",
            "message_id": f"w{since:%y%m}{number}", "conversation_id": "c1", "direction": "send",
            "message_type": "text", "from_type": "user", "from_id": "u1",
            "to_type": "contact", "to_id": "x1", "content": "你好", "send_status": "sent",
            "created_at": since + timedelta(days=number, hours=10),
        }
        for number in days
    ]  # fmt: skip


@pytest.fixture(scope="module")
def warehouse(module_engine_settings: Settings) -> WindowWarehouse:
    """One tenant and account since March, a message every tenth day."""
    made = WindowWarehouse(
        module_engine_settings,
        {
            f"wework_platform.{USAGE}": ("stat_date",),
            f"wework_platform.{DAILY}": ("account_id", "stat_date"),
        },
        ("core", "wework"),
    )
    made.deploy(FIRST_BUILD, SINCE)
    since = datetime.combine(SINCE, datetime.min.time())
    made.insert(
        "saas_tenants",
        {"id": "t1", "tenant_code": "t1", "tenant_name": "租户", "created_at": since},
    )
    account = {"id": "a1", "tenant_id": "t1", "account_name": "a", "status": "ONLINE"}
    made.insert("wework_accounts", {**account, "created_at": since})
    made.insert("wework_message_records", *messages(since, range(5, 120, 10)))
    (edge,) = messages(since, [0])
    first_of_may = datetime(2026, 5, 1)
    made.insert(
        "wework_message_records",
        {**edge, "id": "last", "created_at": first_of_may - timedelta(seconds=1)},
        {**edge, "id": "first", "message_id": "first", "created_at": first_of_may},
    )
    assert made.build(FIRST_BUILD) == ()
    made.mark()
    return made


def test_days_before_the_first_message_are_no_loss(warehouse: WindowWarehouse) -> None:
    """The tenant is older than its messages: nothing of its first days can be lost."""
    assert warehouse.build(FIRST_BUILD + timedelta(hours=1), "--full-refresh") == ()
    assert warehouse.changes(USAGE) == {}
    assert warehouse.changes(DAILY) == {}


def test_more_rows_than_a_row_group_of_duckdb(embedded_settings: Settings) -> None:
    """In order, DuckDB 2.0 would read none of the grouped rows that the transaction put aside.

    An index that somebody made by hand is there afterwards too.
    """
    grown = WindowWarehouse(
        embedded_settings, {f"wework_platform.{DAILY}": ("account_id", "stat_date")}, ("wework",)
    )
    grown.deploy(FIRST_BUILD, SINCE)
    (row,) = messages(datetime(2026, 3, 1), [0])
    drawn = {
        "id": "cast(n as varchar)",
        "message_id": "cast(n as varchar)",
        "account_id": "'a' || n % 1200",
        "created_at": "timestamp '2026-03-01 10:00:00' + to_days(cast(n // 1200 as integer))",
    }
    values = {name: f"'{value}'" for name, value in row.items()} | drawn
    listed = ", ".join(values.values()).replace(":", r"\:")
    grown.execute(
        f"insert into wework_platform.wework_message_records ({', '.join(values)}) "
        f"select {listed} from range(132000) as r(n)"
    )
    counted = f"select count(*), sum(send_total) from wework_platform.{DAILY}"
    grown.execute(f"create index by_day on wework_platform.{DAILY} (stat_date)")
    for flags in ((), ("--full-refresh",)):
        assert grown.build(FIRST_BUILD, *flags) == ()
        with database.connect(grown.settings) as connection:
            assert tuple(connection.exec_driver_sql(counted).one()) == (132_000, 132_000)
            indexes = connection.exec_driver_sql("select index_name from duckdb_indexes()")
            assert indexes.all() == [("by_day",)]


def test_a_month_that_fails_leaves_the_table(warehouse: WindowWarehouse) -> None:
    """MySQL refreshes by months, each in a transaction of its own, beside the table."""
    settings = warehouse.settings
    if not settings.is_mysql:
        pytest.skip("DuckDB refreshes in one statement")
    later = FIRST_BUILD + timedelta(hours=1)
    view = f"`{settings.database_prefix}warehouse_staging`.`stg_wework__message_records`"
    with warehouses.connect_mysql(settings) as connection, connection.cursor() as cursor:
        cursor.execute(f"show create view {view}")
        query = cursor.fetchone()[1].partition(" AS ")[2]
        # no id is JSON
        cursor.execute(
            f"create or replace view {view} as {query} where created_at < '2026-05-01' "
            "or created_at >= '2026-06-01' or json_extract(message_record_id, '$') is null"
        )
    failures = warehouse.build(later, "--full-refresh", "--exclude", "path:models/staging")
    assert {failure.split(":")[0] for failure in failures} == {USAGE, DAILY}
    assert all("Invalid JSON text" in failure for failure in failures)
    assert warehouse.changes(USAGE) == {}
    assert warehouse.changes(DAILY) == {}
    assert warehouse.build(later, "--full-refresh") == ()
    assert warehouse.changes(DAILY) == {}
    twins = "select count(*) from information_schema.tables where table_name like '%\\_\\_dbt%'"
    with database.connect(settings) as connection:
        assert (
            connection.exec_driver_sql(
                twins.replace("%", "%%") + f" and table_schema like '{settings.database_prefix}%%'"
            ).scalar()
            == 0
        )


def test_history_whose_source_is_gone_is_not_lost(warehouse: WindowWarehouse) -> None:
    """March was dropped: rows of a fact would vanish, figures of a spine would turn to 0."""
    warehouse.execute(
        "delete from {prefix}wework_platform.wework_message_records where created_at < :day",
        day=datetime(2026, 4, 1),
    )
    later = FIRST_BUILD + timedelta(hours=2)
    march = {"start_date": "2026-03-01", "end_date": "2026-04-01"}
    refreshed, backfilled = (
        warehouse.build(later, "--full-refresh"),
        warehouse.build(later, **march),
    )
    for failures in (refreshed, backfilled):
        assert {failure.split(":")[0] for failure in failures} == {USAGE, DAILY}
    assert all("a full refresh of" in failure for failure in refreshed)
    assert all("a backfill of" in failure for failure in backfilled)
    for failure in refreshed + backfilled:
        assert "of 3 rows between 2026-03-06 and 2026-03-26" in failure
        assert "wework_message_records" in failure
        assert "need not have all rows of before 2026-04-05" in failure
        assert "start_date: 2026-04-05" in failure
    assert warehouse.changes(USAGE) == {}
    assert warehouse.changes(DAILY) == {}
    # What is still there can be rebuilt, and the loss can be accepted by name.
    assert warehouse.build(later, start_date="2026-04-05") == ()
    assert warehouse.changes(USAGE) == {}
    assert warehouse.build(later, "--full-refresh", accept_lost_history="true") == ()
    lost = [("a1", date(2026, 3, number)) for number in (6, 16, 26)]
    assert warehouse.changes(DAILY) == {key: {"-"} for key in lost}
    changed = warehouse.changes(USAGE)
    assert changed.keys() == {(day,) for _, day in lost}
    assert all("sent_messages" in columns for columns in changed.values())


def test_a_row_that_stays_does_not_stand_for_its_month(warehouse: WindowWarehouse) -> None:
    """Of a month beyond the policy's twelve all rows are gone but the oldest, which is held."""
    january = datetime(2025, 1, 1)
    held, *others = messages(january, (5, 15, 25))
    warehouse.insert("wework_message_records", held, *others)
    later = FIRST_BUILD + timedelta(hours=2)
    month = {"start_date": "2025-01-01", "end_date": "2025-02-01"}
    warehouse.mark()
    assert warehouse.build(later, **month) == ()
    built = {("a1", date(2025, 1, number)) for number in (6, 16, 26)}
    assert warehouse.changes(DAILY) == {key: {"+"} for key in built}
    warehouse.execute(
        "delete from {prefix}wework_platform.wework_message_records "
        "where created_at < :end and id <> :held",
        end=datetime(2025, 2, 1),
        held=held["id"],
    )
    for failures in (warehouse.build(later, "--full-refresh"), warehouse.build(later, **month)):
        (failure,) = (failure for failure in failures if failure.startswith(DAILY))
        assert "of 2 rows between 2025-01-16 and 2025-01-26" in failure
        assert "start_date: 2025-06-01" in failure
    assert warehouse.changes(DAILY) == {}
    # With the month restored the table is made anew, held rows or not.
    warehouse.insert("wework_message_records", *others)
    assert warehouse.build(later, "--full-refresh") == ()
    assert warehouse.changes(DAILY) == {}


def test_a_refresh_waits_for_a_long_reader_but_nobody_behind_it(warehouse: WindowWarehouse) -> None:
    """A transaction that has read the table keeps it from being renamed, for longer than a wait."""
    settings = warehouse.settings
    if not settings.is_mysql:
        pytest.skip("in DuckDB's file there is one process at a time")
    warehouse.mark()
    with warehouses.connect_mysql(settings) as reader, reader.cursor() as cursor:
        cursor.execute(
            f"select count(*) from `{settings.database_prefix}wework_platform`.`{DAILY}`"
        )
        ended = threading.Timer(LONG_READ_SECONDS, reader.commit)
        ended.start()
        assert warehouse.build(FIRST_BUILD + timedelta(hours=3), "--full-refresh") == ()
        ended.join()
    assert warehouse.changes(DAILY) == {}


def test_a_table_that_differs_from_its_model_stops_the_build(warehouse: WindowWarehouse) -> None:
    """Without the check dbt would leave the new column empty, or say 1054."""
    warehouse.execute(
        "alter table {prefix}wework_platform.wework_account_daily add column odd_count integer"
    )
    (failure,) = warehouse.build(FIRST_BUILD + timedelta(hours=3))
    assert "wework_account_daily" in failure and "the table also has odd_count" in failure
    warehouse.execute(
        "alter table {prefix}wework_platform.wework_account_daily drop column odd_count"
    )
    assert warehouse.build(FIRST_BUILD + timedelta(hours=3)) == ()
    warehouse.execute(
        "alter table {prefix}wework_platform.wework_account_daily drop column read_count"
    )
    (failure,) = warehouse.build(FIRST_BUILD + timedelta(hours=3))
    assert "the model also gives read_count" in failure and "warehouse deploy" in failure


# Two domains' marts in which people have pseudonyms, facts that are built by days among them.
MASKED = {
    "fct_messages": {"from_key", "to_key", "counterpart_key"},
    "fct_logins": {"username_key", "ip_key", "device_key"},
    "fct_audit_events": {"ip_key"},
    "dim_users": {"employee_key", "username_key", "email_key", "phone_key"},
    "dim_wework_accounts": {"phone_key", "wework_user_key"},
}
ONE_KEY = ("assert_core_facts_have_one_mask_key", "assert_fct_messages_have_one_mask_key")


def test_another_mask_key_changes_all_pseudonyms_and_mixes_none(warehouse: WindowWarehouse) -> None:
    old, new = (secrets.token_hex(32) for _ in "on")
    settings = with_key(warehouse.settings, old)
    add_people(settings)
    relations = {f"warehouse.{name}": () for name in MASKED}
    people = WindowWarehouse(settings, relations, warehouse.domains)
    assert people.build(FIRST_BUILD) == ()
    before = shown(settings, old, new)
    assert before.columns == {f"warehouse.{name}": columns for name, columns in MASKED.items()}

    # not as docs/security.md says: facts keep the old pseudonyms beyond the days of a build
    people.settings = with_key(people.settings, new)
    assert people.build(FIRST_BUILD, parents=False) == ()
    with pytest.raises(AssertionError, match="has the other key's"):
        shown(settings, new, old)
    assert set(people.check(FIRST_BUILD, *ONE_KEY)) == set(ONE_KEY)

    assert people.build(FIRST_BUILD, "--full-refresh", parents=False) == ()
    assert shown(settings, new, old) == before
    assert people.check(FIRST_BUILD, *ONE_KEY) == ()


def add_people(settings: Settings) -> None:
    """Two users of t1 and another account, and what they did in forty days."""
    days = [FIRST_BUILD - timedelta(days=n, hours=3) for n in range(40)]
    insert(settings, "saas_users", *(
        {"id": f"u{n}", "tenant_id": "t1", "username": f"user{n}", "email": f"u{n}@example.com",
         "phone": f"1381234000{n}", "employee_id": f"E{n}"} for n in range(2)
    ))  # fmt: skip
    insert(settings, "wework_accounts", {"id": "a2", "tenant_id": "t1", "phone": "13912340000",
                                         "wework_user_id": "wx-user"})  # fmt: skip
    insert(settings, "saas_login_attempts", *(
        {"tenant_id": "t1", "username": f"user{n % 2}", "ip_address": f"10.0.0.{n % 7 + 1}",
         "device_fingerprint": f"device-{n % 3}", "created_at": at} for n, at in enumerate(days)
    ))  # fmt: skip
    insert(settings, "saas_unified_audit_logs", *(
        {"tenant_id": "t1", "ip_address": f"10.0.0.{n % 7 + 1}", "created_at": at}
        for n, at in enumerate(days)
    ))  # fmt: skip
    insert(settings, "wework_message_records", *(
        {"tenant_id": "t1", "account_id": "a2", "message_id": f"of-a2-{n}", "direction": "send",
         "from_type": "user", "from_id": "wx-user", "to_type": "contact", "to_id": f"c{n % 5}",
         "created_at": at} for n, at in enumerate(days)
    ))  # fmt: skip
