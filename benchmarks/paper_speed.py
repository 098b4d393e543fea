"""What 150 M rows are on a MySQL server's disk: `python benchmarks/paper_speed.py`.

The small sample is loaded for real, and the server asked how many bytes a row of each table has,
with and without its indexes. The schema of record says how many rows a company of that size has of
each table (`rows_expected`: their proportions) and for how long they are kept; the rest is
multiplication. Pages are as full as a bulk load leaves them.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from measure import Row, publish
from traffic import sample

from orchestration import database
from orchestration.schema.record import Table, load_record
from orchestration.settings import PROJECT_ROOT, Settings

PAGE = PROJECT_ROOT / "docs" / "scaling.md"
# Tables with fewer rows than this share one line.
SHOWN = 1_000_000
# Fewer rows fill no page, and say nothing about one.
TELLING = 500


@dataclass(frozen=True)
class Size:
    """A table's rows at full size, and the bytes of each."""

    table: Table
    rows: int
    data: float
    indexes: float

    @property
    def gigabytes(self) -> float:
        """Of all its rows, with indexes."""
        return self.rows * (self.data + self.indexes) / 1e9


def main() -> None:
    """Load, ask, multiply, write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=150_000_000, help="of all tables together")
    parser.add_argument("--scale", default="small", help="of the sample")
    given = parser.parse_args()
    with sample("mysql", given.scale) as settings:
        sizes = sorted(_sizes(settings, given.rows), key=lambda size: -size.gigabytes)
    publish(
        "paper",
        ("table", "rows", "bytes a row", "with indexes", "GB", "kept", "a day", "a month"),
        _rows(sizes),
        f"{given.rows:,} rows in the proportions of `rows_expected`; bytes are MySQL's for the "
        f"{given.scale} sample.",
        page=PAGE,
    )


def _sizes(settings: Settings, rows: int) -> list[Size]:
    """Each application table's, by what the server says of its sample."""
    tables = [table for table in load_record().application_tables() if table.rows_expected]
    times = rows / sum(table.rows_expected for table in tables)
    found: dict[Table, tuple[float, float]] = {}
    with database.connect(settings) as connection:
        run = connection.exec_driver_sql
        run("set session information_schema_stats_expiry = 0")
        for table in tables:
            home = f"{settings.database_prefix}{table.database}"
            run(f"analyze table `{home}`.`{table.name}`").all()
            there = run(f"select count(*) from `{home}`.`{table.name}`").scalar_one()
            if there < TELLING:
                continue
            data, indexes = run(
                "select data_length, index_length from information_schema.tables "
                "where table_schema = %s and table_name = %s",
                (home, table.name),
            ).one()
            found[table] = float(data) / there, float(indexes) / there
    usual = tuple(sum(one) / len(found) for one in zip(*found.values(), strict=True))
    return [
        Size(table, round(table.rows_expected * times), *found.get(table, usual))
        for table in tables
    ]


def _rows(sizes: list[Size]) -> list[Row]:
    shown = [size for size in sizes if size.rows >= SHOWN]
    others = [size for size in sizes if size.rows < SHOWN]
    rows: list[Row] = []
    for size in shown:
        kept = size.table.retention.months if size.table.retention else None
        rows.append(
            (
                f"`{size.table.name}`",
                f"{size.rows:,}",
                f"{size.data:.0f}",
                f"{size.data + size.indexes:.0f}",
                f"{size.gigabytes:.1f}",
                f"{kept} months" if kept else "for good",
                f"{size.rows / kept / 30.4:,.0f} rows" if kept else "-",
                f"{size.gigabytes / kept:.2f} GB" if kept else "-",
            )
        )
    for name, some in ((f"{len(others)} smaller ones", others), ("all", sizes)):
        total = sum(size.gigabytes for size in some)
        rows.append((name, f"{sum(s.rows for s in some):,}", "", "", f"{total:.1f}", "", "", ""))
    return rows


if __name__ == "__main__":
    main()
