"""Known damage for quality suites to find: `--dirt RATE`, and a ledger of exactly what was damaged.

Only damage that both engines let in: keys stay unique, foreign keys, NOT NULL and enums hold. So
every kind is one that no constraint stops, which is why the checks above the database exist.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from orchestration.sampledata.conform import TEXT
from orchestration.sampledata.plan import Plan
from orchestration.sampledata.random import fixed_text, join, stream
from orchestration.schema.record import Column, Table, load_record

# Days a shifted timestamp moves: a connector that wrote another zone's wall clock.
_ZONE_HOURS = 8
_FUTURE_DAYS = 45


@dataclass(frozen=True)
class Damage:
    """One line of the ledger: what a cell was and what it is now, both as text."""

    table: str
    key: dict[str, str]
    kind: str
    column: str
    before: str | None
    after: str | None

    def line(self) -> str:
        """One JSON object."""
        return json.dumps(self.__dict__, ensure_ascii=False, sort_keys=True)


# A kind: which columns it suits, and the new values of the chosen cells.
Suits = Callable[[Table, Column], bool]
Change = Callable[[Plan, Table, Column, pa.Array], pa.Array]


def _is_key(table: Table, column: Column) -> bool:
    keyed = {name for key in (table.primary_key, *table.unique) for name in key}
    return column.name in keyed or column.name == table.partition_by_month


def _is_reference(table: Table, column: Column) -> bool:
    return column.name in {reference.column for reference in table.references}


def _plain_text(table: Table, column: Column) -> bool:
    named = column.name.endswith(("name", "content", "title", "remark", "notes", "description"))
    return column.base_type in ("varchar", "text", "longtext") and named


def _shifted(values: pa.Array, delta: timedelta) -> pa.Array:
    return pc.add(values, pa.scalar(delta, pa.duration("us")))


def _orphan(plan: Plan, table: Table, column: Column, values: pa.Array) -> pa.Array:
    """An id of the right shape that belongs to nobody."""
    index = np.arange(len(values)) + len(values) * 7
    nobody = fixed_text(plan, f"nobody/{table.name}.{column.name}", index, 28)
    return join("dead0000", nobody)


def _mojibake(plan: Plan, table: Table, column: Column, values: pa.Array) -> pa.Array:
    """UTF-8 read as Latin-1: 张伟 becomes å¼ ä¼Ÿ."""
    limit = column.type_arguments[0] if column.base_type == "varchar" else 16_000
    garbled = [v.as_py() and v.as_py().encode("utf-8").decode("latin-1")[:limit] for v in values]
    return pa.array(garbled, TEXT)


KINDS: dict[str, tuple[Suits, Change]] = {
    # a reference across databases or on a partitioned table, where no foreign key stands guard
    "orphan": (
        lambda t, c: (
            c.name.endswith("_id")
            and c.data_type == "varchar(36)"
            and not _is_reference(t, c)
            and not _is_key(t, c)
            and c.name in ("account_id", "customer_id", "user_id", "agent_id", "tenant_id",
                           "template_id", "campaign_id", "created_by", "patient_id", "device_id")
        ),
        _orphan,
    ),
    "negative_amount": (
        lambda t, c: (
            c.base_type == "decimal"
            and c.name.endswith(("amount", "price", "fee", "cost", "revenue", "value"))
        ),
        lambda plan, t, c, v: pc.subtract(pa.scalar(Decimal(0), v.type), pc.abs(v)).cast(v.type),
    ),
    "broken_counter": (
        lambda t, c: (
            c.base_type in ("int", "bigint")
            and c.name.startswith(("total_", "sent_", "received_", "successful_", "message_count"))
        ),
        lambda plan, t, c, v: pc.add(v, pa.scalar(1000, v.type)),
    ),
    "shifted_timestamp": (
        lambda t, c: (
            c.base_type == "timestamp"
            and not _is_key(t, c)
            and c.name in ("sent_at", "delivered_at", "read_at", "resolved_at", "completed_at",
                           "updated_at", "last_message_at", "payment_time", "measured_at")
        ),
        lambda plan, t, c, v: _shifted(v, timedelta(hours=-_ZONE_HOURS)),
    ),
    "future_row": (
        lambda t, c: c.name in ("created_at", "event_time") and not _is_key(t, c),
        lambda plan, t, c, v: _shifted(v, timedelta(days=_FUTURE_DAYS)),
    ),
    "mojibake": (lambda t, c: _plain_text(t, c) and not _is_key(t, c), _mojibake),
    "empty_text": (
        lambda t, c: _plain_text(t, c) and not _is_key(t, c),
        lambda plan, t, c, v: pa.array([""] * len(v), TEXT),
    ),
    "unknown_version": (
        # no enum in the database: an open list in which nobody has seen this word
        lambda t, c: c.name in ("event_type", "error_code", "client_version", "network_quality"),
        lambda plan, t, c, v: pa.array(["__unknown__"] * len(v), TEXT),
    ),
}  # fmt: skip

# Pairs that a careless import exchanges; both columns of one type.
SWAPS = (
    ("from_id", "to_id"),
    ("created_at", "updated_at"),
    ("sent_at", "delivered_at"),
    ("start_time", "end_time"),
    ("sent_messages", "received_messages"),
    ("systolic_pressure", "diastolic_pressure"),
    ("province", "city"),
)
# Tables where the same thing written twice under two ids breaks no key.
REPEATABLE = ("message_records", "callback_logs", "call_logs", "device_logs", "behavior_events",
              "audit_logs", "vital_signs", "status_history", "login_attempts")  # fmt: skip


def damage(
    plan: Plan, name: str, chunk: pa.Table, rate: float, number: int
) -> tuple[pa.Table, list[Damage]]:
    """Damage about `rate` of the chunk's rows, each row once, and say what was done.

    A row that is damaged has one kind; duplicates come on top, at the chunk's end. `number` counts
    the table's chunks: the same plan, rate and chunk give the same damage.
    """
    table = load_record().table(name)
    rng = stream(plan, f"dirt/{name}", number)
    chosen = np.flatnonzero(rng.random(len(chunk)) < rate)
    jobs = _jobs(table)
    if not len(chosen) or not jobs:
        return chunk, []
    plain = pa.schema([f.with_type(TEXT) if pa.types.is_dictionary(f.type) else f
                       for f in chunk.schema])  # fmt: skip
    kept_schema, chunk = chunk.schema, chunk.cast(plain)
    job_of = rng.integers(0, len(jobs), len(chosen))
    ledger: list[Damage] = []
    for position, job in enumerate(jobs):
        rows = chosen[job_of == position]
        if len(rows):
            chunk, lines = job(plan, table, chunk, rows)
            ledger += lines
    return chunk.cast(kept_schema), ledger


def ledger_lines(damages: list[Damage]) -> Iterator[str]:
    """The ledger's lines, each ending in a line break."""
    for entry in damages:
        yield entry.line() + "\n"


