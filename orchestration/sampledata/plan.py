"""What to generate: scale, seed, the span of history, and how many rows each table gets."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from orchestration.errors import WarehouseError
from orchestration.schema.record import load_record
from orchestration.settings import one_of

SCALES = ("demo", "small", "bench")
CHUNK_ROWS = 250_000

# Share of the record's rows_expected, measured so that the 79 tables add up to about 300 k, 3 M and
# 21 M rows; days of history beside it. Small tables are lifted by `_least`, whatever the scale.
_FACTOR = {"demo": 0.0051, "small": 0.0525, "bench": 0.36}
_DAYS = {"demo": 122, "small": 275, "bench": 396}
# Tables whose size decides how everything else spreads, so that no tenant or account is a lone row.
_EXACT = {
    "saas_tenants": {"demo": 24, "small": 60, "bench": 360},
    "saas_tenant_quotas": {"demo": 24, "small": 60, "bench": 360},
    "wework_accounts": {"demo": 72, "small": 240, "bench": 600},
    "saas_users": {"demo": 320},
    "customers": {"demo": 1500},
    "health_patients": {"demo": 240},
    "wework_contacts": {"demo": 2000},
}


@dataclass(frozen=True)
class Plan:
    """One run's arguments. Same plan, same bytes.

    `end` is the last second of the end date, `start` the first second of the event history
    (tenants, users and customers may be older); both are business wall clock.
    """

    scale: str
    seed: int
    end: datetime
    start: datetime

    @property
    def end_date(self) -> date:
        """The last day that has rows."""
        return self.end.date()

    def rows(self, table: str) -> int:
        """How many rows `table` should get: rows_expected × the scale's factor, within reason."""
        exact = _EXACT.get(table, {}).get(self.scale)
        if exact is not None:
            return exact
        expected = load_record().table(table).rows_expected
        return max(_least(expected), round(expected * _FACTOR[self.scale]))

    def since(self, table: str) -> datetime:
        """First instant at which `table` may hold rows: `start`, or later by its retention."""
        retention = load_record().table(table).retention
        if retention is None:
            return self.start
        return max(self.start, _months_before(self.end, retention.months) + timedelta(seconds=1))

    def chunks(self, rows: int, size: int = CHUNK_ROWS) -> Iterator[slice]:
        """Slices that cover `rows` in order, `size` at a time (none for 0 rows)."""
        for low in range(0, rows, size):
            yield slice(low, min(low + size, rows))


def make_plan(scale: str, seed: int, end_date: str | date) -> Plan:
    """Check the arguments; WarehouseError names the one that is wrong."""
    one_of("scale", scale, SCALES)
    if not 0 <= seed < 2**63:
        raise WarehouseError(f"Seed {seed} is out of range.", fix="give a number from 0 to 2^63-1.")
    if isinstance(end_date, str):
        try:
            end_date = date.fromisoformat(end_date)
        except ValueError:
            raise WarehouseError(
                f"End date {end_date!r} is not a date.", fix="write it as 2026-06-30."
            ) from None
    # MySQL's timestamp type ends in January 2038; history reaches back a few years.
    if not date(2015, 1, 1) <= end_date <= date(2037, 11, 30):
        raise WarehouseError(
            f"End date {end_date} is outside what a MySQL timestamp and the history allow.",
            fix="choose a day from 2015-01-01 to 2037-11-30.",
        )
    end = datetime.combine(end_date, time(23, 59, 59))
    start = datetime.combine(end_date - timedelta(days=_DAYS[scale] - 1), time())
    return Plan(scale, seed, end, start)


def _least(expected: int) -> int:
    """2 √expected: enough rows that joins and groupings of small tables mean something."""
    return min(expected, round(2 * math.sqrt(expected)))


def _months_before(moment: datetime, months: int) -> datetime:
    index = moment.year * 12 + moment.month - 1 - months
    year, month = divmod(index, 12)
    first = date(year, month + 1, 1)
    last_day = (date(year + (month == 11), (month + 1) % 12 + 1, 1) - timedelta(days=1)).day
    return datetime.combine(first.replace(day=min(moment.day, last_day)), moment.time())
