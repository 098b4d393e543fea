"""Tables with rows on both sides of every month's boundary, and what must be true of them."""

from __future__ import annotations

import base64
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from rows import Row, insert, make_tables, table

from orchestration import database
from orchestration.retention.archive import Archive
from orchestration.retention.looking import TAKEN_OUT
from orchestration.retention.policy import Policy, policy_of
from orchestration.retention.run import Outcome, run_all
from orchestration.schema.partitions import (
    CATCH_ALL,
    Partition,
    add_months,
    monthly,
    months_between,
    partition_by,
)
from orchestration.schema.record import load_record
from orchestration.settings import Settings

AS_OF = datetime(2026, 6, 30, 23, 59, 59)
SECOND = timedelta(seconds=1)
KEY = base64.b64encode(b"k" * 32).decode()
AUDIT = "saas_unified_audit_logs"
CALLS, METRICS, ROWS = "ai_call_logs", "ai_platform_metrics", "saas_system_metrics"
MOMENT = {CALLS: "created_at", METRICS: "recorded_at", ROWS: "recorded_at"}
TEXTS = ("", "纯文本", "🚀🎉", "a'b\"c\\d\n", "NULL", "0")


def with_archive(settings: Settings, url: object, as_of: datetime = AS_OF, **more: str) -> Settings:
    """The settings with an archive of the test's own and a key."""
    names = {"WAREHOUSE_ARCHIVE_URL": str(url), "WAREHOUSE_ARCHIVE_KEY": KEY} | more
    return replace(settings, as_of=as_of, environment={**settings.environment, **names})


def policy(settings: Settings, name: str, months: int, **changes: Any) -> Policy:
    """The table's policy with other months."""
    found = policy_of(load_record().table(name), 0, settings.is_mysql)
    return replace(found, months=months, minimum_months=1, **changes)


def make(settings: Settings, *names: str) -> None:
    """The tables, empty; on MySQL partitioned as deployment does it."""
    with database.connect(settings) as connection:
        known = table(settings, names[0])
        there = settings.is_mysql and sa.inspect(connection).has_table(
            known.name, schema=known.schema
        )
    if not there:
        make_tables(settings, [*names, AUDIT])


def fill(
    settings: Settings,
    name: str,
    first: date,
    last: date = AS_OF.date(),
    each: int = 3,
    parts: Sequence[Partition] | None = None,
) -> dict[str, datetime]:
    """Rows in every month, on its first and its last second too; their moments by id."""
    rng = random.Random(f"{name} {first}")
    moments: dict[str, datetime] = {}
    months = months_between(first, last)
    for month in months:
        start = datetime(month.year, month.month, 1)
        end = datetime.combine(add_months(month, 1), datetime.min.time())
        for moment in (start, start + SECOND, end - SECOND, end - 2 * SECOND):
            moments[f"{len(moments):06d}"] = moment
        for _ in range(each):
            moments[f"{len(moments):06d}"] = start + timedelta(seconds=rng.randrange(2_000_000))
    repartition(settings, name, parts or [*map(monthly, months), Partition(CATCH_ALL, None)])
    insert(settings, name, *[row_of(name, i, moment, rng) for i, moment in moments.items()])
    return moments


def repartition(settings: Settings, name: str, parts: Sequence[Partition]) -> None:
    """Empty the table and cut it so."""
    known = table(settings, name)
    with database.begin(settings) as connection:
        connection.execute(known.delete())
        if settings.is_mysql and load_record().table(name).partition_by_month:
            connection.exec_driver_sql(
                f"alter table `{known.schema}`.`{name}` {partition_by(MOMENT[name], parts)}"
            )


def row_of(name: str, row_id: str, moment: datetime, rng: random.Random) -> Row:
    """A row with odd texts, JSON, NULLs and decimals where the table has them."""
    row: Row = {"id": row_id, "tenant_id": f"t{int(row_id) % 3}", MOMENT[name]: moment}
    if name == CALLS:
        row |= {
            "request_data": rng.choice((None, {"文": [1, 2.5, "🚀"]}, {})),
            "user_agent": rng.choice(TEXTS),
        }
    return row


def online(settings: Settings, name: str) -> set[str]:
    """The ids in the table, and in what a killed run took out of it."""
    for _ in range(100):
        try:
            return _online(settings, name)
        except sa.exc.DBAPIError as error:
            # A statement of a killed run is still at work.
            if error.orig.args[0] not in (1684, 1146, 1213, 1205):
                raise
            time.sleep(0.1)
    raise AssertionError("the dead one's statement does not end")


def _online(settings: Settings, name: str) -> set[str]:
    known = table(settings, name)
    with database.connect(settings) as connection:
        found = set(connection.scalars(sa.select(known.c.id)))
        if settings.is_mysql and sa.inspect(connection).has_table(
            f"{name}{TAKEN_OUT}", schema=known.schema
        ):
            out = f"`{known.schema}`.`{name}{TAKEN_OUT}`"
            found |= set(connection.exec_driver_sql(f"select id from {out}").scalars())
    return found


def archived(settings: Settings, name: str) -> set[str]:
    """The ids in the archive, each month read whole and held against its manifest."""
    archive, known = Archive(settings), load_record().table(name)
    at = [c.name for c in known.stored_columns].index("id")
    found: set[str] = set()
    for month in archive.months(known):
        if manifest := archive.manifest(known, month):
            ids = [values[at] for values in archive.rows(known, month, manifest)]
            assert len(ids) == len(set(ids)), "a row is in the archive twice"
            assert not found & set(ids)
            found |= set(ids)
    return found


def check_nothing_lost(
    settings: Settings, name: str, moments: Mapping[str, datetime], kept_from: datetime
) -> None:
    """All rows are online or archived, and every row of the kept window is online."""
    there = online(settings, name)
    assert there | archived(settings, name) == set(moments)
    assert {i for i, moment in moments.items() if moment >= kept_from} <= there


def run(settings: Settings, chosen: Policy, **options: Any) -> Outcome:
    """One table's run."""
    [outcome] = run_all(settings, chosen={chosen.table: chosen}, **options)
    return outcome
