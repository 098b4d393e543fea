"""The quality suites as asset checks: one on each relation that a suite looks at.

Those on what a write-back reads block it: figures that do not hold stay out of the applications.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import dagster as dg

from orchestration.errors import WarehouseError
from orchestration.operations.write_back import WRITE_BACKS
from orchestration.resources import pool_of
from orchestration.settings import PLATFORM, Settings
from orchestration.suite_history import trend
from orchestration.validation import KINDS, SuiteResult, products_of, scope_of, validate

CHECK = "expectations"
Relation = tuple[str, str]


def build_suite_checks(settings: Settings) -> list[dg.AssetChecksDefinition]:
    """One definition a suite, of the domains that are switched on and of the platform."""
    found = []
    for domain in (*settings.domains, PLATFORM):
        for kind in KINDS:
            if relations := suite_relations(settings, domain, kind):
                found.append(_checks(settings, domain, kind, relations))
    return found


def suite_relations(settings: Settings, domain: str, kind: str) -> list[Relation]:
    """What the suite looks at, as (database, name)."""
    return [(p.database, p.name) for p in products_of(domain, kind, scope_of(settings))]


def is_written_back(relation: Relation) -> bool:
    """Whether figures go from there into the applications' own rows."""
    return any(this.model == relation[1] for this in WRITE_BACKS.values())


def _checks(
    settings: Settings, domain: str, kind: str, relations: Sequence[Relation]
) -> dg.AssetChecksDefinition:
    specs = [
        dg.AssetCheckSpec(
            CHECK,
            asset=dg.AssetKey(relation),
            blocking=is_written_back(relation),
            description=(
                f"The relation's part of the suite {kind} in expectations/{domain}.py: "
                "distribution and plausibility. It shows counts and queries, never a row's values."
            ),
        )
        for relation in relations
    ]

    @dg.multi_asset_check(
        name=f"{domain}_{kind}_expectations", specs=specs, can_subset=True, pool=pool_of(settings)
    )
    def check(
        context: dg.AssetCheckExecutionContext, settings: dg.ResourceParam[Settings]
    ) -> Iterator[dg.AssetCheckResult]:
        keys = sorted(key.asset_key.path for key in context.selected_asset_check_keys)
        wanted = [(path[0], path[1]) for path in keys]
        verdicts = judge(judged_at(settings, kind), domain, kind, wanted)
        for relation in wanted:
            found = verdicts[relation]
            yield dg.AssetCheckResult(
                check_name=CHECK,
                asset_key=dg.AssetKey(relation),
                passed=not found["failed"],
                metadata={name: _shown(value) for name, value in found.items()},
            )

    return check


def judged_at(settings: Settings, kind: str) -> Settings:
    """Where the suites look: at the applications' own tables, and at what was built wherever."""
    return settings.reading if kind == "outputs" else replace(settings, engine="")


def judge(
    settings: Settings, domain: str, kind: str, relations: Sequence[Relation]
) -> Mapping[Relation, Mapping[str, Any]]:
    """What the suite says of each relation: expectations, failed, failures, without values.

    A suite that cannot run yet (a relation was not built) is no success of any of them.
    """
    try:
        [suite] = validate(settings, [domain], kinds=[kind], relations=relations, keep=True).suites
    except WarehouseError as error:
        problem = {"expectations": 0, "failed": 1, "problem": error.message, "fix": error.fix}
        return dict.fromkeys(relations, problem)
    verdicts = {}
    for relation in relations:
        own = tuple(o for o in suite.outcomes if (o.database, o.relation) == relation)
        verdicts[relation] = {
            **(told := SuiteResult(domain, own, kind).metadata()),
            **({"what_failed": _in_words(told["failures"])} if told["failures"] else {}),
            "latest_runs": trend(settings, *relation),
        }
    return verdicts


def _in_words(failures: Sequence[Mapping[str, Any]]) -> str:
    """For who opens the check: what failed and why it matters; queries stand in `failures`."""
    return " ".join(
        f"{each['expectation']}: {each['protects']} Expected {each['expected']}; found "
        f"{'; '.join(each['found']) or each['unexpected_rows']}."
        for each in failures
    )


def _shown(value: Any) -> Any:
    return dg.MetadataValue.json(value) if isinstance(value, list) else value
