"""The WeCom domain's operations: accounts that fell silent, and alerts by monitor rule."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from itertools import groupby
from typing import Any

import sqlalchemy as sa

from orchestration.operations.alerting import (
    Alerts,
    Reading,
    Watch,
    context_of,
    enabled_rules,
    evaluate,
    json_object,
    resolve,
    whole_number,
)
from orchestration.operations.running import Run
from orchestration.rules.accounts import FIGURES, compile_for_accounts
from orchestration.rules.grammar import Checked, RuleFault, parse

LONGEST_WINDOW_MINUTES = 7 * 1440
MOST_MESSAGES = 1_000_000
LONGEST_COOLDOWN_SECONDS = 30 * 86_400
LONGEST_TITLE = 200
# Whoever muted an alert wants no second one of the same; it ends with the condition as well.
UNSETTLED = ("open", "acknowledged", "suppressed")
PLACEHOLDER = re.compile(r"\{(account_name|rule_name|value|threshold)\}")
# So long without a heartbeat, and an ONLINE account is OFFLINE.
SILENCE = timedelta(minutes=2)
TIMEOUT_TYPE, TIMEOUT_TITLE = "heartbeat_timeout", "心跳超时"
_IDS = uuid.UUID("0b1d8a52-7f3e-5c64-9d0c-31c8b2e6a4f7")


@dataclass(frozen=True)
class Condition:
    """When an alert of a type is due: a figure beyond its threshold.

    The threshold stands in the rule under a key whose prefix says the side: the figure must be
    over a max_, under a min_; without it the default counts.
    """

    rule_type: str
    alert_type: str
    title: str
    figure: str = ""
    threshold: str = ""
    default: int | None = None


# The fifteen alert types. A rule type's first one is meant unless the rule names another of its.
CONDITIONS = (
    Condition("heartbeat_check", "heartbeat_timeout", "心跳超时",
              "silence_seconds", "max_silence_seconds", 120),
    Condition("login_frequency", "login_failed", "登录失败",
              "failed_logins", "max_failed_logins", 3),
    Condition("message_success_rate", "message_send_failed", "消息发送失败",
              "success_rate_pct", "min_success_rate_pct", 90),
    Condition("status_duration", "auto_recovery_failed", "自动恢复失败",
              "recovering_seconds", "max_recovering_seconds", 600),
    Condition("retry_count", "retry_limit_reached", "达到重试上限",
              "retries_left", "min_retries_left", 1),
    Condition("offline_duration", "abnormal_offline", "账号异常离线",
              "offline_seconds", "max_offline_seconds", 1800),
    Condition("response_time", "performance_degraded", "性能下降",
              "response_ms", "max_response_ms", 5000),
    Condition("performance_metrics", "performance_degraded", "性能下降",
              "processing_ms", "max_processing_ms", 2000),
    Condition("health_score", "health_score_low", "健康分过低",
              "health_score", "min_health_score", 60),
    Condition("network_quality", "network_error", "网络错误",
              "network_grade", "min_network_grade", 2),
    Condition("error_rate", "callback_error", "回调异常",
              "callback_error_pct", "max_callback_error_pct", 5),
    Condition("qr_code_timeout", "qr_code_expired", "二维码过期",
              "qr_expired_seconds", "max_qr_expired_seconds", 0),
    Condition("status_duration", "verification_timeout", "验证超时",
              "verifying_seconds", "max_verifying_seconds", 300),
    Condition("error_rate", "excessive_errors", "错误次数过多", "errors", "max_errors", 5),
    Condition("message_volume", "resource_exhausted", "资源耗尽",
              "messages_left", "min_messages_left", 1),
    # any figure, which the rule names as `metric`, over max_value or under min_value
    Condition("custom_metric", "custom", "自定义告警"),
)  # fmt: skip


@dataclass(frozen=True)
class MonitorRule:
    """A rule of the tenant's, read and checked."""

    id: str
    tenant_id: str
    account_id: str | None
    name: str
    level: str
    alert_type: str
    template: str
    figure: str
    threshold: Decimal
    rule: Checked
    minutes: int
    least: int
    cooldown: timedelta
    readings: int = 1


