"""docs/cookbook.md: each statement runs on both engines, with the same and right answer.

Each answer is held against a figure counted over the raw rows, by other means than the models'.
"""

from __future__ import annotations

import math
import os
import re
import secrets
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any

import pymysql
import pytest
from oracles import business_marts, health
from oracles.base import DAY, Raw
from warehouses import ENGINES, Demo

from orchestration import database
from orchestration.governance import grants
from orchestration.governance.readers import COOKBOOK, QUESTION
from orchestration.settings import DATABASES, PROJECT_ROOT

Rows = list[dict[str, Any]]
TEXT = COOKBOOK.read_text(encoding="utf-8")
QUESTIONS = dict(QUESTION.findall(TEXT))
HOMES = ("warehouse", *DATABASES.values())


@cache
def answer(demo: Demo, engine: str, number: str) -> Rows:
    """The rows by column name, numbers as Python's int or float."""
    sql = re.sub(rf"\b({'|'.join(HOMES)})\.", r"{\1}.", QUESTIONS[number])
    names = re.findall(r"(\w+),?\n", sql[: sql.index("\nfrom ")] + "\n")[1:]
    return [
        {name: plain(value) for name, value in zip(names, row, strict=True)}
        for row in demo.query(engine, sql)
    ]


def plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral() else float(value)
    return value


@cache
def rows_of(raw: Raw, table: str) -> Rows:
    return raw.rows(table)


def total(rows: Rows, column: str) -> Any:
    return sum(row[column] for row in rows)


def near(found: Any, wanted: Any) -> bool:
    return math.isclose(found, float(wanted), rel_tol=1e-6, abs_tol=1e-6)


# --- the answers, counted another way ------------------------------------------------------------


def sent_on(raw: Raw) -> Counter[date]:
    return Counter(
        row["created_at"].date()
        for row in rows_of(raw, "wework_message_records")
        if row["direction"] == "send"
    )


def last_30_days(raw: Raw) -> list[date]:
    return [raw.today - n * DAY for n in range(30)]


def months(raw: Raw, rows: Rows) -> None:
    sent = Counter()
    for day, messages in sent_on(raw).items():
        sent[f"{day:%Y-%m}"] += messages
    calls = Counter(f"{row['created_at']:%Y-%m}" for row in rows_of(raw, "ai_call_logs"))
    placed = Counter(f"{row['order_time']:%Y-%m}" for row in rows_of(raw, "service_orders"))
    assert len(rows) == 12 and rows[0]["calendar_month"] == f"{raw.today:%Y-%m}"
    for row in rows:
        month = row["calendar_month"]
        assert row["sent_messages"] == sent[month]
        assert row["ai_requests"] == calls[month]
        assert row["placed_orders"] == placed[month]


def products(raw: Raw, rows: Rows) -> None:
    codes = {row["id"]: row["tenant_code"] for row in rows_of(raw, "saas_tenants")}
    calls = Counter(
        codes[row["tenant_id"]]
        for row in rows_of(raw, "ai_call_logs")
        if row["created_at"].date() > raw.today - 30 * DAY
    )
    assert len(rows) == 20
    for row in rows:
        assert row["last_30_days_ai_requests"] == calls[row["tenant_code"]]


def working_days(raw: Raw, rows: Rows) -> None:
    sent = sent_on(raw)
    assert total(rows, "days") == 30
    assert total(rows, "sent_messages") == sum(sent[day] for day in last_30_days(raw))
    off, on = sorted(rows, key=lambda row: row["is_working_day"])
    # the only holiday of June 2026, 端午, is the 19th to the 21st
    assert off["days"] == 9
    assert on["sent_messages_a_day"] > off["sent_messages_a_day"]


def limits(raw: Raw, rows: Rows) -> None:
    known = {row["tenant_code"] for row in rows_of(raw, "saas_tenants")}
    agents = Counter(row["tenant_id"] for row in rows_of(raw, "ai_agents"))
    codes = {row["tenant_code"]: row["id"] for row in rows_of(raw, "saas_tenants")}
    assert rows and {row["tenant_code"] for row in rows} <= known
    for row in rows:
        assert row["usage_limit"] * 80 <= row["current_usage"] * 100
        if row["resource_type"] == "ai_agents":
            assert row["current_usage"] <= agents[codes[row["tenant_code"]]]


def failures(raw: Raw, rows: Rows) -> None:
    wanted = Counter(
        row["failure_reason"]
        for row in rows_of(raw, "saas_login_attempts")
        if row["failure_reason"] and row["attempt_result"] != "success"
    )
    assert {row["failure_reason"]: row["attempts"] for row in rows} == wanted


