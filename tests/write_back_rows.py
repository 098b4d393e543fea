"""Rows of applications and figures for them, for tests of what is written back."""

from __future__ import annotations

import random
from datetime import timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from rows import NOW, Row, table

from orchestration import database
from orchestration.operations.write_back import WRITE_BACKS
from orchestration.schema.record import load_record
from orchestration.settings import Settings

STATUSES = {"wework_accounts": ["ONLINE", "OFFLINE", "ERROR"], "ai_agents": ["active", "draft"]}
SCALES = {
    "total_cost": 4, "avg_response_time": 3, "success_rate": 2, "satisfaction_score": 2,
    "online_duration_hours": 2, "avg_message_response_time": 3, "message_success_rate": 2,
    "uptime_percentage": 2,
}  # fmt: skip


def built(settings: Settings, name: str, *rows: Row) -> None:
    """The model of a write-back as dbt leaves it, with these rows."""
    this = WRITE_BACKS[name]
    columns = [sa.Column(this.key, sa.String(36))]
    for of, _ in this.pairs:
        kind: Any = sa.Numeric(30, SCALES[of]) if of in SCALES else sa.BigInteger()
        columns.append(sa.Column(of, sa.TIMESTAMP() if of.endswith("_at") else kind, nullable=True))
    schema = table(settings, this.table).schema
    model = sa.Table(this.model, sa.MetaData(), *columns, schema=schema)
    with database.begin(settings) as connection:
        model.drop(connection, checkfirst=True)
        model.create(connection)
        if rows:
            connection.execute(model.insert(), list(rows))


def made(name: str, chance: random.Random, count: int = 60) -> tuple[list[Row], list[Row]]:
    """Rows of the application and figures, most of which agree; some sides are missing."""
    this = WRITE_BACKS[name]

    def figure(column: str) -> Any:
        if chance.random() < 0.04:
            return None
        if column.endswith("_at"):
            return NOW - timedelta(seconds=chance.randrange(9))
        return Decimal(chance.randrange(900)).scaleb(-SCALES.get(column, 0))

    ours, theirs = [], []
    for number in range(count):
        key = f"{number:03}"
        values = {of: figure(of) for of, _ in this.pairs}
        shown = {to: values[of] for of, to in this.pairs}
        odd = chance.choice([None, None, None, *this.pairs])
        if odd:
            shown[odd[1]] = figure(odd[0])
        row = {"id": key, "tenant_id": chance.choice(["t1", "t2"]), "updated_at": NOW}
        if number % 20 != 19:
            status = chance.choice(STATUSES[this.table])
            if "wework_guid" in _columns(this.table):
                row["wework_guid"] = key
            ours.append(row | {"status": status} | shown)
        if number % 20 != 18:
            theirs.append({this.key: key} | values)
    return ours, theirs


def _columns(name: str) -> set[str]:
    return {column.name for column in load_record().table(name).stored_columns}
