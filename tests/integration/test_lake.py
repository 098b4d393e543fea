"""The lake: filled when a month closes, renewed when it changes, one dataset for its readers."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq
import pytest
import retention_world as world
from operation_runs import ON_MYSQL
from retention_world import AS_OF, CALLS, METRICS, ROWS
from rows import change, insert, table
from rows import rows as rows_of
from typer.testing import CliRunner

from orchestration import cli, database
from orchestration.lake.months import Month, lake_tables, status, sync, verify
from orchestration.retention.archive import Archive
from orchestration.retention.holds import add_hold
from orchestration.retention.looking import schema_of
from orchestration.retention.plan import month_bounds
from orchestration.retention.policy import sealed_columns
from orchestration.retention.restore import restore
from orchestration.retention.rows import in_month, raw_table, read_rows
from orchestration.sampledata.conform import arrow_type
from orchestration.schema.record import Column, Table, load_record
from orchestration.settings import Settings

FIRST = date(2026, 3, 1)
CLOSED = ["2026-03", "2026-04", "2026-05"]
JUNE = datetime(2026, 6, 1)


@pytest.fixture(scope="module")
def stage(module_engine_settings: Settings) -> Settings:
    world.make(module_engine_settings, CALLS, METRICS, ROWS)
    return module_engine_settings


def states(months: Any) -> dict[str, str]:
    return {month.month: month.state for month in months}


def files(folder: Path) -> dict[Path, tuple[int, int]]:
    """Every file with what changes when it is written anew."""
    found = {file: file.stat() for file in folder.rglob("*") if file.is_file()}
    return {file: (stat.st_mtime_ns, stat.st_ino) for file, stat in found.items()}


@pytest.mark.parametrize("name", [CALLS, ROWS])
def test_months_are_made_when_they_close(stage: Settings, tmp_path: Path, name: str) -> None:
    settings = world.with_archive(stage, tmp_path)
    moments = world.fill(settings, name, FIRST)
    assert states(status(settings, [name])) == dict.fromkeys(CLOSED, "missing")
    assert files(tmp_path) == {}, "looking writes nothing"
    made = list(sync(settings, [name]))
    assert states(made) == dict.fromkeys(CLOSED, "made")
    assert world.archived(settings, name) == {i for i, m in moments.items() if m < JUNE}
    assert all(m.rows == m.online > 0 and m.bytes > 0 and m.checksum for m in made)
    before = files(tmp_path)
    assert states(sync(settings, [name])) == dict.fromkeys(CLOSED, "fresh")
    assert states(verify(settings, [name])) == dict.fromkeys(CLOSED, "fresh")
    assert files(tmp_path) == before
    july = replace(settings, as_of=datetime(2026, 7, 1))
    assert states(sync(july, [name])) == {**dict.fromkeys(CLOSED, "fresh"), "2026-06": "made"}


@pytest.mark.parametrize("name", [CALLS, ROWS])
def test_late_and_changed_rows_are_noticed(stage: Settings, tmp_path: Path, name: str) -> None:
    settings = world.with_archive(stage, tmp_path)
    moments = world.fill(settings, name, FIRST)
    list(sync(settings, [name]))
    late = {"900000": datetime(2026, 3, 31, 23, 59, 59)}
    insert(settings, name, world.row_of(name, "900000", late["900000"], random.Random(2)))
    # A changed row changes no count.
    april = min(i for i, m in moments.items() if m.month == 4)
    change(settings, name, table(settings, name).c.id == april, tenant_id="another")
    found = dict(zip(CLOSED, ("stale", "stale", "fresh"), strict=True))
    assert states(status(settings, [name])) == found
    assert states(status(settings, [name], quick=True)) == {**found, "2026-04": "fresh"}
    assert states(verify(settings, [name])) == found
    may = files(tmp_path / name / "month=2026-05")
    assert states(sync(settings, [name], [date(2026, 3, 1)])) == {"2026-03": "renewed"}
    assert states(sync(settings, [name])) == {
        "2026-03": "fresh",
        "2026-04": "renewed",
        "2026-05": "fresh",
    }
    assert files(tmp_path / name / "month=2026-05") == may
    assert states(verify(settings, [name])) == dict.fromkeys(CLOSED, "fresh")
    assert world.archived(settings, name) == {i for i, m in moments.items() if m < JUNE} | {*late}
    frame = pd.read_parquet(tmp_path / name)
    assert list(frame.loc[frame["id"] == april, "tenant_id"]) == ["another"]


@pytest.mark.parametrize("name", [CALLS, ROWS])
def test_what_left_the_database_stays(stage: Settings, tmp_path: Path, name: str) -> None:
    settings = world.with_archive(stage, tmp_path)
    moments = world.fill(settings, name, FIRST)
    list(sync(settings, [name]))
    add_hold(Archive(settings), "t1", name, "test", AS_OF)
    policy = world.policy(settings, name, 1)
    assert not world.run(settings, policy).failed
    gone = {"2026-03": "dropped", "2026-04": "dropped", "2026-05": "fresh"}
    assert states(status(settings, [name])) == gone
    assert [m.online < m.rows for m in status(settings, [name])] == [True, True, False]
    assert states(sync(settings, [name])) == gone
    # Late rows for a month that is gone join what the file has.
    late = {"900001": datetime(2026, 3, 7), "900002": datetime(2026, 4, 7)}
    for row_id, moment in late.items():
        insert(settings, name, world.row_of(name, row_id, moment, random.Random(2)))
    assert states(status(settings, [name])) == {**gone, "2026-03": "stale", "2026-04": "stale"}
    assert states(sync(settings, [name])) == {**gone, "2026-03": "renewed", "2026-04": "renewed"}
    assert states(verify(settings, [name])) == gone
    world.check_nothing_lost(settings, name, moments | late, policy.cutoff(AS_OF))
    assert {i for i, m in (moments | late).items() if m < JUNE} == world.archived(settings, name)


def test_engines_of_one_checkout_keep_apart(embedded_settings: Settings) -> None:
    """Else one's rows would be taken for rows that the other dropped; a URL is for both."""
    mysql = embedded_settings.with_target("mysql")
    assert Archive(mysql).url != Archive(embedded_settings).url
    assert Archive(world.with_archive(mysql, "memory://lake")).url == "memory://lake"