def second_factors(raw: Raw, rows: Rows) -> None:
    users = [
        u for u in rows_of(raw, "saas_users") if u["status"] == "active" and not u["deleted_at"]
    ]
    assert total(rows, "users") == len(users)
    assert total(rows, "users_without") == sum(not user["mfa_enabled"] for user in users)


def alert_levels(raw: Raw, rows: Rows) -> None:
    alerts = rows_of(raw, "saas_unified_alerts")
    wanted = Counter(alert["alert_level"] for alert in alerts)
    assert {row["alert_level"]: row["alerts"] for row in rows} == wanted
    assert total(rows, "resolved") == sum(alert["resolved_at"] is not None for alert in alerts)


def agents(raw: Raw, rows: Rows) -> None:
    known = {agent["id"] for agent in rows_of(raw, "ai_agents")}
    calls = [
        call
        for call in rows_of(raw, "ai_call_logs")
        if call["agent_id"] in known and call["created_at"].date() > raw.today - 30 * DAY
    ]
    assert total(rows, "calls") == len(calls)
    assert near(total(rows, "call_cost_cny"), sum(call["cost"] or 0 for call in calls))


def platforms(raw: Raw, rows: Rows) -> None:
    types = {row["id"]: row["platform_type"] for row in rows_of(raw, "ai_platforms")}
    calls = [call for call in rows_of(raw, "ai_call_logs") if call["platform_id"] in types]
    wanted = Counter(types[call["platform_id"]] for call in calls)
    assert {row["platform_type"]: row["calls"] for row in rows} == wanted
    cost = sum(row["cost_cny_per_1000_calls"] * row["calls"] / 1000 for row in rows)
    assert math.isclose(cost, float(sum(call["cost"] or 0 for call in calls)), rel_tol=0.01)


def abandoned(raw: Raw, rows: Rows) -> None:
    types = {agent["id"]: agent["agent_type"] for agent in rows_of(raw, "ai_agents")}
    wanted = Counter(types[row["agent_id"]] for row in rows_of(raw, "ai_conversations"))
    assert {row["agent_type"]: row["conversations"] for row in rows} == wanted
    assert all(0 <= row["abandoned"] <= row["conversations"] for row in rows)


def knowledge(raw: Raw, rows: Rows) -> None:
    asked = {r["id"]: r for r in rows_of(raw, "ai_knowledge_bases") if r["query_count"]}
    worst = sorted(Decimal(r["hit_count"]) / r["query_count"] for r in asked.values())[:10]
    assert [round(row["hit_rate_pct"], 1) for row in rows] == [
        pytest.approx(float(100 * share), abs=0.06) for share in worst
    ]
    for row in rows:
        assert row["queries"] == asked[row["knowledge_base_id"]]["query_count"]


def funnel_of_messages(raw: Raw, rows: Rows) -> None:
    sent = [m for m in rows_of(raw, "wework_message_records") if m["direction"] == "send"]
    assert {r["message_type"]: r["written"] for r in rows} == Counter(
        m["message_type"] for m in sent
    )
    for column, moment in (
        ("sent", "sent_at"),
        ("delivered", "delivered_at"),
        ("has_been_read", "read_at"),
    ):
        assert total(rows, column) == sum(message[moment] is not None for message in sent)


def accounts_down(raw: Raw, rows: Rows) -> None:
    """The worst was OFFLINE or ERROR all along: its history says nothing else in these days."""
    first = datetime.combine(raw.today - 29 * DAY, datetime.min.time())
    for row in rows:
        moves = sorted(
            (
                move
                for move in rows_of(raw, "wework_account_status_history")
                if move["account_id"] == row["account_id"]
            ),
            key=lambda move: (move["created_at"], move["id"]),
        )
        down, since = 0.0, None
        for move in [*moves, {"created_at": raw.as_of, "new_status": None}]:
            if since is not None:
                start, end = max(since, first), max(move["created_at"], first)
                down += (end - start).total_seconds() / 3600
            down_now = move["new_status"] in ("OFFLINE", "ERROR")
            since = move["created_at"] if down_now else None
        assert row["hours_down"] == pytest.approx(down, abs=0.06)


def errors(raw: Raw, rows: Rows) -> None:
    wanted = Counter(
        m["error_code"]
        for m in rows_of(raw, "wework_message_records")
        if m["send_status"] == "failed" and m["error_code"]
    )
    assert {row["error_code"]: row["messages"] for row in rows} == wanted


def hours(raw: Raw, rows: Rows) -> None:
    wanted = Counter(
        m["read_at"].hour
        for m in rows_of(raw, "wework_message_records")
        if m["direction"] == "send" and m["read_at"]
    )
    assert {row["hour_of_day"]: row["read_messages"] for row in rows} == wanted


