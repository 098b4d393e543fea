"""Every macro against given and expected rows, on all engines: tests/unit/macros/<macro>.yml.

A file is one case or a list of them: `sql` calls the macro over a table `given`, whose columns have
`types`; `given` and `expect` are CSV (an empty field is NULL, '' the empty text). The macro is
right when all engines return exactly the expected rows.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import itertools
import random
from collections.abc import Iterator, Mapping
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from harness import (
    UNIT_TESTS,
    Compiled,
    SqlEngine,
    compare,
    compile_macros,
    open_engine,
    open_spark,
    read_csv,
    read_yaml,
)

from orchestration.settings import PROJECT_ROOT

FOLDER = UNIT_TESTS / "macros"
AS_OF = "2026-06-30 12:30:00"


def _cases() -> Iterator[tuple[str, Mapping[str, Any]]]:
    for file in sorted(FOLDER.glob("*.yml")):
        content = read_yaml(file)
        for number, case in enumerate(content if isinstance(content, list) else [content]):
            yield f"{file.stem}_{number}" if number else file.stem, case


CASES = dict(_cases())
ORACLES = {
    "oracle_divide": "select id, {{ exact_divide('n', 'd', 2) }} as s2, "
    "{{ exact_divide('n', 'd', 6) }} as s6, {{ round_half_up('n', 1) }} as r1 from given",
    "oracle_dates": "select id, {{ age_in_years('a', 'b') }} as age, "
    "{{ months_between('a', 'b') }} as months, {{ iso_year_week('a') }} as week, "
    "{{ week_start('a') }} as monday, {{ add_months('a', 'n') }} as later, "
    "{{ days_between('a', 'b') }} as days from given",
    "oracle_row_id": "select id, {{ row_id(['a', 'b']) }} as row_id from given",
}


ENGINES = (
    "embedded",
    pytest.param("mysql", marks=pytest.mark.mysql),
    pytest.param("spark", marks=pytest.mark.slow),
)


@pytest.fixture(scope="module", params=ENGINES)
def engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SqlEngine]:
    if request.param == "spark":
        with open_spark(tmp_path_factory.mktemp("spark")) as opened:
            yield opened
        return
    server = request.getfixturevalue("mysql_server") if request.param == "mysql" else None
    with open_engine(request.param, server) as opened:
        yield opened


@pytest.fixture(scope="module")
def compiled(engine: SqlEngine, tmp_path_factory: pytest.TempPathFactory) -> Compiled:
    folder = tmp_path_factory.mktemp("macros") / engine.name
    queries = {name: case["sql"] for name, case in CASES.items()} | ORACLES
    return compile_macros(engine.name, queries, folder, {"as_of": AS_OF})


def _run(engine: SqlEngine, compiled: Compiled, name: str) -> tuple[list[str], list[Any]]:
    assert name not in compiled.errors, compiled.errors[name]
    return engine.query(compiled.sql[name])


@pytest.mark.parametrize("name", CASES)
def test_given_and_expected(engine: SqlEngine, compiled: Compiled, name: str) -> None:
    case = CASES[name]
    engine.create("given", case.get("types", {"id": "int"}), read_csv(case.get("given", "id\n1")))
    compare(read_csv(case["expect"]), *_run(engine, compiled, name))


def test_every_macro_has_a_case() -> None:
    tested = " ".join(str(case["sql"]) for case in CASES.values())
    macros = [
        file.stem
        for folder in ("dialect", "governance")
        for file in (PROJECT_ROOT / "macros" / folder).glob("*.sql")
    ]
    parts_of_others = {"as_of_value", "cast_types", "elapsed_units", "json_path", "number_rows"}
    # The tests of windows, full refreshes, snapshots, dev targets and masking keys run these.
    statements = {
        "create_columns",
        "create_table_like",
        "drop_temporary_table",
        "fill_twin",
        "make_twin",
        "rows_of_another_key",
        "snapshot_hash_arguments",
        "swap_twin",
        "temporary_table",
    }
    missing = [m for m in macros if m not in parts_of_others | statements and f"{m}(" not in tested]
    assert not missing


def _half_up(value: Fraction, scale: int) -> Decimal:
    digits = (abs(value) * 10**scale * 2 + 1) // 2
    return Decimal(digits if value >= 0 else -digits).scaleb(-scale)


def test_exact_divide_against_fractions(engine: SqlEngine, compiled: Compiled) -> None:
    """Random quotients, and ties by construction: never a cent off."""
    random.seed(7)
    rows: list[dict[str, Any]] = []
    for number in range(2000):
        if number % 3:
            n = Decimal(random.randint(-(10**13), 10**13)).scaleb(-2)
            d = Decimal(random.choice([-1, 1]) * random.randint(1, 10 ** random.randint(1, 9)))
        else:  # a quotient that ends in 5 one digit behind the scale
            d = Decimal(random.randint(1, 9999)).scaleb(-2)
            n = Decimal(f"{random.randint(-9999, 9999)}.5") * d
            d *= 100
        rows.append({"id": number, "n": n, "d": d})
    types = {"id": "int", "n": "decimal(20,3)", "d": "decimal(20,2)"}
    rows = [{**r, "n": r["n"].quantize(Decimal("0.001"))} for r in rows]
    engine.create("given", types, rows)
    expect = []
    for row in rows:
        quotient = Fraction(row["n"]) / Fraction(row["d"])
        expect.append(
            (
                row["id"],
                _half_up(quotient, 2),
                _half_up(quotient, 6),
                row["n"].quantize(Decimal("0.1"), ROUND_HALF_UP),
            )
        )
    _, found = _run(engine, compiled, "oracle_divide")
    assert sorted(found) == expect


def test_dates_against_python(engine: SqlEngine, compiled: Compiled) -> None:
    """Ages, months, ISO weeks over random and month-end days, leap days among them."""
    random.seed(11)
    first = dt.date(1970, 1, 2)
    days = [first + dt.timedelta(days=random.randint(0, 24_000)) for _ in range(1500)]
    days += [
        dt.date(y, 2, d) for y in (1996, 2000, 2024, 2025) for d in (28, 29) if d < 29 or y % 4 == 0
    ]
    days += [dt.date(y, 12, d) for y in range(2015, 2030) for d in (28, 29, 30, 31)]
    rows = []
    for number, a in enumerate(days):
        b = random.choice(days)
        a, b = min(a, b), max(a, b)
        rows.append({"id": number, "a": a, "b": b, "n": random.randint(-30, 30)})
    engine.create("given", {"id": "int", "a": "date", "b": "date", "n": "int"}, rows)

    def later(day: dt.date, n: int) -> dt.date:
        month = day.year * 12 + day.month - 1 + n
        start = dt.date(month // 12, month % 12 + 1, 1)
        end = (start + dt.timedelta(days=31)).replace(day=1) - dt.timedelta(days=1)
        return start.replace(day=min(day.day, end.day))

    expect = []
    for row in rows:
        a, b = row["a"], row["b"]
        iso = a.isocalendar()
        expect.append(
            (
                row["id"],
                b.year - a.year - ((b.month, b.day) < (a.month, a.day)),
                (b.year - a.year) * 12 + b.month - a.month - (b.day < a.day),
                iso.year * 100 + iso.week,
                a - dt.timedelta(days=a.weekday()),
                later(a, row["n"]),
                (b - a).days,
            )
        )
    _, found = _run(engine, compiled, "oracle_dates")
    assert sorted(found) == expect


def test_row_id_against_python(engine: SqlEngine, compiled: Compiled) -> None:
    """The same id wherever it is computed, and different for every different pair."""
    texts = [None, "", "a", "b", ":", ";", "null", "1:a", "a;1:b", "a ", "A", "天", "😀", "😁"]
    pairs = enumerate(itertools.product(texts, repeat=2))
    rows = [{"id": number, "a": a, "b": b} for number, (a, b) in pairs]
    engine.create("given", {"id": "int", "a": "varchar(20)", "b": "varchar(20)"}, rows)

    def part(text: str | None) -> str:
        return "null" if text is None else f"{len(text)}:{text}"

    expect = {
        row["id"]: hashlib.sha256(f"{part(row['a'])};{part(row['b'])}".encode()).hexdigest()[:32]
        for row in rows
    }
    _, found = _run(engine, compiled, "oracle_row_id")
    assert dict(found) == expect
    assert len(set(expect.values())) == len(rows)


@pytest.mark.parametrize(
    ("query", "variables", "complaint"),
    [
        ("select {{ as_of() }} as x", {"as_of": "yesterday"}, "is not a date or a time"),
        ("select {{ as_of() }} as x", {"as_of": "2026-13-01"}, "is not a date or a time"),
        ("select {{ matches('a', '[0-9]\\\\d') }} as x", {}, "no backslashes"),
        ("select '{{ enabled_domains() }}' as x", {"domains": "core,crm"}, "Unknown domain 'crm'"),
    ],
)
def test_wrong_arguments_are_refused(
    tmp_path: Path, query: str, variables: dict[str, str], complaint: str
) -> None:
    with pytest.raises(AssertionError, match=complaint):
        compile_macros("embedded", {"wrong": query}, tmp_path / "project", variables)


def test_a_query_that_calls_itself_too_often_stops_on_spark(
    engine: SqlEngine, tmp_path: Path
) -> None:
    """It is written out for ten calls there: a longer chain is an error, not a shorter answer."""
    counting = (
        "with recursive n as (\n\nselect 1 as i\n\nunion distinct\n\n"
        "select n.i + 1 from n where n.i < {last}\n\n)\n\nselect i from n"
    )
    queries = {
        f"to_{last}": "select count(*) as n from ("
        + "{{ unrolled('" + counting.format(last=last) + "') }}) as found"
        for last in (11, 12)
    }  # fmt: skip
    found = compile_macros(engine.name, queries, tmp_path / "project")
    assert engine.query(found.sql["to_11"])[1] == [(11,)]
    if engine.name == "spark":
        with pytest.raises(Exception, match="n calls itself more than 10 times"):
            engine.query(found.sql["to_12"])
    else:
        assert engine.query(found.sql["to_12"])[1] == [(12,)]
