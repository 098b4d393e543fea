"""Failed runs become alerts and successes end them: the sensors on runs that really ran."""

import json
from dataclasses import replace
from datetime import datetime
from typing import Any

import dagster as dg
import pytest
from rows import Row, change, make_tables, rows, table

from orchestration.automation import FOLLOWS
from orchestration.run_alerts import run_failed, run_succeeded
from orchestration.schema.reference_data import DEFAULT_TENANT_ID
from orchestration.sensors import SENSOR_TAG, build_sensors
from orchestration.settings import Settings

AS_OF = datetime(2026, 6, 30, 12)
ALERTS = "saas_unified_alerts"


class Works(dg.Config):
    """What the test's op does."""

    works: bool
    dry_run: bool = False


@dg.op
def try_it(config: Works) -> None:
    if not config.works:
        raise ValueError("Duplicate entry '13812345678' for key 'phone'")


@dg.job(executor_def=dg.in_process_executor)
def nightly() -> None:
    try_it()


@pytest.fixture
def settings(engine_settings: Settings) -> Settings:
    settings = replace(engine_settings, domains=("core",), as_of=AS_OF)
    make_tables(settings, [ALERTS])
    return settings


def tick(settings: Settings, tags: dict[str, str] | None = None, **config: Any) -> None:
    """Run the job once and let the sensor that listens to such an end hear of it."""
    failed, succeeded, _ = build_sensors(settings)
    with dg.DagsterInstance.ephemeral() as instance:
        ran = nightly.execute_in_process(
            run_config={"ops": {"try_it": {"config": config}}},
            instance=instance,
            tags=tags,
            raise_on_error=False,
        )
        ends = (dg.DagsterEventType.RUN_SUCCESS, dg.DagsterEventType.RUN_FAILURE)
        [event] = [event for event in ran.all_events if event.event_type in ends]
        context = dg.build_run_status_sensor_context(
            sensor_name="any",
            dagster_event=event,
            dagster_instance=instance,
            dagster_run=ran.dagster_run,
        )
        if ran.success:
            succeeded(context)
        else:
            failed(context.for_run_failure())


def only(settings: Settings) -> Row:
    [row] = rows(settings, ALERTS)
    return row


def test_what_follows_by_itself_is_told_under_its_sensor_s_name(settings: Settings) -> None:
    following = {SENSOR_TAG: FOLLOWS}
    tick(settings, following, works=False)
    assert (only(settings)["source_name"], only(settings)["status"]) == (FOLLOWS, "open")
    tick(settings, works=True)
    assert only(settings)["status"] == "open", "another job's success says nothing of it"
    tick(settings, following, works=True)
    assert only(settings)["status"] == "resolved"


def test_a_failure_opens_an_alert_and_a_later_success_resolves_it(settings: Settings) -> None:
    tick(settings, works=True)
    assert rows(settings, ALERTS) == []
    tick(settings, works=False)
    alert = only(settings)
    assert (alert["status"], alert["source_name"], alert["alert_level"]) == (
        "open",
        "nightly",
        "error",
    )
    assert (alert["tenant_id"], alert["first_occurred_at"]) == (DEFAULT_TENANT_ID, AS_OF)
    assert "failed in try_it" in alert["alert_message"]
    assert "1381234" not in json.dumps(alert, default=str), "an error quotes rows"

    later = replace(settings, as_of=datetime(2026, 6, 30, 13))
    tick(later, works=False)
    assert (only(settings)["occurrence_count"], only(settings)["status"]) == (2, "open")
    assert only(settings)["last_occurred_at"] == later.as_of
    tick(later, works=True, dry_run=True)
    assert only(settings)["status"] == "open", "a dry run proves nothing"
    tick(later, works=True)
    assert (only(settings)["status"], only(settings)["resolved_at"]) == ("resolved", later.as_of)

    tick(later, works=False)
    assert sorted(row["status"] for row in rows(settings, ALERTS)) == ["open", "resolved"]


def test_jobs_have_alerts_of_their_own_and_a_run_counts_once(settings: Settings) -> None:
    for job, run in (("one", "r1"), ("two", "r2"), ("one", "r1"), ("one", "r3")):
        run_failed(settings, job, run, ["step"])
    counts = {row["source_name"]: row["occurrence_count"] for row in rows(settings, ALERTS)}
    assert counts == {"one": 2, "two": 1}
    assert run_succeeded(settings, "one", "r4") == 1
    states = {row["source_name"]: row["status"] for row in rows(settings, ALERTS)}
    assert states == {"one": "resolved", "two": "open"}


@pytest.mark.parametrize("status", ["acknowledged", "suppressed"])
def test_what_staff_took_on_is_not_raised_again_and_ends_with_the_failure(
    settings: Settings, status: str
) -> None:
    run_failed(settings, "one", "r1", [])
    change(settings, ALERTS, status=status)
    run_failed(settings, "one", "r2", [])
    assert (only(settings)["status"], only(settings)["occurrence_count"]) == (status, 2)
    run_succeeded(settings, "one", "r3")
    assert only(settings)["status"] == "resolved"


def test_others_alerts_stay(settings: Settings) -> None:
    run_failed(settings, "one", "r1", [])
    change(settings, ALERTS, table(settings, ALERTS).c.id.is_not(None), alert_code="other")
    assert run_succeeded(settings, "one", "r2") == 0
    assert only(settings)["status"] == "open"


def test_without_the_core_domain_it_is_logged(
    embedded_settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings = replace(embedded_settings, domains=("wework",))
    run_failed(settings, "one", "r1", ["step"])
    assert "Run r1 of one failed in step" in caplog.text
    assert run_succeeded(settings, "one", "r2") == 0
    assert not settings.duckdb_path.exists()
