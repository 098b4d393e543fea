"""Generated tables as pandas frames."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa

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
