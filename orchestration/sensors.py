"""Sensors: alerts for runs that failed until they succeed, and runs for days with late data."""

from collections.abc import Sequence
from typing import Any

import dagster as dg
from dagster import DagsterRun, DagsterRunStatus, DefaultSensorStatus, RunsFilter

from orchestration.automation import FOLLOWS, build_following_sensor
from orchestration.errors import WarehouseError
from orchestration.late_data import DAYS_BACK, Finding, find_late_days, to_request
from orchestration.resources import FILE_HELD
from orchestration.run_alerts import run_failed, run_succeeded
from orchestration.schedules import RANGE_END, RANGE_START, UNFINISHED, hasty, schedules_run
from orchestration.settings import Settings

LATE_DATA = "late_data"
LATE_DATA_SECONDS = 3600
# What a tick asks for at most; the next one goes on.
MOST_REQUESTS = 5
SENSOR_TAG, RUN_KEY_TAG = "dagster/sensor_name", "dagster/run_key"


def build_sensors(settings: Settings) -> list[dg.SensorDefinition]:
    """They run where the schedules do."""
    status = _default_status(settings)

    @dg.run_failure_sensor(
        name="alert_of_failed_runs",
        description="Raises an alert in saas_unified_alerts for a job whose run failed.",
        default_status=status,
    )
    def failed(context: dg.RunFailureSensorContext) -> None:
        run = context.dagster_run
        if is_watched(run):
            steps = [event.step_key for event in context.get_step_failure_events()]
            run_failed(settings, name_of(run), run.run_id, [step for step in steps if step])

    @dg.run_status_sensor(
        run_status=DagsterRunStatus.SUCCESS,
        name="end_of_failed_runs",
        description="Resolves the alert of a job that failed before and has succeeded now.",
        default_status=status,
    )
    def succeeded(context: dg.RunStatusSensorContext) -> None:
        run = context.dagster_run
        if is_watched(run):
            run_succeeded(settings, name_of(run), run.run_id)

    return [failed, succeeded, build_following_sensor(status)]


def build_late_data_sensor(settings: Settings, jobs: Sequence[Any]) -> dg.SensorDefinition:
    """Runs of these jobs (one a source, named by its witness) for the days that differ."""

    @dg.sensor(
        name=LATE_DATA,
        jobs=jobs,
        minimum_interval_seconds=LATE_DATA_SECONDS,
        default_status=_default_status(settings),
        description=(
            f"Counts the sources' rows of the last {DAYS_BACK} days, and builds those days anew "
            "whose rollup counted more or fewer."
        ),
    )
    def late_data(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        mine = {SENSOR_TAG: LATE_DATA}
        unfinished = RunsFilter(tags=mine, statuses=UNFINISHED)
        if runs := context.instance.get_runs(unfinished, limit=1):
            return dg.SkipReason(f"Run {runs[0].run_id[:8]} of {runs[0].job_name} is not finished.")
        try:
            found = find_late_days(hasty(settings))
        except WarehouseError as error:
            if FILE_HELD not in error.message:
                raise
            return dg.SkipReason(error.message)
        keys = [finding.key for finding in found]
        asked = RunsFilter(tags={**mine, RUN_KEY_TAG: keys})
        known = {run.tags[RUN_KEY_TAG] for run in context.instance.get_runs(asked)} if keys else ()
        wanted = to_request(found, known, MOST_REQUESTS)
        if not wanted:
            return dg.SkipReason(
                f"{len(found)} findings, each built once already." if found else "No late data."
            )
        return dg.SensorResult(run_requests=[_request(finding) for finding in wanted])

    return late_data


def _request(finding: Finding) -> dg.RunRequest:
    return dg.RunRequest(
        run_key=finding.key,
        job_name=finding.witness.job,
        tags={RANGE_START: finding.first.isoformat(), RANGE_END: finding.last.isoformat()},
    )


def _default_status(settings: Settings) -> DefaultSensorStatus:
    running = schedules_run(settings)
    return DefaultSensorStatus.RUNNING if running else DefaultSensorStatus.STOPPED


def is_watched(run: DagsterRun) -> bool:
    """A job's own run, or what follows; assets picked by hand and dry runs do not count."""
    if run.tags.get(SENSOR_TAG) == FOLLOWS:
        return True
    ops = run.run_config.get("ops", {})
    is_dry = any(op.get("config", {}).get("dry_run") for op in ops.values())
    return not (run.job_name.startswith("__") or run.asset_selection or is_dry)


def name_of(run: DagsterRun) -> str:
    """What an alert calls it: the job, or the sensor whose runs have none of their own."""
    return FOLLOWS if run.tags.get(SENSOR_TAG) == FOLLOWS else run.job_name
