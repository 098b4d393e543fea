"""Tenants, users, roles and permissions, and until when a user could do anything at all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa

from orchestration.sampledata import words
from orchestration.sampledata.conform import conform
from orchestration.sampledata.plan import Plan
from orchestration.sampledata.random import (
    DAY,
    Bools,
    Indexes,
    Raw,
    Rhythm,
    Times,
    addresses,
    apportion,
    chance,
    choice,
    choice_index,
    codes,
    company_names,
    dates_of,
    hash_share,
    hex_text,
    ids_of,
    ip_addresses,
    join,
    json_choice,
    json_object,
    nullify,
    person_names,
    phones,
    plus_seconds,
    rank_in_group,
    sentences,
    stream,
    take,
    text,
    unique_emails,
    unique_phones,
    urls,
)
from orchestration.sampledata.world import Rows, World

Chunk = tuple[str, pa.Table]
NEVER = np.datetime64("NaT", "s")
MODULES = ("core", "ai", "wework", "health", "business", "customer")
PLANS = ("basic", "standard", "professional", "enterprise")
DEPARTMENTS = ("研发部", "销售部", "客服部", "运营部", "财务部", "健康管理中心")
POSITIONS = ("工程师", "主管", "经理", "专员", "顾问", "总监")
USER_STATUS = ("active", "inactive", "locked", "deleted", "pending_activation")
ACTIVE, INACTIVE, LOCKED, DELETED, PENDING = range(5)


@dataclass(frozen=True)
class People:
    """Tenants and users as integers.

    `until` is the last moment at which a user could act: deletion, lock, or the tenant's end. The
    first user of a tenant administrates it and stays until then.
    """

    plan: Plan
    world: World
    rows: Rows
    status: Indexes
    until: Times
    mfa: Bools
    tier: Indexes  # of the tenant's plan, in PLANS
    emails: pa.Array  # by user; NULL for some
    phones: pa.Array
    addresses: pa.Array  # IP addresses to point into

    @property
    def end(self) -> np.datetime64:
        """The last second of history."""
        return np.datetime64(self.plan.end, "s")

    @property
    def last_night(self) -> np.datetime64:
        """When the nightly cleanup ran last."""
        return np.datetime64(self.plan.end, "D") + np.timedelta64(3 * 3600, "s")

    def somebody(self, rng: np.random.Generator, tenants: Indexes, at: Times) -> Indexes:
        """For each tenant a user who could act at that time; the first user where luck fails."""
        picked = self.rows.pick(rng, tenants, at=at)
        gone = (picked < 0) | (self.until[picked] < at) | (self.status[picked] == PENDING)
        return np.where(gone, self.rows.first[tenants], picked)

    def count_at(self, tenants: Indexes, at: Times) -> Indexes:
        """How many users each tenant had by then; at least one."""
        far = 2**34
        key = self.rows.tenant * far + self.rows.created_at.astype(np.int64)
        found = np.searchsorted(key, tenants * far + at.astype(np.int64), side="right")
        return np.maximum(found - self.rows.first[tenants], 1)

    def happenings(
        self, rng: np.random.Generator, rows: int, since: datetime, when: Rhythm
    ) -> tuple[Indexes, Times]:
        """`rows` (tenant, time) by the tenants' weight, within their lives, sorted by time."""
        world = self.world
        low = np.maximum(world.created_at, np.datetime64(since, "s"))
        room = np.maximum((world.closed_at - low).astype(np.int64), 0)
        tenant = choice_index(rng, rows, world.weight * room).astype(np.int64)
        at = when.between(rng, low[tenant], world.closed_at[tenant])
        order = np.lexsort((tenant, at.astype(np.int64)))
        return tenant[order], at[order]


@dataclass(frozen=True)
class Footprint:
    """What a user's logins left behind on the user's row; NaT and -1 without a login."""

    last_at: Times
    last_ip: Indexes
    last_agent: Indexes
    failures: Indexes
    locked_until: Times


