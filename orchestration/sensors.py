"""Sensors: a failed run raises an alert where the platform's people look, a success ends it."""

import dagster as dg
from dagster import DagsterRun, DagsterRunStatus, DefaultSensorStatus

from orchestration.run_alerts import run_failed, run_succeeded
from orchestration.schedules import schedules_run
from orchestration.settings import Settings


def build_sensors(settings: Settings) -> list[dg.SensorDefinition]:
    """They run where the schedules do."""
    running = schedules_run(settings)
    status = DefaultSensorStatus.RUNNING if running else DefaultSensorStatus.STOPPED

    @dg.run_failure_sensor(
        name="alert_of_failed_runs",
        description="Raises an alert in saas_unified_alerts for a job whose run failed.",
        default_status=status,
    )
    def failed(context: dg.RunFailureSensorContext) -> None:
        run = context.dagster_run
        if is_watched(run):
            steps = [event.step_key for event in context.get_step_failure_events()]
            run_failed(settings, run.job_name, run.run_id, [step for step in steps if step])

    @dg.run_status_sensor(
        run_status=DagsterRunStatus.SUCCESS,
        name="end_of_failed_runs",
        description="Resolves the alert of a job that failed before and has succeeded now.",
        default_status=status,
    )
    def succeeded(context: dg.RunStatusSensorContext) -> None:
        run = context.dagster_run
        if is_watched(run):
            run_succeeded(settings, run.job_name, run.run_id)

    return [failed, succeeded]


def is_watched(run: DagsterRun) -> bool:
    """A job's own run: neither assets picked by hand nor a dry run say that a job works."""
    ops = run.run_config.get("ops", {})
    is_dry = any(op.get("config", {}).get("dry_run") for op in ops.values())
    return not (run.job_name.startswith("__") or run.asset_selection or is_dry)
