"""A company that runs some of the databases: everything works, and no other database is touched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from harness import clean_environment
from warehouses import ENGINES_SPARINGLY

from orchestration import database
from orchestration.dbt_project import dbt_arguments, run_dbt, summarise, target_path
from orchestration.sampledata.generate import generate
from orchestration.sampledata.load import load
from orchestration.schema.deploy import deploy
from orchestration.schema.doctor import examine, render
from orchestration.schema.inspect import read_databases
from orchestration.settings import DATABASES, DOMAINS, Settings, load_settings
from orchestration.validation import validate

AS_OF = datetime(2026, 6, 30, 23, 59, 59)
EVERYTHING = "resource_type:model resource_type:seed resource_type:snapshot"
OURS = {"warehouse_staging", "warehouse", "warehouse_audit"}


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wework tables of the demo scale."""
    folder = tmp_path_factory.mktemp("sample")
    settings = replace(load_settings({"WAREHOUSE_LOCAL_DIR": str(folder)}), as_of=AS_OF)
    generate(settings, "demo", 1, AS_OF.date(), folder / "demo", domains=["wework"])
    return folder / "demo"


@pytest.fixture(scope="module")
def alone(module_engine_settings: Settings, sample: Path) -> Settings:
    """Wework alone, deployed and filled."""
    settings = replace(module_engine_settings, as_of=AS_OF, domains=("wework",))
    deploy(settings, progress=lambda _: None)
    load(settings, sample)
    return settings


def _build(
    settings: Settings, select: str, *more: str, variables: Mapping[str, Any] | None = None
) -> None:
    """`dbt build`; every node and test must succeed, and something must be built."""
    arguments = dbt_arguments(
        ["build", "--quiet", *more],
        target=settings.target,
        target_path=target_path(settings),
        select=select,
        variables=variables,
    )
    with clean_environment():
        result = summarise(run_dbt(settings, arguments).results, 0.0)
    assert (result.failures, result.warnings) == ((), ())
    assert result.built["model"] and result.tests_passed


def _databases(settings: Settings) -> set[str]:
    with database.connect(settings) as connection:
        return set(read_databases(connection, settings.database_prefix)) & {
            *DATABASES.values(),
            *OURS,
        }


def _rows(settings: Settings, relation: str) -> int:
    name = database.database_name(settings, relation)
    with database.connect(settings) as connection:
        return connection.scalar(sa.text(f"select count(*) from {name}"))


@pytest.mark.parametrize("module_engine_settings", ENGINES_SPARINGLY, indirect=True)
def test_one_domain_alone(alone: Settings) -> None:
    # Everything, and the tests of two domains: those of all would take a minute for little.
    _build(alone, f"{EVERYTHING} wework core", "--indirect-selection", "empty")
    assert _databases(alone) == OURS | {"wework_platform"}
    assert _rows(alone, "wework_platform.wework_tenant_usage") > 1000
    assert _rows(alone, "warehouse_staging.stg_core__tenants") == 0

    findings = examine(alone)
    assert not [f for f in findings if f.level == "problem"], render(findings)
    report = validate(alone)
    assert report.success and report.without_suite == (), report.summary()


def test_the_variable_does_what_the_environment_does(alone: Settings) -> None:
    settings = replace(alone, domains=DOMAINS)
    _build(settings, "stg_core__users +wework_account_daily", variables={"domains": ["wework"]})
    assert _databases(settings) - OURS == {"wework_platform"}
    assert _rows(settings, "warehouse_staging.stg_core__users") == 0


def test_the_marts_of_a_domain_that_is_off_are_empty(engine_settings: Settings) -> None:
    """Even what dbt would build in the missing database, so that whatever joins it still builds."""
    settings = replace(engine_settings, as_of=AS_OF, domains=("core",))
    deploy(settings, progress=lambda _: None)
    _build(settings, "wework")
    assert _databases(settings) == OURS | {"saas_unified_core"}
    for name in ("wework_tenant_usage", "v_wework_account_overview", "fct_messages"):
        assert _rows(settings, f"warehouse.{name}") == 0
