"""What is there of a table, read for the planner: rows by month, partitions, archive, holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from orchestration import database
from orchestration.retention.archive import Archive
from orchestration.retention.holds import Hold, held_table, held_tenants
from orchestration.retention.plan import STALE_DAYS, Archived, Facts, clock_problem
from orchestration.retention.policy import Policy
from orchestration.retention.rows import raw_table
from orchestration.schema.metadata import LONGEST_NAME
from orchestration.schema.partitions import Partition, read_partitions
from orchestration.schema.record import Record, Table, load_record
from orchestration.settings import Settings

TAKEN_OUT = "__retired"


def schema_of(settings: Settings, table: Table) -> str:
    """The table's database in this installation."""
    return database.database_name(settings, table.database)


def taken_out(settings: Settings, table: Table) -> sa.TableClause:
    """Where a partition lies between leaving its table and being dropped."""
    name = table.name[: LONGEST_NAME - len(TAKEN_OUT)] + TAKEN_OUT
    return raw_table(table, schema_of(settings, table), name)


def exists(connection: sa.Connection, table: sa.TableClause) -> bool:
    """Whether the database has it."""
    return bool(
        connection.scalar(
            sa.text(
                "select count(*) from information_schema.tables "
                "where table_schema = :schema and table_name = :name"
            ),
            {"schema": table.schema, "name": str(table.name)},
        )
    )


def look(
    settings: Settings,
    policy: Policy,
    archive: Archive,
    holds: Sequence[Hold],
    now: datetime,
    distrust: str = "",
) -> Facts:
    """The facts; whole tables are counted, so this is for the night."""
    table = load_record().table(policy.table)
    source = raw_table(table, schema_of(settings, table))
    with database.connect(settings) as connection:
        counts = count_by_month(connection, source, policy.moment)
        partitions: list[Partition] = []
        within: dict[str, Mapping[date, int]] = {}
        deletable: dict[date, int] = {}
        unfinished = False
        if policy.is_partitioned:
            partitions = read_partitions(connection, str(source.schema), table.name)
            unfinished = exists(connection, taken_out(settings, table))
            for part in partitions:
                if part.before and part.before <= policy.cutoff(now):
                    within[part.name] = count_by_month(
                        connection, source, policy.moment, of_partition=part.name
                    )
        else:
            deletable = count_by_month(
                connection, source, policy.moment, *may_go(settings, policy, source, holds)
            )
    return Facts(
        counts=counts,
        archived=_archived(archive, table) if policy.archive else {},
        partitions=partitions,
        within=within,
        deletable=deletable,
        held=held_table(holds, table.name),
        obstacle=archive.obstacle(table) if policy.archive else "",
        distrust=distrust,
        unfinished=unfinished,
    )


def _archived(archive: Archive, table: Table) -> dict[date, Archived]:
    found = {}
    for month in archive.months(table):
        if known := archive.peek(table, month):
            until = date.fromisoformat(known.keep_until) if known.keep_until else None
            found[month] = Archived(known.rows, known.expiring, until)
    return found


def count_by_month(
    connection: sa.Connection,
    source: sa.TableClause,
    moment: str,
    *where: Any,
    of_partition: str = "",
) -> dict[date, int]:
    """Rows by the month of `moment`; those without one are in none."""
    when = source.c[moment]
    year, month = sa.extract("year", when), sa.extract("month", when)
    query = sa.select(year, month, sa.func.count()).where(when.is_not(None), *where)
    if of_partition:
        text = f"partition ({connection.dialect.identifier_preparer.quote(of_partition)})"
        query = query.with_hint(source, text, "mysql")
    found = connection.execute(query.group_by(year, month)).all()
    return {date(int(y), int(m), 1): n for y, m, n in sorted(found)}


def may_go(
    settings: Settings, policy: Policy, source: sa.TableClause, holds: Sequence[Hold]
) -> list[sa.ColumnElement[bool]]:
    """What a row must meet to be deleted: not held, not referenced, and what the policy names."""
    conditions = [source.c[column] == value for column, value in policy.only]
    if tenants := held_tenants(holds, policy.table):
        tenant = source.c.tenant_id
        conditions.append(sa.or_(tenant.is_(None), tenant.not_in(tenants)))
    record = load_record(settings.domains)
    for child, column, target in referring(record, policy.table):
        children = raw_table(child, schema_of(settings, child)).alias()
        conditions.append(~sa.exists().where(children.c[column] == source.c[target]))
    return conditions


def tables_with(settings: Settings, tenant: str, table: str = "") -> list[str]:
    """The tables with a policy that have rows of the tenant now."""
    found = []
    with database.connect(settings) as connection:
        for known in load_record(settings.domains):
            if known.retention and table in ("", known.name):
                source = raw_table(known, schema_of(settings, known))
                asked = sa.select(source.c.tenant_id).where(source.c.tenant_id == tenant).limit(1)
                if connection.scalar(asked) is not None:
                    found.append(known.name)
    return found


def referring(record: Record, table: str) -> list[tuple[Table, str, str]]:
    """The tables with a foreign key to this one: (table, its column, the column here)."""
    return [
        (child, reference.column, reference.target_column)
        for child in record
        for reference in child.references
        if reference.table == table
    ]


def distrust_of(settings: Settings, policies: Mapping[str, Policy], now: datetime) -> str:
    """Why the clock must not decide what is dropped: by the server's clock, and by the rows."""
    since = now - timedelta(days=STALE_DAYS)
    with database.connect(settings) as connection:
        server = connection.scalar(sa.select(sa.func.now())) if settings.is_mysql else None
        if why := clock_problem(now, server, None):
            return why
        newest = None
        for policy in policies.values():
            table = load_record().table(policy.table)
            source = raw_table(table, schema_of(settings, table))
            when = source.c[policy.moment]
            if connection.scalar(sa.select(when).where(when >= since, when <= now).limit(1)):
                return ""
            newest = max(
                filter(None, (newest, _moment(connection.scalar(sa.select(sa.func.max(when)))))),
                default=None,
            )
    return clock_problem(now, server, newest)


def _moment(value: date | datetime | None) -> datetime | None:
    if value is None or isinstance(value, datetime):
        return value
    return datetime(value.year, value.month, value.day)
