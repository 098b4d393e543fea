"""Retention's promises on real engines: each test tries to break one."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pandas as pd
import pytest
import retention_world as world
import sqlalchemy as sa
from dying import dying_at, steps_told
from operation_runs import ON_MYSQL
from retention_world import AS_OF, CALLS, METRICS, ROWS, SECOND
from rows import insert, rows, table

from orchestration import database
from orchestration.errors import WarehouseError
from orchestration.operations import writes
from orchestration.operations.running import AlreadyRunning
from orchestration.retention import looking, run
from orchestration.retention.archive import Archive, Damaged
from orchestration.retention.holds import add_hold, release_hold
from orchestration.retention.jobs import build_retention_jobs
from orchestration.retention.policy import policies
from orchestration.retention.restore import restore
from orchestration.retention.run import extend_horizon, plan_all
from orchestration.schema.partitions import (
    CATCH_ALL,
    Partition,
    monthly,
    months_between,
    read_partitions,
)
from orchestration.schema.record import load_record
from orchestration.settings import Settings

FIRST = date(2026, 3, 1)
CHILD = "ai_messages"


@pytest.fixture(scope="module")
def stage(module_engine_settings: Settings) -> Settings:
    world.make(module_engine_settings, CALLS, METRICS, ROWS, CHILD)
    return module_engine_settings


def parts_of(settings: Settings, name: str) -> list[Partition]:
    with database.connect(settings) as connection:
        return read_partitions(connection, str(table(settings, name).schema), name)


@pytest.mark.parametrize("name", [CALLS, ROWS])
def test_keeps_the_window_and_loses_nothing(stage: Settings, tmp_path: Path, name: str) -> None:
    settings = world.with_archive(stage, tmp_path)
    moments = world.fill(settings, name, FIRST)
    policy = world.policy(settings, name, 1)
    cutoff = datetime(2026, 5, 1)
    [planned] = plan_all(settings, chosen={name: policy})
    before = world.online(settings, name)
    assert before == set(moments), "a plan changes nothing"
    content = {row["id"]: row for row in rows(settings, name)}
    outcome = world.run(settings, policy)
    assert not outcome.failed
    assert outcome.steps == planned.steps
    assert outcome.done == planned.steps, "the run did what the plan said, row by row"
    assert world.online(settings, name) == {i for i, m in moments.items() if m >= cutoff}
    closed = {i for i, m in moments.items() if m < datetime(2026, 6, 1)}
    assert world.archived(settings, name) == closed
    assert {row["id"]: row for row in rows(settings, name)} == {
        i: content[i] for i in world.online(settings, name)
    }
    again = world.run(settings, policy)
    assert (again.steps, again.done, again.failed) == ([], [], "")


@pytest.mark.parametrize("name", [CALLS, ROWS])
def test_a_policy_that_is_too_short_takes_nothing(
    stage: Settings, tmp_path: Path, name: str
) -> None:
    """Below the minimum, or shorter than models look back: not even archived, and said so."""
    settings = world.with_archive(stage, tmp_path)
    moments = world.fill(settings, name, FIRST)
    parts = parts_of(settings, name) if settings.is_mysql else []
    short = world.policy(settings, name, 1)
    declared = policies(settings, {name: 400})[name]
    for policy, why in (
        (replace(short, minimum_months=2), "1 months are fewer than the 2 allowed"),
        (replace(short, months=0), "0 months are fewer than the 1 allowed"),
        (replace(short, lookback_days=54), "fewer than the 54 days that models look back"),
        (declared, "fewer than the 400 days that models look back"),
    ):
        outcome = world.run(settings, policy)
        assert outcome.refused and not outcome.done
        [step] = outcome.steps
        assert step.action == "refuse" and why in step.why
        assert world.online(settings, name) == set(moments)
        assert not world.archived(settings, name)
    assert (parts_of(settings, name) if settings.is_mysql else []) == parts
    # A day less to look back, and the month may leave.
    outcome = world.run(settings, replace(short, lookback_days=53))
    assert not outcome.refused and world.online(settings, name) < set(moments)


@ON_MYSQL
@pytest.mark.parametrize(
    ("months", "first", "last"),
    [
        (6, date(2025, 11, 1), date(2025, 12, 1)),
        (36, date(2023, 5, 1), date(2023, 6, 1)),
    ],
)
def test_longer_policies(
    stage: Settings, tmp_path: Path, months: int, first: date, last: date
) -> None:
    settings = world.with_archive(stage, tmp_path)
    ahead = [monthly(first), monthly(last), Partition("later", datetime(2026, 7, 1))]
    moments = world.fill(settings, METRICS, first, last, parts=[*ahead, Partition(CATCH_ALL, None)])
    now = {"900000": AS_OF}
    insert(settings, METRICS, world.row_of(METRICS, "900000", AS_OF, random.Random(1)))
    policy = world.policy(settings, METRICS, months)
    assert not world.run(settings, policy).failed
    kept = {i for i, m in moments.items() if m >= datetime(last.year, last.month, 1)}
    assert world.online(settings, METRICS) == {*kept, *now}
    assert world.archived(settings, METRICS) == set(moments)


@ON_MYSQL
def test_server_in_another_zone(stage: Settings, tmp_path: Path) -> None:
    settings = world.with_archive(stage, tmp_path)
    moments = world.fill(settings, METRICS, FIRST)
    with database.connect(settings) as connection:
        before = connection.scalar(sa.text("select @@global.time_zone"))
        connection.exec_driver_sql("set global time_zone = '-05:00'")
    try:
        database.connect_engine(settings).dispose()
        assert not world.run(settings, world.policy(settings, METRICS, 1)).failed
        cutoff = datetime(2026, 5, 1)
        assert world.online(settings, METRICS) == {i for i, m in moments.items() if m >= cutoff}
        world.check_nothing_lost(settings, METRICS, moments, cutoff)
    finally:
        with database.connect(settings) as connection:
            connection.execute(sa.text("set global time_zone = :zone"), {"zone": before})


@ON_MYSQL
def test_clock_moved(stage: Settings, tmp_path: Path) -> None:
    settings = world.with_archive(stage, tmp_path)
    moments = world.fill(settings, METRICS, FIRST)
    policy = world.policy(settings, METRICS, 1)
    ahead = replace(settings, as_of=AS_OF + timedelta(days=31))
    outcome = world.run(ahead, policy)
    assert [s.action for s in outcome.steps if s.action != "archive"] == ["refuse"]
    assert world.online(settings, METRICS) == set(moments)
    beyond = replace(settings, as_of=datetime(2037, 1, 1))
    assert "server's" in world.run(beyond, policy).steps[-1].why
    assert world.online(settings, METRICS) == set(moments)
    back = replace(settings, as_of=datetime(2026, 5, 31))
    assert not world.run(back, policy).failed
    world.check_nothing_lost(settings, METRICS, moments, datetime(2026, 4, 1))
    assert not world.run(settings, policy).failed
    world.check_nothing_lost(settings, METRICS, moments, datetime(2026, 5, 1))


@ON_MYSQL
def test_odd_renamed_and_future_partitions(stage: Settings, tmp_path: Path) -> None:
    settings = world.with_archive(stage, tmp_path)
    cuts = [("p202607", datetime(2026, 4, 1)), ("old", datetime(2026, 4, 16, 7)),
            ("p202501", datetime(2026, 5, 1, 0, 0, 1)), ("x", datetime(2026, 7, 1)),
            (CATCH_ALL, None)]  # fmt: skip
    moments = world.fill(settings, METRICS, FIRST, parts=[Partition(*cut) for cut in cuts])
    late = {"900001": datetime(2026, 9, 1), "900002": datetime(2026, 7, 1)}
    rng = random.Random(1)
    insert(settings, METRICS, *[world.row_of(METRICS, i, m, rng) for i, m in late.items()])
    assert not world.run(settings, world.policy(settings, METRICS, 1)).failed
    # The third reaches a second into the kept window.
    assert [p.name for p in parts_of(settings, METRICS)] == ["p202501", "x", CATCH_ALL]
    cutoff = datetime(2026, 4, 16, 7)
    assert world.online(settings, METRICS) == {
        i for i, m in (moments | late).items() if m >= cutoff
    }
    world.check_nothing_lost(settings, METRICS, moments | late, cutoff)


@ON_MYSQL
@pytest.mark.parametrize(
    "harm",
    ["sealed", *(pytest.param(h, marks=pytest.mark.slow) for h in ("flip", "truncate", "remove"))],
)
def test_nothing_goes_whose_archive_is_damaged(stage: Settings, tmp_path: Path, harm: str) -> None:
    settings = world.with_archive(stage, tmp_path)
    moments = world.fill(settings, CALLS, FIRST)
    policy = world.policy(settings, CALLS, 1)
    # Archived a month ago, when nothing was expired yet.
    world.run(settings, replace(policy, months=30))
    under = "_sealed/" if harm == "sealed" else ""
    file = tmp_path / f"{under}{CALLS}/month=2026-03/data.parquet"
    content = bytearray(file.read_bytes())
    content[len(content) // 3] ^= 1
    changed = {"truncate": content[:-9], "remove": b""}.get(harm, content)
    file.write_bytes(changed)
    if harm == "remove":
        file.unlink()
    known = load_record().table(CALLS)
    manifest = Archive(settings).manifest(known, FIRST)
    assert manifest
    with pytest.raises(Damaged):
        list(Archive(settings).rows(known, FIRST, manifest))
    # Its rows are all online, so the file is made anew, and only then they go.
    assert not world.run(settings, policy).failed
    world.check_nothing_lost(settings, CALLS, moments, policy.cutoff(AS_OF))
    # Gone online, there is nothing to make it of: late rows for the month must not replace it.
    file.write_bytes(file.read_bytes()[:-5])
    late = world.row_of(CALLS, "900000", datetime(2026, 3, 5), random.Random(1))
    insert(settings, CALLS, late)
    outcome = world.run(replace(settings, as_of=datetime(2026, 7, 1)), policy)
    assert "read back" in outcome.failed
    assert "900000" in world.online(settings, CALLS)


@ON_MYSQL
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_full_disk(stage: Settings, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=24k", "tmpfs", str(small)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no leave to mount a small disk")
    try:
        settings = world.with_archive(stage, small)
        moments = world.fill(settings, CALLS, FIRST, each=300)
        outcome = world.run(settings, world.policy(settings, CALLS, 1))
        assert "full" in outcome.failed
        cutoff = datetime(2026, 5, 1)
        world.check_nothing_lost(settings, CALLS, moments, cutoff)
        subprocess.run(["mount", "-o", "remount,size=20m", str(small)], check=True)
        assert not world.run(settings, world.policy(settings, CALLS, 1)).failed
        assert world.online(settings, CALLS) == {i for i, m in moments.items() if m >= cutoff}
        world.check_nothing_lost(settings, CALLS, moments, cutoff)
    finally:
        subprocess.run(["umount", str(small)], check=True)


@ON_MYSQL
def test_archive_that_cannot_be_written(stage: Settings, tmp_path: Path) -> None:
    # Root may write anywhere, so a file stands where the folder should be.
    (tmp_path / METRICS).write_text("no folder")
    settings = world.with_archive(stage, tmp_path)
    moments = world.fill(settings, METRICS, FIRST)
    outcome = world.run(settings, world.policy(settings, METRICS, 1))
    assert "cannot be used" in outcome.failed or "Fix:" in outcome.failed
    assert world.online(settings, METRICS) == set(moments)


@ON_MYSQL
def test_sensitive_tables_need_the_key(stage: Settings, tmp_path: Path) -> None:
    settings = world.with_archive(stage, tmp_path, WAREHOUSE_ARCHIVE_KEY="")
    moments = world.fill(settings, CALLS, FIRST)
    policy = world.policy(settings, CALLS, 1)
    outcome = world.run(settings, policy)
    assert [step.action for step in outcome.steps] == ["refuse"]
    assert world.online(settings, CALLS) == set(moments)
    assert not (tmp_path / CALLS).exists()
    keyed = world.with_archive(stage, tmp_path)
    assert not world.run(keyed, policy).failed
    other = world.with_archive(stage, tmp_path, WAREHOUSE_ARCHIVE_KEY="eHh4" * 10 + "eHg=")
    with pytest.raises(WarehouseError, match="encrypted with the key"):
        restore(other, CALLS, FIRST)
    secret = [b"request_data", "🚀".encode(), "纯文本".encode()]
    for file in tmp_path.rglob("data.parquet"):
        assert not any(word in file.read_bytes() for word in secret)


@ON_MYSQL
def test_lake_reads_with_duckdb_and_pandas(stage: Settings, tmp_path: Path) -> None:
    settings = world.with_archive(stage, tmp_path)
    moments = world.fill(settings, CALLS, FIRST)
    world.run(settings, world.policy(settings, CALLS, 30))
    closed = {i for i, m in moments.items() if m < datetime(2026, 6, 1)}
    found = duckdb.sql(
        f"select id, created_at, month from read_parquet('{tmp_path}/{CALLS}/*/*.parquet', "
        "hive_partitioning = true)"
    ).fetchall()
    assert {i for i, _, _ in found} == closed and len(found) == len(closed)
    assert all(moments[i] == moment and f"{moment:%Y-%m}" == month for i, moment, month in found)
    frame = pd.read_parquet(tmp_path / CALLS)
    assert set(frame["id"]) == closed
    assert "user_agent" not in frame and "tenant_id" in frame


@ON_MYSQL
def test_late_and_changed_rows_reach_the_archive(stage: Settings, tmp_path: Path) -> None:
    settings = world.with_archive(stage, tmp_path)
    moments = world.fill(settings, CALLS, FIRST)
    policy = world.policy(settings, CALLS, 1)
    world.run(settings, replace(policy, months=30))
    known = table(settings, CALLS)
    changed = min(moments)
    with database.begin(settings) as connection:
        connection.execute(known.update().where(known.c.id == changed).values(user_agent="new"))
    late = {"900000": datetime(2026, 3, 31, 23, 59, 59)}
    insert(settings, CALLS, world.row_of(CALLS, "900000", late["900000"], random.Random(2)))
    assert not world.run(settings, policy).failed
    # And later than that, for a month that is gone: it reaches the archive with its partition.
    late["900001"] = datetime(2026, 3, 1)
    insert(settings, CALLS, world.row_of(CALLS, "900001", late["900001"], random.Random(2)))
    later = replace(settings, as_of=datetime(2026, 7, 2))
    assert not world.run(later, policy).failed
    assert {"900000", "900001"} <= world.archived(settings, CALLS)
    world.check_nothing_lost(settings, CALLS, moments | late, policy.cutoff(later.as_of))
    restore(settings, CALLS, FIRST)
    assert {r["id"]: r for r in rows(settings, CALLS)}[changed]["user_agent"] == "new"


@ON_MYSQL
@pytest.mark.parametrize("name", [CALLS, pytest.param(ROWS, marks=pytest.mark.slow)])
def test_restore_puts_back_exactly(stage: Settings, tmp_path: Path, name: str) -> None:
    settings = world.with_archive(stage, tmp_path)
    moments = world.fill(settings, name, FIRST)
    before = rows(settings, name)
    policy = world.policy(settings, name, 1)
    world.run(settings, policy)
    done = restore(settings, name, FIRST)
    march = {i for i, m in moments.items() if m < datetime(2026, 4, 1)}
    cutoff = datetime(2026, 5, 1)
    back = {i for i, m in moments.items() if m >= cutoff} | march
    assert (done.restored, done.already_there) == (len(march), 0)
    assert rows(settings, name) == [row for row in before if row["id"] in back]
    assert restore(settings, name, FIRST).restored == 0
    # Retention leaves it alone for the days that were asked for.
    assert not world.run(settings, policy).failed
    assert world.online(settings, name) == back
    known = table(settings, name)
    with database.begin(settings) as connection:
        one = known.c.id == min(march)
        connection.execute(known.update().where(one).values(tenant_id="somebody"))
        connection.execute(known.delete().where(known.c.id == max(march)))
    changed = rows(settings, name)
    with pytest.raises(WarehouseError, match="overwritten"):
        restore(settings, name, FIRST)
    assert rows(settings, name) == changed
    with pytest.raises(WarehouseError, match="has no"):
        restore(settings, name, date(2020, 1, 1))


@ON_MYSQL
@pytest.mark.parametrize("name", [CALLS, pytest.param(ROWS, marks=pytest.mark.slow)])
def test_holds_keep_rows_and_are_released(stage: Settings, tmp_path: Path, name: str) -> None:
    settings = world.with_archive(stage, tmp_path)
    moments = world.fill(settings, name, FIRST)
    policy = world.policy(settings, name, 1)
    archive = Archive(settings)
    whole = add_hold(archive, "", name, "an audit", AS_OF)
    world.run(settings, policy)
    assert world.online(settings, name) == set(moments)
    release_hold(archive, whole.id, AS_OF)
    hold = add_hold(archive, "t1", "", "a court", AS_OF)
    assert not world.run(settings, policy).failed
    cutoff = policy.cutoff(AS_OF)
    kept = {i for i, m in moments.items() if m >= cutoff or int(i) % 3 == 1}
    assert world.online(settings, name) == kept
    july = replace(settings, as_of=datetime(2026, 7, 3))
    assert not world.run(july, policy).failed
    cutoff = datetime(2026, 6, 1)
    kept = {i for i, m in moments.items() if m >= cutoff or int(i) % 3 == 1}
    assert world.online(settings, name) == kept
    release_hold(archive, hold.id, AS_OF)
    august = replace(settings, as_of=datetime(2026, 7, 5) + timedelta(days=28))
    insert(settings, name, world.row_of(name, "900000", datetime(2026, 8, 1), random.Random(1)))
    extend_horizon(august, [name])
    assert not world.run(august, policy).failed
    cutoff = policy.cutoff(august.as_of)
    assert world.online(settings, name) == {i for i, m in moments.items() if m >= cutoff} | {
        "900000"
    }


@ON_MYSQL
def test_rows_go_in_batches_up_to_the_bound(stage: Settings, tmp_path: Path) -> None:
    settings = world.with_archive(stage, tmp_path)
    moments = world.fill(settings, ROWS, FIRST, each=40)
    policy = world.policy(settings, ROWS, 1)
    told: list[str] = []
    left = sorted((m, i) for i, m in moments.items() if m < policy.cutoff(AS_OF))
    while left:
        world.run(settings, policy, rows_a_run=30, progress=told.append)
        gone = {i for _, i in left[:30]}
        # Equal moments go by id, so the order is one.
        assert world.online(settings, ROWS) == set(moments) - gone
        moments = {i: m for i, m in moments.items() if i not in gone}
        left = left[30:]
    assert any("30 of 30 rows deleted" in line for line in told)
    assert not world.run(settings, policy).steps


class Writer:
    """Inserts one row after the other into METRICS, as an application does, while it is entered."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.written: dict[str, datetime] = {}
        self.trouble: list[Exception] = []
        self.longest = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._write)

    def __enter__(self) -> Writer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _write(self) -> None:
        rng = random.Random(3)
        try:
            while not self._ended.is_set():
                # Old months too: rows come between verification and drop.
                moment = rng.choice((datetime(2026, 3, 9), datetime(2026, 4, 9), AS_OF))
                row_id, began = f"{800_000 + len(self.written)}", time.monotonic()
                insert(self.settings, METRICS, world.row_of(METRICS, row_id, moment, rng))
                self.longest = max(self.longest, time.monotonic() - began)
                self.written[row_id] = moment
        except Exception as error:
            self.trouble.append(error)


