"""What the domains share: who exists, since when, and where.

Rows are integers here: row 17 of `customers` is customer 17 in every domain, and its id is
`ids_of(plan, "customers", 17)`. A domain that owns a table takes its rows from `World.rows`, so
that any other domain can refer to them without having generated them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from orchestration.sampledata.plan import Plan
from orchestration.sampledata.random import (
    Bools,
    Indexes,
    Times,
    apportion,
    chance,
    hash_share,
    ids_of,
    seconds_of,
    stream,
    take,
    zipf_weights,
)
from orchestration.schema.record import load_record
from orchestration.settings import DOMAINS

_FAR = 2**34  # seconds; more than any wall clock here, so tenant and time fit one sortable number


@dataclass(frozen=True)
class Rows:
    """The rows of one table, sorted by tenant and then by creation.

    `tenant[i]` is the tenant's index, `created_at[i]` wall clock (datetime64[s]); the first row of
    each tenant that has any was created with the tenant. `first[t]:first[t + 1]` are tenant t's.
    """

    plan: Plan
    table: str
    tenant: Indexes
    created_at: Times
    first: Indexes

    def __len__(self) -> int:
        """How many rows the table has."""
        return len(self.tenant)

    def ids(self, index: Indexes | None = None) -> pa.Array:
        """Ids of the rows at `index` (all by default); a negative index gives NULL."""
        return ids_of(self.plan, self.table, np.arange(len(self)) if index is None else index)

    def pooled_ids(self, index: Indexes) -> pa.DictionaryArray:
        """As `ids`, as a dictionary array: right when ids repeat often in a chunk."""
        return take(self.ids(), index)

    def tenant_ids(self, index: Indexes | None = None) -> pa.DictionaryArray:
        """The `tenant_id` column of the rows at `index` (all by default)."""
        tenant = self.tenant if index is None else self.tenant[index]
        return take(ids_of(self.plan, "saas_tenants", np.arange(len(self.first) - 1)), tenant)

    def count(self) -> Indexes:
        """Rows per tenant."""
        return np.diff(self.first)

    def pick(
        self,
        rng: np.random.Generator,
        tenants: Indexes,
        at: Times | None = None,
        skew: float = 1.0,
    ) -> Indexes:
        """For each tenant in `tenants` the index of one of its rows, created by `at` if given.

        -1 where there is none. `skew` above 1 prefers a tenant's older rows (4 is strong).
        """
        tenants = np.asarray(tenants, dtype=np.int64)
        low = self.first[tenants]
        if at is None:
            high = self.first[tenants + 1]
        else:
            key = self.tenant * _FAR + self.created_at.astype(np.int64)
            at_seconds = np.asarray(at, "datetime64[s]").astype(np.int64)
            high = np.searchsorted(key, tenants * _FAR + at_seconds, side="right")
        drawn = low + np.floor(rng.random(len(tenants)) ** skew * (high - low)).astype(np.int64)
        return np.where(high > low, np.minimum(drawn, high - 1), -1)


@dataclass
class CustomerOrders:
    """Per customer (index as in `world.customers`): what its orders add up to.

    Business fills it in `prepare`; the customer domain writes it into `customers`. Cancelled orders
    do not count. Money in cents; days are datetime64[D], NaT without orders.
    """

    orders: Indexes
    amount: Indexes
    last_amount: Indexes
    first_day: np.ndarray[Any, Any]
    last_day: np.ndarray[Any, Any]

    @classmethod
    def none(cls, customers: int) -> CustomerOrders:
        """Nobody has ordered anything yet."""
        never = np.full(customers, "NaT", dtype="datetime64[D]")
        zero = np.zeros(customers, dtype=np.int64)
        return cls(zero.copy(), zero.copy(), zero.copy(), never.copy(), never.copy())


@dataclass
class World:
    """Shared facts. Tenant t has index t everywhere; `weight` sums to 1 and falls like Zipf's law.

    `created_at`/`closed_at` bound a tenant's life (`closed_at` is the plan's end while it lives);
    `is_open` says whether it lives. `uses[domain]` says which tenants use a domain; all use core.
    Tenant 0 is the largest, is open and uses everything.
    """

    plan: Plan
    tenant_count: int
    code: list[str]
    weight: np.ndarray[Any, Any]
    created_at: Times
    closed_at: Times
    is_open: Bools
    uses: dict[str, Bools]
    orders: CustomerOrders = field(init=False)
    # What a domain's `prepare` keeps for its own `generate`, under the domain's name.
    shared: dict[str, Any] = field(default_factory=dict)
    _rows: dict[str, Rows] = field(default_factory=dict)

    @property
    def tenant_ids(self) -> pa.Array:
        """Ids of all tenants, by index."""
        return ids_of(self.plan, "saas_tenants", np.arange(self.tenant_count))

    @property
    def users(self) -> Rows:
        """Rows of saas_users; usernames are `world.username(index)`."""
        return self.rows("saas_users")

    @property
    def customers(self) -> Rows:
        """Rows of customers."""
        return self.rows("customers")

    def username(self, index: Indexes) -> list[str]:
        """Login names, unique within a tenant: u00001, u00002, … ."""
        return [
            f"u{n:05d}"
            for n in (np.asarray(index) - self.users.first[self.users.tenant[index]] + 1)
        ]

    def rows(self, table: str) -> Rows:
        """The rows of a table that has tenant_id: `plan.rows(table)` of them over the tenants.

        Each tenant that uses the table's domain gets at least one where there are enough; the same
        table always gives the same rows. Creation is spread over the tenant's life, and not before
        the table's retention allows.
        """
        if table not in self._rows:
            self._rows[table] = self._spread(table)
        return self._rows[table]

    def _spread(self, table: str) -> Rows:
        plan, rng = self.plan, stream(self.plan, f"world/{table}")
        domain = load_record().table(table).domain
        total = plan.rows(table)
        # Sizes follow the tenant's weight, with some deviation of this table's own.
        own = np.exp(0.35 * rng.standard_normal(self.tenant_count))
        weight = self.weight * own * self.uses[domain]
        users = int(self.uses[domain].sum())
        counts = np.zeros(self.tenant_count, dtype=np.int64)
        using = np.flatnonzero(self.uses[domain])
        counts[using] = apportion(total, weight[using], least=1 if total >= users else 0)
        tenant = np.repeat(np.arange(self.tenant_count), counts)
        first = np.r_[0, np.cumsum(counts)]
        born = self.created_at.astype(np.int64)[tenant]
        end = self.closed_at.astype(np.int64)[tenant]
        earliest = (
            max(seconds_of(plan.since(table)), 0) if load_record().table(table).retention else 0
        )
        born = np.minimum(np.maximum(born, earliest), end)
        # Later rows are likelier: tenants grow.
        created = born + np.floor(rng.random(total) ** 0.7 * (end - born)).astype(np.int64)
        created = created - created % 60 + rng.integers(0, 60, total)
        created = np.clip(created, born, end)
        created = np.sort(tenant * _FAR + created) - tenant * _FAR
        starts = first[:-1][counts > 0]
        created[starts] = born[starts]
        return Rows(plan, table, tenant, created.astype("datetime64[s]"), first)


def build_world(plan: Plan) -> World:
    """Everything shared, as integers; takes well under a second at any scale."""
    rng = stream(plan, "world")
    count = plan.rows("saas_tenants")
    start, end = seconds_of(plan.start), seconds_of(plan.end)
    # Two thirds were there before the history begins (up to three years), the rest join during it.
    older = rng.random(count) < 0.67
    created = np.where(
        older,
        start - rng.integers(1, 3 * 365 * 86_400, count),
        start + rng.integers(0, max(int((end - start) * 0.9), 1), count),
    )
    created[0] = start - 3 * 365 * 86_400
    # Churn: some of the old ones have left since.
    leaves = older & chance(rng, count, 0.12)
    leaves[: max(2, count // 10)] = False
    leaves[-1], created[-1] = True, start - 200 * 86_400  # at least one, at any scale
    closed = np.where(leaves, start + rng.integers(10 * 86_400, end - start, count), end)
    uses = {"core": np.ones(count, dtype=bool)}
    for domain in (name for name in DOMAINS if name != "core"):
        uses[domain] = hash_share(plan, f"uses/{domain}", np.arange(count)) < 0.85
        uses[domain][0] = True
    uses["customer"] |= uses["business"]  # orders need customers
    world = World(
        plan=plan,
        tenant_count=count,
        code=[f"t{n + 1:04d}" for n in range(count)],
        weight=zipf_weights(count, 0.9),
        created_at=created.astype("datetime64[s]"),
        closed_at=closed.astype("datetime64[s]"),
        is_open=~leaves,
        uses=uses,
    )
    world.orders = CustomerOrders.none(len(world.customers))
    return world
