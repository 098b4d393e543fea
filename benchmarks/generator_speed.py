"""How fast sample data are generated and written: `python benchmarks/generator_speed.py`.

Generates the WeCom messages (33 columns, the widest of the large tables) at the bench scale and
writes them as the real command does: Parquet, zstd, checksum. Prints rows per second for making the
rows alone and for the whole way to disk, planning included. Goal: above 500,000 rows/s.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from orchestration.sampledata import generate as generator
from orchestration.sampledata.plan import SCALES, make_plan
from orchestration.sampledata.wework_traffic import MESSAGES
from orchestration.schema.record import load_record


def main() -> None:
    """Measure once and print two lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", choices=SCALES, default="bench")
    scale = parser.parse_args().scale
    plan = make_plan(scale, 1, "2026-06-30")
    load_record()  # reading the YAML is not generating
    folder = Path(tempfile.mkdtemp(prefix="generator-speed-"))
    try:
        measure(plan, folder)
    finally:
        shutil.rmtree(folder)


def measure(plan: generator.Plan, folder: Path) -> None:
    """Generate in memory, then generate and write."""
    began = time.perf_counter()
    rows = sum(len(chunk) for chunk in message_chunks(plan))
    made = time.perf_counter() - began
    began = time.perf_counter()
    sink = generator.Sink(folder, load_record().table(MESSAGES))
    for chunk in message_chunks(plan):
        sink.write(chunk)
    facts = sink.close()
    written = time.perf_counter() - began
    print(f"made       {rows:>10,} rows in {made:6.2f} s: {rows / made:>10,.0f} rows/s")
    print(
        f"and wrote  {rows:>10,} rows in {written:6.2f} s: {rows / written:>10,.0f} rows/s "
        f"({facts['bytes'] / 1e6:,.0f} MB)"
    )


def message_chunks(plan: generator.Plan) -> Iterator[pa.Table]:
    """The messages' chunks, planned from nothing."""
    from orchestration.sampledata import wework
    from orchestration.sampledata.world import build_world

    platform = wework.plan_platform(plan, build_world(plan))
    for _, chunk in wework.message_chunks(platform):
        yield chunk


if __name__ == "__main__":
    main()
