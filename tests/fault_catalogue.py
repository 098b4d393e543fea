"""The fault catalogue: kinds of damage as YAML, read and checked.

A fault's statements name relations as {database}.relation. `{day[1]}` is the day so many days ago
as a SQL date, `{at[1]}` its midnight as a timestamp, `{now}` the clock.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from orchestration.errors import WarehouseError
from orchestration.settings import DATABASES, DOMAINS, PLATFORM

CATALOGUE = Path(__file__).parent / "quality" / "faults"
NETS = ("constraint", "doctor", "freshness", "late data", "dbt test", "suite")
SEVERITIES = ("critical", "high", "medium", "low")
TENTHS = 10
_KEYS = {"id", "domain", "happens", "inject", "net", "severity", "build"}
_CHANGED = re.compile(
    r"(?i)\b(?:update|insert into|insert or ignore into|delete from|alter table|drop table)"
    r"\s+\{(\w+)\}\.(\w+)"
)


@dataclass(frozen=True)
class Fault:
    """One kind of damage. Without `build`, it comes after the build that should have read it."""

    id: str
    domain: str
    happens: str
    inject: tuple[str, ...]
    net: str
    severity: str
    build: bool = True

    @property
    def changed(self) -> frozenset[tuple[str, str]]:
        """The relations that it damages, as (database, name)."""
        return frozenset(pair for text in self.inject for pair in _CHANGED.findall(text))

    def statements(self, now: datetime) -> list[str]:
        """Its SQL as of a moment."""
        names: dict[str, Any] = {home: home for home in (*DATABASES.values(), "warehouse")}
        names |= {"day": _Days(now.date(), "date '{}'"), "now": f"timestamp '{now}'"}
        names |= {"at": _Days(now.date(), "timestamp '{} 00:00:00'")}
        return [text.format_map(names) for text in self.inject]


@dataclass(frozen=True)
class _Days:
    today: date
    literal: str

    def __getitem__(self, days_ago: str | int) -> str:
        return self.literal.format(self.today - timedelta(days=int(days_ago)))


def catalogue() -> list[Fault]:
    """All faults, by domain and as they stand in its file."""
    return read(CATALOGUE / f"{domain}.yml" for domain in (*DOMAINS, PLATFORM))


def read(files: Iterable[Path]) -> list[Fault]:
    """The faults of some files; WarehouseError names the one that cannot be understood."""
    faults: list[Fault] = []
    for file in files:
        try:
            entries = yaml.safe_load(file.read_text(encoding="utf-8"))["faults"]
        except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
            raise WarehouseError(
                f"{file} is no fault file: {error}.", fix="write it as docs/quality.md shows."
            ) from error
        faults += [_fault(file, entry) for entry in entries]
    ids = [fault.id for fault in faults]
    if twice := sorted({each for each in ids if ids.count(each) > 1}):
        raise WarehouseError(f"Fault ids occur twice: {', '.join(twice)}.", fix="rename one.")
    return faults


def tenth(faults: Iterable[Fault], number: int) -> list[Fault]:
    """Every tenth fault of each domain, from the number's on: all ten of them are everything."""
    by_domain: dict[str, list[Fault]] = {}
    for fault in faults:
        by_domain.setdefault(fault.domain, []).append(fault)
    shifted = enumerate(by_domain.values())
    return [f for shift, group in shifted for f in group[(number - shift) % TENTHS :: TENTHS]]


def _fault(file: Path, entry: dict[str, Any]) -> Fault:
    name = entry.get("id", "a fault without an id")
    missing, unknown = _KEYS - {"build"} - entry.keys(), entry.keys() - _KEYS
    allowed = {"net": NETS, "severity": SEVERITIES, "domain": (*DOMAINS, PLATFORM)}
    wrong = [key for key, values in allowed.items() if key in entry and entry[key] not in values]
    if missing or unknown or wrong:
        what = [f"lacks {', '.join(sorted(missing))}"] if missing else []
        what += [f"has an unknown {', '.join(sorted(unknown))}"] if unknown else []
        what += [f"has {key} {entry[key]!r}" for key in wrong]
        allowed_text = "; ".join(f"{key}: {', '.join(values)}" for key, values in allowed.items())
        raise WarehouseError(f"{file}: {name} {' and '.join(what)}.", fix=f"use {allowed_text}.")
    inject = entry["inject"]
    statements = (inject,) if isinstance(inject, str) else tuple(inject)
    fault = Fault(**{**entry, "inject": statements, "happens": " ".join(entry["happens"].split())})
    if not fault.changed:
        raise WarehouseError(
            f"{file}: {name} changes nothing that can be recognised.",
            fix="write update, insert into, delete from, alter or drop table {database}.relation.",
        )
    return fault
