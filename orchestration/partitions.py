"""Business days as Dagster partitions, and the half-open window that dbt gets for them."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache

import dagster as dg
import yaml

from orchestration.errors import WarehouseError
from orchestration.schema.partitions import first_of_month
from orchestration.settings import PROJECT_ROOT, TIME_ZONE, Settings

FIRST_DAY = "2024-01-01"
# The tag of a run in which each model looks back as far as it needs to, whatever days it names.
OWN_WINDOWS = "warehouse/own_windows"


def daily_partitions(settings: Settings) -> dg.DailyPartitionsDefinition:
    """One partition a business day, from WAREHOUSE_FIRST_DAY to the running day."""
    return dg.DailyPartitionsDefinition(
        start_date=first_day(settings).isoformat(),
        timezone=TIME_ZONE,
        # The running day can be built too; it is simply incomplete.
        end_offset=1,
    )


def monthly_partitions(settings: Settings) -> dg.MonthlyPartitionsDefinition:
    """One partition a closed month, from that of WAREHOUSE_FIRST_DAY on."""
    first = first_of_month(first_day(settings))
    return dg.MonthlyPartitionsDefinition(start_date=first.isoformat(), timezone=TIME_ZONE)


def first_day(settings: Settings) -> date:
    """The oldest day that can be picked for a backfill."""
    text = settings.environment.get("WAREHOUSE_FIRST_DAY") or FIRST_DAY
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise WarehouseError(
            f"WAREHOUSE_FIRST_DAY {text!r} is not a date.", fix="write it as 2024-01-01."
        ) from None


def window_variables(first: str, last: str) -> dict[str, str]:
    """dbt's vars for the days `first` to `last`, both included: [start_date, end_date)."""
    end = date.fromisoformat(last) + timedelta(days=1)
    return {"start_date": first, "end_date": end.isoformat()}


@cache
def lookback_days() -> int:
    """How many days back late rows may arrive: dbt_project.yml's var, which dbt reads too."""
    project = yaml.safe_load((PROJECT_ROOT / "dbt_project.yml").read_text(encoding="utf-8"))
    return int(project["vars"]["lookback_days"])
