"""Core: tenants, people, sign-ins, audit, alerts, metrics, messages and files.

Days are business days. Large tables are read by days (`scope.since`), small ones whole.
"""

from __future__ import annotations

from expectations.base import (
    HISTORY_DAYS,
    Product,
    Scope,
    at_most,
    complete,
    fresh,
    in_order,
    no_rows,
    not_ahead,
    not_negative,
    quiet_nights,
    readable,
    rule,
    same_tenant,
    steady_mix,
    steady_ratio,
    steady_volume,
    within,
)

DATABASE = "saas_unified_core"
USERS = (DATABASE, "saas_users")
WRITTEN_DAY = "cast(created_at as date)"
# An audited action is one request of an application: beyond ten minutes its proxy has given up.
SLOWEST_ACTION_MS = 600_000
# RFC 5321 (4.5.3.2) has a sender wait up to ten minutes for an answer, and give up after days.
SLOWEST_DELIVERY_DAYS = 7
# The largest object that common stores take in one (5 TiB).
LARGEST_FILE_BYTES = 5 * 1024**4
# RFC 5321 addresses: something, an at sign, a domain; ours are ASCII.
EMAIL = "^[^@ ]+@[^@ ]+[.][^@ ]+$"
IP_ADDRESS = "^([0-9]{1,3}([.][0-9]{1,3}){3}|[0-9a-fA-F:.]*:[0-9a-fA-F:.]*)$"


def sources(scope: Scope) -> list[Product]:
    """What the applications wrote into core, in a fixed order."""
    return [
        tenants(scope),
        users(scope),
        tenant_quotas(scope),
        sessions(scope),
        login_attempts(scope),
        audit_logs(scope),
        alerts(scope),
        system_metrics(scope),
        health_checks(scope),
        monitor_rules(scope),
        message_logs(scope),
        notifications(scope),
        api_keys(scope),
        files(scope),
        file_shares(scope),
    ]


def outputs(scope: Scope) -> list[Product]:
    """What was built from core, in a fixed order."""
    return [
        usage_statistics(scope),
        quota_usage(scope),
        security_daily(scope),
        delivery_daily(scope),
        platform_health(scope),
        logins(scope),
        audit_events(scope),
        alert_facts(scope),
        quota_utilization(scope),
    ]


# --- sources -------------------------------------------------------------------------------------


def tenants(scope: Scope) -> Product:
    """One row per tenant."""
    return Product(
        DATABASE,
        "saas_tenants",
        tenant="id",
        expectations=[
            not_ahead(
                "tenants_are_not_of_tomorrow",
                scope,
                ["created_at", "updated_at"],
                "A clock that runs ahead or a zone added twice: every day of a tenant's figures "
                "begins with its creation.",
            ),
            in_order(
                "tenants_subscribe_before_they_end",
                ["subscription_start_date", "subscription_end_date"],
                "Swapped columns of a contract, which would end it before it began.",
            ),
            rule(
                "tenants_have_plausible_quotas",
                ["storage_quota_gb", "bandwidth_quota_gb"],
                "storage_quota_gb < 0 or storage_quota_gb > 10000000 or bandwidth_quota_gb < 0 "
                "or bandwidth_quota_gb > 10000000",
                "Bytes or megabytes taken for GiB in a contract: beyond 10 PiB.",
            ),
            readable(
                "tenants_have_readable_names",
                scope,
                ["tenant_name", "suspension_reason"],
                "A name in a broken encoding, which every report would show.",
            ),
            no_rows(
                "tenants_do_not_vanish",
                ["status"],
                "A partial load or a mapping of states: most customers gone over night.",
                """
                , counted as (
                    select count(*) as tenants,
                        sum(case when status = 'active' then 1 else 0 end) as active from checked
                )
                select tenants as expected, active as got from counted
                where tenants >= 4 and active < 0.25 * tenants
                """,
                "a quarter of all tenants active",
            ),
        ],
    )