def monitor_rules_page() -> str:
    """docs/monitor-rules.md: what a rule's threshold_config may hold, by rule type."""
    lines = [
        "# Monitor rules",
        "",
        "Written by `warehouse rule schema` from `orchestration/operations/wework.py`.",
        "",
        "What `threshold_config` of `wework_account_monitor_rules` may hold, by `rule_type`, and",
        "in brackets what counts without. An alert is raised when the figure is over a `max_` or",
        "under a `min_`, and closed when it is so no more. All may have `cooldown_seconds` (0);",
        "`alert_type` says which is meant where there are two, else it is the first. Anything else",
        "is a fault, and a rule with a fault touches nobody.",
        "",
        "| rule type | alert type | figure | threshold | also |",
        "|---|---|---|---|---|",
    ]
    for c in sorted(CONDITIONS, key=lambda c: c.rule_type):
        figure, threshold, also = (
            "any, as `metric`",
            "`max_value` or `min_value`",
            ["what the figure has"],
        )
        if c.figure:
            figure, threshold = f"`{c.figure}`", f"`{c.threshold}` ({c.default})"
            also = _also(c.figure)
        lines.append(
            f"| `{c.rule_type}` | `{c.alert_type}` | {figure} | {threshold} "
            f"| {', '.join(also) or '-'} |"
        )
    lines += ["", "| figure | what it is |", "|---|---|"]
    lines += [f"| `{name}` | {figure.words} |" for name, figure in FIGURES.items()]
    return "\n".join(lines) + "\n"


def _also(figure: str) -> list[str]:
    how = FIGURES[figure]
    window = [f"`window_minutes` ({how.window_minutes})"] if how.window_minutes else []
    return window + ([f"`{how.least}` (1)"] if how.least else [])


def evaluate_wework_monitor_rules(run: Run) -> None:
    """Raise and resolve alerts by every enabled rule that is due; one with a fault raises none."""
    evaluate(run, WATCH, due_rules(run))


def due_rules(run: Run) -> list[dict[str, Any]]:
    """The enabled rules whose interval is over."""
    return [
        row
        for row in enabled_rules(run, WATCH.rules)
        if is_due(row["check_interval"], row["last_executed_at"], run.as_of)
    ]


def is_due(check_interval: int | None, last: datetime | None, as_of: datetime) -> bool:
    """Whether so many seconds have passed since the rule was looked at."""
    return last is None or last + timedelta(seconds=check_interval or 0) <= as_of


def read_rule(row: Mapping[str, Any]) -> MonitorRule:
    """Check a rule's type and thresholds; RuleFault names the path of the fault."""
    config = json_object(row, "threshold_config")
    condition = _condition(row["rule_type"], config.get("alert_type"))
    figure, key, value = _threshold(condition, config)
    how = FIGURES[figure]
    allowed = ["alert_type", "cooldown_seconds", key]
    allowed += ["metric"] if not condition.figure else []
    allowed += ["window_minutes"] if how.window_minutes else []
    allowed += [how.least] if how.least else []
    json_object(row, "threshold_config", allowed)
    side = "gt" if key.startswith("max_") else "lt"
    try:
        rule = parse({"field": figure, "op": side, "value": value}, "account")
    except RuleFault as fault:
        path = f"threshold_config.{key}"
        raise RuleFault([(path, what) for _, what in fault.faults]) from None

    def number(name: str, default: int, most: int, least: int = 1) -> int:
        return whole_number(config, f"threshold_config.{name}", default, most, least)

    return MonitorRule(
        row["id"],
        row["tenant_id"],
        row["account_id"],
        row["rule_name"],
        row["alert_level"],
        condition.alert_type,
        row["alert_template"] or condition.title,
        figure,
        Decimal(str(value)),
        rule,
        number("window_minutes", how.window_minutes or 1, LONGEST_WINDOW_MINUTES),
        number(how.least, 1, MOST_MESSAGES) if how.least else 1,
        timedelta(seconds=number("cooldown_seconds", 0, LONGEST_COOLDOWN_SECONDS, 0)),
    )


