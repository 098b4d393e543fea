"""The lake's days: all of one moment, whole or not there, gone when their time is over."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
import retention_world as world
import sqlalchemy as sa
from retention_world import AS_OF, CALLS
from rows import Row, insert, table
from typer.testing import CliRunner

from orchestration import cli, database
from orchestration.errors import WarehouseError
from orchestration.lake import days as lake_days
from orchestration.lake.days import DayArchive, days, read_day, sync_day, verify_day
from orchestration.retention.archive import Damaged
from orchestration.schema.record import load_record
from orchestration.settings import Settings

PLATFORMS, USERS = "ai_platforms", "saas_users"
NAMES = (CALLS, PLATFORMS, USERS)
JUNE = datetime(2026, 6, 1)


@pytest.fixture(scope="module")
def stage(module_engine_settings: Settings) -> Settings:
    world.make(module_engine_settings, *NAMES)
    return module_engine_settings


@pytest.fixture
def lake(stage: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Three tables with rows: calls around a month's first second, and two that no month holds."""
    record = load_record()
    monkeypatch.setattr(lake_days, "day_tables", lambda _: [record.table(name) for name in NAMES])
    world.fill(stage, CALLS, date(2026, 5, 1))
    with database.begin(stage) as connection:
        for name in (PLATFORMS, USERS):
            connection.execute(table(stage, name).delete())
    insert(stage, PLATFORMS, *[platform(f"p{n}") for n in range(3)])
    insert(stage, USERS, *[user(f"u{n}") for n in range(5)])
    return world.with_archive(stage, tmp_path / "lake")


def user(user_id: str) -> Row:
    return {"id": user_id, "username": user_id, "email": f"{user_id}@example.com"}


def platform(platform_id: str) -> Row:
    return {"id": platform_id, "platform_code": platform_id}


def ids(settings: Settings, name: str, day: str = "") -> set[str]:
    """What DuckDB reads of a day's open file, without a key."""
    found = read_day(settings, day)
    folder = DayArchive(settings, date.fromisoformat(found.day), found.run)
    place = folder.folder(load_record().table(name))
    rows = duckdb.sql(f"select id from read_parquet('{place}/*.parquet')").fetchall()
    assert len(rows) == found.tables[name].rows
    return {row[0] for row in rows}


def online(settings: Settings, name: str, *where: Any) -> set[str]:
    query = sa.select(table(settings, name).c.id).where(*where)
    with database.connect(settings) as connection:
        return set(connection.scalars(query))


def on(settings: Settings, day: int) -> Settings:
    return replace(settings, as_of=AS_OF + timedelta(days=day))


def test_a_day_holds_what_no_month_holds(lake: Settings) -> None:
    made = sync_day(lake)
    assert (made.day, made.open_from, days(lake)) == ("2026-06-30", "2026-06-01", ["2026-06-30"])
    june = online(lake, CALLS, table(lake, CALLS).c.created_at >= JUNE)
    assert june and june < online(lake, CALLS)
    assert ids(lake, CALLS) == june
    assert len(ids(lake, PLATFORMS)) == 3 and len(ids(lake, USERS)) == 5
    assert verify_day(lake) == made == read_day(lake)


def test_sensitive_columns_are_sealed(lake: Settings) -> None:
    sync_day(lake)
    root = Path(lake.environment["WAREHOUSE_ARCHIVE_URL"])
    opened = [file for file in root.rglob("*.parquet") if "_sealed" not in file.parts]
    assert any("email" not in pq.read_schema(f).names for f in opened if USERS in f.parts)
    assert not any(b"u1@example.com" in file.read_bytes() for file in root.rglob("*"
        ) if file.is_file())  # fmt: skip
    without = dict(lake.environment) | {"WAREHOUSE_ARCHIVE_KEY": ""}
    with pytest.raises(WarehouseError, match="WAREHOUSE_ARCHIVE_KEY is not set"):
        sync_day(replace(lake, environment=without))


