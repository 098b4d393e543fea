"""Quotas, settings, alerts and monitoring."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from orchestration.sampledata.conform import conform
from orchestration.sampledata.core_people import (
    MODULES,
    PLANS,
    Chunk,
    People,
    Roles,
    inside,
    tenant_column,
    when,
)
from orchestration.sampledata.random import (
    DAY,
    EVEN_WEEK,
    OFFICE_HOURS,
    Indexes,
    Times,
    chance,
    choice,
    choice_index,
    hex_text,
    id_pool,
    ids_of,
    join,
    json_choice,
    json_object,
    json_pool,
    log_normal_int,
    nullify,
    plus_seconds,
    rank_in_group,
    rhythm,
    seconds_of,
    sentences,
    stream,
    take,
    urls,
)
from orchestration.sampledata.world import Rows

# --- quotas --------------------------------------------------------------------------------------

# Limits by plan, basic to enterprise.
LIMITS = {
    "max_users": (10, 50, 200, 1000),
    "max_roles": (5, 20, 50, 100),
    "max_api_keys": (2, 10, 20, 50),
    "max_api_calls_per_minute": (60, 300, 1000, 5000),
    "max_api_calls_per_hour": (1000, 5000, 10_000, 50_000),
    "max_api_calls_per_day": (5000, 20_000, 100_000, 500_000),
    "max_api_calls_per_month": (50_000, 200_000, 1_000_000, 5_000_000),
    "max_wework_accounts": (2, 5, 20, 100),
    "max_online_wework_accounts": (2, 3, 15, 80),
    "max_daily_wework_messages": (500, 2000, 10_000, 100_000),
    "max_monthly_wework_messages": (10_000, 40_000, 200_000, 2_000_000),
    "max_wework_monitor_rules": (5, 10, 20, 50),
    "max_wework_alerts_per_day": (20, 50, 100, 500),
    "max_ai_agents": (1, 3, 10, 50),
    "max_ai_platforms": (1, 3, 5, 20),
    "max_ai_conversations_per_day": (20, 100, 1000, 10_000),
    "max_ai_tokens_per_day": (20_000, 100_000, 1_000_000, 20_000_000),
    "max_ai_knowledge_bases": (1, 3, 5, 20),
    "max_ai_tools": (3, 10, 20, 60),
    "max_health_patients": (20, 100, 500, 5000),
    "max_health_records_per_patient": (100, 300, 1000, 5000),
    "max_health_devices": (5, 10, 50, 500),
    "max_batch_size": (100, 500, 1000, 5000),
    "max_export_records": (1000, 5000, 10_000, 100_000),
    "max_concurrent_sessions": (2, 3, 5, 10),
    "max_monitor_rules": (5, 20, 50, 100),
    "max_alert_channels": (2, 5, 10, 20),
    "max_alerts_per_day": (50, 200, 1000, 5000),
    "max_notifications_per_day": (50, 200, 1000, 10_000),
    "max_email_per_day": (20, 50, 100, 2000),
    "max_sms_per_day": (10, 20, 50, 1000),
}
# Limits that follow what the tenant has, so that most tenants fit and some do not.
STOCKS = {
    "max_users": "saas_users",
    "max_api_keys": "saas_api_keys",
    "max_wework_accounts": "wework_accounts",
    "max_ai_agents": "ai_agents",
    "max_ai_platforms": "ai_platforms",
    "max_ai_knowledge_bases": "ai_knowledge_bases",
    "max_ai_tools": "ai_tools",
    "max_health_patients": "health_patients",
    "max_health_devices": "health_devices",
    "max_monitor_rules": "saas_monitor_rules",
}


def quotas(people: People, roles: Roles) -> Chunk:
    """One row per tenant; some not in force yet, some no more, NULL limits here and there."""
    plan, world, tier = people.plan, people.world, people.tier
    count, rng = world.tenant_count, stream(people.plan, "saas_tenant_quotas")
    tenant = np.arange(count)
    # One of each kind, at any scale: not yet in force, no more, without limits.
    early, late, free = np.flatnonzero(world.is_open)[2:5]
    columns: dict[str, pa.Array] = {}
    for name, limits in LIMITS.items():
        limit = np.asarray(limits)[tier]
        have = np.diff(roles.first) if name == "max_roles" else None
        if table := STOCKS.get(name):
            have = world.rows(table).count()
        if have is not None:
            roomy = np.maximum(limit, np.ceil(have * rng.uniform(1.05, 2.5, count)).astype(int))
            limit = np.where(chance(rng, count, 0.12), (have * 0.9).astype(int), roomy)
        unlimited = chance(rng, count, 0.04) | (tenant == free)
        columns[name] = pa.array(limit, mask=unlimited)
    today = np.datetime64(plan.end, "D")
    later = (tenant == early) | (chance(rng, count, 0.03) & world.is_open & (tenant > free))
    start = np.where(later, today + np.timedelta64(10, "D"), world.created_at.astype("M8[D]"))
    over = ((tenant == late) | chance(rng, count, 0.05)) & ~later & world.is_open & (tenant > 0)
    past = np.maximum(start, today - rng.integers(1, 60, count).astype("m8[D]"))
    future = today + rng.integers(30, 700, count).astype("m8[D]")
    none = np.datetime64("NaT", "D")
    ending = np.where(chance(rng, count, 0.4) | later, future, none)
    ending = np.where(over, past, ending)
    ending = np.where(world.is_open, ending, world.closed_at.astype("M8[D]"))
    policy = choice_index(rng, count, (6, 3, 2))
    basic = tier == 0
    return "saas_tenant_quotas", conform(
        "saas_tenant_quotas",
        {
            "id": ids_of(plan, "saas_tenant_quotas", tenant),
            "tenant_id": world.tenant_ids,
            "plan_id": id_pool(plan, "plans", len(PLANS), tier),
            **columns,
            "max_storage_gb": pa.array(
                np.asarray([1050, 5000, 20_000, 100_000])[tier], mask=chance(rng, count, 0.04)
            ),
            "max_file_size_mb": np.asarray([2000, 5000, 10_000, 50_000])[tier],
            "enable_wework_integration": world.uses["wework"],
            "enable_ai_module": world.uses["ai"],
            "enable_ai_custom_models": world.uses["ai"] & (tier == 3),
            "enable_health_module": world.uses["health"],
            "enable_advanced_analytics": tier >= 2,
            "enable_api_access": ~basic | chance(rng, count, 0.5),
            "enable_sso": tier == 3,
            "enable_custom_branding": tier >= 2,
            "effective_from": start,
            "effective_to": ending,
            "auto_renew": chance(rng, count, 0.4) & ~over,
            "overage_policy": take(("block", "allow_overage", "auto_upgrade"), policy),
            "overage_rate": pa.array(rng.integers(1, 5000, count), mask=policy != 1),
            "warning_threshold": pa.array(
                np.asarray([7000, 8000, 9000])[rng.integers(0, 3, count)],
                mask=chance(rng, count, 0.1) | (tenant == free),
            ),
            "created_at": world.created_at,
            "updated_at": inside(rng, world.created_at, world.closed_at),
        },
    )


# --- settings ------------------------------------------------------------------------------------

# (key, name, category, module or None, type, values); none of the keys ships with the platform.
SETTINGS = (
    ("upload.max_size_mb", "单文件上限", "general", None, "number", (100, 50, 500)),
    ("ui.theme", "主题", "general", None, "string", ("light", "dark", "auto")),
    ("ui.page_size", "每页行数", "general", None, "number", (20, 50, 100)),
    ("notification.channels", "通知渠道", "notification", None, "array", (["in_app"], ["email"],
                                                                          ["in_app", "sms"])),
    ("notification.quiet_hours", "免打扰时段", "notification", None, "json",
     ({"from": 22, "to": 8}, {"from": 23, "to": 7}, {"from": 21, "to": 9})),
    ("integration.smtp_password", "邮件服务密码", "integration", "core", "encrypted", ("", "", "")),
    ("integration.sms_secret", "短信密钥 🔐", "integration", "core", "encrypted", ("", "", "")),
    ("ai.default_model", "默认模型", "ai", "ai", "string", ("qwen-max", "glm-4", "deepseek-chat")),
    ("ai.temperature", "温度", "ai", "ai", "number", (0.7, 0.2, 1.0)),
    ("wework.auto_recovery", "自动恢复", "wework", "wework", "boolean", (True, False, True)),
    ("wework.welcome_text", "欢迎语", "wework", "wework", "string", ("您好！👋", "欢迎", "Hi")),
    ("health.alert_recipients", "预警接收人", "health", "health", "array", (["doctor"], ["nurse"],
                                                                          [])),
    ("business.auto_assign", "自动派单", "orders", "business", "boolean", (True, False, False)),
    ("customer.merge_rule", "合并规则", "customer", "customer", "json",
     ({"by": "phone"}, {"by": "email"}, {"by": "name"})),
    ("security.mfa_required", "强制二次验证", "security", "core", "boolean", (False, True, False)),
)  # fmt: skip
_OF_USERS = 5  # the first ones users may set for themselves


def configs(people: People) -> Chunk:
    """Platform, tenant and user settings; the narrower ones override the platform's."""
    plan, world, users = people.plan, people.world, people.rows
    rng, kinds = stream(plan, "saas_unified_configs"), len(SETTINGS)
    rest = max(plan.rows("saas_unified_configs") - kinds, 0)
    own = min(round(rest * 0.7), world.tenant_count * kinds)
    pairs = np.sort(rng.choice(world.tenant_count * kinds, own, replace=False))
    theirs = np.sort(rng.choice(len(users) * _OF_USERS, rest - own, replace=False))
    user = np.r_[np.full(kinds + own, -1), theirs // _OF_USERS]
    tenant = np.r_[np.full(kinds, -1), pairs // kinds, users.tenant[theirs // _OF_USERS]]
    kind = np.r_[np.arange(kinds), pairs % kinds, theirs % _OF_USERS]
    count = len(kind)
    of_module = np.asarray([s[3] is not None for s in SETTINGS])[kind]
    scope = np.where(user >= 0, 2, np.where(tenant >= 0, 1, np.where(of_module, 3, 0)))
    secret = np.asarray([s[4] == "encrypted" for s in SETTINGS])[kind]
    values = json_pool([v for s in SETTINGS for v in s[5]])
    plain = take(values, kind * 3 + rng.integers(0, 3, count)).dictionary_decode()
    value = pc.if_else(pa.array(secret), join('"', hex_text(rng, count, 64), '"'), plain)
    born = np.where(
        user >= 0,
        users.created_at[user],
        np.where(tenant >= 0, world.created_at[tenant], world.created_at[0]),
    )
    last = np.where(user >= 0, people.until[user], world.closed_at[np.maximum(tenant, 0)])
    created = inside(rng, born, last)
    version = np.minimum(rng.geometric(0.5, count), 9)
    status = np.where(scope == 0, 0, choice_index(rng, count, (92, 5, 3)))
    above = np.where(tenant >= 0, kind, -1)
    created = np.where(above >= 0, np.maximum(created, created[kind]), created)
    creator = np.where(user >= 0, user, np.where(tenant >= 0, users.first[tenant], -1))
    return "saas_unified_configs", conform(
        "saas_unified_configs",
        {
            "id": ids_of(plan, "saas_unified_configs", np.arange(count)),
            "tenant_id": tenant_column(people, tenant),
            "user_id": users.ids(user),
            "config_scope": take(("global", "tenant", "user", "module"), scope),
            "config_category": take([s[2] for s in SETTINGS], kind),
            "module": take([s[3] or "" for s in SETTINGS], np.where(of_module, kind, -1)),
            "config_key": take([s[0] for s in SETTINGS], kind),
            "config_name": take([s[1] for s in SETTINGS], kind, chance(rng, count, 0.9)),
            "config_description": nullify(sentences(rng, count), chance(rng, count, 0.3)),
            "config_value": value,
            "config_type": take([s[4] for s in SETTINGS], kind),
            "default_value": nullify(take(values, kind * 3), ~secret),
            "is_required": chance(rng, count, 0.3),
            "is_encrypted": secret,
            "is_public": ~secret & chance(rng, count, 0.2),
            "is_readonly": (scope == 0) & chance(rng, count, 0.3),
            "version": version,
            "parent_config_id": ids_of(plan, "saas_unified_configs", above),
            "status": take(("active", "inactive", "deprecated"), status),
            "created_at": created,
            "updated_at": np.where(
                version > 1, inside(rng, created, np.full(count, people.end)), created
            ),
            "created_by": users.ids(creator),
        },
    )


# --- alerts and the rules that raise them ---------------------------------------------------------

# (category, source_type, module, level, title, relative frequency)
ALERTS = (
    ("heartbeat_timeout", "monitor", 2, 2, "企微账号心跳超时 💔", 20),
    ("message_send_failed", "business", 2, 1, "消息发送失败率过高", 12),
    ("auto_recovery_failed", "monitor", 2, 3, "账号自动恢复失败", 4),
    ("status_anomaly", "monitor", 2, 1, "账号状态异常", 6),
    ("api_failure", "system", 1, 2, "模型平台调用失败", 10),
    ("response_time_high", "monitor", 1, 1, "智能体响应过慢 🐢", 10),
    ("business_exception", "business", 4, 1, "订单分派异常", 8),
    ("retry_limit_reached", "system", 4, 2, "支付回调重试次数超限", 3),
    ("custom", "business", 3, 1, "设备批量离线", 5),
    ("quota_exceeded", "system", 0, 1, "配额使用率超过阈值 📈", 12),
    ("login_failed", "security", 0, 1, "连续登录失败", 8),
    ("security_threat", "security", 0, 3, "疑似暴力破解 🚨", 2),
    ("resource_low", "system", 0, 1, "磁盘空间不足", 4),
    ("network_error", "system", 0, 2, "网络连接异常", 3),
    ("database_error", "system", 0, 3, "数据库连接数过高", 2),
    ("cache_error", "system", 0, 2, "缓存命中率过低", 2),
)
LEVELS = ("info", "warning", "error", "critical")
OPEN, ACKNOWLEDGED, RESOLVED, SUPPRESSED, EXPIRED = range(5)


@dataclass(frozen=True)
class Alerts:
    """Alerts sorted by time; `rule` is the monitor rule that raised one, or -1."""

    people: People
    rules: Rows
    tenant: Indexes
    at: Times
    kind: Indexes
    rule: Indexes


def plan_rules(people: People) -> Alerts:
    """What was raised where; alerts of source type monitor come from the tenant's rules."""
    plan, world = people.plan, people.world
    rng, rules = stream(plan, "core/alerts"), world.rows("saas_monitor_rules")
    since = plan.since("saas_unified_alerts")
    # Machines fail at night too.
    hours = [h + 20 for h in OFFICE_HOURS]
    beat = rhythm(since, plan.end, growth=1.3, hours=hours, week=EVEN_WEEK)
    tenant, at = people.happenings(rng, plan.rows("saas_unified_alerts"), since, beat)
    count = len(tenant)
    kind = choice_index(rng, count, [a[5] for a in ALERTS]).astype(np.int64)
    core = 9 + choice_index(rng, count, [a[5] for a in ALERTS[9:]]).astype(np.int64)
    uses = np.stack([world.uses[m] for m in MODULES])
    module = np.asarray([a[2] for a in ALERTS])
    kind = np.where(uses[module[kind], tenant], kind, core)
    watched = np.asarray([a[1] == "monitor" for a in ALERTS])[kind]
    rule = np.where(watched, rules.pick(rng, tenant, at=at), -1)
    return Alerts(people, rules, tenant, at, kind, rule)


def alerts(planned: Alerts) -> Iterator[Chunk]:
    """Alerts with times by status; open ones are younger than 30 days."""
    people, plan = planned.people, planned.people.plan
    accounts = people.world.rows("wework_accounts")
    for number, part in enumerate(plan.chunks(len(planned.at))):
        rows, rng = np.arange(part.start, part.stop), stream(plan, "saas_unified_alerts", number)
        n, tenant, at, kind = len(rows), planned.tenant[part], planned.at[part], planned.kind[part]
        end = np.full(n, people.end)
        age = (end - at).astype(np.int64)
        young = choice_index(rng, n, (22, 12, 60, 6, 0))
        old = choice_index(rng, n, (0, 6, 74, 6, 14))
        # A day's margin: what the cleanup of the night before found past 30 days is expired.
        status = np.where(age < 29 * DAY, young, old)
        repeated = chance(rng, n, 0.35)
        last = np.where(repeated, plus_seconds(at, log_normal_int(rng, n, 1500, 1.2, 60, DAY)), at)
        last = np.minimum(last, end)
        seen = log_normal_int(rng, n, 900, 1.2, 20, 3 * DAY)
        acknowledged = plus_seconds(at, seen)
        solved = plus_seconds(at, seen + log_normal_int(rng, n, 5400, 1.3, 60, 9 * DAY))
        # What would lie in the future has not happened yet.
        status = np.where((status == RESOLVED) & (solved > end), ACKNOWLEDGED, status)
        status = np.where((status == ACKNOWLEDGED) & (acknowledged > end), OPEN, status)
        resolved = status == RESOLVED
        by_hand = resolved & chance(rng, n, 0.65)
        taken = (status == ACKNOWLEDGED) | (by_hand & chance(rng, n, 0.9))
        last = np.where(resolved, np.minimum(last, solved), last)
        person = people.somebody(rng, tenant, at)
        closed = np.where(status == EXPIRED, plus_seconds(at, 30 * DAY), at)
        updated = np.where(taken, acknowledged, np.maximum(closed, last))
        updated = np.minimum(np.where(resolved, solved, updated), end)
        account = np.where((planned.rule[part] < 0) & (kind < 4), 0, -1)
        account[account == 0] = accounts.pick(rng, tenant[account == 0], at=at[account == 0])
        source = pc.coalesce(planned.rules.ids(planned.rule[part]), accounts.ids(account))
        categories = [a[0] for a in ALERTS]
        measured = choice_index(rng, n, (4, 4, 2))
        yield (
            "saas_unified_alerts",
            conform(
                "saas_unified_alerts",
                {
                    "id": ids_of(plan, "saas_unified_alerts", rows),
                    "tenant_id": tenant_column(people, tenant),
                    "source_type": take([a[1] for a in ALERTS], kind),
                    "source_module": take([MODULES[a[2]] for a in ALERTS], kind),
                    "source_id": source,
                    "source_name": nullify(
                        join(
                            take(["账号" if a[2] == 2 else "规则" for a in ALERTS], kind),
                            "-",
                            rng.integers(1, 90, n),
                        ),
                        source.is_valid().to_numpy(False),
                    ),
                    "alert_code": take([c.upper() for c in categories], kind),
                    "alert_title": take([a[4] for a in ALERTS], kind),
                    "alert_message": join(
                        take([a[4] for a in ALERTS], kind), "：", sentences(rng, n)
                    ),
                    "alert_level": take([LEVELS[a[3]] for a in ALERTS], kind),
                    "alert_category": take(categories, kind),
                    "alert_data": json_choice(rng, n, [{"value": 185}, {"value": 96.5}], null=0.2),
                    "trigger_condition": json_choice(rng, n, [{"op": ">", "for": "5m"}], null=0.4),
                    "threshold_info": take(
                        json_pool([{"limit": 120, "value": 185}, {"limit": 80, "value": 96.5}]),
                        np.where(measured < 2, measured, -1),
                    ),
                    "status": take(
                        ("open", "acknowledged", "resolved", "suppressed", "expired"), status
                    ),
                    "first_occurred_at": at,
                    "last_occurred_at": last,
                    "occurrence_count": np.where(last > at, rng.integers(2, 40, n), 1),
                    "acknowledged_by": people.rows.ids(np.where(taken, person, -1)),
                    "acknowledged_at": when(acknowledged, taken),
                    "resolved_by": people.rows.ids(np.where(by_hand, person, -1)),
                    "resolved_at": when(solved, resolved),
                    "resolution_info": nullify(json_object(note=sentences(rng, n)), by_hand),
                    "notification_status": json_choice(rng, n, [{"email": "sent"}], null=0.5),
                    "escalation_level": np.where(chance(rng, n, 0.12), rng.integers(1, 4, n), 0),
                    "business_impact": choice(
                        rng, n, {"none": 2, "low": 5, "medium": 3, "high": 1, "critical": 0.4}
                    ),
                    "tags": json_choice(rng, n, [["自动"], ["夜间", "🌙"]], null=0.7),
                    "created_at": at,
                    "updated_at": updated,
                },
            ),
        )


def monitor_rules(planned: Alerts) -> Chunk:
    """Rules; their latest trigger is the newest alert that names them."""
    people, rules, plan = planned.people, planned.rules, planned.people.plan
    count, rng = len(rules), stream(plan, "saas_monitor_rules")
    fired = np.full(count, -1, dtype=np.int64)
    mine = planned.rule >= 0
    np.maximum.at(fired, planned.rule[mine], planned.at[mine].astype(np.int64))
    ever, interval = fired >= 0, np.asarray([60, 300, 900])[rng.integers(0, 3, count)]
    enabled = chance(rng, count, 0.85)
    end = people.world.closed_at[rules.tenant]
    stopped = np.where(enabled, end, inside(rng, rules.created_at, end))
    stopped = np.maximum(stopped, np.where(ever, fired, 0).astype("datetime64[s]"))
    checks = (stopped - rules.created_at).astype(np.int64) // interval
    failures = checks // rng.integers(50, 5000, count)
    start = inside(rng, rules.created_at, stopped)
    kind = rng.integers(0, 4, count)
    return "saas_monitor_rules", conform(
        "saas_monitor_rules",
        {
            "id": rules.ids(),
            "tenant_id": rules.tenant_ids(),
            "rule_name": join(
                take(("心跳监控", "接口成功率", "登录异常", "响应时间 ⏱"), kind),
                " ",
                rank_in_group(rules.tenant) + 1,
            ),
            "rule_description": nullify(sentences(rng, count), chance(rng, count, 0.6)),
            "rule_category": take(("system", "business", "security", "performance"), kind),
            "target_module": take(MODULES, rng.integers(0, len(MODULES), count)),
            "monitor_target": json_object(
                metric=take(("heartbeat", "success_rate", "login_failures", "latency_ms"), kind)
            ),
            "check_conditions": json_object(operator=">", value=rng.integers(1, 500, count)),
            "threshold_config": json_choice(rng, count, [{"for_minutes": 5}], null=0.4),
            "check_interval": interval,
            "alert_level": choice(rng, count, {"info": 1, "warning": 5, "error": 3, "critical": 1}),
            "alert_template": choice(rng, count, {"alert_notice": 5, None: 5}),
            "notification_channels": json_choice(rng, count, [["in_app"], ["email", "sms"]]),
            "enable_auto_handling": chance(rng, count, 0.2),
            "is_enabled": enabled,
            "execution_count": checks,
            "success_count": checks - failures,
            "failure_count": failures,
            "last_executed_at": when(stopped, checks > 0),
            "last_triggered_at": when(np.where(ever, fired, 0).astype("datetime64[s]"), ever),
            "created_at": rules.created_at,
            "updated_at": start,
            "created_by": people.rows.ids(
                people.somebody(rng, rules.tenant, rules.created_at)
            ),
        },
    )  # fmt: skip


# --- metrics and probes --------------------------------------------------------------------------

# (name, type, category, level, swing over the day, window)
METRICS = (
    ("cpu.usage_percent", "gauge", "cpu", 38.0, 0.5, "5m"),
    ("memory.used_percent", "gauge", "memory", 61.0, 0.15, "5m"),
    ("disk.used_percent", "gauge", "disk", 55.0, 0.02, "1h"),
    ("database.connections", "gauge", "database", 120.0, 0.6, "1m"),
    ("database.query_ms", "histogram", "database", 14.0, 0.4, "5m"),
    ("http.requests", "counter", "http", 5400.0, 0.8, "1m"),
    ("http.latency_ms", "timer", "http", 95.0, 0.3, "1m"),
    ("queue.depth", "gauge", "queue", 40.0, 0.9, "1m"),
    ("cache.hit_percent", "gauge", "cache", 93.0, 0.03, "15m"),
    ("jobs.completed", "counter", "jobs", 900.0, 0.4, "1d"),
    ("api.calls", "counter", "api", 300.0, 0.8, "15m"),
    ("api.latency_ms", "timer", "api", 130.0, 0.3, "15m"),
)
_PLATFORM_METRICS = 10
_HOSTS = 2
_TENANTS = 10


def system_metrics(people: People) -> Iterator[Chunk]:
    """Series on two hosts and of the ten largest tenants, each measured at regular intervals."""
    plan, world = people.plan, people.world
    since, end = plan.since("saas_system_metrics"), seconds_of(plan.end)
    own = len(METRICS) - _PLATFORM_METRICS
    open_ones = np.flatnonzero(world.is_open & (world.created_at <= np.datetime64(since, "s")))
    open_ones = open_ones[:_TENANTS]
    shared = _PLATFORM_METRICS * _HOSTS
    series = shared + own * len(open_ones)
    metric = np.r_[
        np.arange(shared) // _HOSTS, _PLATFORM_METRICS + np.arange(series - shared) % own
    ]
    tenant = np.r_[np.full(shared, -1), open_ones[np.arange(series - shared) // own]]
    host = np.r_[np.arange(shared) % _HOSTS, np.full(series - shared, -1)]
    rounds = plan.rows("saas_system_metrics") // series
    begin = seconds_of(since)
    step = (end - begin) // rounds // 60 * 60
    first = end + 1 - rounds * step  # the last round is one step before the end
    for number, part in enumerate(plan.chunks(rounds * series)):
        rows, rng = np.arange(part.start, part.stop), stream(plan, "saas_system_metrics", number)
        which, at = rows % series, first + rows // series * step
        n, kind = len(rows), metric[which]
        level = np.asarray([m[3] for m in METRICS])[kind]
        swing = np.asarray([m[4] for m in METRICS])[kind]
        busy = np.asarray(OFFICE_HOURS)[at % DAY // 3600] / max(OFFICE_HOURS) - 0.4
        value = level * (1 + swing * busy + 0.04 * rng.standard_normal(n))
        value = np.where(tenant[which] >= 0, value / (1 + np.abs(tenant[which])), value)
        # Levels in percent stay below 100; nothing is negative.
        share = np.asarray(["percent" in m[0] for m in METRICS])[kind]
        micros = np.round(np.clip(value, 0, np.where(share, 100, 1e8)) * 1_000_000)
        labels = join('{"host": "web-', host[which] + 1, '"}')
        yield (
            "saas_system_metrics",
            conform(
                "saas_system_metrics",
                {
                    "id": ids_of(plan, "saas_system_metrics", rows),
                    "tenant_id": tenant_column(people, tenant[which]),
                    "metric_name": take([m[0] for m in METRICS], kind),
                    "metric_type": take([m[1] for m in METRICS], kind),
                    "metric_category": take([m[2] for m in METRICS], kind),
                    "metric_value": micros.astype(np.int64),
                    "labels": nullify(labels, host[which] >= 0),
                    "tags": json_choice(rng, n, [["prod"]], null=0.5),
                    "recorded_at": at.astype("datetime64[s]"),
                    "time_window": take([m[5] for m in METRICS], kind),
                },
            ),
        )


def health_checks(people: People) -> Chunk:
    """Probes with their latest result; new ones have none."""
    plan, world = people.plan, people.world
    count, rng = plan.rows("saas_health_checks"), stream(people.plan, "saas_health_checks")
    tenant = np.where(chance(rng, count, 0.4), -1, choice_index(rng, count, world.weight))
    tenant = np.where((tenant >= 0) & ~world.is_open[tenant], -1, tenant)
    kind = choice_index(rng, count, (50, 15, 15, 15, 5))
    status = choice_index(rng, count, (84, 5, 6, 5))
    unhealthy, degraded, unknown = (status == s for s in (1, 2, 3))
    total = np.where(unknown, 0, rng.integers(200, 90_000, count))
    row = np.where(unhealthy, rng.integers(3, 40, count), 0)
    row = np.where(degraded & chance(rng, count, 0.5), rng.integers(1, 3, count), row)
    good = np.maximum(total - row - total // rng.integers(30, 3000, count), 0)
    answered = ~unknown & (~unhealthy | chance(rng, count, 0.4))
    last = plus_seconds(np.full(count, people.end), -rng.integers(0, 600, count))
    spent = log_normal_int(rng, count, 60, 0.8, 1, 9000) * np.where(degraded, 12, 1)
    web = answered & (kind == 0)
    code = np.where(unhealthy, np.asarray([500, 502, 503])[rng.integers(0, 3, count)], 200)
    return "saas_health_checks", conform(
        "saas_health_checks",
        {
            "id": ids_of(plan, "saas_health_checks", np.arange(count)),
            "tenant_id": tenant_column(people, tenant),
            "check_name": join(
                take(("接口", "端口", "数据库", "服务", "自定义"), kind), "-", np.arange(count) + 1
            ),
            "check_type": take(("http", "tcp", "database", "service", "custom"), kind),
            "target_endpoint": urls("probe", "health", join("s", np.arange(count))),
            "check_config": json_choice(rng, count, [{"timeout": 5}], null=0.4),
            "status": take(("healthy", "unhealthy", "degraded", "unknown"), status),
            "response_time_ms": pa.array(spent, mask=~answered),
            "status_code": pa.array(code, mask=~web),
            "error_message": nullify(
                choice(rng, count, ("connect timed out", "503 Service Unavailable")),
                unhealthy | (row > 0),
            ),
            "consecutive_failures": row,
            "total_checks": total,
            "successful_checks": good,
            "last_check_at": when(last, ~unknown),
            "next_check_at": when(
                plus_seconds(last, rng.integers(600, 1200, count)), chance(rng, count, 0.95)
            ),
        },
    )
