"""Logins first; sessions, audit entries, API keys and figures on users follow from them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from orchestration.sampledata import words
from orchestration.sampledata.conform import conform
from orchestration.sampledata.core_people import (
    DELETED,
    MODULES,
    PENDING,
    Chunk,
    Footprint,
    People,
    inside,
    tenant_column,
    when,
)
from orchestration.sampledata.random import (
    DAY,
    EVEN_HOURS,
    EVEN_WEEK,
    Bools,
    Indexes,
    Times,
    chance,
    choice,
    choice_index,
    cities,
    hash_share,
    hex_text,
    ids_of,
    join,
    json_choice,
    json_object,
    log_normal_int,
    nullify,
    numbers_as_text,
    person_names,
    plus_seconds,
    rank_in_group,
    rhythm,
    seconds_of,
    sentences,
    stream,
    take,
)
from orchestration.sampledata.world import Rows

SUCCESS, FAILED, BLOCKED, SUSPENDED = range(4)
RESULTS = ("success", "failed", "blocked", "suspended")
PASSWORD, MFA, SSO, API_KEY = range(4)
METHODS = ("password", "mfa", "sso", "api_key")
ACTIONS = (
    "create", "read", "update", "delete", "login", "logout", "status_change", "config", "alert",
)  # fmt: skip
LOGIN, LOGOUT = 4, 5
OPERATORS = ("user", "system", "api", "scheduled")
BY_USER, BY_SYSTEM, BY_API, BY_SCHEDULE = range(4)
# What an audit entry is about: (target_type, table whose rows it names, module).
TARGETS = (
    ("user", "saas_users", 0),
    ("agent", "ai_agents", 1),
    ("wework_account", "wework_accounts", 2),
    ("patient", "health_patients", 3),
    ("service", "services", 4),
    ("customer", "customers", 5),
)
EXPORT = len(TARGETS)
NO_TARGET = -1
_NIGHT = (0, 0, 8, 6, 2) + (0,) * 19


@dataclass(frozen=True)
class Attempts:
    """Login attempts, sorted by time. `user` and `tenant` are -1 when nobody knows them."""

    user: Indexes
    tenant: Indexes
    at: Times
    result: Indexes
    method: Indexes
    ip: Indexes
    agent: Indexes

    def __len__(self) -> int:
        """How many attempts there were, older ones than the table keeps included."""
        return len(self.user)


@dataclass(frozen=True)
class Audit:
    """Audit entries, sorted by time; indexes are -1 where the column is NULL."""

    tenant: Indexes
    at: Times
    operator: Indexes
    operator_type: Indexes
    session: Indexes  # the attempt that opened it
    action: Indexes
    module: Indexes
    target: Indexes
    target_row: Indexes
    failed: Bools
    ip: Indexes
    agent: Indexes
    key: Indexes  # API key


@dataclass(frozen=True)
class Keys:
    """API keys: whose, and until when they could be used."""

    rows: Rows
    user: Indexes
    status: Indexes
    until: Times


@dataclass(frozen=True)
class Security:
    """The planned trail."""

    people: People
    attempts: Attempts
    keys: Keys
    audit: Audit
    sessions: Indexes  # successful attempts whose session is still there

    def footprint(self) -> Footprint:
        """Newest successful login, failures since then, and the latest block, per user."""
        made, count = self.attempts, len(self.people.rows)
        good = np.flatnonzero(made.result == SUCCESS)
        last = np.full(count, -1, dtype=np.int64)
        np.maximum.at(last, made.user[good], good)  # attempts are sorted by time
        bad = np.flatnonzero((made.result == FAILED) & (made.user >= 0))
        since = bad[bad > last[made.user[bad]]]
        block = np.full(count, -1, dtype=np.int64)
        shut = np.flatnonzero((made.result == BLOCKED) & (made.user >= 0))
        np.maximum.at(block, made.user[shut], shut)
        known = last >= 0
        return Footprint(
            last_at=when(made.at[last], known),
            last_ip=np.where(known, made.ip[last], -1),
            last_agent=np.where(known, made.agent[last], -1),
            failures=np.bincount(made.user[since], minlength=count),
            locked_until=when(plus_seconds(made.at[block], 1800), block >= 0),
        )


def plan_security(people: People) -> Security:
    """Logins within users' lives, and everything that follows from them."""
    plan = people.plan
    kept, trail = plan.since("saas_login_attempts"), plan.since("saas_unified_audit_logs")
    rows = plan.rows("saas_login_attempts")
    parts = [_attempts(people, "new", rows, kept, plan.end)]
    older = seconds_of(kept) - seconds_of(trail)
    if older > 0:  # the audit log remembers logins whose attempts have been archived
        count = round(rows * 0.7 * older / (seconds_of(plan.end) - seconds_of(kept)))
        before = (np.datetime64(kept, "s") - np.timedelta64(1, "s")).astype(datetime)
        parts.append(_attempts(people, "old", count, trail, before))
    fields = [np.concatenate(columns) for columns in zip(*parts, strict=True)]
    order = np.argsort(fields[2], kind="stable")
    attempts = Attempts(*[f[order] for f in fields])
    good = np.flatnonzero(attempts.result == SUCCESS)
    sessions_ = good[-plan.rows("saas_user_sessions") :]
    keys = _keys(people)
    return Security(people, attempts, keys, _audit(people, attempts, keys, sessions_), sessions_)


