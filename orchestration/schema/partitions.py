"""Monthly partitions of MySQL tables: which there should be, and the steps to get there.

A partition `pYYYYMM` holds the rows before the next month's first midnight (+08:00) that no earlier
partition took, so the first one also holds whatever is older. `p_future` takes what lies beyond the
last month and must stay empty: reorganising it is quick only then. Planning is pure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone

import sqlalchemy as sa

from orchestration.schema.record import Table

MONTHS_AHEAD = 3
CATCH_ALL = "p_future"
BUSINESS_ZONE = timezone(timedelta(hours=8))
_MONTH_NAME = re.compile(r"p(\d{4})(\d{2})")


@dataclass(frozen=True)
class Partition:
    """A partition; `before` is its exclusive upper bound (+08:00 wall clock), None for MAXVALUE."""

    name: str
    before: datetime | None


@dataclass(frozen=True)
class Step:
    """One statement: cut partition `source` into `parts`, or append them where it is None."""

    source: str | None
    parts: tuple[Partition, ...]


def first_of_month(day: date) -> date:
    """The first day of the month that `day` is in."""
    return date(day.year, day.month, 1)


def add_months(month: date, count: int) -> date:
    """The first of the month `count` months after (before, if negative) the month of `month`."""
    index = month.year * 12 + month.month - 1 + count
    return date(index // 12, index % 12 + 1, 1)


def months_between(first: date, last: date) -> list[date]:
    """The first days of all months from `first`'s through `last`'s, both included."""
    count = (last.year - first.year) * 12 + last.month - first.month
    return [add_months(first, i) for i in range(count + 1)]


def partition_name(month: date) -> str:
    """`p202606` for June 2026."""
    return f"p{month:%Y%m}"


def month_of(name: str) -> date | None:
    """The month that a partition's name speaks of; None for `p_future` and foreign names."""
    match = _MONTH_NAME.fullmatch(name)
    if not match or not 1 <= int(match[2]) <= 12:
        return None
    return date(int(match[1]), int(match[2]), 1)


def is_aligned(partition: Partition) -> bool:
    """Whether name and bound agree: `p202606` ends at the first midnight of July, +08:00.

    A table deployed by a session in another zone has bounds that are hours off.
    """
    if partition.before is None:
        return partition.name == CATCH_ALL
    month = month_of(partition.name)
    return month is not None and partition.before == _bound(month)


def monthly(month: date) -> Partition:
    """The partition of one month."""
    return Partition(partition_name(month), _bound(month))


def _bound(month: date) -> datetime:
    return datetime.combine(add_months(month, 1), datetime.min.time())


def plan_partitions(
    existing: Sequence[Partition],
    oldest: date | None,
    as_of: date,
    ahead: int = MONTHS_AHEAD,
) -> list[Step]:
    """The steps after which every month from the oldest through `ahead` months on is its own.

    `existing` in order (empty: a table not made yet, whose partitions come back as one step). The
    oldest month is that of `oldest`, of `as_of` or of the first partition, whichever is earliest.
    Partitions are only cut, never joined or dropped, so no row is lost whatever the steps.
    """
    dated = [m for m in (month_of(p.name) for p in existing) if m is not None]
    start = min([first_of_month(d) for d in (oldest or as_of, as_of)] + dated[:1])
    end = max([add_months(as_of, ahead), *dated])
    wanted = [monthly(month) for month in months_between(start, end)]
    if not existing:
        return [Step(None, (*wanted, Partition(CATCH_ALL, None)))]
    steps = []
    lower: datetime | None = None
    for partition in existing:
        upper = partition.before
        inside = [
            part
            for part in wanted
            if part.before is not None
            and (lower is None or part.before > lower)
            and (upper is None or part.before < upper)
        ]
        if inside:
            steps.append(Step(partition.name, (*inside, partition)))
        lower = upper
    if lower is not None:
        beyond = [part for part in wanted if part.before is not None and part.before > lower]
        steps.append(Step(None, (*beyond, Partition(CATCH_ALL, None))))
    return steps


def partition_by(column: str, parts: Sequence[Partition]) -> str:
    """The PARTITION BY clause of CREATE TABLE."""
    return f"partition by range (unix_timestamp(`{column}`)) (\n    {_definitions(parts)}\n)"


def step_sql(schema: str, table: str, step: Step) -> str:
    """The ALTER TABLE of one step."""
    definitions = f"(\n    {_definitions(step.parts)}\n)"
    target = f"`{schema}`.`{table}`"
    if step.source is None:
        return f"alter table {target} add partition {definitions}"
    return f"alter table {target} reorganize partition `{step.source}` into {definitions}"


def _definitions(parts: Sequence[Partition]) -> str:
    return ",\n    ".join(
        f"partition `{part.name}` values less than "
        + (
            "maxvalue"
            if part.before is None
            # Evaluated in the session's zone, which orchestration.database sets to +08:00.
            else f"(unix_timestamp('{part.before:%Y-%m-%d %H:%M:%S}'))"
        )
        for part in parts
    )


def read_partitions(connection: sa.Connection, schema: str, table: str) -> list[Partition]:
    """The partitions of a MySQL table in order; empty when it has none."""
    rows = connection.execute(
        sa.text(
            "select partition_name, partition_description from information_schema.partitions "
            "where table_schema = :schema and table_name = :table and partition_name is not null "
            "order by partition_ordinal_position"
        ),
        {"schema": schema, "table": table},
    )
    return [Partition(name, bound_of(description)) for name, description in rows]


def bound_of(description: str) -> datetime | None:
    """MySQL's PARTITION_DESCRIPTION (an epoch or MAXVALUE) as business wall clock."""
    if description.upper() == "MAXVALUE":
        return None
    return datetime.fromtimestamp(int(description), BUSINESS_ZONE).replace(tzinfo=None)


def extend_partitions(
    connection: sa.Connection, schema: str, table: Table, oldest: date | None, as_of: date
) -> list[Step]:
    """Bring a deployed table's partitions up to the plan and return the steps that were taken.

    `schema` with the installation's prefix. Does nothing on DuckDB, for unpartitioned tables and
    where nothing is missing. MySQL commits each step by itself; killed in between, the next call
    goes on. Loaders call it before loading rows as old as `oldest`: cutting empty partitions is
    quick, and cutting full ones moves their rows.
    """
    if connection.dialect.name != "mysql" or table.partition_by_month is None:
        return []
    steps = plan_partitions(read_partitions(connection, schema, table.name), oldest, as_of)
    for step in steps:
        connection.exec_driver_sql(step_sql(schema, table.name, step))
    return steps
