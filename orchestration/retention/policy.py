"""Policies: what `meta.retention` says of a table, and how far back the models behind it look."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from orchestration.errors import WarehouseError
from orchestration.late_data import DAYS_BACK, witnesses
from orchestration.manifest import is_stale, manifest_path, prepare_manifest
from orchestration.partitions import lookback_days
from orchestration.schema.partitions import add_months
from orchestration.schema.record import Table, load_record
from orchestration.settings import Settings

SENSITIVE = ("pii", "phi", "secret")
# Beside a window, for the days that a build may be late.
MARGIN_DAYS = 7
WINDOWS = ("window", "keyed_window")


@dataclass(frozen=True)
class Policy:
    """One table's: whole months before the running one that stay online, by column `moment`.

    `lookback_days` is how far back the models behind it build again; `only` are the columns and
    values that a row must have to be deleted.
    """

    table: str
    moment: str
    months: int
    minimum_months: int
    archive: bool
    is_partitioned: bool
    lookback_days: int = 0
    only: tuple[tuple[str, str], ...] = ()

    def cutoff(self, now: datetime) -> datetime:
        """The first moment that is kept."""
        return datetime.combine(add_months(now.date(), -self.months), time())

    def problem(self, now: datetime) -> str:
        """Why the policy must not be carried out; empty when it may."""
        if self.months < max(self.minimum_months, 1):
            return f"{self.months} months are fewer than the {self.minimum_months} allowed"
        needed = self.lookback_days + MARGIN_DAYS
        if self.cutoff(now) > datetime.combine(now.date(), time()) - timedelta(days=needed):
            return (
                f"{self.months} months are fewer than the {self.lookback_days} days that models "
                f"look back, and {MARGIN_DAYS} to spare"
            )
        return ""


def policies(settings: Settings, lookbacks: Mapping[str, int] | None = None) -> dict[str, Policy]:
    """All policies of the domains that are switched on, by table, in the record's order."""
    looks = lookbacks_of(settings) if lookbacks is None else lookbacks
    return {
        table.name: policy_of(table, looks.get(table.name, 0), settings.is_mysql)
        for table in load_record(settings.domains)
        if table.retention
    }


def policy_of(table: Table, lookback: int = 0, on_mysql: bool = True) -> Policy:
    """The policy in a table's entry; DuckDB has no partitions."""
    assert table.retention
    return Policy(
        table.name,
        table.retention.column,
        table.retention.months,
        table.retention.minimum_months,
        table.retention.archive,
        is_partitioned=on_mysql and table.partition_by_month is not None,
        lookback_days=lookback,
        only=table.retention.only,
    )


def retained_table(name: str) -> Table:
    """The table of that name; WarehouseError when it has no policy."""
    table = load_record().table(name)
    if table.retention is None:
        raise WarehouseError(
            f"{name} has no retention policy.",
            fix="choose a table that `warehouse retention plan` lists.",
        )
    return table


def sealed_columns(table: Table) -> tuple[str, ...]:
    """The columns that leave the database encrypted only."""
    return tuple(c.name for c in table.stored_columns if c.classification in SENSITIVE)


def lookbacks_of(settings: Settings) -> dict[str, int]:
    """Days by table that models behind it build again, by dbt's manifest, which is made if need be.

    Late days of counted sources are found, and built again, for longer than that.
    """
    if not manifest_path(settings).exists() or is_stale(settings):
        prepare_manifest(settings)
    found = read_lookbacks(
        json.loads(manifest_path(settings).read_text(encoding="utf-8")), lookback_days()
    )
    for witness in witnesses(settings):
        found[witness.source] = max(found.get(witness.source, 0), DAYS_BACK)
    return found


def read_lookbacks(manifest: Mapping[str, Any], default: int) -> dict[str, int]:
    """The longest window by table, through views and tables that are made anew by every build."""
    nodes = manifest["nodes"]

    def days(unique_id: str) -> int:
        node = nodes.get(unique_id)
        if node is None or node["resource_type"] != "model":
            return 0
        config = node["config"]
        if config["materialized"] in WINDOWS:
            return max(default, int(config.get("lookback_days") or 0))
        return behind(unique_id)

    def behind(unique_id: str) -> int:
        return max(map(days, manifest["child_map"].get(unique_id, ())), default=0)

    tables = [*manifest["sources"].items(), *nodes.items()]
    return {
        node["name"]: max(behind(unique_id), days(unique_id))
        for unique_id, node in tables
        if (node.get("meta") or {}).get("retention")
    }


def months_name(month: date) -> str:
    """`2026-06`, as commands and folders have it."""
    return f"{month:%Y-%m}"


def parse_month(text: str) -> date:
    """A month that somebody typed as 2026-06."""
    try:
        return datetime.strptime(text, "%Y-%m").date()
    except ValueError:
        raise WarehouseError(f"{text!r} is not a month.", fix="write it as 2026-06.") from None
