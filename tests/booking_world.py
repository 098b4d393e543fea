"""A small booking business on one engine: empty tables, and short ways to fill and read them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from orchestration import database
from orchestration.operations.business_booking import create_order
from orchestration.operations.business_orders import change_order_status
from orchestration.operations.business_requests import (
    ChangeStatus,
    CreateOrder,
    OrderResult,
)
from orchestration.operations.business_rows import LOCK_ORDER
from orchestration.schema.metadata import metadata_of, table_named
from orchestration.schema.record import load_record
from orchestration.settings import Settings

AS_OF = datetime(2026, 6, 30, 12, 0)
DAY = date(2026, 7, 6)  # a Monday
TENANT, OTHER = "tenant-1", "tenant-2"
BUSINESS = tuple(table.name for table in load_record(("business",)).application_tables())
# what they write beside what they lock
WRITTEN = ("service_order_items", "service_order_status_history", "service_capacity_logs")
CORE = ("saas_tenants", "saas_users", "saas_unified_audit_logs", "saas_unified_configs")
Row = dict[str, Any]


@dataclass
class BookingWorld:
    """The tables of the business domain, and how tests speak of them."""

    settings: Settings
    _reader: sa.Connection | None = None

    @classmethod
    def build(cls, settings: Settings, as_of: datetime = AS_OF) -> BookingWorld:
        """Make the tables, empty but for a category."""
        world = cls(replace(settings, domains=("core", "business"), as_of=as_of))
        tables = [world.table(name) for name in (*CORE, *BUSINESS)]
        with database.begin(world.settings) as connection:
            for schema in sorted({str(table.schema) for table in tables}):
                kind = "database" if settings.is_mysql else "schema"
                connection.exec_driver_sql(f"create {kind} {schema}")
            metadata_of(world.settings).create_all(connection, tables=tables, checkfirst=False)
        world.empty()
        return world

    def empty(self) -> None:
        """Take everything out again, children first."""
        tables = metadata_of(self.settings).sorted_tables
        with database.begin(self.settings) as connection:
            for table in reversed(tables):
                if table.name in (*CORE, *BUSINESS):
                    connection.execute(table.delete())
        self.insert(
            "service_categories",
            {"id": "category", "tenant_id": TENANT, "category_name": "家政", "category_code": "C"},
        )

    def at(self, as_of: datetime) -> Settings:
        """The settings with the clock elsewhere."""
        return replace(self.settings, as_of=as_of)

    @contextmanager
    def held_open(self) -> Iterator[None]:
        """Keep a connection: opening one for each read costs more than the read on DuckDB."""
        with database.connect(self.settings) as connection:
            connection.commit()
            self._reader = connection
            yield
            self._reader = None

    def table(self, name: str) -> sa.Table:
        return table_named(metadata_of(self.settings), name)

    def insert(self, name: str, *rows: Row) -> None:
        with database.begin(self.settings) as connection:
            for row in rows:
                connection.execute(self.table(name).insert(), row)

    def update(self, name: str, key: str, **values: Any) -> None:
        table = self.table(name)
        with database.begin(self.settings) as connection:
            connection.execute(table.update().where(table.c.id == key).values(values))

    def rows(self, name: str, **where: Any) -> list[Row]:
        table = self.table(name)
        asked = sa.select(table).where(*(table.c[column] == v for column, v in where.items()))
        with (
            nullcontext(self._reader) if self._reader else database.connect(self.settings) as open_
        ):
            found = open_.execute(asked.order_by(table.c.id)).mappings().all()
            open_.commit()
        return [dict(row) for row in found]

    def row(self, name: str, key: str) -> Row:
        (found,) = self.rows(name, id=key)
        return found

    def everything(self) -> dict[str, list[Row]]:
        """All rows of the tables that bookings write."""
        return {name: self.rows(name) for name in (*LOCK_ORDER, *WRITTEN)}

    def service(self, key: str = "service", **more: Any) -> str:
        row = {"id": key, "tenant_id": TENANT, "service_code": key, "service_name": f"保洁 {key}",
               "category_id": "category", "service_type": "maintenance", "delivery_mode": "online",
               "base_price": Decimal("100.00"), "status": "active", "available_slots": 1000,
               "advance_booking_hours": 24, "cancellation_hours": 2}  # fmt: skip
        self.insert("services", row | more)
        return key

    def variant(self, key: str = "variant", service: str = "service", **more: Any) -> str:
        row = {"id": key, "tenant_id": TENANT, "service_id": service, "variant_code": key,
               "variant_name": key, "attributes": {"size": key}, "price": Decimal("120.00"),
               "capacity": 50, "status": "active"}  # fmt: skip
        self.insert("service_variants", row | more)
        return key

    def slot(self, key: str = "slot", service: str = "service", hour: int = 9, **more: Any) -> str:
        row = {"id": key, "tenant_id": TENANT, "service_id": service, "slot_date": DAY,
               "start_time": time(hour), "end_time": time(hour + 1), "duration_minutes": 60,
               "max_bookings": 10}  # fmt: skip
        self.insert("service_time_slots", row | more)
        return key

    def coupon(self, key: str, kind: str = "fixed_amount", value: Any = 10, **more: Any) -> str:
        row = {"id": f"id-{key}", "tenant_id": TENANT, "coupon_code": key, "coupon_name": key,
               "coupon_type": kind, "discount_value": value,
               "start_time": AS_OF - timedelta(days=1),
               "end_time": AS_OF + timedelta(days=1)}  # fmt: skip
        self.insert("marketing_coupons", row | more)
        return key

    def provider(self, key: str, **more: Any) -> str:
        row = {"id": key, "tenant_id": TENANT, "provider_code": key, "provider_name": key,
               "working_hours": {"mon": ["08:00", "18:00"]}, "max_concurrent_services": 2,
               "is_verified": True, "status": "active"}  # fmt: skip
        self.insert("service_providers", row | more)
        return key

    def create(self, order_no: str, as_of: datetime = AS_OF, **more: Any) -> OrderResult:
        """Place an order; by default one place in the slot `slot` of `service`."""
        return create_order(self.at(as_of), booking(order_no, **more))

    def step(self, order_no: str, new: str, as_of: datetime = AS_OF, **more: Any) -> OrderResult:
        """Take an order to a state; money comes with paid."""
        if new == "paid" and "payment" not in more:
            (order,) = self.rows("service_orders", order_no=order_no)
            more["payment"] = {"payment_no": f"P-{order_no}", "payment_method": "alipay",
                               "payment_amount": order["total_amount"]}  # fmt: skip
        request = {"tenant_id": TENANT, "order_no": order_no, "new_status": new} | more
        return change_order_status(self.at(as_of), ChangeStatus.model_validate(request))


def booking(order_no: str, **more: Any) -> CreateOrder:
    """A request for one place in the slot `slot` of `service`, unless `more` says otherwise."""
    request = {
        "tenant_id": TENANT, "order_no": order_no, "order_source": "app", "customer_id": "customer",
        "service_location_type": "online",
        "items": [{"service_id": "service", "time_slot_id": "slot"}],
    }  # fmt: skip
    return CreateOrder.model_validate(request | more)
