"""What the oracles share: raw tables as frames of plain Python values, and exact arithmetic."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

Row = dict[str, Any]
Keyed = dict[tuple[Any, ...], Row]
DAY = timedelta(days=1)


class SampleTables(Mapping[str, pd.DataFrame]):
    """The tables of a generated dataset by name, each read when it is first asked for.

    Frames hold objects: None for NULL, Decimal, naive business-time datetime, JSON as text.
    """

    def __init__(self, directory: Path) -> None:
        """`directory` is what `warehouse generate` wrote."""
        self._files = {file.stem: file for file in sorted(directory.rglob("*.parquet"))}
        self._frames: dict[str, pd.DataFrame] = {}

    def __getitem__(self, name: str) -> pd.DataFrame:
        """The frame; KeyError for a table that the dataset does not have."""
        if name not in self._frames:
            self._frames[name] = _frame(self._files[name])
        return self._frames[name]

    def __iter__(self) -> Iterator[str]:
        """Table names."""
        return iter(self._files)

    def __len__(self) -> int:
        """Number of tables."""
        return len(self._files)


def _frame(file: Path) -> pd.DataFrame:
    rows = pq.read_table(file)
    columns = {
        name: [v.replace(tzinfo=None) if isinstance(v, datetime) else v for v in column.to_pylist()]
        for name, column in zip(rows.column_names, rows.columns, strict=True)
    }
    return pd.DataFrame(columns, dtype=object)


@dataclass(frozen=True, eq=False)
class Raw:
    """The raw tables and the clock."""

    tables: Mapping[str, pd.DataFrame]
    as_of: datetime

    @property
    def today(self) -> date:
        """as_of's day."""
        return self.as_of.date()

    def rows(self, table: str) -> list[Row]:
        """The rows of a table."""
        return self.tables[table].to_dict("records")


def midnight(day: date) -> datetime:
    """The instant at which a day begins."""
    return datetime.combine(day, time())


def half_up(value: Fraction | int | Decimal, scale: int) -> Decimal:
    """An exact value rounded to `scale` decimals, halves away from zero."""
    exact = Fraction(value)
    units = (2 * abs(exact.numerator) * 10**scale + exact.denominator) // (2 * exact.denominator)
    return Decimal(units if exact >= 0 else -units).scaleb(-scale)


def ratio(numerator: Any, denominator: Any, scale: int) -> Decimal | None:
    """The quotient of two exact numbers rounded once, None over nothing."""
    if not denominator:
        return None
    return half_up(Fraction(numerator) / Fraction(denominator), scale)