def test_a_column_that_became_sensitive_leaves_the_open_file(
    stage: Settings, tmp_path: Path
) -> None:
    """And one that came since is NULL; for months that are online, and for one that is gone."""
    settings = world.with_archive(stage, tmp_path)
    moments = world.fill(settings, CALLS, FIRST)
    known = load_record().table(CALLS)
    columns = [
        replace(c, classification="internal") if c.name == "user_agent" else c
        for c in known.columns
        if c.name != "routing_strategy"
    ]
    before, archive = replace(known, columns=tuple(columns)), Archive(settings)
    source = raw_table(before, schema_of(settings, before))
    for month in (date(2026, 3, 1), date(2026, 4, 1)):
        with database.connect(settings) as connection:
            where = in_month(source, "created_at", *month_bounds(month))
            rows = list(read_rows(connection, before, source, *where))
        archive.write(before, month, rows, AS_OF, expiring=False)
    content = {row["id"]: row for row in rows_of(settings, CALLS)}
    assert "user_agent" in pd.read_parquet(tmp_path / CALLS)
    online = table(settings, CALLS)
    with database.begin(settings) as connection:
        connection.execute(online.delete().where(online.c.created_at < datetime(2026, 4, 1)))
    assert states(sync(settings, [CALLS])) == dict(
        zip(CLOSED, ("renewed", "renewed", "made"), strict=True)
    )
    assert "user_agent" not in pd.read_parquet(tmp_path / CALLS)
    assert states(verify(settings, [CALLS])) == {
        "2026-03": "dropped",
        "2026-04": "fresh",
        "2026-05": "fresh",
    }
    assert restore(settings, CALLS, FIRST).restored == sum(m.month == 3 for m in moments.values())
    assert {row["id"]: row for row in rows_of(settings, CALLS)} == content


