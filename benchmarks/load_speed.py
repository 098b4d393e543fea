"""LOAD DATA against INSERT and pandas on MySQL: `python benchmarks/load_speed.py [--rows N]`.

All put the same WeCom messages from the same Parquet file into freshly deployed tables of a
throw-away database on the configured MySQL server (MYSQL_* or `make mysql-up`), in turn, and all
end with all rows and all indexes there. The INSERT does what loaders usually do: 1,000 rows a
statement as they come, with all indexes in place; one transaction, which flatters it. pandas does
what people write in a notebook, `to_sql` in pieces of 10,000. The load is the real one: months side
by side, in primary-key order, secondary indexes afterwards. A million rows, because that is where
it matters: the indexes that an INSERT keeps in order have outgrown the buffer pool by then.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path

import pyarrow.parquet as pq
from databases import drop_databases
from measure import in_turn, publish, ratio

from orchestration import database
from orchestration.sampledata import load as loader
from orchestration.sampledata.conform import stored
from orchestration.sampledata.generate import generate
from orchestration.sampledata.wework_traffic import MESSAGES
from orchestration.schema.deploy import deploy
from orchestration.schema.record import Table, load_record
from orchestration.settings import Settings, load_settings

BATCH = 1000


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=1, help="counted rounds")
    given = parser.parse_args()
    base = load_settings(target="mysql")
    folder = Path(tempfile.mkdtemp(prefix="load-speed-"))
    settings = replace(base, local_dir=folder, environment=base.child_environment())
    dataset = generate(settings, "bench", 1, "2026-06-30", folder / "data", ["wework"])
    source = dataset.directory / "wework_platform" / f"{MESSAGES}.parquet"
    file = folder / "part.parquet"
    written = first_rows(source, given.rows, file)
    ways = {
        "multi-row INSERT": insert,
        "pandas.DataFrame.to_sql": to_sql,
        "warehouse load": load_data,
    }
    try:
        found = in_turn(
            {name: partial(in_new_database, settings, way, file) for name, way in ways.items()},
            given.rounds,
        )
    finally:
        shutil.rmtree(folder)
    ours = found["warehouse load"]
    publish(
        "load",
        ("way", "takes", "rows a second", "ratio"),
        [(n, str(t), f"{written / t.median:,.0f}", ratio(t, ours)) for n, t in found.items()],
        f"{written:,} WeCom messages.",
    )


def first_rows(source: Path, rows: int, file: Path) -> int:
    """Write the first `rows` rows of a Parquet file to another; how many there were."""
    written = 0
    schema = pq.read_schema(source)
    with pq.ParquetWriter(file, schema) as writer:
        for batch in pq.ParquetFile(source).iter_batches(100_000):
            writer.write_batch(batch.slice(0, rows - written))
            written += min(len(batch), rows - written)
            if written == rows:
                break
    return written


def in_new_database(
    settings: Settings, work: Callable[[Settings, Table, Path], float], file: Path
) -> float:
    """Deploy behind a prefix of this process, let `work` run, drop everything again; seconds."""
    own = replace(settings, database_prefix=f"bench_load_{os.getpid()}_")
    deploy(own, ["wework"], progress=lambda _: None, oldest=date(2025, 9, 1))
    try:
        return work(own, load_record().table(MESSAGES), file)
    finally:
        drop_databases(own)


def insert(settings: Settings, table: Table, file: Path) -> float:
    """Seconds for INSERT … VALUES of 1,000 rows a statement (PyMySQL's executemany)."""
    columns = [c.name for c in stored(table)]
    target = f"`{settings.database_prefix}{table.database}`.`{table.name}`"
    sql = f"insert into {target} ({', '.join(columns)}) values ({', '.join(['%s'] * len(columns))})"
    with database.connect(settings) as connection, connection.connection.cursor() as cursor:
        cursor.max_stmt_length = 2**26  # the batch decides, not the length
        began = time.perf_counter()
        for batch in pq.ParquetFile(file).iter_batches(BATCH, columns=columns):
            cursor.executemany(sql, [tuple(row.values()) for row in batch.to_pylist()])
        connection.connection.commit()
        return time.perf_counter() - began


def to_sql(settings: Settings, table: Table, file: Path) -> float:
    """Seconds for pandas, in pieces that fit memory."""
    columns = [c.name for c in stored(table)]
    began = time.perf_counter()
    with database.begin(settings) as connection:
        for batch in pq.ParquetFile(file).iter_batches(10 * BATCH, columns=columns):
            batch.to_pandas().to_sql(
                table.name,
                connection,
                schema=f"{settings.database_prefix}{table.database}",
                if_exists="append",
                index=False,
            )
    return time.perf_counter() - began


def load_data(settings: Settings, table: Table, file: Path) -> float:
    """Seconds for what `warehouse load` does with one table, from Parquet to indexes."""
    rows = pq.ParquetFile(file).metadata.num_rows
    task = loader.Task(table, file, "0" * 64, rows)
    began = time.perf_counter()
    loader.load_tasks(settings, [task])
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