@dataclass(frozen=True)
class Roles:
    """Roles by tenant and rank within it; `parent` is a role's index or -1."""

    people: People
    tenant: Indexes
    rank: Indexes
    first: Indexes
    parent: Indexes
    level: Indexes
    created_at: Times

    def ids(self, index: Indexes) -> pa.Array:
        """Ids of these roles, NULL for negative ones."""
        return ids_of(self.people.plan, "saas_roles", index)


def when(times: Times, valid: Bools) -> Times:
    """`times`, or NaT where not `valid`."""
    return np.where(valid, times, NEVER)


def inside(rng: np.random.Generator, low: Times, high: Times, skew: float = 1.0) -> Times:
    """A time in [low, high] for each row; `low` where the interval is empty."""
    room = np.maximum((high - low).astype(np.int64), 0)
    return plus_seconds(low, np.floor(rng.random(len(low)) ** skew * (room + 1)).astype(np.int64))


def tenant_column(people: People, tenant: Indexes) -> pa.DictionaryArray:
    """The tenant_id column; a negative tenant is NULL."""
    return take(people.world.tenant_ids, tenant)


def plan_people(plan: Plan, world: World) -> People:
    """Users' states and ends; no event of a user lies outside created_at … until."""
    rows = world.users
    count, rng = len(rows), stream(plan, "core/people")
    closed, end = world.closed_at[rows.tenant], np.datetime64(plan.end, "s")
    is_first = rank_in_group(rows.tenant) == 0
    status = choice_index(rng, count, (84, 6, 4, 6))
    new = (end - rows.created_at).astype(np.int64) < 60 * DAY
    status = np.where(new & chance(rng, count, 0.2), PENDING, status)
    status = np.where(is_first, ACTIVE, status)
    ended = (status == INACTIVE) | (status == LOCKED) | (status == DELETED)
    until = np.where(ended, inside(rng, rows.created_at, closed, 0.4), closed)
    until = np.where(status == PENDING, rows.created_at, until)
    tier = np.minimum(hash_share(plan, "core/tier", np.arange(world.tenant_count)) * 4, 3)
    tier = tier.astype(np.int64)
    tier[0] = 3
    text_rng, index = stream(plan, "core/addresses"), np.arange(count)
    return People(
        plan=plan,
        world=world,
        rows=rows,
        status=status,
        until=until,
        mfa=hash_share(plan, "core/mfa", index) < 0.25,
        tier=tier,
        emails=nullify(unique_emails(text_rng, index), chance(text_rng, count, 0.9)),
        phones=nullify(unique_phones(index), chance(text_rng, count, 0.85)),
        addresses=text(ip_addresses(text_rng, 4096)),
    )


