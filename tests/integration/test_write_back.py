"""Figures of built tables written back into the applications' rows, against plain Python."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from rows import NOW, Row, change, insert, make_tables, rows, table
from write_back_rows import built, made

from orchestration.errors import WarehouseError
from orchestration.operations.register import OPERATIONS
from orchestration.operations.running import Report, run_operation
from orchestration.operations.write_back import WRITE_BACKS
from orchestration.schema.record import load_record
from orchestration.settings import Settings

AS_OF = datetime(2026, 6, 30, 12, 0)
DOMAINS = ("core", "ai", "wework")
BY_NAME = {operation.name: operation for operation in OPERATIONS}


@pytest.fixture
def settings(engine_settings: Settings) -> Settings:
    settings = replace(engine_settings, domains=DOMAINS, as_of=AS_OF)
    make_tables(settings, ["ai_agents", "wework_accounts", "saas_unified_audit_logs"])
    return settings


def run(settings: Settings, name: str, **more: Any) -> Report:
    return run_operation(BY_NAME[name], settings, **more)


def by_id(settings: Settings, name: str) -> dict[str, Row]:
    return {row["id"]: row for row in rows(settings, name)}


def expected(name: str, before: dict[str, Row], figures: list[Row]) -> dict[str, Row]:
    """What the rows must be afterwards, one by one."""
    this, after = WRITE_BACKS[name], {key: dict(row) for key, row in before.items()}
    for figure in figures:
        row = after.get(figure[this.key])
        if row is None or (this.statuses and row["status"] not in this.statuses):
            continue
        new = {
            to: 0 if figure[of] is None and not to.endswith("_at") else figure[of]
            for of, to in this.pairs
        }
        if any(row[column] != value for column, value in new.items()):
            row |= new | {"updated_at": AS_OF}
    return after


@pytest.mark.parametrize("name", WRITE_BACKS)
def test_rows_end_as_computed_and_only_those_that_differ_are_touched(
    settings: Settings, name: str
) -> None:
    this = WRITE_BACKS[name]
    ours, theirs = made(name, random.Random(7))
    insert(settings, this.table, *ours)
    built(settings, name, *theirs)
    before = by_id(settings, this.table)
    wanted = expected(name, before, theirs)
    changed = {key for key, row in wanted.items() if row != before[key]}
    assert 5 < len(changed) < len(ours) - 5
    met = [row for row in theirs if row[this.key] in before]
    if this.statuses:
        met = [row for row in met if before[row[this.key]]["status"] in this.statuses]

    told = run(settings, name, dry_run=True)
    assert (told.examined, told.changed) == (len(met), len(changed))
    assert by_id(settings, this.table) == before

    report = run(settings, name, batch_rows=4)
    assert by_id(settings, this.table) == wanted
    assert (report.examined, report.changed) == (len(met), len(changed))
    counts = {t: sum(before[key]["tenant_id"] == t for key in changed) for t in ("t1", "t2")}
    assert report.changed_by_tenant == counts
    assert len(rows(settings, "saas_unified_audit_logs")) == 2

    later = replace(settings, as_of=AS_OF + timedelta(hours=1))
    assert run(later, name).changed == 0
    assert by_id(settings, this.table) == wanted
    assert len(rows(settings, "saas_unified_audit_logs")) == 2


def test_a_figure_beyond_the_column_s_digits_becomes_its_largest(settings: Settings) -> None:
    name = "update_account_statistics"
    insert(settings, "wework_accounts", {"id": "wild", "wework_guid": "w"},
           {"id": "tame", "wework_guid": "t"})  # fmt: skip
    figures = dict.fromkeys((of for of, _ in WRITE_BACKS[name].pairs), 1)
    built(
        settings,
        name,
        {"account_id": "wild"} | figures | {"avg_message_response_time": Decimal("2147483.647")},
        {"account_id": "tame"} | figures,
    )
    assert run(settings, name).changed == 2
    found = by_id(settings, "wework_accounts")
    assert found["wild"]["avg_message_response_time"] == Decimal("99999.999")
    assert found["tame"]["avg_message_response_time"] == 1
    assert run(settings, name).changed == 0


def test_what_changed_between_reading_and_writing_is_written_as_it_is_then(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An account that went to ERROR keeps its score; what somebody wrote is not written again."""
    name = "update_health_scores"
    for key in "abc":
        row = {"id": key, "wework_guid": key, "status": "ONLINE", "health_score": 100}
        insert(settings, "wework_accounts", row)
    built(settings, name, *({"account_id": key, "health_score": 60} for key in "abc"))
    from orchestration.operations import write_back as module

    write = module._write

    def late(change_: sa.Update, key: Any, connection: sa.Connection, ids: Any) -> int:
        accounts = table(settings, "wework_accounts")
        connection.execute(accounts.update().where(accounts.c.id == "a").values(status="ERROR"))
        done = accounts.update().where(accounts.c.id == "c")
        connection.execute(done.values(health_score=60, updated_at=NOW))
        return write(change_, key, connection, ids)

    monkeypatch.setattr(module, "_write", late)
    assert run(settings, name).changed == 1
    found = by_id(settings, "wework_accounts")
    assert {key: row["health_score"] for key, row in found.items()} == {"a": 100, "b": 60, "c": 60}
    assert (found["b"]["updated_at"], found["c"]["updated_at"]) == (AS_OF, NOW)


def test_without_its_model_it_says_what_to_build(settings: Settings) -> None:
    insert(settings, "wework_accounts", {"id": "a", "wework_guid": "a"})
    with pytest.raises(WarehouseError, match="wework_account_health is not built") as caught:
        run(settings, "update_health_scores")
    assert "dbt build -s +wework_account_health" in str(caught.value.fix)
    change(settings, "wework_accounts", health_score=1)
    built(settings, "update_health_scores")
    assert run(settings, "update_health_scores").examined == 0


def test_every_pair_names_columns_that_are_there_and_each_is_written_once() -> None:
    written = [(this.table, to) for this in WRITE_BACKS.values() for _, to in this.pairs]
    assert len(set(written)) == len(written)
    for table_name, column in written:
        assert column in {c.name for c in load_record().table(table_name).stored_columns}
    assert set(WRITE_BACKS) <= set(BY_NAME)