def users(scope: Scope) -> Product:
    """One row per user, deleted ones included."""
    return Product(
        DATABASE,
        "saas_users",
        expectations=[
            not_ahead(
                "users_are_not_of_tomorrow",
                scope,
                ["created_at", "updated_at", "last_login_at", "password_changed_at", "deleted_at"],
                "A clock that runs ahead or a zone added twice.",
            ),
            in_order(
                "users_exist_before_they_log_in",
                ["created_at", "last_login_at"],
                "Swapped times, or a shifted zone in one of two columns.",
            ),
            rule(
                "users_have_an_address",
                ["email"],
                f"not {scope.matches('email', EMAIL)}",
                "Phone numbers or names in the place of e-mail addresses: swapped columns.",
                "an e-mail address",
            ),
            rule(
                "users_have_a_phone_number",
                ["phone"],
                f"not {scope.matches('phone', '^[+]?[0-9][0-9 -]{5,18}$')}",
                "Addresses or names in the place of phone numbers: swapped columns.",
                "a phone number",
            ),
            rule(
                "users_last_log_in_from_an_address",
                ["last_login_ip"],
                f"not {scope.matches('last_login_ip', IP_ADDRESS)}",
                "A proxy's header or a device's name in the place of an IP address.",
                "an IPv4 or IPv6 address",
            ),
            within(
                "users_fail_to_log_in_plausibly_often",
                "login_failure_count",
                0,
                1000,
                "A counter that is never reset, or a time stamp in its place.",
            ),
            readable(
                "users_have_readable_texts",
                scope,
                ["username", "department", "position"],
                "Chinese decoded by the wrong table, which the address book would show.",
            ),
        ],
    )


def tenant_quotas(scope: Scope) -> Product:
    """One row per tenant and time of contract: its limits."""
    pairs = [
        ("max_daily_wework_messages", "max_monthly_wework_messages"),
        ("max_api_calls_per_minute", "max_api_calls_per_hour"),
        ("max_api_calls_per_hour", "max_api_calls_per_day"),
        ("max_api_calls_per_day", "max_api_calls_per_month"),
    ]
    return Product(
        DATABASE,
        "saas_tenant_quotas",
        expectations=[
            rule(
                "quotas_grow_with_their_period",
                sorted({column for pair in pairs for column in pair}),
                " or ".join(f"({part} > {whole} and {whole} > 0)" for part, whole in pairs),
                "Swapped limits: an hour's that is above the day's never holds anybody.",
            ),
            not_negative(
                "quotas_are_not_negative",
                ["max_users", "max_storage_gb", "max_ai_tokens_per_day", "overage_rate"],
                "A limit below nothing, which refuses everything or pays money back.",
            ),
            within(
                "quotas_warn_at_a_percentage",
                "warning_threshold",
                1,
                100,
                "A share (0.8) taken for a percentage (80): everybody would be warned always.",
            ),
            in_order(
                "quotas_begin_before_they_end",
                ["effective_from", "effective_to"],
                "Swapped days, by which no contract would be in force.",
            ),
        ],
    )


def sessions(scope: Scope) -> Product:
    """One row per session of a user; read are those begun in the last weeks."""
    return Product(
        DATABASE,
        "saas_user_sessions",
        where=scope.since("created_at"),
        day=WRITTEN_DAY,
        expectations=[
            not_ahead(
                "sessions_are_not_of_tomorrow",
                scope,
                ["created_at", "last_activity_at", "last_refresh_at", "revoked_at"],
                "A clock that runs ahead; such a session would outlive its user's lock-out.",
            ),
            in_order(
                "sessions_begin_before_they_are_used",
                ["created_at", "last_activity_at"],
                "Swapped times, or a shifted zone in one of two columns.",
            ),
            rule(
                "sessions_end_after_they_begin",
                ["created_at", "expires_at"],
                "expires_at <= created_at or expires_at > created_at + interval '400' day",
                "Swapped times, or seconds taken for days: a session that lasts for years.",
            ),
            within(
                "sessions_have_a_risk_score",
                "risk_score",
                0,
                100,
                "Another scale of the risk engine.",
            ),
            same_tenant(
                "sessions_stay_with_their_users_tenant",
                scope,
                "user_id",
                USERS,
                "A session that gives a user the rows of another tenant.",
            ),
        ],
    )


