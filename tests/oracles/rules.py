"""Rules evaluated one customer at a time, in plain Python, from the JSON as a person wrote it.

Shares nothing with the engine: no parser, no typed values, no SQL.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any


@dataclass(frozen=True)
class Subject:
    """What is known of one customer: columns and figures by name, tags, behaviour by day."""

    known: Mapping[str, Any]
    tags: frozenset[str] = frozenset()
    # (code, day) -> (events, value)
    days: Mapping[tuple[str, date], tuple[int, Any]] = field(default_factory=dict)


def holds(rule: Mapping[str, Any], subject: Subject, as_of: datetime) -> bool:
    """Whether the subject meets the rule."""
    if "all" in rule:
        return all(holds(part, subject, as_of) for part in rule["all"])
    if "any" in rule:
        return any(holds(part, subject, as_of) for part in rule["any"])
    if "not" in rule:
        return not holds(rule["not"], subject, as_of)
    name, op, wanted = rule["field"], rule["op"], rule["value"]
    if name == "tags":
        return _tags(op, wanted, subject.tags)
    actual = _actual(name, subject, as_of)
    if op == "is_null":
        return (actual is None) == wanted
    if op == "ne":
        return not _meets("eq", actual, wanted, as_of)
    if op == "not_in":
        return not _meets("in", actual, wanted, as_of)
    return _meets(op, actual, wanted, as_of)


def _tags(op: str, wanted: Any, tags: frozenset[str]) -> bool:
    if op == "contains":
        return wanted in tags
    if op == "is_null":
        return (not tags) == wanted
    return (not tags.isdisjoint(wanted)) == (op == "in")


def _actual(name: str, subject: Subject, as_of: datetime) -> Any:
    if name == "age":
        return _age(subject.known["birth_date"], as_of.date())
    if not name.startswith("behavior."):
        return subject.known[name]
    code, measure, length = name.removeprefix("behavior.").rsplit(".", 2)
    ago = [as_of.date() - timedelta(days=n) for n in range(int(length))]
    found = [subject.days[code, day] for day in ago if (code, day) in subject.days]
    return sum((Fraction(row[measure == "sum"]) for row in found), Fraction(0))


def _age(born: date | None, today: date) -> int | None:
    if born is None or born > today:
        return None
    years = today.year - born.year
    return years - ((today.month, today.day) < (born.month, born.day))


def _meets(op: str, actual: Any, wanted: Any, as_of: datetime) -> bool:
    if actual is None:
        return False
    if op == "within_days":
        return 0 <= (as_of.date() - _day(actual)).days < wanted
    if op == "older_than_days":
        return (as_of.date() - _day(actual)).days > wanted
    if op == "in":
        return any(_compare(actual, w) == 0 for w in wanted)
    if op == "between":
        return _compare(actual, wanted[0]) >= 0 and _compare(actual, wanted[1]) <= 0
    if op == "contains":
        return wanted in actual
    if op == "starts_with":
        return actual[: len(wanted)] == wanted
    order = _compare(actual, wanted)
    return {
        "eq": order == 0, "gt": order > 0, "gte": order >= 0, "lt": order < 0, "lte": order <= 0,
    }[op]  # fmt: skip


def _compare(actual: Any, wanted: Any) -> int:
    """-1, 0 or 1; a moment is compared with a date by its day, with a time by its second."""
    left: Any
    right: Any
    if isinstance(actual, date):
        left, right = str(_day(actual)), wanted
        if isinstance(actual, datetime) and len(wanted) > 10:
            left, right = actual.strftime("%Y-%m-%d %H:%M:%S"), wanted.replace("T", " ")
    elif isinstance(actual, str):
        left, right = actual, wanted
    else:
        left, right = Fraction(actual), Fraction(repr(wanted))
    return (left > right) - (left < right)


def _day(moment: date) -> date:
    return moment.date() if isinstance(moment, datetime) else moment


def chosen(
    rule: Mapping[str, Any], subjects: Mapping[str, Subject], as_of: datetime
) -> Sequence[str]:
    """The ids that meet the rule, sorted."""
    return sorted(key for key, subject in subjects.items() if holds(rule, subject, as_of))
