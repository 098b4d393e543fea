"""What a tenant may still use: against the usage table, a count in Python, and case by case."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import oracles.core_usage as oracle
import pytest
from rows import NOW, change, insert, make_tables
from typer.testing import CliRunner
from warehouses import ENGINES, Demo

from orchestration import cli, database
from orchestration.errors import WarehouseError
from orchestration.operations.quotas import (
    GIB,
    NOT_MEASURED,
    RESOURCES,
    QuotaCheck,
    Standing,
    check_tenant_quota,
    decide,
    window,
)
from orchestration.schema.record import load_record
from orchestration.settings import Settings

Row = dict[str, Any]
SECOND = timedelta(seconds=1)
TENANT = "00000000-0000-4000-8000-000000000009"
CONTRACT: Row = {"tenant_id": TENANT, "overage_policy": "block", "overage_rate": None}


# --- the demo's tenants --------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
def test_usage_equals_the_usage_table_and_the_computation(demo: Demo, engine: str) -> None:
    settings, raw = demo.on(engine), demo.raw_with_defaults(engine)
    built = {
        (row["tenant_id"], row["resource_type"], row["usage_period"]): row
        for row in demo.rows(engine, "saas_unified_core", "saas_quota_usage_realtime")
    }
    counted = oracle.quota_usage(raw)
    quotas = {row["tenant_id"]: row for row in raw.rows("saas_tenant_quotas")}
    found: dict[tuple[str, str, str], tuple[int, int]] = {}
    unmeasured = 0
    with database.connect(settings, read_only=True):  # DuckDB's file stays open from call to call
        for tenant, quota in quotas.items():
            last = quota["effective_to"]
            in_force = quota["effective_from"] <= raw.today and (not last or raw.today <= last)
            for resource in RESOURCES:
                if not in_force:
                    with pytest.raises(WarehouseError, match="not in force on 2026-06-30"):
                        check_tenant_quota(settings, tenant, resource)
                    continue
                answer = check_tenant_quota(settings, tenant, resource)
                unmeasured += answer.outcome == "unlimited"
                for standing in answer.limits:
                    key = (tenant, resource, standing.period)
                    found[key] = (standing.usage, standing.limit)
    for rows in (built, counted):
        wanted = {key: (row["current_usage"], row["usage_limit"]) for key, row in rows.items()}
        assert found == wanted
    assert len(found) >= 400
    assert {resource for _, resource, _ in found} == set(RESOURCES)
    assert sum(usage > 0 for usage, _ in found.values()) >= 200


@pytest.mark.mysql
@pytest.mark.parametrize("resource", RESOURCES)
def test_one_tenant_s_check_scans_no_partitioned_table(demo: Demo, resource: str) -> None:
    tenant = next(
        row["tenant_id"]
        for row in demo.raw.rows("saas_tenant_quotas")
        if row["effective_from"] <= demo.raw.today
        and (row["effective_to"] is None or row["effective_to"] >= demo.raw.today)
        and all(row[column] is not None for column in RESOURCES[resource].limits.values())
    )
    steps = demo.plan_of(lambda settings: check_tenant_quota(settings, tenant, resource))
    read = [step for step in steps if step["partitions"]]
    partitioned = {t.name for t in load_record() if t.partition_by_month}
    assert {step["table"] for step in read} == partitioned & {
        source.table for source in RESOURCES[resource].sources
    }
    for step in read:
        assert (step["partitions"], step["type"] in ("ref", "range")) == ("p202606", True), step
        assert step["key"], step


# --- what is decided -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "rate", "used", "amount", "allowed", "outcome", "overage", "price"),
    [
        ("block", None, 9, 1, True, "within", 0, None),
        ("block", None, 10, 0, True, "within", 0, None),
        ("block", None, 10, 1, False, "refused", 1, None),
        ("block", None, 12, 0, False, "refused", 0, None),
        ("allow_overage", "0.0500", 9, 1, True, "within", 0, None),
        ("allow_overage", "0.0500", 9, 3, True, "overage", 2, "0.1000"),
        ("allow_overage", "0.0333", 15, 3, True, "overage", 3, "0.0999"),
        ("allow_overage", None, 10, 2, True, "overage", 2, None),
        ("auto_upgrade", "0.0500", 10, 1, True, "upgrade", 1, None),
        ("auto_upgrade", None, 9, 1, True, "within", 0, None),
    ],
)
def test_what_becomes_of_an_amount(
    policy: str, rate: str | None, used: int, amount: int, allowed: bool, outcome: str,
    overage: int, price: str | None,
) -> None:  # fmt: skip
    quota = CONTRACT | {"overage_policy": policy, "overage_rate": rate and Decimal(rate)}
    answer = decide(quota, "users", Decimal(amount), {"day": 10}, {"day": used}, NOW)
    assert (answer.allowed, answer.outcome, answer.overage) == (allowed, outcome, overage)
    assert answer.overage_price_cny == (price and Decimal(price))
    assert (answer.usage, answer.limit, answer.period) == (used, 10, "day")


def test_the_tightest_of_several_limits_decides() -> None:
    limits, used = {"minute": 10, "hour": 100, "day": 1000}, {"minute": 3, "hour": 98, "day": 990}
    answer = decide(CONTRACT, "api_calls", Decimal(5), limits, used, NOW)
    assert (answer.allowed, answer.period, answer.usage, answer.limit) == (False, "hour", 98, 100)
    assert answer.limits == (
        Standing("minute", 3, 10, Decimal(0)),
        Standing("hour", 98, 100, Decimal(3)),
        Standing("day", 990, 1000, Decimal(0)),
    )


@pytest.mark.parametrize(
    ("used", "amount", "allowed", "over"),
    [
        (9 * GIB + 1, "1.4", True, "0"),
        (10 * GIB, "0.75", True, "0"),
        (10 * GIB + 1, "0.75", False, "0.000000"),
        (10 * GIB, "1", False, "0.25"),
    ],
)
def test_storage_is_decided_exactly_and_shown_whole(
    used: int, amount: str, allowed: bool, over: str
) -> None:
    limits = {"day": Decimal("10.75")}
    answer = decide(CONTRACT, "storage_gb", Decimal(amount), limits, {"day": used}, NOW)
    assert (answer.allowed, answer.limits[0].over) == (allowed, Decimal(over))
    assert (answer.usage, answer.limit) == (-(-used // GIB), 10)


@pytest.mark.parametrize(
    ("period", "start", "end"),
    [
        ("minute", datetime(2026, 12, 31, 23, 59), datetime(2027, 1, 1)),
        ("hour", datetime(2026, 12, 31, 23), datetime(2027, 1, 1)),
        ("day", datetime(2026, 12, 31), datetime(2027, 1, 1)),
        ("month", datetime(2026, 12, 1), datetime(2027, 1, 1)),
    ],
)
def test_a_period_ends_where_the_next_begins(period: str, start: datetime, end: datetime) -> None:
    for moment in (start, end - SECOND):
        assert window(moment, period) == (start, end)
    assert window(end, period)[0] == end


def test_every_limit_of_a_contract_is_measured_or_said_not_to_be() -> None:
    columns = {c.name for c in load_record().table("saas_tenant_quotas").columns}
    named = [column for r in RESOURCES.values() for column in r.limits.values()]
    named += [f"max_{name}" for name in NOT_MEASURED]
    assert sorted(named) == sorted(name for name in columns if name.startswith("max_"))


# --- what is read --------------------------------------------------------------------------------


@pytest.fixture
def small(engine_settings: Settings) -> Settings:
    """A tenant with a contract, in tables that are empty otherwise."""
    settings = replace(engine_settings, domains=("core", "ai", "health"), as_of=NOW)
    counted = ("api_calls", "ai_tokens", "storage_gb", "users", "notifications", "email",
               "concurrent_sessions", "health_records_per_patient")  # fmt: skip
    sources = [source.table for name in counted for source in RESOURCES[name].sources]
    make_tables(settings, ["saas_tenants", "saas_tenant_quotas", *sources])
    insert(settings, "saas_tenants", {"id": TENANT, "tenant_code": "acme", "tenant_name": "Acme"})
    spell = {"effective_from": date(2026, 2, 1), "effective_to": date(2026, 2, 28)}
    insert(settings, "saas_tenant_quotas", {"id": "q", "tenant_id": TENANT} | spell)
    return settings


def set_contract(settings: Settings, **values: Any) -> None:
    change(settings, "saas_tenant_quotas", **values)


def usages(settings: Settings, resource: str) -> dict[str, int]:
    answer = check_tenant_quota(settings, TENANT, resource)
    return {standing.period: standing.usage for standing in answer.limits}


def test_calls_are_counted_within_each_of_their_windows(small: Settings) -> None:
    minute = NOW.replace(second=0)
    moments = (
        NOW, minute, minute - SECOND, minute + timedelta(minutes=1), datetime(2026, 2, 28, 13),
        datetime(2026, 2, 28, 12, 59, 59), datetime(2026, 2, 28), datetime(2026, 2, 27, 23, 59, 59),
        datetime(2026, 2, 28, 23, 59, 59), datetime(2026, 2, 1), datetime(2026, 1, 31, 23, 59, 59),
        datetime(2026, 3, 1),
    )  # fmt: skip
    mine = {"tenant_id": TENANT, "platform_id": None, "agent_id": None}
    insert(small, "ai_call_logs", *(mine | {"created_at": moment} for moment in moments))
    audits = [("api", NOW), ("user", NOW), ("api", NOW - timedelta(days=5))]
    insert(small, "saas_unified_audit_logs",
           *({"tenant_id": TENANT, "operator_type": kind, "created_at": at} for kind, at in audits),
           {"tenant_id": "another", "operator_type": "api", "created_at": NOW})  # fmt: skip
    assert usages(small, "api_calls") == {"minute": 3, "hour": 6, "day": 9, "month": 12}


def test_tokens_are_read_as_the_models_read_them(small: Settings) -> None:
    told: list[Any] = [{"total": 100}, {"total": "20"}, {"total": 2.5}, {"total": "many"}, {},
                       {"total": None}, {"total": [7]}, {"total": 10**12}, None]  # fmt: skip
    mine = {"tenant_id": TENANT, "created_at": NOW}
    insert(small, "ai_call_logs", *(mine | {"tokens": tokens} for tokens in told))
    assert usages(small, "ai_tokens") == {"day": 10**12 + 123}


def test_what_is_gone_by_now_is_not_counted(small: Settings) -> None:
    mine = {"tenant_id": TENANT}
    ends = (None, NOW, NOW + SECOND)
    insert(small, "saas_users",
           *(mine | {"username": f"u{n}", "deleted_at": end} for n, end in enumerate(ends)),
           mine | {"username": "x", "status": "deleted"},
           mine | {"username": "y", "status": "locked"})  # fmt: skip
    insert(small, "saas_files",
           *(mine | {"file_size": GIB, "deleted_at": end} for end in ends),
           mine | {"file_size": 1, "is_temporary": None},
           mine | {"file_size": 9 * GIB, "is_temporary": True})  # fmt: skip
    insert(small, "saas_user_sessions",
           *(mine | {"user_id": user, "session_token": f"t{n}", "expires_at": end, "status": status}
             for n, (user, end, status) in enumerate([
                 ("a", NOW, "active"), ("a", NOW, "active"), ("a", NOW + SECOND, "active"),
                 ("b", NOW + SECOND, "active"), ("b", NOW + SECOND, "active"),
                 ("b", NOW + SECOND, "revoked")])))  # fmt: skip
    insert(small, "health_records",
           *(mine | {"patient_id": patient} for patient in "aabbbc"))  # fmt: skip
    wanted = {"users": 3, "storage_gb": 3, "concurrent_sessions": 2,
              "health_records_per_patient": 3}  # fmt: skip
    assert {name: usages(small, name)["day"] for name in wanted} == wanted


def test_notifications_count_recipients_and_messages_of_their_own(small: Settings) -> None:
    mine = {"tenant_id": TENANT, "created_at": NOW - timedelta(days=3)}
    insert(small, "saas_notifications",
           mine | {"sent_at": NOW, "sent_count": 40}, mine | {"sent_at": NOW, "sent_count": None},
           mine | {"sent_at": None, "sent_count": 5},
           mine | {"sent_at": NOW - timedelta(days=1), "sent_count": 7})  # fmt: skip
    mine |= {"created_at": NOW, "message_type": "email"}
    insert(small, "saas_message_logs",
           *(mine | {"status": status} for status in ("sent", "delivered", "failed")),
           mine | {"status": "sent", "notification_id": "n"},
           mine | {"status": "sent", "message_type": "sms"})  # fmt: skip
    assert usages(small, "notifications") == {"day": 43}
    assert usages(small, "email") == {"day": 3}


def test_what_cannot_be_answered_is_an_error_and_no_limit_is_an_answer(small: Settings) -> None:
    def refusal(tenant: str = TENANT, resource: str = "users", amount: Any = 1) -> str:
        with pytest.raises(WarehouseError) as caught:
            check_tenant_quota(small, tenant, resource, amount)
        return str(caught.value)

    assert "Unknown tenant 'nobody'" in refusal("nobody")
    assert "Unknown resource 'chairs'" in refusal(resource="chairs")
    assert "choose one of: api_calls, " in refusal(resource="chairs")
    assert "export_records is not measured" in refusal(resource="export_records")
    for amount in (-1, Decimal("-0.5"), Decimal("nan"), Decimal("inf")):
        assert "is no amount to use" in refusal(amount=amount)
    assert "counted in whole numbers, not 0.5" in refusal(amount=Decimal("0.5"))
    assert "the domain wework is switched off" in refusal(resource="wework_accounts")
    insert(small, "saas_tenants", {"id": "bare", "tenant_code": "bare", "tenant_name": "Bare"})
    assert "has no contract" in refusal("bare")

    assert check_tenant_quota(small, "acme", "users").tenant_id == TENANT
    set_contract(small, max_users=None, max_api_calls_per_minute=None, max_api_calls_per_day=None)
    free = check_tenant_quota(small, TENANT, "users", 10**9)
    assert (free.allowed, free.outcome, free.usage, free.limit) == (True, "unlimited", None, None)
    calls = check_tenant_quota(small, TENANT, "api_calls")
    assert [standing.period for standing in calls.limits] == ["hour", "month"]
    for first, last, holds in (
        (date(2026, 2, 28), date(2026, 2, 28), True),
        (date(2026, 2, 28), None, True),
        (date(2026, 3, 1), None, False),
        (date(2026, 2, 1), date(2026, 2, 27), False),
    ):
        set_contract(small, effective_from=first, effective_to=last)
        if holds:
            assert check_tenant_quota(small, TENANT, "users").allowed
        else:
            assert f"not in force on 2026-02-28: it holds from {first}" in refusal()


def test_the_command_answers_by_its_exit_code(small: Settings) -> None:
    def run(*arguments: str) -> Any:
        variables = small.child_environment()
        return CliRunner().invoke(cli.app, ["quota", "check", *arguments], env=variables)

    insert(small, "saas_users",
           *({"tenant_id": TENANT, "username": f"u{n}"} for n in range(9)))  # fmt: skip
    as_of = ("--as-of", "2026-02-28 13:45:30")
    first = run("acme", "users", *as_of)
    assert (first.exit_code, first.stdout) == (
        0, f"allowed: users +1 for {TENANT} (9 of 10 used, day).\n"
    )  # fmt: skip
    second = run("acme", "users", "--amount", "2", *as_of)
    assert second.exit_code == 1
    assert "refused: users +2" in second.stdout and "its contract blocks" in second.stdout
    set_contract(small, overage_policy="allow_overage", overage_rate=Decimal("0.1250"))
    third = run("acme", "users", "--amount", "3", "--json", *as_of)
    told = json.loads(third.stdout)
    assert third.exit_code == 0
    assert {"allowed": True, "outcome": "overage", "overage": "2", "overage_price_cny": "0.2500",
            "usage": 9, "limit": 10, "period": "day"}.items() <= told.items()  # fmt: skip
    assert set(told) == set(QuotaCheck.__dataclass_fields__)
    assert run("acme", "users", "--amount", "few", *as_of).exit_code == 2
    assert run("acme", "chairs", *as_of).exit_code == 1
