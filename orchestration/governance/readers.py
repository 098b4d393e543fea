"""Who reads what dbt builds, for the lineage: pages, the cookbook, suites, write-backs, exposures.

All of it is had without a server: the pages' queries by asking them with nothing to answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
import yaml

from orchestration import clock, database
from orchestration.findings import SHOWN
from orchestration.governance.lineage import Lineage, Origin
from orchestration.operations.write_back import WRITE_BACKS, WriteBack
from orchestration.reports import overview
from orchestration.reports.queries import Marts, Row
from orchestration.schema.record import load_record
from orchestration.settings import DATABASES, PLATFORM, PROJECT_ROOT, Settings
from orchestration.validation import KINDS, products_of, scope_of

COOKBOOK = PROJECT_ROOT / "docs" / "cookbook.md"
QUESTION = re.compile(r"^### (\d+)\. .*?^```sql\n(.*?)^```", re.DOTALL | re.MULTILINE)
FINDING = "finding"
# Health figures of released patients that are told to readers: of whom, what, and why they may be.
TOLD: tuple[tuple[str, str, str], ...] = (
    (
        r"report\.health \d+\.(systolic_pressure|diastolic_pressure|heart_rate)_sum",
        "phi",
        "a mean over an age band of five patients or more",
    ),
    (
        r"(report\.health \d+|cookbook\.question 17)\.alert_level",
        "phi",
        "a word, and how many alerts of all patients have it",
    ),
    (
        r"finding\.signs_mean_\w+_is_steady\.(expected|got)",
        "phi",
        "a mean over all readings of days",
    ),
)


@dataclass(frozen=True)
class Reader:
    """A query and who asks it."""

    who: str
    name: str
    sql: str


def readers(settings: Settings) -> Iterator[Reader]:
    """All of them, on the settings' engine."""
    yield from pages(settings)
    yield from cookbook(settings)
    yield from findings(settings)
    # Python computes from all of it what goes to ab_test_results.
    arms = f"{database.database_name(settings, 'warehouse')}.ab_test_arms"
    yield Reader("ab_test_results", "arms", f"select * from {arms}")


def judged(lineage: Lineage, reader: Reader) -> Iterator[tuple[Origin, bool]]:
    """What arrives at a reader, and whether it may: where TOLD says so, and behind a pseudonym."""
    for column, origins in lineage.add(reader.who, reader.name, reader.sql).items():
        for origin in sorted(origins):
            hidden = reader.who == FINDING and _is_hidden(column, origin)
            yield origin, hidden or bool(_reason(origin))


def _reason(origin: Origin) -> str:
    return next(
        (
            reason
            for place, kind, reason in TOLD
            if kind == origin.classification and re.fullmatch(place, origin.path[-1])
        ),
        "",
    )


def _is_hidden(column: str, origin: Origin) -> bool:
    """Keys are shown as pseudonyms, unless they are days; tenants only where they are tenants."""
    if column in ("day", "expected", "got", "damaged_rows") or origin.classification == "secret":
        return False
    table, name = origin.source.split(".")[-2:]
    return column == "tenant_id" or load_record().table(table).column(name).base_type != "date"


# --- pages ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Unanswered(Marts):
    """Takes down what is asked, and finds nothing."""

    asked: list[Any] = field(default_factory=list)

    def rows(self, relation: str, by: Any, measures: Any, *args: Any, **more: Any) -> list[Row]:
        super().rows(relation, by, measures, *args, **more)
        return [] if by else [(0,) * len(measures)]  # sums of nothing are a row too

    def ask(self, query: sa.Select[Any]) -> list[Row]:
        self.asked.append(query)
        return []


def pages(settings: Settings) -> Iterator[Reader]:
    """What the overview pages ask, for all tenants and for one."""
    last = (clock.now(settings) + timedelta(seconds=1)).date() - overview.DAY
    for tenant in (None, "t"):
        for page, (tiles, panels) in overview.PAGES.items():
            marts = _Unanswered(None, settings, tenant)  # type: ignore[arg-type]
            list(overview._tiles(marts, tiles, last))
            for panel in panels:
                panel(marts, last)
            for number, query in enumerate(marts.asked, start=1):
                yield Reader("report", f"{page} {number}", _text(settings, query))


def _text(settings: Settings, query: sa.Select[Any]) -> str:
    dialect = database.connect_engine(settings).dialect
    return str(query.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))


# --- the cookbook --------------------------------------------------------------------------------


def cookbook(settings: Settings) -> Iterator[Reader]:
    """The statements of docs/cookbook.md."""
    names = re.compile(rf"\b({'|'.join(('warehouse', *DATABASES.values()))})\.")
    for number, sql in QUESTION.findall(COOKBOOK.read_text(encoding="utf-8")):
        prefixed = names.sub(lambda m: f"{database.database_name(settings, m[1])}.", sql)
        yield Reader("cookbook", f"question {number}", prefixed)


# --- suites --------------------------------------------------------------------------------------


def findings(settings: Settings) -> Iterator[Reader]:
    """What a failing expectation may show of the rows; rules of a product all show the same."""
    scope = scope_of(settings)
    for domain in (*settings.domains, PLATFORM):
        for kind in KINDS:
            for product in products_of(domain, kind, scope):
                rules = [e for e in product.expectations if e.damage]
                queries = [e for e in product.expectations if not e.damage]
                for expectation in [*rules[:1], *queries]:
                    sample = product.sample(scope, expectation, SHOWN)
                    yield Reader(FINDING, expectation.name, sample)


# --- what needs no query -------------------------------------------------------------------------


def written_back(
    lineage: Lineage, write_backs: Mapping[str, WriteBack] = WRITE_BACKS
) -> Iterator[tuple[Origin, bool]]:
    """Figures that go into the applications' rows: into a column of their class, if of any."""
    for name, this in write_backs.items():
        arrived = lineage.arrived(this.model)
        target = load_record().table(this.table)
        for of, to in this.pairs:
            for origin in sorted(arrived[of]):
                step = f"{name}: {target.database}.{target.name}.{to}"
                allowed = target.column(to).classification == origin.classification
                yield Origin(origin.classification, (*origin.path, step)), allowed


def exposed(lineage: Lineage) -> Iterator[tuple[Origin, bool]]:
    """What the project's exposures read."""
    for file in sorted((PROJECT_ROOT / "models").rglob("_*exposures.yml")):
        for exposure in yaml.safe_load(file.read_text(encoding="utf-8"))["exposures"]:
            yield from exposed_by(lineage, exposure)


def exposed_by(lineage: Lineage, exposure: Mapping[str, Any]) -> Iterator[tuple[Origin, bool]]:
    """What one reads: only the applications themselves may show who somebody is."""
    for read in exposure["depends_on"]:
        arrived = lineage.arrived(re.sub(r"^\w+\(.*'(\w+)'\)$", r"\1", read))
        for origin in sorted(o for origins in arrived.values() for o in origins):
            path = (*origin.path, f"exposure {exposure['name']}")
            allowed = origin.classification == "phi" or exposure["type"] == "application"
            yield Origin(origin.classification, path), allowed