def login_attempts(scope: Scope) -> Product:
    """One row per attempt to log in; read are the last weeks."""
    return Product(
        DATABASE,
        "saas_login_attempts",
        where=scope.since("created_at"),
        day=WRITTEN_DAY,
        expectations=[
            steady_volume(
                "attempts_are_steady",
                scope,
                "1",
                "A lost, doubled or partial day of sign-ins, or a door that nobody gets through.",
                day=WRITTEN_DAY,
                least=60,
                high=4,
            ),
            not_ahead(
                "attempts_are_not_of_tomorrow",
                scope,
                ["created_at"],
                "A clock that runs ahead: brute force would look like the future.",
            ),
            within(
                "attempts_have_a_risk_score",
                "risk_score",
                0,
                100,
                "Another scale of the risk engine.",
            ),
            rule(
                "attempts_come_from_an_address",
                ["ip_address"],
                f"not {scope.matches('ip_address', IP_ADDRESS)}",
                "A proxy's header in the place of the address that blocks are set on.",
                "an IPv4 or IPv6 address",
            ),
            rule(
                "attempts_that_succeed_have_no_reason",
                ["attempt_result", "failure_reason"],
                "attempt_result = 'success' and failure_reason is not null",
                "Results and reasons of different attempts: columns loaded out of step.",
            ),
            rule(
                "attempts_block_after_they_are_made",
                ["blocked_until", "created_at"],
                "blocked_until < created_at",
                "A block that ends before it begins: nobody is kept out.",
            ),
        ],
    )


def audit_logs(scope: Scope) -> Product:
    """One row per audited action; read are the last weeks."""
    return Product(
        DATABASE,
        "saas_unified_audit_logs",
        where=scope.since("created_at"),
        day=WRITTEN_DAY,
        expectations=[
            steady_volume(
                "audit_volume_is_steady",
                scope,
                "1",
                "A lost, doubled or partial day of the audit trail.",
                day=WRITTEN_DAY,
                least=60,
            ),
            complete(
                "audit_has_every_busy_tenant",
                scope,
                "A tenant whose audit trail stopped while its people go on.",
                day=WRITTEN_DAY,
            ),
            fresh(
                "audit_is_fresh",
                scope,
                WRITTEN_DAY,
                "An audit trail that stopped: whoever does damage then is not seen.",
            ),
            not_ahead(
                "audit_is_not_of_tomorrow",
                scope,
                ["created_at"],
                "A clock that runs ahead puts an action beyond every report on its day.",
            ),
            quiet_nights(
                "audit_sleeps_at_night",
                scope,
                "created_at",
                "Times shifted by a time zone: people do not work between two and six.",
                people="operator_type = 'user'",
            ),
            steady_mix(
                "audit_actions_are_mixed_as_usual",
                scope,
                "action",
                "Actions mapped to another one by a new version of a client.",
                day=WRITTEN_DAY,
            ),
            within(
                "audit_times_are_plausible",
                "execution_time_ms",
                0,
                SLOWEST_ACTION_MS,
                "Microseconds, or a time stamp, in the place of milliseconds.",
            ),
            steady_ratio(
                "audit_times_are_usual",
                scope,
                "execution_time_ms",
                "case when execution_time_ms is not null then 1 else 0 end",
                "A unit that changed on one day.",
                day=WRITTEN_DAY,
                low=0.05,
                high=15,
                least=30,
            ),
            steady_ratio(
                "audit_failures_are_usual",
                scope,
                "case when status = 'failure' then 1 else 0 end",
                "1",
                "Results mapped wrongly, or an application that fails at everything.",
                day=WRITTEN_DAY,
                slack=0.3,
                least=30,
            ),
            readable(
                "audit_has_readable_targets",
                scope,
                ["target_name"],
                "Names in a broken encoding: nobody could say what was changed.",
            ),
            rule(
                "audit_comes_from_an_address",
                ["ip_address"],
                f"not {scope.matches('ip_address', IP_ADDRESS)}",
                "A proxy's header or a device's name in the place of an IP address.",
                "an IPv4 or IPv6 address",
            ),
        ],
    )