Job = Callable[[Plan, Table, pa.Table, Any], tuple[pa.Table, list[Damage]]]


def _jobs(table: Table) -> list[Job]:
    """What can be done to this table, in a fixed order; duplicates last, as they add rows."""
    jobs: list[Job] = []
    stored = [c for c in table.stored_columns if c.generated is None]
    for kind, (suits, change) in KINDS.items():
        jobs += [_cells(kind, c, change) for c in stored if suits(table, c)]
    names = {c.name: c for c in stored}
    for left, right in SWAPS:
        if left in names and right in names:
            pair = names[left], names[right]
            if not any(_is_key(table, c) or _is_reference(table, c) for c in pair):
                jobs.append(_swap(left, right))
    if table.name.endswith(REPEATABLE) and len(table.unique) == 0:
        jobs.append(_repeat)
    return jobs


def _key_of(table: Table, chunk: pa.Table, rows: Any) -> list[dict[str, str]]:
    columns = {name: chunk[name].take(pa.array(rows)).to_pylist() for name in table.primary_key}
    return [{name: str(values[i]) for name, values in columns.items()} for i in range(len(rows))]


def _replace(chunk: pa.Table, column: str, rows: Any, values: pa.Array) -> pa.Table:
    mask = np.zeros(len(chunk), dtype=bool)
    mask[rows] = True
    old = chunk[column].combine_chunks()
    new = pc.replace_with_mask(old, pa.array(mask), values.cast(old.type))
    return chunk.set_column(chunk.column_names.index(column), chunk.schema.field(column), new)


def _text(values: pa.Array) -> list[str | None]:
    return [None if v is None else str(v) for v in values.to_pylist()]


def _cells(kind: str, column: Column, change: Change) -> Job:
    def job(plan: Plan, table: Table, chunk: pa.Table, rows: Any) -> tuple[pa.Table, list[Damage]]:
        values = chunk[column.name].combine_chunks().take(pa.array(rows))
        known = values.is_valid().to_numpy(zero_copy_only=False)
        rows, values = rows[known], values.drop_null()
        if not len(rows):
            return chunk, []
        new = change(plan, table, column, values)
        # Only what really differs counts: minus zero is zero.
        differs = pc.not_equal(values, new.cast(values.type)).to_numpy(zero_copy_only=False)
        rows = rows[differs]
        values, new = values.filter(pa.array(differs)), new.filter(pa.array(differs))
        keys = _key_of(table, chunk, rows)
        lines = [
            Damage(table.name, key, kind, column.name, before, after)
            for key, before, after in zip(keys, _text(values), _text(new), strict=True)
        ]
        return (_replace(chunk, column.name, rows, new) if len(rows) else chunk), lines

    return job


def _swap(left: str, right: str) -> Job:
    def job(plan: Plan, table: Table, chunk: pa.Table, rows: Any) -> tuple[pa.Table, list[Damage]]:
        a = chunk[left].combine_chunks().take(pa.array(rows))
        b = chunk[right].combine_chunks().take(pa.array(rows))
        differs = pc.fill_null(pc.not_equal(a, b), False).to_numpy(zero_copy_only=False)
        rows, keep = rows[differs], pa.array(differs)
        if not len(rows):
            return chunk, []
        a, b = a.filter(keep), b.filter(keep)
        keys = _key_of(table, chunk, rows)
        lines = []
        for key, before, after in zip(keys, _text(a), _text(b), strict=True):
            lines.append(Damage(table.name, key, "swapped_columns", left, before, after))
            lines.append(Damage(table.name, key, "swapped_columns", right, after, before))
        return _replace(_replace(chunk, left, rows, b), right, rows, a), lines

    return job


def _repeat(plan: Plan, table: Table, chunk: pa.Table, rows: Any) -> tuple[pa.Table, list[Damage]]:
    """The same row once more under an id of its own."""
    extra = chunk.take(pa.array(rows))
    first = extra["id"].combine_chunks()
    digits = pc.utf8_slice_codeunits(first, 8)
    again = join("dead1111", digits)
    extra = extra.set_column(extra.column_names.index("id"), extra.schema.field("id"), again)
    keys = _key_of(table, extra, np.arange(len(rows)))
    lines = [
        Damage(table.name, key, "duplicate", "id", before, key["id"])
        for key, before in zip(keys, first.to_pylist(), strict=True)
    ]
    return pa.concat_tables([chunk, extra]), lines
