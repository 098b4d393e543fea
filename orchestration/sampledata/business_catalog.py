"""What the tenants sell: categories, providers, services and their variants, as integers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from orchestration.sampledata.conform import conform
from orchestration.sampledata.plan import Plan
from orchestration.sampledata.random import (
    DAY,
    Bools,
    Indexes,
    Times,
    addresses,
    chance,
    choice,
    choice_index,
    codes,
    company_names,
    hash_share,
    ids_of,
    join,
    json_choice,
    json_object,
    nullable,
    nullify,
    person_names,
    phones,
    plus_seconds,
    price_cents,
    rank_in_group,
    seconds_of,
    sentences,
    stream,
    take,
    unique_emails,
    urls,
)
from orchestration.sampledata.world import Rows, World

Chunk = tuple[str, pa.Table]

SERVICE_TYPES = ("consultation", "maintenance", "training", "support", "custom")
DELIVERY = ("online", "onsite", "hybrid", "remote")
PRICING = ("fixed", "hourly", "daily", "package", "custom")
HOURLY, DAILY = 1, 2
LEVELS = ("basic", "standard", "premium", "enterprise")
PLACES = ("online", "onsite", "office", "flexible")
_VARIANT_MINUTES = (30, 60, 90, 120, 180, 240)
_NAMES = (
    "家庭保洁", "空调清洗", "管道疏通", "上门体检", "法律咨询", "财税代理", "瑜伽私教", "少儿编程",
    "宠物寄养", "搬家运输", "电脑维修", "心理咨询", "月嫂服务", "健康管理", "网站运维", "形象设计",
)  # fmt: skip
_SUFFIXES = ("", "（标准）", "（加急）", "·季卡", "·年卡", "Pro", "🎉新人专享")
_HOURS = [
    {d: ["08:00", "21:00"] for d in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")},
    {d: ["09:00", "18:00"] for d in ("mon", "tue", "wed", "thu", "fri")},
    {d: ["10:00", "20:00"] for d in ("wed", "thu", "fri", "sat", "sun")},
]


@dataclass(frozen=True)
class Catalog:
    """Categories, services and variants by index; money in cents, lengths in minutes.

    Categories and variants are sorted by tenant; `variant_first[s]:variant_first[s + 1]` are the
    variants of service s. A `sale` of -1 means the list price applies.
    """

    plan: Plan
    world: World
    category_tenant: Indexes
    category_parent: Indexes
    category_rank: Indexes
    category_created: Times
    providers: Rows
    services: Rows
    category: Indexes
    provider: Indexes
    delivery: Indexes
    pricing: Indexes
    base: Indexes
    sale: Indexes
    minutes: Indexes
    notice_hours: Indexes
    slotted: Bools
    variant_service: Indexes
    variant_first: Indexes
    variant_created: Times
    variant_price: Indexes
    variant_level: Indexes
    variant_minutes: Indexes


def plan_catalog(plan: Plan, world: World) -> Catalog:
    """Prices, lengths and who belongs where."""
    services, providers = world.rows("services"), world.rows("service_providers")
    count, rng = len(services), stream(plan, "business/services")
    # At least three categories for each tenant that sells something, so that there is a tree.
    sellers = services.count() > 0
    sizes = np.where(sellers, 3 + services.count() // 8, 0)
    tenant = np.repeat(np.arange(len(sizes)), sizes)
    first = np.r_[0, np.cumsum(sizes)]
    rank = rank_in_group(tenant)
    # Two roots, then every category has two children.
    parent = np.where(rank < 2, -1, first[tenant] + (rank - 2) // 2)
    category = first[services.tenant] + np.floor(
        rng.random(count) ** 1.4 * sizes[services.tenant]
    ).astype(np.int64)
    pricing = choice_index(rng, count, (55, 20, 7, 13, 5))
    base = np.where(
        pricing == HOURLY,
        price_cents(rng, count, 60, 400, 1000),
        np.where(
            pricing == DAILY,
            price_cents(rng, count, 300, 1500, 1000),
            price_cents(rng, count, 80, 2500, 1000),
        ),
    )
    sale = np.where(chance(rng, count, 0.4), base * rng.integers(80, 98, count) // 1000 * 10, -1)
    minutes = np.asarray((30, 60, 90, 120, 180, 240))[choice_index(rng, count, (2, 4, 3, 4, 2, 1))]
    minutes = np.where(pricing == DAILY, 480, minutes)
    slotted = (hash_share(plan, "business/slotted", np.arange(count)) < 0.6) & (minutes <= 240)
    provider = providers.pick(rng, services.tenant, at=services.created_at)
    provider = np.where(chance(rng, count, 0.8), provider, -1)
    delivery = choice_index(rng, count, (3, 4, 2, 1))
    notice = np.asarray((2, 4, 12, 24, 48))[choice_index(rng, count, (2, 2, 2, 4, 1))]

    rng = stream(plan, "business/variants")
    variants = world.rows("service_variants")
    of = np.sort(services.pick(rng, variants.tenant))
    of = of[of >= 0]
    # Mostly offered with the service itself, some added later.
    start = services.created_at[of].astype(np.int64)
    wait = np.where(chance(rng, len(of), 0.7), 60, rng.integers(DAY, 60 * DAY, len(of)))
    end = seconds_of(plan.end)
    created = np.minimum(np.where(start + wait < end, start + wait, start + 60), end)
    level = choice_index(rng, len(of), (3, 4, 2, 1))
    price = base[of] * np.asarray((80, 100, 130, 180))[level] // 1000 * 10
    combination = rank_in_group(of)
    return Catalog(
        plan, world, tenant, parent, rank,
        plus_seconds(world.created_at[tenant], rank * 60),
        providers, services, category, provider, delivery, pricing, base, sale, minutes, notice,
        slotted, of, np.searchsorted(of, np.arange(count + 1)), created.astype("datetime64[s]"),
        price, level, np.asarray(_VARIANT_MINUTES)[combination % len(_VARIANT_MINUTES)],
    )  # fmt: skip


def service_names(catalog: Catalog) -> pa.DictionaryArray:
    """The catalogue's names by service index."""
    rng, count = stream(catalog.plan, "services/names"), len(catalog.services)
    pool = [n + s for n in _NAMES for s in _SUFFIXES]
    stem = rng.integers(0, len(_NAMES), count)
    suffix = choice_index(rng, count, (8, 2, 1, 1, 1, 1, 1))
    return take(pool, stem * len(_SUFFIXES) + suffix)


