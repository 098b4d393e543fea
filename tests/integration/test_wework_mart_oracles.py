"""Every value of the wework marts against an independent computation in Python, on both engines.

The raw rows are made here, dense with what goes wrong: ties within a second, instants at midnight,
NULLs, changes older than their account, rows after the clock. The marts are built twice: first from
nothing, then after late rows, changes and deletions, of which only those inside the trailing window
may show.
"""

from __future__ import annotations

import hashlib
import hmac
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any

import pandas as pd
import pytest
import sqlalchemy as sa
from harness import clean_environment
from warehouses import ENGINES_SPARINGLY

from orchestration import database
from orchestration.dbt_project import dbt_arguments, run_dbt, summarise, target_path
from orchestration.schema.deploy import deploy
from orchestration.schema.metadata import metadata_of, table_named
from orchestration.schema.record import load_record
from orchestration.settings import Settings

AS_OF = datetime(2026, 6, 30, 15, 30)
TODAY = AS_OF.date()
FIRST_DAY = date(2026, 5, 20)
DOMAINS = ("core", "wework")
GRAINS = {
    "dim_wework_accounts": ["account_id"],
    "fct_messages": ["message_record_id"],
    "fct_account_status_intervals": ["account_id", "started_at"],
    "fct_wework_alerts": ["alert_id"],
    "callback_daily": ["tenant_id", "callback_type", "stat_date"],
    "contact_growth_daily": ["tenant_id", "stat_date"],
}
STATUSES = ("CREATED", "WAITING_QR", "ONLINE", "OFFLINE", "ERROR", "RECOVERING")

Row = dict[str, Any]
Rows = dict[str, list[Row]]
Keyed = dict[tuple[Any, ...], Row]


# --- raw rows --------------------------------------------------------------------------------


class Maker:
    """Raw rows from a seed, in the applications' column names."""

    def __init__(self, seed: int) -> None:
        """Nothing is made yet; `rows` fills as the methods are called."""
        self.random = random.Random(seed)
        self.rows: Rows = {}
        self.made = 0

    def add(self, table: str, **values: Any) -> str:
        """Append a row and return its id."""
        self.made += 1
        identifier = f"{self.random.getrandbits(128):032x}"
        self.rows.setdefault(table, []).append({"id": identifier, **values})
        return identifier

    def moment(self, first: date = FIRST_DAY, last: date = TODAY) -> datetime:
        """Any instant of these days; one in eight is a midnight, one in eight its last second."""
        day = first + timedelta(days=self.random.randrange((last - first).days + 1))
        second = self.random.choice([0, 86_399, *(self.random.randrange(86_400) for _ in range(6))])
        return datetime.combine(day, time()) + timedelta(seconds=second)

    def maybe(self, value: Any, share: float = 0.7) -> Any:
        """The value, or NULL."""
        return value if self.random.random() < share else None


def make_rows(seed: int = 20260630) -> Rows:
    """About 2,000 rows: four tenants with accounts, one without, one that core forgot."""
    make = Maker(seed)
    tenants = [
        make.add("saas_tenants", created_at=datetime.combine(day, time(9)))
        for day in (date(2026, 3, 1), date(2026, 6, 10), TODAY, date(2026, 5, 25), FIRST_DAY)
    ]
    homes = [tenants[0]] * 5 + [tenants[1]] * 3 + [tenants[2], tenants[3], f"{'f' * 32}"]
    _make_accounts(make, homes)
    accounts = [row for row in make.rows["wework_accounts"] if row["created_at"] <= AS_OF]
    for account in accounts[2:]:
        _make_history(make, account)
    for _ in range(700):
        _make_message(make, make.random.choice(accounts), make.moment(last=TODAY + timedelta(1)))
    for _ in range(500):
        _make_callback(make, make.random.choice(accounts), make.moment(last=TODAY + timedelta(1)))
    for _ in range(120):
        _make_alert(make, make.random.choice(accounts), make.moment())
    for _ in range(250):
        _make_contact(make, make.random.choice(accounts), make.moment())
    for _ in range(60):
        _make_group(make, make.random.choice(accounts), make.moment())
    for _ in range(200):
        _make_member(make, make.random.choice(make.rows["wework_groups"]), make.moment())
    return make.rows


