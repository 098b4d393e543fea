"""Planning, pure: from a policy, the clock and what is there to the steps that a run takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from orchestration.retention.policy import Policy
from orchestration.schema.partitions import Partition, add_months, first_of_month

# Rows that one run deletes of one table at the most; tomorrow's goes on.
ROWS_A_RUN = 200_000
# A clock that is right sees rows this young somewhere.
STALE_DAYS = 7


@dataclass(frozen=True)
class Archived:
    """What the archive knows of a month. `expiring`: rows of it may be gone online."""

    rows: int
    expiring: bool = False
    keep_until: date | None = None


@dataclass(frozen=True)
class Facts:
    """What is there of one table: rows by month, the archive, and what stands in the way.

    `partitions` in order, empty without any; `within` has the rows by month of those that ended
    before the cutoff. `deletable` are rows by month without held and referenced ones. `unfinished`
    is a partition taken out by a run that was killed.
    """

    counts: Mapping[date, int] = field(default_factory=dict)
    archived: Mapping[date, Archived] = field(default_factory=dict)
    partitions: Sequence[Partition] = ()
    within: Mapping[str, Mapping[date, int]] = field(default_factory=dict)
    deletable: Mapping[date, int] = field(default_factory=dict)
    held: str = ""
    obstacle: str = ""
    distrust: str = ""
    unfinished: bool = False


@dataclass(frozen=True)
class Step:
    """One step: finish, archive, drop, delete; or refuse and keep, which say why nothing is done.

    `what` is a month (2026-05) or a partition.
    """

    table: str
    action: str
    what: str = ""
    rows: int = 0
    why: str = ""


def plan(policy: Policy, now: datetime, facts: Facts, rows_a_run: int = ROWS_A_RUN) -> list[Step]:
    """The steps for one table, in order."""
    name = policy.table
    if why := policy.problem(now) or facts.obstacle:
        return [Step(name, "refuse", why=why)]
    steps = [Step(name, "finish", why="a run was cut off")] if facts.unfinished else []
    if policy.archive:
        steps += _archive(policy, now, facts)
    expired = (
        _drops(policy, now, facts)
        if policy.is_partitioned
        else (_deletes(policy, now, facts, rows_a_run))
    )
    if facts.distrust and any(step.action in ("drop", "delete") for step in expired):
        expired = [Step(name, "refuse", why=facts.distrust)]
    return steps + expired


def _archive(policy: Policy, now: datetime, facts: Facts) -> list[Step]:
    steps = []
    for month, rows in sorted(facts.counts.items()):
        known = facts.archived.get(month)
        if month >= first_of_month(now.date()) or not rows or (known and known.expiring):
            continue
        if known is None or known.rows != rows:
            why = "closed" if known is None else f"{known.rows:,} rows in the archive"
            steps.append(Step(policy.table, "archive", f"{month:%Y-%m}", rows, why))
    return steps


def _drops(policy: Policy, now: datetime, facts: Facts) -> list[Step]:
    """Bounds decide, never names: a partition goes when all that it can hold is expired."""
    steps = []
    dated = [part for part in facts.partitions if part.before is not None]
    for part in dated[:-1]:  # never the newest
        assert part.before
        if part.before > policy.cutoff(now):
            break
        within = facts.within.get(part.name, {})
        why = facts.held or _kept(within, now, facts)
        action = "keep" if why else "drop"
        steps.append(Step(policy.table, action, part.name, sum(within.values()), why))
    return steps


def _deletes(policy: Policy, now: datetime, facts: Facts, left: int) -> list[Step]:
    steps = []
    for month, rows in sorted(facts.deletable.items()):
        if month >= policy.cutoff(now).date() or not rows:
            continue
        if why := facts.held or _kept({month: rows}, now, facts):
            steps.append(Step(policy.table, "keep", f"{month:%Y-%m}", rows, why))
        elif left:
            why = f"{rows - left:,} more later" if rows > left else ""
            steps.append(Step(policy.table, "delete", f"{month:%Y-%m}", min(rows, left), why))
            left -= min(rows, left)
    return steps


def _kept(within: Mapping[date, int], now: datetime, facts: Facts) -> str:
    for month in sorted(within):
        known = facts.archived.get(month)
        if known and known.keep_until and known.keep_until >= now.date():
            return f"restored, kept until {known.keep_until}"
    return ""


def clock_problem(now: datetime, server: datetime | None, newest: datetime | None) -> str:
    """Why the clock must not decide what is dropped; empty when it may.

    A clock that runs ahead would drop what is to be kept; one that is behind keeps more.
    """
    if server is not None and now > server + timedelta(hours=1):
        return f"the clock says {now}, but the server's {server}"
    if newest is not None and newest < now - timedelta(days=STALE_DAYS):
        return f"the clock says {now}, but the newest row anywhere is of {newest}"
    return ""


def month_bounds(month: date) -> tuple[datetime, datetime]:
    """A month's first moment, and the next one's."""
    start = datetime(month.year, month.month, 1)
    return start, datetime.combine(add_months(month, 1), datetime.min.time())
