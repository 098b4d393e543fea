"""What a validation keeps to itself, what it refuses to judge, and what it leaves behind."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from wework_outputs import MARKER, build, damage

from orchestration import database, suite_history, validation
from orchestration.errors import WarehouseError
from orchestration.settings import PROJECT_ROOT, Settings

TODAY = date(2026, 6, 30)


@pytest.fixture
def outputs(engine_settings: Settings) -> Settings:
    settings = dataclasses.replace(engine_settings, as_of=datetime(2026, 6, 30, 9, 30))
    build(settings, TODAY)
    return settings


def test_a_relation_that_was_not_built(outputs: Settings) -> None:
    with database.begin(outputs) as connection:
        schema = database.database_name(outputs, "wework_platform")
        connection.exec_driver_sql(f"drop table {schema}.wework_account_health")
    with pytest.raises(WarehouseError, match=r"wework_platform\.wework_account_health") as error:
        validation.run_suite(outputs, "wework")
    assert "dbt build -s wework" in error.value.fix


def test_an_expectation_that_cannot_be_evaluated_is_no_success(outputs: Settings) -> None:
    with database.begin(outputs) as connection:
        schema = database.database_name(outputs, "wework_platform")
        connection.exec_driver_sql(f"alter table {schema}.wework_tenant_usage drop new_contacts")
    with pytest.raises(WarehouseError, match=r"usage_counts_are_not_negative.*new_contacts"):
        validation.run_suite(outputs, "wework")


def test_no_value_leaves_the_database(outputs: Settings, tmp_path: Path) -> None:
    rows = "where stat_date >= date '2026-06-25' and tenant_id = 'tenant-a'"
    damage(
        outputs,
        [
            f"update {{wework}}.wework_tenant_usage set tenant_id = '{MARKER}', "
            f"message_success_rate = 137.91, failed_messages = 76543219 {rows}",
            f"update {{wework}}.wework_account_health set account_id = '{MARKER}', "
            "health_score = 7654321",
            f"update {{wework}}.wework_account_status_daily set account_id = '{MARKER}', "
            f"seconds = 7654321 {rows}",
            f"update {{wework}}.v_wework_account_overview set id = '{MARKER}', "
            "message_success_rate = 137.91, health_score = 7654321",
            f"update {{warehouse}}.fct_messages set account_id = '{MARKER}', "
            "response_time_ms = 76543219",
        ],
    )
    report = validation.validate(outputs, ["wework"], tmp_path / "pages", kinds=["outputs"])
    assert len(report.suites[0].failures) > 10
    metadata = report.suites[0].metadata()
    pages = [f for f in (tmp_path / "pages").rglob("*") if f.suffix in (".html", ".json", ".js")]
    assert len(pages) > 10
    texts = [page.read_text(encoding="utf-8") for page in pages]
    texts += [report.summary(), json.dumps(metadata, ensure_ascii=False)]
    for text in texts:
        for value in (MARKER, json.dumps(MARKER)[1:-1], "137.91", "7654321", "tenant-b"):
            assert value not in text
    if outputs.is_mysql:
        assert not any(outputs.mysql.password in text for text in texts)
    # what the pages do hold: each expectation with what it protects
    assert any("A deduction applied twice or with the wrong sign" in text for text in texts)
    assert metadata["failed"] == len(metadata["failures"])


def test_pages_of_an_earlier_run_do_not_stay(outputs: Settings, tmp_path: Path) -> None:
    for hour in (9, 10):
        again = dataclasses.replace(outputs, as_of=datetime(2026, 6, 30, hour))
        report = validation.validate(again, ["wework"], tmp_path, kinds=["outputs"])
    relations = {each.relation for suite in report.suites for each in suite.outcomes}
    assert len([*(tmp_path / "validations").rglob("*.html")]) == len(relations)


def test_results_are_kept_run_by_run(outputs: Settings) -> None:
    usage = ("wework_platform", "wework_tenant_usage")
    assert suite_history.trend(outputs, *usage) == []
    validation.validate(outputs, ["wework"], kinds=["outputs"])  # looks and keeps nothing
    assert suite_history.trend(outputs, *usage) == []
    validation.validate(outputs, ["wework"], kinds=["outputs"], relations=[usage], keep=True)
    damage(outputs, ["update {wework}.wework_tenant_usage set message_success_rate = 140"])
    report = validation.validate(outputs, ["wework"], kinds=["outputs"], keep=True)
    latest, first = suite_history.trend(outputs, *usage)
    assert (first["failed"], first["unexpected_rows"]) == (0, 0)
    own = [o for o in report.suites[0].failures if o.relation == usage[1]]
    assert latest["failed"] == len(own) > 0
    assert latest["unexpected_rows"] == sum(o.unexpected_rows for o in own)
    assert latest["expectations"] == first["expectations"]
    table = suite_history.results_table(outputs)
    with database.begin(outputs) as connection:
        oldest = connection.scalar(sa.select(sa.func.min(table.c.checked_at)))
        past = oldest - timedelta(days=suite_history.KEPT_DAYS + 1)
        first_run = table.c.checked_at == oldest
        connection.execute(table.update().values(checked_at=past).where(first_run))
    validation.validate(outputs, ["wework"], kinds=["outputs"], relations=[usage], keep=True)
    with database.connect(outputs) as connection:
        assert connection.scalar(sa.select(sa.func.min(table.c.checked_at))) > oldest


def command(settings: Settings) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*f"{sys.executable} -m orchestration.cli validate -d wework --kind outputs".split()],
        env=settings.child_environment(),
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_the_command_is_quiet_and_lets_go_of_the_file(outputs: Settings) -> None:
    run = command(outputs)
    assert run.returncode == 0, run.stderr
    assert "all expectations hold" in run.stdout
    # progress lines and nothing else: no bars, no warnings, no leak reports of a library
    assert [line for line in run.stderr.splitlines() if not line.startswith("checking ")] == []
    damage(outputs, ["update {wework}.wework_tenant_usage set message_success_rate = 140"])
    run = command(outputs)
    assert run.returncode == 1
    assert "FAILED usage_success_rate_is_a_percentage" in run.stdout