def _make_accounts(make: Maker, homes: list[str]) -> None:
    phones = ["13812345678", "13812345678", None, "1234567", "123456", "", "+8613900001111"]
    names = ["王小明", "🙂笑", "Ann", "", None]
    created = [make.moment(last=date(2026, 6, 20)) for _ in homes]
    created.append(AS_OF + timedelta(seconds=1))
    for number, tenant in enumerate([*homes, homes[0]]):
        sent, failed = make.random.choice([(0, 0), (0, 3), (8, 0), (90, 7)])
        make.add(
            "wework_accounts",
            tenant_id=tenant,
            account_name=f"线路 {number}",
            wework_guid=make.maybe(f"guid-{number}"),
            tenant_tag=make.maybe("east"),
            phone=phones[number % len(phones)],
            status=make.random.choice(STATUSES),
            wework_user_id=make.maybe(f"member {number}"),
            wework_user_name=names[number % len(names)],
            wework_corp_id=make.maybe("corp"),
            wework_corp_name=make.maybe("示例公司"),
            health_score=make.random.randrange(101),
            auto_reconnect=make.random.random() < 0.5,
            total_messages=sent + failed + 5,
            successful_messages=sent,
            failed_messages=failed,
            message_success_rate=Decimal(make.random.randrange(10_001)) / 100,
            avg_message_response_time=make.random.choice([Decimal(0), Decimal("1.250")]),
            online_duration_hours=Decimal(make.random.randrange(9_999)) / 100,
            uptime_percentage=Decimal(make.random.randrange(10_001)) / 100,
            error_count=make.random.randrange(5),
            last_login_time=make.maybe(make.moment()),
            last_heartbeat_time=make.maybe(make.moment()),
            created_by=make.maybe("u" * 36),
            created_at=created[number],
            updated_at=AS_OF,
        )


