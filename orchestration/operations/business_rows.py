"""What the booking transactions share: their clock, their locks, and how they write rows.

Row locks are taken table by table in LOCK_ORDER and by primary key within a table, and nothing is
inserted before the last lock: transactions wait for each other, but never in a circle. DuckDB has
no row locks: there one transaction at a time runs in the one process that holds the file.

On MySQL they read committed rows, so that what is read after a lock is as new as the lock.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

import sqlalchemy as sa

from orchestration import clock
from orchestration.errors import WarehouseError
from orchestration.operations.running import transaction
from orchestration.schema.metadata import metadata_of, table_named
from orchestration.settings import Settings

LOCK_ORDER = (
    "service_orders", "service_order_payments", "services", "service_variants",
    "service_time_slots", "marketing_coupons", "service_providers",
)  # fmt: skip
_ONE_WRITER = threading.Lock()
T = TypeVar("T")
Row = Mapping[str, Any]


class Refused(WarehouseError):
    """The business says no: a full slot, a step the states do not allow. Nothing was written."""


@dataclass
class Unit:
    """One transaction over the business tables."""

    settings: Settings
    connection: sa.Connection
    as_of: datetime
    _locked: int = field(default=-1, init=False)

    @classmethod
    def begin(
        cls, settings: Settings, connection: sa.Connection, as_of: datetime | None = None
    ) -> Unit:
        """The transaction that `connection` is about to begin; nothing has been read in it."""
        if settings.is_mysql:
            connection.execute(sa.text("set transaction isolation level read committed"))
        return cls(settings, connection, as_of or clock.now(settings))

    def table(self, name: str) -> sa.Table:
        """A table of the schema of record."""
        return table_named(metadata_of(self.settings), name)

    def rows(self, name: str, *where: sa.ColumnElement[bool]) -> list[Row]:
        """Rows by primary key, not locked."""
        table = self.table(name)
        found = self.connection.execute(sa.select(table).where(*where).order_by(table.c.id))
        return list(found.mappings())

    def lock(self, name: str, ids: Iterable[str | None]) -> dict[str, Row]:
        """Rows by id, locked until the end; a table's turn comes once, in LOCK_ORDER."""
        wanted = sorted({key for key in ids if key is not None})
        if not wanted:
            return {}
        turn = LOCK_ORDER.index(name)
        assert turn > self._locked, f"{name} is locked out of turn"
        self._locked = turn
        table = self.table(name)
        # By the primary key alone: another index would lock in another order.
        asked = sa.select(table).where(table.c.id.in_(wanted)).order_by(table.c.id)
        if self.settings.is_mysql:
            asked = asked.with_for_update()
        return {row["id"]: row for row in self.connection.execute(asked).mappings()}

    def insert(self, name: str, rows: Sequence[Row]) -> None:
        """Insert rows under new ids, stamped with the clock."""
        if not rows:
            return
        table = self.table(name)
        stamps = {c: self.as_of for c in ("created_at", "updated_at") if c in table.c}
        self.connection.execute(
            table.insert(), [{"id": str(uuid.uuid4())} | stamps | dict(row) for row in rows]
        )

    def update(self, name: str, key: str, values: Row) -> None:
        """Change a row that is locked."""
        table = self.table(name)
        change = table.update().where(table.c.id == key)
        self.connection.execute(change.values(dict(values) | {"updated_at": self.as_of}))

    def setting(self, key: str, tenant_id: str, default: str) -> Decimal:
        """A number among the unified settings: the tenant's, else the global one, else `default`.

        Without the core domain there are no settings, and the default holds.
        """
        known = self.settings_by_tenant(key)
        return known.get(tenant_id, known.get(None, Decimal(default)))

    def settings_by_tenant(self, key: str) -> dict[str | None, Decimal]:
        """The same for all tenants that have their own; None is the platform's."""
        if "core" not in self.settings.domains:
            return {}
        configs = self.table("saas_unified_configs")
        asked = sa.select(
            configs.c.tenant_id, sa.type_coerce(configs.c.config_value, sa.Text)
        ).where(
            configs.c.config_key == key, configs.c.user_id.is_(None), configs.c.status == "active"
        )
        # The narrowest wins: a module's setting over the global one.
        asked = asked.order_by(sa.case((configs.c.config_scope == "global", 0), else_=1))
        found: dict[str | None, Decimal] = {}
        for tenant, text in self.connection.execute(asked):
            try:
                value = Decimal(str(text).strip('"'))
                assert value.is_finite() and value >= 0
            except (InvalidOperation, AssertionError):
                raise WarehouseError(
                    f"The setting {key} is {text!r}.", fix="make it a number of 0 or more."
                ) from None
            found[tenant] = value
        return found


def in_one_transaction(settings: Settings, work: Callable[[Unit], T]) -> T:
    """All of `work` or nothing of it; tried again after a deadlock."""
    with nullcontext() if settings.is_mysql else _ONE_WRITER:
        return transaction(settings, lambda connection: work(Unit.begin(settings, connection)))


def owned(rows: Mapping[str, Row], key: str, tenant_id: str, what: str) -> Row:
    """The row of that id if it is the tenant's."""
    row = rows.get(key)
    if row is None or row["tenant_id"] != tenant_id:
        raise Refused(f"Tenant {tenant_id} has no {what} {key}.", fix="correct the id.")
    return row
