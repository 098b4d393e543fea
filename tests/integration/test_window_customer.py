"""What window builds do to customer_segment_daily, on both engines.

Its members are a stock that a day takes over from the one before it, so that what happened before
the window must reach into it, and nothing of the window out of it. The tests of an engine run in
order.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from window_warehouse import WindowWarehouse

from orchestration.settings import Settings

FIRST_BUILD = datetime(2026, 6, 30, 12)
SINCE = date(2026, 6, 15)
TABLE = "customer_segment_daily"


def day(number: int) -> date:
    """A day of June 2026."""
    return date(2026, 6, number)


def at(number: int, hour: int = 10) -> datetime:
    """An instant of June 2026."""
    return datetime(2026, 6, number, hour)


class Segments:
    """A dynamic segment (dyn) and one that people fill (hand), both since 15 June."""

    def __init__(self, warehouse: WindowWarehouse) -> None:
        """`warehouse` is deployed."""
        self.warehouse = warehouse
        self.made = 0

    def run(self, moment: datetime, added: int, size: int, status: str = "success") -> None:
        """A calculation of the dynamic segment."""
        self.made += 1
        self.warehouse.insert(
            "segment_calculation_history",
            {
                "id": f"r{self.made:02}", "tenant_id": "t1", "segment_id": "dyn",
                "calculation_type": "full", "trigger_type": "scheduled",
                "calculation_status": status, "added_customers": added, "removed_customers": 0,
                "final_count": size, "started_at": moment,
            },
        )  # fmt: skip

    def join(self, customer: str, moment: datetime) -> None:
        """A membership of the other segment."""
        self.warehouse.insert(
            "customers",
            {
                "id": customer, "tenant_id": "t1", "customer_code": customer, "name": "客户",
                "source_channel": "wework", "created_at": at(15),
            },
        )  # fmt: skip
        self.warehouse.insert(
            "customer_segment_members",
            {
                "id": f"m-{customer}", "tenant_id": "t1", "segment_id": "hand",
                "customer_id": customer, "join_type": "manual", "joined_at": moment,
                "last_matched_at": moment,
            },
        )  # fmt: skip

    def order(self, customer: str, moment: datetime, amount: int) -> None:
        """A paid order."""
        self.made += 1
        self.warehouse.insert(
            "service_orders",
            {
                "id": f"o{self.made:02}", "tenant_id": "t1", "order_no": f"N{self.made:02}",
                "order_source": "web", "customer_id": customer, "service_date": moment.date(),
                "service_location_type": "online", "order_status": "paid",
                "subtotal": Decimal(amount), "total_amount": Decimal(amount), "order_time": moment,
            },
        )  # fmt: skip

    def build(self, as_of: datetime, *options: str, **variables: str) -> None:
        """`dbt run` of the table and what it reads."""
        assert self.warehouse.build(as_of, *options, **variables) == ()

    def figures(self, segment: str, column: str) -> dict[int, Any]:
        """A column by day of June."""
        rows = self.warehouse.read(TABLE)
        return {key[1].day: row[column] for key, row in rows.items() if key[0] == segment}

    def changes(self) -> dict[tuple[str, int], set[str]]:
        """Changed columns by segment and day of June."""
        found = self.warehouse.changes(TABLE)
        return {(segment, moment.day): columns for (segment, moment), columns in found.items()}


def days(value: Any, first: int, last: int) -> dict[int, Any]:
    """The same figure on several days."""
    return dict.fromkeys(range(first, last + 1), value)


@pytest.fixture(scope="module")
def segments(module_engine_settings: Settings) -> Segments:
    """Runs on the 16th and 24th, a member since the 18th with an order on the 20th."""
    warehouse = WindowWarehouse(
        module_engine_settings,
        {f"customer_management.{TABLE}": ("segment_id", "stat_date")},
        domains=("core", "business", "customer"),
    )
    warehouse.deploy(FIRST_BUILD, SINCE)
    warehouse.insert(
        "saas_tenants",
        {"id": "t1", "tenant_code": "t1", "tenant_name": "租户", "created_at": at(15)},
    )
    warehouse.insert(
        "customer_segments",
        *(
            {
                "id": name, "tenant_id": "t1", "segment_name": name, "segment_code": name,
                "segment_type": kind, "created_at": at(15),
            }
            for name, kind in (("dyn", "dynamic"), ("hand", "manual"))
        ),
    )  # fmt: skip
    made = Segments(warehouse)
    made.run(at(16), 5, 5)
    made.run(at(24), 2, 7)
    made.join("c1", at(18))
    made.order("c1", at(20), 100)
    made.build(FIRST_BUILD)
    return made


def test_first_build_takes_everything(segments: Segments) -> None:
    members = {15: None, **days(5, 16, 23), **days(7, 24, 30)}
    assert segments.figures("dyn", "members") == members
    assert segments.figures("hand", "members") == {**days(0, 15, 17), **days(1, 18, 30)}
    assert segments.figures("hand", "revenue_cny") == {**days(0, 15, 30), 20: 100}
    segments.warehouse.mark()


def test_replay_changes_nothing(segments: Segments) -> None:
    segments.build(FIRST_BUILD + timedelta(hours=1))
    assert segments.changes() == {}


def test_late_rows_show_in_the_window_and_reach_into_it(segments: Segments) -> None:
    """A run of the 26th, three days and more ago, is not seen that day but is carried on."""
    segments.run(at(26), 2, 9)
    segments.run(at(28), 1, 10)
    segments.run(at(29), 40, 40, status="failed")
    segments.join("c2", at(25))
    segments.order("c1", at(26), 30)
    segments.order("c2", at(27), 50)
    segments.build(FIRST_BUILD + timedelta(hours=2))
    assert segments.changes() == {
        ("dyn", 27): {"members"},
        ("dyn", 28): {"members", "successful_calculations", "joined_members"},
        ("dyn", 29): {"members"},
        ("dyn", 30): {"members"},
        ("hand", 27): {"members", "orders", "revenue_cny"},
        ("hand", 28): {"members"},
        ("hand", 29): {"members"},
        ("hand", 30): {"members"},
    }
    assert segments.figures("dyn", "members")[26] == 7
    assert segments.figures("dyn", "members")[27] == 9
    assert segments.figures("hand", "joined_members") == {**days(0, 15, 30), 18: 1}


def test_backfill_rebuilds_its_days_and_no_others(segments: Segments) -> None:
    """Start inclusive, end exclusive; late rows beside it stay unseen."""
    segments.run(at(17), 1, 6)
    segments.order("c1", at(18), 20)
    segments.order("c1", at(19), 20)
    segments.order("c1", at(21), 20)
    window = {"start_date": "2026-06-19", "end_date": "2026-06-21"}
    segments.build(FIRST_BUILD + timedelta(hours=3), **window)
    assert segments.changes() == {
        ("dyn", 19): {"members"},
        ("dyn", 20): {"members"},
        ("hand", 19): {"orders", "revenue_cny"},
    }


def test_full_refresh_gives_what_a_first_build_would(segments: Segments) -> None:
    segments.build(FIRST_BUILD + timedelta(hours=4), "--full-refresh")
    assert segments.figures("dyn", "members") == {
        15: None, 16: 5, **days(6, 17, 23), **days(7, 24, 25), **days(9, 26, 27),
        **days(10, 28, 30),
    }  # fmt: skip
    assert segments.figures("hand", "members") == {
        **days(0, 15, 17), **days(1, 18, 24), **days(2, 25, 30)
    }  # fmt: skip
    assert segments.figures("hand", "joined_members") == {**days(0, 15, 30), 18: 1, 25: 1}
    assert segments.figures("hand", "revenue_cny") == {
        **days(0, 15, 30), 18: 20, 19: 20, 20: 100, 21: 20, 26: 30, 27: 50
    }  # fmt: skip