def service_images(catalog: Catalog) -> pa.Array:
    """Main picture by service index, NULL for some."""
    index = np.arange(len(catalog.services))
    shown = hash_share(catalog.plan, "business/image", index) < 0.9
    return nullify(urls("img", "services", codes("s", index, 6), ".jpg"), shown)


def variant_names(catalog: Catalog) -> pa.DictionaryArray:
    """Names by variant index, NULL for some."""
    named = chance(stream(catalog.plan, "variants/names"), len(catalog.variant_service), 0.85)
    return take(("基础版", "标准版", "尊享版", "企业版"), catalog.variant_level, named)


def variant_attributes(catalog: Catalog) -> pa.Array:
    """The attributes JSON by variant index."""
    rank = rank_in_group(catalog.variant_service)
    return json_object(
        级别=take(LEVELS, catalog.variant_level),
        时长=catalog.variant_minutes,
        批次=rank // len(_VARIANT_MINUTES) + 1,
    )


def categories(catalog: Catalog, service_count: Indexes) -> Chunk:
    """service_categories; `service_count` by category."""
    plan, tenant, rank = catalog.plan, catalog.category_tenant, catalog.category_rank
    count, rng = len(tenant), stream(plan, "service_categories")
    index = np.arange(count)
    name = take(_NAMES, (rank * 5 + tenant * 3) % len(_NAMES)).dictionary_decode()
    own, path, level = join("/", name), join("/", name), np.ones(count, dtype=np.int64)
    above = catalog.category_parent
    while (above >= 0).any():  # once per level of the tree
        prefix = own.take(pa.array(np.maximum(above, 0)))
        has = pa.array(above >= 0)
        path = pa.compute.if_else(has, join(prefix, path), path)
        level += above >= 0
        above = np.where(above >= 0, catalog.category_parent[np.maximum(above, 0)], -1)
    return "service_categories", conform(
        "service_categories",
        {
            "id": ids_of(plan, "service_categories", index),
            "tenant_id": take(catalog.world.tenant_ids, tenant),
            "category_name": name,
            "category_code": codes("C", rank + 1, 4),
            "description": nullify(sentences(rng, count), chance(rng, count, 0.6)),
            "parent_id": ids_of(plan, "service_categories", catalog.category_parent),
            "level": level,
            "category_path": path,
            "service_type": choice(rng, count, {**dict.fromkeys(SERVICE_TYPES, 1.0), None: 1}),
            "requires_appointment": chance(rng, count, 0.85),
            "max_concurrent_services": rng.integers(1, 10, count),
            "sort_order": rank * 10 + 10,
            "icon_url": nullify(urls("img", "icons", codes("c", index, 4)), index % 3 > 0),
            "status": choice(rng, count, {"active": 92, "inactive": 6, "deleted": 2}),
            "service_count": service_count,
            "created_at": catalog.category_created,
            "created_by": _staff(catalog, rng, tenant, catalog.category_created),
        },
    )