def age_bands(raw: Raw, rows: Rows) -> None:
    released = health.released(raw)
    births = {key: row["birth_date"] for key, row in released.items()}
    readings, people = Counter(), {}
    for sign in rows_of(raw, "health_vital_signs"):
        if sign["patient_id"] in released:
            band = health.band_on(births[sign["patient_id"]], sign["measured_at"].date())
            readings[band] += 1
            people.setdefault(band, set()).add(sign["patient_id"])
    wanted = {band: n for band, n in readings.items() if band and len(people[band]) >= 5}
    assert wanted and {row["age_band"]: row["readings"] for row in rows} == wanted


def health_alerts(raw: Raw, rows: Rows) -> None:
    released = health.released(raw)
    wanted = Counter(
        alert["alert_level"]
        for alert in rows_of(raw, "health_alerts")
        if alert["patient_id"] in released and alert["alert_level"] in ("critical", "emergency")
    )
    assert {row["alert_level"]: row["alerts"] for row in rows} == wanted


def devices(raw: Raw, rows: Rows) -> None:
    owned = rows_of(raw, "health_devices")
    assert {r["device_type"]: r["devices"] for r in rows} == Counter(
        d["device_type"] for d in owned
    )
    assert total(rows, "measurements") == sum(d["total_measurements"] or 0 for d in owned)


def funnel_of_orders(raw: Raw, rows: Rows) -> None:
    [row] = rows
    orders = rows_of(raw, "service_orders")
    assert row["placed"] == len(orders)
    assert row["completed"] == sum(order["complete_time"] is not None for order in orders)
    steps = list(row.values())
    assert steps == sorted(steps, reverse=True)


def services(raw: Raw, rows: Rows) -> None:
    """Money counts until it is given back: neither cancelled nor refunded orders bring any."""
    orders = {order["id"]: order for order in rows_of(raw, "service_orders")}
    wanted: Counter[str] = Counter()
    for item in rows_of(raw, "service_order_items"):
        order = orders[item["order_id"]]
        gone = "cancelled" in (item["service_status"], order["order_status"])
        if not gone and order["order_status"] not in business_marts.UNEARNED:
            wanted[item["service_id"]] += item["final_price"]
    best = [money for _, money in wanted.most_common(10)]
    assert all(near(row["revenue_cny"], money) for row, money in zip(rows, best, strict=True))


def order_states(raw: Raw, rows: Rows) -> None:
    orders = rows_of(raw, "service_orders")
    wanted = Counter(order["order_status"] for order in orders)
    assert {row["order_status"]: row["orders"] for row in rows} == wanted
    assert all(row["label_en"] and row["label_zh"] for row in rows)
    assert near(total(rows, "total_amount_cny"), sum(order["total_amount"] for order in orders))


def campaigns(raw: Raw, rows: Rows) -> None:
    shown = [row for row in rows_of(raw, "marketing_campaigns") if row["status"] != "draft"]
    assert total(rows, "campaigns") == len(shown)
    assert near(total(rows, "revenue_cny"), sum(row["total_revenue"] for row in shown))
    assert total(rows, "participants") == sum(row["total_participants"] for row in shown)


def best_customers(raw: Raw, rows: Rows) -> None:
    buyers = [row for row in rows_of(raw, "customers") if row["total_orders"]]
    money = sum(row["total_amount"] for row in buyers)
    assert 0 < total(rows, "customers") < 0.4 * len(buyers)
    mean = float(money) / len(buyers)
    assert total(rows, "amount_cny") / total(rows, "customers") > mean


def retention(raw: Raw, rows: Rows) -> None:
    buyers = {
        row["customer_id"]
        for row in rows_of(raw, "service_orders")
        if row["customer_id"] and row["order_status"] != "cancelled"
    }
    assert [row["months_since_first"] for row in rows] == list(range(len(rows)))
    assert rows[0]["retained_customers"] == rows[0]["cohort_customers"] <= len(buyers)
    assert all(0 < row["retention_pct"] <= 100 for row in rows)


def overlaps(raw: Raw, rows: Rows) -> None:
    members: dict[str, set[str]] = {}
    for row in rows_of(raw, "customer_segment_members"):
        if row["status"] == "active":
            members.setdefault(row["segment_id"], set()).add(row["customer_id"])
    assert len(rows) == 10
    for row in rows:
        one, other = members[row["segment_id"]], members[row["other_segment_id"]]
        assert row["both_customers"] == len(one & other)
        share = 100 * len(one & other) / len(one | other)
        assert row["jaccard_pct"] == pytest.approx(share, abs=0.006)


