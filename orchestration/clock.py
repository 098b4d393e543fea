"""The one clock of the Python side: business wall clock, pinned by `as_of`."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

from orchestration.settings import TIME_ZONE, Settings


def now(settings: Settings) -> datetime:
    """`as_of` if it is set, else this moment in the business zone; naive, whole seconds."""
    if settings.as_of is not None:
        return settings.as_of
    return datetime.now(ZoneInfo(TIME_ZONE)).replace(tzinfo=None, microsecond=0)


def today(settings: Settings) -> date:
    """The business day that `now` falls in."""
    return now(settings).date()
