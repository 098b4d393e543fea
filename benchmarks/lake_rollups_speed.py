"""Rollups over a lake, on DuckDB and on Spark: `python benchmarks/lake_rollups_speed.py`.

WeCom messages (half of the rows), AI calls (a quarter), customers' events and device logs lie in
Parquet, a folder a table and month, as `warehouse lake sync` leaves them; 91,000 rows a day: more
rows are a longer history. Both engines read these files and no others, build the same models, whole
and for their trailing window, each in a process of its own whose memory is watched, and must come
to the same rows. dbt's own start is left out, and so is opening what is sealed. Spark, if it is
there (`make setup-spark`), builds from the largest lake alone: on two cores it takes its time.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from measure import Row, exponent, publish, ratio, seconds
from traffic import ACCOUNTS, FILES, GIVEN, MESSAGES, TENANTS, write_table

from orchestration.dbt_project import dbt_arguments, run_dbt
from orchestration.retention.archive import lake_type
from orchestration.retention.policy import sealed_columns
from orchestration.schema.deploy import deploy
from orchestration.schema.partitions import months_between
from orchestration.schema.record import Table, load_record
from orchestration.settings import SPARK, Settings, load_settings
from orchestration.spark.catalog import register
from orchestration.spark.sources import PART, Source

DOMAINS = ("core", "wework", "ai", "customer", "health")
AS_OF = datetime(2026, 6, 30, 23, 59, 59)
A_DAY = 91_000
# What each table has of a day's rows.
SHARES = {
    MESSAGES: 0.5,
    "ai_call_logs": 0.25,
    "customer_behavior_events": 0.1,
    "health_device_logs": 0.15,
}
MODELS = {
    "wework_account_daily": "wework_platform",
    "ai_agent_daily": "ai_agent_platform",
    "customer_behavior_statistics": "customer_management",
    "health_statistics": "health_management",
}
SIZES = [10_000_000, 30_000_000, 100_000_000]
WAYS = {"whole": ("--full-refresh",), "window": ()}
MOMENT = """timestamp '{since}' + to_days(cast(n // {a_day} as integer))
    + to_seconds(cast(28800 + 50400 * (hash(n + 1) % 1000000 / 1e6) as integer))"""
LOGS = {
    MESSAGES: FILES[MESSAGES],
    "ai_call_logs": f"""
        select
            printf('call-%012d', n) as id,
            printf('tenant-%04d', hash(n) % 997 % {{tenants}}) as tenant_id,
            printf('request-%012d', n) as request_id,
            printf('agent-%04d', hash(n) % 997) as agent_id,
            printf('conversation-%07d', hash(n + 3) % 1000000) as conversation_id,
            printf('platform-%02d', hash(n + 4) % 20) as platform_id,
            '/v1/chat' as api_endpoint,
            'POST' as request_method,
            if(hash(n + 5) % 60 = 0, 500, 200) as status_code,
            cast(hash(n + 6) % 30000 as decimal(8, 0)) / 1000 as response_time,
            json_object('total', hash(n + 7) % 4000) as tokens,
            cast(hash(n + 8) % 100000 as decimal(10, 0)) / 1000000 as cost,
            {MOMENT} as created_at
        from range({{first}}, {{end}}) as numbers(n)
    """,
    "customer_behavior_events": f"""
        select
            printf('event-%012d', n) as id,
            printf('tenant-%04d', hash(n) % 500 % {{tenants}}) as tenant_id,
            printf('customer-%04d', hash(n) % 500) as customer_id,
            printf('behavior-%d', hash(n + 2) % 8) as behavior_id,
            'seen' as event_name,
            'app' as event_source,
            cast(hash(n + 3) % 10000 as decimal(10, 0)) / 100 as event_value,
            cast(hash(n + 4) % 600 as integer) as duration_seconds,
            {MOMENT} as event_time
        from range({{first}}, {{end}}) as numbers(n)
    """,
    "health_device_logs": f"""
        select
            printf('log-%012d', n) as id,
            printf('tenant-%04d', hash(n) % 2000 % {{tenants}}) as tenant_id,
            printf('device-%04d', hash(n) % 2000) as device_id,
            if(hash(n + 2) % 20 = 0, 'error', 'measurement') as log_type,
            list_extract(['excellent', 'good', 'fair', 'poor', 'invalid'],
                cast(1 + hash(n + 3) % 5 as integer)) as data_quality,
            {MOMENT} as created_at
        from range({{first}}, {{end}}) as numbers(n)
    """,
}
STATES = {
    "saas_tenants": FILES["saas_tenants"],
    "customers": """
        select printf('customer-%04d', n) as id, printf('tenant-%04d', n % {tenants}) as tenant_id,
            'C' || n as customer_code, '客户' || n as name, 'app' as source_channel,
            timestamp '{since}' as created_at
        from range(500) as numbers(n)
    """,
    "customer_behavior_definitions": """
        select printf('behavior-%d', n) as id, 'tenant-0000' as tenant_id,
            '行为' || n as behavior_name, 'b' || n as behavior_code, 'visit' as behavior_category,
            'event' as behavior_type, true as enable_statistics, timestamp '{since}' as created_at
        from range(8) as numbers(n)
    """,
    "health_devices": """
        select printf('device-%04d', n) as id, printf('tenant-%04d', n % {tenants}) as tenant_id,
            '设备' || n as device_name, 'D' || n as device_code, 'oximeter' as device_type,
            timestamp '{since}' as created_at
        from range(2000) as numbers(n)
    """,
}


def main() -> None:
    """Write the lake, build on both engines in turn, compare, write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=SIZES)
    parser.add_argument("--engine", nargs="+", choices=["duckdb", "spark"])
    parser.add_argument("--rounds", type=int, default=1, help="rounds, of which the best counts")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        (engine,) = given.engine
        _build(given.child, engine)
        return
    wanted = given.engine or (["duckdb", "spark"] if find_spec("pyspark") else ["duckdb"])
    found: dict[int, dict[str, Built]] = {}
    rows: list[Row] = []
    for size in given.rows:
        engines = wanted if size == max(given.rows) else ["duckdb"]
        with TemporaryDirectory(prefix="lake-rollups-") as folder:
            found[size] = compared(Path(folder), size, engines, given.rounds)
        rows += _rows(found, size)
    publish(
        "lake_rollups",
        ("rows in the lake", "what", "DuckDB", "Spark, local[2]", "ratio", "growth on DuckDB"),
        rows,
        "Growth: from the smallest lake to this one.",
    )  # fmt: skip


@dataclass(frozen=True)
class Built:
    """Seconds of one engine by model and way, and the most memory that its processes held."""

    seconds: dict[tuple[str, str], float]
    gigabytes: float


def compared(folder: Path, size: int, engines: list[str], rounds: int) -> dict[str, Built]:
    """Both engines' figures for a lake of so many rows."""
    began = time.monotonic()
    write_lake(folder, size)
    written = sum(file.stat().st_size for file in folder.rglob("*.parquet"))
    print(f"{size:,} rows, {written / 1e9:.2f} GB, in {time.monotonic() - began:.0f} s", flush=True)
    best: dict[str, Built] = {}
    # DuckDB before and after Spark: what disturbed one of the two does not count.
    for _ in range(rounds):
        for engine in (*engines, engines[0]):
            one = _watched(folder, engine)
            known = best.get(engine, one)
            best[engine] = Built(
                {key: min(known.seconds[key], spent) for key, spent in one.seconds.items()},
                max(known.gigabytes, one.gigabytes),
            )
    if len(engines) == 2:
        for name, database in MODELS.items():
            _compare(folder, name, database)
    return best


def write_lake(folder: Path, size: int) -> None:
    """The lake's Parquet: logs by month, states whole, and an empty file for every other table."""
    days = size // A_DAY
    first_day = AS_OF.date() - timedelta(days=days - 1)
    told = {"tenants": TENANTS, "accounts": ACCOUNTS, "since": first_day, "until": AS_OF}
    for table in _tables():
        home = folder / "lake" / table.name
        if table.name in LOGS:
            a_day = int(A_DAY * SHARES[table.name])
            for month in months_between(first_day, AS_OF.date().replace(day=1)):
                first = max((month - first_day).days, 0)
                end = min(((month + timedelta(days=32)).replace(day=1) - first_day).days, days)
                place = home / f"{PART}=month-{month:%Y-%m}"
                place.mkdir(parents=True)
                span = {"a_day": a_day, "first": first * a_day, "end": end * a_day}
                write_table(table, LOGS[table.name].format(**told, **span), place / "data.parquet")
            continue
        place = home / f"{PART}=day-{AS_OF:%Y-%m-%d}"
        place.mkdir(parents=True)
        if table.name in STATES:
            write_table(table, STATES[table.name].format(**told), place / "data.parquet")
        else:
            columns = [(column.name, lake_type(column)) for column in table.stored_columns]
            pq.write_table(pa.schema(columns).empty_table(), place / "data.parquet")


def _tables() -> Iterator[Table]:
    return (t for t in load_record().application_tables() if t.domain in DOMAINS)


# --- a build, in a process of its own ------------------------------------------------------------


def _build(folder: Path, engine: str) -> None:
    """Deploy, read the lake's files as sources, build; a line of JSON a model and way."""
    settings = _settings(folder, engine)
    target = "embedded" if engine == "duckdb" else SPARK
    (_views_of if engine == "duckdb" else _externals_of)(settings, folder)

    def dbt(command: list[str], select: str, manifest: Any = None) -> Any:
        return run_dbt(
            settings,
            dbt_arguments(
                ["--quiet", *command],
                target=target,
                target_path=settings.local_dir / "target" / target,
                select=select,
            ),
            manifest=manifest,
        )

    dbt(["seed"], "resource_type:seed")
    dbt(["run"], " ".join(f"+{name},path:models/staging" for name in MODELS))
    manifest = dbt(["parse"], "")
    for way, flags in WAYS.items():
        for name in MODELS:
            [result] = dbt(["run", *flags], name, manifest).results
            assert str(result.status) == "success", result.message
            print(json.dumps([name, way, result.execution_time]), flush=True)


def _settings(folder: Path, engine: str) -> Settings:
    home = folder / engine
    home.mkdir(exist_ok=True)
    given = load_settings(GIVEN, target="embedded")
    environment = {**given.child_environment(), "WAREHOUSE_SPARK_DIR": str(folder / "spark")}
    return replace(
        given,
        as_of=AS_OF,
        domains=DOMAINS,
        local_dir=home,
        duckdb_path=home / "saas_warehouse.duckdb",
        environment=environment,
    )


def _views_of(settings: Settings, folder: Path) -> None:
    deploy(settings, progress=lambda _: None)
    with duckdb.connect(str(settings.duckdb_path)) as connection:
        for table in _tables():
            name = f"{table.database}.{table.name}"
            columns = ", ".join(column.name for column in table.stored_columns)
            connection.execute(f"drop table if exists {name} cascade")
            connection.execute(
                f"create view {name} as select {columns} from "
                f"read_parquet('{folder}/lake/{table.name}/*/*.parquet')"
            )


def _externals_of(settings: Settings, folder: Path) -> None:
    found = []
    for table in _tables():
        home = folder / "lake" / table.name
        rows = sum(pq.ParquetFile(file).metadata.num_rows for file in home.rglob("*.parquet"))
        files = tuple(sorted(place.name for place in home.iterdir()))
        if sealed_columns(table):
            found.append(Source(table, rows, f"file://{home}", files=files))
        else:
            found.append(Source(table, rows, f"file://{home / files[0]}"))
    register(settings, found)


# --- watching and comparing ----------------------------------------------------------------------


def _watched(folder: Path, engine: str) -> Built:
    """The build in a process whose memory, and its children's, is looked at all the time."""
    shutil.rmtree(folder / engine, ignore_errors=True)
    command = [sys.executable, __file__, "--child", str(folder), "--engine", engine]
    spent: dict[tuple[str, str], float] = {}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as child:
        peak = [0]
        done = threading.Event()
        watching = threading.Thread(target=_watch, args=(child.pid, peak, done))
        watching.start()
        assert child.stdout is not None
        for line in child.stdout:
            if line.startswith("["):
                name, way, took = json.loads(line)
                spent[name, way] = took
                load = os.getloadavg()[0]
                print(f"  {engine}: {name}, {way}: {seconds(took)} (load {load:.1f})", flush=True)
        done.set()
        watching.join()
    assert child.returncode == 0 and len(spent) == len(MODELS) * len(WAYS)
    return Built(spent, peak[0] / 1e9)


def _watch(session: int, peak: list[int], done: threading.Event) -> None:
    """Keep the largest sum of what the session's processes hold, in bytes."""
    page = os.sysconf("SC_PAGE_SIZE")
    while not done.wait(0.25):
        held = 0
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if int((process / "stat").read_text().rpartition(")")[2].split()[3]) == session:
                    held += int((process / "statm").read_text().split()[1]) * page
            except OSError:  # it has ended
                continue
        peak[0] = max(peak[0], held)


def _compare(folder: Path, name: str, database: str) -> None:
    """The same rows on both, or AssertionError; what only says when a row was built is left out."""
    home = folder / "spark" / "warehouse" / f"{database}.db" / name
    with duckdb.connect(str(folder / "duckdb" / "saas_warehouse.duckdb"), read_only=True) as both:
        described = both.execute(f"describe {database}.{name}").fetchall()
        columns = ", ".join(
            f"cast({column} as {kind.lower()}) as {column}"
            for column, kind, *_ in described
            if column not in ("created_at", "updated_at") and kind != "JSON"
        )
        ours = f"select {columns} from {database}.{name}"
        theirs = (
            f"select {columns} from read_parquet('{home}/**/*.parquet', hive_partitioning = true)"
        )
        counted = both.execute(f"select count(*) from {database}.{name}").fetchone()
        for one, other in ((ours, theirs), (theirs, ours)):
            left = both.execute(f"{one} except all {other} limit 3").fetchall()
            assert not left, f"{name}: only one engine has {left}"
        assert counted and counted[0]
        print(f"  {name}: {counted[0]:,} rows, the same on both", flush=True)


def _rows(found: dict[int, dict[str, Built]], size: int) -> list[Row]:
    duck, cluster = found[size]["duckdb"], found[size].get("spark")
    rows: list[Row] = []
    for key in duck.seconds:
        by_size = {
            one: engines["duckdb"].seconds[key] for one, engines in found.items() if one <= size
        }
        ours, theirs = duck.seconds[key], cluster.seconds[key] if cluster else None
        rows.append(
            (
                f"{size:,}",
                f"{key[0]}, {key[1]}",
                seconds(ours),
                seconds(theirs) if theirs else "-",
                ratio(theirs, ours) if theirs else "-",
                exponent(by_size) if len(by_size) > 1 else "-",
            )
        )
    held = [f"{one.gigabytes:.1f} GB" if one else "-" for one in (duck, cluster)]
    return [*rows, (f"{size:,}", "memory, at most", *held, "-", "-")]


if __name__ == "__main__":
    main()
