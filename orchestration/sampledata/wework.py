"""The eleven application tables of the WeCom platform.

Planned first (wework_accounts: states; wework_traffic: messages), then written table by table, so
that totals on accounts, conversations, contacts and groups are those of the messages themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from orchestration.sampledata import wework_callbacks, wework_text
from orchestration.sampledata.conform import conform
from orchestration.sampledata.plan import Plan
from orchestration.sampledata.random import (
    DAY,
    Bools,
    Indexes,
    chance,
    choice,
    choice_index,
    codes,
    company_names,
    hash_share,
    hex_text,
    ids_of,
    ip_addresses,
    join,
    json_choice,
    json_object,
    json_pool,
    log_normal_int,
    nullable,
    nullify,
    person_names,
    phones,
    rank_in_group,
    seconds_of,
    sentences,
    stream,
    take,
    text,
    urls,
    user_agents,
)
from orchestration.sampledata.wework_accounts import (
    CREATED,
    ERROR,
    EXPECTED_SECONDS,
    MOVES,
    OFFLINE,
    ONLINE,
    RECOVERING,
    STATES,
    VERIFYING,
    WAITING_QR,
    Accounts,
    plan_accounts,
)
from orchestration.sampledata.wework_text import Entities, entities
from orchestration.sampledata.wework_traffic import (
    CONTACT,
    DELIVERED,
    FAILED,
    GROUP,
    MESSAGES,
    READ,
    SEND_STATUSES,
    SENT,
    TYPES,
    Conversations,
    Members,
    Messages,
    plan_conversations,
    plan_members,
    plan_messages,
)
from orchestration.sampledata.world import World

Chunk = tuple[str, pa.Table]


@dataclass(frozen=True)
class Platform:
    """The planned platform: integers only."""

    plan: Plan
    world: World
    accounts: Accounts
    contacts: Members
    groups: Members
    conversations: Conversations
    messages: Messages
    templates: Indexes  # template of each message, -1 without
    entities: Entities

    @property
    def end(self) -> int:
        """The last second of the data."""
        return seconds_of(self.plan.end)

    def tenant_ids(self, account: Indexes) -> pa.DictionaryArray:
        """The tenant_id column for rows of these accounts."""
        return self.accounts.rows.tenant_ids(account)

    def account_ids(self, account: Indexes) -> pa.DictionaryArray:
        """The account_id column for rows of these accounts (-1 = NULL)."""
        return self.accounts.rows.pooled_ids(account)


def generate(plan: Plan, world: World) -> Iterator[Chunk]:
    """All chunks, parents before children."""
    platform = plan_platform(plan, world)
    yield _accounts(platform)
    yield from _status_history(platform)
    yield _alerts(platform)
    yield _monitor_rules(platform)
    yield _templates(platform)
    yield _contacts(platform)
    yield _groups(platform)
    yield from _group_members(platform)
    yield _conversations(platform)
    yield from message_chunks(platform)
    yield from wework_callbacks.chunks(
        plan, platform.accounts, platform.contacts, platform.groups, platform.messages,
        platform.conversations, platform.entities,
    )  # fmt: skip


def plan_platform(plan: Plan, world: World) -> Platform:
    """Plan everything that more than one table has to agree on."""
    accounts = plan_accounts(plan, world)
    contacts = plan_members(plan, accounts, "wework_contacts", later=30)
    groups = plan_members(plan, accounts, "wework_groups", later=DAY)
    conversations = plan_conversations(plan, accounts, contacts, groups)
    messages = plan_messages(plan, world, accounts, conversations)
    rng = stream(plan, f"{MESSAGES}/template")
    tenant = accounts.rows.tenant[conversations.account[messages.conversation]]
    written = world.rows("wework_message_templates").pick(
        rng, tenant, messages.created.view("datetime64[s]"), skew=2
    )
    templates = np.where(messages.send & chance(rng, len(messages), 0.14), written, -1)
    people = entities(plan, accounts.rows, contacts, groups)
    return Platform(
        plan, world, accounts, contacts, groups, conversations, messages, templates, people
    )


# --- helpers -------------------------------------------------------------------------------------


def when(seconds: Indexes, valid: Bools | None = None) -> pa.Array:
    """Seconds as timestamps; 0, or where `valid` is false, is NULL."""
    seconds = np.asarray(seconds, dtype=np.int64)
    known = seconds > 0 if valid is None else (seconds > 0) & valid
    return nullable(seconds.view("datetime64[s]"), known)


def _share(part: Indexes, whole: Indexes, units: int) -> Indexes:
    """part / whole × units, rounded half up, exactly; 0 over nothing."""
    return np.where(whole > 0, (2 * units * part + whole) // np.maximum(2 * whole, 1), 0)


def _latest(group: Indexes, at: Indexes, groups: int) -> Indexes:
    """Latest `at` per group; 0 where a group has none."""
    result = np.zeros(groups, dtype=np.int64)
    np.maximum.at(result, group, at)
    return result


def _count(group: Indexes, groups: int, where: Bools | None = None) -> Indexes:
    return np.bincount(group if where is None else group[where], minlength=groups)


# --- accounts ------------------------------------------------------------------------------------


def _accounts(p: Platform) -> Chunk:
    rng = stream(p.plan, "wework_accounts/columns")
    accounts, history, rows = p.accounts, p.accounts.history, p.accounts.rows
    n, status, end = len(accounts), accounts.status, p.end
    born = rows.created_at.astype(np.int64)
    ever = accounts.online_until > 0
    started = status != CREATED
    of = p.conversations.account[p.messages.conversation]
    m = p.messages
    won = m.send & np.isin(m.status, (SENT, DELIVERED, READ))
    total, sent, good = _count(of, n), _count(of, n, m.send), _count(of, n, won)
    timed = m.response_ms >= 0
    response = np.bincount(of[timed], m.response_ms[timed], n).astype(np.int64)

    online = history.new == ONLINE
    until = np.minimum(history.until, end)
    uptime = np.bincount(history.account, (until - history.at) * online, n).astype(np.int64)
    month = np.maximum(end - 30 * DAY, born)
    recent = np.maximum(until - np.maximum(history.at, month[history.account]), 0) * online
    recent = np.bincount(history.account, recent, n).astype(np.int64)
    login = _latest(history.account[online], history.at[online], n)
    left = _latest(history.account[online], until[online], n)
    beat = np.where(status == ONLINE, end - rng.integers(0, 45, n), left)
    stale = (status == ONLINE) & (hash_share(p.plan, "stale heartbeat", np.arange(n)) < 0.06)
    beat = np.where(stale, end - rng.integers(180, 900, n), beat)
    beat = np.where(ever & (np.arange(n) != accounts.no_heartbeat), np.maximum(beat, login), 0)
    recovered = (history.new == ONLINE) & (history.old == RECOVERING)
    errors = history.new == ERROR
    last_error = _latest(history.account[errors], history.at[errors], n)
    change = np.maximum(_latest(history.account, history.at, n), born)
    waiting = status == WAITING_QR
    corp = company_names(rng, p.world.tenant_count)
    corp_ids = join("ww", hex_text(rng, p.world.tenant_count, 16))
    table = conform(
        "wework_accounts",
        {
            "id": rows.ids(),
            "tenant_id": rows.tenant_ids(),
            "account_name": join(
                choice(rng, n, ("售前", "售后", "社群运营", "会员服务", "私域一部", "客户成功 🌟")),
                rank_in_group(rows.tenant) + 1, "号",
            ),
            "wework_guid": nullify(hex_text(rng, n, 32), started),
            "proxy_id": nullify(codes("proxy-", rng.integers(1, 40, n), 3), chance(rng, n, 0.6)),
            "phone": nullify(phones(rng, n), chance(rng, n, 0.95)),
            "callback_url": urls("hooks", "wework", hex_text(rng, n, 20)),
            "status": take(STATES, status),
            "health_score": np.where(
                status == ONLINE,
                rng.integers(82, 101, n),
                np.where(started, rng.integers(20, 90, n), 100),
            ),
            "last_login_time": when(login),
            "last_heartbeat_time": when(beat),
            "auto_reconnect": chance(rng, n, 0.85),
            "monitor_interval": rng.choice([15, 30, 60], n, p=[0.1, 0.8, 0.1]),
            "max_retry_count": rng.choice([3, 5], n, p=[0.8, 0.2]),
            "retry_count": np.where(status == ERROR, 3, np.where(status == RECOVERING, 1, 0)),
            "config_json": json_object(region="cn-east", proxy_password=hex_text(rng, n, 12)),
            "tenant_tag": choice(rng, n, {"华东": 3, "华南": 2, "总部": 2, "VIP": 1, None: 4}),
            "qr_code_url": nullify(urls("qr", "login", hex_text(rng, n, 24)), waiting),
            "qr_code_expires_at": when(change + 120, waiting),
            "login_token": nullify(hex_text(rng, n, 64), status == ONLINE),
            "device_info": nullify(
                json_object(
                    model=choice(rng, n, ("Windows 11", "macOS 14", "iPad Pro")),
                    mac=join("02:00:00:", hex_text(rng, n, 2), ":", hex_text(rng, n, 2)),
                ),
                started,
            ),
            "wework_user_id": nullify(p.entities.account_ids(), ever),
            "wework_user_name": nullify(p.entities.account_names(), ever),
            "wework_corp_id": nullify(take(corp_ids, rows.tenant), ever),
            "wework_corp_name": nullify(take(text(corp), rows.tenant), ever),
            "total_messages": total,
            "successful_messages": good,
            "failed_messages": _count(of, n, m.send & (m.status == FAILED)),
            "online_duration_hours": _share(uptime, np.full(n, 3600), 100),
            "offline_count": _count(history.account, n, history.new == OFFLINE),
            "error_count": _count(history.account, n, errors),
            "recovery_count": _count(history.account, n, recovered),
            "last_error_at": when(last_error),
            "last_recovery_at": when(_latest(history.account[recovered], history.at[recovered], n)),
            "avg_message_response_time": _share(response, _count(of, n, timed), 1),
            "message_success_rate": _share(good, sent, 10_000),
            "uptime_percentage": _share(recent, end - month + 1, 10_000),
            "daily_message_limit": rng.choice([500, 1000, 2000], n, p=[0.2, 0.6, 0.2]),
            "created_at": rows.created_at,
            "updated_at": when(np.maximum(change, beat)),
            "created_by": nullify(
                p.world.users.ids(p.world.users.pick(rng, rows.tenant, rows.created_at)),
                chance(rng, n, 0.9),
            ),
        },
    )  # fmt: skip
    return "wework_accounts", table


def _status_history(p: Platform) -> Iterator[Chunk]:
    history, name = p.accounts.history, "wework_account_status_history"
    triggers = [move[2] for move in MOVES]
    manual = np.array([trigger == "MANUAL" for trigger in triggers])
    expected_by_state = np.array(EXPECTED_SECONDS)
    for number, part in enumerate(p.plan.chunks(len(history.at))):
        rng = stream(p.plan, f"{name}/columns", number)
        account, at, old = history.account[part], history.at[part], history.old[part]
        move, duration = history.move[part], history.duration[part]
        n = len(at)
        by_hand = manual[move]
        operator = p.world.users.pick(
            rng, p.accounts.rows.tenant[account], at.view("datetime64[s]"), skew=3
        )
        operator = np.where(by_hand, operator, -1)
        expected = np.where(old >= 0, expected_by_state[old], -1)
        fell = history.new[part] == OFFLINE
        yield (
            name,
            conform(
                name,
                {
                    "id": ids_of(p.plan, name, history.id_index[part]),
                    "tenant_id": p.tenant_ids(account),
                    "account_id": p.account_ids(account),
                    "old_status": take(STATES, old),
                    "new_status": take(STATES, history.new[part]),
                    "change_reason": take([m[3] for m in MOVES], move, chance(rng, n, 0.9)),
                    "trigger_type": take(triggers, move),
                    "extra_data": json_choice(
                        rng,
                        n,
                        [{"source": "connector"}, {"retry": 1}, {"latency_ms": 87}],
                        null=0.7,
                    ),
                    "duration_seconds": nullable(duration, duration >= 0),
                    "expected_duration_seconds": nullable(expected, expected >= 0),
                    "is_abnormal_duration": (expected >= 0) & (duration > expected),
                    "server_node": choice(rng, n, {"node-1": 4, "node-2": 3, "node-3": 2, None: 1}),
                    "client_version": choice(
                        rng, n, {"4.1.22": 5, "4.1.26": 3, "4.0.9": 1, None: 1}
                    ),
                    "network_quality": choice(rng, n, {"good": 8, "fair": 2, "poor": 1, None: 1}),
                    "operator_id": ids_of(p.plan, "saas_users", operator),
                    "operator_name": nullify(person_names(rng, n), operator >= 0),
                    "ip_address": nullify(ip_addresses(rng, n), by_hand),
                    "user_agent": nullify(user_agents(rng, n), by_hand),
                    "affected_conversations": np.where(fell, rng.integers(0, 40, n), 0),
                    "lost_messages": np.where(fell & chance(rng, n, 0.1), rng.integers(1, 9, n), 0),
                    "created_at": when(at),
                },
            ),
        )


ALERTS = (
    ("heartbeat_timeout", "error", "账号心跳超时"),
    ("login_failed", "warning", "登录失败"),
    ("message_send_failed", "warning", "消息发送失败"),
    ("auto_recovery_failed", "critical", "自动恢复失败"),
    ("retry_limit_reached", "critical", "重试次数达到上限"),
    ("abnormal_offline", "error", "账号异常离线"),
    ("performance_degraded", "info", "性能下降"),
    ("health_score_low", "warning", "健康分过低"),
    ("network_error", "error", "网络错误"),
    ("callback_error", "warning", "回调异常"),
    ("qr_code_expired", "info", "二维码过期"),
    ("verification_timeout", "warning", "验证超时"),
    ("excessive_errors", "critical", "错误次数过多"),
    ("resource_exhausted", "critical", "资源耗尽"),
    ("custom", "info", "自定义告警 ⚠️"),
)


def _alerts(p: Platform) -> Chunk:
    """Mostly raised by a status change and resolved when the account came back ONLINE."""
    name = "wework_account_alerts"
    rng, history, end = stream(p.plan, name), p.accounts.history, p.end
    # old state → the alert its end raises; by the new state for the rest
    raised = np.full(len(history.at), -1)
    raised[(history.new == OFFLINE) & (history.old == ONLINE)] = 5
    timeout = np.array([m[2] == "HEARTBEAT_TIMEOUT" for m in MOVES])[history.move]
    raised[timeout] = 0
    raised[(history.new == ERROR) & (history.old == ONLINE)] = 12
    raised[(history.new == ERROR) & (history.old == RECOVERING)] = 3
    raised[(history.new == ERROR) & (history.old == VERIFYING)] = 11
    raised[(history.new == OFFLINE) & (history.old == WAITING_QR)] = 10
    events = np.flatnonzero(raised >= 0)
    total = p.plan.rows(name)
    events = np.sort(rng.permutation(events)[: total * 3 // 4])
    rest = total - len(events)
    ever = np.flatnonzero(p.accounts.online_until > 0)
    other = ever[choice_index(rng, rest, p.accounts.weight[ever] + p.accounts.weight.max() / 50)]
    low, high = p.accounts.online_from[other], p.accounts.online_until[other]
    random_at = low + np.floor(rng.random(rest) * (high - 1 - low)).astype(np.int64)
    account = np.r_[history.account[events], other]
    kind = np.r_[raised[events], rng.integers(0, len(ALERTS), rest)]
    at = np.r_[history.at[events], np.minimum(random_at, end)]
    lasted = log_normal_int(rng, total, 2 * 3600, 1.5, 60, 20 * DAY)
    resolved = np.r_[_back_online(p.accounts, events), np.full(rest, 0)]
    resolved = np.where(resolved > 0, resolved, at + lasted)
    open_now = (resolved > end) | chance(rng, total, 0.05)
    # Of one condition of one account only the newest alert can still be open.
    order = np.lexsort((at, kind, account))
    newest = np.ones(total, dtype=bool)
    newest[order[:-1]] = (account[order][1:] != account[order][:-1]) | (
        kind[order][1:] != kind[order][:-1]
    )
    open_now &= newest
    resolved = np.where(open_now, 0, np.minimum(resolved, end))
    closing = np.where(open_now, end, resolved)
    seen = at + np.floor(rng.random(total) ** 2 * (closing - at)).astype(np.int64)
    once = chance(rng, total, 0.4)
    seen = np.where(once, at, seen)
    hand = chance(rng, total, 0.35)
    acknowledged = np.where(hand, np.minimum(at + rng.integers(60, 7200, total), closing), 0)
    state = np.where(
        open_now,
        np.where(hand, 1, np.where(chance(rng, total, 0.1), 3, 0)),
        2,
    )
    tenant = p.accounts.rows.tenant[account]
    person = p.world.users.pick(rng, tenant, at.view("datetime64[s]"), skew=3)
    level = np.array([("info", "warning", "error", "critical").index(a[1]) for a in ALERTS])
    table = conform(
        name,
        {
            "id": ids_of(p.plan, name, np.arange(total)),
            "tenant_id": p.tenant_ids(account),
            "account_id": p.account_ids(account),
            "alert_type": take([a[0] for a in ALERTS], kind),
            "alert_level": take(("info", "warning", "error", "critical"), level[kind]),
            "alert_title": take([a[2] for a in ALERTS], kind),
            "alert_message": join(
                take(p.entities.account_names(), account), "：", take([a[2] for a in ALERTS], kind)
            ),
            "alert_data": json_choice(
                rng, total, [{"threshold": 120, "value": 185}, {"retries": 3}], null=0.4
            ),
            "status": take(("open", "acknowledged", "resolved", "suppressed"), state),
            "first_occurred_at": when(at),
            "last_occurred_at": when(seen),
            "occurrence_count": np.where(seen > at, rng.integers(2, 30, total), 1),
            "acknowledged_by": ids_of(p.plan, "saas_users", np.where(hand, person, -1)),
            "acknowledged_at": when(acknowledged),
            "resolved_by": ids_of(
                p.plan, "saas_users", np.where(hand & (state == 2), person, -1)
            ),
            "resolved_at": when(resolved),
            "resolution_action": nullify(sentences(rng, total), hand & (state == 2)),
            "notification_sent": chance(rng, total, 0.8),
            "notification_channels": json_choice(
                rng, total, [["email"], ["sms", "email"], ["wework"]], null=0.2
            ),
            "created_at": when(at),
            "updated_at": when(np.maximum(np.maximum(seen, acknowledged), resolved)),
        },
    )  # fmt: skip
    return name, table


def _back_online(accounts: Accounts, events: Indexes) -> Indexes:
    """When the account of each status change was ONLINE again; 0 for never."""
    history = accounts.history
    online = np.flatnonzero(history.new == ONLINE)
    following = np.searchsorted(online, events, side="right")
    found = online[np.minimum(following, len(online) - 1)]
    same = (following < len(online)) & (history.account[found] == history.account[events])
    return np.where(same, history.at[found], 0)


RULES = (
    ("heartbeat_check", {"max_silence_seconds": 120, "cooldown_seconds": 600}),
    ("message_success_rate", {"min_success_rate_pct": 90, "min_messages": 20,
                              "cooldown_seconds": 3600}),
    ("response_time", {"max_response_ms": 3000, "window_minutes": 30, "cooldown_seconds": 1800}),
    ("error_rate", {"alert_type": "excessive_errors", "max_errors": 5, "cooldown_seconds": 3600}),
    ("offline_duration", {"max_offline_seconds": 1800, "cooldown_seconds": 3600}),
    ("retry_count", {"min_retries_left": 1, "cooldown_seconds": 900}),
    ("health_score", {"min_health_score": 60, "cooldown_seconds": 7200}),
    ("message_volume", {"min_messages_left": 10, "cooldown_seconds": 3600}),
    ("login_frequency", {"max_failed_logins": 5, "cooldown_seconds": 86400}),
    ("performance_metrics", {"max_processing_ms": 2000, "cooldown_seconds": 3600}),
    ("network_quality", {"min_network_grade": 2, "cooldown_seconds": 1800}),
    ("custom_metric", {"metric": "unread_messages", "max_value": 500, "cooldown_seconds": 3600}),
    ("status_duration", {"max_recovering_seconds": 600, "cooldown_seconds": 600}),
    ("qr_code_timeout", {"max_qr_expired_seconds": 120, "cooldown_seconds": 600}),
)  # fmt: skip


def _monitor_rules(p: Platform) -> Chunk:
    name = "wework_account_monitor_rules"
    rng, rows = stream(p.plan, name), p.world.rows(name)
    n = len(rows)
    account = p.accounts.rows.pick(rng, rows.tenant, rows.created_at)
    account = np.where(chance(rng, n, 0.5), account, -1)
    kind = np.arange(n) % len(RULES)
    enabled = chance(rng, n, 0.85)
    age = p.end - rows.created_at.astype(np.int64)
    executed = np.where(chance(rng, n, 0.93), age // 300, 0)
    fired = np.minimum(np.floor(executed * rng.random(n) ** 4 * 0.01).astype(np.int64), executed)
    last_run = np.where(enabled, p.end - rng.integers(0, 300, n), p.end - age // 3)
    last_run = np.where(executed > 0, last_run, 0)
    table = conform(
        name,
        {
            "id": rows.ids(),
            "tenant_id": rows.tenant_ids(),
            "account_id": p.account_ids(account),
            "rule_name": join(take([r[0] for r in RULES], kind), "-", numbers(n)),
            "rule_type": take([r[0] for r in RULES], kind),
            "description": nullify(sentences(rng, n), chance(rng, n, 0.6)),
            "check_interval": rng.choice([60, 300], n),
            "threshold_config": take(json_pool([r[1] for r in RULES]), kind),
            "trigger_condition": choice(rng, n, {"value > threshold": 1, None: 1}),
            "alert_level": choice(rng, n, {"info": 1, "warning": 4, "error": 3, "critical": 2}),
            "alert_template": choice(rng, n, {"{account_name} {rule_name}": 1, None: 2}),
            "notification_channels": json_choice(rng, n, [["email"], ["sms"]], null=0.2),
            "enable_auto_action": chance(rng, n, 0.2),
            "auto_action_config": json_choice(rng, n, [{"action": "reconnect"}], null=0.8),
            "is_enabled": enabled,
            "execution_count": executed,
            "trigger_count": fired,
            "last_executed_at": when(last_run),
            "last_triggered_at": when(
                np.maximum(last_run - age // 10, rows.created_at.astype(np.int64)), fired > 0
            ),
            "created_at": rows.created_at,
            "updated_at": when(np.maximum(last_run, rows.created_at.astype(np.int64))),
            "created_by": p.world.users.ids(p.world.users.pick(rng, rows.tenant, rows.created_at)),
        },
    )
    return name, table


def numbers(count: int) -> pa.Array:
    """1, 2, 3, … as text of four digits."""
    return codes("", np.arange(1, count + 1), 4)


def _templates(p: Platform) -> Chunk:
    name = "wework_message_templates"
    rng, rows, m = stream(p.plan, name), p.world.rows("wework_message_templates"), p.messages
    n = len(rows)
    used = p.templates >= 0
    won = used & np.isin(m.status, (SENT, DELIVERED, READ))
    earlier = rng.integers(0, 2000, n)  # of messages that retention has deleted since
    last_use = _latest(p.templates[used], m.created[used], n)
    table = conform(
        name,
        {
            "id": rows.ids(),
            "tenant_id": rows.tenant_ids(),
            "template_name": join(
                choice(rng, n, ("欢迎语", "订单提醒", "复购关怀", "生日祝福 🎂", "活动通知")),
                numbers(n),
            ),
            "template_code": join("tpl_", numbers(n)),
            "description": nullify(sentences(rng, n), chance(rng, n, 0.7)),
            "message_type": choice(
                rng, n, {"text": 12, "image": 3, "file": 1, "voice": 1, "video": 1, "card": 3}
            ),
            "content_template": choice(
                rng,
                n,
                (
                    "您好 {name}，感谢您添加 {company} 😊",
                    "{name} 您好，订单 {order_no} 已发货",
                    "{name}，{days} 天没见，送您一张 {amount} 元券 🧧",
                ),
            ),
            "variables": json_choice(rng, n, [{"name": {"type": "string", "required": True}}], 0.1),
            "default_values": json_choice(rng, n, [{"name": "客户"}], null=0.3),
            "send_config": json_choice(rng, n, [{"window": ["09:00", "20:00"]}], null=0.3),
            "rate_limit": json_choice(rng, n, [{"per_hour": 200}], null=0.5),
            "retry_config": json_choice(rng, n, [{"max": 3, "pause_seconds": 60}], null=0.4),
            "category": choice(rng, n, {"greeting": 3, "reminder": 4, "promotion": 3, None: 1}),
            "tags": json_choice(rng, n, [["常用"], ["节日", "营销"]], null=0.5),
            "is_active": chance(rng, n, 0.9),
            "usage_count": _count(p.templates[used], n) + earlier,
            "success_count": _count(p.templates[won], n) + earlier * 9 // 10,
            "created_at": rows.created_at,
            "updated_at": when(np.maximum(last_use, rows.created_at.astype(np.int64))),
            "created_by": p.world.users.ids(p.world.users.pick(rng, rows.tenant, rows.created_at)),
        },
    )
    return name, table


# --- people and groups ---------------------------------------------------------------------------


def _by_target(p: Platform, kind: int, count: int) -> tuple[Indexes, Indexes]:
    """Messages and newest message (0 = none) of each contact or group."""
    conversations, m = p.conversations, p.messages
    mine = conversations.kind[m.conversation] == kind
    target = conversations.target[m.conversation[mine]]
    return _count(target, count), _latest(target, m.created[mine], count)


def _contacts(p: Platform) -> Chunk:
    name = "wework_contacts"
    rng, contacts = stream(p.plan, f"{name}/columns"), p.contacts
    n = len(contacts.account)
    messages, last = _by_target(p, CONTACT, n)
    kind = choice_index(rng, n, (15, 55, 30))
    outside = kind > 0
    touched = np.where(chance(rng, n, 0.15), contacts.created + rng.integers(0, 20 * DAY, n), 0)
    touched = np.minimum(np.maximum(touched, last), p.end)
    synced = np.maximum(p.end - rng.integers(0, 3 * DAY, n), contacts.created)
    status = choice_index(rng, n, (91, 3, 4, 2))
    avatar = urls("avatar", "c", hex_text(rng, 512, 16), ".jpg")
    table = conform(
        name,
        {
            "id": ids_of(p.plan, name, np.arange(n)),
            "tenant_id": p.tenant_ids(contacts.account),
            "account_id": p.account_ids(contacts.account),
            "wework_contact_id": p.entities.contact_ids(),
            "contact_type": take(("internal", "external", "customer"), kind),
            "contact_name": p.entities.contact_names(),
            "alias": nullify(person_names(rng, n), chance(rng, n, 0.2)),
            "avatar_url": take(avatar, rng.integers(0, 512, n), chance(rng, n, 0.9)),
            "gender": choice(rng, n, {"male": 4, "female": 4, "unknown": 2}),
            "phone": nullify(phones(rng, n), chance(rng, n, 0.45)),
            "email": nullify(
                join(codes("contact.", np.arange(n), 7), "@example.com"), chance(rng, n, 0.2)
            ),
            "corp_name": nullify(company_names(rng, n), outside & chance(rng, n, 0.5)),
            "corp_full_name": nullify(company_names(rng, n), outside & chance(rng, n, 0.2)),
            "department": nullify(choice(rng, n, ("市场部", "采购部", "财务部")), ~outside),
            "position": choice(rng, n, {"经理": 2, "总监": 1, "专员": 3, None: 6}),
            "tags": json_choice(rng, n, [["高意向"], ["老客户", "复购"], ["沉默"]], null=0.5),
            "custom_fields": json_choice(rng, n, [{"车型": "SUV"}, {"备注": "重点"}], null=0.85),
            "relation_type": choice(rng, n, {"customer": 4, "supplier": 1, "partner": 1, None: 4}),
            "source": choice(rng, n, {"scan": 5, "search": 2, "card": 2, "group": 3, None: 1}),
            "remark": nullify(sentences(rng, n), chance(rng, n, 0.25)),
            "status": take(("normal", "blocked", "deleted", "invalid"), status),
            "is_friend": (status == 0) & chance(rng, n, 0.95),
            "is_starred": chance(rng, n, 0.05),
            "is_blacklisted": chance(rng, n, 0.01),
            "message_count": messages,
            "last_message_at": when(last),
            "last_contact_at": when(touched),
            "last_sync_at": when(synced, chance(rng, n, 0.97)),
            "sync_status": choice(rng, n, {"success": 94, "failed": 3, "pending": 3}),
            "created_at": when(contacts.created),
            "updated_at": when(np.maximum(np.maximum(synced, touched), contacts.created)),
        },
    )
    return name, table


@dataclass(frozen=True)
class _Memberships:
    """Members by number, sorted by group: rank 0 is the account itself; -1 = not a contact."""

    group: Indexes
    rank: Indexes
    contact: Indexes
    is_owner: Bools


def _memberships(p: Platform) -> _Memberships:
    rng = stream(p.plan, "wework_group_members")
    groups = len(p.groups.account)
    total = p.plan.rows("wework_group_members")
    size = np.exp(0.9 * rng.standard_normal(groups))
    from_total = np.minimum(3 + np.floor(size / size.sum() * (total - 3 * groups)), 500)
    counts = from_total.astype(np.int64)
    group = np.repeat(np.arange(groups), counts)
    rank = rank_in_group(group)
    first = p.contacts.first_of(len(p.accounts))
    account = p.groups.account
    own = (first[1:] - first[:-1])[account]  # contacts the group's account has
    known = np.minimum(own, counts * 6 // 10)
    offset = np.floor(rng.random(groups) * np.maximum(own, 1)).astype(np.int64)
    is_contact = (rank >= 1) & (rank <= known[group])
    contact = first[account][group] + (offset[group] + rank) % np.maximum(own, 1)[group]
    owner_rank = np.where(chance(rng, groups, 0.6), 0, 1)
    return _Memberships(group, rank, np.where(is_contact, contact, -1), rank == owner_rank[group])


def _member_ids(p: Platform, members: _Memberships, part: slice | Indexes) -> pa.Array:
    """WeCom ids: the account's own user, a contact, or somebody the account does not know."""
    group, contact = members.group[part], members.contact[part]
    index = np.where(
        members.rank[part] == 0,
        p.entities.account_key(p.groups.account[group]),
        np.where(contact >= 0, p.entities.contact_key(contact), -1),
    )
    position = np.arange(len(members.group))[part]
    strangers = p.entities.stranger_ids(position)
    return p.entities.ids_or(index, strangers)


