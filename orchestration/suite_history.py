"""What the suites found, run by run, in `warehouse_audit.expectation_results`: counts and names."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from orchestration import clock, database
from orchestration.settings import TIME_ZONE, Settings

if TYPE_CHECKING:
    from orchestration.validation import SuiteResult

# A year, to compare with, and a month for whoever looks late.
KEPT_DAYS = 396
TREND_RUNS = 10


def results_table(settings: Settings) -> sa.Table:
    """One row per run and expectation."""
    moment = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")
    return sa.Table(
        "expectation_results",
        sa.MetaData(),
        sa.Column("checked_at", moment, primary_key=True, comment="When, by the real clock."),
        sa.Column("expectation", sa.String(64), primary_key=True),
        sa.Column("as_of", sa.DateTime, nullable=False, comment="The moment that was judged."),
        sa.Column("suite", sa.String(32), nullable=False, comment="Domain, and sources or outputs"),
        sa.Column("home", sa.String(64), nullable=False, comment="Database without prefix."),
        sa.Column("relation", sa.String(64), nullable=False),
        sa.Column("is_met", sa.Boolean, nullable=False),
        sa.Column("unexpected_rows", sa.BigInteger, nullable=False),
        schema=database.database_name(settings, "warehouse_audit"),
    )


def home_of(settings: Settings) -> Settings:
    """Where the history is kept: with what was judged; for Spark's tables in a file beside them.

    Not in the file that reads them, which anybody may hold open and each build replaces.
    """
    if not settings.on_spark:
        return settings
    return replace(settings, target="embedded", duckdb_path=settings.spark_dir / "history.duckdb")


def record(settings: Settings, suites: Iterable[SuiteResult]) -> None:
    """Keep what one run found, and let go of what is older than KEPT_DAYS."""
    settings = home_of(settings)
    table = results_table(settings)
    checked_at = datetime.now(ZoneInfo(TIME_ZONE)).replace(tzinfo=None)
    rows = [
        {
            "checked_at": checked_at,
            "expectation": outcome.name,
            "as_of": clock.now(settings),
            "suite": f"{suite.domain} {suite.kind}",
            "home": outcome.database,
            "relation": outcome.relation,
            "is_met": outcome.success,
            "unexpected_rows": outcome.unexpected_rows,
        }
        for suite in suites
        for outcome in suite.outcomes
    ]
    if not rows:
        return
    with database.connect(settings) as connection:
        # Before the transaction: MySQL ends one with every statement that makes a table.
        if settings.on_spark:
            connection.execute(sa.schema.CreateSchema(str(table.schema), if_not_exists=True))
        table.create(connection, checkfirst=True)
        connection.commit()
        with connection.begin():
            old = table.c.checked_at < checked_at - timedelta(days=KEPT_DAYS)
            connection.execute(table.delete().where(old))
            connection.execute(table.insert(), rows)


def trend(settings: Settings, home: str, relation: str) -> list[dict[str, object]]:
    """The relation's latest runs, newest first: when, how many expectations, how many failed."""
    settings = home_of(settings)
    if settings.on_spark and not settings.duckdb_path.exists():
        return []
    table = results_table(settings)
    asked = (
        sa.select(
            table.c.checked_at,
            sa.func.count().label("expectations"),
            sa.func.sum(sa.case((table.c.is_met, 0), else_=1)).label("failed"),
            sa.func.sum(table.c.unexpected_rows).label("unexpected_rows"),
        )
        .where(table.c.home == home, table.c.relation == relation)
        .group_by(table.c.checked_at)
        .order_by(table.c.checked_at.desc())
        .limit(TREND_RUNS)
    )
    with database.connect(settings, read_only=True) as connection:
        if not sa.inspect(connection).has_table(table.name, schema=table.schema):
            return []
        rows = connection.execute(asked).all()
    return [
        {
            "checked_at": f"{row.checked_at:%Y-%m-%d %H:%M:%S}",
            "expectations": int(row.expectations),
            "failed": int(row.failed),
            "unexpected_rows": int(row.unexpected_rows),
        }
        for row in rows
    ]
