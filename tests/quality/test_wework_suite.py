"""The wework suite: silent over clean outputs, and each expectation fails on its damage."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta

import pytest
from wework_outputs import build, damage

from orchestration import database, validation
from orchestration.gx_session import Outcome, run_suites
from orchestration.settings import Settings

TODAY = date(
    2026, 6, 30
)  # a Tuesday; the checked days are 23 to 29 June, with a Sunday on the 28th
USAGE, DAILY = "{wework}.wework_tenant_usage", "{wework}.wework_account_daily"
STATUS, HEALTH = "{wework}.wework_account_status_daily", "{wework}.wework_account_health"
FIGURES, TYPES = "{wework}.wework_account_statistics", "{wework}.wework_message_daily"
OVERVIEW, MESSAGES = "{wework}.v_wework_account_overview", "{warehouse}.fct_messages"
ON_FRIDAY = "where stat_date = date '2026-06-26'"
A_DAY = "where tenant_id = 'tenant-a' and stat_date = date '2026-06-26'"
AN_ACCOUNT_DAY = "where account_id = 'tenant-a-0' and stat_date = date '2026-06-26'"
AN_ACCOUNT = "where account_id = 'tenant-a-0'"

# expectation -> damages, each on its own: SQL statements
DAMAGES: dict[str, list[list[str]]] = {
    "usage_is_fresh": [
        [f"delete from {USAGE} where stat_date >= date '2026-06-29'"],
        [f"update {USAGE} set stat_date = date '2026-07-01' where stat_date = date '2026-06-30'"],
        [f"delete from {USAGE}"],
    ],
    "usage_sent_volume_is_steady": [
        [f"update {USAGE} set sent_messages = 0 {ON_FRIDAY}"],
        [f"update {USAGE} set sent_messages = sent_messages * 2 {ON_FRIDAY}"],
        [
            f"update {USAGE} set sent_messages = floor(sent_messages / 3) "
            "where stat_date = date '2026-06-28'"
        ],
    ],
    "usage_received_volume_is_steady": [
        [f"update {USAGE} set received_messages = 0 where stat_date = date '2026-06-29'"]
    ],
    "usage_online_accounts_are_steady": [[f"update {USAGE} set online_accounts = 0 {ON_FRIDAY}"]],
    "usage_failures_are_usual": [
        [f"update {USAGE} set failed_messages = floor(sent_messages / 3) {A_DAY}"]
    ],
    "usage_day_is_no_copy": [
        [
            f"delete from {USAGE} {ON_FRIDAY}",
            f"insert into {USAGE} (tenant_id, stat_date, sent_messages, received_messages, "
            "failed_messages, group_messages, active_contacts) select tenant_id, "
            "date '2026-06-26', sent_messages, received_messages, failed_messages, "
            f"group_messages, active_contacts from {USAGE} where stat_date = date '2026-06-25'",
        ]
    ],
    "usage_accounts_do_not_vanish": [[f"update {USAGE} set total_accounts = 9 {A_DAY}"]],
    "usage_success_rate_is_a_percentage": [
        [f"update {USAGE} set message_success_rate = 140 {A_DAY}"],
        [f"update {USAGE} set message_success_rate = -1 {A_DAY}"],
    ],
    "usage_uptime_is_a_percentage": [[f"update {USAGE} set uptime_percentage = 100.01 {A_DAY}"]],
    "usage_response_time_is_plausible": [[f"update {USAGE} set avg_response_time = 512.3 {A_DAY}"]],
    "usage_failed_is_part_of_sent": [
        [f"update {USAGE} set failed_messages = sent_messages + 1 {A_DAY}"]
    ],
    "usage_group_messages_are_part_of_all": [
        [f"update {USAGE} set group_messages = total_messages + 1 {A_DAY}"]
    ],
    "usage_counterparts_need_messages": [
        [f"update {USAGE} set active_groups = group_messages + 1 {A_DAY}"],
        [f"update {USAGE} set active_contacts = total_messages + 1 {A_DAY}"],
    ],
    "usage_online_is_part_of_accounts": [
        [f"update {USAGE} set online_accounts = total_accounts + 1 {A_DAY}"]
    ],
    "usage_active_is_part_of_accounts": [
        [f"update {USAGE} set active_accounts = total_accounts + 1 {A_DAY}"]
    ],
    "usage_critical_is_part_of_alerts": [
        [f"update {USAGE} set critical_alerts = total_alerts + 1 {A_DAY}"]
    ],
    "usage_counts_are_not_negative": [[f"update {USAGE} set new_contacts = -1 {A_DAY}"]],
    "usage_success_rate_follows_from_counts": [
        [f"update {USAGE} set failed_messages = floor(sent_messages / 2) {A_DAY}"],
        [f"update {USAGE} set message_success_rate = null {A_DAY}"],
        [f"update {USAGE} set message_success_rate = 0 where tenant_id = 'tenant-silent'"],
    ],
    "usage_uptime_equals_its_accounts": [
        [f"update {STATUS} set seconds = 0 where status = 'ONLINE' and account_id = 'tenant-b-3'"],
        [f"update {USAGE} set uptime_percentage = null where stat_date = date '2026-06-29'"],
    ],
    "account_messages_are_fresh": [[f"delete from {DAILY} where stat_date >= date '2026-06-29'"]],
    "account_messages_only_advance": [
        [f"update {DAILY} set read_count = delivered_count + 1 {AN_ACCOUNT_DAY}"],
        [f"update {DAILY} set delivered_count = sent_count + 1 {AN_ACCOUNT_DAY}"],
        [f"update {DAILY} set sent_count = send_total + 1 {AN_ACCOUNT_DAY}"],
    ],
    "account_messages_have_one_fate": [
        [f"update {DAILY} set recalled_count = recalled_count + 1 {AN_ACCOUNT_DAY}"],
        [f"update {DAILY} set failed_count = -1 {AN_ACCOUNT_DAY}"],
    ],
    "account_responses_are_plausible": [
        [f"update {DAILY} set response_ms_sum = response_ms_sum * 1000 {AN_ACCOUNT_DAY}"],
        [f"update {DAILY} set response_count = send_total + 1 {AN_ACCOUNT_DAY}"],
    ],
    "account_response_time_is_usual": [
        [f"update {DAILY} set response_ms_sum = floor(response_ms_sum / 1000) {ON_FRIDAY}"],
        [f"update {DAILY} set response_ms_sum = response_ms_sum * 20 {ON_FRIDAY}"],
    ],
    "account_read_share_is_usual": [[f"update {DAILY} set read_count = 0 {ON_FRIDAY}"]],
    "message_days_add_up_to_their_accounts": [
        [f"update {TYPES} set message_count = message_count + 1 {AN_ACCOUNT_DAY}"],
        [f"delete from {TYPES} {AN_ACCOUNT_DAY} and direction = 'receive'"],
        [f"delete from {DAILY} {AN_ACCOUNT_DAY}"],
    ],
    "message_days_time_no_more_than_they_count": [
        [f"update {TYPES} set response_count = message_count + 1 {AN_ACCOUNT_DAY}"],
        [f"update {TYPES} set processing_ms_sum = -1 {AN_ACCOUNT_DAY}"],
    ],
    "account_status_is_fresh": [[f"delete from {STATUS} where stat_date >= date '2026-06-29'"]],
    "account_status_seconds_fit_a_day": [
        [f"update {STATUS} set seconds = 86401 where account_id = 'tenant-a-0'"],
        [f"update {STATUS} set seconds = 0 where account_id = 'tenant-a-0'"],
    ],
    "account_statuses_share_the_day": [
        [
            f"update {STATUS} set seconds = seconds + 1 "
            "where account_id = 'tenant-a-0' and status = 'ONLINE'"
        ]
    ],
    "account_status_has_every_account_and_day": [[f"delete from {STATUS} {AN_ACCOUNT_DAY}"]],
    "account_figures_fit_their_scales": [
        [f"update {FIGURES} set message_success_rate = 140 {AN_ACCOUNT}"],
        [f"update {FIGURES} set uptime_percentage = -1 {AN_ACCOUNT}"],
        [f"update {FIGURES} set avg_message_response_time = 350 {AN_ACCOUNT}"],
    ],
    "account_figures_are_not_negative": [
        [f"update {FIGURES} set online_duration_hours = -0.5 {AN_ACCOUNT}"]
    ],
    "account_figures_have_one_fate": [
        [f"update {FIGURES} set failed_messages = total_messages {AN_ACCOUNT}"]
    ],
    "account_figures_do_not_vanish": [
        [f"update {FIGURES} set total_messages = 0, successful_messages = 0, failed_messages = 0"],
        [f"delete from {FIGURES}"],
    ],
    "health_score_is_a_score": [[f"update {HEALTH} set health_score = 101 {AN_ACCOUNT}"]],
    "health_deductions_are_bounded": [
        [f"update {HEALTH} set error_deduction = 22 {AN_ACCOUNT}"],
        [f"update {HEALTH} set uptime_deduction = -1 {AN_ACCOUNT}"],
    ],
    "health_score_follows_from_deductions": [
        [f"update {HEALTH} set heartbeat_deduction = 10 - heartbeat_deduction {AN_ACCOUNT}"]
    ],
    "health_scores_differ": [
        [f"update {HEALTH} set health_score = 100"],
        [f"delete from {HEALTH}"],
    ],
    "overview_health_score_is_a_score": [
        [f"update {OVERVIEW} set health_score = -5 where id = 'tenant-a-0'"]
    ],
    "overview_success_rate_is_a_percentage": [
        [f"update {OVERVIEW} set message_success_rate = 140 where id = 'tenant-a-0'"]
    ],
    "overview_uptime_is_a_percentage": [
        [f"update {OVERVIEW} set uptime_percentage = 140 where id = 'tenant-a-0'"]
    ],
    "overview_counts_are_not_negative": [
        [f"update {OVERVIEW} set total_messages = -1 where id = 'tenant-a-0'"]
    ],
    "overview_has_no_time_to_come": [
        [
            f"update {OVERVIEW} set last_heartbeat_time = timestamp '2026-07-01 00:00:00' "
            "where id = 'tenant-a-0'"
        ]
    ],
    "messages_are_fresh": [
        [f"delete from {MESSAGES}"],
        [f"update {MESSAGES} set message_date = date '2026-07-05' {AN_ACCOUNT}"],
    ],
    "messages_sleep_at_night": [
        [f"update {MESSAGES} set created_at = created_at - interval '8' hour"],
        [f"update {MESSAGES} set created_at = created_at + interval '12' hour"],
    ],
    "messages_response_is_plausible": [
        [f"update {MESSAGES} set response_time_ms = 2000000 {AN_ACCOUNT}"]
    ],
}
CASES = {
    f"{name}-{number}": (statements, name)
    for name, damages in DAMAGES.items()
    for number, statements in enumerate(damages, 1)
}


@pytest.fixture(scope="module")
def outputs(module_engine_settings: Settings) -> Settings:
    """Clean outputs on each engine; a test that damages a relation makes it anew."""
    settings = dataclasses.replace(module_engine_settings, as_of=datetime(2026, 6, 30, 9, 30))
    build(settings, TODAY)
    return settings


@pytest.fixture
def damaged(request: pytest.FixtureRequest, outputs: Settings) -> Iterator[Settings]:
    statements: list[str] = request.param
    damage(outputs, statements)
    yield outputs
    touched = set(re.findall(r"(?:update|into|from) \{\w+\}\.(\w+)", str(statements)))
    build(outputs, TODAY, only=touched)


def verdict(settings: Settings, name: str) -> Outcome:
    """What one expectation of the suite says alone."""
    scope = validation.scope_of(settings)
    for product in validation.products_of("wework", "outputs", scope):
        chosen = [e for e in product.expectations if e.name == name]
        if chosen:
            alone = dataclasses.replace(product, expectations=chosen)
            return run_suites(settings, {"wework": [alone]}, scope, settings.as_of)["wework"][0]
    raise LookupError(name)


def test_clean_outputs_raise_no_alarm(outputs: Settings) -> None:
    result = validation.run_suite(outputs, "wework")
    assert [f"{o.name}: {o.unexpected_rows}" for o in result.failures] == []
    assert {outcome.name for outcome in result.outcomes} == set(DAMAGES), "damage without a case"


@pytest.mark.parametrize(("damaged", "name"), CASES.values(), ids=CASES, indirect=["damaged"])
def test_damage_is_found(damaged: Settings, name: str) -> None:
    outcome = verdict(damaged, name)
    assert not outcome.success
    assert outcome.unexpected_rows > 0
    # the query that the summary offers shows exactly these rows
    with database.connect(damaged, read_only=True) as connection:
        assert len(connection.exec_driver_sql(outcome.look).all()) == outcome.unexpected_rows


@pytest.mark.parametrize("weekday", range(7))
def test_no_weekday_is_an_alarm(weekday: int, embedded_settings: Settings) -> None:
    today = TODAY + timedelta(days=weekday)
    settings = dataclasses.replace(
        embedded_settings, as_of=datetime.combine(today, time(23, 59, 59))
    )
    build(settings, today, seed=weekday + 2)
    result = validation.run_suite(settings, "wework")
    assert [f"{o.name}: {o.unexpected_rows}" for o in result.failures] == []
