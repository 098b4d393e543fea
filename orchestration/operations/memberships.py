"""Who joins, stays and leaves when a rule decides over tags or segments.

One statement asks who meets the rule and who is in; `decide` is pure; the writes go by ids, in
batches. What people assigned (manual, import) is never touched.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from orchestration import database
from orchestration.operations.running import Run
from orchestration.rules.compile import Compiled

BY_RULE = ("rule", "auto")
LONGEST_REASON = 500
_IDS = uuid.UUID("6a0f7f6e-7d5a-5f0e-9c39-5d2f6d1f4c11")


@dataclass(frozen=True)
class Ledger:
    """How a table of memberships names its columns, and what a new row has besides."""

    table: str
    owner: str
    kind: str
    reason: str
    since: str
    seen: str
    extras: Mapping[str, Any]
    expires: str | None = None


TAG_LEDGER = Ledger(
    "customer_tags", "tag_id", "assign_type", "assign_reason", "assigned_at", "last_verified_at",
    {"tag_score": 1, "confidence": 1}, "expires_at",
)  # fmt: skip
SEGMENT_LEDGER = Ledger(
    "customer_segment_members", "segment_id", "join_type", "join_reason", "joined_at",
    "last_matched_at", {"match_score": 1},
)  # fmt: skip


@dataclass(frozen=True)
class Standing:
    """A customer who meets the rule, or is in by rule, or both; `id` is the membership's."""

    customer_id: str
    meets: bool
    id: str | None = None
    by_rule: bool = False
    active: bool = False
    expires_at: datetime | None = None
    seen_at: datetime | None = None


@dataclass(frozen=True)
class Moves:
    """Customers to let in; memberships to revive, to end, and to stamp as still right."""

    join: tuple[str, ...] = ()
    rejoin: tuple[str, ...] = ()
    leave: tuple[str, ...] = ()
    stay: tuple[str, ...] = ()


@dataclass
class Tally:
    """Rows really changed, kept up while the batches go, so that a broken run tells the truth."""

    added: int = 0
    removed: int = 0
    batches: int = 0

    def add(self, count: int) -> None:
        """A batch let so many in."""
        self.added += count
        self.batches += 1

    def remove(self, count: int) -> None:
        """A batch ended so many."""
        self.removed += count
        self.batches += 1


def decide(standings: Iterable[Standing], as_of: datetime, *, removes: bool) -> Moves:
    """What to do; `removes` lets those leave who meet the rule no more."""
    join, rejoin, leave, stay = [], [], [], []
    for one in standings:
        if one.id is None:
            if one.meets:
                join.append(one.customer_id)
            continue
        if not one.by_rule:
            continue
        lapsed = one.expires_at is not None and one.expires_at <= as_of
        if not one.meets:
            if one.active and removes:
                leave.append(one.id)
        elif not one.active or lapsed:
            rejoin.append(one.id)
        elif one.seen_at is None or one.seen_at < as_of:
            stay.append(one.id)
    return Moves(*(tuple(sorted(ids)) for ids in (join, rejoin, leave, stay)))


def standings(
    connection: sa.Connection, compiled: Compiled, held: sa.Table, ledger: Ledger, owner_id: str
) -> list[Standing]:
    """Everybody whom the rule or the ledger names, in one statement."""
    by_rule = held.c[ledger.kind].in_(BY_RULE)
    meets = compiled.condition
    rows = connection.execute(
        sa.select(
            compiled.subject_id,
            sa.case((meets, 1), else_=0),
            held.c.id,
            sa.case((by_rule, 1), else_=0),
            sa.case((held.c.status == "active", 1), else_=0),
            held.c[ledger.expires] if ledger.expires else sa.null(),
            held.c[ledger.seen],
        )
        .select_from(
            compiled.source.outerjoin(
                held,
                sa.and_(
                    held.c.customer_id == compiled.subject_id, held.c[ledger.owner] == owner_id
                ),
            )
        )
        .where(compiled.of_tenant, sa.or_(meets, sa.and_(by_rule, held.c.status == "active")))
    )
    return [
        Standing(customer, bool(met), key, bool(ruled), bool(active), expires, seen)
        for customer, met, key, ruled, active, expires, seen in rows
    ]


def write(
    run: Run,
    ledger: Ledger,
    moves: Moves,
    tally: Tally,
    *,
    tenant_id: str,
    owner_id: str,
    reason: str | None,
    extras: Mapping[str, Any],
) -> None:
    """Carry the moves out. Each batch looks again at what it changes, so nobody is overwritten."""
    held = run.table(ledger.table)
    as_of = run.as_of
    mine = held.c[ledger.kind].in_(BY_RULE)
    fresh = {
        ledger.kind: "rule",
        ledger.reason: reason and reason[:LONGEST_REASON],
        ledger.since: as_of,
        ledger.seen: as_of,
        "status": "active",
    } | ({ledger.expires: None} if ledger.expires else {})

    def join(connection: sa.Connection, customers: Sequence[str]) -> int:
        rows = [
            {
                "id": str(uuid.uuid5(_IDS, f"{owner_id}/{customer}")),
                "tenant_id": tenant_id,
                "customer_id": customer,
                ledger.owner: owner_id,
                **ledger.extras,
                **extras,
                **fresh,
            }
            for customer in customers
        ]
        return insert_missing(connection, held, rows)

    def rejoin(connection: sa.Connection, ids: Sequence[str]) -> int:
        away: Any = held.c.status != "active"
        if ledger.expires:
            away = sa.or_(away, held.c[ledger.expires] <= as_of)
        return connection.execute(
            held.update().where(held.c.id.in_(ids), mine, away).values(fresh)
        ).rowcount

    def leave(connection: sa.Connection, ids: Sequence[str]) -> int:
        here = held.c.status == "active"
        return connection.execute(
            held.update().where(held.c.id.in_(ids), mine, here).values(status="removed")
        ).rowcount

    def stay(connection: sa.Connection, ids: Sequence[str]) -> int:
        here = held.c.status == "active"
        return connection.execute(
            held.update().where(held.c.id.in_(ids), mine, here).values({ledger.seen: as_of})
        ).rowcount

    run.change(tenant_id, moves.join, join, tally.add)
    run.change(tenant_id, moves.rejoin, rejoin, tally.add)
    run.change(tenant_id, moves.leave, leave, tally.remove)
    run.stamp(moves.stay, stay)


def insert_missing(
    connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]
) -> int:
    """Insert the rows that no unique key has yet, and return how many these were.

    First thing in its transaction: DuckDB takes no rows beside a result that is still open.
    """
    if connection.dialect.name == "mysql":
        return connection.execute(table.insert().prefix_with("ignore"), rows).rowcount
    # On DuckDB a batch with ON CONFLICT takes seconds; this process holds the file, so nobody
    # inserts between the look and the insert.
    unique = (sa.PrimaryKeyConstraint, sa.UniqueConstraint)
    keys = [key for key in table.constraints if isinstance(key, unique)]
    with database.rows_as_table(connection, rows) as batch:
        taken = [
            sa.exists().where(
                *(table.c[column.name] == batch.c[column.name] for column in key.columns)
            )
            for key in keys
        ]
        missing = sa.select(*batch.c).where(*(sa.not_(one) for one in taken))
        return connection.execute(table.insert().from_select(list(rows[0]), missing)).rowcount
