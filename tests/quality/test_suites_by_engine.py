"""The suites as `warehouse validate` asks them, on both engines: verdicts, figures, and plans.

Other data than the demo's is in test_clean_data.py.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

import pytest
import sqlalchemy as sa
from commands import run
from fault_replay import copy_of
from warehouses import AS_OF, ENGINES, Demo

from expectations.base import HISTORY_DAYS, Expectation, Product, Scope
from orchestration import database
from orchestration.schema.record import load_record
from orchestration.settings import DOMAINS, PLATFORM, Settings
from orchestration.validation import KINDS, ValidationReport, products_of, scope_of, validate

# What a daily check may read whole, and how many rows of a larger relation the demo has.
LARGE = 1_000_000
LARGE_IN_DEMO = LARGE * 0.005
# The months of a suite's window, and those to come, into which clocks run ahead.
FIRST_MONTH = f"{AS_OF - timedelta(days=HISTORY_DAYS):p%Y%m}"
RECORD = {table.name: table for table in load_record()}

# What was asked, and each statement that was sent for it, with its parameters.
Asked = Callable[[str], tuple[ValidationReport, dict[str, Any]]]


def _products(scope: Scope) -> Iterator[Product]:
    for domain, kind in ((d, k) for d in (*DOMAINS, PLATFORM) for k in KINDS):
        yield from products_of(domain, kind, scope)


@pytest.fixture(scope="module")
def asked(demo: Demo) -> Asked:
    """What a validation of everything says on an engine, and the statements it sent; once each."""

    @lru_cache
    def ask(engine: str) -> tuple[ValidationReport, dict[str, Any]]:
        sent: dict[str, Any] = {}

        def remember(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
            sent[statement] = parameters

        sa.event.listen(sa.Engine, "before_cursor_execute", remember)
        try:
            return validate(demo.on(engine)), sent
        finally:
            sa.event.remove(sa.Engine, "before_cursor_execute", remember)

    return ask


@pytest.mark.parametrize("engine", [pytest.param("embedded", marks=pytest.mark.slow), *ENGINES[1:]])
def test_clean_data_raises_no_alarm(asked: Asked, engine: str) -> None:
    report, _ = asked(engine)
    assert report.success, report.summary()
    assert report.total > 700


@pytest.mark.parametrize("engine", ENGINES)
def test_the_platform_alone(demo: Demo, engine: str, tmp_path_factory: Any) -> None:
    settings = demo.on(engine)
    if not settings.is_mysql:  # the history is written
        settings = copy_of(settings, tmp_path_factory.mktemp("platform"))
    outcome = run(settings, "validate", "-d", PLATFORM)
    assert outcome.code == 0, outcome.text
    first, *others = outcome.out.splitlines()
    assert re.match(r"platform outputs: (\d+) of \1 expectations hold over 3 relations", first)
    assert [line for line in others if "expectations hold over" in line] == []
    assert "tokens_are_those_billed" in {
        expectation.name
        for product in products_of(PLATFORM, "outputs", scope_of(settings))
        for expectation in product.expectations
    }


# --- plans ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def large(demo: Demo) -> set[str]:
    """Relations that are partitioned, or of a million rows and more where they are grown up."""
    scope = scope_of(demo.on("embedded"))
    found = {t.name for t in RECORD.values() if t.partition_by_month or t.rows_expected >= LARGE}
    for product in _products(scope):
        if product.name not in RECORD:
            query = f"select count(*) from {scope.relation(product.database, product.name)}"
            [(rows,)] = demo.query("embedded", query)
            found |= {product.name} if rows >= LARGE_IN_DEMO else set()
    return found


def read_whole(
    connection: sa.Connection, statement: str, parameters: Any, large: set[str]
) -> list[str]:
    """The large relations of which MySQL reads all for the statement, as its plan says."""
    explain = f"explain format = traditional {statement}"
    plan = connection.exec_driver_sql(explain, parameters).mappings().all()
    # The plan names aliases; the note behind it is the statement with whole names.
    told = " ".join(row[2] for row in connection.exec_driver_sql("show warnings"))
    names: dict[str, set[str]] = {}
    for name, alias in re.findall(r"`\w+`\.`(\w+)`(?!\.`)(?: `(\w+)`)?", told):
        names.setdefault(alias or name, set()).add(name)
    wrong = []
    for step in ({name.lower(): value for name, value in row.items()} for row in plan):
        for name in names.get(step["table"], {step["table"]}) & large:
            if months := step["partitions"]:
                is_whole = min(months.split(",")) < FIRST_MONTH
            else:
                is_whole = not step["possible_keys"]
            if is_whole:
                wrong.append(f"{name} ({months or step['type']})")
    return wrong


@pytest.mark.mysql
def test_no_large_relation_is_read_whole(asked: Asked, demo: Demo, large: set[str]) -> None:
    assert large >= {"wework_message_records", "service_capacity_logs", "fct_vital_signs"}
    _, sent = asked("mysql")
    mentions = re.compile("|".join(rf"\b{name}\b" for name in sorted(large)))
    wrong, explained = {}, 0
    with database.connect(demo.on("mysql")) as connection:
        for statement, parameters in sent.items():
            is_query = statement.lstrip().lower().startswith(("select", "with"))
            if is_query and mentions.search(statement):
                explained += 1
                if found := read_whole(connection, statement, parameters, large):
                    wrong[statement[:300]] = found
    assert explained > 200
    assert wrong == {}


# --- equality ------------------------------------------------------------------------------------


def _plain(value: Any) -> Any:
    """A driver's value as both have it."""
    if isinstance(value, int | float | Decimal):
        return round(float(value), 3)
    return value if value is None else str(value)


def _found(connection: sa.Connection, scope: Scope, product: Product) -> dict[str, Any]:
    """By expectation: of a rule how often it is broken, kept or not asked; of a query its rows."""
    rules: list[Expectation] = [e for e in product.expectations if e.damage]
    ways = ("{} then 1 else 0", "{} then 0 else 1", "not ({}) then 1 else 0")
    counts = "".join(f", sum(case when {way.format(e.damage)} end)" for e in rules for way in ways)
    found: dict[str, Any] = {}
    if rules:
        relation = scope.relation(product.database, product.name)
        query = f"select count(*){counts} from {relation} as checked_rows where {product.where}"
        _, *numbers = connection.exec_driver_sql(query.replace("%", "%%")).one()
        for number, each in enumerate(rules):
            found[each.name] = [int(n or 0) for n in numbers[3 * number : 3 * number + 3]]
    for each in product.expectations:
        if each.query:
            look = product.look(scope, each).replace("%", "%%")
            rows = connection.exec_driver_sql(look).all()
            found[each.name] = Counter(tuple(_plain(value) for value in row) for row in rows)
    return found


def all_found(settings: Settings) -> dict[str, Any]:
    """Of all expectations, as of three days later: by then much is missing."""
    late = replace(settings, as_of=AS_OF + timedelta(days=3))
    scope = scope_of(late)
    with database.connect(settings, read_only=True) as connection:
        return {
            name: found
            for product in _products(scope)
            for name, found in _found(connection, scope, product).items()
        }


@pytest.mark.mysql
def test_both_engines_find_the_same(demo: Demo) -> None:
    ours, theirs = (all_found(demo.on(engine)) for engine in ("embedded", "mysql"))
    different = {
        name: (found, theirs[name]) for name, found in ours.items() if found != theirs[name]
    }
    assert different == {}
    assert sum(bool(found) for found in ours.values() if isinstance(found, Counter)) > 50