def _make_history(make: Maker, account: Row) -> None:
    moments = [make.moment() for _ in range(make.random.randrange(1, 25))]
    moments += make.random.sample(moments, len(moments) // 3)  # ties
    moments += [account["created_at"]] * make.random.randrange(2)
    moments += [AS_OF] * make.random.randrange(2) + [AS_OF + timedelta(seconds=1)]
    for moment in moments:
        make.add(
            "wework_account_status_history",
            tenant_id=account["tenant_id"],
            account_id=account["id"],
            old_status=make.maybe(make.random.choice(STATUSES)),
            new_status=make.random.choice(STATUSES),
            trigger_type=make.random.choice(["AUTO", "MANUAL", "HEARTBEAT_TIMEOUT"]),
            created_at=moment,
        )


def _make_message(make: Maker, account: Row, created_at: datetime) -> str:
    direction = make.random.choice(["send", "receive"])
    this = ("user", account["wework_user_id"] or "nobody")
    kind = make.random.choice(["contact", "group", "system"])
    other = (kind, f"Other {make.random.randrange(6)}")
    sides = [this, other] if direction == "send" else [other, this]
    if direction == "receive" and make.random.random() < 0.3:  # a member speaks in a group chat
        sides = [("contact", "Other 1"), ("group", "Other 2")]
    sent_at = make.maybe(created_at + timedelta(seconds=make.random.randrange(5)))
    steps = sorted(make.random.randrange(200_000) for _ in range(2))
    return make.add(
        "wework_message_records",
        tenant_id=account["tenant_id"],
        account_id=account["id"],
        message_id=f"m{make.made}",
        conversation_id=f"c{make.random.randrange(40)}",
        direction=direction,
        message_type=make.random.choice(["text", "image", "card"]),
        from_type=sides[0][0],
        from_id=sides[0][1],
        from_name="王小明",
        to_type=sides[1][0],
        to_id=sides[1][1],
        to_name="李雷",
        content="请看 🙂",
        send_status=make.random.choice(["pending", "sent", "delivered", "read", "failed"]),
        error_code=make.maybe("45009", 0.1),
        retry_count=make.random.randrange(3),
        scheduled_at=make.maybe(created_at, 0.2),
        sent_at=sent_at,
        delivered_at=make.maybe(created_at + timedelta(seconds=5 + steps[0])),
        read_at=make.maybe(created_at + timedelta(seconds=5 + steps[1])),
        recalled_at=make.maybe(created_at, 0.1),
        processing_time_ms=make.maybe(make.random.randrange(500)),
        response_time_ms=make.maybe(make.random.randrange(5_000)),
        template_id=make.maybe("t" * 36, 0.1),
        campaign_id=make.maybe("k" * 36, 0.1),
        priority=make.random.choice(["normal", "high"]),
        created_at=created_at,
    )


def _make_callback(make: Maker, account: Row, created_at: datetime) -> str:
    return make.add(
        "wework_callback_logs",
        tenant_id=account["tenant_id"],
        account_id=make.maybe(account["id"]),
        callback_type=make.random.choice(["message", "status", "error"]),
        event_type="event",
        response_time=make.maybe(Decimal(make.random.choice([1, 2, 5, 1500, 30_005])) / 1000),
        processing_status=make.random.choice(["success", "failed", "timeout", "ignored"]),
        created_at=created_at,
    )


def _make_alert(make: Maker, account: Row, created_at: datetime) -> str:
    first = created_at - timedelta(seconds=make.random.randrange(90))
    return make.add(
        "wework_account_alerts",
        tenant_id=account["tenant_id"],
        account_id=account["id"],
        alert_type=make.random.choice(["heartbeat_timeout", "custom"]),
        alert_level=make.random.choice(["info", "critical"]),
        alert_title="标题",
        alert_message="13812345678 掉线",
        status=make.random.choice(["open", "acknowledged", "resolved", "suppressed"]),
        occurrence_count=make.random.randrange(1, 9),
        first_occurred_at=first,
        last_occurred_at=created_at,
        acknowledged_by=make.maybe("u" * 36),
        acknowledged_at=make.maybe(first + timedelta(seconds=make.random.randrange(200_000))),
        resolved_by=make.maybe("v" * 36),
        resolved_at=make.maybe(first + timedelta(seconds=make.random.randrange(900_000))),
        notification_sent=make.random.random() < 0.5,
        created_at=created_at,
        updated_at=created_at,
    )


def _make_contact(make: Maker, account: Row, created_at: datetime) -> str:
    return make.add(
        "wework_contacts",
        tenant_id=account["tenant_id"],
        account_id=account["id"],
        wework_contact_id=f"contact {make.made}",
        contact_type="external",
        contact_name="李雷",
        sync_status=make.random.choice(["success", "failed", "failed"]),
        last_sync_at=make.maybe(make.moment()),
        created_at=created_at,
        updated_at=created_at,
    )


def _make_group(make: Maker, account: Row, created_at: datetime) -> str:
    return make.add(
        "wework_groups",
        tenant_id=account["tenant_id"],
        account_id=account["id"],
        wework_group_id=f"group {make.made}",
        group_name="客户群",
        group_type="customer",
        sync_status=make.random.choice(["success", "failed"]),
        last_sync_at=make.maybe(make.moment()),
        created_at=created_at,
        updated_at=created_at,
    )


def _make_member(make: Maker, group: Row, joined_at: datetime) -> str:
    return make.add(
        "wework_group_members",
        tenant_id=group["tenant_id"],
        group_id=group["id"],
        member_wework_id=f"member {make.made}",
        member_name="韩梅",
        joined_at=joined_at,
        left_at=make.maybe(make.moment(), 0.4),
        created_at=joined_at,
        updated_at=joined_at,
    )


# --- the independent computation -------------------------------------------------------------


def keyed_hash(key: str, text: str | None) -> str | None:
    """HMAC-SHA-256 in hexadecimal, NULL for NULL."""
    if text is None:
        return None
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()


def seconds(first: datetime | None, last: datetime | None) -> int | None:
    """Whole seconds between two instants, NULL when one is."""
    return None if first is None or last is None else int((last - first).total_seconds())


def expected_accounts(rows: Rows, key: str) -> Keyed:
    """dim_wework_accounts by account."""
    changed: dict[str, datetime] = {}
    for change in rows["wework_account_status_history"]:
        if change["created_at"] <= AS_OF:
            account = change["account_id"]
            changed[account] = max(change["created_at"], changed.get(account, datetime.min))
    found = {}
    for row in rows["wework_accounts"]:
        name = row["wework_user_name"]
        is_measured = row["successful_messages"] + row["failed_messages"] > 0
        found[(row["id"],)] = {
            "tenant_id": row["tenant_id"],
            "account_name": row["account_name"],
            "wework_guid": row["wework_guid"],
            "tenant_tag": row["tenant_tag"],
            "phone_masked": _masked_phone(row["phone"]),
            "phone_key": keyed_hash(key, row["phone"]),
            "wework_user_key": keyed_hash(key, row["wework_user_id"]),
            "wework_user_name_masked": name and name[0] + "*",
            "wework_corp_id": row["wework_corp_id"],
            "wework_corp_name": row["wework_corp_name"],
            "status": row["status"],
            "status_changed_at": changed.get(row["id"]),
            "health_score": row["health_score"],
            "has_auto_reconnect": row["auto_reconnect"],
            "total_messages": row["total_messages"],
            "successful_messages": row["successful_messages"],
            "failed_messages": row["failed_messages"],
            "message_success_rate_pct": row["message_success_rate"] if is_measured else None,
            "avg_message_response_seconds": row["avg_message_response_time"] or None,
            "online_duration_hours": row["online_duration_hours"],
            "uptime_pct": row["uptime_percentage"] if row["id"] in changed else None,
            "error_count": row["error_count"],
            "last_login_at": row["last_login_time"],
            "last_heartbeat_at": row["last_heartbeat_time"],
            "created_by": row["created_by"],
            "created_at": row["created_at"],
            "updated_at": row["updated_at"],
        }
    return found


def _masked_phone(phone: str | None) -> str | None:
    if not phone:
        return phone
    if len(phone) >= 11:
        return f"{phone[:3]}****{phone[-4:]}"
    return f"{phone[:2]}****{phone[-2:]}" if len(phone) >= 7 else "****"


def expected_messages(rows: Rows, key: str) -> Keyed:
    """fct_messages by message, up to the end of as_of's day."""
    same = ("tenant_id", "account_id", "message_id", "conversation_id", "template_id")
    same += ("campaign_id", "direction", "message_type", "from_type", "to_type", "send_status")
    same += ("error_code",)
    same += ("priority", "retry_count", "processing_time_ms", "response_time_ms", "scheduled_at")
    same += ("sent_at", "delivered_at", "read_at", "recalled_at", "created_at")
    found = {}
    for row in rows["wework_message_records"]:
        if row["created_at"].date() > TODAY:
            continue
        groups = [side for side in ("to", "from") if row[f"{side}_type"] == "group"]
        side = (groups or ["to" if row["direction"] == "send" else "from"])[0]
        kind, other = row[f"{side}_type"], row[f"{side}_id"]
        found[(row["id"],)] = {
            **{name: row[name] for name in same},
            "message_date": row["created_at"].date(),
            "from_key": keyed_hash(key, row["from_id"]),
            "to_key": keyed_hash(key, row["to_id"]),
            "counterpart_type": kind,
            "counterpart_key": keyed_hash(key, f"{row['account_id']}:{kind}:{other}"),
            "is_group_message": bool(groups),
            "delivery_seconds": seconds(row["sent_at"], row["delivered_at"]),
            "read_seconds": seconds(row["sent_at"], row["read_at"]),
        }
    return found


def expected_intervals(rows: Rows, _: str) -> Keyed:
    """fct_account_status_intervals, by walking through each account's changes in order."""
    found = {}
    for account in rows["wework_accounts"]:
        if account["created_at"] > AS_OF:
            continue
        changes = sorted(
            (
                row
                for row in rows["wework_account_status_history"]
                if row["account_id"] == account["id"] and row["created_at"] <= AS_OF
            ),
            key=lambda row: (row["created_at"], row["id"]),
        )
        before = (changes[0]["old_status"] or "CREATED") if changes else account["status"]
        held: dict[datetime, Row] = {
            account["created_at"]: {"status": before, "trigger_type": None, "status_changes": 0}
        }
        for row in changes:
            start = max(row["created_at"], account["created_at"])
            held[start] = {
                "status": row["new_status"],
                "trigger_type": row["trigger_type"],
                "status_changes": held.get(start, {"status_changes": 0})["status_changes"] + 1,
            }
        starts = sorted(held)
        for number, start in enumerate(starts):
            end = starts[number + 1] if number + 1 < len(starts) else None
            found[(account["id"], start)] = {
                "tenant_id": account["tenant_id"],
                "ended_at": end,
                "is_running": end is None,
                "seconds": seconds(start, end or AS_OF),
                "previous_status": held[starts[number - 1]]["status"] if number else None,
                **held[start],
            }
    return found


def expected_alerts(rows: Rows, _: str) -> Keyed:
    """fct_wework_alerts by alert."""
    same = ("tenant_id", "account_id", "alert_type", "alert_level", "status", "occurrence_count")
    same += ("first_occurred_at", "last_occurred_at", "acknowledged_by", "acknowledged_at")
    same += ("resolved_by", "resolved_at", "created_at")
    return {
        (row["id"],): {
            **{name: row[name] for name in same},
            "alert_date": row["created_at"].date(),
            "is_notification_sent": row["notification_sent"],
            "acknowledge_seconds": seconds(row["first_occurred_at"], row["acknowledged_at"]),
            "resolve_seconds": seconds(row["first_occurred_at"], row["resolved_at"]),
        }
        for row in rows["wework_account_alerts"]
    }


def expected_callbacks(rows: Rows, _: str) -> Keyed:
    """callback_daily, with pandas' grouping and exact decimals."""
    frame = pd.DataFrame(rows["wework_callback_logs"])
    frame["stat_date"] = [moment.date() for moment in frame["created_at"]]
    frame = frame[frame["stat_date"] <= TODAY]
    found = {}
    for grain, group in frame.groupby(GRAINS["callback_daily"]):
        outcomes = group["processing_status"].value_counts()
        times = sorted(value for value in group["response_time"] if isinstance(value, Decimal))
        found[grain] = {
            "received_callbacks": len(group),
            "successful_callbacks": outcomes.get("success", 0),
            "failed_callbacks": outcomes.get("failed", 0),
            "timed_out_callbacks": outcomes.get("timeout", 0),
            "ignored_callbacks": outcomes.get("ignored", 0),
            "answered_callbacks": len(times),
            "response_seconds_sum": sum(times, Decimal(0)),
            "avg_response_seconds": _mean(times),
            "p95_response_seconds": times[-(-95 * len(times) // 100) - 1] if times else None,
        }
    return found


def _mean(values: list[Decimal]) -> Decimal | None:
    if not values:
        return None
    with localcontext(prec=60):
        return (sum(values, Decimal(0)) / len(values)).quantize(Decimal("0.001"), ROUND_HALF_UP)


def expected_growth(rows: Rows, _: str) -> Keyed:
    """contact_growth_daily: every day of every tenant with an account, then counts per day."""

    def per_day(table: str, column: str, **where: str) -> pd.Series:
        frame = pd.DataFrame(rows[table])
        for name, value in where.items():
            frame = frame[frame[name] == value]
        moments = pd.to_datetime(frame[column])
        frame = frame.assign(stat_date=moments.dt.date)[moments.notna()]
        return frame.groupby(["tenant_id", "stat_date"]).size()

    counts = {
        "new_contacts": per_day("wework_contacts", "created_at"),
        "new_groups": per_day("wework_groups", "created_at"),
        "members_joined": per_day("wework_group_members", "joined_at"),
        "members_left": per_day("wework_group_members", "left_at"),
        "sync_failures": per_day("wework_contacts", "last_sync_at", sync_status="failed").add(
            per_day("wework_groups", "last_sync_at", sync_status="failed"), fill_value=0
        ),
    }
    known = {row["id"]: row["created_at"].date() for row in rows["saas_tenants"]}
    first: dict[str, date] = {}
    for account in rows["wework_accounts"]:
        if account["created_at"] <= AS_OF:
            tenant, day = account["tenant_id"], account["created_at"].date()
            first[tenant] = known.get(tenant) or min(day, first.get(tenant, day))
    return {
        (tenant, day.date()): {
            name: int(series.get((tenant, day.date()), 0)) for name, series in counts.items()
        }
        for tenant, start in first.items()
        for day in pd.date_range(start, TODAY)
    }


EXPECTED = {
    "dim_wework_accounts": expected_accounts,
    "fct_messages": expected_messages,
    "fct_account_status_intervals": expected_intervals,
    "fct_wework_alerts": expected_alerts,
    "callback_daily": expected_callbacks,
    "contact_growth_daily": expected_growth,
}
# Days that an ordinary build goes back; the other marts are rebuilt whole.
LOOKBACK = {
    "fct_messages": ("created_at", 7),
    "callback_daily": ("stat_date", 3),
    "contact_growth_daily": ("stat_date", 3),
}


# --- both engines ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Builds:
    """The marts after the first and after the second build, and the raw rows behind each."""

    settings: Settings
    first_rows: Rows
    first: Mapping[str, Keyed]
    second_rows: Rows
    second: Mapping[str, Keyed]


@pytest.fixture(scope="module")
def builds(module_engine_settings: Settings) -> Builds:
    """Deploy, load, build, read; then change the raw rows, build and read again."""
    settings = replace(module_engine_settings, as_of=AS_OF, domains=DOMAINS)
    deploy(settings, oldest=date(2026, 5, 1), progress=lambda _: None)
    first_rows = make_rows()
    load(settings, first_rows)
    build(settings)
    first = read_marts(settings)
    second_rows = change_rows(settings, first_rows)
    build(settings)
    return Builds(settings, first_rows, first, second_rows, read_marts(settings))


def load(settings: Settings, rows: Rows) -> None:
    """Insert raw rows; columns that must not be NULL and are not given get any value."""
    for table in load_record(DOMAINS):
        if table.name in rows:
            filled = [{**_fillers(table), **row} for row in rows[table.name]]
            with database.begin(settings) as connection:
                connection.execute(sa.insert(_table(settings, table.name)), filled)


def _fillers(table: Any) -> Row:
    fillers: Row = {}
    for column in table.stored_columns:
        if column.nullable or column.default is not None or column.name == "id":
            continue
        if column.enum_values:
            fillers[column.name] = column.enum_values[0]
        elif column.base_type in ("varchar", "text", "longtext"):
            fillers[column.name] = f"{random.getrandbits(60)}" if table.unique else "x"
    return fillers


def _table(settings: Settings, name: str) -> sa.Table:
    return table_named(metadata_of(settings), name)


def change_rows(settings: Settings, rows: Rows) -> Rows:
    """Late rows, changed receipts and deletions, inside and outside of the trailing windows."""
    make = Maker(7)
    accounts = rows["wework_accounts"]
    for days in (0, 2, 3, 4, 6, 7, 8, 20):
        midnight = datetime.combine(TODAY - timedelta(days=days), time())
        for moment in (midnight, midnight + timedelta(seconds=86_399)):
            _make_message(make, accounts[0], moment)
            _make_callback(make, accounts[0], moment)
            _make_contact(make, accounts[0], moment)
    load(settings, make.rows)
    changed = {name: [*found, *make.rows.get(name, [])] for name, found in rows.items()}
    messages = _table(settings, "wework_message_records")
    callbacks = _table(settings, "wework_callback_logs")
    kept = []
    with database.begin(settings) as connection:
        for number, row in enumerate(changed["wework_message_records"]):
            if number % 5 == 0:
                row = {**row, "send_status": "recalled", "read_at": row["created_at"]}
                connection.execute(
                    sa.update(messages)
                    .where(messages.c.id == row["id"])
                    .values(send_status="recalled", read_at=row["created_at"])
                )
            kept.append(row)
        changed["wework_message_records"] = kept
        gone = {row["id"] for row in changed["wework_callback_logs"][::6]}
        connection.execute(sa.delete(callbacks).where(callbacks.c.id.in_(gone)))
    changed["wework_callback_logs"] = [
        row for row in changed["wework_callback_logs"] if row["id"] not in gone
    ]
    return changed


def build(settings: Settings, marts: Iterable[str] = tuple(GRAINS)) -> None:
    """`dbt run` of these marts and the staging views that they read."""
    with clean_environment():
        arguments = dbt_arguments(
            ["run", "--quiet"],
            target=settings.target,
            target_path=target_path(settings),
            select=" ".join(f"+{name}" for name in marts),
        )
        result = summarise(run_dbt(settings, arguments).results, 0.0)
    assert result.failures == ()


def read_marts(settings: Settings) -> dict[str, Keyed]:
    """Every mart's rows by grain; a repeated grain fails."""
    marts = {}
    with database.connect(settings) as connection:
        for name, grain in GRAINS.items():
            home = database.database_name(settings, "warehouse")
            found = connection.execute(sa.text(f"select * from {home}.{name}")).mappings()
            rows = [dict(row) for row in found]
            marts[name] = {tuple(row.pop(part) for part in grain): row for row in rows}
            assert len(marts[name]) == len(rows), f"{name}: a grain occurs twice"
    return marts


def differences(found: Keyed, wanted: Keyed) -> list[str]:
    """What differs, value by value; columns that the expectation leaves out are passed through."""
    lines = [f"missing: {key}" for key in wanted.keys() - found.keys()]
    lines += [f"unexpected: {key}" for key in found.keys() - wanted.keys()]
    for key in wanted.keys() & found.keys():
        for name, value in wanted[key].items():
            if found[key][name] != value:
                lines.append(f"{key} {name}: {found[key][name]!r}, expected {value!r}")
    return lines


@pytest.mark.parametrize("mart", GRAINS)
def test_first_build_equals_the_computation(builds: Builds, mart: str) -> None:
    wanted = EXPECTED[mart](builds.first_rows, builds.settings.mask_key)
    assert len(wanted) > 10
    assert differences(builds.first[mart], wanted) == []


@pytest.mark.parametrize("mart", GRAINS)
def test_second_build_replaces_the_trailing_window_only(builds: Builds, mart: str) -> None:
    wanted = EXPECTED[mart](builds.second_rows, builds.settings.mask_key)
    if mart in LOOKBACK:
        column, days = LOOKBACK[mart]
        start = TODAY - timedelta(days=days)

        def is_inside(key: tuple[Any, ...], row: Row) -> bool:
            value = {**dict(zip(GRAINS[mart], key, strict=True)), **row}[column]
            return (value.date() if isinstance(value, datetime) else value) >= start

        fresh = {key: row for key, row in wanted.items() if is_inside(key, row)}
        untouched = {key: row for key, row in builds.first[mart].items() if not is_inside(key, row)}
        stale = {key: row for key, row in wanted.items() if not is_inside(key, row)}
        assert differences(untouched, stale) != []  # something changed there that must not show
        wanted = {**untouched, **fresh}
    assert differences(builds.second[mart], wanted) == []


@pytest.mark.parametrize("engine_settings", ENGINES_SPARINGLY, indirect=True)
def test_growth_is_built_without_core(engine_settings: Settings) -> None:
    """Core switched off has no tenants to offer: a tenant begins with its first account."""
    settings = replace(engine_settings, as_of=AS_OF, domains=("wework",))
    deploy(settings, oldest=date(2026, 5, 1), progress=lambda _: None)
    make = Maker(1)
    _make_accounts(make, ["t1", "t2"])
    load(settings, make.rows)
    build(settings, ["contact_growth_daily"])
    name = f"{database.database_name(settings, 'warehouse')}.contact_growth_daily"
    query = f"select tenant_id, min(stat_date) from {name} group by tenant_id"
    with database.connect(settings) as connection:
        found = dict(map(tuple, connection.execute(sa.text(query))))
    first = {row["tenant_id"]: row["created_at"].date() for row in make.rows["wework_accounts"][:2]}
    assert found == first
