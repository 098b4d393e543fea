"""Where and when rules are asked: a tenant's tables, the engine, the clock, what dbt has built."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property

import sqlalchemy as sa

from orchestration.rules.fields import CLV_COLUMNS, RFM_COLUMNS
from orchestration.schema.metadata import table_named
from orchestration.settings import DATABASES

# The marts that rules may ask, which dbt makes anew at each build: database and columns.
MARTS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "customer_lifetime_value": (DATABASES["customer"], tuple(CLV_COLUMNS.values())),
    "customer_rfm": ("warehouse", tuple(RFM_COLUMNS.values())),
}


@dataclass(frozen=True)
class Context:
    """One tenant's data as of one moment; `built` names the marts that exist."""

    metadata: sa.MetaData
    prefix: str
    dialect: str
    tenant_id: str
    as_of: datetime
    built: frozenset[str] = frozenset()

    @cached_property
    def today(self) -> date:
        """The business day of the clock."""
        return self.as_of.date()

    def table(self, name: str) -> sa.FromClause:
        """A table of the schema of record, or a mart."""
        if name not in MARTS:
            return table_named(self.metadata, name)
        database, columns = MARTS[name]
        named = [sa.column("customer_id"), *(sa.column(column) for column in columns)]
        return sa.table(name, *named, schema=self.prefix + database)


def built_marts(connection: sa.Connection, prefix: str) -> frozenset[str]:
    """The marts of MARTS that are there."""
    inspector = sa.inspect(connection)
    return frozenset(
        name
        for name, (database, _) in MARTS.items()
        if inspector.has_table(name, schema=prefix + database)
    )