def providers(catalog: Catalog, completed: Indexes, reviews: Indexes, stars: Indexes) -> Chunk:
    """service_providers; completed orders, reviews and hundredths of a star by provider."""
    rows, rng = catalog.providers, stream(catalog.plan, "service_providers")
    count = len(rows)
    kind = choice_index(rng, count, (6, 2, 1, 1))
    return "service_providers", conform(
        "service_providers",
        {
            "id": rows.ids(),
            "tenant_id": rows.tenant_ids(),
            "provider_code": codes("P", np.arange(count) + 1, 6),
            "provider_name": pa.compute.if_else(
                pa.array(kind == 0),
                person_names(rng, count).dictionary_decode(),
                company_names(rng, count).dictionary_decode(),
            ),
            "provider_type": take(("individual", "team", "company", "partner"), kind),
            "contact_person": nullify(person_names(rng, count), kind > 0),
            "phone": nullify(phones(rng, count), chance(rng, count, 0.95)),
            "email": nullify(unique_emails(rng, np.arange(count)), chance(rng, count, 0.6)),
            "address": nullify(addresses(rng, count), chance(rng, count, 0.9)),
            "service_areas": json_choice(rng, count, [["南山区"], ["朝阳区", "海淀区"]], null=0.3),
            "specialties": json_choice(rng, count, [["保洁"], ["维修", "安装"], []], null=0.2),
            "certifications": json_choice(rng, count, [["健康证"], ["电工证"]], null=0.5),
            "languages": json_choice(rng, count, [["zh"], ["zh", "en"]], null=0.3),
            "working_hours": json_choice(rng, count, _HOURS, null=0.1),
            "max_concurrent_services": rng.integers(1, 12, count),
            "advance_booking_days": np.asarray((7, 14, 30))[choice_index(rng, count, (6, 3, 1))],
            "rating_average": stars,
            "review_count": reviews,
            "service_count": completed,
            "status": choice(
                rng, count, {"active": 88, "inactive": 6, "suspended": 4, "deleted": 2}
            ),
            "is_verified": chance(rng, count, 0.8),
            "created_at": rows.created_at,
            "created_by": _staff(catalog, rng, rows.tenant, rows.created_at),
        },
    )


