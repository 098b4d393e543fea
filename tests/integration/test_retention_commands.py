"""`warehouse retention …` as people type it: what it says, how it ends, the trail it leaves."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
import retention_world as world
import sqlalchemy as sa
from commands import Outcome, run
from operation_runs import ON_MYSQL
from retention_world import AS_OF, AUDIT, CALLS, METRICS, ROWS
from rows import table

from orchestration import database
from orchestration.retention import policy
from orchestration.retention.run import plan_all
from orchestration.schema.record import load_record
from orchestration.settings import Settings

DOMAINS = ("core", "ai")
FIRST = date(2025, 11, 1)
EXPIRED = {"p202511"}  # of the calls, six months of which stay


@pytest.fixture(scope="module")
def stage(module_engine_settings: Settings) -> Settings:
    retained = [each.name for each in load_record(DOMAINS) if each.retention]
    world.make(module_engine_settings, *retained)
    return module_engine_settings


@pytest.fixture
def settings(stage: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr(policy, "lookbacks_of", lambda _: {})  # half a minute of parsing
    found = replace(world.with_archive(stage, tmp_path / "archive"), domains=DOMAINS)
    with database.begin(found) as connection:
        connection.execute(table(found, AUDIT).delete())
    return found


def type_in(settings: Settings, *words: str, **more: str) -> Outcome:
    """`warehouse retention …`."""
    return run(settings, "retention", *words, **more)


def trail(settings: Settings) -> list[dict[str, Any]]:
    """What the audit log tells, in order."""
    audit = table(settings, AUDIT)
    with database.connect(settings) as connection:
        found = connection.execute(sa.select(audit)).mappings().all()
    return sorted(map(dict, found), key=lambda row: str(row["change_data"]))


@ON_MYSQL
def test_a_month_leaves_and_comes_back(settings: Settings) -> None:
    moments = world.fill(settings, CALLS, FIRST)
    one = ("--table", CALLS)
    planned = type_in(settings, "plan", *one, "--json")
    assert planned.code == 0, planned.err
    [told] = json.loads(planned.out)
    assert told == asdict(plan_all(settings, [CALLS])[0])
    assert {step["what"] for step in told["steps"] if step["action"] == "drop"} == EXPIRED
    dry = type_in(settings, "run", *one, "--dry-run", "--json")
    assert (dry.code, json.loads(dry.out)) == (0, [told])
    shown = type_in(settings, "plan", *one).out
    for step in told["steps"]:
        line = next(li for li in shown.splitlines() if f" {step['what']} " in li)
        assert f" {step['action']} " in line and f" {step['rows']:,} " in line
    assert world.online(settings, CALLS) == set(moments) and not trail(settings)

    ran = type_in(settings, "run", *one, "--json")
    assert ran.code == 0, ran.err
    [done] = json.loads(ran.out)
    assert done["done"] == done["steps"] == told["steps"], "the run did what its plan said"
    assert f"{CALLS}: drop p202511" in ran.err, "it says what it is at"
    gone = {i for i, m in moments.items() if m < datetime(2025, 12, 1)}
    assert world.online(settings, CALLS) == set(moments) - gone
    assert type_in(settings, "run", *one).out == "nothing to do\n"

    status = json.loads(type_in(settings, "status", "--json").out)
    [mine] = [t for t in status["tables"] if t["table"] == CALLS]
    november = mine["archived"][0]
    wanted = {"month": "2025-11", "rows": len(gone), "expiring": True}
    assert wanted.items() <= november.items()
    lines = type_in(settings, "status").out
    assert f"{CALLS}: 6 months online; archived 2025-11 to 2026-05" in lines

    back = type_in(settings, "restore", CALLS, "2025-11", "--keep-days", "3")
    assert back.code == 0, back.err
    assert f"{len(gone)} rows restored, 0 were there" in back.out
    assert "until 2026-07-03" in back.out
    assert world.online(settings, CALLS) == set(moments)
    assert type_in(settings, "run", *one).out == "nothing to do\n"
    assert world.online(settings, CALLS) == set(moments)

    # The trail: a row a step, and the restore, each with its figures.
    steps = [row["change_data"] for row in trail(settings)]
    assert all(row["module"] == "ai" and row["target_name"] == CALLS for row in trail(settings))
    known = {(s["step"], s["of"], s["rows"]) for s in steps}
    assert known == {(s["action"], s["what"], s["rows"]) for s in told["steps"]} | {
        ("restore", "2025-11", len(gone))
    }
    assert {s["trigger"] for s in steps} == {"manual"}


def test_holds_are_set_seen_and_released(settings: Settings) -> None:
    world.fill(settings, ROWS, date(2026, 5, 1))
    added = type_in(settings, "hold", "add", "--tenant", "t1", "--reason", "court", "--table", ROWS)
    assert added.code == 0, added.err
    number, said = added.out.split()[1], added.out
    assert f"keeps rows of {ROWS}" in said
    misspelt = type_in(settings, "hold", "add", "--tenant", "T1x", "--reason", "r", "--table", ROWS)
    assert misspelt.code == 0 and "a tenant T1x: see that its id is right" in misspelt.err
    [first, _] = json.loads(type_in(settings, "hold", "list", "--json").out)
    assert (first["id"], first["tenant"], first["released_at"]) == (number, "t1", "")
    assert type_in(settings, "hold", "release", number).code == 0
    again = type_in(settings, "hold", "release", number)
    assert again.code == 1 and f"No hold '{number}' is in force" in again.err
    lines = type_in(settings, "hold", "list").out.splitlines()
    assert f"released {AS_OF}" in lines[0] and "in force" in lines[1]
    told = [(row["change_data"]["step"], row["tenant_id"]) for row in trail(settings)]
    assert sorted(told) == [("hold", "T1x"), ("hold", "t1"), ("release", "t1")]


@ON_MYSQL
def test_what_cannot_be_done_is_refused_and_told(settings: Settings, tmp_path: Path) -> None:
    moments = world.fill(settings, CALLS, FIRST)
    keyless = {"WAREHOUSE_ARCHIVE_KEY": ""}
    for words in (("plan",), ("run",), ("run", "--dry-run")):
        done = type_in(settings, *words, "--table", CALLS, **keyless)
        assert done.code == 1
        assert "refuse" in done.out and "WAREHOUSE_ARCHIVE_KEY is not set" in done.out
    assert world.online(settings, CALLS) == set(moments)
    # A run that gives up says so, and goes into the trail as well.
    shutil.rmtree(tmp_path / "archive")
    (tmp_path / "archive").write_text("a file where the folder should be")
    done = type_in(settings, "run", "--table", CALLS)
    assert done.code == 1 and "Traceback" not in done.err
    assert str(tmp_path / "archive") in done.out + done.err
    assert world.online(settings, CALLS) == set(moments)


@ON_MYSQL
def test_the_horizon_says_what_it_made(settings: Settings) -> None:
    for name in (METRICS, CALLS):
        world.fill(settings, name, date(2026, 5, 1))
    calls = f"`{table(settings, CALLS).schema}`.`{CALLS}`"
    with database.connect(settings) as reader:
        reader.exec_driver_sql(f"select * from {calls} limit 1").all()  # its transaction stays open
        hindered = type_in(settings, "horizon", "--json")
    found = {each["table"]: each for each in json.loads(hindered.out)}
    assert hindered.code == 1
    assert "in use by a long transaction" in found[CALLS]["failed"]
    # One table that is in use stops no other.
    assert found[METRICS] | {"made": 3, "failed": ""} == found[METRICS]
    again = type_in(settings, "horizon")
    assert f"{CALLS}: 3 partitions made, 0 rows moved out of p_future, 0 left" in again.out
    assert f"{METRICS}: 0 partitions made" in again.out
    # The audit log here has no partitions: told, and the exit code says so.
    assert again.code == 1 and f"{AUDIT}: " in again.out


@pytest.mark.parametrize(
    ("words", "code", "parts"),
    [
        ("plan --table nothing", 1, ["nothing has no retention policy here", "choose one of"]),
        ("run --table nothing", 1, ["nothing has no retention policy here", "choose one of"]),
        ("run --max-rows 0", 2, ["--max-rows"]),
        ("run --as-of soon", 1, ["'soon' is not a date"]),
        ("restore nothing 2025-11", 1, ["No table 'nothing'"]),
        ("restore saas_users 2025-11", 1, ["saas_users has no retention policy", "retention plan"]),
        (f"restore {ROWS} 2025-13", 1, ["'2025-13' is not a month", "2026-06"]),
        (f"restore {ROWS} 2025-11", 1, ["has no", "2025-11", "warehouse retention status"]),
        (f"restore {ROWS} 2025-11 --keep-days 0", 2, ["--keep-days"]),
        ("hold add --reason r", 1, ["needs a tenant or a table", "--tenant, --table"]),
        ("hold add --tenant t", 2, ["--reason"]),
        ("hold add --reason r --table nothing", 1, ["No table 'nothing'"]),
        ("hold release zzz", 1, ["No hold 'zzz' is in force", "hold list"]),
        ("hold", 2, ["add", "release", "list"]),
    ],
)
def test_mistakes_are_named(
    embedded_settings: Settings, tmp_path: Path, words: str, code: int, parts: list[str]
) -> None:
    settings = world.with_archive(embedded_settings, tmp_path / "archive")
    done = type_in(settings, *words.split())
    assert done.code == code, done.out + done.err
    assert "Traceback" not in done.err
    for part in parts:
        assert part in done.out + done.err
    assert not (tmp_path / "archive").exists()


def test_status_and_horizon_without_a_database(embedded_settings: Settings, tmp_path: Path) -> None:
    settings = world.with_archive(embedded_settings, tmp_path)
    assert "archived nothing, 0 rows" in type_in(settings, "status").out
    assert "no partitions to make" in type_in(settings, "horizon").out
