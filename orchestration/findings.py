"""Where damage is, in a few lines that may be shown: on screens, in logs and in Dagster.

Shown are tenants, days, and figures of many rows. A key is shown as the beginning of the pseudonym
that the marts have for it, and anything that stands where a tenant should is one of the tenants or
hidden: columns get swapped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from orchestration import database
from orchestration.reports.masking import pseudonym
from orchestration.settings import Settings

if TYPE_CHECKING:
    from expectations.base import Scope
    from orchestration.gx_session import Outcome

SHOWN = 5
PSEUDONYM_LETTERS = 12
NO_TENANT = "(none of the tenants)"


@dataclass(frozen=True)
class Finding:
    """Damage in one place."""

    tenant: str | None = None
    day: date | None = None
    expected: str | None = None
    got: str | None = None
    rows: int | None = None
    keys: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        """In words, for a message."""
        where = [f"tenant {self.tenant}"] if self.tenant else []
        where += [f"day {self.day}"] if self.day else []
        where += [f"{name} {key}" for name, key in self.keys.items()]
        what = [f"expected {self.expected}"] if self.expected is not None else []
        what += [f"got {self.got}"] if self.got is not None else []
        if self.rows is not None:
            what += [f"{self.rows:,} row{'' if self.rows == 1 else 's'}"]
        return ": ".join(part for part in (", ".join(where), ", ".join(what)) if part)


def with_findings(
    settings: Settings, scope: Scope, outcomes: Iterable[tuple[Outcome, str]]
) -> list[Outcome]:
    """The outcomes, those that failed with a few findings by the query beside them."""
    listed = list(outcomes)
    if all(outcome.success for outcome, _ in listed):
        return [outcome for outcome, _ in listed]
    with database.connect(settings, read_only=True) as connection:
        tenants = _tenants(connection, scope)
        return [
            outcome
            if outcome.success
            else replace(
                outcome,
                unexpected_rows=_count(connection, outcome.look),
                findings=_read(connection, sample, tenants, settings),
            )
            for outcome, sample in listed
        ]


def _tenants(connection: sa.Connection, scope: Scope) -> frozenset[str]:
    """The tenants' ids; none where core is switched off, so that no tenant is named."""
    try:
        query = f"select id from {scope.relation('saas_unified_core', 'saas_tenants')}"
        return frozenset(connection.exec_driver_sql(query).scalars())
    except DBAPIError:
        connection.rollback()
        return frozenset()


def _count(connection: sa.Connection, look: str) -> int:
    return int(connection.exec_driver_sql(f"select count(*) from ({look}) as found").scalar_one())


def _read(
    connection: sa.Connection, sample: str, tenants: frozenset[str], settings: Settings
) -> tuple[Finding, ...]:
    rows = connection.exec_driver_sql(sample).mappings().all()
    return tuple(shown(row, tenants, settings.mask_key) for row in rows)


def shown(row: Mapping[str, Any], tenants: frozenset[str], mask_key: str) -> Finding:
    """The part of a finding that may be shown, as this module's docstring says."""
    values = {name.lower(): value for name, value in row.items()}
    tenant, day = values.pop("tenant_id", None), values.pop("day", None)
    rows = values.pop("damaged_rows", None)
    expected, got = (_figure(values.pop(name, None)) for name in ("expected", "got"))
    return Finding(
        tenant=tenant if tenant is None or tenant in tenants else NO_TENANT,
        day=day.date() if isinstance(day, datetime) else day if isinstance(day, date) else None,
        expected=expected,
        got=got,
        rows=None if rows is None else int(rows),
        keys=_keys(values, mask_key),
    )


def _keys(values: Mapping[str, Any], mask_key: str) -> dict[str, str]:
    """Days are shown as they are; nothing else is."""
    return {
        name: str(value)
        if isinstance(value, date) and not isinstance(value, datetime)
        else pseudonym(mask_key, str(value))[:PSEUDONYM_LETTERS] + "…"
        for name, value in values.items()
        if value is not None
    }


def _figure(value: Any) -> str | None:
    """A number as people write it; a text is none, and hidden."""
    if not isinstance(value, int | float | Decimal):
        return None
    return f"{value:,.0f}" if value == int(value) else f"{float(value):,.4g}"
