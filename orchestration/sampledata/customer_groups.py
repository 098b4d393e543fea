"""Tags and segments: definitions, who is in them, and the runs that put them there.

Runs and memberships agree: a run added those who joined at its start and removed those who left
with it; the size after the last successful run is the number of active members.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from orchestration.sampledata.conform import conform
from orchestration.sampledata.customer_people import SEGMENT_RULES, TAG_RULES, People, Rule
from orchestration.sampledata.random import (
    DAY,
    Bools,
    Indexes,
    apportion,
    chance,
    choice,
    choice_index,
    ids_of,
    join,
    json_choice,
    json_object,
    log_normal_int,
    nullable,
    nullify,
    rank_in_group,
    seconds_of,
    sentences,
    stream,
    take,
)
from orchestration.sampledata.world import Rows

Chunk = tuple[str, pa.Table]
_FAR = 2**34
OK, FAILED, OTHER = range(3)
_MANUAL_TAGS = (
    ("重点客户,优先跟进", "key_account", "价值"),
    ("老板的朋友", "friend_of_boss", "关系"),
    ("投诉过", "complained", "服务"),
    ("会员日🎉", "member_day", "活动"),
    ("生日,本月", "birthday", "活动"),
    ("发票抬头已核对", "invoice_checked", "服务"),
)
_SEGMENT_NAMES = ("展会名单", "老客户名单", "地推导入", "内测用户")
_FREQUENCIES = ("realtime", "hourly", "daily", "weekly", "monthly")
_STEPS = np.asarray((1, 1, 2, 14, 60))  # ticks of half a day between runs
_ERRORS = (
    "Lock wait timeout exceeded; nothing was changed",
    "rule.all[0].value: expected a number",
    "Deadlock found, given up after 5 attempts",
)


@dataclass(frozen=True)
class Runs:
    """Runs sorted by owner, then time (seconds); `first[o]:first[o + 1]` are owner o's."""

    owner: Indexes
    at: Indexes
    status: Indexes
    first: Indexes
    added: Indexes
    removed: Indexes
    size: Indexes  # after the run


@dataclass(frozen=True)
class Members:
    """Memberships sorted by owner: since when, and when they were last seen to match (seconds)."""

    owner: Indexes
    customer: Indexes
    active: Bools
    joined: Indexes
    matched: Indexes
    by_run: Bools


@dataclass(frozen=True)
class Groups:
    """Tags or segments: `kind` is the rule's number, or -1 where people decide."""

    rows: Rows
    kind: Indexes
    rank: Indexes
    frequency: Indexes
    removes: Bools
    runs: Runs
    members: Members

    def size(self) -> Indexes:
        """Active members by group."""
        return np.bincount(self.members.owner[self.members.active], minlength=len(self.rows))

    def last_run(self) -> Indexes:
        """Start of each group's last successful run, -1 without."""
        last = np.full(len(self.rows), -1, dtype=np.int64)
        good = self.runs.status == OK
        np.maximum.at(last, self.runs.owner[good], self.runs.at[good])
        return last


def plan_tags(people: People) -> Groups:
    """Every second tag of a tenant has a rule; runs at 0, 6, 12 and 18 o'clock."""
    rows = _rows(people, "customer_tag_definitions", 4, 12)
    rank = rank_in_group(rows.tenant)
    number = rank // 2 + rows.tenant
    kind = np.where((rank + rows.tenant) % 2 == 1, -1, number % len(TAG_RULES))
    removes = (kind >= 0) & (number % 5 > 0)
    frequency = np.zeros(len(rows), dtype=np.int64)
    return _plan(
        people, rows, kind, rank, frequency, removes, np.ones(len(rows), dtype=np.int64),
        6 * 3600, 0, TAG_RULES, ("tag_rule_execution_logs", "customer_tags"), 0.75,
    )  # fmt: skip


