"""Hold what was built against the quality suites, and say in numbers what was found.

No value of the data leaves this module: counts of rows, names, and queries to look further.
"""

from __future__ import annotations

import importlib
import importlib.util
import textwrap
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from orchestration import clock, database
from orchestration.errors import WarehouseError
from orchestration.gx_session import Outcome, quiet_import, run_suites
from orchestration.settings import Settings

if TYPE_CHECKING:
    from expectations.base import Product, Scope


@dataclass(frozen=True)
class SuiteResult:
    """What one domain's suite found, an outcome an expectation, in the suite's order."""

    domain: str
    outcomes: tuple[Outcome, ...]

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
                f"{suite.domain}: {held} of {len(suite.outcomes)} expectations hold over "
                f"{len(suite.relations)} relations ({', '.join(suite.relations)})"
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


def _failure(outcome: Outcome) -> list[str]:
    why = f"protects against: {outcome.protects}"
    rows = "1 row" if outcome.unexpected_rows == 1 else f"{outcome.unexpected_rows:,} rows"
    where = f"{outcome.relation} ({', '.join(outcome.columns)})"
    return [
        f"  FAILED {outcome.name}: {rows} in {where}",
        *textwrap.wrap(why, 96, initial_indent="    ", subsequent_indent="      "),
        f"    look: {outcome.look}",
    ]


def validate(
    settings: Settings,
    domains: Sequence[str] | None = None,
    docs_directory: Path | None = None,
    progress: Callable[[str], None] = lambda text: None,
) -> ValidationReport:
    """Run the suites of `domains` (default: the settings') against the chosen engine.

    With `docs_directory`, static pages (index.html) are written there. Raises WarehouseError when a
    relation was not built yet, or when a domain is switched off.
    """
    started = time.monotonic()
    domains = tuple(settings.domains if domains is None else domains)
    chosen = tuple(domain for domain in domains if has_suite(domain))
    outcomes: dict[str, tuple[Outcome, ...]] = {}
    if chosen:
        scope = _scope(settings)
        suites = {domain: _products(domain, scope) for domain in chosen}
        _require_relations(settings, suites)
        moment = clock.now(settings)
        outcomes = run_suites(settings, suites, scope, moment, docs_directory, progress)
    return ValidationReport(
        suites=tuple(SuiteResult(domain, found) for domain, found in outcomes.items()),
        without_suite=tuple(domain for domain in domains if domain not in chosen),
        seconds=time.monotonic() - started,
        docs_directory=docs_directory,
    )


def run_suite(settings: Settings, domain: str) -> SuiteResult:
    """Run one domain's suite, for its asset check; WarehouseError when it has none."""
    report = validate(settings, [domain])
    if not report.suites:
        raise WarehouseError(
            f"The domain {domain} has no quality suite.", fix=f"write expectations/{domain}.py."
        )
    return report.suites[0]


def has_suite(domain: str) -> bool:
    """Whether `expectations/<domain>.py` exists; imports nothing heavy."""
    return importlib.util.find_spec(f"expectations.{domain}") is not None


def _products(domain: str, scope: Scope) -> list[Product]:
    return importlib.import_module(f"expectations.{domain}").outputs(scope)


def _scope(settings: Settings) -> Scope:
    quiet_import()
    from expectations.base import Scope

    quote = database.connect_engine(settings).dialect.identifier_preparer.quote

    def relation(database_name: str, name: str) -> str:
        return f"{quote(database.database_name(settings, database_name))}.{quote(name)}"

    return Scope(clock.today(settings), relation)


def _require_relations(settings: Settings, suites: dict[str, list[Product]]) -> None:
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
        (database.database_name(settings, product.database), product.name): domain
        for domain, products in suites.items()
        for product in products
    }
    with database.connect(settings, read_only=True) as connection:
        rows = connection.execute(query, {"schemas": sorted({schema for schema, _ in wanted})})
        there = {(row[0], row[1]) for row in rows}
    missing = [key for key in wanted if key not in there]
    if missing:
        names = ", ".join(".".join(key) for key in missing)
        raise WarehouseError(
            f"Not built yet: {names}.", fix=f"run `dbt build -s {wanted[missing[0]]}`."
        )
