"""Snapshots keep what the sources overwrite: one history, told in steps, on both engines.

Each step changes raw rows and takes the snapshots as of an instant; then every version is compared.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from dbt.cli.main import dbtRunner
from harness import clean_environment
from warehouses import ENGINES_SPARINGLY
from window_warehouse import WindowWarehouse

from orchestration import database
from orchestration.dbt_project import dbt_arguments, summarise, target_path
from orchestration.settings import Settings

OLD = datetime(2026, 1, 1)
ONE, TWO, THREE, FOUR, FIVE = (datetime(2026, 6, day, 12) for day in range(1, 6))
TENANTS = ("tenant_id", "status", "subscription_plan", "storage_quota_gb")
CUSTOMERS = ("customer_id", "lifecycle_stage", "customer_level")
GRAINS = {
    "warehouse.snap_core__tenants": ("tenant_id", "dbt_valid_from"),
    "warehouse.snap_core__tenant_quotas": ("tenant_id", "dbt_valid_from"),
    "warehouse.snap_customer__customers": ("customer_id", "dbt_valid_from"),
}
DOMAINS = ("core", "customer")


@dataclass
class History:
    """The raw rows of one engine and the snapshots taken of them."""

    raw: WindowWarehouse
    _manifest: Any = None

    def take(self, as_of: datetime, *, domains: tuple[str, ...] = DOMAINS) -> None:
        """Build the snapshots and their staging views as of an instant."""
        # The manifest is kept: only vars differ, and these dbt renders anew for every call.
        self._manifest = self._manifest or self._dbt("parse").result
        names = (f"+{relation.split('.')[1]}" for relation in GRAINS)
        outcome = self._dbt(
            "build", "--resource-type", "model", "--resource-type", "snapshot",
            "--select", *names, "--vars", json.dumps({"as_of": str(as_of), "domains": domains}),
        )  # fmt: skip
        assert summarise(outcome.result.results, 0.0).failures == ()

    def _dbt(self, *command: str) -> Any:
        settings = self.raw.settings
        arguments = dbt_arguments(
            ["--quiet", *command], target=settings.target, target_path=target_path(settings)
        )
        logs = ["--log-path", str(settings.local_dir / "logs")]
        with clean_environment(**settings.child_environment()):
            outcome = dbtRunner(manifest=self._manifest).invoke([*arguments, *logs])
        assert outcome.result is not None, outcome.exception
        return outcome

    def change(self, statement: str, **parameters: Any) -> None:
        """One statement on the core database, which it names {core}, or {customer}."""
        names = {"core": "saas_unified_core", "customer": "customer_management"}
        marked = {name: "{prefix}" + home for name, home in names.items()}
        self.raw.execute(statement.format(**marked), **parameters)

    def versions(self, name: str, columns: tuple[str, ...]) -> list[tuple[Any, ...]]:
        """(*columns, from, to) of every version, in order."""
        own = [
            row for row in self.raw.read(name).values() if row["tenant_id"] in ("t1", "t2", "t3")
        ]
        wanted = (*columns, "dbt_valid_from", "dbt_valid_to")
        return sorted(
            (tuple(row[column] for column in wanted) for row in own),
            key=lambda row: (row[0], row[-2]),
        )

    @property
    def tenants(self) -> list[tuple[Any, ...]]:
        """Versions of the tenants."""
        return self.versions("snap_core__tenants", TENANTS)

    @property
    def customers(self) -> list[tuple[Any, ...]]:
        """Versions of the customers."""
        return self.versions("snap_customer__customers", CUSTOMERS)


def tenant(key: str, plan: str, created_at: datetime = OLD) -> Mapping[str, Any]:
    """A row of saas_tenants."""
    return {
        "id": key,
        "tenant_code": key,
        "tenant_name": key,
        "subscription_plan": plan,
        "storage_quota_gb": Decimal(10),
        "created_at": created_at,
    }


def customer(key: str) -> Mapping[str, Any]:
    """A row of customers."""
    return {
        "id": key,
        "tenant_id": "t1",
        "customer_code": key,
        "name": "赵一",
        "source_channel": "wework",
        "created_at": OLD,
    }


@pytest.fixture(scope="module")
def history(module_engine_settings: Settings) -> History:
    raw = WindowWarehouse(module_engine_settings, GRAINS, DOMAINS)
    raw.deploy(FIVE, OLD.date())
    raw.insert("saas_tenants", tenant("t1", "basic"), tenant("t2", "pro"), tenant("t3", "pro", TWO))
    quota = {"id": "q1", "tenant_id": "t1", "effective_from": OLD.date(), "created_at": OLD}
    raw.insert("saas_tenant_quotas", quota)
    raw.insert("customers", customer("c1"), customer("c2"))
    return History(raw)


@pytest.mark.parametrize("module_engine_settings", ENGINES_SPARINGLY, indirect=True)
def test_a_history_in_steps(history: History) -> None:
    """One test, for each step stands on the one before it."""
    ten = Decimal(10)
    history.take(ONE)
    first = [("t1", "active", "basic", ten, ONE, None), ("t2", "active", "pro", ten, ONE, None)]
    assert history.tenants == first
    assert history.customers == [
        ("c1", "lead", "bronze", ONE, None), ("c2", "lead", "bronze", ONE, None),
    ]  # fmt: skip

    # Nothing changes but for a row whose time has come.
    history.take(TWO)
    assert history.tenants == [*first, ("t3", "active", "pro", ten, TWO, None)]

    # A change of one letter's case, a change to NULL, a row that is deleted, a limit raised.
    history.change("update {core}.saas_tenants set subscription_plan = 'Basic' where id = 't1'")
    history.change("update {core}.saas_tenants set storage_quota_gb = null where id = 't3'")
    history.change("delete from {core}.saas_tenants where id = 't2'")
    history.change("update {core}.saas_tenant_quotas set max_users = 11 where id = 'q1'")
    history.change("update {customer}.customers set level = 'gold' where id = 'c1'")
    history.take(THREE)
    third = [
        ("t1", "active", "basic", ten, ONE, THREE),
        ("t1", "active", "Basic", ten, THREE, None),
        ("t2", "active", "pro", ten, ONE, THREE),
        ("t3", "active", "pro", ten, TWO, THREE),
        ("t3", "active", "pro", None, THREE, None),
    ]
    assert history.tenants == third
    assert history.versions("snap_core__tenant_quotas", ("tenant_id", "max_users")) == [
        ("t1", 10, ONE, THREE), ("t1", 11, THREE, None),
    ]  # fmt: skip
    customers = [
        ("c1", "lead", "bronze", ONE, THREE),
        ("c1", "lead", "gold", THREE, None),
        ("c2", "lead", "bronze", ONE, None),
    ]
    assert history.customers == customers

    # A build of an old day must not write today's state into it.
    history.raw.insert("saas_tenants", tenant("t2", "pro"))
    history.change("update {core}.saas_tenants set status = 'suspended' where id = 't1'")
    history.take(TWO)
    assert history.tenants == third

    # The deleted one comes back unchanged, and the gap stays. Of two states at one instant, the
    # later one is what held.
    history.take(FOUR)
    assert history.tenants[2] == ("t1", "suspended", "Basic", ten, FOUR, None)
    history.change("update {core}.saas_tenants set status = 'expired' where id = 't1'")
    history.take(FOUR)
    assert history.tenants == [
        third[0],
        ("t1", "active", "Basic", ten, THREE, FOUR),
        ("t1", "expired", "Basic", ten, FOUR, None),
        third[2],
        ("t2", "active", "pro", ten, FOUR, None),
        *third[3:],
    ]
    keys = {row["dbt_scd_id"] for row in history.raw.read("snap_core__tenants").values()}
    assert len(keys) == 7

    # A domain that is switched off stages nothing, which is no reason to close its history. Of a
    # column that the snapshot gains, those rows change that have a value.
    history.change("update {core}.saas_tenants set billing_cycle = null where id = 't2'")
    history.raw.execute(
        "alter table {prefix}warehouse.snap_core__tenants drop column billing_cycle"
    )
    history.take(FIVE, domains=("core",))
    assert history.customers == customers
    gained = history.versions("snap_core__tenants", ("tenant_id", "billing_cycle"))
    assert [row for row in gained if row[2] == FIVE or row[0] == "t2"] == [
        ("t1", "monthly", FIVE, None),
        ("t2", None, ONE, THREE),
        ("t2", None, FOUR, None),
        ("t3", "monthly", FIVE, None),
    ]


def test_the_tables_are_typed_and_indexed(history: History) -> None:
    """On MySQL a query's own types would be as wide as its literals, without any key."""
    if not history.raw.settings.is_mysql:
        pytest.skip("DuckDB takes its types from the query and needs no index")
    prefix = history.raw.settings.database_prefix
    with database.connect(history.raw.settings) as connection:
        types = connection.exec_driver_sql(
            "select column_name, column_type, collation_name from information_schema.columns where "
            f"table_schema = '{prefix}warehouse' and table_name = 'snap_core__tenants'"
        )
        found = {row[0]: tuple(row[1:]) for row in types}
        indexes = connection.exec_driver_sql(
            f"show index from {prefix}warehouse.snap_core__tenants"
        )
        keyed = {(row[4], row[3]) for row in indexes}
    assert found["status"] == ("varchar(9)", "utf8mb4_unicode_ci")
    assert found["storage_quota_gb"] == ("decimal(10,2)", None)
    assert found["dbt_valid_to"] == found["dbt_valid_from"] == ("timestamp", None)
    assert found["billing_cycle"] == ("varchar(9)", "utf8mb4_unicode_ci")  # the gained one
    assert keyed == {("tenant_id", 1), ("dbt_valid_from", 2), ("dbt_scd_id", 1)}