def _condition(rule_type: str, alert_type: Any) -> Condition:
    possible = [c for c in CONDITIONS if c.rule_type == rule_type]
    for condition in possible:
        if alert_type in (None, condition.alert_type):
            return condition
    names = " or ".join(c.alert_type for c in possible)
    fault = f"{rule_type} rules raise {names}, not {alert_type!r}"
    raise RuleFault([("threshold_config.alert_type", fault)])


def _threshold(condition: Condition, config: Mapping[str, Any]) -> tuple[str, str, Any]:
    """The figure, the key of its threshold and what stands there."""
    if condition.figure:
        key = condition.threshold
        return condition.figure, key, config.get(key, condition.default)
    figure = config.get("metric")
    if not isinstance(figure, str) or figure not in FIGURES:
        fault = f"no figure {figure!r}; there are {', '.join(FIGURES)}"
        raise RuleFault([("threshold_config.metric", fault)])
    keys = [key for key in ("max_value", "min_value") if key in config]
    if len(keys) != 1:
        raise RuleFault([("threshold_config", "expected either max_value or min_value")])
    return figure, keys[0], config[keys[0]]


def _look(run: Run, rule: MonitorRule) -> tuple[dict[str, list[Reading]], dict[str, Alerts]]:
    """What the figure says of each account that it speaks of, and what was raised before."""
    context = context_of(run, rule.tenant_id)
    compiled = compile_for_accounts(rule.rule, context, rule.minutes, rule.least)
    value = compiled.columns[rule.figure]
    asked = (
        sa.select(
            compiled.subject_id,
            compiled.columns["account_name"],
            value,
            sa.case((compiled.condition, 1), else_=0),
        )
        .select_from(compiled.source)
        .where(compiled.of_tenant, value.is_not(None))
    )
    if rule.account_id is not None:
        asked = asked.where(compiled.subject_id == rule.account_id)
    with run.read() as connection:
        readings = {
            account: [Reading(run.as_of, bool(meets), {"account_name": name, "value": found})]
            for account, name, found, meets in connection.execute(asked)
        }
        known = connection.execute(_alerts_of(run, rule)).all()
    return readings, _by_account(rule, known)


def _alerts_of(run: Run, rule: MonitorRule) -> sa.Select[Any]:
    """Alerts of the rule's type that are unsettled or within its cooldown."""
    alerts = run.table("wework_account_alerts")
    since = run.as_of - rule.cooldown
    return (
        sa.select(
            alerts.c.account_id,
            alerts.c.id,
            alerts.c.status,
            alerts.c.first_occurred_at,
            sa.type_coerce(alerts.c.alert_data, sa.Text).label("data"),
        )
        .where(
            alerts.c.tenant_id == rule.tenant_id,
            alerts.c.alert_type == rule.alert_type,
            sa.or_(alerts.c.status.in_(UNSETTLED), alerts.c.first_occurred_at >= since),
        )
        .order_by(alerts.c.account_id, alerts.c.id)
    )


def rule_of(alert_data: str | None) -> str | None:
    """The monitor rule that raised an alert, by its alert_data; None for others."""
    told = json.loads(alert_data) if alert_data else None
    return told.get("rule_id") if isinstance(told, dict) else None


def _by_account(rule: MonitorRule, known: Sequence[sa.Row[Any]]) -> dict[str, Alerts]:
    """The rule's own alerts, and open ones that no rule raised: they tell of the condition too."""
    found: dict[str, Alerts] = {}
    for account, key, status, at, data in known:
        source, unsettled = rule_of(data), status in UNSETTLED
        if source != rule.id and (source is not None or not unsettled):
            continue
        before = found.get(account, Alerts(at))
        found[account] = Alerts(
            max(before.latest, at),
            before.unsettled or unsettled,
            before.resolvable + ((key,) if unsettled and source == rule.id else ()),
        )
    return found


