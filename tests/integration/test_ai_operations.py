"""Conversations that fall silent, and those that were over long ago."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from operation_rows import AS_OF, DAY, MINUTE, SECOND, Rows, ai_rows
from operation_runs import AUDIT, ON_MYSQL, check_run, explained, fill, meanwhile, run
from rows import change, make_tables, rows, table

from orchestration import database
from orchestration.settings import Settings

IDLE, ARCHIVE = "mark_idle_conversations", "cleanup_expired_conversations"
TABLE = "ai_conversations"
HALF_HOUR, MONTH = 30 * MINUTE, 30 * DAY


@pytest.fixture(scope="module")
def settings(module_engine_settings: Settings) -> Settings:
    settings = replace(module_engine_settings, as_of=AS_OF, domains=("core", "ai"))
    make_tables(settings, [TABLE, AUDIT])
    return settings


def conversation(key: str, status: str, last: datetime | None, **more: datetime | None) -> dict:
    return {"id": key, "tenant_id": "t1", "conversation_id": key, "status": status,
            "last_message_at": last, "created_at": AS_OF - 99 * DAY,
            "updated_at": last} | more  # fmt: skip


def statuses(settings: Settings) -> dict[str, str]:
    return {row["id"]: row["status"] for row in rows(settings, TABLE)}


def idle_ones(before: Rows) -> tuple[Rows, Mapping[str, int]]:
    counts: Counter[str] = Counter()
    for row in before[TABLE]:
        spoke = row["last_message_at"] if row["last_message_at"] else row["created_at"]
        if row["status"] == "active" and spoke and (AS_OF - spoke).total_seconds() >= 1800:
            row |= {"status": "idle", "updated_at": AS_OF}
            counts[row["tenant_id"]] += 1
    return before, counts


def archived_ones(before: Rows) -> tuple[Rows, Mapping[str, int]]:
    counts: Counter[str] = Counter()
    for row in before[TABLE]:
        times = [t for t in (row["last_message_at"], row["updated_at"]) if t] or [row["created_at"]]
        if row["status"] not in ("expired", "completed") or times == [None]:
            continue
        if all((AS_OF - t).total_seconds() >= 30 * 86_400 for t in times):
            row |= {"status": "archived", "updated_at": AS_OF}
            counts[row["tenant_id"]] += 1
    return before, counts


@pytest.mark.parametrize(("name", "oracle"), [(IDLE, idle_ones), (ARCHIVE, archived_ones)])
def test_all_states_and_times(settings: Settings, name: str, oracle: object) -> None:
    fill(settings, ai_rows(random.Random(name)))
    report = check_run(settings, name, [TABLE], oracle)  # type: ignore[arg-type]
    assert report.changed > 10


def test_both_sides_of_half_an_hour(settings: Settings) -> None:
    edge = AS_OF - HALF_HOUR
    fill(settings, {TABLE: [
        conversation("edge", "active", edge), conversation("younger", "active", edge + SECOND),
        conversation("already", "idle", edge), conversation("over", "completed", edge),
        conversation("wordless", "active", None, created_at=edge),
        conversation("wordless-new", "active", None, created_at=edge + SECOND),
        conversation("old-but-spoken-in", "active", AS_OF),
    ]})  # fmt: skip
    assert run(settings, IDLE).changed == 2
    found = {row["id"]: row for row in rows(settings, TABLE)}
    assert {key for key, row in found.items() if row["status"] == "idle"} == {
        "edge", "already", "wordless"}  # fmt: skip
    moved = {key for key, row in found.items() if row["updated_at"] == AS_OF}
    assert moved == {"edge", "wordless", "old-but-spoken-in"}


def test_both_sides_of_thirty_days(settings: Settings) -> None:
    edge = AS_OF - MONTH
    fill(settings, {TABLE: [
        conversation("completed", "completed", edge), conversation("expired", "expired", edge),
        conversation("younger", "completed", edge + SECOND),
        conversation("idle", "idle", edge), conversation("error", "error", edge),
        conversation("rated-lately", "completed", edge, updated_at=edge + SECOND),
        conversation("spoken-in-lately", "completed", edge + SECOND, updated_at=edge),
        conversation("wordless", "expired", None, updated_at=edge),
        conversation("timeless", "expired", edge, updated_at=None),
    ]})  # fmt: skip
    assert run(settings, ARCHIVE).changed == 4
    archived = {key for key, status in statuses(settings).items() if status == "archived"}
    assert archived == {"completed", "expired", "wordless", "timeless"}


def test_a_message_that_comes_meanwhile_keeps_its_conversation(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    ago = AS_OF - 40 * DAY
    c = table(settings, TABLE).c
    for name, status, then, values in (
        (IDLE, "active", "idle", {"last_message_at": AS_OF}),
        (ARCHIVE, "completed", "archived", {"last_message_at": AS_OF}),
        (ARCHIVE, "completed", "archived", {"status": "active"}),
    ):
        fill(settings, {TABLE: [conversation(key, status, ago) for key in ("goes-on", "silent")]})

        def message(values: dict = values) -> None:
            change(settings, TABLE, c.id == "goes-on", **values)

        with meanwhile(monkeypatch, message):
            assert run(settings, name).changed == 1
        assert statuses(settings) == {"goes-on": values.get("status", status), "silent": then}


@ON_MYSQL
def test_a_tick_looks_at_the_conversations_in_question_only(settings: Settings) -> None:
    start = AS_OF - 100 * DAY
    states = {1: "active", 2: "completed", 3: "expired"}
    fill(settings, {TABLE: [
        conversation(f"{n:05}", states.get(n % 100, "archived"), start + n * timedelta(minutes=20))
        for n in range(5_000)
    ]})  # fmt: skip
    with database.connect(settings) as connection:
        this = table(settings, TABLE)
        connection.exec_driver_sql(f"analyze table `{this.schema}`.`{this.name}`")
    for name, most in ((IDLE, 60), (ARCHIVE, 120)):
        found, *changes = (
            step for step in explained(settings, lambda name=name: run(settings, name))
            if step["table"] == TABLE
        )  # fmt: skip
        assert found["key"] == "ix_status" and found["rows"] <= most
        assert {step["key"] for step in changes} == {"PRIMARY"}
