"""The Great Expectations suites as asset checks: one on each relation that a suite looks at."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster as dg

from orchestration.errors import WarehouseError
from orchestration.resources import pool_of
from orchestration.settings import Settings

CHECK = "expectations"
# What each domain's suite looks at. It stands here too because the suites can only be read with
# Great Expectations, which takes six seconds to import; a test holds both against each other.
SUITES: Mapping[str, Sequence[tuple[str, str]]] = {
    "wework": (
        ("wework_platform", "wework_tenant_usage"),
        ("wework_platform", "wework_account_daily"),
        ("wework_platform", "wework_account_status_daily"),
        ("wework_platform", "wework_account_health"),
        ("wework_platform", "v_wework_account_overview"),
        ("warehouse", "fct_messages"),
    ),
}


def build_suite_checks(settings: Settings) -> list[dg.AssetChecksDefinition]:
    """One definition a domain that has a suite and is switched on."""
    return [_checks(settings, domain) for domain in settings.domains if domain in SUITES]


def _checks(settings: Settings, domain: str) -> dg.AssetChecksDefinition:
    specs = [
        dg.AssetCheckSpec(
            CHECK,
            asset=dg.AssetKey(key),
            description=(
                f"The relation's part of the quality suite expectations/{domain}.py: distribution "
                "and plausibility. It shows counts and queries, never values."
            ),
        )
        for key in SUITES[domain]
    ]

    @dg.multi_asset_check(
        name=f"{domain}_expectations", specs=specs, can_subset=True, pool=pool_of(settings)
    )
    def check(
        context: dg.AssetCheckExecutionContext, settings: dg.ResourceParam[Settings]
    ) -> Iterator[dg.AssetCheckResult]:
        keys = sorted(context.selected_asset_check_keys, key=lambda key: key.asset_key.path)
        verdicts = judge(settings, domain)
        for key in keys:
            found = verdicts[key.asset_key.path[1]]
            yield dg.AssetCheckResult(
                check_name=CHECK,
                asset_key=key.asset_key,
                passed=not found["failed"],
                metadata={name: _shown(value) for name, value in found.items()},
            )

    return check


def judge(settings: Settings, domain: str) -> dict[str, dict[str, Any]]:
    """The suite's result for each relation: expectations, failed, failures, all without values.

    A suite that cannot run yet (a relation was not built) is no success of any of its relations.
    """
    from orchestration.validation import run_suite

    try:
        outcomes = run_suite(settings, domain).outcomes
    except WarehouseError as error:
        problem = {"expectations": 0, "failed": 1, "problem": error.message, "fix": error.fix}
        return {name: problem for _, name in SUITES[domain]}
    verdicts: dict[str, dict[str, Any]] = {}
    for _, name in SUITES[domain]:
        own = [outcome for outcome in outcomes if outcome.relation == name]
        failures = [outcome for outcome in own if not outcome.success]
        verdicts[name] = {
            "expectations": len(own),
            "failed": len(failures),
            "failures": [
                {
                    "expectation": outcome.name,
                    "columns": list(outcome.columns),
                    "unexpected_rows": outcome.unexpected_rows,
                    "protects": outcome.protects,
                    "look": outcome.look,
                }
                for outcome in failures
            ],
        }
    return verdicts


def _shown(value: Any) -> Any:
    return dg.MetadataValue.json(value) if isinstance(value, list) else value
