"""What a validation's report says, and what it says without a warehouse."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import yaml

from expectations.base import REBUILT_DAYS, Expectation, Product
from orchestration import clock, validation
from orchestration.demo import until_the_demo_ends
from orchestration.errors import WarehouseError
from orchestration.gx_session import Outcome
from orchestration.settings import (
    DATABASES,
    DOMAINS,
    PLATFORM,
    PROJECT_ROOT,
    Settings,
    load_settings,
)
from orchestration.validation import SuiteResult, ValidationReport


def outcome(name: str, rows: int = 0) -> Outcome:
    return Outcome(
        name=name,
        relation="wework_tenant_usage",
        columns=("sent_messages",),
        protects="A lost day.",
        success=rows == 0,
        unexpected_rows=rows,
        look=f"select 1 from {name}",
    )


def test_summary_names_what_failed_and_where_to_look() -> None:
    suite = SuiteResult("wework", (outcome("first"), outcome("second", 1234)))
    text = ValidationReport((suite,), ("core", "ai"), 2.0, Path("docs/quality")).summary()
    assert "wework outputs: 1 of 2 expectations hold over 1 relations" in text
    assert "FAILED second: 1,234 rows in wework_tenant_usage (sent_messages)" in text
    assert "protects against: A lost day." in text
    assert "look: select 1 from second" in text
    assert "first" not in text
    assert "not checked, no suite yet: core, ai" in text
    assert "docs/quality/index.html" in text


def test_success_needs_a_suite_and_no_failure() -> None:
    clean, broken = (SuiteResult("wework", (outcome("first", rows),)) for rows in (0, 1))
    assert ValidationReport((clean,), (), 1.0).success
    assert not ValidationReport((clean, broken), (), 1.0).success
    nothing = ValidationReport((), ("core",), 1.0)
    assert not nothing.success
    assert "nothing was checked" in nothing.summary()


def test_domains_without_suite_are_named_without_touching_the_warehouse(
    embedded_settings: Settings,
) -> None:
    report = validation.validate(embedded_settings, ["logistics"])
    assert report.without_suite == ("logistics",)
    assert not embedded_settings.duckdb_path.exists()
    with pytest.raises(WarehouseError, match="logistics has no quality suite"):
        validation.run_suite(embedded_settings, "logistics")


def test_no_warehouse_yet(embedded_settings: Settings) -> None:
    with pytest.raises(WarehouseError, match="no warehouse at") as error:
        validation.run_suite(embedded_settings, "wework")
    assert "make demo" in error.value.fix


def test_reading_the_suites_leaves_great_expectations_alone() -> None:
    code = (
        "import sys, orchestration.checks as c; from orchestration.settings import load_settings; "
        "assert c.suite_relations(load_settings(), 'wework', 'outputs'); "
        "sys.exit('great_expectations' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=PROJECT_ROOT).returncode == 0


def declared(settings: Settings) -> Iterator[tuple[str, Product, Expectation]]:
    """All expectations of all suites."""
    scope = validation.scope_of(settings)
    for domain in (*DOMAINS, PLATFORM):
        for kind in validation.KINDS:
            for product in validation.products_of(domain, kind, scope):
                yield from ((domain, product, e) for e in product.expectations)


def test_each_expectation_says_what_it_protects_and_is_the_same_again(
    embedded_settings: Settings,
) -> None:
    settings = dataclasses.replace(embedded_settings, as_of=datetime(2026, 6, 30))
    first, second = list(declared(settings)), list(declared(settings))
    scope = validation.scope_of(settings)
    assert [(p.batch(scope), e) for _, p, e in first] == [(p.batch(scope), e) for _, p, e in second]
    names = [e.name for _, _, e in first]
    assert sorted(names) == sorted(set(names))
    for _, _, e in first:
        assert e.protects.endswith(".") and len(e.protects) > 12, e.name
        assert e.expected and not e.expected.endswith("."), e.name
        assert len(e.name) <= 64, f"{e.name} is too long for a column of MySQL"


def test_a_relation_stands_in_one_suite(embedded_settings: Settings) -> None:
    scope = validation.scope_of(embedded_settings)
    listed = [
        (product.database, product.name)
        for domain in (*DOMAINS, PLATFORM)
        for kind in validation.KINDS
        for product in validation.products_of(domain, kind, scope)
    ]
    assert sorted(listed) == sorted(set(listed))


def test_the_prefix_stands_before_every_database(embedded_settings: Settings) -> None:
    settings = dataclasses.replace(embedded_settings, database_prefix="t9_")
    scope = validation.scope_of(settings)
    for _, product, expectation in declared(settings):
        look = product.look(scope, expectation)
        for name in (*DATABASES.values(), "warehouse"):
            assert not re.search(rf"(?<!t9_)\b{name}\.", look), expectation.name


def test_days_rebuilt_agree_with_dbt() -> None:
    project = yaml.safe_load((PROJECT_ROOT / "dbt_project.yml").read_text(encoding="utf-8"))
    assert project["vars"]["lookback_days"] == REBUILT_DAYS


def test_right_after_a_demo_its_clock_is_taken(tmp_path: Path) -> None:
    settings = load_settings({"WAREHOUSE_LOCAL_DIR": str(tmp_path)})
    stamp = tmp_path / "demo-embedded.json"
    assert until_the_demo_ends(settings) == settings, "there was no demo"
    evening = clock.now(settings) + timedelta(hours=3)
    stamp.write_text(json.dumps({"as_of": str(evening)}))
    assert until_the_demo_ends(settings).as_of == evening
    given = dataclasses.replace(settings, as_of=evening - timedelta(hours=1))
    assert until_the_demo_ends(given) == given, "--as-of was given"
    for over in ({"as_of": str(evening - timedelta(hours=4))}, {"screen": "of an older version"}):
        stamp.write_text(json.dumps(over))
        assert until_the_demo_ends(settings) == settings
