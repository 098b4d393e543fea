"""Campaigns, coupons, participations and A/B tests, and the reductions that orders got of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from orchestration.sampledata.business_catalog import Catalog
from orchestration.sampledata.business_orders import FAR, S_CANCELLED, Orders, Prices
from orchestration.sampledata.conform import conform
from orchestration.sampledata.plan import Plan
from orchestration.sampledata.random import (
    DAY,
    Bools,
    Indexes,
    Raw,
    chance,
    choice,
    choice_index,
    codes,
    hash_share,
    ids_of,
    ip_addresses,
    join,
    json_choice,
    json_object,
    json_pool,
    nullable,
    nullify,
    person_names,
    phones,
    seconds_of,
    sentences,
    stream,
    take,
    user_agents,
)
from orchestration.sampledata.world import Rows

Chunk = tuple[str, pa.Table]
CAMPAIGN_TYPES = ("discount", "coupon", "flash_sale", "group_buy", "lottery", "points_exchange")
CAMPAIGN_STATUS = (
    "draft", "pending_review", "approved", "active", "paused", "ended", "cancelled",
)  # fmt: skip
COUPON_TYPES = ("fixed_amount", "percentage", "free_shipping", "gift")
FIXED, PERCENT, TRAVEL, GIFT = range(4)


@dataclass(frozen=True)
class Marketing:
    """Campaigns, coupons and what orders made of them; seconds and cents.

    `uses` are redemptions sorted by order and position: order, coupon, cents. `order_campaign` is
    the campaign an order came of (-1 without), `promotion` its own reduction in cents.
    """

    campaigns: Rows
    campaign_start: Indexes
    campaign_end: Indexes
    campaign_type: Indexes
    campaign_status: Indexes
    live: Bools  # may have participations
    coupons: Rows
    coupon_campaign: Indexes
    coupon_type: Indexes
    coupon_value: Indexes
    coupon_least: Indexes
    coupon_cap: Indexes  # -1 without
    coupon_limit: Indexes
    coupon_start: Indexes
    coupon_end: Indexes
    use_order: Indexes
    use_coupon: Indexes
    use_amount: Indexes
    order_campaign: Indexes
    promotion: Indexes

    @property
    def discount(self) -> Indexes:
        """All reductions by order."""
        given = np.bincount(
            self.use_order, weights=self.use_amount, minlength=len(self.order_campaign)
        )
        return self.promotion + given.astype(np.int64)


def plan_marketing(orders: Orders, prices: Prices) -> Marketing:
    """Campaign periods, coupons, and who redeemed them."""
    catalog, plan = orders.catalog, orders.catalog.plan
    end, start = seconds_of(plan.end), seconds_of(plan.start)
    campaigns, rng = catalog.world.rows("marketing_campaigns"), stream(plan, "business/campaigns")
    count = len(campaigns)
    created = campaigns.created_at.astype(np.int64)
    low = np.maximum(created, start - 20 * DAY)
    begins = low + np.floor(rng.random(count) * np.maximum(end + 10 * DAY - low, 1) * 0.9).astype(
        int
    )
    begins = np.maximum(begins, created) // 3600 * 3600 + 3600
    ends = begins + rng.integers(7, 75, count) * DAY + DAY - 1
    status = np.where(begins > end, 2, np.where(ends < end, 5, 3))
    status = np.where(chance(rng, count, 0.12), rng.integers(0, 2, count), status)
    status = np.where((status == 3) & chance(rng, count, 0.15), 4, status)
    status = np.where(chance(rng, count, 0.05), 6, status)
    live = (status >= 3) & (status <= 5)
    idle = np.flatnonzero(live)
    live[idle[-1:]] = False  # nobody ever took part in this one

    coupons, rng = catalog.world.rows("marketing_coupons"), stream(plan, "business/coupons")
    rows = len(coupons)
    campaign = campaigns.pick(rng, coupons.tenant)
    campaign = np.where((campaign >= 0) & live[campaign], campaign, -1)
    campaign = np.where(chance(rng, rows, 0.2), -1, campaign)
    low = np.maximum(coupons.created_at.astype(np.int64), start)
    low = np.where(campaign >= 0, begins[campaign], low)
    high = np.where(campaign >= 0, np.minimum(ends[campaign], end), end)
    issued = low + np.floor(rng.random(rows) ** 1.5 * np.maximum(high - low, 0)).astype(np.int64)
    until = issued + rng.integers(14, 120, rows) * DAY
    kind = choice_index(rng, rows, (50, 30, 12, 8))
    value = np.asarray((1000, 2000, 5000, 10000))[choice_index(rng, rows, (3, 4, 2, 1))]
    value = np.where(
        kind == PERCENT, np.asarray((500, 1000, 1500, 2000))[rng.integers(0, 4, rows)], value
    )
    value = np.where(kind >= TRAVEL, 0, value)
    least = np.where(kind == FIXED, value * rng.integers(2, 6, rows), 0)
    cap = np.where((kind == PERCENT) & chance(rng, rows, 0.7), rng.integers(2, 20, rows) * 1000, -1)
    limit = np.asarray((1, 5, 100))[choice_index(rng, rows, (80, 12, 8))]
    half = Marketing(
        campaigns, begins, ends, choice_index(rng_of(plan, "types"), count, (3, 3, 2, 1, 1, 1)),
        status, live, coupons, campaign, kind, value, least, cap, limit, issued, until,
        *(np.empty(0, dtype=np.int64),) * 3, np.full(len(orders), -1), np.zeros(len(orders), int),
    )  # fmt: skip
    return _redeemed(half, orders, prices)


def rng_of(plan: Plan, purpose: str) -> np.random.Generator:
    """The stream of one purpose of marketing."""
    return stream(plan, f"business/marketing/{purpose}")


def _redeemed(half: Marketing, orders: Orders, prices: Prices) -> Marketing:
    """Coupons and campaigns of orders; amounts in the order in which they were given."""
    plan, count = orders.catalog.plan, len(orders)
    rng = rng_of(plan, "redeemed")
    first = _try_coupons(half, orders, prices, rng, chance(rng, count, 0.4))
    second = _try_coupons(half, orders, prices, rng, (first >= 0) & chance(rng, count, 0.4))
    second = np.where((second == first) | (first < 0), -1, second)
    # Nobody gets more redemptions out of a code than its limit: the earliest orders do.
    entry = np.concatenate([np.arange(count) * 2, np.arange(count) * 2 + 1])
    coupon = np.r_[first, second]
    line = np.flatnonzero(coupon >= 0)
    line = line[np.lexsort((entry[line], coupon[line]))]
    sorted_coupon = coupon[line]
    rank = np.arange(len(line)) - np.searchsorted(sorted_coupon, sorted_coupon)
    lost = line[rank >= half.coupon_limit[sorted_coupon]]
    coupon[lost] = -1
    first, second = coupon[:count], coupon[count:]
    first, second = np.where(first < 0, second, first), np.where(first < 0, -1, second)

    # The campaign: the coupon's, or one that runs.
    of = np.where(first >= 0, half.coupon_campaign[first], -1)
    at = orders.placed
    other = half.campaigns.pick(rng, orders.tenant)
    other = np.where((first < 0) & chance(rng, count, 0.35), other, -1)
    of = np.where(of >= 0, of, other)
    runs = (of >= 0) & half.live[of] & (half.campaign_start[of] + 60 <= at)
    of = np.where(runs & (at <= half.campaign_end[of]), of, -1)
    reduces = (of >= 0) & np.isin(half.campaign_type[of], (0, 2, 3))
    promotion = np.where(reduces, prices.subtotal * (5 + of % 6) // 100, 0)
    left, travel = prices.subtotal - promotion, prices.travel_fee.copy()
    amounts = []
    for chosen in (first, second):
        kind = np.where(chosen >= 0, half.coupon_type[chosen], -1)
        cut = np.where(kind == FIXED, np.minimum(half.coupon_value[chosen], left), 0)
        share = (left * half.coupon_value[chosen] + 5000) // 10_000
        cap = half.coupon_cap[chosen]
        cut = np.where(kind == PERCENT, np.where(cap >= 0, np.minimum(share, cap), share), cut)
        left = left - cut
        cut = np.where(kind == TRAVEL, travel, cut)
        travel = np.where(kind == TRAVEL, 0, travel)
        amounts.append(cut)
    uses = np.flatnonzero(np.stack([first, second], axis=1).reshape(-1) >= 0)
    coupon = np.stack([first, second], axis=1).reshape(-1)[uses]
    amount = np.stack(amounts, axis=1).reshape(-1)[uses]
    values = {**half.__dict__, "use_order": uses // 2, "use_coupon": coupon, "use_amount": amount}
    return Marketing(**{**values, "order_campaign": of, "promotion": promotion})


def _try_coupons(
    half: Marketing, orders: Orders, prices: Prices, rng: np.random.Generator, wants: Bools
) -> Indexes:
    """A coupon for each order that wants one and finds a valid one in a few tries; -1 without."""
    found = np.full(len(orders), -1, dtype=np.int64)
    for _ in range(4):
        coupon = half.coupons.pick(rng, orders.tenant)
        valid = (coupon >= 0) & wants & (half.coupon_start[coupon] <= orders.placed)
        valid &= half.coupon_end[coupon] >= orders.placed
        # Nothing becomes free, not even with two coupons and a campaign.
        valid &= prices.subtotal >= np.maximum(
            half.coupon_least[coupon],
            half.coupon_value[coupon] * 3 * (half.coupon_type[coupon] == FIXED),
        )
        valid &= (half.coupon_type[coupon] != TRAVEL) | (prices.travel_fee > 0)
        found = np.where((found < 0) & valid, coupon, found)
    return found


def coupon_codes(marketing: Marketing) -> pa.Array:
    """The code of every coupon, unique over all tenants."""
    return codes("CP", np.arange(len(marketing.coupons)) + 1, 8)


def order_coupons(marketing: Marketing, orders: int) -> pa.Array:
    """coupon_codes JSON by order, NULL without."""
    return _lists(marketing.use_order, join('"', _used(marketing), '"'), orders)


def order_promotions(marketing: Marketing) -> pa.Array:
    """promotion_ids JSON by order, NULL where no campaign reduced the price."""
    reduced = marketing.promotion > 0
    ids = marketing.campaigns.ids(np.where(reduced, marketing.order_campaign, -1))
    return join('["', ids, '"]')


def order_discounts(marketing: Marketing, orders: int) -> pa.Array:
    """discount_details JSON by order: what each campaign or coupon took off, NULL without."""
    reduced = np.flatnonzero(marketing.promotion > 0)
    which = pa.concat_arrays(
        [
            join('{"campaign": "', marketing.campaigns.ids(marketing.order_campaign[reduced])),
            join('{"coupon": "', _used(marketing)),
        ]
    )
    amount = np.r_[marketing.promotion[reduced], marketing.use_amount]
    entry = join(which, '", "amount": ', _yuan(amount), "}")
    order = np.r_[reduced, marketing.use_order]
    line = np.argsort(order, kind="stable")
    return _lists(order[line], entry.take(pa.array(line)), orders)


def _used(marketing: Marketing) -> pa.Array:
    return coupon_codes(marketing).take(pa.array(marketing.use_coupon))


def _yuan(cents: Indexes) -> pa.Array:
    tens, ones = cents % 100 // 10, cents % 10
    return join(cents // 100, ".", tens, ones)


def _lists(owner: Indexes, entries: pa.Array, owners: int) -> pa.Array:
    """Entries (sorted by owner) as one JSON list per owner, NULL for owners without."""
    offsets = pa.array(np.searchsorted(owner, np.arange(owners + 1)).astype(np.int32))
    lists = pa.ListArray.from_arrays(offsets, entries)
    some = pc.greater(pc.list_value_length(lists), 0)
    return pc.if_else(
        some, join("[", pc.binary_join(lists, ", "), "]"), pa.scalar(None, pa.string())
    )


def coupons(marketing: Marketing, orders: Orders) -> Chunk:
    """marketing_coupons; redemptions of cancelled orders were given back."""
    plan, rows = orders.catalog.plan, marketing.coupons
    count, rng = len(rows), stream(plan, "marketing_coupons")
    world, end = orders.catalog.world, seconds_of(plan.end)
    kept = orders.step[marketing.use_order, S_CANCELLED] == FAR
    used = np.bincount(marketing.use_coupon[kept], minlength=count)
    latest = np.full(count, -1, dtype=np.int64)
    np.maximum.at(latest, marketing.use_coupon[kept], marketing.use_order[kept])
    spent = latest >= 0
    buyer = np.where(spent, orders.customer[latest], -1)
    fan = world.customers.pick(rng, rows.tenant, at=marketing.coupon_start.astype("datetime64[s]"))
    single = marketing.coupon_limit == 1
    own = single & chance(rng, count, 0.5) & (~spent | (buyer >= 0))
    transferable = chance(rng, count, 0.2)
    lent = transferable & chance(rng, count, 0.5) & (fan >= 0)
    issued_to = np.where(own, np.where(spent & ~lent, buyer, fan), -1)
    # The nightly run at two o'clock has not seen what ran out after it.
    status = np.where(marketing.coupon_end < end // DAY * DAY + 2 * 3600, 2, 0)
    status = np.where(used >= marketing.coupon_limit, 1, status)
    status = np.where((status == 0) & chance(rng, count, 0.04), 3, status)
    issued = marketing.coupon_start.astype("datetime64[s]")
    used_at = orders.placed[latest].astype("datetime64[s]")
    return "marketing_coupons", conform(
        "marketing_coupons",
        {
            "id": rows.ids(),
            "tenant_id": rows.tenant_ids(),
            "campaign_id": marketing.campaigns.ids(marketing.coupon_campaign),
            "coupon_code": coupon_codes(marketing),
            "coupon_name": join(choice(rng, count, ("新人券", "老客券", "节日券", "致歉券🎁")), ""),
            "coupon_type": take(COUPON_TYPES, marketing.coupon_type),
            "discount_value": marketing.coupon_value,
            "min_order_amount": marketing.coupon_least,
            "max_discount_amount": nullable(marketing.coupon_cap, marketing.coupon_cap >= 0),
            "usage_limit": marketing.coupon_limit,
            "used_count": used,
            "is_transferable": transferable,
            "applicable_products": json_choice(rng, count, [[]], null=0.9),
            "applicable_categories": json_choice(rng, count, [[]], null=0.95),
            "start_time": issued,
            "end_time": marketing.coupon_end.astype("datetime64[s]"),
            "status": take(("active", "used", "expired", "disabled"), status),
            "issued_to_user": world.customers.ids(issued_to),
            "used_by_user": world.customers.ids(buyer),
            "used_order_id": ids_of(plan, "service_orders", latest),
            "used_at": nullable(used_at, spent),
            "created_at": issued,
            "updated_at": np.where(spent, used_at, issued),
        },
    )


@dataclass(frozen=True)
class Participations:
    """Who took part in what; `order` is the order that came of it, -1 without."""

    campaign: Indexes
    at: Indexes
    customer: Indexes
    order: Indexes


def plan_participations(marketing: Marketing, orders: Orders) -> Participations:
    """One for each order of a campaign, and those that led to nothing."""
    plan, world = orders.catalog.plan, orders.catalog.world
    rng, end = rng_of(plan, "participations"), seconds_of(plan.end)
    ordered = np.flatnonzero(marketing.order_campaign >= 0)
    of = marketing.order_campaign[ordered]
    before = orders.placed[ordered] - rng.integers(60, 7200, len(ordered))
    before = np.maximum(before, marketing.campaign_start[of])
    since = seconds_of(plan.start)
    ran = (marketing.campaign_start < end) & (marketing.campaign_end > since)
    open_ = np.flatnonzero(marketing.live & ran)
    weight = np.exp(rng.standard_normal(len(open_)) * 0.8)
    rest = max(plan.rows("marketing_participations") - len(ordered), len(ordered)) * (
        len(open_) > 0
    )
    idle = open_[choice_index(rng, rest, weight)] if rest else open_[:0]
    low = np.maximum(marketing.campaign_start[idle], since)
    high = np.maximum(np.minimum(marketing.campaign_end[idle], end), low)
    at = low + np.floor(rng.random(rest) * (high - low)).astype(np.int64)
    tenant = marketing.campaigns.tenant[idle]
    who = world.customers.pick(rng, tenant, at=at.astype("datetime64[s]"))
    who = np.where(chance(rng, rest, 0.3), -1, who)
    campaign, at = np.r_[of, idle], np.r_[before, at]
    line = np.argsort(at, kind="stable")
    customer = np.r_[orders.customer[ordered], who]
    order = np.r_[ordered, np.full(rest, -1)]
    return Participations(campaign[line], at[line], customer[line], order[line])


def participations(
    marketing: Marketing, parts: Participations, orders: Orders, total: Indexes
) -> Chunk:
    """marketing_participations; `total` are the orders' totals."""
    plan, world = orders.catalog.plan, orders.catalog.world
    count, rng = len(parts.campaign), stream(plan, "marketing_participations")
    known, ordered = parts.customer >= 0, parts.order >= 0
    source = choice_index(rng, count, (3, 3, 3, 1, 1, 1))
    online = source <= 2
    result = np.where(ordered, 0, choice_index(rng, count, (6, 3, 1)))
    info = json_object(name=person_names(rng, count), phone=phones(rng, count))
    return "marketing_participations", conform(
        "marketing_participations",
        {
            "id": ids_of(plan, "marketing_participations", np.arange(count)),
            "tenant_id": marketing.campaigns.tenant_ids(parts.campaign),
            "campaign_id": marketing.campaigns.pooled_ids(parts.campaign),
            "participant_type": take(
                ("customer", "member", "guest"), np.where(known, chance(rng, count, 0.3), 2)
            ),
            "participant_id": world.customers.ids(parts.customer),
            "participant_info": nullify(info, chance(rng, count, 0.3)),
            "participation_time": parts.at.astype("datetime64[s]"),
            "participation_source": take(
                ("web", "app", "wework", "sms", "email"), np.where(source == 5, -1, source)
            ),
            "participation_channel": choice(
                rng, count, {"朋友圈广告": 2, "抖音": 1, "qr-01": 1, None: 3}
            ),
            "participation_result": take(("success", "failed", "pending"), result),
            "result_data": json_choice(rng, count, [{"prize": "谢谢参与"}, {"rank": 3}], null=0.7),
            "rewards": nullify(
                json_choice(rng, count, [[{"coupon": "新人券"}], [{"points": 50}]], null=0.3),
                result == 0,
            ),
            "has_placed_order": ordered,
            "order_id": ids_of(plan, "service_orders", parts.order),
            "order_amount": nullable(np.where(ordered, total[parts.order], 0), ordered),
            "user_agent": nullify(user_agents(rng, count), online),
            "ip_address": nullify(ip_addresses(rng, count), chance(rng, count, 0.9)),
            "device_info": nullify(
                json_choice(rng, count, [{"os": "iOS 17"}, {"os": "Android 14"}]), online
            ),
        },
    )  # fmt: skip


