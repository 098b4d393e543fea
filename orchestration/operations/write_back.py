"""Figures that applications show with their own rows, written back from the statistics tables.

`WRITE_BACKS` says all there is to say. Only rows whose figures differ are written, and only their
`updated_at` moves; dbt builds the statistics beforehand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from itertools import groupby
from typing import Any

import sqlalchemy as sa

from orchestration.errors import WarehouseError
from orchestration.operations.running import Run


@dataclass(frozen=True)
class WriteBack:
    """Which columns of a built table go into which of a table of the applications.

    `key` is the model's column with the id of the row; `pairs` are (of the model, of the table).
    With `statuses`, rows in another one keep what they have.
    """

    model: str
    key: str
    pairs: tuple[tuple[str, str], ...]
    table: str
    statuses: tuple[str, ...] = ()

    def __call__(self, run: Run) -> None:
        """Write what differs."""
        write_back(run, self)

    def has_rows(self, run: Run) -> bool:
        """Whether there is a row that a figure could be written to."""
        target = run.table(self.table)
        asked = sa.select(sa.literal(1)).select_from(target).limit(1)
        if self.statuses:
            asked = asked.where(target.c.status.in_(self.statuses))
        with run.read() as connection:
            return connection.scalar(asked) is not None


def _same(*names: str) -> tuple[tuple[str, str], ...]:
    return tuple((name, name) for name in names)


# By operation, which is named as its event was.
WRITE_BACKS = {
    "update_all_agent_statistics": WriteBack(
        "ai_agent_statistics",
        "agent_id",
        _same(
            "conversation_count", "message_count", "total_tokens", "total_cost",
            "avg_response_time", "success_rate", "satisfaction_score", "last_used_at",
        ),
        "ai_agents",
    ),
    "update_account_statistics": WriteBack(
        "wework_account_statistics",
        "account_id",
        _same(
            "total_messages", "successful_messages", "failed_messages", "online_duration_hours",
            "avg_message_response_time", "message_success_rate", "uptime_percentage",
        ),
        "wework_accounts",
    ),
    "update_health_scores": WriteBack(
        "wework_account_health",
        "account_id",
        _same("health_score"),
        "wework_accounts",
        statuses=("ONLINE", "OFFLINE"),
    ),
}  # fmt: skip


def write_back(run: Run, this: WriteBack) -> None:
    """Write the figures that differ, tenant by tenant; WarehouseError where nothing is built."""
    target, model = run.table(this.table), _model(run, this)
    found = [target.c.id == model.c[this.key]]
    if this.statuses:
        found.append(target.c.status.in_(this.statuses))
    figures = {name: _fitting(model.c[of], target.c[name]) for of, name in this.pairs}
    differ = sa.or_(*(target.c[name].is_distinct_from(value) for name, value in figures.items()))
    changed = (
        sa.select(target.c.tenant_id, target.c.id)
        .where(*found, differ)
        .order_by(target.c.tenant_id, target.c.id)
    )
    change = target.update().where(*found, differ).values(**figures, updated_at=run.as_of)
    with run.read() as connection:
        run.examined += connection.scalar(sa.select(sa.func.count(target.c.id)).where(*found)) or 0
        rows = connection.execute(changed).all()
    for tenant_id, group in groupby(rows, lambda row: row.tenant_id):
        run.change(tenant_id, [row.id for row in group], partial(_write, change, target.c.id))


def _write(
    change: sa.Update, key: sa.Column[Any], connection: sa.Connection, ids: Sequence[str]
) -> int:
    return connection.execute(change.where(key.in_(ids))).rowcount


def _model(run: Run, this: WriteBack) -> sa.TableClause:
    """The built table, which stands beside its target; dbt alone knows its columns' types."""
    schema = run.table(this.table).schema
    with run.read() as connection:
        if not sa.inspect(connection).has_table(this.model, schema=schema):
            raise WarehouseError(
                f"{this.model} is not built, and its figures go into {this.table}.",
                fix=f"run `dbt build -s +{this.model}` first.",
            )
    columns = (this.key, *(of for of, _ in this.pairs))
    return sa.table(this.model, *map(sa.column, columns), schema=schema)


def _fitting(value: sa.ColumnElement[Any], column: sa.Column[Any]) -> sa.ColumnElement[Any]:
    """The figure as its column can hold it.

    Nothing counted is 0 there, as the applications know it, and a figure beyond the column's
    digits its largest one: one row that went wild must not keep the others from theirs.
    """
    if not isinstance(column.type, sa.Numeric | sa.Integer):
        return value
    value = sa.func.coalesce(value, 0)
    if isinstance(column.type, sa.Integer):
        return value
    precision, scale = column.type.precision or 0, column.type.scale or 0
    largest = (10**precision - 1) * Decimal(10) ** -scale
    fits = sa.func.least(value, sa.literal(largest, sa.Numeric(precision, scale)))
    return sa.cast(fits, sa.Numeric(precision, scale))
