"""Usage, quotas, sign-ins and permissions against Python, value by value, and what MySQL reads."""

from __future__ import annotations

from collections import Counter

import oracles.core_usage as oracle
import pytest
from warehouses import ENGINES, Demo, Relation

CORE = "saas_unified_core"
RELATIONS = {
    f"{CORE}.v_tenant_overview": Relation(
        ("id",),
        oracle.tenant_overview,
        "id tenant_name tenant_code status subscription_plan user_count role_count max_users "
        "max_storage_gb storage_used_gb created_at",
        least=20,
    ),
    f"{CORE}.v_user_permissions": Relation(
        ("user_id", "role_code", "permission_code", "scope_type"),
        oracle.user_permissions,
        "user_id tenant_id username role_code permission_code module action scope_type role_status",
        least=100,
    ),
    f"{CORE}.saas_usage_statistics": Relation(
        ("tenant_id", "usage_date"),
        oracle.usage_statistics,
        "id tenant_id usage_date active_users api_calls storage_used_gb bandwidth_used_gb "
        "wework_accounts_online wework_messages_sent wework_alerts_triggered ai_conversations "
        "ai_tokens_consumed ai_requests ai_cost health_records_created health_patients_active "
        "notifications_sent files_uploaded exports_performed created_at updated_at",
        least=5000,
    ),
    f"{CORE}.saas_quota_usage_realtime": Relation(
        ("tenant_id", "resource_type", "usage_period"),
        oracle.quota_usage,
        "id tenant_id resource_type current_usage usage_limit usage_period window_start window_end "
        "peak_usage avg_usage last_reset_at alert_triggered usage_percentage created_at updated_at",
        least=400,
    ),
    f"{CORE}.saas_security_daily": Relation(
        ("tenant_id", "stat_date"), oracle.security_daily, least=5000
    ),
    "warehouse.fct_quota_utilization_daily": Relation(
        ("tenant_id", "usage_date", "resource_type", "usage_period"),
        oracle.quota_utilization,
        least=100,
    ),
}


@pytest.mark.parametrize("name", RELATIONS)
@pytest.mark.parametrize("engine", ENGINES)
def test_every_value_equals_the_computation(demo: Demo, engine: str, name: str) -> None:
    relation = RELATIONS[name]
    wanted = relation.expected(demo.raw_with_defaults(engine))
    demo.check_relation(engine, name, relation, wanted)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_sample_uses_every_resource_but_the_traffic(demo: Demo, engine: str) -> None:
    """A figure that is always 0 would prove nothing; gibibytes of traffic are beyond a demo."""
    rows = demo.rows(engine, CORE, "saas_usage_statistics")
    figures = set(rows[0]) - {"id", "tenant_id", "usage_date", "created_at", "updated_at"}
    assert {name for name in figures if not any(row[name] for row in rows)} <= {"bandwidth_used_gb"}
    found = demo.rows(engine, CORE, "saas_quota_usage_realtime")
    assert not {row["resource_type"] for row in found} - {
        row["resource_type"] for row in found if row["peak_usage"]
    }


# --- what MySQL reads --------------------------------------------------------------------------


@pytest.mark.mysql
def test_one_tenant_s_overview_is_answered_from_indexes(demo: Demo) -> None:
    wanted = Counter(row["tenant_id"] for row in demo.raw.rows("saas_users")).most_common()[-1][0]
    steps = demo.reads(
        f"select * from {{saas_unified_core}}.v_tenant_overview where id = '{wanted}'"
    )
    assert set(steps) == {
        "saas_tenants", "saas_tenant_quotas", "saas_usage_statistics", "saas_users",
        "saas_user_roles",
    }  # fmt: skip
    assert all(
        s["key"] and s["type"] in ("const", "ref") for table in steps.values() for s in table
    )


@pytest.mark.mysql
def test_one_tenant_s_permissions_are_answered_from_indexes(demo: Demo) -> None:
    """Only what roles inherit, a few dozen rows for all tenants, is looked up as a whole."""
    wanted = Counter(row["tenant_id"] for row in demo.raw.rows("saas_user_roles")).most_common()
    steps = demo.reads(
        "select * from {saas_unified_core}.v_user_permissions "
        f"where tenant_id = '{wanted[-1][0]}'"
    )
    for table in ("saas_users", "saas_user_roles", "saas_permissions"):
        assert all(s["key"] and s["type"] in ("eq_ref", "ref") for s in steps[table]), table
    assert all(s["possible_keys"] for s in steps["saas_role_permissions"])


@pytest.mark.mysql
@pytest.mark.parametrize("model", ["saas_usage_statistics", "saas_security_daily"])
def test_a_night_s_window_reads_one_month_of_what_is_partitioned(demo: Demo, model: str) -> None:
    """27 to 30 June lie in one partition of the many that the demo has."""
    steps = demo.reads(demo.compiled(model))
    read = [s["partitions"] for table in steps.values() for s in table if s["partitions"]]
    assert len(read) >= 1
    assert set(read) == {"p202606"}
    (attempts,) = steps["saas_login_attempts"]
    assert attempts["type"] == "range"
    assert attempts["key"] in ("ix_attempt_result_created_at", "ix_created_at")


@pytest.mark.mysql
def test_an_hour_s_quotas_read_no_more_than_a_month_of_raw_rows(demo: Demo) -> None:
    """Thirty months of usage come from the statistics; alerts are looked at for thirty days."""
    steps = demo.reads(demo.compiled("saas_quota_usage_realtime"))
    partitioned = [s for table in steps.values() for s in table if s["partitions"]]
    assert {s["partitions"] for s in partitioned} == {"p202606"}
    assert len(partitioned) == 6, [s["table"] for s in partitioned]


@pytest.mark.mysql
def test_utilization_reads_its_days_by_index(demo: Demo) -> None:
    steps = demo.reads(demo.compiled("fct_quota_utilization_daily"))
    (usage,) = steps["tenant_usage_statistics"]
    assert (usage["type"], usage["key"]) == ("range", "ix_usage_date")