def _attempts(
    people: People, name: str, rows: int, since: datetime, until: datetime
) -> tuple[Indexes, ...]:
    """user, tenant, time, result, method, IP address, user agent of attempts in a span."""
    plan, users = people.plan, people.rows
    rng = stream(plan, f"core/attempts/{name}")
    low, high = np.datetime64(since, "s"), np.datetime64(until, "s")
    span = rhythm(since, until, growth=1.6)
    zeal = (1 - hash_share(plan, "core/zeal", np.arange(len(users)))) ** -0.6
    start, end = np.maximum(users.created_at, low), np.minimum(people.until, high)
    room = np.maximum((end - start).astype(np.int64), 0) * (people.status != PENDING)
    bad, shut, out = round(rows * 0.13), round(rows * 0.04), round(rows * 0.04)
    if not (np.maximum(people.until, low) < people.world.closed_at[users.tenant]).any():
        out = 0
    good = rows - bad - shut - out

    member = choice_index(rng, good, zeal * room).astype(np.int64)
    success_at = span.between(rng, start[member], end[member])
    # Wrong passwords of users; names nobody has; tenants nobody has.
    typed = choice_index(rng, bad, zeal * room).astype(np.int64)
    failed_at = span.between(rng, start[typed], end[typed])
    odd = choice_index(rng, bad, (60, 20, 20))
    failed_user = np.where(odd == 0, typed, -1)
    failed_tenant = np.where(odd == 2, -1, users.tenant[typed])
    # A block follows failures within minutes.
    cause = rng.integers(0, bad, shut)
    blocked_at = plus_seconds(failed_at[cause], rng.integers(30, 600, shut))
    blocked_at = np.minimum(blocked_at, high)
    # Accounts that may no longer log in still try.
    left = np.maximum(people.until, low)
    gone = np.where(people.status != PENDING, (high - left).astype(np.int64), 0)
    late_user = choice_index(rng, out, np.maximum(gone, 0)).astype(np.int64)
    late_at = inside(rng, left[late_user], np.full(out, high))

    user = np.r_[member, failed_user, failed_user[cause], late_user]
    tenant = np.r_[
        users.tenant[member], failed_tenant, failed_tenant[cause], users.tenant[late_user]
    ]
    at = np.r_[success_at, failed_at, blocked_at, late_at]
    result = np.repeat([SUCCESS, FAILED, BLOCKED, SUSPENDED], [good, bad, shut, out])
    single = hash_share(plan, "core/sso", np.maximum(tenant, 0)) < 0.15
    method = np.where(single, SSO, np.where(people.mfa[user], MFA, PASSWORD))
    method = np.where(user < 0, PASSWORD, method)
    method = np.where(chance(rng, rows, 0.03) & (user >= 0), API_KEY, method)
    pool = len(people.addresses)
    home = (hash_share(plan, "core/home_ip", np.maximum(user, 0)) * pool).astype(np.int64)
    ip = np.where(chance(rng, rows, 0.8) & (user >= 0), home, rng.integers(0, pool, rows))
    ip[good + bad : good + bad + shut] = ip[good : good + bad][cause]
    return user, tenant, at, result, method, ip, rng.integers(0, len(words.USER_AGENTS), rows)


