"""The lake's tables as Spark reads them: folders of Parquet.

The lake is what `warehouse lake sync --full` wrote, from either engine: closed months, and the last
day for the rest. Sealed files of tables with sensitive columns are opened into Spark's own folder,
which is a database's folder like MySQL's: only its user may read it.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from orchestration.errors import WarehouseError
from orchestration.lake.days import Day, DayArchive, day_tables
from orchestration.retention.archive import Archive, Manifest, batch_of, lake_type
from orchestration.retention.policy import sealed_columns
from orchestration.retention.rows import CHUNK_ROWS
from orchestration.schema.record import Column, Table
from orchestration.settings import Settings
from orchestration.spark.session import folder

PART = "lake_part"


@dataclass(frozen=True)
class Source:
    """A table as Spark reads it: a folder of Parquet, and another one's months before `before`."""

    table: Table
    rows: int
    folder: str
    months: str = ""
    before: str = ""
    files: tuple[str, ...] = ()

    @property
    def told(self) -> str:
        """What must be the same for the table to stay as it is registered."""
        parts = (self.rows, self.folder, self.months, self.before, self.files)
        return repr((columns_of(self.table), parts))


def sources(settings: Settings, day: Day) -> Iterator[Source]:
    """Every table's folders; what is sealed is opened on the way."""
    months = Archive(settings)
    of = date.fromisoformat(day.day)
    today = DayArchive(settings, of, day.run)
    for table in day_tables(settings):
        if table.name not in day.tables:
            raise WarehouseError(
                f"The lake's day {day.day} has no {table.name}.",
                fix="run `warehouse lake sync --full` with the domains that are built here.",
            )
        known = {
            month: manifest
            for month in (months.months(table) if table.retention else ())
            if month < date.fromisoformat(day.open_from) and (manifest := months.peek(table, month))
        }
        rows = day.tables[table.name].rows + sum(found.rows for found in known.values())
        if sealed_columns(table):
            copies = [_opened(settings, months, table, m, found) for m, found in known.items()]
            copies.append(_opened(settings, today, table, of, day.tables[table.name]))
            _forget_others(copies)
            files = tuple(copy.name for copy in copies)
            yield Source(table, rows, f"file://{copies[0].parent}", files=files)
        else:
            where = months.address(f"{months.root}/{table.name}") if known else ""
            yield Source(table, rows, today.address(today.folder(table)), where, day.open_from[:7])


def _opened(
    settings: Settings, archive: Archive, table: Table, of: date, manifest: Manifest
) -> Path:
    """A part with its sealed columns, copied once into Spark's own folder."""
    told = f"{archive.url} {manifest.checksum} {manifest.columns}"
    known = hashlib.sha256(told.encode()).hexdigest()[:24]
    kind = "day" if isinstance(archive, DayArchive) else "month"
    place = folder(settings) / "opened" / table.name / f"{PART}={kind}-{manifest.month}-{known}"
    if not place.exists():
        aside = place.with_name(f"_{place.name}.aside")
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True)
        _write(table, archive.rows(table, of, manifest), aside / "data.parquet")
        aside.rename(place)
    return place


def _write(table: Table, rows: Iterator[Any], file: Path) -> None:
    """All columns but the secret ones, which no model reads."""
    import pyarrow.parquet as pq

    columns = table.stored_columns
    shown = [i for i, c in enumerate(columns) if c.classification != "secret"]
    times = [c.base_type == "time" for c in columns]
    schema = pa.schema([(columns[i].name, lake_type(columns[i])) for i in shown])
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        while chunk := list(islice(rows, CHUNK_ROWS)):
            writer.write_batch(batch_of(list(zip(*chunk, strict=True)), shown, times, schema))


def _forget_others(copies: list[Path]) -> None:
    """Copies of a table's parts that were renewed since, or left by a killed run."""
    for other in set(copies[0].parent.iterdir()) - set(copies):
        shutil.rmtree(other)


def columns_of(table: Table) -> dict[str, str]:
    """Its columns (quoted) and their types, without the secret ones, which no model reads."""
    shown = [c for c in table.stored_columns if c.classification != "secret"]
    return {f"`{c.name}`": spark_type(c) for c in shown}


def spark_type(column: Column) -> str:
    """The type in which Spark reads the lake's column."""
    kind = lake_type(column)
    if pa.types.is_decimal(kind):
        return f"decimal({kind.precision},{kind.scale})"
    names = {
        pa.bool_(): "boolean", pa.int32(): "int", pa.int64(): "bigint", pa.date32(): "date",
        pa.timestamp("us"): "timestamp_ntz", pa.float64(): "double",
    }  # fmt: skip
    return names.get(kind, "string")