def campaigns(marketing: Marketing, parts: Participations, orders: Orders, total: Indexes) -> Chunk:
    """marketing_campaigns with the results of their participations."""
    plan, rows = orders.catalog.plan, marketing.campaigns
    count, rng = len(rows), stream(plan, "marketing_campaigns")
    users, end = orders.catalog.world.users, np.datetime64(plan.end, "s")
    ordered = parts.order >= 0
    of, order = parts.campaign[ordered], parts.order[ordered]

    def per_campaign(amount: Indexes) -> Indexes:
        return np.bincount(of, weights=amount, minlength=count).astype(np.int64)

    people = np.bincount(parts.campaign, minlength=count)
    buyers = np.bincount(of, minlength=count)
    rate = (buyers * 20_000 + people) // np.maximum(people * 2, 1)
    stale = chance(rng, count, 0.15)
    status = marketing.campaign_status
    reviewed = (status >= 2) & (status != 6)
    begins = marketing.campaign_start.astype("datetime64[s]")
    review = rows.created_at + ((begins - rows.created_at) // 2)
    review = np.minimum(review, end)
    reviewer = users.pick(rng, rows.tenant, at=review)
    kind = marketing.campaign_type
    rules = [
        {"percent": 10}, {"coupons": 200}, {"stock": 50, "percent": 10}, {"group": 3, "percent": 8},
        {"prizes": ["优惠券", "体验课"]}, {"points": 500},
    ]  # fmt: skip
    pool = json_pool(rules)
    return "marketing_campaigns", conform(
        "marketing_campaigns",
        {
            "id": rows.ids(),
            "tenant_id": rows.tenant_ids(),
            "campaign_name": join(
                choice(rng, count, ("春季焕新", "618 年中", "开学季", "会员日", "新客🎉礼")),
                "第", np.arange(count) % 9 + 1, "期",
            ),
            "campaign_code": codes("MK", np.arange(count) + 1, 5),
            "campaign_type": take(CAMPAIGN_TYPES, kind),
            "description": nullify(sentences(rng, count), chance(rng, count, 0.7)),
            "rule_config": take(pool, kind),
            "discount_config": take(pool, np.where(np.isin(kind, (0, 2, 3)), kind, -1)),
            "target_config": json_choice(
                rng, count, [{"level": ["gold"]}, {"tags": ["复购"]}], null=0.6
            ),
            "trigger_config": json_choice(rng, count, [{"event": "order_paid"}], null=0.8),
            "usage_limit_per_user": nullable(
                rng.integers(1, 5, count) * 20, chance(rng, count, 0.4)
            ),
            "total_usage_limit": nullable(
                np.maximum(people * 2, 1000), chance(rng, count, 0.4)
            ),
            "min_order_amount": nullable(
                np.zeros(count, dtype=np.int64), chance(rng, count, 0.3)
            ),
            "start_time": begins,
            "end_time": marketing.campaign_end.astype("datetime64[s]"),
            "is_time_limited": chance(rng, count, 0.9),
            "status": take(CAMPAIGN_STATUS, status),
            "total_participants": people,
            "total_orders": buyers,
            "total_revenue": per_campaign(total[order]),
            "total_discount": per_campaign(marketing.discount[order]),
            "conversion_rate": np.where(stale, rate * 9 // 10, rate),
            "reviewed_by": users.ids(np.where(reviewed, reviewer, -1)),
            "reviewed_at": nullable(review, reviewed),
            "review_notes": nullify(sentences(rng, count), reviewed & chance(rng, count, 0.3)),
            "created_at": rows.created_at,
            "updated_at": np.where(status >= 2, review, rows.created_at),
            "created_by": users.ids(users.pick(rng, rows.tenant, at=rows.created_at)),
        },
    )  # fmt: skip


def ab_tests(catalog: Catalog) -> Chunk:
    """marketing_ab_tests; one of them has an arm that nobody saw."""
    plan, rows = catalog.plan, catalog.world.rows("marketing_ab_tests")
    count, rng = len(rows), stream(plan, "marketing_ab_tests")
    end = seconds_of(plan.end)
    created = rows.created_at.astype(np.int64)
    low = np.maximum(created, seconds_of(plan.start))
    begins = low + np.floor(rng.random(count) * (end - low)).astype(np.int64) // 3600 * 3600
    ends = begins + rng.integers(7, 45, count) * DAY
    status = np.where(ends < end, 3, 1)
    status = np.where(
        chance(rng, count, 0.2), np.asarray((0, 2, 4))[rng.integers(0, 3, count)], status
    )
    status[0] = 3
    begins[0] = min(begins[0], end - 40 * DAY)
    ends[0] = begins[0] + 30 * DAY
    draft = status == 0
    size = rng.integers(20, 4000, count) * ~draft
    arms = [size + rng.integers(-9, 10, count) * (size > 0) for _ in range(3)]
    arms[1][0] = 0  # the empty arm
    three = (hash_share(plan, "business/arms", np.arange(count)) < 0.3) & (np.arange(count) > 0)
    arms[2] = np.where(three, arms[2], 0)
    better = np.asarray((0, 0.015, 0.005))[:, None]
    rates = np.clip(rng.normal(0.08, 0.03, (3, count)) + better, 0.005, 0.5)
    wins = [np.floor(a * r).astype(np.int64) for a, r in zip(arms, rates, strict=True)]
    stats = [json_object(participants=a, conversions=w) for a, w in zip(arms, wins, strict=True)]
    two_arms = json_object(control=Raw(stats[0]), variant_a=Raw(stats[1]))
    all_arms = json_object(control=Raw(stats[0]), variant_a=Raw(stats[1]), variant_b=Raw(stats[2]))
    config = '{"control": {"title": "A"}, "variant_a": {"title": "B"}%s}'
    arm_pool = [config % "", config % ', "variant_b": {"title": "C"}']
    split = [
        '{"control": 50, "variant_a": 50}',
        '{"control": 34, "variant_a": 33, "variant_b": 33}',
    ]
    decided = (status == 3) & chance(rng, count, 0.7)
    decided[0] = False
    return "marketing_ab_tests", conform(
        "marketing_ab_tests",
        {
            "id": rows.ids(),
            "tenant_id": rows.tenant_ids(),
            "test_name": join("实验 ", np.arange(count) + 1),
            "test_description": nullify(sentences(rng, count), chance(rng, count, 0.6)),
            "test_type": choice(rng, count, ("campaign", "ui", "pricing", "content")),
            "test_config": json_choice(rng, count, [{"audience": "all", "sticky_days": 30}]),
            "variant_configs": take(arm_pool, three.astype(int)),
            "traffic_allocation": take(split, three.astype(int)),
            "primary_metric": choice(rng, count, ("conversion", "order_amount")),
            "secondary_metrics": json_choice(rng, count, [["page_views"]], null=0.4),
            "success_criteria": json_choice(rng, count, [{"least_lift": 0.05}], null=0.4),
            "start_time": begins.astype("datetime64[s]"),
            "end_time": ends.astype("datetime64[s]"),
            "status": take(("draft", "running", "paused", "completed", "cancelled"), status),
            "total_participants": arms[0] + arms[1] + arms[2],
            "variant_stats": nullify(pc.if_else(pa.array(three), all_arms, two_arms), ~draft),
            "test_results": nullify(json_choice(rng, count, [{"note": "人工复核"}]), decided),
            "winner_variant": take(
                ("control", "variant_a"),
                np.where(decided, (rates[1] > rates[0]).astype(int), -1),
            ),
            "created_at": rows.created_at,
            "created_by": catalog.world.users.ids(
                catalog.world.users.pick(rng, rows.tenant, at=rows.created_at)
            ),
        },
    )  # fmt: skip