def tenants(people: People) -> Chunk:
    """One row per tenant; closed ones are expired, deleted or suspended."""
    world = people.world
    count, rng = world.tenant_count, stream(people.plan, "saas_tenants")
    young = (people.end - world.created_at).astype(np.int64) < 45 * DAY
    alive = np.where(young & chance(rng, count, 0.5), 4, np.where(chance(rng, count, 0.05), 5, 0))
    gone = np.asarray([2, 3, 1])[rng.integers(0, 3, count)]
    status = np.where(world.is_open, alive, gone)
    status[0] = 0
    starts = dates_of(world.created_at)
    ends = np.where(
        world.is_open,
        dates_of(people.end + rng.integers(5, 700, count).astype("timedelta64[D]")),
        dates_of(world.closed_at),
    )
    modules = [
        "[" + ", ".join(f'"{m}"' for m in MODULES if world.uses[m][t]) + "]" for t in range(count)
    ]
    never = chance(rng, count, 0.08) & (status == 4)
    trial = np.where(status == 4, 2, np.where(rng.random(count) < 0.15, 3, 0))
    individual = chance(rng, count, 0.1) & (trial == 0)
    return "saas_tenants", conform(
        "saas_tenants",
        {
            "id": world.tenant_ids,
            "tenant_code": pa.array(world.code),
            "tenant_name": join(company_names(rng, count), _branches(count)),
            "tenant_type": take(
                ("enterprise", "individual", "trial", "partner"), np.where(individual, 1, trial)
            ),
            "company_info": nullify(
                json_object(
                    industry=choice(rng, count, ("零售", "医疗", "教育", "家政", "软件")),
                    employees=rng.integers(5, 3000, count),
                    legal_representative=person_names(rng, count),
                    address=Raw(addresses(rng, count)),
                ),
                chance(rng, count, 0.9),
            ),
            "contact_info": json_object(
                name=person_names(rng, count),
                phone=phones(rng, count),
                email=unique_emails(rng, np.arange(count)),
            ),
            "business_info": json_choice(rng, count, [{"line": "到家服务"}, {"line": "健康管理"}]),
            "subscription_plan": take(PLANS, people.tier),
            "subscription_start_date": np.where(never, np.datetime64("NaT", "D"), starts),
            "subscription_end_date": np.where(
                never | (chance(rng, count, 0.15) & world.is_open), np.datetime64("NaT", "D"), ends
            ),
            "billing_cycle": choice(rng, count, {"monthly": 5, "quarterly": 2, "yearly": 3}),
            "tenant_config": json_choice(rng, count, [{"week_starts": "mon"}, {}], null=0.4),
            "custom_domain": nullify(
                join(pa.array(world.code), ".example.com"), chance(rng, count, 0.3)
            ),
            "logo_url": nullify(
                urls("static", "logo", pa.array(world.code), ".png"), chance(rng, count, 0.7)
            ),
            "theme_config": json_choice(rng, count, [{"primary": "#1677ff"}], null=0.6),
            "integration_config": nullify(
                json_object(client_secret=hex_text(rng, count, 32)), chance(rng, count, 0.4)
            ),
            "webhook_endpoints": nullify(
                join(
                    '[{"url": "',
                    urls("hooks", "in", pa.array(world.code)),
                    '", "secret": "',
                    hex_text(rng, count, 32),
                    '"}]',
                ),
                chance(rng, count, 0.3),
            ),
            "status": take(("active", "suspended", "expired", "deleted", "trial", "beta"), status),
            "suspension_reason": take(["欠费停用 ⛔", "违规操作"], np.where(status == 1, 0, -1)),
            "enabled_modules": pa.array(modules),
            "feature_flags": json_choice(rng, count, [{"new_ui": True}, {"new_ui": False}]),
            "resource_limits": json_choice(rng, count, [{"workers": 4}], null=0.5),
            "storage_quota_gb": np.asarray([10, 50, 200, 1000])[people.tier] * 100,
            "bandwidth_quota_gb": np.asarray([100, 500, 2000, 9000])[people.tier] * 100,
            "security_config": json_choice(rng, count, [{"min_length": 10}], null=0.2),
            "ip_whitelist": json_choice(rng, count, [["10.0.0.0/8"]], null=0.9),
            "allowed_login_hours": json_choice(
                rng, count, [{"weekdays": [1, 2, 3, 4, 5], "hours": [7, 23]}], null=0.9
            ),
            "created_at": world.created_at,
            "updated_at": inside(rng, world.created_at, world.closed_at),
            "updated_by": people.rows.ids(
                np.where(chance(rng, count, 0.6), people.rows.first[:-1], -1)
            ),
        },
    )


def _branches(count: int) -> pa.Array:
    """Branch names that keep tenants of the same company apart; the first has none."""
    return pa.array(["" if n == 0 else f"（{n}号店）" for n in range(count)])