def alerts(scope: Scope) -> Product:
    """One row per alert of any part of the platform; read are the last weeks."""
    return Product(
        DATABASE,
        "saas_unified_alerts",
        where=scope.since("created_at"),
        day=WRITTEN_DAY,
        expectations=[
            not_ahead(
                "alerts_are_not_of_tomorrow",
                scope,
                [
                    "created_at",
                    "first_occurred_at",
                    "last_occurred_at",
                    "acknowledged_at",
                    "resolved_at",
                ],
                "A clock that runs ahead: such an alert is never late, so nobody is called.",
            ),
            rule(
                "alerts_occur_and_have_a_level",
                ["occurrence_count", "escalation_level"],
                "occurrence_count < 1 or occurrence_count > 10000000 or escalation_level < 0 "
                "or escalation_level > 20",
                "A counter that wrapped round, or columns out of step.",
            ),
            no_rows(
                "alerts_do_not_flood",
                ["created_at"],
                "A rule that fires for everything: the one alert that matters would drown.",
                f"""
                , daily as (
                    select {WRITTEN_DAY} as day, count(*) as raised from checked
                    group by {WRITTEN_DAY}
                ), base as (
                    select 1.0 * sum(raised) / 28 as usual from daily
                    where day < {scope.day(7)}
                )
                select day, round(cast(10 * usual as decimal(20, 4)), 0) as expected,
                    raised as got
                from daily cross join base
                where day >= {scope.day(7)} and raised > 10 * usual + 50
                """,
                "at most ten times the usual number",
            ),
        ],
    )


def system_metrics(scope: Scope) -> Product:
    """One row per measurement of the platform; read are the last weeks."""
    return Product(
        DATABASE,
        "saas_system_metrics",
        where=scope.since("recorded_at"),
        day="cast(recorded_at as date)",
        expectations=[
            steady_volume(
                "metrics_are_steady",
                scope,
                "1",
                "A collector that stopped, or sends everything twice.",
                day="cast(recorded_at as date)",
                least=40,
                low=0.4,
            ),
            not_ahead(
                "metrics_are_not_of_tomorrow",
                scope,
                ["recorded_at"],
                "A collector whose clock runs ahead.",
            ),
            rule(
                "metrics_count_upwards",
                ["metric_type", "metric_value"],
                "metric_type in ('counter', 'histogram') and metric_value < 0",
                "A counter that wrapped round.",
            ),
            no_rows(
                "metrics_keep_their_size",
                ["metric_name", "metric_value"],
                "A unit that changed: bytes for megabytes, seconds for milliseconds.",
                f"""
                , daily as (
                    select metric_name, metric_type, time_window, cast(recorded_at as date) as day,
                        avg(abs(metric_value)) as size, count(*) as samples
                    from checked
                    where recorded_at < {scope.instant(0)} and metric_type in ('gauge', 'timer')
                    group by 1, 2, 3, 4
                ), base as (
                    select metric_name, time_window, sum(size * samples) / sum(samples) as size,
                        sum(samples) as samples
                    from daily where day < {scope.day(7)} group by 1, 2
                )
                select d.day, d.metric_name, round(cast(b.size as decimal(24, 4)), 2) as expected,
                    round(cast(d.size as decimal(24, 4)), 2) as got
                from daily as d join base as b
                    on b.metric_name = d.metric_name and b.time_window = d.time_window
                where d.day >= {scope.day(7)} and d.samples >= 3 and b.samples >= 20
                    and b.size > 0 and (d.size > 100 * b.size or d.size < 0.01 * b.size)
                """,
                "a day's mean within a hundredth and a hundredfold of the usual",
            ),
            rule(
                "metrics_in_percent_are_percentages",
                ["metric_name", "metric_value"],
                "metric_name like '%percent' and (metric_value < 0 or metric_value > 100)",
                "A percentage that was multiplied by 100 twice.",
                "metrics in per cent from 0 to 100",
            ),
            no_rows(
                "metrics_do_not_stand_still",
                ["metric_name", "metric_value"],
                "A sampler that repeats its last value: nobody would see the next incident.",
                f"""
                , spans as (
                    select metric_name, cast(min(recorded_at) as date) as day, count(*) as got,
                        min(metric_value) as lowest, max(metric_value) as highest
                    from checked where recorded_at >= {scope.instant(3)} group by metric_name
                )
                select metric_name, day, got from spans
                where got >= 6 and lowest = highest and lowest not in (0, 100)
                """,
                "more than one value in three days, except at the ends of a percentage",
            ),
        ],
    )