def plan_segments(people: People) -> Groups:
    """Every second segment has a rule and runs at 1 and 13 o'clock, as often as they fall due."""
    rows = _rows(people, "customer_segments", 2, 14)
    rank, count = rank_in_group(rows.tenant), len(rows)
    dynamic = rank % 2 == 0
    kind = np.where(dynamic, (rank // 2 + rows.tenant) % len(SEGMENT_RULES), -1)
    frequency = choice_index(stream(people.plan, "customer/refresh"), count, (1, 2, 10, 4, 1))
    return _plan(
        people, rows, kind, rank, frequency, dynamic, _STEPS[frequency], 12 * 3600, 3600,
        SEGMENT_RULES, ("segment_calculation_history", "customer_segment_members"), 0.8,
    )  # fmt: skip


def _rows(people: People, table: str, least: int, more: int) -> Rows:
    """Definitions by tenant: `least` for each that has customers, up to `more` on top.

    Customers hold several tags and are in several segments, so a share of rows_expected, which is
    hardly one a tenant, would not do.
    """
    plan, world = people.plan, people.world
    customers = people.rows.count()
    extra = np.minimum(customers // 20, more)
    sizes = np.where(customers > 0, least + extra, 0)
    tenant = np.repeat(np.arange(len(sizes)), sizes)
    rng = stream(plan, f"customer/{table}/rows")
    born = world.created_at[tenant].astype(np.int64)
    life = world.closed_at[tenant].astype(np.int64) - born
    created = born + np.floor(rng.random(len(tenant)) ** 3 * life).astype(np.int64)
    created = np.sort(tenant * _FAR + created) - tenant * _FAR
    first = np.r_[0, np.cumsum(sizes)]
    return Rows(plan, table, tenant, created.astype("datetime64[s]"), first)


def _plan(
    people: People, rows: Rows, kind: Indexes, rank: Indexes, frequency: Indexes, removes: Bools,
    step: Indexes, period: int, offset: int, rules: Sequence[Rule], tables: tuple[str, str],
    most: float,
) -> Groups:  # fmt: skip
    plan = people.plan
    rng, end = stream(plan, f"customer/{rows.table}"), seconds_of(plan.end)
    owner, at, first = _run_times(people, rows, kind >= 0, step, period, offset, tables[0], rng)
    status = np.asarray((OK, FAILED, OTHER))[choice_index(rng, len(owner), (95, 3, 2))]
    # The latest run of an owner worked, but for one that is still running (or broke off).
    last = first[1:][np.diff(first) > 0] - 1
    status[last] = OK
    several = last[np.diff(first)[np.diff(first) > 0] > 2]
    status[several[:1]] = OTHER
    if len(several):
        status[several[0] - 1] = OK

    target, customer = _pairs(people, rows)
    meets = np.zeros(len(target), dtype=bool)
    for number, rule in enumerate(rules):
        of = kind[target] == number
        meets[of] = rule.meets(people)[customer[of]]
    by_rule = kind[target] >= 0
    wanted = plan.rows(tables[1]) - int((by_rule & meets & ~people.alone[customer]).sum())
    share = np.clip(wanted / max(int((~by_rule).sum()), 1), 0.05, most)
    taste = np.clip(share * (0.4 + 1.2 * rng.random(len(rows)))[target], 0, 0.9)
    keep = chance(rng, len(target), np.where(by_rule, np.where(meets, 0.97, 0.012), taste))
    keep &= ~people.alone[customer]
    target, customer, meets = target[keep], customer[keep], meets[keep]

    # Joining: before the first run on record, or with one that came after the customer did.
    good = np.flatnonzero(status == OK)
    count = np.bincount(owner[good], minlength=len(rows))
    start = np.r_[0, np.cumsum(count)]
    good_key = owner[good] * _FAR + at[good]
    born = np.maximum(
        people.rows.created_at.astype(np.int64)[customer],
        rows.created_at.astype(np.int64)[target],
    )
    low = np.searchsorted(good_key, target * _FAR + born)
    high = start[target + 1]
    has_runs, early = high > start[target], low == start[target]
    before = (early & chance(rng, len(target), 0.5)) | ~has_runs
    keep = before | (low < high)  # newer than the last run: not a member yet
    target, customer, meets, born, low, high, has_runs, before = (
        c[keep] for c in (target, customer, meets, born, low, high, has_runs, before)
    )
    total = len(target)
    join = low + np.floor(rng.random(total) * (high - low)).astype(np.int64)
    until = np.full(total, end)
    until[has_runs] = at[good[start[target[has_runs]]]]
    joined = born + np.floor(rng.random(total) * np.maximum(until - born, 0)).astype(np.int64)
    joined = np.where(before, joined, _at(at, good, join))
    after = np.where(before, np.where(has_runs, start[target], high), join + 1)
    leaves = removes[target] & (after < high) & chance(rng, total, np.where(meets, 0.08, 1.0))
    leave = after + np.floor(rng.random(total) * (high - after)).astype(np.int64)
    gone = ~removes[target] & chance(rng, total, 0.08)  # by hand

    runs = len(owner)
    added = np.bincount(good[join[~before]], minlength=runs)
    removed = np.bincount(good[leave[leaves]], minlength=runs)
    initial = np.bincount(target[before], minlength=len(rows))
    size = np.cumsum(added - removed)
    begin = first[:-1][owner]
    size = size - np.where(begin > 0, size[np.maximum(begin - 1, 0)], 0) + initial[owner]
    seen = np.where(leaves, leave - 1, high - 1)
    confirmed = has_runs & (seen >= start[target]) & ~gone
    matched = np.where(confirmed, np.maximum(_at(at, good, seen), joined), joined)
    return Groups(
        rows, kind, rank, frequency, removes,
        Runs(owner, at, status, first, added, removed, size),
        Members(target, customer, ~(leaves | gone), joined, matched, ~before),
    )  # fmt: skip


def _at(at: Indexes, good: Indexes, place: Indexes) -> Indexes:
    if not len(good):
        return np.zeros(len(place), dtype=np.int64)
    return at[good[np.clip(place, 0, len(good) - 1)]]


def _run_times(
    people: People, rows: Rows, with_rule: Bools, step: Indexes, period: int, offset: int,
    table: str, rng: np.random.Generator,
) -> tuple[Indexes, Indexes, Indexes]:  # fmt: skip
    """Owners, times and offsets of runs: the latest due ticks of each owner."""
    plan = people.plan
    since, end = seconds_of(plan.since(table)), seconds_of(plan.end) - 600
    latest = (end - offset) // period
    born = np.maximum(rows.created_at.astype(np.int64), since)
    room = np.maximum((latest - (born - offset) // period - 1) // step + 1, 0) * with_rule
    even = apportion(plan.rows(table), with_rule.astype(float))
    count = np.minimum(room, even)
    owner = np.repeat(np.arange(len(rows)), count)
    first = np.r_[0, np.cumsum(count)]
    back = (count[owner] - 1 - rank_in_group(owner)) * step[owner]
    at = (latest - back) * period + offset + rng.integers(2, 50, len(owner))
    return owner, at, first


def _pairs(people: People, rows: Rows) -> tuple[Indexes, Indexes]:
    """All pairs of a group and a customer of its tenant, by group."""
    sizes = people.rows.count()[rows.tenant]
    owner = np.repeat(np.arange(len(rows)), sizes)
    return owner, people.rows.first[rows.tenant[owner]] + rank_in_group(owner)


def _stamp(seconds: Indexes) -> pa.Array:
    """Seconds as timestamps, negative ones as NULL."""
    return nullable(np.maximum(seconds, 0).astype("datetime64[s]"), seconds >= 0)


def _code(pool: Sequence[str], number: Indexes, again: Indexes) -> pa.Array:
    """A code from the pool, with a number once a tenant has used the pool up."""
    suffix = take(["", *[f"_{n}" for n in range(2, 200)]], again)
    return join(take(pool, number), suffix)


def _staff(people: People, rng: np.random.Generator, tenant: Indexes, at: Indexes) -> Indexes:
    return people.world.users.pick(rng, tenant, at=at.astype("datetime64[s]"))


def tag_definitions(people: People, tags: Groups) -> Chunk:
    """customer_tag_definitions."""
    rows, rng = tags.rows, stream(people.plan, "customer_tag_definitions")
    count, auto, users = len(rows), tags.kind >= 0, people.world.users
    number = np.where(auto, tags.kind, len(TAG_RULES) + tags.rank % len(_MANUAL_TAGS))
    names = [r.name for r in TAG_RULES] + [m[0] for m in _MANUAL_TAGS]
    codes = [r.code for r in TAG_RULES] + [m[1] for m in _MANUAL_TAGS]
    groups = ["价值", "渠道", "价值", "生命周期", "生命周期", "服务"] + [m[2] for m in _MANUAL_TAGS]
    again = _again(rows.tenant, number)
    numeric = ~auto & (tags.rank % 7 == 5)
    used = people.world.users.ids(users.pick(rng, rows.tenant, at=rows.created_at))
    return "customer_tag_definitions", conform(
        "customer_tag_definitions",
        {
            "id": rows.ids(),
            "tenant_id": rows.tenant_ids(),
            "tag_name": take(names, number),
            "tag_code": _code(codes, number, again),
            "tag_description": nullify(sentences(rng, count), chance(rng, count, 0.7)),
            "category": take(groups, number),
            "tag_type": take(
                ("auto", "demographic", "transactional", "behavioral", "manual", "system"),
                np.where(auto, tags.kind % 4, 4 + (tags.rank % 11 == 10)),
            ),
            "rule_config": take([r.config for r in TAG_RULES], tags.kind),
            "rule_expression": take([r.words for r in TAG_RULES], tags.kind),
            "value_type": take(("boolean", "numeric"), numeric.astype(int)),
            "default_value": take(("true", "1"), np.where(auto, 0, np.where(numeric, 1, -1))),
            "possible_values": nullify(json_choice(rng, count, [[1, 2, 3]]), numeric),
            "weight": rng.integers(50, 500, count),
            "priority": (tags.rank + 1) * 10,
            "color": choice(rng, count, {"#f5a623": 1, "#7ed321": 1, "#4a90e2": 1, None: 1}),
            "icon": choice(rng, count, {"star": 1, "heart": 1, None: 3}),
            "is_active": auto | chance(rng, count, 0.93),
            "auto_assign": auto,
            "auto_remove": tags.removes,
            "customer_count": tags.size(),
            "last_calculated_at": _stamp(tags.last_run()),
            "created_at": rows.created_at,
            "updated_at": np.maximum(
                rows.created_at, np.maximum(tags.last_run(), 0).astype("datetime64[s]")
            ),
            "created_by": used,
        },
    )


def _again(tenant: Indexes, number: Indexes) -> Indexes:
    """How many rows of the tenant had the same number before."""
    key = tenant * 1000 + number
    line = np.argsort(key, kind="stable")
    again = np.empty(len(key), dtype=np.int64)
    again[line] = rank_in_group(key[line])
    return again


def customer_tags(people: People, tags: Groups) -> Iterator[Chunk]:
    """customer_tags."""
    plan, members = people.plan, tags.members
    end = seconds_of(plan.end)
    last = tags.last_run()
    for number, part in enumerate(plan.chunks(len(members.owner))):
        rng = stream(plan, "customer_tags", number)
        owner, customer = members.owner[part], members.customer[part]
        joined, rows = members.joined[part], part.stop - part.start
        auto, active = tags.kind[owner] >= 0, members.active[part]
        status = np.where(active, 0, np.where(auto | chance(rng, rows, 0.5), 2, 1))
        later = joined + rng.integers(DAY, 90 * DAY, rows)
        expires = np.where(
            status == 1,
            joined + np.floor(rng.random(rows) * (end - joined)).astype(np.int64),
            np.where(active & ~auto & chance(rng, rows, 0.2), end + later % (90 * DAY) + 1, -1),
        )
        tenant = tags.rows.tenant[owner]
        by_hand = ~auto & chance(rng, rows, 0.85)
        staff = _staff(people, rng, tenant, joined)
        numeric = ~auto & (tags.rank[owner] % 7 == 5)
        reasons = [r.words for r in TAG_RULES]
        yield (
            "customer_tags",
            conform(
                "customer_tags",
                {
                    "id": ids_of(plan, "customer_tags", np.arange(part.start, part.stop)),
                    "tenant_id": tags.rows.tenant_ids(owner),
                    "customer_id": people.rows.pooled_ids(customer),
                    "tag_id": tags.rows.pooled_ids(owner),
                    "tag_value": take(
                        ("true", "1", "2", "3"),
                        np.where(auto, 0, np.where(numeric, rng.integers(1, 4, rows), -1)),
                    ),
                    "tag_score": np.where(auto, 100, rng.integers(50, 500, rows)),
                    "confidence": np.where(by_hand, 100, rng.integers(60, 101, rows)),
                    "assign_type": take(
                        ("rule", "auto", "manual", "import"),
                        np.where(auto, owner % 2, np.where(by_hand, 2, 3)),
                    ),
                    "assign_reason": take(reasons, tags.kind[owner]),
                    "assigned_by": people.world.users.ids(np.where(by_hand, staff, -1)),
                    "assigned_at": joined.astype("datetime64[s]"),
                    "expires_at": _stamp(expires),
                    "last_verified_at": _stamp(
                        np.where(auto & (last[owner] >= 0), members.matched[part], -1)
                    ),
                    "status": take(("active", "expired", "removed"), status),
                },
            ),
        )


def tag_logs(people: People, tags: Groups) -> Iterator[Chunk]:
    """tag_rule_execution_logs."""
    plan, runs = people.plan, tags.runs
    line = np.lexsort((runs.owner, runs.at))
    for number, part in enumerate(plan.chunks(len(line))):
        rng = stream(plan, "tag_rule_execution_logs", number)
        run = line[part]
        rows, status, owner = len(run), runs.status[run], runs.owner[run]
        moved = runs.added[run] + runs.removed[run]
        kind = np.where(moved > 0, 0, choice_index(rng, rows, (92, 5, 3)))
        bad, tenant = status != OK, tags.rows.tenant[owner]
        examined = _customers_at(people, tenant, runs.at[run])
        yield (
            "tag_rule_execution_logs",
            conform(
                "tag_rule_execution_logs",
                {
                    "id": ids_of(plan, "tag_rule_execution_logs", run),
                    "tenant_id": tags.rows.tenant_ids(owner),
                    "tag_id": tags.rows.pooled_ids(owner),
                    "execution_type": take(("scheduled", "triggered", "manual"), kind),
                    "trigger_event": take(("order_paid",), np.where(kind == 1, 0, -1)),
                    "execution_status": take(("success", "failed", "partial"), status),
                    "processed_customers": np.where(
                        status == OK, examined, np.where(status == OTHER, examined // 2, 0)
                    ),
                    "added_tags": runs.added[run],
                    "removed_tags": runs.removed[run],
                    "execution_time_ms": nullable(
                        log_normal_int(rng, rows, 180, 0.9, 5, 60_000), status != FAILED
                    ),
                    "error_message": take(_ERRORS, np.where(bad, rng.integers(0, 3, rows), -1)),
                    "execution_details": nullify(
                        json_object(batches=examined // 5000 + 1), status == OK
                    ),
                    "created_at": runs.at[run].astype("datetime64[s]"),
                },
            ),
        )


def _customers_at(people: People, tenant: Indexes, at: Indexes) -> Indexes:
    """How many customers a tenant had at a time."""
    key = people.rows.tenant * _FAR + people.rows.created_at.astype(np.int64)
    return np.searchsorted(key, tenant * _FAR + at, side="right") - people.rows.first[tenant]


def segments(people: People, groups: Groups) -> Chunk:
    """customer_segments with the figures of their active members."""
    rows, rng = groups.rows, stream(people.plan, "customer_segments")
    count, dynamic, users = len(rows), groups.kind >= 0, people.world.users
    active = groups.members.active
    owner, who = groups.members.owner[active], groups.members.customer[active]

    def total(amount: Indexes) -> Indexes:
        return np.bincount(owner, weights=amount[who], minlength=count).astype(np.int64)

    size, orders, amount = groups.size(), total(people.orders.orders), total(people.orders.amount)
    buyers = total((people.orders.orders > 0).astype(np.int64))
    last = groups.last_run()
    number = np.where(dynamic, groups.kind, len(SEGMENT_RULES) + groups.rank % len(_SEGMENT_NAMES))
    names = [r.name for r in SEGMENT_RULES] + list(_SEGMENT_NAMES)
    codes = [r.code for r in SEGMENT_RULES] + ["fair", "regulars", "street", "beta"]
    return "customer_segments", conform(
        "customer_segments",
        {
            "id": rows.ids(),
            "tenant_id": rows.tenant_ids(),
            "segment_name": take(names, number),
            "segment_code": _code(codes, number, _again(rows.tenant, number)),
            "segment_description": nullify(sentences(rng, count), chance(rng, count, 0.6)),
            "segment_type": take(
                ("dynamic", "static", "manual", "imported"),
                np.where(dynamic, 0, 1 + (groups.rank // 2 + rows.tenant) % 3),
            ),
            "segment_category": choice(rng, count, {"价值分群": 2, "转化分群": 2, None: 1}),
            "rule_config": take([r.config for r in SEGMENT_RULES], groups.kind),
            "rule_expression": take([r.words for r in SEGMENT_RULES], groups.kind),
            "filter_conditions": nullify(
                json_choice(rng, count, [{"form": "v2"}], null=0.4), dynamic
            ),
            "is_active": np.where(groups.rank == 0, True, chance(rng, count, 0.9)),
            "is_public": chance(rng, count, 0.4),
            "auto_refresh": dynamic,
            "refresh_frequency": take(_FREQUENCIES, groups.frequency),
            "customer_count": size,
            "last_calculated_at": _stamp(last),
            "calculation_duration_ms": nullable(
                log_normal_int(rng, count, 400, 0.8, 10, 60_000), last >= 0
            ),
            "avg_order_amount": (amount * 2 + orders) // np.maximum(orders * 2, 1),
            "total_revenue": amount,
            "conversion_rate": (buyers * 20_000 + size) // np.maximum(size * 2, 1),
            "created_at": rows.created_at,
            "updated_at": np.maximum(rows.created_at, np.maximum(last, 0).astype("datetime64[s]")),
            "created_by": users.ids(users.pick(rng, rows.tenant, at=rows.created_at)),
        },
    )


def segment_members(people: People, groups: Groups) -> Iterator[Chunk]:
    """customer_segment_members."""
    plan, members = people.plan, groups.members
    for number, part in enumerate(plan.chunks(len(members.owner))):
        rng = stream(plan, "customer_segment_members", number)
        owner, rows = members.owner[part], part.stop - part.start
        dynamic, active = groups.kind[owner] >= 0, members.active[part]
        status = np.where(active, 0, np.where(~dynamic & chance(rng, rows, 0.5), 1, 2))
        yield (
            "customer_segment_members",
            conform(
                "customer_segment_members",
                {
                    "id": ids_of(
                        plan, "customer_segment_members", np.arange(part.start, part.stop)
                    ),
                    "tenant_id": groups.rows.tenant_ids(owner),
                    "segment_id": groups.rows.pooled_ids(owner),
                    "customer_id": people.rows.pooled_ids(members.customer[part]),
                    "join_type": take(
                        ("rule", "auto", "manual", "import"),
                        np.where(dynamic, owner % 2, 2 + owner % 2),
                    ),
                    "join_reason": take([r.words for r in SEGMENT_RULES], groups.kind[owner]),
                    "match_score": np.where(dynamic, 100, rng.integers(50, 101, rows)),
                    "joined_at": members.joined[part].astype("datetime64[s]"),
                    "last_matched_at": members.matched[part].astype("datetime64[s]"),
                    "status": take(("active", "inactive", "removed"), status),
                },
            ),
        )


def segment_history(people: People, groups: Groups) -> Iterator[Chunk]:
    """segment_calculation_history."""
    plan, runs = people.plan, groups.runs
    line = np.lexsort((runs.owner, runs.at))
    newest = np.zeros(len(runs.owner), dtype=bool)
    newest[runs.first[1:][np.diff(runs.first) > 0] - 1] = True
    for number, part in enumerate(plan.chunks(len(line))):
        rng = stream(plan, "segment_calculation_history", number)
        run = line[part]
        rows, owner = len(run), runs.owner[run]
        # What is not finished runs still when it is the newest, and was cancelled otherwise.
        status = np.where(runs.status[run] == OTHER, np.where(newest[run], 3, 2), runs.status[run])
        took = log_normal_int(rng, rows, 400, 0.8, 10, 60_000)
        ended = runs.at[run] + took // 1000 + 1
        examined = _customers_at(people, groups.rows.tenant[owner], runs.at[run])
        yield (
            "segment_calculation_history",
            conform(
                "segment_calculation_history",
                {
                    "id": ids_of(plan, "segment_calculation_history", run),
                    "tenant_id": groups.rows.tenant_ids(owner),
                    "segment_id": groups.rows.pooled_ids(owner),
                    "calculation_type": choice(
                        rng, rows, {"full": 80, "incremental": 15, "manual": 5}
                    ),
                    "trigger_type": choice(rng, rows, {"scheduled": 92, "event": 5, "manual": 3}),
                    "calculation_status": take(
                        ("success", "failed", "cancelled", "running"), status
                    ),
                    "total_customers": np.where(
                        status == 0, np.maximum(examined, runs.size[run]), 0
                    ),
                    "added_customers": runs.added[run],
                    "removed_customers": runs.removed[run],
                    "final_count": runs.size[run],
                    "calculation_time_ms": nullable(took, status <= 1),
                    "error_message": take(
                        _ERRORS, np.where(status == 1, rng.integers(0, 3, rows), -1)
                    ),
                    "started_at": runs.at[run].astype("datetime64[s]"),
                    "completed_at": _stamp(np.where(status == 3, -1, ended)),
                },
            ),
        )