def _tell(run: Run, rule: MonitorRule, account: str, reading: Reading) -> dict[str, Any]:
    found = reading.values["value"]
    value = str(round(found, 2) if isinstance(found, float) else found)
    words = {
        "account_name": reading.values["account_name"],
        "rule_name": rule.name,
        "value": value,
        "threshold": str(rule.threshold),
    }
    title = PLACEHOLDER.sub(lambda match: words[match[1]], rule.template)
    return {
        "id": str(uuid.uuid5(_IDS, f"{rule.id}/{account}/{run.as_of}")),
        "tenant_id": rule.tenant_id,
        "account_id": account,
        "alert_type": rule.alert_type,
        "alert_level": rule.level,
        "alert_title": title[:LONGEST_TITLE],
        "alert_message": f"{words['account_name']}: {rule.figure} {value}, the threshold of "
        f"{rule.name} is {rule.threshold}.",
        "alert_data": {
            "rule_id": rule.id,
            "figure": rule.figure,
            "value": value,
            "threshold": str(rule.threshold),
        },
        **_opened(run),
    }


def _opened(run: Run) -> dict[str, Any]:
    """What every new alert has."""
    moments = ("first_occurred_at", "last_occurred_at", "created_at", "updated_at")
    return dict.fromkeys(moments, run.as_of) | {"status": "open", "occurrence_count": 1}


def _repeat(run: Run, connection: sa.Connection, ids: Sequence[str]) -> int:
    """Count the condition once more on open alerts, once for each instant."""
    alerts = run.table("wework_account_alerts")
    change = alerts.update().where(alerts.c.id.in_(ids), alerts.c.last_occurred_at < run.as_of)
    return connection.execute(
        change.values(
            occurrence_count=alerts.c.occurrence_count + 1,
            last_occurred_at=run.as_of,
            updated_at=run.as_of,
        )
    ).rowcount


WATCH = Watch(
    "wework_account_monitor_rules",
    "wework_account_alerts",
    UNSETTLED,
    read_rule,
    _look,
    _tell,
    _repeat,
    triggers_while_met=True,
)


# --- the status check -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Online:
    """An ONLINE account: its last sign of life, and since when it is ONLINE."""

    id: str
    tenant_id: str
    name: str
    last_heartbeat: datetime | None
    since: datetime

    def is_silent(self, as_of: datetime) -> bool:
        """From the second minute on; never seen, it counts from when it came ONLINE."""
        return (self.last_heartbeat or self.since) + SILENCE <= as_of


def auto_status_check(run: Run) -> None:
    """Take silent ONLINE accounts OFFLINE, and close the alerts of those that are back."""
    with run.read() as connection:
        online = _online(run, connection)
        open_alerts = _timeouts(run, connection, [account.id for account in online])
    run.examined += len(online)
    for tenant_id, group in groupby(online, lambda account: account.tenant_id):
        accounts = list(group)
        silent = [a.id for a in accounts if a.is_silent(run.as_of)]
        back = [
            alert.id
            for account in accounts
            if not account.is_silent(run.as_of)
            for alert in open_alerts.get(account.id, ())
            if alert.rule_id is None
        ]
        run.change(tenant_id, silent, partial(_take_offline, run))
        run.change(tenant_id, back, partial(resolve, run, WATCH))


def _online(run: Run, connection: sa.Connection, ids: Sequence[str] | None = None) -> list[Online]:
    """ONLINE accounts by tenant and id; of `ids` alone, and then locked against the connector."""
    accounts, history = run.table("wework_accounts"), run.table("wework_account_status_history")
    names = ("id", "tenant_id", "account_name", "status", "last_heartbeat_time", "created_at")
    asked = sa.select(*(accounts.c[name] for name in names))
    changes = sa.select(history.c.account_id, sa.func.max(history.c.created_at))
    if ids is None:
        asked = asked.where(accounts.c.status == "ONLINE")
        changes = changes.where(history.c.account_id.in_(asked.with_only_columns(accounts.c.id)))
    else:
        # By the primary key alone: another index would lock in another order.
        asked = asked.where(accounts.c.id.in_(ids)).order_by(accounts.c.id)
        changes = changes.where(history.c.account_id.in_(ids))
        if run.settings.is_mysql:  # DuckDB's single writer is the lock
            asked = asked.with_for_update()
    found = connection.execute(asked).all()
    changed = dict(connection.execute(changes.group_by(history.c.account_id)).all())
    online = [
        Online(
            row.id,
            row.tenant_id,
            row.account_name,
            row.last_heartbeat_time,
            changed.get(row.id, row.created_at),
        )
        for row in found
        if row.status == "ONLINE"
    ]
    return sorted(online, key=lambda account: (account.tenant_id, account.id))


