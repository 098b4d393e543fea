"""The applications' audit log tells what retention did, in SQL: a row a step, hold and restore."""

from __future__ import annotations

import uuid
from typing import Any

from orchestration import clock
from orchestration.operations.running import write_trail
from orchestration.schema.record import load_record
from orchestration.schema.reference_data import DEFAULT_TENANT_ID
from orchestration.settings import Settings

ACTIONS = {
    "archive": "create", "restore": "create", "drop": "delete", "delete": "delete",
    "finish": "delete", "gave up": "alert", "hold": "config", "release": "config",
}  # fmt: skip


def leave(
    settings: Settings,
    step: str,
    table: str = "",
    tenant: str = "",
    seconds: float | None = None,
    error: str = "",
    **told: Any,
) -> None:
    """Say that a step was taken; `told` are its figures. Table and tenant are empty for all."""
    row = {
        "id": str(uuid.uuid4()),
        "tenant_id": tenant or DEFAULT_TENANT_ID,
        "log_type": "operation",
        "module": load_record().table(table).domain if table else "core",
        "sub_module": "retention",
        "operator_type": "user" if told.get("trigger") == "manual" else "scheduled",
        "action": ACTIONS[step],
        "target_type": "table",
        "target_name": table or None,
        "change_data": {"step": step, **told, "as_of": str(clock.now(settings))},
        "status": "failure" if error else "success",
        "error_info": {"error": error} if error else None,
        "execution_time_ms": None if seconds is None else round(seconds * 1000),
        "created_at": clock.now(settings),
    }
    write_trail(settings, "retention", [row])
