"""Downstream follows upstream: what is built again when what it reads was built by another run.

On purpose not everything. Daily tables are built by schedules and by the late-data sensor, which
know their days; views have nothing to follow with; what a schedule builds every few minutes keeps
to that. Left are write-backs, which cost little and follow at once, and other tables, which follow
at most once in each stretch between the ticks of a cron.
"""

from __future__ import annotations

from collections.abc import Collection

import dagster as dg
from dagster import DefaultSensorStatus

from orchestration.settings import TIME_ZONE

FOLLOWS = "downstream_follows"
# Rollups of accounts are built every hour, and nobody reads all that depends on them every hour.
CRON = "30 */6 * * *"
SENSOR_SECONDS = 120

_DUE = (
    dg.AutomationCondition.any_deps_updated().since_last_handled()
    & ~dg.AutomationCondition.any_deps_in_progress()
    & ~dg.AutomationCondition.in_progress()
)
_SOUND = ~dg.AutomationCondition.any_deps_match(
    dg.AutomationCondition.any_checks_match(
        dg.AutomationCondition.check_failed(), blocking_only=True
    )
)
AT_ONCE = (_DUE & _SOUND).with_label("follows at once, unless a blocking check failed")
BY_CRON = (
    _DUE & dg.AutomationCondition.cron_tick_passed(CRON, TIME_ZONE).since_last_handled()
).with_label(f"follows, once between ticks of {CRON}")
FOLLOWING_KINDS = ("table", "window", "keyed_window")


def following(
    models: dg.AssetsDefinition, scheduled: Collection[dg.AssetKey]
) -> dg.AssetsDefinition:
    """The models, those that follow with their condition; `scheduled` ones have schedules."""

    def told(spec: dg.AssetSpec) -> dg.AssetSpec:
        follows = (
            spec.partitions_def is None
            and bool(spec.kinds & set(FOLLOWING_KINDS))
            and spec.key not in scheduled
        )
        return spec.replace_attributes(automation_condition=BY_CRON) if follows else spec

    return models.map_asset_specs(told)


def build_following_sensor(status: DefaultSensorStatus) -> dg.AutomationConditionSensorDefinition:
    """What looks at the conditions of assets and asks for runs."""
    return dg.AutomationConditionSensorDefinition(
        FOLLOWS,
        target=dg.AssetSelection.all(),
        default_status=status,
        minimum_interval_seconds=SENSOR_SECONDS,
        description=(
            "Builds tables and write-backs again when what they read was built by another "
            f"run: write-backs at once, the others once between the ticks of {CRON}."
        ),
    )
