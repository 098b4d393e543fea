"""Generated tables as pandas frames."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from orchestration.sampledata.generate import domain_frames
from orchestration.sampledata.plan import make_plan


def pandas_frames(
    domain: str, seed: int = 7, end_date: str = "2026-06-30"
) -> dict[str, pd.DataFrame]:
    """The demo's tables of a domain, by name."""
    frames = domain_frames(make_plan("demo", seed, end_date), domain)
    return {name: plain(table).to_pandas() for name, table in frames.items()}


def plain(table: pa.Table) -> pa.Table:
    """Dictionary columns as text: the pools may hold a word twice, which pandas refuses."""
    text = pa.string()
    return table.cast(
        pa.schema(
            [(f.name, text if pa.types.is_dictionary(f.type) else f.type) for f in table.schema]
        )
    )


def exact_frame(table: pa.Table) -> pd.DataFrame:
    """As pandas: text for dictionaries, whole units of the last digit for decimals."""
    columns = {}
    for field in table.schema:
        column = table[field.name]
        if pa.types.is_dictionary(field.type):
            column = column.cast(pa.string())
        elif pa.types.is_decimal(field.type):
            unit = pa.scalar(10**field.type.scale, pa.decimal128(4))
            column = pc.multiply(column, unit).cast(pa.int64())
        columns[field.name] = column
    return pa.table(columns).to_pandas()


def by_id(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame by its ids."""
    return frame.set_index("id")


def per(series: pd.Series, index: pd.Index) -> pd.Series:
    """A grouped result with 0 for groups without rows."""
    return series.reindex(index, fill_value=0)