def test_readers_never_meet_half_a_day(lake: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped behind each table, the day before stays the last; renewed, the old run stays too."""
    before = sync_day(lake)
    tomorrow = on(lake, 1)
    whole = DayArchive.write
    for stop in range(len(NAMES)):
        left = stop

        def write(self: DayArchive, *args: Any, **kwargs: Any) -> Any:
            nonlocal left
            if not left:
                raise OSError("no space left on device")
            left -= 1
            return whole(self, *args, **kwargs)

        monkeypatch.setattr(DayArchive, "write", write)
        with pytest.raises(OSError, match="no space"):
            sync_day(tomorrow)
        assert read_day(lake) == before == verify_day(lake) and days(lake) == ["2026-06-30"]
    monkeypatch.setattr(DayArchive, "write", whole)
    insert(lake, PLATFORMS, platform("late"))
    again = sync_day(lake)
    assert again.run != before.run and "late" in ids(lake, PLATFORMS)
    old = DayArchive(lake, AS_OF.date(), before.run)
    assert old.fs.exists(old.folder(load_record().table(PLATFORMS)))  # who reads it still, may
    sync_day(tomorrow)
    assert not old.fs.exists(old.folder(load_record().table(PLATFORMS)))
    assert not list(Path(old.root).rglob("*.next*")) and days(lake)[-1] == "2026-07-01"


def test_a_day_is_of_one_moment(lake: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row that comes while tables are written is in none of them."""
    if not lake.is_mysql:
        pytest.skip("nobody else writes a DuckDB file that a process holds")
    whole, came = DayArchive.write, []

    def write(self: DayArchive, *args: Any, **kwargs: Any) -> Any:
        made = whole(self, *args, **kwargs)
        if not came:
            came.append(insert(lake, USERS, user("meanwhile")))
        return made

    monkeypatch.setattr(DayArchive, "write", write)
    sync_day(lake)
    assert "meanwhile" in online(lake, USERS) and "meanwhile" not in ids(lake, USERS)


def test_old_days_go(lake: Settings) -> None:
    for day in range(4):
        sync_day(on(lake, day), keep_days=2)
    assert days(lake) == ["2026-07-02", "2026-07-03"]
    root = Path(lake.environment["WAREHOUSE_ARCHIVE_URL"])
    assert sorted(f.name for f in (root / "days").iterdir()) == [
        "day=2026-07-02", "day=2026-07-03",
    ]  # fmt: skip
    assert sorted(f.name for f in (root / "_sealed/days").iterdir()) == [
        "day=2026-07-02", "day=2026-07-03",
    ]  # fmt: skip
    sync_day(on(lake, 60), keep_days=2)  # the last one stays until there is another
    assert days(lake) == ["2026-07-03", "2026-08-29"]


def test_a_damaged_day_is_seen(lake: Settings) -> None:
    made = sync_day(lake)
    archive = DayArchive(lake, AS_OF.date(), made.run)
    file = Path(archive.folder(load_record().table(PLATFORMS))) / "data.parquet"
    file.write_bytes(file.read_bytes()[:-40])
    with pytest.raises(Damaged, match=PLATFORMS):
        verify_day(lake)


def test_the_command(lake: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in lake.child_environment().items():
        monkeypatch.setenv(name, value)
    months = ["--table", CALLS]
    told = run("lake", "sync", *months, "--full", "--json")
    assert told["day"] == {
        "day": "2026-06-30", "as_of": str(AS_OF), "tables": 3,
        "rows": read_day(lake).rows,
    }  # fmt: skip
    assert [month["month"] for month in told["months"]] == ["2026-05"]
    lines = CliRunner().invoke(cli.app, ["lake", "sync", *months, "--full"]).stdout
    assert "Day 2026-06-30: 3 tables" in lines
    may = duckdb.sql(
        f"select id from read_parquet('{told['lake']}/{CALLS}/*/*.parquet')"
    ).fetchall()
    assert {row[0] for row in may} | ids(lake, CALLS) == online(lake, CALLS)


def run(*arguments: str) -> Any:
    found = CliRunner().invoke(cli.app, list(arguments))
    assert found.exit_code == 0, found.output
    return json.loads(found.stdout)


def test_without_a_day_it_is_said(lake: Settings) -> None:
    with pytest.raises(WarehouseError, match="has no day") as said:
        read_day(lake)
    assert "lake sync --full" in said.value.fix
    assert days(lake) == []
    sync_day(lake)
    with pytest.raises(WarehouseError, match="has no day 2026-01-01"):
        read_day(lake, "2026-01-01")