@dataclass(frozen=True)
class Sales:
    """Running figures by service or variant; revenue in cents, `stars` in hundredths."""

    booked: Indexes
    completed: Indexes
    revenue: Indexes
    reviews: Indexes
    stars: Indexes


def services(catalog: Catalog, sales: Sales, free: Indexes, open_: Indexes, low: Indexes) -> Chunk:
    """services; free and openly booked places and the low-capacity threshold by service."""
    plan, rows = catalog.plan, catalog.services
    count, rng = len(rows), stream(plan, "services")
    index = np.arange(count)
    status = choice_index(rng, count, (4, 2, 85, 6, 3))
    status = np.where(sales.booked > 0, np.where(status < 2, 2, status), status)
    status = np.where((status == 2) & (free == 0), 5, status)
    group = chance(rng, count, 0.12)
    path = categories(catalog, np.zeros(len(catalog.category_tenant), np.int64))[1]
    opens = chance(rng, count, 0.3)
    return "services", conform(
        "services",
        {
            "id": rows.ids(),
            "tenant_id": rows.tenant_ids(),
            "service_code": codes("SV", index + 1, 6),
            "service_name": service_names(catalog),
            "service_title": nullify(sentences(rng, count), chance(rng, count, 0.5)),
            "description": nullify(
                join("<p>", sentences(rng, count), "</p>"), chance(rng, count, 0.8)
            ),
            "short_description": nullify(sentences(rng, count), chance(rng, count, 0.7)),
            "category_id": ids_of(plan, "service_categories", catalog.category),
            "category_path": nullify(
                path["category_path"].combine_chunks().take(pa.array(catalog.category)),
                chance(rng, count, 0.95),
            ),
            "service_type": choice(rng, count, SERVICE_TYPES),
            "delivery_mode": take(DELIVERY, catalog.delivery),
            "base_price": catalog.base,
            "sale_price": nullable(catalog.sale, catalog.sale >= 0),
            "cost_price": nullable(catalog.base * 55 // 100, chance(rng, count, 0.6)),
            "pricing_model": take(PRICING, catalog.pricing),
            "max_concurrent_bookings": rng.integers(1, 20, count),
            "available_slots": free,
            "booked_slots": open_,
            "min_capacity_threshold": low,
            "duration_minutes": nullable(
                catalog.minutes, (catalog.pricing == HOURLY) | chance(rng, count, 0.93)
            ),
            "preparation_time_minutes": np.asarray((0, 10, 15, 30))[rng.integers(0, 4, count)],
            "cleanup_time_minutes": np.asarray((0, 10, 15))[rng.integers(0, 3, count)],
            "requirements": json_choice(rng, count, [{"age": ">=18"}, {}], null=0.6),
            "materials_needed": json_choice(rng, count, [["清洁剂"], ["滤网", "手套"]], null=0.6),
            "location_requirements": json_choice(rng, count, [{"power": True}], null=0.8),
            "requires_appointment": catalog.slotted | chance(rng, count, 0.6),
            "advance_booking_hours": catalog.notice_hours,
            "cancellation_hours": cancellation_hours(catalog, index),
            "reschedule_allowed": chance(rng, count, 0.92),
            "default_provider_id": catalog.providers.ids(catalog.provider),
            "auto_assign_provider": chance(rng, count, 0.8),
            "main_image_url": service_images(catalog),
            "image_urls": json_choice(
                rng, count, [["https://img.example.com/g/1.jpg"], []], null=0.3
            ),
            "max_booking_quantity": nullable(rng.integers(5, 30, count), chance(rng, count, 0.4)),
            "group_service": group,
            "max_group_size": nullable(rng.integers(5, 40, count), group),
            "seo_keywords": choice(rng, count, {"保洁,家政,上门": 1, "维修,安装": 1, None: 2}),
            "status": take(
                ("draft", "pending_review", "active", "inactive", "discontinued", "fully_booked"),
                status,
            ),
            "is_featured": chance(rng, count, 0.1),
            "is_new_service": chance(rng, count, 0.1),
            "is_on_promotion": catalog.sale >= 0,
            "view_count": sales.booked * 23 + rng.integers(0, 400, count),
            "booking_count": sales.booked,
            "completed_count": sales.completed,
            "revenue": sales.revenue,
            "rating_average": sales.stars,
            "review_count": sales.reviews,
            "available_from": nullable(rows.created_at, opens),
            "available_to": nullable(
                np.full(count, np.datetime64(plan.end, "s") + np.timedelta64(365, "D")),
                opens & chance(rng, count, 0.5),
            ),
            "created_at": rows.created_at,
            "updated_at": _some_time_later(catalog, rng, rows.created_at),
            "created_by": _staff(catalog, rng, rows.tenant, rows.created_at),
        },
    )


def cancellation_hours(catalog: Catalog, service: Indexes) -> Indexes:
    """Free cancellation until so many hours before the start, by service."""
    share = hash_share(catalog.plan, "business/cancellation", service)
    return np.asarray((2, 6, 24))[(share * 3).astype(np.int64)]


def variants(catalog: Catalog, sales: Sales, capacity: Indexes, open_: Indexes) -> Chunk:
    """service_variants; capacity and the part of it that is taken by variant."""
    plan, of = catalog.plan, catalog.variant_service
    count, rng = len(of), stream(plan, "service_variants")
    index, rank = np.arange(count), rank_in_group(of)
    attributes = variant_attributes(catalog)
    status = choice_index(rng, count, (90, 6, 4))
    status = np.where((status == 0) & (capacity == open_), 3, status)
    # Ranks keep the combinations of a service apart; NULL is allowed too.
    combination = join(
        "级别=", take(LEVELS, catalog.variant_level), ";时长=", catalog.variant_minutes,
        ";批次=", rank // len(_VARIANT_MINUTES) + 1,
    )  # fmt: skip
    return "service_variants", conform(
        "service_variants",
        {
            "id": ids_of(plan, "service_variants", index),
            "tenant_id": catalog.services.tenant_ids(of),
            "service_id": catalog.services.pooled_ids(of),
            "variant_code": codes("SKU", index + 1, 7),
            "variant_name": variant_names(catalog),
            "attributes": attributes,
            "attribute_combination": nullify(combination, chance(rng, count, 0.97)),
            "duration_minutes": catalog.variant_minutes,
            "service_level": take(LEVELS, catalog.variant_level),
            "location_type": take((*PLACES,), rng.integers(-1, 4, count)),
            "group_size_max": np.where(chance(rng, count, 0.1), rng.integers(2, 20, count), 1),
            "price": catalog.variant_price,
            "cost_price": nullable(catalog.variant_price // 2, chance(rng, count, 0.5)),
            "capacity": capacity,
            "booked_capacity": open_,
            "provider_requirements": json_choice(rng, count, [{"certificate": "A"}], null=0.8),
            "equipment_needed": json_choice(rng, count, [["吸尘器"], ["投影仪"]], null=0.7),
            "preparation_notes": nullify(sentences(rng, count), chance(rng, count, 0.2)),
            "status": take(("active", "inactive", "suspended", "fully_booked"), status),
            "booking_count": sales.booked,
            "completed_count": sales.completed,
            "revenue": sales.revenue,
            "created_at": catalog.variant_created,
            "updated_at": _some_time_later(catalog, rng, catalog.variant_created),
        },
    )


def _staff(catalog: Catalog, rng: np.random.Generator, tenant: Indexes, at: Times) -> pa.Array:
    return catalog.world.users.ids(catalog.world.users.pick(rng, tenant, at=at))


def _some_time_later(catalog: Catalog, rng: np.random.Generator, at: Times) -> Times:
    room = (np.datetime64(catalog.plan.end, "s") - at).astype(np.int64)
    return plus_seconds(at, np.floor(rng.random(len(at)) * room).astype(np.int64))