@ON_MYSQL
@pytest.mark.parametrize("harm", ["flip", "remove", "manifest"])
def test_verify_finds_what_does_not_read_back(stage: Settings, tmp_path: Path, harm: str) -> None:
    settings = world.with_archive(stage, tmp_path)
    world.fill(settings, CALLS, FIRST)
    list(sync(settings, [CALLS]))
    file = tmp_path / CALLS / "month=2026-04" / "data.parquet"
    if harm == "flip":
        content = bytearray(file.read_bytes())
        content[len(content) // 3] ^= 1
        file.write_bytes(content)
    elif harm == "remove":
        file.unlink()
    else:
        (file.parent / "_manifest.json").write_text("{")
    found = list(verify(settings, [CALLS]))
    assert states(found) == {**dict.fromkeys(CLOSED, "fresh"), "2026-04": "failed"}
    assert "read back" in found[1].why or "no manifest" in found[1].why


@ON_MYSQL
def test_sync_killed_anywhere(stage: Settings, tmp_path: Path) -> None:
    """SIGKILL at random moments: a file is whole or not there, and the next run completes it."""
    rng = random.Random(7)
    settings = world.with_archive(stage, tmp_path)
    moments = world.fill(settings, CALLS, FIRST, each=400)
    kills, at = 0, 0.02
    while at < 1:
        child = os.fork()
        if child == 0:
            try:
                list(sync(settings, [CALLS]))
            finally:
                os._exit(0)
        time.sleep(at)
        os.kill(child, signal.SIGKILL)
        kills += os.WIFSIGNALED(os.waitpid(child, 0)[1])
        at *= rng.uniform(1.3, 1.8)
        for file in tmp_path.glob(f"{CALLS}/month=*/data.parquet"):
            assert len(pd.read_parquet(file, columns=["id"])) > 400
        with duckdb.connect() as reader, suppress(duckdb.IOException):  # none is there yet
            reader.sql(f"select count(*) from '{tmp_path}/{CALLS}/*/*.parquet'").fetchall()
        if rng.random() < 0.5:
            change(settings, CALLS, table(settings, CALLS).c.id == "000000", tenant_id=str(at))
    assert kills > 2
    for _ in range(100):
        # The server may not have noticed yet that the dead one is gone.
        if "failed" not in states(sync(settings, [CALLS])).values():
            break
        time.sleep(0.1)
    assert states(verify(settings, [CALLS])) == dict.fromkeys(CLOSED, "fresh")
    assert world.archived(settings, CALLS) == {i for i, m in moments.items() if m < JUNE}
    assert {file.name for file in files(tmp_path)} == {"data.parquet", "_manifest.json"}


@ON_MYSQL
def test_commands_say_what_they_did(stage: Settings, tmp_path: Path) -> None:
    settings = world.with_archive(stage, tmp_path)
    world.fill(settings, CALLS, FIRST)
    world.fill(settings, METRICS, FIRST)

    def run(*arguments: str, code: int = 0, **more: str) -> Any:
        chosen = ["--as-of", AS_OF.isoformat(sep=" "), "--table", CALLS, "--table", METRICS]
        environment = settings.child_environment() | more
        done = CliRunner().invoke(cli.app, ["lake", *arguments, *chosen], env=environment)
        assert done.exit_code == code, done.output
        return done

    assert "6 missing" in run("status", code=1).stdout
    one = run("sync", "--month", "2026-04", "--json")
    assert [m["state"] for m in json.loads(one.stdout)["months"]] == ["made", "made"]
    rest = run("sync")
    assert "4 made" in rest.stdout and "2 fresh" in rest.stdout
    assert "warehouse lake verify" in rest.stdout and str(tmp_path) in rest.stdout
    assert f"{CALLS} 2026-03: made, 7 rows" in rest.stderr
    assert "6 fresh" in run("status").stdout
    assert "6 fresh" in run("verify").stdout
    assert {Month(**m).state for m in json.loads(run("verify", "--json").stdout)["months"]} == {
        "fresh"
    }
    # Without the key: what holds nothing sensitive goes on, the other says why not.
    (tmp_path / METRICS / "month=2026-04" / "_manifest.json").unlink()
    failed = run("sync", code=1, WAREHOUSE_ARCHIVE_KEY="")
    assert f"{METRICS} 2026-04: made" in failed.stderr
    assert f"{CALLS} : its archive must be encrypted" in failed.stderr
    assert f"Look at {CALLS} first (its archive must be encrypted" in failed.stdout
    wrong = run("status", "--table", "ai_agents", code=1)
    assert "ai_agents is not in the lake" in str(wrong.exception)


def test_a_table_is_one_dataset_with_the_same_types_in_every_month(
    embedded_settings: Settings, tmp_path: Path
) -> None:
    """A month that holds only NULLs is typed like one that is full; nothing sensitive is shown."""
    settings = world.with_archive(embedded_settings, tmp_path)
    archive = Archive(settings)
    for known in lake_tables(settings):
        must = {*known.primary_key}
        for month in (date(2026, 4, 1), date(2026, 5, 1)):
            full = month.month == 5
            row = tuple(
                _made_up(column) if full or column.name in must else None
                for column in known.stored_columns
            )
            manifest = archive.write(known, month, [row], AS_OF, expiring=False)
            assert list(archive.rows(known, month, manifest)) == [row]
        _check_one_dataset(known, tmp_path / known.name)


def _check_one_dataset(known: Table, folder: Path) -> None:
    clear = [c.name for c in known.stored_columns if c.name not in sealed_columns(known)]
    assert clear, known.name
    types = [
        duckdb.sql(f"describe from read_parquet('{file}', hive_partitioning = false)").fetchall()
        for file in sorted(folder.rglob("*.parquet"))
    ]
    assert types[0] == types[1]
    assert [name for name, *_ in types[0]] == clear
    assert {_kind(column) for file in folder.rglob("*.parquet") for column in _columns(file)} <= {
        *SPARK_KINDS
    }
    whole = duckdb.sql(f"from read_parquet('{folder}/*/*.parquet', hive_partitioning = true)")
    assert whole.columns == [*clear, "month"]
    assert [str(t) for t in whole.types[:-1]] == [row[1] for row in types[0]]
    assert sorted(row[-1] for row in whole.fetchall()) == ["2026-04", "2026-05"]
    dataset = pads.dataset(folder, format="parquet", partitioning="hive")
    fragments = [fragment.physical_schema for fragment in dataset.get_fragments()]
    assert len(fragments) == 2 and fragments[0].equals(fragments[1])
    assert dataset.to_table().num_rows == len(pd.read_parquet(folder)) == 2


# What Spark 3.4 and later reads as a column of one type: no unsigned integers, no nanoseconds, no
# times of day, which stop it, and no moments that it would shift by its session's zone.
SPARK_KINDS = (
    "BOOLEAN", "INT32", "INT64", "DOUBLE", "BYTE_ARRAY String", "INT32 Date",
    "FIXED_LEN_BYTE_ARRAY Decimal", "INT64 Timestamp microseconds",
)  # fmt: skip


def _columns(file: Path) -> Iterator[pq.ColumnSchema]:
    opened = pq.ParquetFile(file)
    assert opened.metadata.row_group(0).column(0).compression == "ZSTD"
    for number in range(len(opened.schema)):
        column = opened.schema.column(number)
        assert (column.max_repetition_level, column.path) == (0, column.name), "it is nested"
        assert column.converted_type != "DECIMAL" or column.precision <= 38
        yield column


def _kind(column: pq.ColumnSchema) -> str:
    """The physical type, and what it stands for."""
    told = json.loads(column.logical_type.to_json())
    meant = "" if told["Type"] == "None" else told["Type"]
    zone = " of UTC" if told.get("isAdjustedToUTC") else ""
    return " ".join(filter(None, (column.physical_type, meant, told.get("timeUnit")))) + zone


def _made_up(column: Column) -> Any:
    """A value of the column's type."""
    kind, moment = arrow_type(column), datetime(2026, 5, 6, 7, 8, 9)
    made: list[tuple[Any, Any]] = [
        (pa.types.is_timestamp, moment),
        (pa.types.is_date, moment.date()),
        (pa.types.is_time, moment.time()),
        (pa.types.is_boolean, True),
        (pa.types.is_decimal, Decimal((0, (1,), -getattr(kind, "scale", 0)))),
        (pa.types.is_integer, 1),
        (pa.types.is_floating, 1.5),
    ]
    return next((value for is_kind, value in made if is_kind(kind)), "文")
