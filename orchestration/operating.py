"""An operation inside a Dagster run: its choices, what the run's page shows, how it fails."""

from __future__ import annotations

from typing import Any

import dagster as dg

from orchestration.errors import WarehouseError
from orchestration.operations.running import AlreadyRunning, Operation, run_operation
from orchestration.resources import FILE_HELD
from orchestration.settings import Settings


class Choice(dg.Config):
    """What whoever launches the run may choose."""

    dry_run: bool = False


def operate(operation: Operation, settings: Settings, choice: Choice) -> dict[str, Any]:
    """Run it; what it did as metadata. Its errors leave as Failures that name the fix."""
    try:
        report = run_operation(operation, settings, dry_run=choice.dry_run)
    except AlreadyRunning as error:
        return {"skipped": error.message}
    except WarehouseError as error:
        if FILE_HELD in error.message:
            raise dg.RetryRequested(max_retries=5, seconds_to_wait=10) from error
        raise dg.Failure(f"{error.message} Fix: {error.fix}", allow_retries=False) from error
    return {
        "rows examined": report.examined,
        "rows changed": report.changed,
        "changed by tenant": dg.MetadataValue.json(dict(report.changed_by_tenant)),
        "seconds": report.seconds,
        "as_of": str(report.as_of),
        "dry run": report.dry_run,
        **({"notes": dg.MetadataValue.md("\n\n".join(report.notes))} if report.notes else {}),
    }
