"""Markers: values that nobody has, planted in the classified columns of the sample and searched.

A marker names its column: `zq017x8c5f…` is column 17 of the classified ones, and what follows tells
old values apart, so that what was equal is equal still. A mask shows too little of one to be taken
for it. Addresses of the internet and birth dates keep their form, so that masks work on them.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from zlib import crc32

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import sqlalchemy as sa

from orchestration import database
from orchestration.governance.lineage import CLASSIFIED
from orchestration.reports.masking import may_be_released
from orchestration.schema.record import Column, load_record
from orchestration.settings import DATABASES, PROJECT_ROOT, Settings

# Members of JSON that may leave it by what marts declare (`released`), and the province.
KEPT = ("province", "country", "industry", "employees", "code")
# By them logins find their user, so an equal text stays equal.
SAME = {"saas_login_attempts.username": "saas_users.username"}
# The day of a birth, in the year that it was: nothing else in the warehouse is that old.
BIRTHS = {"health_patients.birth_date": (2, 29), "customers.birth_date": (8, 31)}
# Figures of patients who may not be released; others' may stand in marts.
FIGURES: Mapping[str, Decimal | int] = {
    "systolic_pressure": 9711, "diastolic_pressure": 9712, "heart_rate": 9713,
    "respiratory_rate": 9714, "pain_level": 9715,
    "body_temperature": Decimal("961.3"), "bmi": Decimal("962.3"),
    "oxygen_saturation": Decimal("963.17"), "weight": Decimal("964.17"),
    "height": Decimal("965.17"), "waist_circumference": Decimal("966.17"),
    "hip_circumference": Decimal("967.17"), "blood_glucose": Decimal("968.17"),
}  # fmt: skip
# What cannot be told from any other row's value, and so only lineage and oracles speak of it.
UNMARKED = {
    "enum": "a few words that every row has",
    "tinyint": "yes or no",
    "health_patients.height": "the body mass index is computed from it",
    "health_patients.weight": "the same",
    "health_patients.bmi": "computed by the database",
    "health_checkup_reports.follow_up_date": "a day among others; days of care stay",
    "health_alerts.follow_up_date": "the same",
}
_IP = re.compile(r"(^|_)ips?(_address)?$")
_TEXT = re.compile(rb"zq(\d{3})x", re.IGNORECASE)
_WHOLE_TEXT = re.compile(rb"zq(\d{3})x[0-9a-f]{8}", re.IGNORECASE)
# The host's own part is never 0: that is the network, as masks show it.
_ADDRESS = re.compile(rb"(?<![\d.])100\.(6[45])\.(\d{1,3})\.[1-9]\d{0,2}(?!\d)")
_BIRTH = re.compile(rb"(?:19\d\d|200[0-8])-(02-29|08-31)")
_FIGURE = re.compile(rb"(?<![\d.])96[1-8]\.(?:3|17)(?!\d)")
# Of large tables one row in a few: marking costs more than all else here.
MANY_ROWS, EVERY = 4_000, 4
# The same for databases, loosely: Python looks again.
ANY = (r"[zZ][qQ][0-9]{3}[xX]", r"100\.6[45]\.[0-9]+\.[1-9]", "-02-29", "-08-31")
FIGURE = r"\|(971[1-5]|96[1-8]\.(3|17)0*)\|"
# What is compressed or encrypted has any bytes in it, by chance short ones too.
BINARY = (".parquet", ".next")


@cache
def classified() -> tuple[str, ...]:
    """The classified columns as table.column; a column's number is its place here."""
    return tuple(sorted(f"{table}.{column.name}" for table, column in _columns()))


def _columns() -> Iterator[tuple[str, Column]]:
    for table in load_record().application_tables():
        for column in table.stored_columns:
            if column.classification in CLASSIFIED:
                yield table.name, column


def is_marked(name: str, column: Column) -> bool:
    """Whether the column holds what can carry a marker."""
    return name not in UNMARKED and column.base_type not in UNMARKED


# --- planting ------------------------------------------------------------------------------------