def login_attempts(security: Security) -> Iterator[Chunk]:
    """What the table still keeps of the attempts."""
    people, made = security.people, security.attempts
    plan = people.plan
    since = np.datetime64(plan.since("saas_login_attempts"), "s")
    first = int(np.searchsorted(made.at, since))
    names = pa.array(people.world.username(np.arange(len(people.rows))))
    for number, part in enumerate(plan.chunks(len(made) - first)):
        rows = np.arange(part.start, part.stop) + first
        n, rng = len(rows), stream(plan, "saas_login_attempts", number)
        user, tenant, at, result = (
            made.user[rows],
            made.tenant[rows],
            made.at[rows],
            made.result[rows],
        )
        known = take(names, user)
        typo = join("x", hex_text(rng, n, 8))
        suspicious = chance(rng, n, np.asarray([0.01, 0.12, 0.7, 0.1])[result])
        reason = np.where(result == SUCCESS, -1, np.where(result == FAILED, 0, result))
        reason = np.where((result == FAILED) & (user < 0), 1, reason)
        reason = np.where((result == FAILED) & (tenant < 0), 4, reason)
        channel = choice_index(rng, n, (80, 12, 8))
        yield (
            "saas_login_attempts",
            conform(
                "saas_login_attempts",
                {
                    "id": ids_of(plan, "saas_login_attempts", rows),
                    "tenant_id": tenant_column(people, tenant),
                    "username": pc.coalesce(known.dictionary_decode(), typo),
                    "email": take(people.emails, np.where(channel == 1, user, -1)),
                    "phone": take(people.phones, np.where(channel == 2, user, -1)),
                    "login_method": take(METHODS, made.method[rows]),
                    "attempt_result": take(RESULTS, result),
                    "failure_reason": take(
                        ("wrong_password", "unknown_user", "too_many_failures",
                         "account_suspended", "unknown_tenant"), reason,
                    ),
                    "ip_address": take(people.addresses, made.ip[rows]),
                    "user_agent": take(words.USER_AGENTS, made.agent[rows], chance(rng, n, 0.97)),
                    "device_fingerprint": nullify(hex_text(rng, n, 32), chance(rng, n, 0.8)),
                    "location": nullify(
                        json_object(country="CN", city=cities(rng, n)), chance(rng, n, 0.85)
                    ),
                    "risk_score": np.where(
                        suspicious, rng.integers(6000, 9900, n), rng.integers(0, 4000, n)
                    ),
                    "is_suspicious": suspicious,
                    "blocked_until": when(plus_seconds(at, 1800), result == BLOCKED),
                    "created_at": at,
                },
            ),
        )  # fmt: skip


# --- API keys ------------------------------------------------------------------------------------

KEY_STATUS = ("active", "inactive", "expired", "revoked", "suspended")


def _keys(people: People) -> Keys:
    rows = people.world.rows("saas_api_keys")
    count, rng = len(rows), stream(people.plan, "core/keys")
    user = people.somebody(rng, rows.tenant, rows.created_at)
    status = choice_index(rng, count, (70, 6, 9, 9, 6))
    left = people.until[user]
    status = np.where(people.status[user] == DELETED, 3, status)
    until = np.where(status == 0, left, inside(rng, rows.created_at, left, 0.5))
    return Keys(rows, user, status, np.where(status == 3, np.minimum(until, left), until))


