"""Customers as integers: state, stage and what rules may ask about them; and the rules."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from orchestration.sampledata.plan import Plan
from orchestration.sampledata.random import (
    Bools,
    Indexes,
    chance,
    choice_index,
    hash_share,
    stream,
)
from orchestration.sampledata.world import CustomerOrders, Rows, World

STATUS = ("active", "inactive", "potential", "lost", "blacklist")
STAGES = ("lead", "prospect", "customer", "advocate", "inactive")
LEAD, PROSPECT, CUSTOMER, ADVOCATE, INACTIVE = range(5)
TIERS = ("bronze", "silver", "gold", "platinum", "diamond")
CHANNELS = ("wework", "website", "app", "referral", "advertising", "offline", "import")
_NEVER = 10**6


@dataclass(frozen=True)
class People:
    """Customers by index; `first`/`last` are days since the first and last order (10^6: never)."""

    plan: Plan
    world: World
    rows: Rows
    orders: CustomerOrders
    first: Indexes
    last: Indexes
    status: Indexes
    stage: Indexes
    tier: Indexes
    channel: Indexes
    in_wework: Bools
    satisfaction: Indexes  # hundredths
    alone: Bools  # in no segment and without tags


def plan_people(plan: Plan, world: World) -> People:
    """States by the rules for most, something else for some."""
    rows, orders = world.customers, world.orders
    count, rng = len(rows), stream(plan, "customer/people")
    today = np.datetime64(plan.end_date)
    first, last = (
        np.where(np.isnat(day), _NEVER, (today - day).astype(np.int64))
        for day in (orders.first_day, orders.last_day)
    )
    bought = orders.orders > 0
    status = choice_index(rng, count, (62, 8, 22, 6, 2))
    status = np.where(bought & (status == 2), 0, status)
    before = np.where(bought, choice_index(rng, count, (0, 4, 5, 1)), LEAD)
    stage = lifecycle_stage(orders.orders, orders.amount, first, last, before)
    # Rules touch active customers only; the others stay where they were, or were put aside.
    stage = np.where(status == 0, stage, np.where(status == 2, LEAD, INACTIVE))
    stale = chance(rng, count, 0.03)
    stage = np.where(stale, (stage + rng.integers(1, 5, count)) % 5, stage)
    rich = np.searchsorted((50_000, 200_000, 500_000, 1_200_000), orders.amount, side="right")
    tier = np.clip(rich + choice_index(rng, count, (8, 2)), 0, 4)
    channel = choice_index(rng, count, (30, 18, 16, 10, 12, 9, 5))
    rated = np.minimum(500, 250 + choice_index(rng, count, (1, 2, 3, 6, 6, 4)) * 50)
    return People(
        plan, world, rows, orders, first, last, status, stage, tier, channel,
        (channel == 0) | chance(rng, count, 0.25),
        np.where(chance(rng, count, np.where(bought, 0.7, 0.05)), rated, 0),
        hash_share(plan, "customer/alone", np.arange(count)) < 0.12,
    )  # fmt: skip


def lifecycle_stage(
    orders: Indexes, cents: Indexes, first: Indexes, last: Indexes, before: Indexes
) -> Indexes:
    """The stage by rule: the first that holds; `first` and `last` in days ago, `before` else."""
    return np.select(
        [
            (orders > 0) & (last > 180),
            (orders >= 5) & (cents >= 500_000),
            (orders >= 2) & (last <= 90),
            (orders == 1) & (first <= 30),
            orders == 0,
        ],
        [INACTIVE, ADVOCATE, CUSTOMER, PROSPECT, LEAD],
        before,
    )


@dataclass(frozen=True)
class Rule:
    """A rule as the engine reads it, in words, and who meets it."""

    name: str
    code: str
    config: str
    words: str
    meets: Callable[[People], Bools]


def _leaf(field: str, op: str, value: Any) -> dict[str, Any]:
    return {"field": field, "op": op, "value": value}


def _rule(
    name: str, code: str, rule: dict[str, Any], words: str, meets: Callable[[People], Bools]
) -> Rule:
    return Rule(name, code, json.dumps(rule, ensure_ascii=False), words, meets)


_BOUGHT = _leaf("total_orders", "gte", 1)
HIGH_VALUE = _rule(
    "高价值客户", "high_value",
    {"all": [_leaf("total_amount", "gte", 5000), _leaf("status", "eq", "active")]},
    "total_amount >= 5000 and status = active",
    lambda p: (p.orders.amount >= 500_000) & (p.status == 0),
)  # fmt: skip
NEW_CUSTOMER = _rule(
    "新客户", "new_customer",
    {"all": [_leaf("first_order_date", "within_days", 30)]},
    "first order within 30 days",
    lambda p: p.first < 30,
)  # fmt: skip
REPEAT_BUYER = _rule(
    "复购客户", "repeat_buyer",
    {"all": [_leaf("total_orders", "gte", 3)]},
    "total_orders >= 3",
    lambda p: p.orders.orders >= 3,
)  # fmt: skip
WEWORK_FRIEND = _rule(
    "企微好友", "wework_friend",
    {"any": [{"not": _leaf("wework_external_id", "is_null", True)},
             _leaf("source_channel", "eq", "wework")]},
    "has a WeCom id or came through WeCom",
    lambda p: p.in_wework | (p.channel == 0),
)  # fmt: skip
SATISFIED = _rule(
    "满意客户", "satisfied",
    {"all": [_leaf("satisfaction_score", "between", [4.5, 5]), _BOUGHT]},
    "satisfaction_score between 4.5 and 5 and total_orders >= 1",
    lambda p: (p.satisfaction >= 450) & (p.orders.orders > 0),
)  # fmt: skip
SLEEPING = _rule(
    "沉睡,待唤醒", "sleeping",
    {"all": [_BOUGHT, _leaf("last_order_date", "older_than_days", 60)]},
    "total_orders >= 1 and last order more than 60 days ago",
    lambda p: (p.orders.orders > 0) & (p.last > 60),
)  # fmt: skip
VIP = _rule(
    "VIP客户", "vip_customers",
    {"any": [_leaf("level", "in", ["gold", "platinum", "diamond"]),
             _leaf("total_amount", "gt", 10000)]},
    "level is gold, platinum or diamond, or total_amount > 10000",
    lambda p: (p.tier >= 2) | (p.orders.amount > 1_000_000),
)  # fmt: skip
ACTIVE_BUYERS = _rule(
    "活跃购买客户", "active_buyers",
    {"all": [_leaf("last_order_date", "within_days", 30), _leaf("status", "eq", "active")]},
    "last order within 30 days and status = active",
    lambda p: (p.last < 30) & (p.status == 0),
)  # fmt: skip
NO_ORDER = _rule(
    "未成交潜客", "prospects_without_order",
    {"all": [_leaf("total_orders", "eq", 0), _leaf("lifecycle_stage", "in", ["lead", "prospect"]),
             _leaf("status", "ne", "blacklist")]},
    "no orders, stage lead or prospect, not blacklisted",
    lambda p: (p.orders.orders == 0) & (p.stage <= PROSPECT) & (p.status != 4),
)  # fmt: skip
ONLINE = _rule(
    "线上来源", "online_source",
    {"all": [_leaf("source_channel", "in", ["website", "app"]),
             {"not": _leaf("status", "eq", "blacklist")}]},
    "came through website or app, not blacklisted",
    lambda p: ((p.channel == 1) | (p.channel == 2)) & (p.status != 4),
)  # fmt: skip
TAG_RULES = (HIGH_VALUE, WEWORK_FRIEND, REPEAT_BUYER, SLEEPING, NEW_CUSTOMER, SATISFIED)
SEGMENT_RULES = (NO_ORDER, VIP, ACTIVE_BUYERS, ONLINE)