def health_checks(scope: Scope) -> Product:
    """One row per probe of the platform, as it stands."""
    return Product(
        DATABASE,
        "saas_health_checks",
        expectations=[
            at_most(
                "probes_succeed_at_most_as_often_as_made",
                "successful_checks",
                "total_checks",
                "Swapped counters: an availability above 100.",
            ),
            within(
                "probes_answer_in_plausible_time",
                "response_time_ms",
                0,
                SLOWEST_ACTION_MS,
                "Microseconds, or a time stamp, in the place of milliseconds.",
            ),
            rule(
                "probes_have_an_http_status",
                ["status_code"],
                "check_type = 'http' and (status_code < 0 or status_code > 599)",
                "An error number of the system in the place of a status code (RFC 9110: 100-599).",
            ),
            not_ahead(
                "probes_are_not_of_tomorrow",
                scope,
                ["last_check_at"],
                "A prober whose clock runs ahead: its silence would never be noticed.",
            ),
        ],
    )


def monitor_rules(scope: Scope) -> Product:
    """One row per rule of the platform's monitoring."""
    return Product(
        DATABASE,
        "saas_monitor_rules",
        expectations=[
            rule(
                "monitor_rules_count_what_they_did",
                ["execution_count", "success_count", "failure_count"],
                "success_count + failure_count > execution_count",
                "Counters of another rule, or one that counts twice.",
            ),
            rule(
                "monitor_rules_take_seconds",
                ["check_interval", "check_timeout"],
                "check_interval < 1 or check_interval > 604800 or check_timeout < 0 "
                "or check_timeout > 3600",
                "Milliseconds taken for seconds: a rule that runs once in years.",
            ),
            in_order(
                "monitor_rules_trigger_when_they_run",
                ["last_triggered_at", "last_executed_at"],
                "Swapped times, or a clock of another server.",
            ),
        ],
    )


def message_logs(scope: Scope) -> Product:
    """One row per message to a person outside the applications; read are the last weeks."""
    return Product(
        DATABASE,
        "saas_message_logs",
        where=scope.since("created_at"),
        day=WRITTEN_DAY,
        expectations=[
            steady_volume(
                "deliveries_are_steady",
                scope,
                "1",
                "A provider that was cut off, or a batch that was sent twice.",
                day=WRITTEN_DAY,
                least=60,
                high=4,
            ),
            not_ahead(
                "deliveries_are_not_of_tomorrow",
                scope,
                ["created_at", "sent_at", "delivered_at", "opened_at", "clicked_at"],
                "Receipts of a provider in another time zone.",
            ),
            rule(
                "deliveries_arrive_within_days",
                ["sent_at", "delivered_at"],
                f"delivered_at > sent_at + interval '{SLOWEST_DELIVERY_DAYS}' day",
                "Receipts of other messages, or a shifted month.",
                f"delivered within {SLOWEST_DELIVERY_DAYS} days",
            ),
            within(
                "deliveries_are_tried_a_few_times",
                "retry_count",
                0,
                100,
                "A loop that sends for ever, or a counter that wrapped round.",
            ),
            steady_mix(
                "deliveries_end_as_usual",
                scope,
                "status",
                "Receipts that no longer arrive, or a status mapped wrongly.",
                day=WRITTEN_DAY,
                moved=0.4,
            ),
            readable(
                "deliveries_have_readable_subjects",
                scope,
                ["subject"],
                "Customers would read the broken encoding.",
            ),
        ],
    )


def notifications(scope: Scope) -> Product:
    """One row per notification, as it stands."""
    return Product(
        DATABASE,
        "saas_notifications",
        expectations=[
            rule(
                "notifications_reach_their_recipients_only",
                ["total_recipients", "sent_count", "read_count"],
                "sent_count > total_recipients or read_count > sent_count or read_count < 0",
                "Counters of another notification, or repeats counted as readers.",
                "read <= sent <= recipients",
            ),
            readable(
                "notifications_have_readable_titles",
                scope,
                ["title"],
                "Everybody would read the broken encoding.",
            ),
            not_ahead(
                "notifications_are_not_of_tomorrow",
                scope,
                ["created_at", "sent_at"],
                "A clock that runs ahead or a zone added twice.",
            ),
        ],
    )