def _groups(p: Platform) -> Chunk:
    name = "wework_groups"
    rng, groups = stream(p.plan, f"{name}/columns"), p.groups
    n = len(groups.account)
    messages, last = _by_target(p, GROUP, n)
    members = _memberships(p)
    owners = np.flatnonzero(members.is_owner)  # one a group, in the order of groups
    owner = _member_ids(p, members, owners)
    synced = np.maximum(p.end - rng.integers(0, 3 * DAY, n), groups.created)
    active = np.minimum(np.maximum(last, groups.created) + rng.integers(0, DAY, n), p.end)
    avatar = urls("avatar", "g", hex_text(rng, 128, 16), ".jpg")
    drift = np.where(chance(rng, n, 0.05), rng.integers(1, 4, n), 0)
    table = conform(
        name,
        {
            "id": ids_of(p.plan, name, np.arange(n)),
            "tenant_id": p.tenant_ids(groups.account),
            "account_id": p.account_ids(groups.account),
            "wework_group_id": p.entities.group_ids(),
            "group_name": p.entities.group_names(),
            "group_notice": nullify(sentences(rng, n), chance(rng, n, 0.3)),
            "avatar_url": take(avatar, rng.integers(0, 128, n), chance(rng, n, 0.8)),
            "group_type": choice(rng, n, {"internal": 2, "external": 3, "customer": 5}),
            "owner_id": nullify(owner, chance(rng, n, 0.97)),
            "member_count": _count(members.group, n, _membership_state(p, members)[0] == 0) + drift,
            "max_member_count": rng.choice([200, 500], n, p=[0.2, 0.8]) * 1 + 300,
            "status": choice(rng, n, {"active": 88, "disbanded": 5, "archived": 5, "muted": 2}),
            "is_muted": chance(rng, n, 0.1),
            "is_pinned": chance(rng, n, 0.05),
            "invite_permission": choice(
                rng, n, {"owner": 2, "admin": 3, "member": 14, "none": 1}
            ),
            "message_permission": choice(rng, n, {"all": 17, "admin_only": 2, "muted": 1}),
            "message_count": messages,
            "last_message_at": when(last),
            "last_active_at": when(active, (messages > 0) | chance(rng, n, 0.7)),
            "last_sync_at": when(synced, chance(rng, n, 0.97)),
            "sync_status": choice(rng, n, {"success": 94, "failed": 3, "pending": 3}),
            "created_at": when(groups.created),
            "updated_at": when(np.maximum(synced, active)),
        },
    )  # fmt: skip
    return name, table


