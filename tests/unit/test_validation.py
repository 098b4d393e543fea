"""What a validation's report says, and what it says without a warehouse."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest
import yaml

from orchestration import validation
from orchestration.errors import WarehouseError
from orchestration.gx_session import Outcome
from orchestration.settings import PROJECT_ROOT, Settings
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
    assert "wework: 1 of 2 expectations hold over 1 relations" in text
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
    report = validation.validate(embedded_settings, ["core", "customer"])
    assert report.without_suite == ("core", "customer")
    assert not embedded_settings.duckdb_path.exists()
    with pytest.raises(WarehouseError, match="core has no quality suite"):
        validation.run_suite(embedded_settings, "core")


def test_no_warehouse_yet(embedded_settings: Settings) -> None:
    with pytest.raises(WarehouseError, match="no warehouse at") as error:
        validation.run_suite(embedded_settings, "wework")
    assert "make demo" in error.value.fix


def test_importing_the_module_leaves_great_expectations_alone() -> None:
    code = (
        "import sys, orchestration.validation as v; assert v.has_suite('wework'); "
        "assert not v.has_suite('core'); sys.exit('great_expectations' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=PROJECT_ROOT).returncode == 0


def test_each_expectation_says_what_it_protects_and_is_the_same_again(
    embedded_settings: Settings,
) -> None:
    settings = dataclasses.replace(embedded_settings, as_of=datetime(2026, 6, 30))
    scope = validation._scope(settings)
    first, second = (
        [
            (p.batch(scope), {**e.configuration.to_json_dict(), "id": None})
            for p in validation._products("wework", scope)
            for e in p.expectations
        ]
        for _ in range(2)
    )
    assert first == second
    names = [configuration["meta"]["name"] for _, configuration in first]
    assert len(names) == len(set(names))
    for _, configuration in first:
        assert configuration["notes"].endswith("."), configuration


def test_the_prefix_stands_before_every_database(embedded_settings: Settings) -> None:
    settings = dataclasses.replace(embedded_settings, database_prefix="t9_")
    scope = validation._scope(settings)
    for product in validation._products("wework", scope):
        for expectation in product.expectations:
            look = product.look(scope, expectation)
            assert look.count("wework_platform.") == look.count("t9_wework_platform.")


def test_days_rebuilt_agree_with_dbt() -> None:
    validation.quiet_import()
    from expectations.base import REBUILT_DAYS

    project = yaml.safe_load((PROJECT_ROOT / "dbt_project.yml").read_text(encoding="utf-8"))
    assert project["vars"]["lookback_days"] == REBUILT_DAYS
