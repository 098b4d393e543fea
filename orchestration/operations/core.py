"""The core domain's operations: what has expired goes, or is marked so."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

import sqlalchemy as sa

from orchestration.operations.running import Run
from orchestration.operations.sweeping import (
    Due,
    Key,
    delete_due,
    lock_no_gaps,
    of_keys,
    sweep,
    update_due,
)

# An active session may still be renewed, and a suspicious one is being looked into.
ENDED = ("expired", "revoked", "force_logout")
LONGEST_OPEN = timedelta(days=30)


def cleanup_expired_data(run: Run) -> None:
    """Delete ended sessions and temporary files; close expired shares and forgotten alerts."""
    sessions, shares = run.table("saas_user_sessions"), run.table("saas_file_shares")
    files, alerts = run.table("saas_files"), run.table("saas_unified_alerts")
    delete_due(run, sessions, ended_sessions(sessions, run.as_of))
    update_due(run, shares, expired_shares(shares, run.as_of), is_active=False)
    sweep(run, files, expired_files(files, run.as_of), partial(_delete_files, run))
    update_due(run, alerts, forgotten_alerts(alerts, run.as_of), status="expired")


def ended_sessions(sessions: sa.Table, as_of: datetime) -> Due:
    """Sessions that are over by their state and by the clock."""
    return sessions.c.status.in_(ENDED), sessions.c.expires_at < as_of


def expired_shares(shares: sa.Table, as_of: datetime) -> Due:
    """Share links that are still on; one without an end never expires."""
    return shares.c.is_active == sa.true(), shares.c.expires_at < as_of


def expired_files(files: sa.Table, as_of: datetime) -> Due:
    """Temporary files past their end, soft-deleted or not."""
    return files.c.is_temporary == sa.true(), files.c.expires_at < as_of


def forgotten_alerts(alerts: sa.Table, as_of: datetime) -> Due:
    """Alerts that nobody took on; from the thirtieth day on, however often they were repeated."""
    return alerts.c.status == "open", alerts.c.created_at <= as_of - LONGEST_OPEN


def _delete_files(run: Run, connection: sa.Connection, keys: Sequence[Key]) -> int:
    """Those that are still due, with their shares."""
    files, shares = run.table("saas_files"), run.table("saas_file_shares")
    lock_no_gaps(run, connection)
    asked = sa.select(files.c.id).where(of_keys(files, keys), *expired_files(files, run.as_of))
    if run.settings.is_mysql:  # DuckDB's single writer is the lock
        asked = asked.order_by(files.c.id).with_for_update()
    ids = connection.scalars(asked).all()
    # MySQL's foreign key would do it; DuckDB has none.
    connection.execute(shares.delete().where(shares.c.file_id.in_(ids)))
    return connection.execute(files.delete().where(files.c.id.in_(ids))).rowcount