def plant(sample: Path) -> dict[str, int]:
    """Put markers into what `generate` wrote; rows marked by column."""
    manifest = json.loads((sample / "manifest.json").read_text())
    columns: dict[str, list[Column]] = {}
    for table, column in _columns():
        columns.setdefault(table, []).append(column)
    patients = pq.read_table(sample / manifest["tables"]["health_patients"]["file"]).to_pylist()
    unreleased = pa.array([p["id"] for p in patients if not may_be_released(p)])
    marked: dict[str, int] = {}
    for table, own in columns.items():
        facts = manifest["tables"][table]
        file = sample / facts["file"]
        content = pq.read_table(file)
        for column in own:
            name = f"{table}.{column.name}"
            if not is_marked(name, column):
                continue
            place = content.column_names.index(column.name)
            before = content.column(place)
            if table == "health_vital_signs" and column.name in FIGURES:
                hidden = pc.is_in(content.column("patient_id"), unreleased)
                figure = pa.scalar(FIGURES[column.name], before.type)
                after = pc.if_else(hidden, figure, before)
                marked[name] = pc.sum(hidden).as_py() or 0
            else:
                after, marked[name] = _replaced(name, column, before)
            content = content.set_column(place, content.field(place), after)
        pq.write_table(content, file)
        facts["bytes"] = file.stat().st_size
        facts["sha256"] = hashlib.sha256(file.read_bytes()).hexdigest()
    (sample / "manifest.json").write_text(json.dumps(manifest))
    return marked


def _replaced(name: str, column: Column, before: pa.ChunkedArray) -> tuple[pa.Array, int]:
    """The values with the column's marker; a column without any gets one in each row."""
    mark = _marker(name, column)
    values = before.to_pylist()
    is_json = column.base_type == "json"
    every = EVERY if len(values) > MANY_ROWS else 1
    after = [
        mark(value) if value is not None and not row % every else value
        for row, value in enumerate(values)
    ]
    count = sum(value is not None for value in after[::every])
    if not count:
        after = [mark("{}" if is_json else f"{row:04d}") for row in range(len(values))]
        count = len(after)
    return pa.array(after, before.type), count


def _marker(name: str, column: Column) -> Callable[[Any], Any]:
    """The function that turns a column's old value into a marked one."""
    number = classified().index(SAME.get(name, name))

    def text(old: str) -> str:
        return f"zq{number:03d}x{crc32(old.encode()):08x}"

    if name in BIRTHS:
        month, day = BIRTHS[name]
        return lambda old: date(min(old.year - old.year % 4, 2008), month, day)
    if column.base_type == "json":
        return lambda old: json.dumps(_in_json(json.loads(old), text), ensure_ascii=False)
    if _IP.search(column.name):
        return lambda old: (
            f"100.{64 + number // 256}.{number % 256}.{1 + crc32(old.encode()) % 254}"
        )
    if column.name == "email":
        return lambda old: f"{text(old)}@example.com"
    return text


def _in_json(value: Any, text: Callable[[str], str], key: str = "") -> Any:
    """The same JSON with every text in it marked, and one more in each outer object."""
    if isinstance(value, dict):
        inner = {name: _in_json(member, text, name) for name, member in value.items()}
        return inner if key else {**inner, "zq": text("")}
    if isinstance(value, list):
        inner = [_in_json(member, text, key or "-") for member in value]
        return inner if key or inner else [text("")]
    return text(value) if isinstance(value, str) and key not in KEPT else value


# --- searching -----------------------------------------------------------------------------------


def found_in(content: str | bytes, whole: bool = False) -> set[str]:
    """The columns whose markers stand in a text; `whole` wants all of a marker."""
    raw = content.encode() if isinstance(content, str) else content
    names = classified()
    texts = _WHOLE_TEXT if whole else _TEXT
    found = {int(n) for n in texts.findall(raw)}
    if not whole:
        found |= {(int(high) - 64) * 256 + int(low) for high, low in _ADDRESS.findall(raw)}
        days = {f"{month:02d}-{day:02d}": name for name, (month, day) in BIRTHS.items()}
        births = {days[day.decode()] for day in _BIRTH.findall(raw)}
        figures = {"health_vital_signs"} if _FIGURE.search(raw) else set()
        return {names[n] for n in found if n < len(names)} | births | figures
    return {names[n] for n in found if n < len(names)}