def _membership_state(p: Platform, members: _Memberships) -> tuple[Indexes, Indexes, Indexes]:
    """State (0 active, 1 removed, 2 left, 3 kicked), joined and left (0 = still there)."""
    rng = stream(p.plan, "wework_group_members/state")
    n = len(members.group)
    born = p.groups.created[members.group]
    share = np.where(chance(rng, n, 0.4), 0.0, rng.random(n) ** 1.3)
    share[members.rank == 0] = 0
    joined = born + np.floor(share * (p.end - born)).astype(np.int64)
    state = choice_index(rng, n, (88, 2, 8, 2)).astype(np.int64)
    state[members.is_owner | (members.rank == 0)] = 0
    gone = joined + np.floor(rng.random(n) * (p.end - joined)).astype(np.int64)
    return state, joined, np.where(state > 0, np.maximum(gone, joined), 0)


def _group_members(p: Platform) -> Iterator[Chunk]:
    name = "wework_group_members"
    members = _memberships(p)
    state, joined, left = _membership_state(p, members)
    seen, _ = _by_target(p, GROUP, len(p.groups.account))
    weight = 1.0 / (members.rank + 2.0)
    share = weight / np.bincount(members.group, weight)[members.group]
    wrote = np.floor(share * seen[members.group] * 0.9).astype(np.int64)
    avatar = urls("avatar", "m", hex_text(stream(p.plan, name), 512, 16), ".jpg")
    for number, part in enumerate(p.plan.chunks(len(state))):
        rng = stream(p.plan, f"{name}/columns", number)
        group, contact = members.group[part], members.contact[part]
        n = len(group)
        account = p.groups.account[group]
        rank, here = members.rank[part], state[part] == 0
        named = np.where(
            rank == 0,
            p.entities.account_key(account),
            np.where(contact >= 0, p.entities.contact_key(contact), -1),
        )
        role = np.where(members.is_owner[part], 0, np.where(chance(rng, n, 0.03), 1, 2))
        join_type = choice_index(rng, n, (60, 25, 5, 8, 2))
        muted = here & chance(rng, n, 0.01)
        until = np.where(left[part] > 0, left[part], p.end)
        active = joined[part] + np.floor(rng.random(n) * (until - joined[part])).astype(np.int64)
        active = np.where((wrote[part] > 0) | chance(rng, n, 0.5), active, 0)
        yield (
            name,
            conform(
                name,
                {
                    "id": ids_of(p.plan, name, np.arange(part.start, part.stop)),
                    "tenant_id": p.tenant_ids(account),
                    "group_id": ids_of(p.plan, "wework_groups", group),
                    "member_wework_id": _member_ids(p, members, part),
                    "member_name": p.entities.names_or(named, person_names(rng, n)),
                    "nickname": nullify(person_names(rng, n), chance(rng, n, 0.15)),
                    "avatar_url": take(avatar, rng.integers(0, 512, n), chance(rng, n, 0.85)),
                    "role": take(("owner", "admin", "member"), role),
                    "join_type": take(
                        ("invite", "scan", "search", "share"),
                        np.where(join_type == 4, -1, join_type),
                    ),
                    "inviter_id": nullify(
                        take(p.entities.account_ids(), account), (join_type == 0) & (rank > 0)
                    ),
                    "status": take(("active", "removed", "left", "kicked"), state[part]),
                    "is_muted": muted,
                    "mute_until": when(p.end + rng.integers(600, 7 * DAY, n), muted),
                    "joined_at": when(joined[part]),
                    "left_at": when(left[part]),
                    "last_active_at": when(active),
                    "message_count": wrote[part],
                    "created_at": when(joined[part]),
                    "updated_at": when(np.maximum(np.maximum(joined[part], left[part]), active)),
                },
            ),
        )


