"""Every value of the core marts, the calendar and the snapshots against Python, on both engines."""

from __future__ import annotations

from typing import Any

import oracles.core as oracle
import pytest
from oracles.base import Keyed
from warehouses import ENGINES, Demo, Relation

from orchestration.settings import PROJECT_ROOT

# Deployment adds it; what it is like is tested with the reference data.
DEFAULT_TENANT = "00000000-0000-4000-8000-000000000001"
HOLIDAYS = PROJECT_ROOT / "seeds" / "chinese_holidays.csv"
MARTS = {
    "dim_users": Relation(("user_id",), oracle.users, least=100),
    "dim_dates": Relation(("calendar_date",), lambda raw: oracle.dates(raw, HOLIDAYS), least=100),
    "fct_logins": Relation(("login_attempt_id",), oracle.logins, least=100),
    "fct_audit_events": Relation(("audit_log_id",), oracle.audit_events, least=100),
    "fct_alerts": Relation(("alert_id",), oracle.alerts, least=100),
    "message_delivery_daily": Relation(
        ("tenant_id", "message_type", "stat_date"), oracle.message_delivery, least=100
    ),
}
SUBJECT = ("scope_id", "subject_type", "subject_name", "metric_type", "time_window", "stat_date")
TENANT = "tenant_id status subscription_plan billing_cycle subscription_start_date "
TENANT += "subscription_end_date storage_quota_gb bandwidth_quota_gb"
SNAPSHOTS = {
    "snap_core__tenants": ("saas_tenants", {n: n for n in TENANT.split()} | {"tenant_id": "id"}),
    "snap_core__health_checks": (
        "saas_health_checks",
        {"health_check_id": "id", "tenant_id": "tenant_id", "check_type": "check_type",
         "status": "status"},
    ),
    "snap_wework__accounts": (
        "wework_accounts", {"account_id": "id", "tenant_id": "tenant_id", "status": "status"},
    ),
    "snap_customer__customers": (
        "customers",
        {"customer_id": "id", "tenant_id": "tenant_id", "lifecycle_stage": "lifecycle_stage",
         "customer_level": "level"},
    ),
}  # fmt: skip
# Names in snap_core__tenant_quotas that its source has differently.
QUOTA_NAMES = {
    "tenant_quota_id": "id",
    "overage_rate_cny": "overage_rate",
    "warning_threshold_pct": "warning_threshold",
    "is_auto_renewed": "auto_renew",
    "effective_from_date": "effective_from",
    "effective_to_date": "effective_to",
}


@pytest.mark.parametrize("name", MARTS)
@pytest.mark.parametrize("engine", ENGINES)
def test_every_value_equals_the_computation(demo: Demo, engine: str, name: str) -> None:
    demo.check_relation(engine, f"warehouse.{name}", MARTS[name])


@pytest.mark.parametrize("engine", ENGINES)
def test_tenants(demo: Demo, engine: str) -> None:
    wanted = oracle.tenants(demo.raw)
    (default,) = (
        row for row in demo.rows(engine, "warehouse", "dim_tenants")
        if row.pop("tenant_id") == DEFAULT_TENANT
    )  # fmt: skip
    assert (default["tenant_code"], default["user_count"]) == ("default", 0)
    wanted[DEFAULT_TENANT,] = default
    demo.check(engine, "warehouse.dim_tenants", ("tenant_id",), wanted, least=20)


@pytest.mark.parametrize("engine", ENGINES)
def test_platform_health(demo: Demo, engine: str) -> None:
    wanted = oracle.platform_health(demo.raw)
    kinds = {key[1] for key in wanted}
    assert kinds == {"metric", "health_check", "monitor_rule"}
    demo.check(
        engine, "warehouse.platform_health_daily", SUBJECT, wanted,
        unchecked=("platform_health_id",), least=1000,
    )  # fmt: skip


@pytest.mark.parametrize("name", SNAPSHOTS)
@pytest.mark.parametrize("engine", ENGINES)
def test_first_versions(demo: Demo, engine: str, name: str) -> None:
    table, names = SNAPSHOTS[name]
    wanted = oracle.first_versions(demo.raw, table, names)
    _check_versions(demo, engine, name, next(iter(names)), wanted)


@pytest.mark.parametrize("engine", ENGINES)
def test_first_versions_of_quotas(demo: Demo, engine: str) -> None:
    columns = demo.content(engine, "warehouse", "snap_core__tenant_quotas").columns
    names = {
        name: QUOTA_NAMES.get(name) or name.replace("has_", "enable_")
        for name in columns
        if not name.startswith("dbt_")
    }
    assert len(names) > 50
    wanted = oracle.first_versions(demo.raw, "saas_tenant_quotas", names)
    for row in wanted.values():
        row.update({n: oracle.flag(row[n]) for n in names if n.startswith(("has_", "is_"))})
    _check_versions(demo, engine, "snap_core__tenant_quotas", "tenant_id", wanted)


def _check_versions(demo: Demo, engine: str, name: str, key: str, wanted: Keyed) -> None:
    rows: list[dict[str, Any]] = demo.rows(engine, "warehouse", name)
    for row in rows:
        if row[key] == DEFAULT_TENANT:
            wanted[DEFAULT_TENANT,] = {n: v for n, v in row.items() if n != key}
    demo.check(engine, f"warehouse.{name}", (key,), wanted, unchecked=("dbt_scd_id",), least=20)
