"""WeCom: accounts, their states, messages, callbacks and contacts, and what is built from them.

Days are business days. Rates are percentages 0-100, response times seconds unless a name says ms.
"""

from __future__ import annotations

from expectations.base import (
    BASELINE_WEEKS,
    CHECKED_DAYS,
    HISTORY_DAYS,
    REBUILT_DAYS,
    Product,
    Scope,
    at_most,
    complete,
    fresh,
    in_order,
    no_copies,
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

DATABASE = "wework_platform"
ACCOUNTS = (DATABASE, "wework_accounts")
WRITTEN_DAY = "cast(created_at as date)"
# WeCom answers a send within a second or fails it within a minute; a day's mean beyond two minutes
# is a wrong unit (milliseconds taken for seconds), not a slow network.
SLOWEST_MEAN_SECONDS = 120
SLOWEST_MESSAGE_MS = 600_000
DAY_SECONDS = 86_400
# Figures are rounded to two decimals, so two ways to the same one differ by no more than this.
ROUNDING = 0.011


def sources(scope: Scope) -> list[Product]:
    """What the applications wrote, in a fixed order."""
    return [
        accounts(scope),
        status_history(scope),
        message_records(scope),
        callback_logs(scope),
        account_alerts(scope),
        contacts(scope),
        groups(scope),
        group_members(scope),
        conversations(scope),
    ]


def outputs(scope: Scope) -> list[Product]:
    """What was built from it, in a fixed order."""
    return [
        tenant_usage(scope),
        account_daily(scope),
        message_daily(scope),
        account_status_daily(scope),
        account_statistics(scope),
        account_health(scope),
        account_overview(scope),
        messages(scope),
    ]


# --- sources -------------------------------------------------------------------------------------


def accounts(scope: Scope) -> Product:
    """One row per account."""
    return Product(
        DATABASE,
        "wework_accounts",
        expectations=[
            not_ahead(
                "accounts_are_not_of_tomorrow",
                scope,
                [
                    "created_at",
                    "last_login_time",
                    "last_heartbeat_time",
                    "last_error_at",
                    "last_recovery_at",
                ],
                "A connector whose clock runs ahead: its silence would never be noticed.",
            ),
            rule(
                "accounts_count_what_they_sent",
                ["total_messages", "successful_messages", "failed_messages"],
                "successful_messages + failed_messages > total_messages or failed_messages < 0 "
                "or successful_messages < 0",
                "Counters of another account in the write-back, or one that wrapped round.",
            ),
            not_negative(
                "accounts_count_upwards",
                ["offline_count", "error_count", "recovery_count", "retry_count"],
                "A counter that wrapped round.",
            ),
            rule(
                "accounts_keep_limits_that_fit",
                ["hourly_message_limit", "daily_message_limit", "message_interval_ms"],
                "hourly_message_limit > daily_message_limit or message_interval_ms < 0 "
                "or message_interval_ms > 3600000",
                "Swapped limits, or seconds for milliseconds: WeCom would block the account.",
            ),
            rule(
                "accounts_monitor_in_seconds",
                ["monitor_interval"],
                "monitor_interval < 1 or monitor_interval > 86400",
                "Milliseconds for seconds: an account looked at once in a month.",
            ),
            readable(
                "accounts_have_readable_names",
                scope,
                ["account_name", "wework_user_name", "wework_corp_name"],
                "Names in a broken encoding in every list of accounts.",
            ),
            no_rows(
                "accounts_are_not_all_silent",
                ["status", "last_heartbeat_time"],
                "Heartbeats that no longer arrive from any account: a dead receiver, not a hundred "
                "dead accounts.",
                f"""
                , counted as (
                    select count(*) as accounts, max(last_heartbeat_time) as newest from checked
                    where status = 'ONLINE'
                )
                select accounts as got from counted
                where accounts >= 5 and newest < {scope.instant(1)}
                """,
                "a heartbeat of some account since yesterday",
            ),
        ],
    )


def status_history(scope: Scope) -> Product:
    """One row per change of an account's state; read are the last weeks."""
    return Product(
        DATABASE,
        "wework_account_status_history",
        where=scope.since("created_at"),
        day=WRITTEN_DAY,
        expectations=[
            not_ahead(
                "status_changes_are_not_of_tomorrow",
                scope,
                ["created_at"],
                "A clock that runs ahead: the account would be in its old state until then.",
            ),
            rule(
                "status_durations_are_plausible",
                ["duration_seconds", "expected_duration_seconds"],
                "duration_seconds < 0 or duration_seconds > 315360000 "
                "or expected_duration_seconds < 0",
                "Milliseconds for seconds: beyond ten years in one state.",
                "0 seconds to ten years",
            ),
            not_negative(
                "status_changes_lose_no_less_than_nothing",
                ["affected_conversations", "lost_messages"],
                "A counter that wrapped round.",
            ),
            same_tenant(
                "status_changes_stay_with_their_accounts_tenant",
                scope,
                "account_id",
                ACCOUNTS,
                "One tenant's downtime in another one's uptime.",
            ),
        ],
    )


def message_records(scope: Scope) -> Product:
    """One row per message; read are the last weeks."""
    return Product(
        DATABASE,
        "wework_message_records",
        where=scope.since("created_at"),
        day=WRITTEN_DAY,
        expectations=[
            steady_volume(
                "message_records_are_steady",
                scope,
                "1",
                "A lost, doubled or partial day of messages.",
                day=WRITTEN_DAY,
            ),
            steady_volume(
                "received_records_are_steady",
                scope,
                "case when direction = 'receive' then 1 else 0 end",
                "A receiver that stopped while sending goes on.",
                day=WRITTEN_DAY,
            ),
            complete(
                "message_records_have_every_busy_tenant",
                scope,
                "A tenant whose messages stopped arriving, which the sum of all tenants hides.",
                day=WRITTEN_DAY,
            ),
            complete(
                "message_records_have_every_busy_account",
                scope,
                "An account whose connector stopped, which the sum of its tenant hides.",
                day=WRITTEN_DAY,
                by="account_id",
            ),
            no_copies(
                "message_records_are_stored_once",
                scope,
                ["account_id", "message_id", "direction", "created_at"],
                "A batch that was loaded twice under new identifiers: counts would double.",
                day=WRITTEN_DAY,
            ),
            fresh(
                "message_records_are_fresh",
                scope,
                WRITTEN_DAY,
                "A connector that stopped: the tenants' customers would wait for an answer.",
            ),
            not_ahead(
                "message_records_are_not_of_tomorrow",
                scope,
                ["created_at", "sent_at", "delivered_at", "read_at", "recalled_at"],
                "A clock that runs ahead or a zone added twice.",
            ),
            quiet_nights(
                "message_records_sleep_at_night",
                scope,
                "created_at",
                "Times shifted by a time zone: people do not write between two and six.",
            ),
            steady_mix(
                "message_records_have_usual_types",
                scope,
                "message_type",
                "Types mapped to another one by a new version of the connector.",
                day=WRITTEN_DAY,
            ),
            rule(
                "message_records_go_the_way_they_say",
                ["direction", "from_type", "to_type"],
                "(direction = 'send' and from_type <> 'user')"
                " or (direction = 'receive' and to_type <> 'user')",
                "Swapped directions: where as many come as go, no share shows it.",
                "sent by users, received by users",
            ),
            steady_ratio(
                "message_records_get_receipts",
                scope,
                "case when send_status in ('delivered', 'read') then 1 else 0 end",
                "case when direction = 'send' then 1 else 0 end",
                "Receipts that no longer arrive, so that everything looks unread.",
                day=WRITTEN_DAY,
                low=0.3,
            ),
            steady_mix(
                "message_records_have_usual_directions",
                scope,
                "direction",
                "Swapped directions: what customers write would count as sent.",
                day=WRITTEN_DAY,
            ),
            steady_mix(
                "message_records_end_as_usual",
                scope,
                "send_status",
                "A send status mapped wrongly, or receipts that no longer arrive.",
                day=WRITTEN_DAY,
                moved=0.3,
            ),
            within(
                "message_records_are_answered_in_milliseconds",
                "response_time_ms",
                0,
                SLOWEST_MESSAGE_MS,
                "Microseconds or a time stamp in the place of milliseconds.",
            ),
            steady_ratio(
                "record_times_are_usual",
                scope,
                "response_time_ms",
                "case when response_time_ms is not null then 1 else 0 end",
                "A unit that changed on one day, or a connector ten times slower.",
                day=WRITTEN_DAY,
                low=0.1,
                high=10,
            ),
            not_negative(
                "message_records_are_retried_no_less_than_never",
                ["retry_count", "processing_time_ms"],
                "A counter that wrapped round.",
            ),
            readable(
                "message_records_have_readable_names",
                scope,
                ["from_name", "to_name"],
                "Names cut within a character or decoded by the wrong table.",
            ),
            same_tenant(
                "message_records_stay_with_their_accounts_tenant",
                scope,
                "account_id",
                ACCOUNTS,
                "One tenant's messages shown to, and billed to, another.",
            ),
        ],
    )


def callback_logs(scope: Scope) -> Product:
    """One row per callback; read are the last weeks."""
    return Product(
        DATABASE,
        "wework_callback_logs",
        where=scope.since("created_at"),
        day=WRITTEN_DAY,
        expectations=[
            steady_volume(
                "callbacks_are_steady",
                scope,
                "1",
                "A receiver that stopped, or gets everything twice.",
                day=WRITTEN_DAY,
                least=50,
            ),
            fresh(
                "callbacks_are_fresh",
                scope,
                WRITTEN_DAY,
                "A receiver that stopped: states and messages would stand still.",
            ),
            not_ahead(
                "callbacks_are_not_of_tomorrow",
                scope,
                ["created_at"],
                "A receiver whose clock runs ahead.",
            ),
            within(
                "callbacks_are_answered_in_seconds",
                "response_time",
                0,
                SLOWEST_MEAN_SECONDS,
                "Milliseconds for seconds; WeCom itself waits for five.",
            ),
            steady_ratio(
                "callback_failures_are_usual",
                scope,
                "case when processing_status = 'failed' then 1 else 0 end",
                "1",
                "A receiver that refuses everything, which the sender gives up on after a day.",
                day=WRITTEN_DAY,
                slack=0.3,
                least=30,
            ),
            steady_mix(
                "callbacks_have_usual_types",
                scope,
                "callback_type",
                "Callbacks that are no longer subscribed to, or mapped to another type.",
                day=WRITTEN_DAY,
                moved=0.35,
                least=40,
            ),
            same_tenant(
                "callbacks_stay_with_their_accounts_tenant",
                scope,
                "account_id",
                ACCOUNTS,
                "One tenant's events handled for another.",
            ),
        ],
    )


def account_alerts(scope: Scope) -> Product:
    """One row per alert of an account; read are the last weeks."""
    return Product(
        DATABASE,
        "wework_account_alerts",
        where=scope.since("created_at"),
        day=WRITTEN_DAY,
        expectations=[
            not_ahead(
                "account_alerts_are_not_of_tomorrow",
                scope,
                ["created_at", "last_occurred_at", "acknowledged_at", "resolved_at"],
                "A clock that runs ahead: such an alert is never late.",
            ),
            rule(
                "account_alerts_occur_plausibly_often",
                ["occurrence_count"],
                "occurrence_count < 1 or occurrence_count > 10000000",
                "A counter that wrapped round.",
            ),
            same_tenant(
                "account_alerts_stay_with_their_accounts_tenant",
                scope,
                "account_id",
                ACCOUNTS,
                "An alert that calls the wrong tenant's staff.",
            ),
        ],
    )


def contacts(scope: Scope) -> Product:
    """One row per contact of an account."""
    return Product(
        DATABASE,
        "wework_contacts",
        expectations=[
            not_ahead(
                "address_book_is_not_of_tomorrow",
                scope,
                ["created_at", "last_message_at", "last_contact_at", "last_sync_at"],
                "A clock that runs ahead or a zone added twice.",
            ),
            not_negative(
                "contacts_count_upwards",
                ["message_count"],
                "A counter that wrapped round.",
            ),
            readable(
                "address_book_has_readable_names",
                scope,
                ["contact_name", "alias", "corp_name"],
                "Customers would be addressed by a name in a broken encoding.",
            ),
            rule(
                "contacts_have_a_phone_number",
                ["phone"],
                f"not {scope.matches('phone', '^[+]?[0-9][0-9 -]{5,18}$')}",
                "Addresses or names in the place of phone numbers: swapped columns.",
                "a phone number",
            ),
            same_tenant(
                "contacts_stay_with_their_accounts_tenant",
                scope,
                "account_id",
                ACCOUNTS,
                "One tenant's customers in another one's address book.",
            ),
        ],
    )


def groups(scope: Scope) -> Product:
    """One row per group chat."""
    return Product(
        DATABASE,
        "wework_groups",
        expectations=[
            at_most(
                "groups_hold_at_most_their_maximum",
                "member_count",
                "max_member_count",
                "Swapped columns, or members counted once for each account.",
            ),
            not_ahead(
                "groups_are_not_of_tomorrow",
                scope,
                ["created_at", "last_message_at", "last_active_at"],
                "A clock that runs ahead or a zone added twice.",
            ),
            readable(
                "groups_have_readable_names",
                scope,
                ["group_name"],
                "Names in a broken encoding in every list.",
            ),
            same_tenant(
                "groups_stay_with_their_accounts_tenant",
                scope,
                "account_id",
                ACCOUNTS,
                "One tenant's group shown to another.",
            ),
        ],
    )


def group_members(scope: Scope) -> Product:
    """One row per member of a group, past ones included."""
    return Product(
        DATABASE,
        "wework_group_members",
        where=scope.since("joined_at"),
        day="cast(joined_at as date)",
        expectations=[
            in_order(
                "members_join_before_they_leave",
                ["joined_at", "left_at"],
                "Swapped times: a group would have fewer than no members.",
            ),
            not_ahead(
                "members_are_not_of_tomorrow",
                scope,
                ["joined_at", "left_at", "last_active_at"],
                "A clock that runs ahead or a zone added twice.",
            ),
            same_tenant(
                "members_stay_with_their_groups_tenant",
                scope,
                "group_id",
                (DATABASE, "wework_groups"),
                "One tenant's customers listed for another.",
            ),
        ],
    )


def conversations(scope: Scope) -> Product:
    """One row per conversation of an account."""
    return Product(
        DATABASE,
        "wework_conversations",
        expectations=[
            rule(
                "talks_count_both_directions",
                ["total_messages", "sent_messages", "received_messages", "unread_count"],
                "sent_messages + received_messages > total_messages or sent_messages < 0 "
                "or received_messages < 0 or unread_count < 0",
                "Counters of another conversation, or one that wrapped round.",
            ),
            in_order(
                "talks_begin_before_they_end",
                ["first_message_at", "last_message_at"],
                "Swapped times, or a shifted zone in one of two columns.",
            ),
            not_ahead(
                "talks_are_not_of_tomorrow",
                scope,
                ["created_at", "last_message_at", "last_read_at"],
                "A clock that runs ahead or a zone added twice.",
            ),
            same_tenant(
                "talks_stay_with_their_accounts_tenant",
                scope,
                "account_id",
                ACCOUNTS,
                "One tenant's talks shown to another.",
            ),
        ],
    )


# --- outputs -------------------------------------------------------------------------------------


def tenant_usage(scope: Scope) -> Product:
    """One row per tenant and day: what the applications show as usage."""
    status_daily = scope.relation(DATABASE, "wework_account_status_daily")
    return Product(
        DATABASE,
        "wework_tenant_usage",
        day="stat_date",
        where=f"stat_date >= {scope.day(HISTORY_DAYS)}",
        expectations=[
            fresh(
                "usage_is_fresh",
                scope,
                "stat_date",
                "A build that silently stopped: usage would stand still while the tenants go on.",
            ),
            steady_volume(
                "usage_sent_volume_is_steady",
                scope,
                "sent_messages",
                "A partial, missing or doubled day of outgoing messages, on any weekday.",
            ),
            steady_volume(
                "usage_received_volume_is_steady",
                scope,
                "received_messages",
                "A partial, missing or doubled day of incoming messages: a dead callback receiver.",
            ),
            steady_volume(
                "usage_online_accounts_are_steady",
                scope,
                "online_accounts",
                "A lost status history: accounts would all look offline, or none would.",
                low=0.75,
                least=30,
                stock=True,
            ),
            steady_ratio(
                "usage_failures_are_usual",
                scope,
                "failed_messages",
                "sent_messages",
                "A send status mapped wrongly, or an outage that nobody has reported yet.",
                high=2.0,
                slack=0.08,
            ),
            no_rows(
                "usage_day_is_no_copy",
                ["stat_date"],
                "A stuck build that writes the previous day's figures again under a new date.",
                f"""
                , daily as (
                    select stat_date, sum(sent_messages) as sent,
                        sum(received_messages) as received, sum(failed_messages) as failed,
                        sum(group_messages) as in_groups, sum(active_contacts) as contacts
                    from checked where stat_date < {scope.day(0)} group by stat_date
                )
                select d.stat_date
                from daily as d join daily as b on b.stat_date = d.stat_date - interval '1' day
                where d.stat_date >= {scope.day(CHECKED_DAYS)} and d.sent + d.received >= 100
                    and d.sent = b.sent and d.received = b.received and d.failed = b.failed
                    and d.in_groups = b.in_groups and d.contacts = b.contacts
                """,
            ),
            no_rows(
                "usage_accounts_do_not_vanish",
                ["total_accounts"],
                "A partial load of accounts: accounts existing are a stock that does not fall by a "
                "quarter from one day to the next.",
                f"""
                select c.tenant_id, c.stat_date
                from checked as c join checked as b
                    on b.tenant_id = c.tenant_id and b.stat_date = c.stat_date - interval '1' day
                where c.stat_date >= {scope.day(CHECKED_DAYS)} and b.total_accounts >= 4
                    and c.total_accounts < 0.75 * b.total_accounts
                """,
            ),
            within(
                "usage_success_rate_is_a_percentage",
                "message_success_rate",
                0,
                100,
                "A share taken for a percentage the wrong way, or a numerator beyond its whole.",
            ),
            within(
                "usage_uptime_is_a_percentage",
                "uptime_percentage",
                0,
                100,
                "Overlapping status intervals, which count the same second twice.",
            ),
            within(
                "usage_response_time_is_plausible",
                "avg_response_time",
                0,
                SLOWEST_MEAN_SECONDS,
                "Milliseconds shown as seconds.",
            ),
            at_most(
                "usage_failed_is_part_of_sent",
                "failed_messages",
                "sent_messages",
                "Swapped columns, or failures of received messages counted in.",
            ),
            at_most(
                "usage_group_messages_are_part_of_all",
                "group_messages",
                "total_messages",
                "A join that multiplies group messages by the members of the group.",
            ),
            no_rows(
                "usage_counterparts_need_messages",
                ["active_contacts", "active_groups", "group_messages", "total_messages"],
                "Counterparts counted without a message of theirs that day: a join on too little.",
                """
                select tenant_id, stat_date from checked
                where active_groups > group_messages
                    or active_contacts + active_groups > total_messages
                """,
            ),
            at_most(
                "usage_online_is_part_of_accounts",
                "online_accounts",
                "total_accounts",
                "Accounts counted online that do not exist yet, or another tenant's.",
            ),
            at_most(
                "usage_active_is_part_of_accounts",
                "active_accounts",
                "total_accounts",
                "Accounts counted active that do not exist yet, or another tenant's.",
            ),
            at_most(
                "usage_critical_is_part_of_alerts",
                "critical_alerts",
                "total_alerts",
                "Swapped columns, or alert levels mapped wrongly.",
            ),
            no_rows(
                "usage_counts_are_not_negative",
                [
                    "received_messages",
                    "failed_messages",
                    "new_contacts",
                    "total_contacts",
                    "total_groups",
                    "critical_alerts",
                    "resolved_alerts",
                ],
                "A count that wrapped round or was corrected by subtraction.",
                """
                select tenant_id, stat_date from checked
                where received_messages < 0 or failed_messages < 0 or new_contacts < 0
                    or total_contacts < 0 or total_groups < 0 or critical_alerts < 0
                    or resolved_alerts < 0
                """,
            ),
            no_rows(
                "usage_success_rate_follows_from_counts",
                ["message_success_rate", "sent_messages", "failed_messages"],
                "A rate of another day or tenant than its counts, or a 0 that means nothing sent.",
                f"""
                select tenant_id, stat_date from checked
                where (sent_messages = 0 and message_success_rate is not null)
                    or (sent_messages > 0 and message_success_rate is null)
                    or message_success_rate * sent_messages
                        > 100 * (sent_messages - failed_messages) + {ROUNDING} * sent_messages
                """,
            ),
            no_rows(
                "usage_uptime_equals_its_accounts",
                ["uptime_percentage"],
                "Uptime computed from other intervals than the seconds per status that we show.",
                f"""
                , accounts as (
                    select tenant_id, stat_date, account_id, sum(seconds) as observed,
                        sum(case when status = 'ONLINE' then seconds else 0 end) as online
                    from {status_daily}
                    where stat_date >= {scope.day(REBUILT_DAYS)} and stat_date < {scope.day(0)}
                    group by tenant_id, stat_date, account_id
                ), tenants as (
                    select tenant_id, stat_date, avg(100.0 * online / observed) as uptime
                    from accounts group by tenant_id, stat_date
                )
                select t.tenant_id, t.stat_date
                from tenants as t
                join checked as c on c.tenant_id = t.tenant_id and c.stat_date = t.stat_date
                where c.uptime_percentage is null
                    or abs(c.uptime_percentage - t.uptime) > {ROUNDING}
                """,
            ),
        ],
    )


def account_daily(scope: Scope) -> Product:
    """One row per account and day: what became of the day's messages."""
    return Product(
        DATABASE,
        "wework_account_daily",
        day="stat_date",
        where=f"stat_date >= {scope.day(HISTORY_DAYS)}",
        expectations=[
            fresh(
                "account_messages_are_fresh",
                scope,
                "stat_date",
                "A build that silently stopped; hourly account figures are written back from here.",
            ),
            no_rows(
                "account_messages_only_advance",
                ["send_total", "sent_count", "delivered_count", "read_count"],
                "Receipts counted without the step before them: read <= delivered <= sent <= all.",
                """
                select account_id, stat_date from checked
                where read_count > delivered_count or delivered_count > sent_count
                    or sent_count > send_total or read_count < 0
                """,
            ),
            no_rows(
                "account_messages_have_one_fate",
                [
                    "send_total",
                    "sent_count",
                    "failed_count",
                    "recalled_count",
                    "pending_count",
                ],
                "A send status that two columns count.",
                """
                select account_id, stat_date from checked
                where sent_count + failed_count + recalled_count + pending_count > send_total
                    or failed_count < 0 or recalled_count < 0 or pending_count < 0
                """,
            ),
            no_rows(
                "account_responses_are_plausible",
                ["response_ms_sum", "response_count", "send_total"],
                "Milliseconds mixed up with seconds or microseconds, or responses of received "
                "messages.",
                f"""
                select account_id, stat_date from checked
                where response_count > send_total or response_ms_sum < 0
                    or response_ms_sum > {SLOWEST_MEAN_SECONDS * 1000} * response_count
                """,
            ),
            steady_ratio(
                "account_response_time_is_usual",
                scope,
                "response_ms_sum",
                "response_count",
                "A unit that changed on one day, or a connector that answers ten times slower.",
                low=0.1,
                high=10,
            ),
            steady_ratio(
                "account_read_share_is_usual",
                scope,
                "read_count",
                "send_total",
                "Receipts that no longer arrive, so that everything looks unread.",
                low=0.3,
                high=3,
            ),
        ],
    )


def message_daily(scope: Scope) -> Product:
    """One row per tenant, account, day, direction, type and state: what the view of them shows."""
    accounts = scope.relation(DATABASE, "wework_account_daily")
    return Product(
        DATABASE,
        "wework_message_daily",
        day="stat_date",
        where=f"stat_date >= {scope.day(CHECKED_DAYS)}",
        expectations=[
            no_rows(
                "message_days_add_up_to_their_accounts",
                ["account_id", "stat_date", "message_count"],
                "One of two counts of the same messages that was not built with the other: the "
                "applications' message statistics would differ from their account figures.",
                f"""
                , counted as (
                    select account_id, stat_date, message_count as messages from checked
                    union all
                    select account_id, stat_date, -send_total - received_count
                    from {accounts} where stat_date >= {scope.day(CHECKED_DAYS)}
                )
                select account_id, stat_date from counted
                group by account_id, stat_date having sum(messages) <> 0
                """,
            ),
            no_rows(
                "message_days_time_no_more_than_they_count",
                ["message_count", "processing_count", "response_count"],
                "Times that were counted without their message.",
                """
                select account_id, stat_date from checked
                where processing_count > message_count or response_count > message_count
                    or message_count < 1 or processing_ms_sum < 0 or response_ms_sum < 0
                """,
            ),
        ],
    )


def account_status_daily(scope: Scope) -> Product:
    """One row per account, day and status, with the seconds spent in it."""
    overview = scope.relation(DATABASE, "v_wework_account_overview")
    return Product(
        DATABASE,
        "wework_account_status_daily",
        day="stat_date",
        where=f"stat_date >= {scope.day(BASELINE_WEEKS * 7)}",
        expectations=[
            fresh(
                "account_status_is_fresh",
                scope,
                "stat_date",
                "A build that silently stopped: uptime would be that of another week.",
            ),
            within(
                "account_status_seconds_fit_a_day",
                "seconds",
                1,
                DAY_SECONDS,
                "Milliseconds for seconds, or an interval that was not cut at midnight.",
            ),
            no_rows(
                "account_statuses_share_the_day",
                ["seconds"],
                "Overlapping intervals: no account has more seconds a day than the day has.",
                f"""
                select account_id, stat_date from checked group by account_id, stat_date
                having sum(seconds) > {DAY_SECONDS}
                """,
            ),
            no_rows(
                "account_status_has_every_account_and_day",
                ["account_id", "stat_date"],
                "An account without a status on a day it existed, which counts as no downtime.",
                f"""
                , days as (
                    select {scope.day(BASELINE_WEEKS * 7)} as stat_date
                    union all
                    select cast(stat_date + interval '1' day as date) from days
                    where stat_date < {scope.day(1)}
                )
                select o.id, d.stat_date
                from {overview} as o join days as d on o.created_at < d.stat_date
                left join checked as c on c.account_id = o.id and c.stat_date = d.stat_date
                where c.account_id is null
                """,
            ),
        ],
    )


def account_statistics(scope: Scope) -> Product:
    """One row per account over its whole life: what is written back to the accounts."""
    daily = scope.relation(DATABASE, "wework_account_daily")
    return Product(
        DATABASE,
        "wework_account_statistics",
        expectations=[
            rule(
                "account_figures_fit_their_scales",
                ["message_success_rate", "uptime_percentage", "avg_message_response_time"],
                "message_success_rate < 0 or message_success_rate > 100 or uptime_percentage < 0 "
                "or uptime_percentage > 100 or avg_message_response_time < 0 "
                f"or avg_message_response_time > {SLOWEST_MEAN_SECONDS}",
                "Another scale or unit, which goes to the accounts' own rows next.",
                f"percentages, and seconds up to {SLOWEST_MEAN_SECONDS}",
            ),
            not_negative(
                "account_figures_are_not_negative",
                [
                    "total_messages",
                    "successful_messages",
                    "failed_messages",
                    "online_duration_hours",
                ],
                "A sum that wrapped round, which goes to the accounts' own rows next.",
            ),
            rule(
                "account_figures_have_one_fate",
                ["successful_messages", "failed_messages", "total_messages"],
                "successful_messages + failed_messages > total_messages",
                "A join that multiplies one of them, or a send status that two columns count.",
                "successful_messages + failed_messages at most total_messages",
            ),
            no_rows(
                "account_figures_do_not_vanish",
                ["total_messages"],
                "An empty or partial input: every account's figures would be written back as 0.",
                f"""
                , counted as (select sum(total_messages) as messages from checked)
                select 1 as expected, coalesce(messages, 0) as got from counted
                where coalesce(messages, 0) = 0 and exists (
                    select 1 from {daily} where stat_date >= {scope.day(CHECKED_DAYS)}
                        and send_total + received_count > 0
                )
                """,
                "messages, where the last days had some",
            ),
        ],
    )


def account_health(scope: Scope) -> Product:
    """One row per account: the score that is written back, and what it lost where."""
    return Product(
        DATABASE,
        "wework_account_health",
        expectations=[
            within(
                "health_score_is_a_score",
                "health_score",
                0,
                100,
                "A deduction applied twice or with the wrong sign; the score goes to the console.",
            ),
            no_rows(
                "health_deductions_are_bounded",
                [
                    "success_rate_deduction",
                    "uptime_deduction",
                    "error_deduction",
                    "heartbeat_deduction",
                ],
                "A deduction beyond what its rule can take: 36, 28.5, 20 and 10 points.",
                """
                select account_id from checked
                where success_rate_deduction < 0 or success_rate_deduction > 36
                    or uptime_deduction < 0 or uptime_deduction > 28.5
                    or error_deduction < 0 or error_deduction > 20
                    or heartbeat_deduction < 0 or heartbeat_deduction > 10
                """,
            ),
            no_rows(
                "health_score_follows_from_deductions",
                ["health_score"],
                "A score that nobody can explain from the four figures beside it.",
                """
                select account_id from checked
                where abs(health_score - (100 - success_rate_deduction - uptime_deduction
                    - error_deduction - heartbeat_deduction)) > 0.51
                """,
            ),
            no_rows(
                "health_scores_differ",
                ["health_score"],
                "No scores at all, or the column's default everywhere as its inputs never arrived.",
                """
                , spread as (
                    select count(*) as accounts, min(health_score) as lowest,
                        max(health_score) as highest
                    from checked
                )
                select accounts from spread
                where accounts = 0 or (accounts >= 20 and lowest = highest)
                """,
            ),
        ],
    )


def account_overview(scope: Scope) -> Product:
    """One row per account: the view that the applications list accounts from."""
    return Product(
        DATABASE,
        "v_wework_account_overview",
        expectations=[
            within(
                "overview_health_score_is_a_score",
                "health_score",
                0,
                100,
                "A score written back out of range; the console colours accounts by it.",
            ),
            within(
                "overview_success_rate_is_a_percentage",
                "message_success_rate",
                0,
                100,
                "A share for a percentage in the write-back.",
            ),
            within(
                "overview_uptime_is_a_percentage",
                "uptime_percentage",
                0,
                100,
                "Overlapping status intervals in the write-back.",
            ),
            no_rows(
                "overview_counts_are_not_negative",
                [
                    "total_messages",
                    "contact_count",
                    "group_count",
                    "conversation_count",
                    "open_alerts",
                    "online_duration_hours",
                ],
                "A counter that wrapped round or was corrected by subtraction.",
                """
                select id from checked
                where total_messages < 0 or contact_count < 0 or group_count < 0
                    or conversation_count < 0 or open_alerts < 0 or online_duration_hours < 0
                """,
            ),
            no_rows(
                "overview_has_no_time_to_come",
                ["created_at", "last_heartbeat_time"],
                "A clock that runs ahead or a time zone added twice.",
                f"""
                select id from checked
                where created_at >= {scope.instant(-1)}
                    or last_heartbeat_time >= {scope.instant(-1)}
                """,
            ),
        ],
    )


def messages(scope: Scope) -> Product:
    """One row per message of the checked days."""
    return Product(
        "warehouse",
        "fct_messages",
        day="message_date",
        where=f"created_at >= {scope.instant(CHECKED_DAYS)}",
        expectations=[
            fresh(
                "messages_are_fresh",
                scope,
                "message_date",
                "A build that silently stopped, a dead connector, or a clock that runs ahead.",
            ),
            no_rows(
                "messages_sleep_at_night",
                ["created_at"],
                "Times shifted by a time zone: between two and six people write less than half as "
                "much as between nine and six.",
                f"""
                , hours as (
                    select sum(case when extract(hour from created_at) between 2 and 5
                            then 1.0 else 0 end) / 4 as at_night,
                        sum(case when extract(hour from created_at) between 9 and 17
                            then 1.0 else 0 end) / 9 as by_day,
                        count(*) as written
                    from checked where created_at < {scope.instant(0)}
                )
                select written from hours where written >= 500 and at_night > 0.5 * by_day
                """,
            ),
            within(
                "messages_response_is_plausible",
                "response_time_ms",
                0,
                SLOWEST_MESSAGE_MS,
                "Microseconds or a time stamp in the place of milliseconds.",
            ),
        ],
    )
