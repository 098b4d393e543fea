"""Operations killed anywhere and run again end as if they had never been killed.

A real `warehouse operation run` is killed (SIGKILL) at a step of its way through the database (see
dying.py), and every single step has its turn within this process. An operation joins by a line in
CASES: rows by table, and tables that it only adds to.
"""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import pytest
from dying import steps_told
from operation_rows import (
    AS_OF,
    HOUR,
    SECOND,
    Rows,
    ai_rows,
    core_rows,
    device_rows,
    health_rule_rows,
    lifecycle_rows,
    low_service_rows,
    monitor_rows,
    order_rows,
    ruled_rows,
)
from operation_runs import AUDIT, everything, fill, run
from rows import NOW, Row, make_tables
from write_back_rows import built, made

from orchestration import database
from orchestration.operations.register import OPERATIONS
from orchestration.operations.running import AlreadyRunning, Report
from orchestration.operations.write_back import WRITE_BACKS
from orchestration.schema.metadata import is_now
from orchestration.schema.record import load_record
from orchestration.settings import PROJECT_ROOT, Settings

DYING = Path(__file__).parents[1] / "dying.py"
BATCH_ROWS = 3
DOMAIN_OF = {operation.name: operation.domain for operation in OPERATIONS}


@dataclass(frozen=True)
class Case:
    """An operation, and what it finds in how many rows of each kind.

    `unlike` columns tell who started a run, how long it took or how far it came, which a broken one
    changes, and `logs` tell of each run.
    """

    name: str
    world: Callable[[random.Random, int], Rows]
    count: int = 40
    adds_to: tuple[str, ...] = ()
    unlike: tuple[str, ...] = ()
    logs: tuple[str, ...] = ()


def accounts(rng: random.Random, count: int) -> Rows:
    """ONLINE accounts, silent or not."""
    return {"wework_accounts": [
        {"id": str(n), "tenant_id": rng.choice(("t1", "t2")), "wework_guid": str(n),
         "account_name": str(n), "status": "ONLINE", "created_at": AS_OF - HOUR,
         "last_heartbeat_time": rng.choice((AS_OF, None, AS_OF - HOUR))}
        for n in range(count)
    ]}  # fmt: skip


def coupons(rng: random.Random, count: int) -> Rows:
    """Active coupons, over or not."""
    return {"marketing_coupons": [
        {"id": str(n), "tenant_id": rng.choice(("t1", "t2")), "coupon_code": str(n),
         "status": "active", "end_time": rng.choice((AS_OF, AS_OF - SECOND))}
        for n in range(count)
    ]}  # fmt: skip


def shown(name: str, rng: random.Random, count: int) -> Rows:
    """The applications' rows of a write-back."""
    return {WRITE_BACKS[name].table: made(name, rng, count)[0]}


CASES = (
    Case("cleanup_expired_data", core_rows),
    Case("cleanup_expired_conversations", ai_rows, 500),
    Case("mark_idle_conversations", ai_rows, 200),
    Case("check_device_status", device_rows),
    Case("update_customer_lifecycle", lifecycle_rows, 80),
    Case("auto_status_check", accounts,
         adds_to=("wework_account_status_history", "wework_account_alerts")),
    Case("cleanup_expired_coupons", coupons),
    Case("handle_timeout_service_orders", order_rows,
         adds_to=("service_order_status_history", "service_capacity_logs")),
    Case("check_low_capacity_services", low_service_rows, 80, adds_to=("service_capacity_logs",)),
    Case("evaluate_health_alert_rules", health_rule_rows, 80),
    Case("evaluate_wework_monitor_rules", monitor_rows, 80),
    Case("auto_assign_tags", ruled_rows, 80, logs=("tag_rule_execution_logs",)),
    Case("update_dynamic_segments", ruled_rows, 80, ("segment_calculation_history",),
         ("trigger_type", "calculation_duration_ms", "calculation_time_ms", "added_customers",
          "removed_customers")),
    *(Case(name, partial(shown, name), 120) for name in WRITE_BACKS),
)  # fmt: skip
# Each costs seconds; the others are among the long proofs.
QUICK = ("cleanup_expired_data", "check_device_status", "evaluate_health_alert_rules")
MARKED = [
    pytest.param(case, id=case.name, marks=() if case.name in QUICK else pytest.mark.slow)
    for case in CASES
]


def test_every_operation_has_a_case() -> None:
    assert {case.name for case in CASES} == set(DOMAIN_OF)
    assert len(CASES) == len(DOMAIN_OF)


class BrokenOff(BaseException):
    """Nobody in the code catches it."""


