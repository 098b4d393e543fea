"""Dropping a month against deleting it in chunks, on MySQL, with a writer at work.

`python benchmarks/retention_speed.py` makes tables behind the prefix bench_retention_, and drops
them at the end. What the writer's inserts took is held against inserts into the same table with
nothing beside them. Statements that drop are measured at each size, the rest at the smallest.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from multiprocessing.connection import Connection

import sqlalchemy as sa
from databases import drop_databases
from measure import Row, exponent, publish, seconds

from orchestration import database
from orchestration.retention.policy import Policy, policy_of
from orchestration.retention.run import run_all
from orchestration.schema.deploy import deploy
from orchestration.schema.metadata import metadata_of, table_named
from orchestration.schema.partitions import CATCH_ALL, Partition, partition_by
from orchestration.schema.record import load_record
from orchestration.settings import Settings, load_settings

NAME, CHUNK = "ai_platform_metrics", 5_000
BASELINE_SECONDS = 5
# Of so many the slowest hundredth is worth a word.
INSERTS, PAUSE = 500, 0.01
DROP = "drop partition"
TAKE_OUT = "retention without an archive (count, exchange, drop)"
AGAIN = "retention (verify, exchange, compare, drop)"
CUTS = (Partition("p202604", datetime(2026, 5, 1)), Partition("p202606", datetime(2026, 7, 1)),
        Partition(CATCH_ALL, None))  # fmt: skip


def fill(settings: Settings, rows: int) -> sa.Table:
    """The table, with so many rows in April."""
    known = table_named(metadata_of(settings), NAME).to_metadata(sa.MetaData())
    for key in [*known.foreign_key_constraints]:
        known.constraints.discard(key)
    name = f"`{known.schema}`.`{NAME}`"
    with database.begin(settings) as connection:
        connection.exec_driver_sql(f"drop database if exists `{known.schema}`")
        connection.exec_driver_sql(f"create database `{known.schema}`")
        known.create(connection)
        connection.exec_driver_sql(f"alter table {name} {partition_by('recorded_at', CUTS)}")
        kind, window = (known.c[c].type.enums[0] for c in ("metric_type", "time_window"))
        connection.exec_driver_sql(
            f"insert into {name} (id, tenant_id, platform_id, metric_type, metric_value, "
            "time_window, recorded_at) select uuid(), 't', 'p', "
            f"'{kind}', mod(n, 1000), '{window}', "
            "timestamp('2026-04-01') + interval mod(n, 2500000) second "
            f"from (with recursive digits(d) as (select 0 union all select d + 1 from digits "
            "where d < 999) select a.d * 1000000 + b.d * 1000 + c.d as n from digits a, digits b, "
            f"digits c where a.d < {max(1, rows // 1_000_000)} limit {rows}) as numbers"
        )
    return known


def with_writer(
    settings: Settings, known: sa.Table, work: Callable[[], None]
) -> tuple[float, list[float]]:
    """Seconds of `work`, and of each insert from its beginning on, 500 or more."""
    kind, window = (known.c[c].type.enums[0] for c in ("metric_type", "time_window"))
    insert = (
        f"insert into `{known.schema}`.`{NAME}` (id, tenant_id, platform_id, metric_type, "
        "metric_value, time_window, recorded_at) values "
        f"(uuid(), 't', 'p', '{kind}', 1, '{window}', '2026-06-30')"
    )
    # A process of its own, as an application is: in ours it would wait for Python, not for MySQL.
    own = multiprocessing.get_context("spawn")
    here, there = own.Pipe()
    writer = own.Process(
        target=_write, args=(there, settings.target, settings.database_prefix, insert), daemon=True
    )
    writer.start()
    there.close()
    here.recv()  # EOFError, with the writer's own error above it, if it could not begin
    began = time.monotonic()
    try:
        work()
    finally:
        spent = time.monotonic() - began
        here.send("ended")
    taken = here.recv()
    writer.join()
    return spent, taken


def _write(here: Connection, target: str, prefix: str, insert: str) -> None:
    """Insert until told that the work has ended, and tell what each took."""
    taken: list[float] = []
    with database.connect(load_settings(target=target, database_prefix=prefix)) as connection:
        connection.exec_driver_sql(insert)
        connection.commit()
        here.send("begun")
        while not here.poll() or len(taken) < INSERTS:
            began = time.monotonic()
            connection.exec_driver_sql(insert)
            connection.commit()
            taken.append(time.monotonic() - began)
            time.sleep(PAUSE)
    here.send(taken)


def delete_in_chunks(settings: Settings, known: sa.Table) -> None:
    """By primary key, each chunk a transaction: what a table without partitions needs."""
    name = f"`{known.schema}`.`{NAME}` partition (p202604)"
    last = ""
    while True:
        with database.begin(settings) as connection:
            upto = connection.exec_driver_sql(
                f"select max(id) from (select id from {name} where id > %s order by id "
                f"limit {CHUNK}) as chunk",
                (last,),
            ).scalar()
            if upto is None:
                return
            connection.exec_driver_sql(
                f"delete from {name} where id > %s and id <= %s", (last, upto)
            )
            last = upto


def drop(settings: Settings, known: sa.Table) -> None:
    """The bare statement."""
    with database.connect(settings) as connection:
        connection.exec_driver_sql(f"alter table `{known.schema}`.`{NAME}` drop partition p202604")


def main() -> None:
    """Measure at each size and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 3_000_000, 10_000_000])
    sizes = parser.parse_args().rows
    os.environ.setdefault("WAREHOUSE_ARCHIVE_KEY", "")
    settings = replace(
        load_settings(target="mysql", database_prefix="bench_retention_"),
        as_of=datetime(2026, 6, 30),
    )
    with tempfile.TemporaryDirectory() as folder:
        settings = replace(
            settings, environment={**settings.environment, "WAREHOUSE_ARCHIVE_URL": folder}
        )
        # Retention writes its audit rows there.
        deploy(settings, ["core"], progress=lambda _: None)
        try:
            rows = compared(settings, sizes)
        finally:
            drop_databases(settings)
    publish(
        "retention",
        ("rows dropped", "what", "takes", "99 % of inserts within", "the longest", "growth"),
        rows,
        "One insert after the other, 10 ms between them.",
    )


