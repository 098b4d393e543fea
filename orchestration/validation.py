"""Hold sources and outputs against the quality suites, and say in numbers what was found.

No row's value leaves this module: counts, sums of many rows, names, pseudonyms of keys, and queries
to look further.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import textwrap
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from expectations.base import Product, Scope
from orchestration import clock, database, suite_history
from orchestration.errors import WarehouseError
from orchestration.gx_session import Outcome, run_suites
from orchestration.schema.record import load_record
from orchestration.settings import DOMAINS, PLATFORM, Settings, one_of

# What the applications wrote, and what was built from it.
KINDS = ("sources", "outputs")


@dataclass(frozen=True)
class SuiteResult:
    """What one suite found, an outcome an expectation, in the suite's order."""

    domain: str
    outcomes: tuple[Outcome, ...]
    kind: str = "outputs"

    @property
    def success(self) -> bool:
        """Whether every expectation holds."""
        return not self.failures

    @property
    def failures(self) -> tuple[Outcome, ...]:
        """The expectations that do not hold."""
        return tuple(outcome for outcome in self.outcomes if not outcome.success)

    @cached_property
    def relations(self) -> tuple[str, ...]:
        """What was checked, by name, each once."""
        return tuple(dict.fromkeys(outcome.relation for outcome in self.outcomes))

    def metadata(self) -> dict[str, Any]:
        """Plain JSON for an asset check: counts and names, no values of the data."""
        return {
            "expectations": len(self.outcomes),
            "failed": len(self.failures),
            "unexpected_rows": sum(outcome.unexpected_rows for outcome in self.failures),
            "relations": list(self.relations),
            "failures": [
                {
                    "expectation": outcome.name,
                    "relation": outcome.relation,
                    "columns": list(outcome.columns),
                    "unexpected_rows": outcome.unexpected_rows,
                    "expected": outcome.expected,
                    "found": [str(finding) for finding in outcome.findings],
                    "protects": outcome.protects,
                    "look": outcome.look,
                }
                for outcome in self.failures
            ],
        }


@dataclass(frozen=True)
class ValidationReport:
    """All suites of one run, and the domains that have none yet."""

    suites: tuple[SuiteResult, ...]
    without_suite: tuple[str, ...]
    seconds: float
    docs_directory: Path | None = None

    @property
    def success(self) -> bool:
        """Whether something was checked and all of it holds."""
        return bool(self.suites) and all(suite.success for suite in self.suites)

    @property
    def total(self) -> int:
        """Expectations checked."""
        return sum(len(suite.outcomes) for suite in self.suites)

    @property
    def passed(self) -> int:
        """Expectations that hold."""
        return self.total - sum(len(suite.failures) for suite in self.suites)

    def summary(self) -> str:
        """What was checked and what failed, with where to look next; for a terminal."""
        lines = []
        for suite in self.suites:
            held = len(suite.outcomes) - len(suite.failures)
            lines.append(
                f"{suite.domain} {suite.kind}: {held} of {len(suite.outcomes)} expectations hold "
                f"over {len(suite.relations)} relations ({', '.join(suite.relations)})"
            )
            for outcome in suite.failures:
                lines += _failure(outcome)
        if self.without_suite:
            lines.append(f"not checked, no suite yet: {', '.join(self.without_suite)}")
        if not self.suites:
            lines.append("nothing was checked")
        if self.docs_directory is not None and self.suites:
            lines.append(f"pages: {self.docs_directory / 'index.html'}")
        verdict = "all expectations hold" if self.success else "not all is well"
        lines.append(f"{verdict} ({self.seconds:.1f} s)")
        return "\n".join(lines)

    def to_json(self) -> str:
        """The same for programs: a suite's numbers and failures as Dagster has them."""
        suites = [{"domain": s.domain, "kind": s.kind, **s.metadata()} for s in self.suites]
        found = {"success": self.success, "expectations": self.total, "passed": self.passed}
        rest = {"suites": suites, "without_suite": self.without_suite, "seconds": self.seconds}
        return json.dumps(found | rest, ensure_ascii=False)


def _failure(outcome: Outcome) -> list[str]:
    why = f"protects against: {outcome.protects}"
    rows = "1 row" if outcome.unexpected_rows == 1 else f"{outcome.unexpected_rows:,} rows"
    where = f"{outcome.relation} ({', '.join(outcome.columns)})"
    return [
        f"  FAILED {outcome.name}: {rows} in {where}",
        f"    expected: {outcome.expected}",
        *(f"    found: {finding}" for finding in outcome.findings),
        *textwrap.wrap(why, 96, initial_indent="    ", subsequent_indent="      "),
        f"    look: {outcome.look}",
    ]