def api_keys(scope: Scope) -> Product:
    """One row per key for the programming interface; its secrets are not looked at."""
    return Product(
        DATABASE,
        "saas_api_keys",
        expectations=[
            rule(
                "api_keys_count_what_they_did",
                ["total_requests", "successful_requests", "failed_requests"],
                "successful_requests + failed_requests > total_requests or successful_requests < 0 "
                "or failed_requests < 0",
                "A counter that wrapped round, or counts of another key.",
            ),
            at_most(
                "api_keys_limit_a_day_below_a_month",
                "daily_request_limit",
                "monthly_request_limit",
                "Swapped limits, by which a day's never holds.",
            ),
            not_ahead(
                "api_keys_are_not_used_tomorrow",
                scope,
                ["created_at", "last_used_at", "revoked_at"],
                "A clock that runs ahead: an unused key would look used.",
            ),
            same_tenant(
                "api_keys_stay_with_their_users_tenant",
                scope,
                "user_id",
                USERS,
                "A key that opens the rows of another tenant.",
            ),
        ],
    )


def files(scope: Scope) -> Product:
    """One row per stored file; read are those of the last weeks."""
    return Product(
        DATABASE,
        "saas_files",
        where=scope.since("created_at"),
        day=WRITTEN_DAY,
        expectations=[
            within(
                "files_have_a_plausible_size",
                "file_size",
                0,
                LARGEST_FILE_BYTES,
                "Bits, or a time stamp, for bytes: storage is billed by it.",
            ),
            not_ahead(
                "files_are_not_of_tomorrow",
                scope,
                ["created_at", "last_accessed_at", "deleted_at"],
                "A clock that runs ahead or a zone added twice.",
            ),
            in_order(
                "files_exist_before_they_are_deleted",
                ["created_at", "deleted_at"],
                "Swapped times: storage used would be negative for a while.",
            ),
            readable(
                "files_have_readable_names",
                scope,
                ["original_name"],
                "Nobody would find a file by a name in a broken encoding.",
            ),
            same_tenant(
                "files_stay_with_their_users_tenant",
                scope,
                "user_id",
                USERS,
                "A file of one tenant in another one's folder.",
            ),
        ],
    )


def file_shares(scope: Scope) -> Product:
    """One row per share of a file."""
    return Product(
        DATABASE,
        "saas_file_shares",
        expectations=[
            rule(
                "shares_are_not_loaded_beyond_their_limit",
                ["download_count", "max_downloads", "access_count"],
                "download_count > max_downloads or download_count < 0 or access_count < 0",
                "A limit that is no longer enforced, or a counter that wrapped round.",
            ),
            same_tenant(
                "shares_stay_with_their_files_tenant",
                scope,
                "file_id",
                (DATABASE, "saas_files"),
                "A share that shows one tenant's file to another.",
            ),
        ],
    )


# --- outputs -------------------------------------------------------------------------------------


def usage_statistics(scope: Scope) -> Product:
    """One row per tenant and day: what tenants are billed and limited by."""
    return Product(
        DATABASE,
        "saas_usage_statistics",
        where=f"usage_date >= {scope.day(HISTORY_DAYS)}",
        day="usage_date",
        expectations=[
            fresh(
                "billing_usage_is_fresh",
                scope,
                "usage_date",
                "A build that silently stopped: tenants would use without being counted.",
            ),
            steady_volume(
                "billing_ai_requests_are_steady",
                scope,
                "ai_requests",
                "A partial, missing or doubled day of AI requests on the bill.",
                day="usage_date",
            ),
            steady_volume(
                "billing_messages_are_steady",
                scope,
                "wework_messages_sent",
                "A partial, missing or doubled day of messages on the bill.",
                day="usage_date",
            ),
            steady_ratio(
                "billing_ai_request_costs_as_usual",
                scope,
                "ai_cost",
                "ai_requests",
                "A price in another currency or unit: cents for yuan, or per million tokens.",
                day="usage_date",
                low=0.2,
                high=5,
            ),
            not_negative(
                "billing_usage_is_not_negative",
                [
                    "active_users",
                    "api_calls",
                    "storage_used_gb",
                    "bandwidth_used_gb",
                    "wework_accounts_online",
                    "wework_messages_sent",
                    "ai_requests",
                    "ai_tokens_consumed",
                    "ai_cost",
                ],
                "A counter that wrapped round: the bill would pay money back.",
            ),
            no_rows(
                "billing_storage_does_not_jump",
                ["storage_used_gb"],
                "Bytes or megabytes for GiB: storage is a stock that grows slowly.",
                f"""
                select c.tenant_id, c.usage_date as day, b.storage_used_gb as expected,
                    c.storage_used_gb as got
                from checked as c join checked as b
                    on b.tenant_id = c.tenant_id and b.usage_date = c.usage_date - interval '1' day
                where c.usage_date >= {scope.day(7)} and b.storage_used_gb >= 1
                    and (c.storage_used_gb > 10 * b.storage_used_gb + 10
                        or c.storage_used_gb < 0.1 * b.storage_used_gb)
                """,
                "a tenth to ten times the day before's",
            ),
        ],
    )