@ON_MYSQL
def test_gives_up_behind_a_long_reader(stage: Settings, tmp_path: Path) -> None:
    settings = world.with_archive(stage, tmp_path)
    moments = world.fill(settings, METRICS, FIRST)
    policy = world.policy(settings, METRICS, 1)
    name = f"`{table(settings, METRICS).schema}`.`{METRICS}`"
    with database.connect(settings) as reader:
        reader.exec_driver_sql(f"select * from {name} limit 1").all()  # its transaction stays open
        began = time.monotonic()
        with Writer(settings) as writer:
            outcome = world.run(settings, policy)
        assert "in use by a long transaction" in outcome.failed
        assert time.monotonic() - began < 20
        # It waits a second at a time for its lock, and then lets everybody through.
        assert not writer.trouble and len(writer.written) > 3 and writer.longest < 3
        with database.connect(settings) as other:  # nobody queues now
            other.exec_driver_sql(f"select * from {name} limit 1").all()
    moments |= writer.written
    world.check_nothing_lost(settings, METRICS, moments, policy.cutoff(AS_OF))
    assert not world.run(settings, policy).failed
    world.check_nothing_lost(settings, METRICS, moments, policy.cutoff(AS_OF))
    assert len(parts_of(settings, METRICS)) == 3


@ON_MYSQL
def test_rows_that_others_refer_to_stay(
    stage: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = world.with_archive(stage, tmp_path)
    moments = world.fill(settings, ROWS, FIRST)
    parent, child = (table(settings, name) for name in (ROWS, CHILD))
    referred = min(moments)
    insert(settings, CHILD, {"conversation_id": referred})
    with database.connect(settings) as connection:
        connection.exec_driver_sql(
            f"alter table `{child.schema}`.`{CHILD}` add constraint of_a_metric foreign key "
            f"(conversation_id) references `{parent.schema}`.`{ROWS}` (id)"
        )
    policy = world.policy(settings, ROWS, 1)
    try:
        # A key that the record does not know: the database refuses, and nothing is half done.
        outcome = world.run(settings, policy)
        assert "foreign key" in outcome.failed
        assert world.online(settings, ROWS) == set(moments)
        known = (load_record().table(CHILD), "conversation_id", "id")
        monkeypatch.setattr(looking, "referring", lambda *_: [known])
        assert not world.run(settings, policy).failed
        kept = {i for i, m in moments.items() if m >= policy.cutoff(AS_OF)}
        assert world.online(settings, ROWS) == {*kept, referred}
        with database.begin(settings) as connection:
            connection.execute(child.delete())
        assert not world.run(settings, policy).failed
        assert world.online(settings, ROWS) == kept
    finally:
        with database.connect(settings) as connection:
            connection.exec_driver_sql(
                f"alter table `{child.schema}`.`{CHILD}` drop foreign key of_a_metric"
            )


@ON_MYSQL
def test_declared_rights_are_enough(stage: Settings, tmp_path: Path) -> None:
    """A user with what operations/writes.py declares archives, drops, deletes and restores."""
    settings = world.with_archive(stage, tmp_path)
    user = f"`{settings.database_prefix}retains`@`%%`"
    names = {METRICS: writes.RETENTION_PARTITIONED, ROWS: writes.RETENTION_ROWS}
    moments = {name: world.fill(settings, name, FIRST) for name in names}
    with database.connect(settings) as connection:
        run_sql = connection.exec_driver_sql
        run_sql(f"create user {user} identified by 'For-this-test-3xW'")
        try:
            for name, rights in names.items():
                schema = table(settings, name).schema
                twin = f"{name}{looking.TAKEN_OUT}"
                for each in (name, twin) if rights is writes.RETENTION_PARTITIONED else (name,):
                    run_sql(f"grant {', '.join(rights)} on `{schema}`.`{each}` to {user}")
                run_sql(f"grant {', '.join(writes.RETENTION_DATABASES)} on `{schema}`.* to {user}")
            run_sql(f"grant insert on `{table(settings, world.AUDIT).schema}`."
                    f"`{world.AUDIT}` to {user}")  # fmt: skip
            login = {"MYSQL_USER": user.split("`")[1], "MYSQL_PASSWORD": "For-this-test-3xW"}
            as_user = replace(settings, environment={**settings.environment, **login})
            for name in names:
                policy = world.policy(settings, name, 1)
                assert not world.run(as_user, policy).failed
                world.check_nothing_lost(settings, name, moments[name], policy.cutoff(AS_OF))
                assert len(world.online(settings, name)) < len(moments[name])
                assert restore(as_user, name, FIRST).restored
            assert not any(each.failed for each in extend_horizon(as_user, [METRICS]))
            database.connect_engine(as_user).dispose()
        finally:
            run_sql(f"drop user {user}")


@ON_MYSQL
def test_writer_goes_on(stage: Settings, tmp_path: Path) -> None:
    settings = world.with_archive(stage, tmp_path)
    moments = world.fill(settings, METRICS, FIRST, each=200)
    policy = world.policy(settings, METRICS, 1)
    with Writer(settings) as writer:
        outcome = world.run(settings, policy)
    assert not outcome.failed and not writer.trouble
    assert len(writer.written) > 20 and writer.longest < 3
    world.check_nothing_lost(settings, METRICS, moments | writer.written, policy.cutoff(AS_OF))


@ON_MYSQL
def test_horizon_is_made_and_late_rows_move(stage: Settings, tmp_path: Path) -> None:
    settings = replace(stage, as_of=AS_OF)
    # Nobody looked for half a year; rows went on.
    made = [*map(monthly, months_between(FIRST, date(2026, 5, 1))), Partition(CATCH_ALL, None)]
    moments = world.fill(settings, METRICS, FIRST, parts=made)
    insert(
        settings, METRICS, world.row_of(METRICS, "900000", datetime(2027, 1, 1), random.Random(1))
    )
    [found] = extend_horizon(settings, [METRICS])
    inside = sum(m >= datetime(2026, 6, 1) for m in moments.values())
    assert (found.made, found.moved, found.left, found.failed) == (4, inside, 1, "")
    last = [monthly(m) for m in months_between(FIRST, date(2026, 9, 1))]
    assert parts_of(settings, METRICS) == [*last, Partition(CATCH_ALL, None)]
    assert world.online(settings, METRICS) == {*moments, "900000"}
    [again] = extend_horizon(settings, [METRICS])
    assert (again.made, again.moved, again.left) == (0, 0, 1)


@ON_MYSQL
def test_runs_are_remembered(stage: Settings, tmp_path: Path) -> None:
    settings = world.with_archive(stage, tmp_path)
    world.fill(settings, METRICS, FIRST, each=0)
    outcome = world.run(settings, world.policy(settings, METRICS, 1))
    [file] = (tmp_path / "_runs").iterdir()
    [told] = json.loads(file.read_text())
    assert told["table"] == METRICS and len(told["done"]) == len(outcome.done)


@ON_MYSQL
def test_boundary_second_by_second(stage: Settings, tmp_path: Path) -> None:
    settings = world.with_archive(stage, tmp_path)
    moments: dict[str, datetime] = world.fill(settings, ROWS, date(2026, 6, 1), each=0)
    cutoff = datetime(2026, 5, 1)
    edge: dict[str, Any] = {"700000": cutoff - SECOND, "700001": cutoff, "700002": cutoff + SECOND}
    insert(settings, ROWS, *[world.row_of(ROWS, i, m, random.Random(1)) for i, m in edge.items()])
    assert not world.run(settings, world.policy(settings, ROWS, 1)).failed
    assert world.online(settings, ROWS) == {*moments, "700001", "700002"}


@ON_MYSQL
def test_jobs_show_what_was_done(
    stage: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = replace(world.with_archive(stage, tmp_path), domains=("ai",))
    moments = world.fill(settings, METRICS, FIRST)
    short = world.policy(settings, METRICS, 1)
    monkeypatch.setattr(run, "policies", lambda _: {METRICS: short})
    ahead, retention = build_retention_jobs(settings)
    with dg.instance_for_test() as instance:
        options = {"instance": instance, "resources": {"settings": settings}}
        result = retention.execute_in_process(op_selection=[f"retain_{METRICS}"], **options)
        assert result.success
        told = instance.get_run_step_stats(result.run_id)
        assert [step.step_key for step in told] == [f"retain_{METRICS}"]
    assert world.online(settings, METRICS) == {
        i for i, m in moments.items() if m >= short.cutoff(AS_OF)
    }
    [horizon] = extend_horizon(replace(settings, domains=("ai",)), [METRICS])
    assert horizon.made == 3 and ahead.name == "partition_horizon"


@contextmanager
def killed_after(last: int, seconds: float, archive: Path) -> Iterator[None]:
    """This process ends so many steps from now: statements, commits, and files of the archive."""
    step = dying_at(last, seconds)

    def file_step(event: str, arguments: tuple[Any, ...]) -> None:
        if event in ("open", "os.rename", "os.remove") and str(archive) in str(arguments[0]):
            step()

    sys.addaudithook(file_step)
    with steps_told(step):
        yield


@ON_MYSQL
@pytest.mark.parametrize(
    "point", [pytest.param(n, marks=[pytest.mark.slow] if n > 0 else []) for n in range(30)]
)
def test_killed_anywhere(stage: Settings, tmp_path: Path, point: int) -> None:
    """SIGKILL at a random step, or a moment after it, again and again."""
    rng = random.Random(point)
    name = rng.choice((METRICS, CALLS, ROWS))
    settings = world.with_archive(stage, tmp_path)
    moments = world.fill(settings, name, FIRST, each=100)
    policy = world.policy(settings, name, 1)
    kills = 0
    for _ in range(4):
        last, seconds = rng.randint(1, 60), rng.choice((0, rng.uniform(0, 0.05)))
        child = os.fork()
        if child == 0:
            try:
                with killed_after(last, seconds, tmp_path):
                    world.run(settings, policy)
            finally:
                os._exit(0)
        _, status = os.waitpid(child, 0)
        kills += os.WIFSIGNALED(status)
        world.check_nothing_lost(settings, name, moments, policy.cutoff(AS_OF))
    assert kills, "every run came through before it was killed"
    outcome = None
    for _ in range(100):
        with suppress(AlreadyRunning):  # the server has not noticed yet
            outcome = world.run(settings, policy)
            if not outcome.failed:
                break
        time.sleep(0.1)
    assert outcome and not outcome.failed
    kept = {i for i, m in moments.items() if m >= policy.cutoff(AS_OF)}
    assert world.online(settings, name) == kept
    world.check_nothing_lost(settings, name, moments, policy.cutoff(AS_OF))
    assert not world.run(settings, policy).steps