def compared(settings: Settings, sizes: Sequence[int]) -> list[Row]:
    """Rows of the table."""
    policy = replace(policy_of(load_record().table(NAME)), months=1, minimum_months=1)

    def retain(policy: Policy = policy) -> None:
        [outcome] = run_all(settings, chosen={NAME: policy})
        assert not outcome.failed and outcome.done, outcome

    def give_up(known: sa.Table) -> None:
        with database.connect(settings) as reader:  # its transaction stays open
            reader.exec_driver_sql(f"select 1 from `{known.schema}`.`{NAME}` limit 1").all()
            [outcome] = run_all(settings, chosen={NAME: policy})
            assert "long transaction" in outcome.failed, outcome

    ways: dict[str, Callable[[sa.Table], None]] = {
        "nothing": lambda _: time.sleep(BASELINE_SECONDS),
        DROP: lambda known: drop(settings, known),
        TAKE_OUT: lambda _: retain(replace(policy, archive=False)),
        f"delete in chunks of {CHUNK:,}": lambda known: delete_in_chunks(settings, known),
        "retention behind a long reader (archive, verify, give up)": give_up,
        AGAIN: lambda _: retain(),
    }
    rows: list[Row] = []
    drops: dict[str, dict[int, float]] = {DROP: {}, TAKE_OUT: {}}
    for size in sizes:
        for name in ways if size == min(sizes) else drops:
            if name != AGAIN:  # it goes on where the one before gave up
                known = fill(settings, size)
            work = partial(ways[name], known)
            spent, taken = with_writer(settings, known, work)
            by_size = drops.get(name, {})
            by_size[size] = spent
            *_, p99 = statistics.quantiles(taken, n=100, method="inclusive")
            growth = exponent(by_size) if len(by_size) > 1 else "-"
            rows.append(
                (f"{size:,}", name, seconds(spent), seconds(p99), seconds(max(taken)), growth)
            )
            print("  ".join(rows[-1]), flush=True)
    return rows


if __name__ == "__main__":
    main()