@dataclass(frozen=True)
class OpenAlert:
    """An unsettled alert of a silent account; `rule_id` names the monitor rule that raised it."""

    id: str
    rule_id: str | None


def _timeouts(
    run: Run, connection: sa.Connection, ids: Sequence[str]
) -> dict[str, list[OpenAlert]]:
    """Unsettled alerts about silence, by account."""
    alerts = run.table("wework_account_alerts")
    asked = (
        sa.select(alerts.c.account_id, alerts.c.id, sa.type_coerce(alerts.c.alert_data, sa.Text))
        .where(
            alerts.c.alert_type == TIMEOUT_TYPE,
            alerts.c.status.in_(UNSETTLED),
            alerts.c.account_id.in_(ids),
        )
        .order_by(alerts.c.account_id, alerts.c.id)
    )
    found: dict[str, list[OpenAlert]] = {}
    for account, key, data in connection.execute(asked):
        found.setdefault(account, []).append(OpenAlert(key, rule_of(data)))
    return found


def _take_offline(run: Run, connection: sa.Connection, ids: Sequence[str]) -> int:
    """Those of `ids` that are still silent: a heartbeat may have come since they were looked at."""
    silent = [a for a in _online(run, connection, ids) if a.is_silent(run.as_of)]
    if not silent:
        return 0
    accounts = run.table("wework_accounts")
    keys = [account.id for account in silent]
    connection.execute(
        accounts.update()
        .where(accounts.c.id.in_(keys))
        .values(status="OFFLINE", updated_at=run.as_of)
    )
    history = run.table("wework_account_status_history")
    connection.execute(history.insert(), [_fall(run, account) for account in silent])
    known = _timeouts(run, connection, keys)
    fresh = [_timeout(run, account) for account in silent if account.id not in known]
    if fresh:
        connection.execute(run.table("wework_account_alerts").insert(), fresh)
    again = [a.id for listed in known.values() for a in listed if a.rule_id is None]
    if again:
        _repeat(run, connection, again)
    return len(silent)


def _fall(run: Run, account: Online) -> dict[str, Any]:
    """The row of the status history."""
    return {
        "id": str(uuid.uuid5(_IDS, f"{account.id}/OFFLINE/{run.as_of}")),
        "tenant_id": account.tenant_id,
        "account_id": account.id,
        "old_status": "ONLINE",
        "new_status": "OFFLINE",
        "trigger_type": "HEARTBEAT_TIMEOUT",
        "change_reason": TIMEOUT_TITLE,
        "duration_seconds": int((run.as_of - account.since).total_seconds()),
        "created_at": run.as_of,
    }


def _timeout(run: Run, account: Online) -> dict[str, Any]:
    """The row of a new alert."""
    seen = account.last_heartbeat
    return {
        "id": str(uuid.uuid5(_IDS, f"{account.id}/{TIMEOUT_TYPE}/{run.as_of}")),
        "tenant_id": account.tenant_id,
        "account_id": account.id,
        "alert_type": TIMEOUT_TYPE,
        "alert_level": "error",
        "alert_title": TIMEOUT_TITLE,
        "alert_message": f"{account.name}: last heartbeat {seen or 'never'}, "
        f"ONLINE since {account.since}; OFFLINE at {run.as_of}.",
        "alert_data": {"last_heartbeat_time": seen and str(seen)},
        **_opened(run),
    }