# --- traffic -------------------------------------------------------------------------------------


def _conversations(p: Platform) -> Chunk:
    name = "wework_conversations"
    rng, c, m = stream(p.plan, f"{name}/columns"), p.conversations, p.messages
    n = len(c.account)
    total, sent = _count(m.conversation, n), _count(m.conversation, n, m.send)
    received = total - sent
    newest = np.full(n, -1)
    newest[m.conversation] = np.arange(len(m))  # messages are in order: the last one stays
    oldest = np.full(n, -1)
    oldest[m.conversation[::-1]] = np.arange(len(m))[::-1]
    some = total > 0
    last_at = np.where(some, m.created[newest], c.created)
    unread = np.where(chance(rng, n, 0.25), rng.integers(1, 12, n), 0)
    unread = np.minimum(unread, received)
    opened = np.where(unread > 0, c.created + (last_at - c.created) // 2, last_at)
    target = p.entities.target_key(c.kind, c.target)
    table = conform(
        name,
        {
            "id": ids_of(p.plan, name, np.arange(n)),
            "tenant_id": p.tenant_ids(c.account),
            "account_id": p.account_ids(c.account),
            "conversation_id": p.entities.conversation_ids(n),
            "conversation_type": take(("contact", "group", "system"), c.kind),
            "target_id": p.entities.ids(target),
            "target_name": p.entities.names(target),
            "status": choice(rng, n, {"active": 86, "archived": 8, "deleted": 3, "muted": 3}),
            "is_pinned": chance(rng, n, 0.06),
            "is_muted": chance(rng, n, 0.08),
            "unread_count": unread,
            "last_message_id": ids_of(p.plan, MESSAGES, newest),
            "last_message_content": nullify(
                wework_text.contents(p.plan, newest, m.kind[newest]), some
            ),
            "last_message_type": take(TYPES, m.kind[newest], some),
            "last_message_at": when(last_at),
            "total_messages": total,
            "sent_messages": sent,
            "received_messages": received,
            "first_message_at": when(np.where(some, m.created[oldest], 0)),
            "last_read_at": when(opened, some & chance(rng, n, 0.95)),
            "created_at": when(c.created),
            "updated_at": when(last_at),
        },
    )
    return name, table


def message_chunks(p: Platform) -> Iterator[Chunk]:
    """The messages, in order of time."""
    m, c, e = p.messages, p.conversations, p.entities
    conversation_ids = e.conversation_ids(len(c.account))
    own_key = e.account_key(c.account)
    other_key = e.target_key(c.kind, c.target)
    # from_type and to_type of the other side: a contact, a group or the system
    other_side = np.array([1, 2, 3])[c.kind]
    sides = ("user", "contact", "group", "system")
    for number, part in enumerate(p.plan.chunks(len(m))):
        rng = stream(p.plan, f"{MESSAGES}/columns", number)
        conversation, send, status = m.conversation[part], m.send[part], m.status[part]
        kind, created = m.kind[part], m.created[part]
        n = len(conversation)
        account = c.account[conversation]
        mine, theirs = own_key[conversation], other_key[conversation]
        sender, receiver = np.where(send, mine, theirs), np.where(send, theirs, mine)
        side = other_side[conversation]
        index = np.arange(part.start, part.stop)
        failed = send & (status == FAILED)
        error = np.where(failed, wework_text.error_index(rng, n), -1)
        campaign = _campaigns(p, rng, account, created, send)
        yield (
            MESSAGES,
            conform(
                MESSAGES,
                {
                    "id": ids_of(p.plan, MESSAGES, index),
                    "tenant_id": p.tenant_ids(account),
                    "account_id": p.account_ids(account),
                    "message_id": wework_text.message_ids(p.plan, index),
                    "conversation_id": take(conversation_ids, conversation),
                    "direction": take(("send", "receive"), np.where(send, 0, 1)),
                    "message_type": take(TYPES, kind),
                    "from_type": take(sides, np.where(send, 0, side)),
                    "from_id": e.ids(sender),
                    "from_name": nullify(e.names(sender), chance(rng, n, 0.98)),
                    "to_type": take(sides, np.where(send, side, 0)),
                    "to_id": e.ids(receiver),
                    "to_name": nullify(e.names(receiver), chance(rng, n, 0.98)),
                    "content": wework_text.contents(p.plan, index, kind),
                    "content_url": wework_text.content_urls(rng, kind),
                    "media_info": wework_text.media_info(rng, kind),
                    "raw_data": wework_text.raw_data(rng, ~send),
                    "send_status": take(SEND_STATUSES, status),
                    "error_code": take(wework_text.ERROR_CODES, error),
                    "error_message": take(wework_text.ERROR_TEXTS, error),
                    "retry_count": np.where(failed, rng.integers(0, 4, n), 0),
                    "scheduled_at": when(m.scheduled[part]),
                    "sent_at": when(m.sent[part]),
                    "delivered_at": when(m.delivered[part]),
                    "read_at": when(m.read[part]),
                    "recalled_at": when(m.recalled[part]),
                    "processing_time_ms": nullable(
                        log_normal_int(rng, n, 60, 0.9, 1, 30_000), chance(rng, n, 0.98)
                    ),
                    "response_time_ms": nullable(m.response_ms[part], m.response_ms[part] >= 0),
                    "template_id": take(
                        p.world.rows("wework_message_templates").ids(), p.templates[part]
                    ),
                    "campaign_id": take(p.world.rows("marketing_campaigns").ids(), campaign),
                    "tags": json_choice(rng, n, [["群发"], ["自动回复"], ["客服"]], null=0.9),
                    "priority": take(
                        ("low", "normal", "high", "urgent"),
                        np.where(send, choice_index(rng, n, (5, 86, 7, 2)), 1),
                    ),
                    "created_at": when(created),
                },
            ),
        )


def _campaigns(
    p: Platform, rng: np.random.Generator, account: Indexes, created: Indexes, send: Bools
) -> Indexes:
    chosen = np.full(len(account), -1)
    some = np.flatnonzero(send & chance(rng, len(account), 0.06))
    chosen[some] = p.world.rows("marketing_campaigns").pick(
        rng, p.accounts.rows.tenant[account[some]], created[some].view("datetime64[s]")
    )
    return chosen
