"""DuckDB and MySQL give the same answers: every relation that dbt builds, value by value.

Both engines are deployed, loaded with the same sample data and built as of the same instant. Rows
are matched as a multiset; what is left over is put side by side to say where it differs.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

import pytest
import warehouses
from warehouses import ENGINES, Content, Demo

from orchestration.dbt_project import target_path
from orchestration.settings import Settings

RELATIVE = 1e-9

Row = tuple[Any, ...]


@dataclass(frozen=True)
class Relation:
    """What dbt built, by its database without a prefix, and its name."""

    database: str
    name: str

    def __str__(self) -> str:
        return f"{self.database}.{self.name}"


def relations(settings: Settings) -> list[Relation]:
    """Every model, seed and snapshot of the manifest that this engine was built from."""
    manifest = json.loads((target_path(settings) / "manifest.json").read_text(encoding="utf-8"))
    return sorted(
        (
            Relation(node["schema"].removeprefix(settings.database_prefix), node["alias"])
            for node in manifest["nodes"].values()
            if node["resource_type"] in ("model", "seed", "snapshot")
            and node["config"]["materialized"] != "ephemeral"
        ),
        key=str,
    )


def test_both_engines_build_the_same_relations(demo: Demo) -> None:
    names = relations(demo.on("embedded"))
    assert names == relations(demo.on("mysql"))
    assert len(names) > 90


def test_every_value_is_the_same(demo: Demo) -> None:
    found, rows = [], 0
    for relation in relations(demo.on("embedded")):
        one = demo.content("embedded", relation.database, relation.name)
        other = demo.content("mysql", relation.database, relation.name)
        rows += len(one.rows)
        if difference := compare(one, other):
            found.append(f"{relation}: {difference}")
        if relation.database != "warehouse_staging" and not one.rows:
            found.append(f"{relation}: no rows, so nothing was compared")
    assert not found, "\n".join(found)
    assert rows > 100_000


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
def test_building_again_changes_nothing(demo: Demo, engine: str) -> None:
    """The whole build a second time, with every data test: each relation holds the same rows.

    test_readme_commands.py does the same to seed 1 by `make demo`.
    """
    before = demo.built(engine)
    warehouses.build_again(demo.on(engine))
    now = demo.built(engine)
    assert [name for name, rows in before.items() if now[name] != rows] == []


A = {"id": "a", "amount": Decimal("1.50"), "rate": 0.1, "is_open": True, "payload": '{"a": 1.0}',
     "at_time": time(8, 30), "seen_at": datetime(2026, 6, 30, 8)}  # fmt: skip
KINDS = ("varchar", "decimal(8,2)", "double", "boolean", "json", "time", "timestamp")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"is_open": 1, "payload": '{"a":1}', "at_time": timedelta(hours=8, minutes=30)}, ""),
        ({"amount": Decimal("1.5"), "rate": 0.1 * (1 + 5e-10)}, ""),
        ({"rate": 0.1 * (1 + 2e-9)}, "rate is 0.1, on MySQL 0.1000000002"),
        ({"rate": None}, "rate is 0.1, on MySQL None"),
        ({"amount": Decimal("1.51")}, "amount is Decimal('1.50'), on MySQL Decimal('1.51')"),
        ({"id": "A"}, "id is 'a', on MySQL 'A'"),
        ({"is_open": 0}, "is_open is True, on MySQL 0"),
        ({"payload": '{"a": 2}'}, "payload is '{\"a\": 1}'"),
        ({"payload": "null"}, "payload is"),
        ({"at_time": timedelta(hours=20, minutes=30)}, "at_time is"),
        ({"seen_at": datetime(2026, 6, 30, 8, 0, 1)}, "seen_at is"),
    ],
)
def test_a_difference_is_seen(changes: dict[str, Any], said: str) -> None:
    other = tuple({**A, **changes}.values())
    floats = tuple("float" if kind == "double" else "" for kind in KINDS)
    spare = ("b", None, None, None, None, None, None)
    left = Content(tuple(A), KINDS, [spare, tuple(A.values())])
    right = Content(tuple(A), floats, [other, spare])
    difference = compare(left, right)
    assert difference.startswith(said) and bool(difference) == bool(said)
    assert "2 rows, on MySQL 1; only one has" in compare(left, replace(right, rows=[spare]))
    assert "is double, on MySQL none" in compare(left, replace(right, kinds=("",) * 7))
    assert compare(left, replace(right, columns=tuple(reversed(A)))).startswith(
        "columns id, amount"
    )


# --- comparing -----------------------------------------------------------------------------------


def compare(embedded: Content, mysql: Content, engine: str = "MySQL") -> str:
    """Where two contents first differ, in words; empty when they are the same.

    `engine` is the other one's name; test_spark.py compares, too.
    """
    if embedded.columns != mysql.columns:
        return f"columns {', '.join(embedded.columns)}; on {engine} {', '.join(mysql.columns)}"
    floats = []
    for position, name in enumerate(embedded.columns):
        kind, is_float = embedded.kinds[position], mysql.kinds[position] == "float"
        if (kind in ("double", "float")) != is_float:
            return f"{name} is {kind}, on {engine} {'a float' if is_float else 'none'}"
        if is_float:
            floats.append(position)
    left = Counter(_plain_rows(embedded, embedded.kinds))
    right = Counter(_plain_rows(mysql, embedded.kinds))
    only_left, only_right = left - right, right - left
    exact = [p for p in range(len(embedded.columns)) if p not in floats]

    def order(row: Row) -> list[tuple[bool, Any]]:
        texts = [(row[p] is not None, str(row[p])) for p in exact]
        return texts + [(row[p] is not None, row[p] or 0) for p in floats]

    pairs = zip(
        sorted(only_left.elements(), key=order), sorted(only_right.elements(), key=order),
        strict=False,
    )  # fmt: skip
    for one, other in pairs:
        for position, name in enumerate(embedded.columns):
            a, b = one[position], other[position]
            if a != b and not (position in floats and _is_close(a, b)):
                return (
                    f"{name} is {a!r}, on {engine} {b!r}, in the row\n"
                    f"  {_show(embedded.columns, one)}\n  {_show(embedded.columns, other)}"
                )
    if len(embedded.rows) != len(mysql.rows):
        # Pairs above agree as far as they go, so one side's surplus is the other's lack.
        surplus = next((only_left or only_right).elements())
        return (
            f"{len(embedded.rows)} rows, on {engine} {len(mysql.rows)}; only one has\n"
            f"  {_show(embedded.columns, surplus)}"
        )
    return ""


def _plain_rows(content: Content, kinds: Sequence[str]) -> Iterator[Row]:
    """Rows whose values compare with ==, whichever engine they came from."""
    plain = {"json": _json, "time": _time}
    changes = [(p, plain[kind]) for p, kind in enumerate(kinds) if kind in plain]
    if not changes:
        return iter(content.rows)
    columns = [list(column) for column in zip(*content.rows, strict=True)]
    for position, change in changes if columns else []:
        columns[position] = [
            value if value is None else change(value) for value in columns[position]
        ]
    return zip(*columns, strict=True)


@lru_cache(maxsize=100_000)
def _json(text: str) -> str:
    value = json.loads(text, parse_float=lambda digits: _number(float(digits)))
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _number(value: float) -> int | float:
    return int(value) if value.is_integer() else value


def _time(value: Any) -> Any:
    return (datetime.min + value).time() if isinstance(value, timedelta) else value


def _is_close(one: Any, other: Any) -> bool:
    return None not in (one, other) and math.isclose(one, other, rel_tol=RELATIVE, abs_tol=0)


def _show(columns: Sequence[str], row: Row) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in zip(columns, row, strict=True))