def quota_usage(scope: Scope) -> Product:
    """One row per tenant, resource and period: use against the limit, rebuilt hourly."""
    return Product(
        DATABASE,
        "saas_quota_usage_realtime",
        expectations=[
            rule(
                "quota_peak_is_at_least_the_mean",
                ["peak_usage", "avg_usage"],
                "peak_usage < avg_usage - 0.01",
                "Swapped columns, or peaks of other windows than the mean.",
            ),
            within(
                "quota_share_is_plausible",
                "usage_percentage",
                0,
                100_000,
                "Bytes against GiB: a thousand times the limit and more.",
            ),
            rule(
                "quota_window_is_now",
                ["window_start", "window_end"],
                f"window_start > {scope.soon()} or window_end <= window_start",
                "Windows of another zone or of tomorrow: use would be that of an empty window.",
            ),
        ],
    )


def security_daily(scope: Scope) -> Product:
    """One row per tenant and day: sign-ins by result."""
    return Product(
        DATABASE,
        "saas_security_daily",
        where=f"stat_date >= {scope.day(HISTORY_DAYS)}",
        day="stat_date",
        expectations=[
            fresh(
                "security_is_fresh",
                scope,
                "stat_date",
                "A build that silently stopped: an attack would show as a quiet day.",
            ),
            rule(
                "security_counts_are_parts_of_attempts",
                ["suspicious_attempts", "mfa_successes", "ip_address_count", "lockouts"],
                "suspicious_attempts > successful_attempts + failed_attempts + blocked_attempts "
                "+ suspended_attempts or mfa_successes > successful_attempts or ip_address_count > "
                "successful_attempts + failed_attempts + blocked_attempts + suspended_attempts",
                "Attempts of another tenant or day counted in: a join on too little.",
            ),
            steady_ratio(
                "security_successes_are_usual",
                scope,
                "successful_attempts",
                "successful_attempts + failed_attempts + blocked_attempts + suspended_attempts",
                "Results mapped wrongly, or a sign-in that lets nobody in.",
                low=0.3,
                high=3,
                least=60,
            ),
        ],
    )


def delivery_daily(scope: Scope) -> Product:
    """One row per tenant, channel and day of messages to people."""
    return Product(
        "warehouse",
        "message_delivery_daily",
        where=f"stat_date >= {scope.day(HISTORY_DAYS)}",
        day="stat_date",
        expectations=[
            rule(
                "delivery_rates_are_percentages",
                ["success_rate_pct", "open_rate_pct"],
                "success_rate_pct < 0 or success_rate_pct > 100 or open_rate_pct < 0 "
                "or open_rate_pct > 100",
                "A share taken for a percentage, or a numerator beyond its whole.",
            ),
            rule(
                "delivery_only_advances",
                ["messages", "opened_messages", "clicked_messages"],
                "clicked_messages > opened_messages or opened_messages > messages "
                "or retried_messages > messages or retries < retried_messages",
                "Receipts of other messages counted in.",
            ),
            in_order(
                "delivery_quantiles_are_in_order",
                ["p50_delivery_seconds", "p95_delivery_seconds"],
                "Quantiles of different messages, or swapped ones.",
            ),
            within(
                "delivery_takes_plausible_seconds",
                "avg_delivery_seconds",
                0,
                SLOWEST_DELIVERY_DAYS * 86_400,
                "Milliseconds for seconds.",
            ),
        ],
    )


