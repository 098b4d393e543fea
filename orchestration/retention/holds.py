"""Legal holds: tenants and tables whose rows stay, kept as one file beside the archive."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from orchestration.errors import WarehouseError
from orchestration.retention.archive import Archive
from orchestration.retention.policy import retained_table


@dataclass(frozen=True)
class Hold:
    """All rows of a tenant, of a table, or of a tenant in a table."""

    id: str
    tenant: str
    table: str
    reason: str
    since: str
    released_at: str = ""


def read_holds(archive: Archive) -> list[Hold]:
    """All holds ever set, the released ones too."""
    try:
        return [Hold(**entry) for entry in json.loads(archive.fs.cat_file(_file(archive)))]
    except FileNotFoundError:
        return []
    except (ValueError, TypeError):
        raise WarehouseError(
            f"{_file(archive)} is damaged, so nobody knows what is under a legal hold.",
            fix="restore it from the copy of the archive; until then nothing is dropped.",
        ) from None


def add_hold(archive: Archive, tenant: str, table: str, reason: str, now: datetime) -> Hold:
    """Set one; it holds from the next step of any run on."""
    if not (tenant or table):
        raise WarehouseError(
            "A hold needs a tenant or a table.", fix="give --tenant, --table or both."
        )
    if table:
        retained_table(table)
    hold = Hold(uuid.uuid4().hex[:8], tenant, table, reason, now.isoformat(sep=" "))
    _write(archive, [*read_holds(archive), hold])
    return hold


def release_hold(archive: Archive, hold_id: str, now: datetime) -> Hold:
    """End one; its rows go with the next runs."""
    holds = read_holds(archive)
    for position, hold in enumerate(holds):
        if hold.id == hold_id and not hold.released_at:
            holds[position] = replace(hold, released_at=now.isoformat(sep=" "))
            _write(archive, holds)
            return holds[position]
    raise WarehouseError(
        f"No hold {hold_id!r} is in force.", fix="see `warehouse retention hold list`."
    )


def held_table(holds: Sequence[Hold], table: str) -> str:
    """Why nothing of the table may go; empty when it may."""
    for hold in holds:
        if hold.table == table and not hold.tenant and not hold.released_at:
            return f"legal hold {hold.id}: {hold.reason}"
    return ""


def held_tenants(holds: Sequence[Hold], table: str) -> list[str]:
    """The tenants whose rows of the table stay online."""
    return sorted(
        {h.tenant for h in holds if h.tenant and not h.released_at and h.table in ("", table)}
    )


def _file(archive: Archive) -> str:
    return f"{archive.root}/_holds.json"


def _write(archive: Archive, holds: Sequence[Hold]) -> None:
    archive.put_text(_file(archive), json.dumps([asdict(h) for h in holds], indent=1))