def users(people: People, seen: Footprint) -> Chunk:
    """Accounts; last login, failures and locks are those of the login attempts."""
    plan, rows, world = people.plan, people.rows, people.world
    count, rng = len(rows), stream(plan, "saas_users")
    rank = rank_in_group(rows.tenant)
    logged_in = ~np.isnat(seen.last_at)
    deleted = people.status == DELETED
    admin = rows.first[rows.tenant]
    changed = inside(rng, rows.created_at, people.until)
    touched = np.fmax(np.fmax(rows.created_at, seen.last_at), when(people.until, deleted))
    verified = people.status != PENDING
    return "saas_users", conform(
        "saas_users",
        {
            "id": rows.ids(),
            "tenant_id": rows.tenant_ids(),
            "username": pa.array(world.username(np.arange(count))),
            "email": people.emails,
            "phone": people.phones,
            "password_hash": join("pbkdf2$", hex_text(rng, count, 64)),
            "profile": nullify(
                json_object(
                    real_name=person_names(rng, count),
                    gender=choice(rng, count, {"female": 5, "male": 5, "unknown": 1}),
                ),
                chance(rng, count, 0.95),
            ),
            "department": take(DEPARTMENTS, rng.integers(-1, len(DEPARTMENTS), count)),
            "position": take(POSITIONS, rng.integers(-1, len(POSITIONS), count)),
            "employee_id": nullify(codes("E", rank + 1, 5), chance(rng, count, 0.8)),
            "status": take(USER_STATUS, people.status),
            "is_super_admin": (rows.tenant == 0) & (rank > 0) & (rank < 4),
            "is_tenant_admin": rank == 0,
            "email_verified": verified & people.emails.is_valid().to_numpy(False),
            "phone_verified": verified
            & people.phones.is_valid().to_numpy(False)
            & chance(rng, count, 0.8),
            "identity_verified": verified & chance(rng, count, 0.3),
            "last_login_at": seen.last_at,
            "last_login_ip": take(people.addresses, seen.last_ip),
            "last_login_device": take(words.USER_AGENTS, seen.last_agent),
            "login_failure_count": seen.failures,
            "locked_until": seen.locked_until,
            "password_changed_at": when(changed, verified & chance(rng, count, 0.5)),
            "must_change_password": ~logged_in & chance(rng, count, 0.5),
            "password_never_expires": chance(rng, count, 0.03),
            "mfa_enabled": people.mfa,
            "mfa_secret": nullify(hex_text(rng, count, 32), people.mfa),
            "mfa_backup_codes": nullify(join('["', hex_text(rng, count, 8), '"]'), people.mfa),
            "preferences": json_choice(rng, count, [{"layout": "wide"}, {"layout": "compact"}]),
            "notification_settings": json_choice(
                rng, count, [{"email": True, "sms": False}], null=0.4
            ),
            "language": choice(rng, count, {"zh-CN": 9, "en-US": 1}),
            "custom_fields": json_choice(rng, count, [{"工位": "A-12"}], null=0.8),
            "tags": json_choice(rng, count, [["vip"], ["试用", "🌱"]], null=0.7),
            "deleted_at": when(people.until, deleted),
            "deleted_by": rows.ids(np.where(deleted, admin, -1)),
            "created_at": rows.created_at,
            "updated_at": touched,
            "created_by": rows.ids(np.where(rank == 0, -1, admin)),
        },
    )


# --- roles and permissions -----------------------------------------------------------------------

# (code, name, rank of the parent or -1, level); further ones are custom children of the operator.
ROLE_KINDS = (
    ("admin", "管理员", -1, 0),
    ("operator", "业务操作员", -1, 0),
    ("viewer", "只读成员", 1, 1),
    ("auditor", "审计员", 0, 1),
    ("sales", "销售", 1, 1),
    ("support", "客服 🎧", 1, 1),
    ("sales_trainee", "实习销售", 4, 2),
    ("guest", "访客", 2, 2),
)
RESOURCES = {
    "core": ("department", "api_key", "file", "alert", "notification"),
    "ai": ("conversation", "knowledge_base", "tool", "platform", "strategy"),
    "wework": ("message", "contact", "group", "callback", "monitor_rule"),
    "health": ("record", "device", "checkup", "vital_sign", "alert_rule"),
    "business": ("service", "provider", "coupon", "campaign", "schedule"),
    "customer": ("segment", "tag", "behavior", "lifecycle", "contact"),
}
ACTIONS = ("menu", "read", "create", "update", "delete", "export")
SCOPES = ("global", "department", "group", "project", "custom")


