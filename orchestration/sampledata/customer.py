"""The eleven application tables of customer management.

Order totals and dates are those that the business planned (`world.orders`). Stages follow the
lifecycle rules for most customers, and a customer's stage history ends in the stage. Tags and
segments agree with the runs that filled them (customer_groups), visits with the behaviour events
(customer_behavior).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from orchestration.sampledata import customer_groups as groups
from orchestration.sampledata.conform import conform
from orchestration.sampledata.customer_behavior import (
    Behavior,
    definitions,
    events,
    plan_behavior,
)
from orchestration.sampledata.customer_people import (
    CHANNELS,
    CUSTOMER,
    INACTIVE,
    LEAD,
    PROSPECT,
    STAGES,
    STATUS,
    TIERS,
    People,
    plan_people,
)
from orchestration.sampledata.plan import Plan
from orchestration.sampledata.random import (
    DAY,
    addresses,
    chance,
    choice,
    choice_index,
    codes,
    company_names,
    fixed_text,
    hex_text,
    ids_of,
    join,
    json_choice,
    json_object,
    nullable,
    nullify,
    numbers_as_text,
    person_names,
    phones,
    plus_seconds,
    rank_in_group,
    seconds_of,
    sentences,
    stream,
    take,
    unique_emails,
    unique_phones,
    urls,
)
from orchestration.sampledata.world import World

Chunk = tuple[str, pa.Table]
_ENTERPRISE = 1


def generate(plan: Plan, world: World) -> Iterator[Chunk]:
    """All chunks, parents before children."""
    people = plan_people(plan, world)
    behavior = plan_behavior(people)
    yield from _customers(people, behavior)
    yield from _contacts(people)
    yield from _lifecycle(people)
    tags = groups.plan_tags(people)
    yield groups.tag_definitions(people, tags)
    yield from groups.customer_tags(people, tags)
    yield from groups.tag_logs(people, tags)
    segments = groups.plan_segments(people)
    yield groups.segments(people, segments)
    yield from groups.segment_members(people, segments)
    yield from groups.segment_history(people, segments)
    yield definitions(behavior)
    yield from events(behavior)


def _kinds(people: People) -> np.ndarray:
    """The kind of each customer: individual, enterprise, vip, potential, partner."""
    rng = stream(people.plan, "customer/kinds")
    return choice_index(rng, len(people.rows), (64, 18, 6, 9, 3))


def _customers(people: People, behavior: Behavior) -> Iterator[Chunk]:
    plan, world, rows, orders = people.plan, people.world, people.rows, people.orders
    visits, pages, last_visit = behavior.visits()
    kinds, end = _kinds(people), np.datetime64(plan.end, "s")
    for number, part in enumerate(plan.chunks(len(rows))):
        rng = stream(plan, "customers", number)
        index = np.arange(part.start, part.stop)
        count, created, tenant = len(index), rows.created_at[part], rows.tenant[part]
        firm = kinds[part] == _ENTERPRISE
        worked = firm | chance(rng, count, 0.35)
        channel = people.channel[part]
        tagged = np.isin(channel, (1, 2, 4)) & chance(rng, count, 0.7)
        placed, amount = orders.orders[part], orders.amount[part]
        age = np.clip(rng.normal(38, 13, count) * 365.25, 16 * 366, 95 * 365).astype(np.int64)
        born = np.datetime64(plan.end_date) - age.astype("timedelta64[D]")
        seen = last_visit[part] >= 0
        met = chance(rng, count, 0.9)
        room = (end - created).astype(np.int64)
        lately = plus_seconds(created, np.floor(rng.random(count) * room).astype(np.int64))
        referrer = world.customers.pick(rng, tenant, at=created)
        referred = (channel == 3) & (referrer >= 0) & (referrer != index)
        sales = world.users.pick(rng, tenant, at=created, skew=1.5)
        service = world.users.pick(rng, tenant, at=created)
        talks = np.where(met, rng.geometric(0.1, count), 0)
        name = pa.compute.if_else(
            pa.array(firm),
            company_names(rng, count).dictionary_decode(),
            person_names(rng, count).dictionary_decode(),
        )
        spot = json_object(
            lat=np.round(rng.uniform(20, 45, count), 5),
            lng=np.round(rng.uniform(100, 122, count), 5),
        )
        yield (
            "customers",
            conform(
                "customers",
                {
                    "id": rows.ids(index),
                    "tenant_id": rows.tenant_ids(index),
                    "customer_code": codes("C", index + 1, 8),
                    "customer_type": take(
                        ("individual", "enterprise", "vip", "potential", "partner"), kinds[part]
                    ),
                    "name": name,
                    "nickname": nullify(sentences_short(rng, count), chance(rng, count, 0.5)),
                    "avatar_url": nullify(
                        urls("img", "avatar", codes("c", index, 8), ".png"), people.in_wework[part]
                    ),
                    "gender": take(
                        ("male", "female", "unknown"),
                        np.where(firm, 2, choice_index(rng, count, (45, 45, 10))),
                    ),
                    "birth_date": nullable(born, ~firm & chance(rng, count, 0.7)),
                    "phone": nullify(unique_phones(index, salt=5), chance(rng, count, 0.92)),
                    "email": nullify(unique_emails(rng, index), chance(rng, count, 0.55)),
                    "wechat_id": nullify(
                        join("wx_", fixed_text(plan, "customers/wechat", index, 10)),
                        chance(rng, count, 0.5),
                    ),
                    "wework_external_id": nullify(
                        join("wm", fixed_text(plan, "customers/wework", index, 28)),
                        people.in_wework[part],
                    ),
                    "qq": nullify(
                        numbers_as_text(rng.integers(10**8, 10**9, count), 9),
                        chance(rng, count, 0.1),
                    ),
                    "address": nullify(addresses(rng, count), chance(rng, count, 0.75)),
                    "location": nullify(spot, chance(rng, count, 0.2)),
                    "company_name": nullify(
                        pa.compute.if_else(
                            pa.array(firm), name, company_names(rng, count).dictionary_decode()
                        ),
                        worked,
                    ),
                    "company_size": nullify(
                        choice(rng, count, ("startup", "small", "medium", "large", "enterprise")),
                        worked & chance(rng, count, 0.8),
                    ),
                    "industry": nullify(
                        choice(rng, count, ("互联网", "教育", "医疗", "制造", "零售")), worked
                    ),
                    "position": nullify(
                        choice(rng, count, ("经理", "工程师", "教师", "店长", "采购")),
                        worked & ~firm,
                    ),
                    "company_address": nullify(addresses(rng, count), firm),
                    "source_channel": take(CHANNELS, channel),
                    "source_detail": choice(
                        rng, count, {"朋友圈": 1, "门店一": 1, "618 广告": 1, None: 3}
                    ),
                    "referrer_id": rows.ids(np.where(referred, referrer, -1)),
                    "utm_source": nullify(choice(rng, count, ("baidu", "douyin", "wx")), tagged),
                    "utm_medium": nullify(choice(rng, count, ("cpc", "feed", "qr")), tagged),
                    "utm_campaign": nullify(choice(rng, count, ("spring", "618")), tagged),
                    "status": take(STATUS, people.status[part]),
                    "lifecycle_stage": take(STAGES, people.stage[part]),
                    "level": take(TIERS, people.tier[part]),
                    "vip_level": np.where(people.tier[part] >= 2, people.tier[part] - 1, 0),
                    "credit_score": np.where(
                        chance(rng, count, 0.6), rng.integers(350, 950, count), 0
                    ),
                    "communication_preferences": json_choice(
                        rng, count, [{"channel": "wework"}, {"channel": "sms"}], null=0.6
                    ),
                    "product_preferences": json_choice(
                        rng, count, [["保洁"], ["健康", "课程"]], null=0.6
                    ),
                    "service_preferences": json_choice(rng, count, [{"staff": "女"}], null=0.8),
                    "assigned_sales_id": world.users.ids(
                        np.where(chance(rng, count, 0.8), sales, -1)
                    ),
                    "assigned_service_id": world.users.ids(
                        np.where(chance(rng, count, 0.4), service, -1)
                    ),
                    "relationship_level": choice(
                        rng,
                        count,
                        {"stranger": 4, "acquaintance": 3, "friend": 2, "partner": 1,
                         "advocate": 0.5},
                    ),
                    "total_orders": placed,
                    "total_amount": amount,
                    "avg_order_amount": (amount * 2 + placed) // np.maximum(placed * 2, 1),
                    "last_order_amount": orders.last_amount[part],
                    "first_order_date": orders.first_day[part],
                    "last_order_date": orders.last_day[part],
                    "total_visits": visits[part],
                    "total_page_views": pages[part],
                    "last_visit_date": nullable(
                        np.maximum(last_visit[part], 0).astype("datetime64[D]"), seen
                    ),
                    "interaction_count": talks,
                    "last_interaction_date": nullable(lately.astype("datetime64[D]"), met),
                    "satisfaction_score": people.satisfaction[part],
                    "nps_score": nullable(
                        np.clip(rng.normal(7.5, 2, count), 0, 10).astype(np.int64),
                        chance(rng, count, 0.25),
                    ),
                    "first_contact_date": nullable(created, met),
                    "last_contact_date": nullable(lately, met),
                    "created_at": created,
                    "updated_at": np.maximum(lately, created),
                    "created_by": world.users.ids(
                        np.where(chance(rng, count, 0.5), sales, -1)
                    ),
                },
            ),
        )  # fmt: skip


def sentences_short(rng: np.random.Generator, rows: int) -> pa.DictionaryArray:
    """Nicknames, emoji among them."""
    return choice(rng, rows, ("小鱼", "阳光☀️", "老王", "momo", "岁月静好🌸", "A 家装小李", "𠮷祥"))


def _contacts(people: People) -> Iterator[Chunk]:
    plan, rows = people.plan, people.rows
    total, rng = plan.rows("customer_contacts"), stream(plan, "customer/contacts")
    weight = np.where(_kinds(people) == _ENTERPRISE, 8.0, 0.4)
    owner = np.sort(choice_index(rng, total, weight)).astype(np.int64)
    first = rank_in_group(owner) == 0
    end = np.datetime64(plan.end, "s")
    for number, part in enumerate(plan.chunks(total)):
        rng = stream(plan, "customer_contacts", number)
        of, count = owner[part], part.stop - part.start
        room = (end - rows.created_at[of]).astype(np.int64)
        index = np.arange(part.start, part.stop)
        main = first[part] & chance(rng, count, 0.9)
        kind = np.where(main, 0, choice_index(rng, count, (0, 2, 2, 3, 4)))
        yield (
            "customer_contacts",
            conform(
                "customer_contacts",
                {
                    "id": ids_of(plan, "customer_contacts", index),
                    "tenant_id": rows.tenant_ids(of),
                    "customer_id": rows.pooled_ids(of),
                    "contact_name": person_names(rng, count),
                    "position": choice(rng, count, {"采购": 2, "行政": 2, "总经理": 1, None: 1}),
                    "department": choice(rng, count, {"采购部": 2, "行政部": 2, None: 2}),
                    "phone": nullify(phones(rng, count), chance(rng, count, 0.9)),
                    "email": nullify(unique_emails(rng, index), chance(rng, count, 0.6)),
                    "contact_type": take(
                        ("primary", "decision_maker", "influencer", "user", "other"), kind
                    ),
                    "is_primary": main,
                    "status": choice(rng, count, {"active": 88, "inactive": 7, "left": 5}),
                    "created_at": plus_seconds(
                        rows.created_at[of], np.floor(rng.random(count) * room).astype(np.int64)
                    ),
                },
            ),
        )


def _lifecycle(people: People) -> Iterator[Chunk]:
    """Histories made backwards from the present stage, so that every chain ends in it."""
    plan, rows = people.plan, people.rows
    rng, count = stream(plan, "customer/lifecycle"), len(people.rows)
    total, end = plan.rows("customer_lifecycle_history"), seconds_of(plan.end)
    born = rows.created_at.astype(np.int64)
    moved = people.stage != LEAD
    length = rng.poisson(max(total - moved.sum(), 0) / count, count) + moved
    # No room for a history in the last minutes.
    length = np.where(end - born > 3600, length, np.minimum(length, moved))
    owner = np.repeat(np.arange(count), length)
    rank = rank_in_group(owner)
    back = length[owner] - 1 - rank
    # Stage and its counterpart in turn; who has been around began as a lead.
    counterpart = np.asarray((PROSPECT, LEAD, PROSPECT, CUSTOMER, CUSTOMER))[people.stage[owner]]
    counterpart = np.where(
        (people.stage[owner] == CUSTOMER) & (owner % 3 == 0), INACTIVE, counterpart
    )
    stage = np.where(back % 2 == 0, people.stage[owner], counterpart)
    begins = (rank == 0) & (back > 0)
    following = np.r_[stage[1:], LEAD]
    stage = np.where(begins & (following != LEAD), LEAD, stage)
    room = np.maximum(end - born[owner] - length[owner], 0)
    drawn = born[owner] + np.floor(rng.random(len(owner)) * room).astype(np.int64)
    line = np.lexsort((drawn, owner))
    at = np.minimum(drawn[line] + rank, end)  # a second apart at least
    at = np.where(begins, born[owner], at)
    old = np.where(rank == 0, -1, np.r_[-1, stage[:-1]])
    since = np.r_[0, at[:-1]]
    line = np.lexsort((owner, at))
    owner, at, old, stage, since = (c[line] for c in (owner, at, old, stage, since))
    for number, part in enumerate(plan.chunks(len(owner))):
        rng = stream(plan, "customer_lifecycle_history", number)
        of, when, was = owner[part], at[part], old[part]
        size = len(of)
        how = choice_index(rng, size, (6, 1, 2, 1))
        how = np.where(was < 0, 0, how)
        staff = people.world.users.pick(rng, rows.tenant[of], at=when.astype("datetime64[s]"))
        days = (when - since[part]) // DAY
        yield (
            "customer_lifecycle_history",
            conform(
                "customer_lifecycle_history",
                {
                    "id": ids_of(
                        plan, "customer_lifecycle_history", np.arange(part.start, part.stop)
                    ),
                    "tenant_id": rows.tenant_ids(of),
                    "customer_id": rows.pooled_ids(of),
                    "old_stage": take(STAGES, was),
                    "new_stage": take(STAGES, stage[part]),
                    "change_reason": nullify(sentences(rng, size), chance(rng, size, 0.5)),
                    "trigger_event": take(
                        ("lifecycle_rule", "order_paid"), np.where(how == 1, -1, how == 3)
                    ),
                    "stage_data": nullify(
                        json_object(check=hex_text(rng, size, 6)), chance(rng, size, 0.4)
                    ),
                    "stage_duration_days": nullable(np.where(was < 0, 0, days), was >= 0),
                    "operator_id": people.world.users.ids(np.where(how == 1, staff, -1)),
                    "operator_type": take(("system", "manual", "rule", "event"), how),
                    "created_at": when.astype("datetime64[s]"),
                },
            ),
        )