@dataclass
class Stage:
    """An engine with the tables of all cases, and how each case ends undisturbed."""

    settings: Settings
    ends: dict[Case, tuple[Rows, Rows, int]] = field(default_factory=dict)

    def of(self, case: Case) -> Settings:
        """The engine with the case's domain."""
        return replace(self.settings, domains=("core", DOMAIN_OF[case.name]))

    def prepare(self, case: Case) -> None:
        """Its rows and no others."""
        rows = case.world(random.Random(case.name), case.count)
        for name, listed in rows.items():
            rows[name] = [moments(name) | row for row in listed]
        fill(self.of(case), rows | {name: [] for name in case.adds_to})
        if case.name in WRITE_BACKS:
            figures = made(case.name, random.Random(case.name), case.count)[1]
            built(self.of(case), case.name, *figures)

    def look(self, case: Case, known: set[object] | None = None) -> Rows:
        """All its tables; new rows count without their ids, which may be drawn by lot."""
        tables = (*case.world(random.Random(1), 1), *case.adds_to)
        found = everything(self.of(case), tables)
        if known is None:
            return found
        for name, listed in found.items():
            for row in listed:
                for column in set(case.unlike) & set(row):
                    del row[column]
                row["id"] = row["id"] if (name, row["id"]) in known else "new"
            found[name] = sorted(listed, key=lambda row: str(list(row.values())))
        return found

    def undisturbed(self, case: Case) -> tuple[Rows, Rows, int]:
        """The rows before and after a run that is let be, and how many steps it takes."""
        if case not in self.ends:
            self.prepare(case)
            before = self.look(case)
            steps: list[int] = []
            with steps_told(lambda: steps.append(1)):
                report = run(self.of(case), case.name, batch_rows=BATCH_ROWS)
            assert report.changed > BATCH_ROWS, "too few rows to stop between them"
            after = self.look(case, ids_in(before))
            self.ends[case] = before, after, len(steps)
        return self.ends[case]

    def kill(self, case: Case, step: int, seconds: float = 0.0) -> None:
        """Start the command on the case's rows; return when it is dead."""
        self.prepare(case)
        words = (step, seconds, BATCH_ROWS, "operation", "run", case.name, "--as-of", AS_OF)
        child = subprocess.run(
            [sys.executable, str(DYING), *map(str, words)],
            cwd=PROJECT_ROOT,
            env=self.of(case).child_environment(),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert child.returncode == -signal.SIGKILL, child.stdout + child.stderr

    def break_off(self, case: Case, step: int) -> None:
        """Run it here until that step, without leave to tidy up anything but transactions."""
        self.prepare(case)
        left = iter(range(step - 1, -1, -1))

        def tell() -> None:
            if next(left, None) == 0:
                raise BrokenOff

        with steps_told(tell), suppress(BrokenOff):
            run(self.of(case), case.name, batch_rows=BATCH_ROWS)

    def again(self, case: Case) -> Report:
        """Run it once more; MySQL may take a moment to see that the other one is gone."""
        for _ in range(100):
            try:
                return run(self.of(case), case.name)
            except AlreadyRunning:
                time.sleep(0.1)
        raise AssertionError("the dead one still holds the guard")


@contextmanager
def held_open(settings: Settings) -> Iterator[None]:
    """DuckDB's file stays open: opening it again and again is what takes time."""
    with nullcontext() if settings.is_mysql else database.connect(settings):
        yield


def moments(name: str) -> Row:
    """What the server's clock would otherwise say, differently each time."""
    columns = load_record().table(name).stored_columns
    return {column.name: NOW for column in columns if is_now(column.default)}


def ids_in(found: Rows) -> set[object]:
    return {(name, row["id"]) for name, listed in found.items() for row in listed}


@pytest.fixture(scope="module")
def stage(module_engine_settings: Settings) -> Stage:
    stage = Stage(replace(module_engine_settings, as_of=AS_OF))
    names = {AUDIT}
    for case in CASES:
        names |= {*case.world(random.Random(1), 1), *case.adds_to, *case.logs}
    make_tables(stage.settings, sorted(names))
    return stage


@pytest.mark.parametrize("case", MARKED)
def test_killed_half_way(stage: Stage, case: Case) -> None:
    before, wanted, steps = stage.undisturbed(case)
    known = ids_in(before)
    stage.kill(case, steps // 2)
    left = stage.look(case)
    assert left != before and stage.look(case, known) != wanted, "it was not half done"
    assert stage.again(case).changed > 0
    assert stage.look(case, known) == wanted
    assert stage.again(case).changed == 0


@pytest.mark.parametrize("case", MARKED)
def test_broken_off_at_every_step(stage: Stage, case: Case) -> None:
    """Without a process, which takes seconds, each step has its turn."""
    few = replace(case, count=case.count // 4)
    with held_open(stage.settings):
        before, wanted, steps = stage.undisturbed(few)
        known = ids_in(before)
        for step in range(1, steps + 1):
            stage.break_off(few, step)
            stage.again(few)
            assert stage.look(few, known) == wanted, f"broken off at step {step} of {steps}"


@pytest.mark.slow
@pytest.mark.parametrize("point", range(3))
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_killed_anywhere(stage: Stage, case: Case, point: int) -> None:
    before, wanted, steps = stage.undisturbed(case)
    rng = random.Random(f"{case.name} {point} {stage.settings.target}")
    # Some in the middle of things, which no step marks.
    seconds = rng.choice((0.0, rng.uniform(0, 0.02)))
    stage.kill(case, rng.randint(1, steps), seconds)
    stage.again(case)
    assert stage.look(case, ids_in(before)) == wanted
    assert stage.again(case).changed == 0
