"""The one clock of the Python side: business wall clock, pinned by `as_of`."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from datetime import date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from orchestration.settings import PROJECT_ROOT, TIME_ZONE, Settings


def now(settings: Settings) -> datetime:
    """`as_of` if it is set, else this moment in the business zone; naive, whole seconds."""
    if settings.as_of is not None:
        return settings.as_of
    return datetime.now(ZoneInfo(TIME_ZONE)).replace(tzinfo=None, microsecond=0)


def today(settings: Settings) -> date:
    """The business day that `now` falls in."""
    return now(settings).date()


@lru_cache(maxsize=1)
def odd_days() -> Mapping[date, str]:
    """Festivals (`holiday`), and the weekend days that make up for them (`workday`)."""
    file = PROJECT_ROOT / "seeds" / "chinese_holidays.csv"
    with file.open(encoding="utf-8", newline="") as rows:
        return {date.fromisoformat(r["calendar_date"]): r["day_type"] for r in csv.DictReader(rows)}
