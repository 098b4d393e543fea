"""What a build of the business domain's incremental tables does, and leaves, on both engines.

One tenant with one service, provider and campaign, and on some days an order with its item,
payment, slot and participation: every other day since 14 June, and on either side of the two weeks
and the sixty days that a build touches. Five builds, one after the other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from window_warehouse import WindowWarehouse

from orchestration.settings import Settings

FIRST_BUILD = datetime(2026, 6, 30, 12)
HOUR = timedelta(hours=1)
BEFORE_COHORT, IN_COHORT = date(2026, 4, 30), date(2026, 5, 1)
HOME = "core_business_platform"
RELATIONS = {
    f"{HOME}.service_daily": ("service_id", "stat_date"),
    f"{HOME}.service_provider_daily": ("provider_id", "stat_date"),
    f"{HOME}.service_order_funnel_daily": ("tenant_id", "stat_date"),
    f"{HOME}.marketing_campaign_daily": ("campaign_id", "stat_date"),
}
NAMES = tuple(relation.split(".")[1] for relation in RELATIONS)
SERVICE, PROVIDER, FUNNEL, CAMPAIGN = NAMES
NEW, GONE = {"+"}, {"-"}


def june(*numbers: int) -> list[date]:
    """Days of June 2026."""
    return [date(2026, 6, number) for number in numbers]


DAYS = [BEFORE_COHORT, IN_COHORT, *june(14, 15, 16, 18, 20, 22, 24, 26, 28, 30)]


@dataclass
class Shop:
    """Inserts raw rows, each with a number of its own."""

    warehouse: WindowWarehouse
    made: int = 0

    def _insert(self, table: str, **values: Any) -> str:
        self.made += 1
        name = f"r{self.made}"
        self.warehouse.insert(table, {"id": name, "tenant_id": "t1", **values})
        return name

    def open(self, moment: datetime) -> None:
        """The service, its provider and the campaign."""
        own = {"tenant_id": "t1", "created_at": moment}
        for table, values in {
            "service_categories": {"id": "c1", "category_name": "家政", "category_code": "C"},
            "service_providers": {"id": "p1", "provider_code": "P", "provider_name": "李师傅"},
            "services": {
                "id": "s1", "service_code": "S", "service_name": "清洗", "category_id": "c1",
                "service_type": "maintenance", "delivery_mode": "onsite", "base_price": 100,
                "status": "active",
            },
            "marketing_campaigns": {
                "id": "m1", "campaign_name": "618", "campaign_code": "M", "rule_config": {},
                "campaign_type": "discount", "start_time": moment, "end_time": moment + 300 * HOUR,
                "status": "active",
            },
        }.items():  # fmt: skip
            self.warehouse.insert(table, {**own, **values})

    def participate(self, moment: datetime) -> None:
        """Somebody takes part and orders nothing."""
        self._insert(
            "marketing_participations", campaign_id="m1", participant_type="guest",
            participation_time=moment, has_placed_order=False,
        )  # fmt: skip

    def sell(self, day: date, hour: int = 8) -> None:
        """An order of the day for the day, paid after ten minutes, its slot and a participation."""
        moment = datetime(day.year, day.month, day.day, hour)
        order = self._insert(
            "service_orders", order_no=f"N{self.made}", order_source="web", service_date=day,
            service_location_type="onsite", assigned_provider_id="p1", order_status="paid",
            subtotal=100, total_amount=100, order_time=moment, created_at=moment,
            payment_time=moment + timedelta(minutes=10),
        )  # fmt: skip
        self._insert(
            "service_order_items", order_id=order, service_id="s1", service_name="清洗",
            unit_price=100, subtotal=100, final_price=100, created_at=moment,
        )  # fmt: skip
        self._insert(
            "service_order_payments", order_id=order, payment_no=f"Y{self.made}", created_at=moment,
            payment_method="wechat", payment_amount=100, payment_status="success", platform_fee=10,
            provider_amount=90,
        )  # fmt: skip
        self._insert(
            "service_time_slots", service_id="s1", provider_id="p1", slot_date=day,
            start_time=moment.time(), end_time=(moment + HOUR).time(), duration_minutes=60,
            max_bookings=2, current_bookings=1, status="booked",
        )  # fmt: skip
        self.participate(moment)


def days(keys: Iterable[tuple[Any, ...]]) -> list[date]:
    """The days that keys end with; each once."""
    return sorted({key[-1] for key in keys})


@pytest.fixture(scope="module")
def shop(module_engine_settings: Settings) -> Shop:
    """Deployed, filled and built for the first time."""
    warehouse = WindowWarehouse(module_engine_settings, RELATIONS, domains=("core", "business"))
    warehouse.deploy(FIRST_BUILD, oldest=BEFORE_COHORT)
    shop = Shop(warehouse)
    shop.open(datetime(2026, 1, 1))
    for day in DAYS:
        shop.sell(day)
    shop.sell(date(2026, 7, 2))  # agreed for a day ahead, which no build touches
    assert warehouse.build(FIRST_BUILD) == ()
    return shop


def test_first_build_takes_everything_and_a_replay_changes_nothing(shop: Shop) -> None:
    for name in NAMES:
        assert days(shop.warehouse.read(name)) == DAYS, name
    row = shop.warehouse.read(PROVIDER)["p1", date(2026, 6, 16)]
    assert (row["orders"], row["platform_fee_cny"], row["slot_capacity"]) == (1, 10, 2)
    shop.warehouse.mark()
    assert shop.warehouse.build(FIRST_BUILD + HOUR) == ()
    assert {name: shop.warehouse.changes(name) for name in NAMES} == {name: {} for name in NAMES}


def test_what_comes_late_shows_within_each_window_and_no_further(shop: Shop) -> None:
    """A refund after the service within two weeks, what became of an order within sixty days."""
    orders = f"{{prefix}}{HOME}.service_orders"
    shop.warehouse.execute(
        f"update {orders} set order_status = 'refunded' "
        "where service_date in ('2026-06-15', '2026-06-16')"
    )
    shop.warehouse.execute(
        f"update {orders} set complete_time = '2026-06-30 09:00:00' "
        "where service_date in ('2026-04-30', '2026-05-01')"
    )
    for day in june(15, 16):
        shop.participate(datetime(2026, 6, day.day, 23, 59, 59))
    shop.warehouse.execute(
        f"delete from {{prefix}}{HOME}.marketing_participations "
        "where participation_time >= '2026-06-30'"
    )
    assert shop.warehouse.build(FIRST_BUILD + 2 * HOUR) == ()
    (late,), (today,) = june(16), june(30)
    assert shop.warehouse.changes(SERVICE) == {("s1", late): {"revenue_cny"}}
    assert shop.warehouse.changes(PROVIDER) == {("p1", late): {"revenue_cny"}}
    further = {f"{stage}_orders" for stage in ("confirmed", "assigned", "started", "completed")}
    assert shop.warehouse.changes(FUNNEL) == {("t1", IN_COHORT): further}
    assert shop.warehouse.changes(CAMPAIGN) == {
        ("m1", late): {"participations"},
        ("m1", today): GONE,
    }


def test_a_backfill_rebuilds_its_days_and_no_others(shop: Shop) -> None:
    """Start inclusive, end exclusive."""
    for day in june(16, 17, 22, 23):
        shop.sell(day, hour=20)
    window = {"start_date": "2026-06-17", "end_date": "2026-06-23"}
    assert shop.warehouse.build(FIRST_BUILD + 3 * HOUR, **window) == ()
    for name in NAMES:
        changes = shop.warehouse.changes(name)
        assert days(changes) == june(17, 22), name
        assert [c == NEW for key, c in sorted(changes.items())] == [True, False], name


def test_a_full_refresh_finds_what_no_window_did(shop: Shop) -> None:
    assert shop.warehouse.build(FIRST_BUILD + 4 * HOUR, "--full-refresh") == ()
    changes = {name: days(shop.warehouse.changes(name)) for name in NAMES}
    assert changes == {
        SERVICE: june(15, 16, 23),
        PROVIDER: june(15, 16, 23),
        FUNNEL: [BEFORE_COHORT, *june(16, 23)],
        CAMPAIGN: june(15, 16, 23),
    }