def api_keys(security: Security) -> Chunk:
    """Requests and last use follow from the audit entries made with a key."""
    people, keys, audit = security.people, security.keys, security.audit
    plan, rows = people.plan, keys.rows
    count, rng = len(rows), stream(plan, "saas_api_keys")
    mine = audit.key >= 0
    entries = np.bincount(audit.key[mine], minlength=count)
    failing = np.bincount(audit.key[mine & audit.failed], minlength=count)
    last = np.full(count, -1, dtype=np.int64)
    np.maximum.at(last, audit.key[mine], audit.at[mine].astype(np.int64))
    total = entries * rng.integers(1, 40, count) + np.where(entries > 0, failing, 0)
    failed = np.minimum(failing + total // rng.integers(20, 200, count), total)
    used, expired, revoked = entries > 0, keys.status == 2, keys.status == 3
    end = np.full(count, people.end)
    later = plus_seconds(end, rng.integers(10 * DAY, 400 * DAY, count))
    limited = chance(rng, count, 0.5)
    return "saas_api_keys", conform(
        "saas_api_keys",
        {
            "id": rows.ids(),
            "tenant_id": rows.tenant_ids(),
            "user_id": people.rows.ids(keys.user),
            "key_name": join(
                choice(rng, count, ("ERP 对接", "报表同步", "小程序后端", "测试 🔑")), " ",
                rank_in_group(rows.tenant) + 1,
            ),
            "key_description": nullify(sentences(rng, count), chance(rng, count, 0.5)),
            "access_key": join("ak_", hex_text(rng, count, 12), rows.ids()),
            "secret_key_hash": hex_text(rng, count, 64),
            "permissions": json_choice(rng, count, [["core.file.read"], ["customer.tag.read"]]),
            "scopes": json_choice(rng, count, [["read"], ["read", "write"]], null=0.2),
            "allowed_ips": json_choice(rng, count, [["10.0.0.0/8"]], null=0.7),
            "rate_limit_config": json_choice(rng, count, [{"rpm": 120}], null=0.5),
            "daily_request_limit": pa.array(np.full(count, 10_000), mask=~limited),
            "monthly_request_limit": pa.array(np.full(count, 200_000), mask=~limited),
            "concurrent_request_limit": pa.array(np.full(count, 8), mask=~limited),
            "total_requests": total,
            "successful_requests": total - failed,
            "failed_requests": failed,
            "last_used_at": when(np.maximum(last, 0).astype("datetime64[s]"), used),
            "last_used_ip": take(people.addresses, np.where(used, _key_ip(security), -1)),
            "status": take(KEY_STATUS, keys.status),
            "expires_at": np.where(expired, keys.until, when(later, chance(rng, count, 0.5))),
            "auto_renew": chance(rng, count, 0.2) & ~expired,
            "require_https": chance(rng, count, 0.95),
            "webhook_signature_key": nullify(hex_text(rng, count, 40), chance(rng, count, 0.3)),
            "created_at": rows.created_at,
            "created_by": people.rows.ids(keys.user),
            "revoked_by": people.rows.ids(np.where(revoked, people.rows.first[rows.tenant], -1)),
            "revoked_at": when(keys.until, revoked),
        },
    )  # fmt: skip


def _key_ip(security: Security) -> Indexes:
    """A key is used from one machine."""
    pool = len(security.people.addresses)
    share = hash_share(security.people.plan, "core/key_ip", np.arange(len(security.keys.rows)))
    return (share * pool).astype(np.int64)


# --- sessions ------------------------------------------------------------------------------------

TTL = np.asarray([12 * 3600, 7 * DAY, 30 * DAY, 90 * DAY])


def sessions(security: Security) -> Chunk:
    """The newest logins' sessions; last activity is that of the audit entries made in them.

    None had expired when the nightly cleanup ran last.
    """
    people, made, rows = security.people, security.attempts, security.sessions
    plan, count = people.plan, len(security.sessions)
    rng = stream(plan, "saas_user_sessions")
    user, at = made.user[rows], made.at[rows]
    last = np.zeros(len(made), dtype=np.int64)
    inside_one = security.audit.session >= 0
    np.maximum.at(
        last, security.audit.session[inside_one], security.audit.at[inside_one].astype(np.int64)
    )
    active_at = np.maximum(at, last[rows].astype("datetime64[s]"))
    night = people.last_night
    needed = np.searchsorted(TTL, (night - active_at).astype(np.int64), side="right")
    ttl = TTL[np.minimum(np.maximum(needed, choice_index(rng, count, (5, 3, 2))), 3)]
    expires = plus_seconds(active_at, ttl)
    ended = chance(rng, count, 0.12) & (active_at < night)
    expires = np.where(
        ended, inside(rng, np.full(count, night), np.full(count, people.end)), expires
    )
    status = np.where(ended & chance(rng, count, 0.6), 1, 0)
    status = np.where(~ended & chance(rng, count, 0.03), 3, status)
    kicked = (people.until[user] < people.end) | chance(rng, count, 0.04)
    status = np.where(kicked & ~ended, np.where(chance(rng, count, 0.5), 2, 4), status)
    revoked = status == 2
    left = np.maximum(np.minimum(people.until[user], people.end), active_at)
    order = np.lexsort((rows, user))
    together = np.empty(count, dtype=np.int64)
    together[order] = rank_in_group(user[order]) + 1
    device = choice_index(rng, count, (60, 20, 10, 3, 7))
    suspicious = status == 3
    method = made.method[rows]
    return "saas_user_sessions", conform(
        "saas_user_sessions",
        {
            "id": ids_of(plan, "saas_user_sessions", rows),
            "tenant_id": tenant_column(people, made.tenant[rows]),
            "user_id": people.rows.ids(user),
            "session_token": join("st_", hex_text(rng, count, 48), numbers_as_text(rows, 10)),
            "refresh_token": nullify(hex_text(rng, count, 64), chance(rng, count, 0.8)),
            "device_id": nullify(hex_text(rng, count, 24), device > 0),
            "device_type": take(("web", "mobile", "desktop", "api", "tablet"), device),
            "device_name": nullify(join(person_names(rng, count), "的手机 📱"), device == 1),
            "device_fingerprint": nullify(hex_text(rng, count, 32), chance(rng, count, 0.8)),
            "login_ip": take(people.addresses, made.ip[rows]),
            "login_location": nullify(
                json_object(country="CN", city=cities(rng, count)), chance(rng, count, 0.85)
            ),
            "user_agent": take(words.USER_AGENTS, made.agent[rows]),
            "login_method": take(METHODS, method),
            "status": take(("active", "expired", "revoked", "suspicious", "force_logout"), status),
            "is_trusted_device": chance(rng, count, 0.3),
            "concurrent_sessions_count": together,
            "created_at": at,
            "expires_at": expires,
            "last_activity_at": active_at,
            "last_refresh_at": when(active_at, (active_at > at) & chance(rng, count, 0.7)),
            "security_level": take(
                ("low", "medium", "high"), np.where(suspicious, 0, np.where(method == MFA, 2, 1))
            ),
            "risk_score": np.where(
                suspicious, rng.integers(6000, 9900, count), rng.integers(0, 4000, count)
            ),
            "anomaly_flags": take(['["new_city"]'], np.where(suspicious, 0, -1)),
            "session_data": json_choice(rng, count, [{"theme": "dark"}], null=0.6),
            "revoked_by": people.rows.ids(
                np.where(revoked, people.rows.first[made.tenant[rows]], -1)
            ),
            "revoked_at": when(left, revoked),
            "revoke_reason": nullify(sentences(rng, count), revoked),
        },
    )


# --- audit trail ---------------------------------------------------------------------------------


def _audit(people: People, attempts: Attempts, keys: Keys, sessions_: Indexes) -> Audit:
    """Logins, refused logins, logouts, what users did while logged in, and what ran by itself."""
    plan = people.plan
    rng = stream(plan, "core/audit")
    trail = plan.since("saas_unified_audit_logs")
    good = np.flatnonzero(attempts.result == SUCCESS)
    bad = np.flatnonzero((attempts.result != SUCCESS) & (attempts.tenant >= 0))
    closed = np.minimum(people.until[attempts.user[good]], people.end)
    # Whoever logged out has no session any more.
    out_at = plus_seconds(attempts.at[good], rng.integers(4 * 3600, 10 * 3600, len(good)))
    logs_out = chance(rng, len(good), 0.4) & (out_at <= closed) & ~np.isin(good, sessions_)
    out = good[logs_out]
    rest = max(plan.rows("saas_unified_audit_logs") - len(good) - len(bad) - len(out), 0)
    api, night, system = round(rest * 0.15), round(rest * 0.08), round(rest * 0.07)
    work = rest - api - night - system

    # Work happens within four hours of a login; most logins are short.
    zeal = np.exp(rng.standard_normal(len(good)))
    which = choice_index(rng, work, zeal)
    work_at = plus_seconds(
        attempts.at[good[which]], log_normal_int(rng, work, 1200, 1.1, 1, 14_400)
    )
    work_at = np.minimum(work_at, closed[which])
    low = np.maximum(keys.rows.created_at, np.datetime64(trail, "s"))
    room = np.maximum((keys.until - low).astype(np.int64), 0)
    room = room * (hash_share(plan, "core/key_used", np.arange(len(room))) < 0.85)
    key = choice_index(rng, api, room * people.world.weight[keys.rows.tenant]).astype(np.int64)
    even = rhythm(trail, plan.end, 1.6, hours=EVEN_HOURS, week=EVEN_WEEK)
    api_at = even.between(rng, low[key], keys.until[key])
    nightly = rhythm(trail, plan.end, hours=_NIGHT, week=EVEN_WEEK)
    night_tenant, night_at = people.happenings(rng, night, trail, nightly)
    system_tenant, system_at = people.happenings(rng, system, trail, even)

    user = attempts.user
    sizes = [len(good), len(bad), len(out), work, api, night, system]
    nobody = np.full(night + system, -1)
    tenant = np.r_[
        attempts.tenant[good], attempts.tenant[bad], attempts.tenant[out],
        attempts.tenant[good[which]], keys.rows.tenant[key], night_tenant, system_tenant,
    ]  # fmt: skip
    at = np.r_[
        attempts.at[good], attempts.at[bad], out_at[logs_out], work_at, api_at, night_at, system_at
    ]
    by = np.repeat([BY_USER, BY_SYSTEM, BY_USER, BY_USER, BY_API, BY_SCHEDULE, BY_SYSTEM], sizes)
    operator = np.r_[
        user[good], np.full(len(bad), -1), user[out], user[good[which]], keys.user[key], nobody
    ]
    opened = np.r_[good, np.full(len(bad), -1), out, good[which], np.full(api, -1), nobody]
    source = np.r_[good, bad, out, good[which], np.full(api + night + system, -1)]
    kind = np.repeat(np.arange(7), sizes)
    total = len(kind)
    access = kind < 3

    done = choice_index(rng, total, (18, 38, 31, 4, 0, 0, 5, 2, 2))
    done = np.where(kind <= 1, LOGIN, np.where(kind == 2, LOGOUT, done))
    module = choice_index(rng, total, (22, 14, 20, 12, 17, 15)).astype(np.int64)
    uses = np.stack([people.world.uses[m] for m in MODULES])
    module = np.where(uses[module, tenant] & (done != 7) & ~access, module, 0)
    target = np.where(chance(rng, total, 0.92) | access, module, NO_TARGET)
    exported = ~access & chance(rng, total, 0.04)
    target = np.where(exported, EXPORT, target)
    done = np.where(exported, np.where(chance(rng, total, 0.6), 0, 1), done)
    row = np.full(total, -1, dtype=np.int64)
    for index, (_, table, _) in enumerate(TARGETS):
        mine = np.flatnonzero(target == index)
        row[mine] = people.world.rows(table).pick(rng, tenant[mine], at=at[mine])
    row = np.where(access, user[source], row)
    row = np.where(exported, np.arange(total), row)
    address = np.where(source >= 0, attempts.ip[source], -1)
    pool = len(people.addresses)
    machine = (hash_share(plan, "core/key_ip", np.arange(len(keys.rows))) * pool).astype(np.int64)
    address[kind == 4] = machine[key]
    made_with = np.full(total, -1, dtype=np.int64)
    made_with[kind == 4] = key
    order = np.argsort(at, kind="stable")
    fields = (
        tenant, at, operator, by, opened, done, module, target, row,
        (kind == 1) | ((kind > 2) & chance(rng, total, 0.025)), address,
        np.where(source >= 0, attempts.agent[source], -1), made_with,
    )  # fmt: skip
    return Audit(*[f[order] for f in fields])


def audit_logs(security: Security) -> Iterator[Chunk]:
    """The trail in order of time."""
    people, audit = security.people, security.audit
    plan = people.plan
    kinds = (*[t[0] for t in TARGETS], "export")
    for number, part in enumerate(plan.chunks(len(audit.at))):
        rows, rng = (
            np.arange(part.start, part.stop),
            stream(plan, "saas_unified_audit_logs", number),
        )
        n, target, row = len(rows), audit.target[part], audit.target_row[part]
        tables = [t[1] for t in TARGETS] + ["exports"]
        target_ids = pc.coalesce(
            *[ids_of(plan, t, np.where(target == i, row, -1)) for i, t in enumerate(tables)]
        )
        by, action, failed = audit.operator_type[part], audit.action[part], audit.failed[part]
        access = (action == LOGIN) | (action == LOGOUT)
        alone = (by == BY_SYSTEM) | (by == BY_SCHEDULE)
        trail = np.where(access, 1, np.where(alone, 3, np.where(audit.module[part] == 0, 0, 2)))
        changes = (action == 2) | (action == 6) | (action == 7)
        agent = np.where(by == BY_API, len(words.USER_AGENTS) - 2, audit.agent[part])
        key = audit.key[part]
        yield (
            "saas_unified_audit_logs",
            conform(
                "saas_unified_audit_logs",
                {
                    "id": ids_of(plan, "saas_unified_audit_logs", rows),
                    "tenant_id": tenant_column(people, audit.tenant[part]),
                    "log_type": take(("operation", "security", "business", "system"), trail),
                    "module": take(MODULES, audit.module[part]),
                    "sub_module": take(["auth"], np.where(access, 0, -1)),
                    "operator_id": people.rows.pooled_ids(audit.operator[part]),
                    "operator_type": take(OPERATORS, by),
                    "session_id": ids_of(plan, "saas_user_sessions", audit.session[part]),
                    "action": take(ACTIONS, action),
                    "target_type": take(kinds, target),
                    "target_id": target_ids,
                    "target_name": nullify(
                        person_names(rng, n), (row >= 0) & chance(rng, n, 0.6) & (target < EXPORT)
                    ),
                    "change_data": nullify(
                        json_object(
                            before=choice(rng, n, ("旧值", "draft", "待处理")),
                            after=sentences(rng, n),
                        ),
                        changes,
                    ),
                    "status": take(
                        ("success", "failure", "partial"),
                        np.where(failed, 1, np.where(~access & chance(rng, n, 0.01), 2, 0)),
                    ),
                    "error_info": nullify(
                        json_object(code=choice(rng, n, ("E403", "E409", "E500")), trace="…"),
                        failed,
                    ),
                    "execution_time_ms": pa.array(
                        log_normal_int(rng, n, 45, 1.1, 1, 60_000), mask=chance(rng, n, 0.1)
                    ),
                    "ip_address": take(people.addresses, audit.ip[part]),
                    "user_agent": take(words.USER_AGENTS, agent),
                    "request_info": json_choice(
                        rng, n, [{"path": "/api/v1/items"}, {"path": "/api/v1/search"}], null=0.5
                    ),
                    "business_context": nullify(
                        json_object(api_key_id=ids_of(plan, "saas_api_keys", key)), key >= 0
                    ),
                    "tags": json_choice(rng, n, [["batch"], ["重要", "⭐"]], null=0.9),
                    "created_at": audit.at[part],
                },
            ),
        )
