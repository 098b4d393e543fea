"""The nets, each asked what it says of a warehouse; and a fault thrown into all of them."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import duckdb
import yaml
from fault_catalogue import Fault
from fault_replay import Recording, copy_of, open_copy

from orchestration import clock, database
from orchestration.freshness import bounds_of, newest_row
from orchestration.late_data import find_late_days
from orchestration.schema.doctor import examine
from orchestration.settings import PLATFORM, PROJECT_ROOT, Settings
from orchestration.validation import KINDS, products_of, scope_of

Net = Callable[[Settings], tuple[str, ...]]
# What the environment decides, not the data.
_NOT_OURS = ("disk", "file", "version")
_CONSTRAINTS = (
    duckdb.ConstraintException,
    duckdb.ConversionException,
    duckdb.OutOfRangeException,
)


@dataclass(frozen=True)
class Verdict:
    """What became of a fault: the alarms by net, and the seconds until the last net had spoken."""

    fault: Fault
    alarms: dict[str, tuple[str, ...]] = field(default_factory=dict)
    seconds: float = 0.0
    problem: str = ""

    @property
    def is_caught(self) -> bool:
        """Whether the net that must catch it did."""
        return self.fault.net in self.alarms

    @property
    def by(self) -> str:
        """Which check of that net, or what was found instead."""
        found = self.alarms.get(self.fault.net, ())
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        return f"{found[0]}{more}" if found else "nobody"

    def __str__(self) -> str:
        caught = "caught" if self.is_caught else "NOT CAUGHT"
        others = "; ".join(f"{net}: {', '.join(a)}" for net, a in self.alarms.items())
        line = f"{caught:10} {self.seconds:5.1f} s  {self.fault.id} by {self.fault.net}: {self.by}"
        told = f"\n    alarms: {others or 'none'}" if not self.is_caught else ""
        return line + told + (f"\n    {self.problem}" if self.problem else "")


def throw(fault: Fault, clean: Settings, folder: Path, recording: Recording | None) -> Verdict:
    """Damage a copy and ask the nets: without a recording, those that need no build."""
    started = time.monotonic()
    settings = copy_of(clean, folder)
    alarms: dict[str, tuple[str, ...]] = {}
    problem = ""
    try:
        with _session(settings) as connection:
            for statement in fault.statements(clock.now(settings)):
                connection.execute(statement)
        alarms = ask(settings, fault, recording)
    except _CONSTRAINTS as error:
        text = str(error).split(chr(10))[0].removeprefix("Constraint Error: ")
        alarms["constraint"] = (re.split(r"[\":]", text)[0].strip(),)
    except duckdb.Error as error:
        problem = " ".join(str(error).split())[:300]
    finally:
        settings.duckdb_path.unlink(missing_ok=True)
    return Verdict(fault, alarms, time.monotonic() - started, problem)


def ask(
    settings: Settings, fault: Fault, recording: Recording | None
) -> dict[str, tuple[str, ...]]:
    """The alarms, by net: of the net that must catch the fault, of all others where it does not.

    What reads the damage is built between the nets that look at sources and those that look at
    outputs. Without a recording, nothing is built and only the fault's own net is asked.
    """
    early: dict[str, Net] = {
        "doctor": doctor,
        "freshness": freshness,
        "late data": late_data,
        "suite": lambda each: suites(each, (fault.domain,), ("sources",)),
    }

    def built(each: Settings) -> Settings:
        if fault.build and recording:
            with _session(each) as connection:
                recording.build(connection, recording.to_build(fault.changed))
        return each

    def tests(each: Settings) -> tuple[str, ...]:
        assert recording is not None
        with _session(each) as connection:
            return tuple(recording.failing(connection, recording.to_test(fault.changed)))

    late: dict[str, Net] = {
        "dbt test": tests,
        "suite": lambda each: suites(each, dict.fromkeys((fault.domain, PLATFORM)), ("outputs",)),
    }
    if own := early[fault.net](settings) if fault.net in early else ():
        return {fault.net: own}
    if recording is None:
        return {}
    others = {net: early[net](settings) for net in early if net != fault.net}
    if not others["doctor"]:
        built(settings)
        if fault.net in late and (own := late[fault.net](settings)):
            return {fault.net: own}
        for net in (net for net in late if net != fault.net):  # suites speak here once more
            others[net] = (*others.get(net, ()), *late[net](settings))
    return {net: alarms for net, alarms in others.items() if alarms}


def doctor(settings: Settings) -> tuple[str, ...]:
    """What differs from the schema of record."""
    return tuple(
        f"{finding.check}: {finding.detail[:80]}"
        for finding in examine(settings)
        if finding.level != "ok" and finding.check not in _NOT_OURS
    )


def freshness(settings: Settings) -> tuple[str, ...]:
    """Tables whose newest row is too old."""
    now = clock.now(settings)
    with database.connect(settings, read_only=True) as connection:
        return tuple(
            bounds.table
            for bounds in _bounds()
            if bounds.severity(newest_row(connection, settings, bounds, now), now)
        )


def late_data(settings: Settings) -> tuple[str, ...]:
    """Days that hold other counts than when they were built."""
    return tuple(f"{f.witness.source} {f.first}" for f in find_late_days(settings))


def suites(
    settings: Settings, domains: Iterable[str], kinds: Sequence[str] = KINDS
) -> tuple[str, ...]:
    """Expectations that find something, by the queries that their messages name.

    `validate` asks the same through Great Expectations, in seconds instead of milliseconds; a test
    holds both against each other.
    """
    scope = scope_of(settings)
    broken = []
    with _session(settings) as connection:
        for product in (p for d in domains for k in kinds for p in products_of(d, k, scope)):
            for expectation in product.expectations:
                look = product.look(scope, expectation)
                if connection.execute(f"select 1 from ({look}) as found limit 1").fetchone():
                    broken.append(expectation.name)
    return tuple(broken)


@contextmanager
def _session(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    connection = open_copy(settings)
    try:
        yield connection
    finally:
        connection.close()


@lru_cache(maxsize=1)
def _bounds() -> list:
    files = sorted((PROJECT_ROOT / "models" / "staging").rglob("*__sources.yml"))
    groups = [s for f in files for s in yaml.safe_load(f.read_text(encoding="utf-8"))["sources"]]
    return [bounds_of(t) for s in groups for t in s["tables"] if t.get("loaded_at_field")]