def validate(
    settings: Settings,
    domains: Sequence[str] | None = None,
    docs_directory: Path | None = None,
    progress: Callable[[str], None] = lambda text: None,
    *,
    kinds: Sequence[str] = KINDS,
    relations: Collection[tuple[str, str]] | None = None,
    keep: bool = False,
) -> ValidationReport:
    """Run the suites of `domains` (default: the settings', and the platform's).

    With `keep`, the results go to the history in warehouse_audit as well.
    `relations`, as (database, name), leaves out all others. With `docs_directory`, static pages
    (index.html) are written there. Raises WarehouseError when a relation was not built yet.
    """
    started = time.monotonic()
    domains = (*settings.domains, PLATFORM) if domains is None else tuple(domains)
    scope = scope_of(settings)
    suites: dict[tuple[str, str], list[Product]] = {}
    for domain, kind in ((d, k) for d in domains for k in kinds):
        products = [
            product
            for product in products_of(domain, kind, scope)
            if relations is None or (product.database, product.name) in relations
        ]
        if products:
            suites[domain, kind] = products
    outcomes: dict[str, tuple[Outcome, ...]] = {}
    if suites:
        _require_relations(settings, suites)
        named = {f"{domain} {kind}": products for (domain, kind), products in suites.items()}
        moment = clock.now(settings)
        outcomes = run_suites(settings, named, scope, moment, docs_directory, progress)
    results = tuple(SuiteResult(d, outcomes[f"{d} {kind}"], kind) for d, kind in suites)
    if keep:
        suite_history.record(settings, results)
    return ValidationReport(
        suites=results,
        without_suite=tuple(domain for domain in domains if not has_suite(domain)),
        seconds=time.monotonic() - started,
        docs_directory=docs_directory,
    )


def run_suite(settings: Settings, domain: str, kind: str = "outputs") -> SuiteResult:
    """Run one suite of a domain; WarehouseError when it has none."""
    report = validate(settings, [domain], kinds=[kind])
    if not report.suites:
        raise WarehouseError(
            f"The domain {domain} has no quality suite of its {kind}.",
            fix=f"give expectations/{domain}.py a function {kind}(scope).",
        )
    return report.suites[0]


def suites_named(texts: Sequence[str]) -> list[str]:
    """The suites that options name, comma-separated or one each, in the order of a whole run."""
    names = [name.strip() for name in ",".join(texts).split(",") if name.strip()]
    for name in names or [""]:
        one_of("domain", name, (*DOMAINS, PLATFORM))
    return [domain for domain in (*DOMAINS, PLATFORM) if domain in names]


def has_suite(domain: str) -> bool:
    """Whether `expectations/<domain>.py` exists."""
    return importlib.util.find_spec(f"expectations.{domain}") is not None


def products_of(domain: str, kind: str, scope: Scope) -> list[Product]:
    """The suite's products, in its order; none where the domain has no such suite."""
    if not has_suite(domain):
        return []
    declared = getattr(importlib.import_module(f"expectations.{domain}"), kind, None)
    return declared(scope) if declared else []


def scope_of(settings: Settings) -> Scope:
    """Now and here."""
    quote = database.connect_engine(settings).dialect.identifier_preparer.quote

    def relation(database_name: str, name: str) -> str:
        return f"{quote(database.database_name(settings, database_name))}.{quote(name)}"

    record = load_record(settings.domains)
    open_columns = {
        (table.database, table.name): [
            quote(column.name)
            for column in table.stored_columns
            if column.classification != "secret"
        ]
        for table in record
        if any(column.classification == "secret" for column in table.stored_columns)
    }
    return Scope(
        clock.now(settings),
        relation,
        settings.is_mysql,
        frozenset(clock.odd_days()),
        settings.domains,
        open_columns,
    )


def _require_relations(settings: Settings, suites: dict[tuple[str, str], list[Product]]) -> None:
    if not settings.is_mysql and not settings.duckdb_path.exists():
        raise WarehouseError(
            f"There is no warehouse at {settings.duckdb_path} yet.",
            fix="run `make demo`, or `warehouse deploy`, load data and `dbt build`.",
        )
    query = sa.text(
        "select table_schema, table_name from information_schema.tables "
        "where table_schema in :schemas"
    ).bindparams(sa.bindparam("schemas", expanding=True))
    wanted = {
        (database.database_name(settings, product.database), product.name): suite
        for suite, products in suites.items()
        for product in products
    }
    with database.connect(settings, read_only=True) as connection:
        rows = connection.execute(query, {"schemas": sorted({schema for schema, _ in wanted})})
        there = {(row[0], row[1]) for row in rows}
    missing = [key for key in wanted if key not in there]
    if missing:
        names = ", ".join(".".join(key) for key in missing)
        domain, kind = wanted[missing[0]]
        how = f"dbt build -s {domain}" if kind == "outputs" else f"warehouse deploy -d {domain}"
        raise WarehouseError(f"Not there yet: {names}.", fix=f"run `{how}`.")
