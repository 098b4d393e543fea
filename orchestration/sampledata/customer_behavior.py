"""Behaviour definitions and events: sessions of customers, some with the tracker's session id.

Events are planned as sessions of integers, sorted by time, and become text chunk by chunk.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa

from orchestration.sampledata.conform import conform
from orchestration.sampledata.customer_people import People
from orchestration.sampledata.random import (
    DAY,
    Indexes,
    chance,
    choice_index,
    fixed_text,
    hash_share,
    ids_of,
    ip_addresses,
    join,
    json_choice,
    json_object,
    json_pool,
    nullable,
    nullify,
    plus_seconds,
    rhythm,
    seconds_of,
    stream,
    take,
    user_agents,
)

Chunk = tuple[str, pa.Table]
_DEFAULTS = Path(__file__).parents[1] / "schema" / "defaults" / "customer_behavior_definitions.csv"
PAGE_VIEW, SERVICE_VIEW, ORDER_CREATED, ORDER_PAID, REPLIED, COMPLAINT, SHARED, COUPON = range(8)
# Beyond the defaults; the first one has no statistics.
_MORE = (
    ("转发分享", "page_shared", "social", "false", "0.50", "1.00"),
    ("领取优惠券", "coupon_taken", "engagement", "true", "1.50", "3.00"),
)
KINDS = 8
SOURCES = ("web", "app", "wework", "api", "offline", "system")
WEB, APP, WEWORK = range(3)
# Shopping happens after work, some of it around midnight.
_HOURS = (6, 3, 1, 0.5, 0.5, 1, 2, 5, 9, 11, 12, 12, 14, 11, 10, 10, 10, 11, 12, 15, 18, 18, 14, 9)
_WEEK = (1.0, 1.0, 1.0, 1.0, 1.1, 1.25, 1.2)


@dataclass(frozen=True)
class Behavior:
    """Events sorted by time; definitions by number: `definition_first[tenant] + kind`."""

    people: People
    definition_tenant: Indexes
    definition_kind: Indexes
    definition_first: Indexes
    customer: Indexes
    at: Indexes
    kind: Indexes
    session: Indexes
    source: Indexes
    tracked: np.ndarray  # bool: the tracker gave a session id

    def visits(self) -> tuple[Indexes, Indexes, Indexes]:
        """By customer: sessions on web or app, page views there, day of the last visit (-1)."""
        count = len(self.people.rows)
        online = self.source <= APP
        first = np.unique(self.session[online], return_index=True)[1]
        visits = np.bincount(self.customer[online][first], minlength=count)
        pages = np.bincount(self.customer[online & (self.kind == PAGE_VIEW)], minlength=count)
        last = np.full(count, -1, dtype=np.int64)
        np.maximum.at(last, self.customer[online], self.at[online] // DAY)
        return visits, pages, last


def plan_behavior(people: People) -> Behavior:
    """Who did what when."""
    plan, world = people.plan, people.world
    used = people.rows.count() > 0
    extra = hash_share(plan, "customer/behaviors", np.arange(len(used))) < 0.3
    extra[0] = True
    sizes = np.where(used, np.where(extra, KINDS, KINDS - 2), 0)
    tenant = np.repeat(np.arange(len(sizes)), sizes)
    first = np.r_[0, np.cumsum(sizes)]
    kind_of = np.arange(len(tenant)) - first[tenant]

    table = "customer_behavior_events"
    rng, total = stream(plan, "customer/sessions"), plan.rows(table)
    since, end = seconds_of(plan.since(table)), seconds_of(plan.end)
    appetite = np.exp(rng.standard_normal(len(people.rows)) * 1.1)
    appetite *= np.where(people.orders.orders > 0, 2.5, 1) * ~chance(rng, len(appetite), 0.08)
    length = np.minimum(rng.geometric(0.2, total // 4 + 100), 40)
    sessions = int(np.searchsorted(np.cumsum(length), total * 1.002)) + 1
    length = length[:sessions]
    born, closed = people.rows.created_at, world.closed_at[people.rows.tenant]
    span = rhythm(plan.since(table), plan.end, growth=1.6, hours=_HOURS, week=_WEEK)
    # Who came yesterday has a day's visits, not a season's.
    who = choice_index(rng, sessions, appetite * span.room(born, closed))
    start = span.between(rng, born[who], closed[who]).astype(np.int64)
    # For certain: a session over midnight and one over the end of a month, both tracked.
    early = np.flatnonzero(people.rows.created_at.astype(np.int64) < since)
    month = np.datetime64(plan.end, "M").astype("datetime64[s]").astype(np.int64)
    for number, midnight in ((0, month + 3 * DAY), (1, month)):
        if midnight < end and len(early):
            who[number], start[number] = early[0], midnight - 100
            length[number] = 8
    source = choice_index(rng, sessions, (40, 25, 20, 6, 5, 4)).astype(np.int8)
    source[:2] = WEB
    tracked = (source <= APP) & chance(rng, sessions, 0.88)
    tracked[:2] = True

    session = np.repeat(np.arange(sessions, dtype=np.int32), length)
    offset = np.r_[0, np.cumsum(length)][:-1]
    step = rng.exponential(45, len(session))
    step = np.where(chance(rng, len(session), 0.03), rng.uniform(300, 1500, len(session)), step)
    step[offset] = 0
    step[: int(length[:2].sum())] = np.minimum(step[: int(length[:2].sum())], 60) + 20
    walked = np.cumsum(step)
    at = start[session] + (walked - walked[offset][session]).astype(np.int64)
    by_source = np.asarray(
        (
            (55, 25, 4, 3, 1, 2, 3, 2),
            (50, 28, 5, 4, 2, 2, 4, 3),
            (5, 8, 2, 2, 75, 4, 3, 1),
            (0, 5, 50, 40, 0, 5, 0, 0),
            (0, 0, 45, 40, 0, 15, 0, 0),
            (0, 0, 30, 50, 10, 5, 0, 5),
        ),
        dtype=float,
    )
    kind = np.empty(len(session), dtype=np.int8)
    for number in range(len(SOURCES)):
        of = np.flatnonzero(source[session] == number)
        kind[of] = choice_index(rng, len(of), by_source[number])
    kind[offset[source <= APP]] = PAGE_VIEW  # a visit begins with a page
    customer = who[session].astype(np.int32)
    kind = np.where(kind >= sizes[people.rows.tenant[customer]], PAGE_VIEW, kind).astype(np.int8)
    # Nothing is recorded after the end.
    keep = np.flatnonzero(at <= end)
    line = keep[np.argsort(at[keep], kind="stable")][:total]
    session = session[line]
    return Behavior(
        people, tenant, kind_of, first, customer[line], at[line], kind[line], session,
        source[session], tracked[session],
    )  # fmt: skip


@lru_cache(maxsize=1)
def _kinds() -> list[dict[str, str]]:
    """What the definitions say: the default rows of the record, and two more."""
    with _DEFAULTS.open(encoding="utf-8", newline="") as file:
        kinds = list(csv.DictReader(file))
    for name, code, category, statistics, weight, score in _MORE:
        more = {
            "behavior_name": name, "behavior_code": code, "behavior_category": category,
            "enable_statistics": statistics, "weight": weight, "score_impact": score,
            "behavior_type": "event", "is_positive": "true", "behavior_description": "",
            "event_schema": "", "required_fields": "", "optional_fields": "",
        }  # fmt: skip
        kinds.append(more)
    return kinds


def definitions(behavior: Behavior) -> Chunk:
    """customer_behavior_definitions."""
    people, kind = behavior.people, behavior.definition_kind
    plan, world, tenant = people.plan, people.world, behavior.definition_tenant
    rows, rng = len(kind), stream(people.plan, "customer_behavior_definitions")
    kinds = _kinds()

    def column(name: str) -> pa.Array:
        values = [k[name] or None for k in kinds]
        return take(pa.array(values, pa.string()), kind)

    def hundredths(name: str) -> Indexes:
        return np.asarray([round(float(k[name]) * 100) for k in kinds])[kind]

    def flag(name: str) -> np.ndarray:
        return np.asarray([k[name] == "true" for k in kinds])[kind]

    created = plus_seconds(world.created_at[tenant], 60 + kind)
    return "customer_behavior_definitions", conform(
        "customer_behavior_definitions",
        {
            "id": ids_of(plan, "customer_behavior_definitions", np.arange(rows)),
            "tenant_id": take(world.tenant_ids, tenant),
            **{
                name: column(name)
                for name in (
                    "behavior_name", "behavior_code", "behavior_description", "behavior_category",
                    "behavior_type", "event_schema", "required_fields", "optional_fields",
                )
            },
            "is_positive": flag("is_positive"),
            "weight": hundredths("weight"),
            "score_impact": hundredths("score_impact"),
            "enable_statistics": flag("enable_statistics"),
            "created_at": created,
            "created_by": world.users.ids(world.users.pick(rng, tenant, at=created)),
        },
    )  # fmt: skip


def events(behavior: Behavior) -> Iterator[Chunk]:
    """customer_behavior_events."""
    people = behavior.people
    plan, services = people.plan, people.world.rows("services")
    end = np.datetime64(plan.end, "s")
    pages = pa.array([f"https://www.example.com/p/{n}?utm={n % 7}" for n in range(300)])
    page_data = json_pool([{"page_url": f"https://www.example.com/p/{n}"} for n in range(300)])
    reasons = json_pool([{"reason": r} for r in ("迟到", "态度", '说好的"上门"没来', "质量 😠")])
    replies = json_pool([{"account_id": f"wm{n:03d}", "message_type": "text"} for n in range(50)])
    amounts = np.unique(np.exp(np.linspace(np.log(3000), np.log(900_000), 400)).astype(np.int64))
    order_data = json_object(
        order_id=fixed_text(plan, "events/order", np.arange(len(amounts)), 12),
        amount=amounts / 100,
    )
    service_data = json_object(service_id=services.ids())
    pools = [page_data, reasons, replies, order_data, service_data]
    base = np.r_[0, np.cumsum([len(p) for p in pools])]
    data_pool = pa.concat_arrays(pools)
    names = [
        "page_view", "service_detail", "order_submit", "order_pay", "message_reply", "complaint",
        "share", "coupon_take",
    ]  # fmt: skip
    for number, part in enumerate(plan.chunks(len(behavior.at))):
        rng = stream(plan, "customer_behavior_events", number)
        rows = part.stop - part.start
        kind, source = behavior.kind[part].astype(np.int64), behavior.source[part].astype(np.int64)
        customer, at = behavior.customer[part], behavior.at[part].astype("datetime64[s]")
        tenant = people.rows.tenant[customer]
        online = source <= APP
        page = np.floor(rng.random(rows) ** 2 * 300).astype(np.int64)
        amount = rng.integers(0, len(amounts), rows)
        bought = (kind == ORDER_CREATED) | (kind == ORDER_PAID)
        looked = kind == SERVICE_VIEW
        service = np.where(looked, services.pick(rng, tenant, at=at), -1)
        data = np.select(
            [kind == PAGE_VIEW, kind == COMPLAINT, kind == REPLIED, bought, service >= 0],
            [
                page,
                base[1] + rng.integers(0, 4, rows),
                base[2] + rng.integers(0, 50, rows),
                base[3] + amount,
                base[4] + service,
            ],
            -1,
        )
        paged = online & (kind != REPLIED)
        lasting = (kind <= SERVICE_VIEW) & chance(rng, rows, 0.8)
        wait = np.where(chance(rng, rows, 0.02), rng.integers(3600, 2 * DAY, rows), 2)
        taken = plus_seconds(at, wait)
        session = behavior.session[part].astype(np.int64)
        yield (
            "customer_behavior_events",
            conform(
                "customer_behavior_events",
                {
                    "id": ids_of(
                        plan, "customer_behavior_events", np.arange(part.start, part.stop)
                    ),
                    "tenant_id": take(people.world.tenant_ids, tenant),
                    "customer_id": people.rows.pooled_ids(customer),
                    "behavior_id": take(
                        ids_of(
                            plan,
                            "customer_behavior_definitions",
                            np.arange(len(behavior.definition_kind)),
                        ),
                        behavior.definition_first[tenant] + kind,
                    ),
                    "event_name": take(names, kind),
                    "event_source": take(SOURCES, source),
                    "session_id": nullify(
                        join("s-", fixed_text(plan, "events/session", session, 16)),
                        behavior.tracked[part],
                    ),
                    "event_data": take(data_pool, data, chance(rng, rows, 0.97)),
                    "event_value": nullable(amounts[amount], bought & chance(rng, rows, 0.97)),
                    "duration_seconds": nullable(
                        np.minimum(rng.exponential(40, rows).astype(np.int64) + 1, 1800), lasting
                    ),
                    "page_url": take(pages, page, paged),
                    "referrer_url": take(
                        pages, rng.integers(0, 300, rows), paged & chance(rng, rows, 0.5)
                    ),
                    "user_agent": nullify(user_agents(rng, rows), source <= WEWORK),
                    "ip_address": nullify(ip_addresses(rng, rows), source <= WEWORK),
                    "device_info": nullify(
                        json_choice(rng, rows, [{"os": "iOS 17"}, {"os": "Android 14"}]),
                        source <= WEWORK,
                    ),
                    "location_info": json_choice(
                        rng, rows, [{"province": "广东省"}, {"province": "浙江省"}], null=0.6
                    ),
                    "related_object_type": take(("service",), np.where(service >= 0, 0, -1)),
                    "related_object_id": take(services.ids(), service),
                    "business_context": json_choice(
                        rng, rows, [{"campaign": "618"}, {"channel": "qr"}], null=0.9
                    ),
                    "event_time": at,
                    "processed_at": nullable(np.minimum(taken, end), taken <= end),
                },
            ),
        )