CHECKS: dict[str, Callable[[Raw, Rows], None]] = {
    str(number): check
    for number, check in enumerate(
        (
            months, products, working_days, limits, failures, second_factors, alert_levels,
            agents, platforms, abandoned, knowledge, funnel_of_messages, accounts_down, errors,
            hours, age_bands, health_alerts, devices, funnel_of_orders, services, order_states,
            campaigns, best_customers, retention, overlaps,
        ),
        start=1,
    )
}  # fmt: skip


def test_every_question_has_a_check() -> None:
    assert len(QUESTIONS) == TEXT.count("```sql") == 25
    assert list(QUESTIONS) == list(CHECKS)


@pytest.mark.parametrize("number", QUESTIONS)
@pytest.mark.parametrize("engine", ENGINES)
def test_the_answer_is_right(demo: Demo, engine: str, number: str) -> None:
    CHECKS[number](demo.raw, answer(demo, engine, number))


@pytest.mark.mysql
@pytest.mark.parametrize("number", QUESTIONS)
def test_both_engines_give_the_same_answer(demo: Demo, number: str) -> None:
    here, there = answer(demo, "embedded", number), answer(demo, "mysql", number)
    assert len(here) == len(there)
    for one, other in zip(here, there, strict=True):
        for column, value in one.items():
            found = other[column]
            same = near(found, value) if isinstance(value, float) else found == value
            assert same, f"{column}: {value!r} here, {found!r} there"


@pytest.fixture(scope="module")
def tool(demo: Demo) -> Iterator[dict[str, Any]]:
    """How a BI tool's user logs in, made by the page's own statements."""
    settings = demo.on("mysql")
    named = grants.names(settings, "%")
    role, user = named.role("analyst"), f"{settings.database_prefix}bi"
    [block] = re.findall(r"^```text\n(create user 'bi'.*?)^```", TEXT, re.DOTALL | re.MULTILINE)
    password = secrets.token_urlsafe()
    for written, meant in (("'bi'@'10.%'", f"'{user}'@'%'"), ("…", password),
                           ("wh_analyst", named.user("analyst"))):  # fmt: skip
        assert written in block
        block = block.replace(written, meant)
    given = [f"create role {role}", *grants.statements(settings, "%")]
    given = [s for s in given if s == given[0] or s.endswith(f" to {role}")]
    with database.connect(settings) as connection:
        try:
            for statement in (*given, *filter(None, block.split(";\n"))):
                connection.exec_driver_sql(statement.replace("%", "%%"))
            yield {"host": settings.mysql.host, "port": settings.mysql.port, "user": user,
                   "password": password, "charset": "utf8mb4"}  # fmt: skip
        finally:
            for statement in (f"drop user if exists '{user}'@'%'", f"drop role if exists {role}"):
                connection.exec_driver_sql(statement.replace("%", "%%"))


@pytest.mark.mysql
def test_a_bi_tool_gets_every_answer_and_nobody(demo: Demo, tool: dict[str, Any]) -> None:
    settings = demo.on("mysql")
    prefixed = {home: settings.database_prefix + home for home in HOMES}
    encrypted = {"ssl": {"check_hostname": False, "verify_mode": "none"}}
    with closing(pymysql.connect(**tool, **encrypted)) as link, link.cursor() as cursor:
        for number, sql in QUESTIONS.items():
            names = rf"\b({'|'.join(HOMES)})\."
            cursor.execute(re.sub(names, lambda home: f"{prefixed[home[1]]}.", sql))
            assert len(cursor.fetchall()) == len(answer(demo, "mysql", number)), number
        for table in ("saas_unified_core.saas_users", "customer_management.customers"):
            with pytest.raises(pymysql.OperationalError, match="denied"):
                cursor.execute(f"select 1 from {settings.database_prefix}{table}")
    with pytest.raises(pymysql.OperationalError, match="Access denied"):
        pymysql.connect(**tool, ssl_disabled=True)


def test_nothing_but_marts_views_and_labels_is_read() -> None:
    marts = {file.stem for file in (PROJECT_ROOT / "models" / "marts").rglob("*.sql")}
    for sql in QUESTIONS.values():
        read = set(re.findall(rf"\b(?:{'|'.join(HOMES)})\.(\w+)", sql))
        assert read and read <= marts | {"code_labels"}


@pytest.mark.parametrize("engine", ENGINES)
def test_the_python_example_runs(demo: Demo, engine: str) -> None:
    settings = demo.on(engine)
    [code] = re.findall(r"^```python\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)
    code += "print('all', int(weekly['sent_messages'].sum()))\n"
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=PROJECT_ROOT, env=os.environ | settings.child_environment(),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert f"all {sum(sent_on(demo.raw).values())}" in run.stdout
