"""WeCom traffic of any size for benchmarks: 1,000 accounts of 50 tenants, 27,000 messages a day.

More rows are a longer history, as in real life: a day costs the same, everything else grows.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pyarrow.parquet as pq
from databases import drop_databases

from orchestration import database
from orchestration.dbt_project import dbt_arguments, run_dbt, target_path
from orchestration.sampledata.conform import stored
from orchestration.sampledata.generate import generate
from orchestration.sampledata.load import Task, load, load_tasks
from orchestration.schema.deploy import deploy
from orchestration.schema.metadata import duckdb_type
from orchestration.schema.record import Column, Table, load_record
from orchestration.settings import DOMAINS, Settings, load_settings

AS_OF = datetime(2026, 6, 30, 23, 59, 59)
TENANTS, ACCOUNTS, A_DAY = 50, 1_000, 27_000
MESSAGES = "wework_message_records"
# dbt is run in this process and leaves the warehouse's settings in its environment.
GIVEN = dict(os.environ)

# A few accounts have most of the traffic, by day, as people write; 1/60 of what is sent fails.
FILES = {
    "saas_tenants": """
        select printf('tenant-%04d', n) as id, printf('T%04d', n) as tenant_code,
            '租户' || n as tenant_name, timestamp '{since}' as created_at
        from range({tenants}) as numbers(n)
    """,
    "wework_accounts": """
        select printf('account-%05d', n) as id, printf('tenant-%04d', n % {tenants}) as tenant_id,
            '账号' || n as account_name, 'ONLINE' as status, timestamp '{since}' as created_at,
            timestamp '{until}' as last_heartbeat_time
        from range({accounts}) as numbers(n)
    """,
    MESSAGES: """
        with drawn as (
            select
                n,
                n // {a_day} as day_number,
                hash(n) % 1000000 / 1e6 as share,
                hash(n + 1000000007) % 1000000 / 1e6 as moment,
                hash(n + 2000000011) % 600 as fate
            from range({first}, {end}) as numbers(n)
        ),
        placed as (
            select *, cast(floor({accounts} * share * share) as integer) as account
            from drawn
        )
        select
            printf('message-%012d', n) as id,
            printf('tenant-%04d', account % {tenants}) as tenant_id,
            printf('account-%05d', account) as account_id,
            printf('wecom-%012d', n) as message_id,
            printf('conversation-%06d', account * 50 + fate % 50) as conversation_id,
            if(fate % 5 < 3, 'send', 'receive') as direction,
            if(fate % 7 = 0, 'image', 'text') as message_type,
            if(fate % 5 < 3, 'user', 'contact') as from_type,
            printf('person-%06d', account * 50 + fate % 50) as from_id,
            if(fate % 5 < 3, 'contact', 'user') as to_type,
            printf('person-%06d', account * 50 + fate % 49) as to_id,
            '您好，您预约的服务已经确认，请按时到店，期待您的光临。' as content,
            case
                when fate % 5 >= 3 then 'read' when fate < 10 then 'failed'
                when fate < 400 then 'read' else 'delivered'
            end as send_status,
            if(fate < 10 and fate % 5 < 3, 'E' || fate, null) as error_code,
            cast(50 + fate as integer) as processing_time_ms,
            if(fate % 5 < 3, cast(500 + fate * 7 as integer), null) as response_time_ms,
            timestamp '{since}' + to_days(cast(day_number as integer))
                + to_seconds(cast(28800 + 50400 * moment as integer)) as created_at
        from placed
        order by n
    """,
}


def first_day(rows: int) -> datetime:
    """Midnight of the first day with messages."""
    days = math.ceil(rows / A_DAY)
    return datetime.combine(AS_OF.date(), datetime.min.time()) - timedelta(days=days - 1)


@contextmanager
def warehouse(target: str, rows: int) -> Iterator[Settings]:
    """A deployed warehouse of core and wework with so many messages, gone at the end."""
    with _place(target, f"bench{rows // 1000}k_", ("core", "wework")) as settings:
        since = first_day(rows)
        deploy(settings, progress=lambda _: None, oldest=since.date())
        load_tasks(settings, list(_written(settings.local_dir, rows, since)))
        run_dbt(settings, arguments(settings, ["seed"]))
        yield settings


@contextmanager
def sample(target: str, scale: str) -> Iterator[Settings]:
    """A deployed warehouse with the sample data of a scale, nothing built, gone at the end."""
    with _place(target, f"bench_{scale}_", DOMAINS) as settings:
        dataset = generate(settings, scale, 1, AS_OF.date(), settings.local_dir / "data")
        deploy(settings, progress=lambda _: None)
        load(settings, dataset.directory)
        yield settings


@contextmanager
def _place(target: str, prefix: str, domains: tuple[str, ...]) -> Iterator[Settings]:
    """A folder of its own, and on MySQL databases behind a prefix; both are gone at the end."""
    given = load_settings(GIVEN, target=target)
    with TemporaryDirectory(prefix="bench-") as folder:
        settings = replace(
            given,
            as_of=AS_OF,
            domains=domains,
            local_dir=Path(folder),
            duckdb_path=Path(folder) / "saas_warehouse.duckdb",
            database_prefix=prefix if target == "mysql" else "",
            environment=given.child_environment(),
        )
        drop_databases(settings)
        try:
            yield settings
        finally:
            drop_databases(settings)


def arguments(settings: Settings, command: list[str], select: str | None = None) -> list[str]:
    """dbt's arguments for the warehouse."""
    return dbt_arguments(
        ["--quiet", *command],
        target=settings.target,
        target_path=target_path(settings),
        select=select,
    )


def pool_of(settings: Settings) -> str:
    """What decides most on MySQL, for a note: the memory that it may keep pages in."""
    with database.connect(settings) as connection:
        held = connection.exec_driver_sql("select @@global.innodb_buffer_pool_size").scalar_one()
    return f"MySQL's buffer pool has {held / 2**30:g} GiB."


def run_model(settings: Settings, manifest: Any, name: str, *flags: str) -> Any:
    """dbt's result of one model; its `execution_time` is spent on the model itself.

    That is compiling it, its statements and its commit, without dbt's start.
    """
    command = arguments(settings, ["run", *flags], name)
    [result] = run_dbt(settings, command, manifest=manifest).results
    return result


def _written(folder: Path, rows: int, since: datetime) -> Iterator[Task]:
    """The tables' files in loading order."""
    for name, query in FILES.items():
        table, file = load_record().table(name), folder / f"{name}.parquet"
        sql = query.format(
            tenants=TENANTS, accounts=ACCOUNTS, a_day=A_DAY, first=0, end=rows, since=since,
            until=AS_OF,
        )  # fmt: skip
        write_table(table, sql, file)
        yield Task(table, file, name, pq.ParquetFile(file).metadata.num_rows)


def write_table(table: Table, query: str, file: Path) -> None:
    """A query's rows as the table's Parquet; what it leaves out is the column's default."""
    with duckdb.connect() as connection:
        given = connection.sql(query)
        values = {c: c.name if c.name in given.columns else _default(c) for c in stored(table)}
        cast = [f"cast({v} as {duckdb_type(c)}) as {c.name}" for c, v in values.items()]
        given.project(", ".join(cast)).write_parquet(str(file), compression="zstd")


def _default(column: Column) -> str:
    if column.default == "current_timestamp":
        return "created_at"
    value = column.default
    return "null" if value is None else f"'{value}'" if isinstance(value, str) else str(value)
