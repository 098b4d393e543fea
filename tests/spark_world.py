"""Spark over a lake that a test's DuckDB file fills.

Each build and each reading is a process of its own, as people have it: the session ends with it, so
that the next can open its folder, and what is read is what stands on disk. `python
tests/spark_world.py <folder>` is the reading.
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, time
from pathlib import Path
from typing import Any

import pytest
import warehouses
from commands import variables_of
from retention_world import with_archive
from warehouses import Content

from orchestration.errors import WarehouseError
from orchestration.lake.days import sync_day
from orchestration.lake.months import sync
from orchestration.sampledata.generate import generate
from orchestration.sampledata.load import load
from orchestration.schema.deploy import deploy
from orchestration.settings import PROJECT_ROOT, SPARK, Settings, load_settings
from orchestration.spark.session import folder, require, session

WAREHOUSE = str(Path(sys.executable).with_name("warehouse"))
ONLY_BUILT = ("--resource-type", "model", "--resource-type", "seed", "--resource-type", "snapshot")
# How Java works, not what: few rows and many queries, each once, and a catalog that is thrown away.
SHORT_LIVED = (
    "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Djdk.lang.Process.launchMechanism=VFORK"
    " -Dderby.system.durability=test"
    # a busy machine comes late to the socket on which a result waits
    " -Dspark.python.authenticate.socketTimeout=600s"
)
# (database, name)
Place = tuple[str, str]
# A folder's files by name, with the moment of the last change.
Folder = frozenset[tuple[str, int]]


def needs_spark() -> None:
    """Skip where Spark or Java is not installed (`make setup-spark`, Java 17)."""
    try:
        require()
    except WarehouseError as error:
        pytest.skip(str(error))


def with_lake(settings: Settings, folder: Path) -> Settings:
    """The settings with a lake and a Spark of the test's own; the databases stay where they are."""
    own = with_archive(
        settings, folder / "lake", settings.as_of or warehouses.AS_OF,
        WAREHOUSE_SPARK_DIR=str(folder / "spark"), PYSPARK_PYTHON=sys.executable,
        JDK_JAVA_OPTIONS=SHORT_LIVED,
    )  # fmt: skip
    return replace(own, local_dir=folder)


def deployed(settings: Settings, sample: Path, day: datetime) -> Settings:
    """Sample data of the settings' domains up to a day, on DuckDB; nothing is built."""
    generate(settings, warehouses.SCALE, 1, day.date(), sample, settings.domains)
    settings = replace(settings, as_of=day)
    deploy(settings, oldest=day.date(), progress=lambda _: None)
    load(settings, sample, domains=settings.domains)
    return settings


def fill_lake(settings: Settings) -> None:
    """The months that are closed, then the day."""
    assert [month for month in sync(settings) if month.state == "failed"] == []
    sync_day(settings)


def command(settings: Settings, *arguments: str, **more: str) -> tuple[list[str], dict[str, str]]:
    """`warehouse lake build` and its environment."""
    # the lake's day says when it is
    variables = {**variables_of(settings, **more), "WAREHOUSE_AS_OF": ""}
    reader = [] if "--reader" in arguments else ["--no-reader"]
    return [WAREHOUSE, "lake", "build", "--target", "embedded", *reader, *arguments], variables


def build(settings: Settings, *arguments: str) -> None:
    """`warehouse lake build`, which must succeed."""
    words, variables = command(settings, *arguments)
    done = subprocess.run(
        words, env=variables, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def build_duckdb(settings: Settings, select: str, *options: str) -> None:
    """The same on DuckDB, without tests."""
    warehouses.dbt(settings, "build", *ONLY_BUILT, "--select", *select.split(), *options)


def read(settings: Settings, like: Mapping[Place, Content]) -> dict[Place, Content]:
    """Relations by (database, name) as Spark holds them.

    Their columns are put in the order of DuckDB's contents `like` them (`as_like`).
    """
    return {place: as_like(like[place], content) for place, content in read_each(settings, like)}


def read_each(settings: Settings, places: Iterable[Place]) -> Iterator[tuple[Place, Content]]:
    """Relations as Spark holds them, one at a time: all of them need not fit into memory."""
    folder = settings.local_dir / "read"
    folder.mkdir(exist_ok=True)
    wanted = list(places)
    (folder / "places.pickle").write_bytes(pickle.dumps(wanted))
    variables = {**variables_of(settings), "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, __file__, str(folder)],
        env=variables, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    for number, place in enumerate(wanted):
        file = folder / f"{number}.pickle"
        yield place, pickle.loads(file.read_bytes())
        file.unlink()


def as_like(like: Content, content: Content) -> Content:
    """Spark's content with the columns in DuckDB's order, and times of day by DuckDB's types.

    Columns by which a table is cut come last on Spark.
    """
    if set(like.columns) != set(content.columns):
        return content
    order = [content.columns.index(name) for name in like.columns]
    is_time = [kind == "time" for kind in like.kinds]
    rows = [
        tuple(
            time.fromisoformat(row[at]) if timed and row[at] is not None else row[at]
            for at, timed in zip(order, is_time, strict=True)
        )
        for row in content.rows
    ]
    return Content(like.columns, tuple(content.kinds[at] for at in order), rows)


def _read_all(aside: Path) -> None:
    """In the process of its own: the relations that are wanted, into a file each.

    Two at a time, as Spark plans a query with one core.
    """
    settings = load_settings()
    started = session(settings)

    def read_one(numbered: tuple[int, Place]) -> None:
        number, (home, name) = numbered
        frame = started.table(f"`{settings.database_prefix}{home}`.`{name}`").drop("window_day")
        kinds = tuple("float" if k in ("double", "float") else "" for _, k in frame.dtypes)
        rows: list[tuple[Any, ...]] = [tuple(row) for row in frame.collect()]
        content = Content(tuple(frame.columns), kinds, rows)
        (aside / f"{number}.pickle").write_bytes(pickle.dumps(content))

    wanted: list[Place] = pickle.loads((aside / "places.pickle").read_bytes())
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(read_one, enumerate(wanted)))


def folders(settings: Settings) -> dict[str, dict[str, Folder]]:
    """What lies on disk: each table's folders (a part a day), with their files."""
    found: dict[str, dict[str, Folder]] = {}
    for table in (folder(settings) / "warehouse").glob("*.db/*"):
        found[table.name] = {
            part.name: frozenset((f.name, f.stat().st_mtime_ns) for f in part.iterdir())
            for part in table.iterdir()
            if part.is_dir() and "=" in part.name
        }
    return found


def nodes(settings: Settings) -> dict[str, Mapping[str, Any]]:
    """The models and snapshots of the last build on Spark by name."""
    file = settings.local_dir / "target" / SPARK / "manifest.json"
    known = json.loads(file.read_text(encoding="utf-8"))["nodes"].values()
    return {n["alias"]: n for n in known if n["resource_type"] in ("model", "seed", "snapshot")}


if __name__ == "__main__":
    _read_all(Path(sys.argv[1]))