def leaks_in_relations(
    settings: Settings, declared: Collection[str], only: Collection[str] = ()
) -> tuple[int, list[str]]:
    """How many relations of ours (or `only` these) were read, and their columns with markers.

    Staging holds what is not secret, and so do the applications' views in the columns that are
    `declared`, as relation.column.
    """
    leaks, read = [], 0
    # Elsewhere an amount may be 961.30.
    of_patients = {file.stem for file in (PROJECT_ROOT / "models/marts/health").glob("*.sql")}
    secret = {
        f"{table}.{column.name}"
        for table, column in _columns()
        if column.classification == "secret"
    }
    with database.connect(settings, read_only=True) as connection:
        for home, name, columns in _built(settings, connection):
            if only and name not in only:
                continue
            table = sa.table(
                name,
                *(sa.column(column) for column in columns),
                schema=database.database_name(settings, home),
            )
            read += 1
            patterns = list(ANY)
            if home == "warehouse" and name in of_patients:
                patterns.append(FIGURE)
            if home == "warehouse_staging":
                numbers = "|".join(f"{classified().index(column):03d}" for column in sorted(secret))
                patterns = [f"[zZ][qQ]({numbers})[xX]"]
            for column, found in _marked_columns(connection, table, patterns):
                if home == "warehouse_staging" or f"{name}.{column}" in declared:
                    found &= secret
                if found:
                    leaks.append(f"{home}.{name}.{column}: {', '.join(sorted(found))}")
    return read, leaks


def _marked_columns(
    connection: sa.Connection, table: Any, patterns: Sequence[str]
) -> Iterator[tuple[str, set[str]]]:
    """The columns of a relation that show markers, and whose."""
    parts = [sa.func.coalesce(sa.cast(c, sa.Text), "") for c in table.c]
    text = sa.func.concat("|", sa.func.concat_ws("|", *parts), "|")
    marked = text.regexp_match("|".join(patterns))
    found: dict[str, set[str]] = {}
    for row in connection.execute(sa.select(table).where(marked)).mappings():
        for column, value in row.items():
            names = set() if value is None else found_in(str(value))
            if FIGURE in patterns and isinstance(value, int | float | Decimal):
                names = {f"health_vital_signs.{c}" for c, v in FIGURES.items() if v == value}
            if names:
                found.setdefault(column, set()).update(names)
    yield from found.items()


def _built(settings: Settings, connection: sa.Connection) -> Iterator[tuple[str, str, list[str]]]:
    """(database, name, columns) of all but the applications' own tables."""
    applications = {(t.database, t.name) for t in load_record().application_tables()}
    homes = ("warehouse", "warehouse_staging", "warehouse_audit", *DATABASES.values())
    asked = sa.text(
        "select table_name, column_name from information_schema.columns "
        "where table_schema = :home order by table_name, ordinal_position"
    )
    for home in homes:
        found: dict[str, list[str]] = {}
        schema = database.database_name(settings, home)
        for table, column in connection.execute(asked, {"home": schema}):
            found.setdefault(table, []).append(column)
        yield from ((home, t, c) for t, c in found.items() if (home, t) not in applications)


def leaks_in_files(folder: Path, passed_over: Callable[[Path], bool]) -> tuple[int, list[str]]:
    """How many files were read, and those with markers in them."""
    leaks, read = [], 0
    for file in sorted(folder.rglob("*")):
        if not file.is_file() or file.is_symlink() or passed_over(file):
            continue
        read += 1
        for part, content in _contents(file):
            if found := found_in(content, whole=file.suffix in BINARY):
                where = f"{file.relative_to(folder)}{part}"
                leaks.append(f"{where}: {', '.join(sorted(found))}")
    return read, leaks


def _contents(file: Path) -> Iterator[tuple[str, bytes]]:
    """The bytes, and what readers of the format see."""
    yield "", file.read_bytes()
    if file.suffix == ".parquet":
        try:
            content = pq.read_table(file)
        except (pa.ArrowInvalid, OSError):
            return  # encrypted
        for name in content.column_names:
            texts = {str(v) for v in content.column(name).to_pylist() if v is not None}
            yield f" ({name})", "\n".join(texts).encode()
    elif file.suffix == ".gz":
        yield " (unpacked)", gzip.decompress(file.read_bytes())
    elif file.suffix == ".db":
        with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as connection:
            yield " (rows)", "\n".join(connection.iterdump()).encode()
