"""Failed runs as alerts in saas_unified_alerts: one open alert a job, ended by its next success.

An alert names the run and the steps, never what they said: errors of a database quote rows.
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from orchestration import clock
from orchestration.operations.running import transaction
from orchestration.schema.metadata import metadata_of, table_named
from orchestration.schema.reference_data import DEFAULT_TENANT_ID
from orchestration.settings import Settings

CODE, MODULE = "warehouse_run_failed", "warehouse"
# Whoever muted an alert wants no second one; the next success ends it as well.
UNSETTLED = ("open", "acknowledged", "suppressed")

_log = logging.getLogger(__name__)


def run_failed(settings: Settings, job: str, run_id: str, steps: Sequence[str]) -> None:
    """Raise an alert about the job, or count one more occurrence of an unsettled one."""
    where = f" in {', '.join(steps)}" if steps else ""
    message = f"Run {run_id} of {job} failed{where}; its page in Dagster says why."
    if "core" not in settings.domains:
        _log.error("%s", message)
        return
    transaction(settings, _raise, settings, job, run_id, message)


def run_succeeded(settings: Settings, job: str, run_id: str) -> int:
    """Resolve what is unsettled about the job; how many alerts that were."""
    if "core" not in settings.domains:
        return 0
    return transaction(settings, _resolve, settings, job, run_id)


def _raise(
    connection: sa.Connection, settings: Settings, job: str, run_id: str, message: str
) -> None:
    alerts, now = _alerts(settings), clock.now(settings)
    data = sa.type_coerce(alerts.c.alert_data, sa.Text)
    known = connection.execute(sa.select(alerts.c.id, data).where(*_about(alerts, job))).all()
    if any(run_id == json.loads(text)["run_id"] for _, text in known):
        return  # sensors hear of a run at least once
    latest: dict[str, Any] = {
        "alert_message": message,
        "alert_data": {"job": job, "run_id": run_id},
        "last_occurred_at": now,
        "updated_at": now,
    }
    if known:
        again = alerts.update().where(*_about(alerts, job))
        connection.execute(again.values(**latest, occurrence_count=alerts.c.occurrence_count + 1))
        return
    connection.execute(
        alerts.insert().values(
            **latest,
            id=str(uuid.uuid4()),
            tenant_id=DEFAULT_TENANT_ID,
            source_type="monitor",
            source_module=MODULE,
            source_id=_id_of(job),
            source_name=job,
            alert_code=CODE,
            alert_title=f"{job} failed",
            alert_level="error",
            alert_category="custom",
            status="open",
            first_occurred_at=now,
            occurrence_count=1,
            created_at=now,
        )
    )


def _resolve(connection: sa.Connection, settings: Settings, job: str, run_id: str) -> int:
    alerts, now = _alerts(settings), clock.now(settings)
    ended = alerts.update().where(*_about(alerts, job))
    return connection.execute(
        ended.values(
            status="resolved",
            resolved_at=now,
            resolution_info={"run_id": run_id},
            updated_at=now,
        )
    ).rowcount


def _about(alerts: sa.Table, job: str) -> tuple[sa.ColumnElement[bool], ...]:
    """The unsettled alerts about the job, by the index on their source."""
    return (
        alerts.c.source_type == "monitor",
        alerts.c.source_module == MODULE,
        alerts.c.source_id == _id_of(job),
        alerts.c.alert_code == CODE,
        alerts.c.status.in_(UNSETTLED),
    )


def _id_of(job: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, job))


def _alerts(settings: Settings) -> sa.Table:
    return table_named(metadata_of(settings), "saas_unified_alerts")