def plan_roles(people: People) -> Roles:
    """At least two roles a tenant, so that every user can hold one, and more for large ones."""
    plan, world = people.plan, people.world
    rng = stream(plan, "core/roles")
    total = max(plan.rows("saas_roles"), 4 * world.tenant_count)
    sizes = apportion(total, world.weight**0.5, least=2)
    tenant = np.repeat(np.arange(world.tenant_count), sizes)
    first, rank = np.r_[0, np.cumsum(sizes)], rank_in_group(tenant)
    kind = np.minimum(rank, len(ROLE_KINDS))
    above = np.asarray([k[2] for k in ROLE_KINDS] + [1])[kind]
    level = np.asarray([k[3] for k in ROLE_KINDS] + [1])[kind]
    born = world.created_at[tenant]
    later = inside(rng, born, world.closed_at[tenant], 2.0)
    parent = np.where(above < 0, -1, first[tenant] + above)
    created = np.where(rank < 4, born, later)
    created = np.where(parent < 0, created, np.maximum(created, created[parent]))
    return Roles(people, tenant, rank, first, parent, level, created)


def roles(planned: Roles) -> Chunk:
    """The roles with their place in the tree; some not in force in one way or another."""
    people, rank = planned.people, planned.rank
    count, rng = len(rank), stream(people.plan, "saas_roles")
    kind, index = np.minimum(rank, len(ROLE_KINDS)), np.arange(count)
    number = np.where(rank < len(ROLE_KINDS), 0, rank)
    labels = [(k[0], k[1]) for k in ROLE_KINDS] + [
        (f"custom_{n}", f"自定义角色 {n}") for n in range(len(ROLE_KINDS), int(rank.max()) + 1)
    ]
    label = np.where(number == 0, kind, number)
    base = rank < 2
    status = np.where(base, 0, choice_index(rng, count, (85, 6, 5, 4)))
    begins, ends = chance(rng, count, 0.06) & ~base, chance(rng, count, 0.06) & ~base
    future = plus_seconds(np.full(count, people.end), rng.integers(DAY, 60 * DAY, count))
    end_at = inside(rng, planned.created_at, np.full(count, people.end))
    above = planned.parent
    top = np.where(above < 0, -1, planned.parent[above])
    path = join(
        _path_part(planned, top), _path_part(planned, above), "/", planned.ids(index)
    )  # the tree is three levels deep
    return "saas_roles", conform(
        "saas_roles",
        {
            "id": planned.ids(index),
            "tenant_id": tenant_column(people, planned.tenant),
            "role_code": take([code for code, _ in labels], label),
            "role_name": take([name for _, name in labels], label),
            "role_description": nullify(sentences(rng, count), chance(rng, count, 0.6)),
            "role_category": take(
                ("system", "business", "custom", "inherited"),
                np.where(rank == 0, 0, np.where(number > 0, 2, np.where(above < 0, 1, 3))),
            ),
            "role_source": take(("builtin", "template", "custom"), np.minimum(rank // 2, 2)),
            "role_level": planned.level,
            "parent_role_id": planned.ids(above),
            "role_path": path,
            "permission_scope": take(
                ("global", "tenant", "department", "group", "self"),
                np.where(base, 1, rng.integers(1, 5, count)),
            ),
            "data_scope": json_choice(rng, count, [{"own": True}], null=0.7),
            "max_users": pa.array(np.full(count, 200), mask=number == 0),
            "is_system_role": rank == 0,
            "is_default_role": rank == 1,
            "is_assignable": chance(rng, count, 0.93),
            "auto_assign_rules": json_choice(rng, count, [{"department": "销售部"}], null=0.9),
            "effective_start": when(future, begins),
            "effective_end": when(end_at, ends & ~begins),
            "status": take(("active", "inactive", "deprecated", "draft"), status),
            "created_at": planned.created_at,
            "created_by": people.rows.ids(np.where(base, -1, people.rows.first[planned.tenant])),
        },
    )


def _path_part(planned: Roles, index: Indexes) -> pa.Array:
    """'/id' of a role above, nothing where there is none."""
    return join("/", planned.ids(index)).fill_null("")


def permission_count(plan: Plan) -> int:
    """How many permissions the catalogue has beside those that ship with the platform."""
    return min(plan.rows("saas_permissions"), len(MODULES) * 5 * len(ACTIONS))


def permissions(people: People) -> Chunk:
    """Per module and resource a menu entry with its actions below it.

    Resources differ from those of the shipped permissions, so codes cannot collide.
    """
    plan = people.plan
    count, rng = permission_count(plan), stream(plan, "saas_permissions")
    index = np.arange(count)
    group, action = index // len(ACTIONS), index % len(ACTIONS)
    module, place = group % len(MODULES), group // len(MODULES)
    names = [name for m in MODULES for name in RESOURCES[m]]
    resource = take(names, module * 5 + place)
    menu = action == 0
    parent = np.where(menu, -1, group * len(ACTIONS))
    ids = ids_of(plan, "saas_permissions", index)
    above = join("/", ids_of(plan, "saas_permissions", parent)).fill_null("")
    code = join(take(MODULES, module), ".", resource, ".", take(ACTIONS, action))
    status = np.where(menu, 0, choice_index(rng, count, (92, 4, 4)))
    before = np.datetime64(plan.start, "s") - np.timedelta64(4 * 365, "D")
    return "saas_permissions", conform(
        "saas_permissions",
        {
            "id": ids,
            "permission_code": code,
            "permission_name": join(
                take(("菜单", "查看", "新建", "修改", "删除", "导出"), action), " ", resource
            ),
            "permission_description": nullify(sentences(rng, count), chance(rng, count, 0.4)),
            "module": take(MODULES, module),
            "sub_module": nullify(resource, chance(rng, count, 0.3)),
            "resource": resource,
            "action": take(ACTIONS, action),
            "permission_level": np.where(menu, 0, 1),
            "parent_permission_id": ids_of(plan, "saas_permissions", parent),
            "permission_path": join(above, "/", ids),
            "is_menu_permission": menu,
            "is_button_permission": action > 1,
            "is_data_permission": action == 1,
            "requires_mfa": (action >= 4) & chance(rng, count, 0.5),
            "time_restrictions": json_choice(rng, count, [{"hours": [8, 20]}], null=0.95),
            "menu_config": nullify(json_object(route=join("/", resource), order=place), menu),
            "api_endpoints": nullify(join('["GET /api/', resource, '"]'), ~menu),
            "status": take(("active", "inactive", "deprecated"), status),
            "created_at": np.full(count, before),
        },
    )


def role_permissions(planned: Roles) -> Chunk:
    """Roots allow and deny, children mostly inherit what their parent has, but not only."""
    people = planned.people
    plan, rng = people.plan, stream(people.plan, "saas_role_permissions")
    roles_, catalogue = len(planned.tenant), permission_count(plan)
    wanted = np.where(planned.rank == 0, 14, np.where(planned.level == 0, 9, 6))
    has = np.zeros((roles_, catalogue), dtype=bool)
    for level in range(3):
        mine = np.flatnonzero(planned.level == level)
        score = rng.random((len(mine), catalogue))
        if level:
            score -= 0.75 * has[planned.parent[mine]]
        order = np.argsort(np.argsort(score, axis=1), axis=1)
        has[mine] = order < wanted[mine, None]
    role, permission = np.nonzero(has)
    count = len(role)
    child = planned.parent[role] >= 0
    kind = np.where(
        child, choice_index(rng, count, (30, 12, 58)), choice_index(rng, count, (93, 7, 0))
    )
    return "saas_role_permissions", conform(
        "saas_role_permissions",
        {
            "id": ids_of(plan, "saas_role_permissions", np.arange(count)),
            "tenant_id": tenant_column(people, planned.tenant[role]),
            "role_id": take(planned.ids(np.arange(roles_)), role),
            "permission_id": take(
                ids_of(plan, "saas_permissions", np.arange(catalogue)), permission
            ),
            "permission_type": take(("allow", "deny", "inherit"), kind),
            "conditions": json_choice(rng, count, [{"hours": [9, 18]}], null=0.95),
            "constraints": json_choice(rng, count, [{"max_rows": 1000}], null=0.9),
            "data_filter": json_choice(rng, count, [{"department": "self"}], null=0.9),
            "field_permissions": json_choice(rng, count, [{"phone": "hidden"}], null=0.9),
            "created_at": planned.created_at[role],
            "created_by": people.rows.ids(
                np.where(planned.rank[role] < 2, -1, people.rows.first[planned.tenant[role]])
            ),
        },
    )


def user_roles(planned: Roles) -> Chunk:
    """Assignments: in force, expired (some still marked active), planned, revoked; NULL scopes."""
    people = planned.people
    plan, rng, users_ = people.plan, stream(people.plan, "saas_user_roles"), people.rows
    drawn = plan.rows("saas_user_roles") * 2
    # A tenant's first user administrates it.
    user = np.r_[users_.first[:-1][users_.count() > 0], rng.integers(0, len(users_), drawn)]
    sizes = np.diff(planned.first)[users_.tenant[user]]
    rank = np.floor(rng.random(len(user)) ** 1.3 * sizes).astype(np.int64)
    rank = np.where(np.arange(len(user)) < len(user) - drawn, 0, rank)
    role = planned.first[users_.tenant[user]] + rank
    scope = choice_index(rng, len(user), (60, 14, 8, 6, 4, 8))  # 5 is NULL, read as global
    meant = np.where(scope == 5, 0, scope)
    _, once = np.unique((user * len(planned.tenant) + role) * 5 + meant, return_index=True)
    kept = np.sort(once)[: max(plan.rows("saas_user_roles"), len(user) - drawn)]
    user, role, scope = user[kept], role[kept], scope[kept]
    count = len(user)
    end = np.full(count, people.end)
    able = np.maximum(users_.created_at[user], planned.created_at[role])
    granted = np.minimum(inside(rng, able, end, 4.0), end)
    by_hand = chance(rng, count, 0.85)
    granter = people.somebody(rng, users_.tenant[user], granted)
    status = choice_index(rng, count, (80, 8, 8, 4))
    status = np.where(granted < end - np.timedelta64(2, "D"), status, 0)
    over = (status == 1) | ((status == 0) & chance(rng, count, 0.06))
    ahead = ~over & chance(rng, count, 0.15)
    past = inside(rng, granted, end)
    future = plus_seconds(end, rng.integers(DAY, 300 * DAY, count))
    expires = np.where(over, past, when(future, ahead))
    begins, closes = chance(rng, count, 0.08), chance(rng, count, 0.08)
    begin = np.where(chance(rng, count, 0.4), future, granted)
    close = np.where(chance(rng, count, 0.5), plus_seconds(future, DAY), past)
    close = np.where(begins, np.maximum(begin, close), close)
    revoked = status == 2
    return "saas_user_roles", conform(
        "saas_user_roles",
        {
            "id": ids_of(plan, "saas_user_roles", np.arange(count)),
            "tenant_id": tenant_column(people, users_.tenant[user]),
            "user_id": users_.pooled_ids(user),
            "role_id": take(planned.ids(np.arange(len(planned.tenant))), role),
            "granted_by": users_.ids(np.where(by_hand, granter, -1)),
            "granted_at": granted,
            "grant_reason": nullify(sentences(rng, count), by_hand & chance(rng, count, 0.4)),
            "scope_type": take(SCOPES, np.where(scope == 5, -1, scope)),
            "scope_value": nullify(
                json_object(ids=Raw(join('["', take(DEPARTMENTS, scope), '"]'))),
                (scope > 0) & (scope < 5),
            ),
            "effective_start": when(begin, begins),
            "effective_end": when(close, closes),
            "expires_at": expires,
            "status": take(("active", "expired", "revoked", "suspended"), status),
            "revoked_by": users_.ids(np.where(revoked, users_.first[users_.tenant[user]], -1)),
            "revoked_at": when(past, revoked),
            "revoke_reason": nullify(sentences(rng, count), revoked & chance(rng, count, 0.7)),
        },
    )