def platform_health(scope: Scope) -> Product:
    """One row per scope, subject and day: metrics, probes and alerts."""
    return Product(
        "warehouse",
        "platform_health_daily",
        where=f"stat_date >= {scope.day(HISTORY_DAYS)}",
        day="stat_date",
        expectations=[
            rule(
                "platform_extremes_enclose_the_mean",
                ["min_value", "avg_value", "p95_value", "max_value"],
                "min_value > avg_value + 0.000001 or avg_value > max_value + 0.000001 "
                "or p95_value > max_value or p95_value < min_value",
                "Extremes of another subject: a join on too little.",
                "min <= mean, p95 <= max",
            ),
            rule(
                "platform_probes_have_one_verdict",
                ["probes", "healthy_probes", "degraded_probes", "unhealthy_probes"],
                "healthy_probes + degraded_probes + unhealthy_probes + unknown_probes > probes "
                "or healthy_pct < 0 or healthy_pct > 100",
                "A verdict that two columns count, or an availability above 100.",
            ),
            at_most(
                "platform_critical_alerts_are_alerts",
                "critical_alerts",
                "raised_alerts",
                "Swapped columns, or levels mapped wrongly.",
            ),
        ],
    )


def logins(scope: Scope) -> Product:
    """One row per attempt to log in, of the checked days."""
    return Product(
        "warehouse",
        "fct_logins",
        where=scope.since("created_at", 7),
        day="login_date",
        expectations=[
            rule(
                "logins_succeed_as_their_result_says",
                ["is_successful", "attempt_result"],
                "is_successful <> (attempt_result = 'success')",
                "A result mapped wrongly: a successful attack would count as refused.",
            ),
            rule(
                "logins_are_of_their_day",
                ["login_date", "created_at"],
                "login_date <> cast(created_at as date)",
                "Days by another time zone than Asia/Shanghai.",
            ),
        ],
    )


def audit_events(scope: Scope) -> Product:
    """One row per audited action, of the checked days."""
    return Product(
        "warehouse",
        "fct_audit_events",
        where=scope.since("created_at", 7),
        day="event_date",
        expectations=[
            rule(
                "audit_events_are_of_their_day",
                ["event_date", "created_at"],
                "event_date <> cast(created_at as date)",
                "Days by another time zone than Asia/Shanghai.",
            ),
        ],
    )


def alert_facts(scope: Scope) -> Product:
    """One row per alert of the last weeks, with how long it took."""
    return Product(
        "warehouse",
        "fct_alerts",
        where=scope.since("created_at"),
        day="alert_date",
        expectations=[
            not_negative(
                "alerts_take_time_to_answer",
                ["acknowledge_seconds", "resolve_seconds"],
                "Clocks of two servers, or swapped times: a mean would hide them.",
            ),
            rule(
                "alerts_are_answered_within_a_year",
                ["acknowledge_seconds", "resolve_seconds"],
                "acknowledge_seconds > 31622400 or resolve_seconds > 31622400",
                "Milliseconds for seconds.",
            ),
        ],
    )


def quota_utilization(scope: Scope) -> Product:
    """One row per tenant, day, resource and period with a limit."""
    return Product(
        "warehouse",
        "fct_quota_utilization_daily",
        where=f"usage_date >= {scope.day(7)}",
        day="usage_date",
        expectations=[
            rule(
                "utilization_follows_from_use_and_limit",
                ["utilization_pct", "usage_amount", "limit_amount"],
                "limit_amount > 0 and abs(utilization_pct - 100.0 * usage_amount / limit_amount) "
                "> 0.011 + 0.0001 * utilization_pct",
                "A share of another period's limit.",
            ),
            rule(
                "utilization_flags_follow_from_the_figures",
                ["is_over_limit", "has_reached_warning"],
                "is_over_limit <> (usage_amount > limit_amount) "
                "or (is_over_limit and not has_reached_warning and warning_threshold_pct <= 100)",
                "A tenant over its limit that nobody is told of.",
            ),
        ],
    )
