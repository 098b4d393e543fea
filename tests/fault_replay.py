"""dbt's own SQL, recorded once and replayed on copies of the warehouse.

A `dbt build` for every fault would take a minute; the statements that it sends take a second.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
from harness import clean_environment

from orchestration.dbt_project import dbt_arguments, run_dbt, summarise, target_path
from orchestration.settings import Settings, load_settings

# What stands on the disk; a view shows what it reads without being built anew.
_BUILT = ("table", "window", "keyed_window")
_SHAPE = ("system.information_schema", "select 1 as found")
# Each statement stands for itself: nobody reads in between, and dbt leaves some transactions open.
_TRANSACTION = ("begin", "commit", "rollback")
_PADS = ("warehouse_mask_inner", "warehouse_mask_outer")


@dataclass(frozen=True)
class Node:
    """A model or test: what it reads, the relation it makes, and the statements dbt sent for it."""

    name: str
    reads: frozenset[str]
    relation: tuple[str, str]
    is_built: bool
    statements: tuple[str, ...] = ()


@dataclass(frozen=True)
class Recording:
    """All nodes in an order in which they can be built; statements where they were recorded."""

    models: dict[str, Node]
    tests: dict[str, Node]
    sources: dict[tuple[str, str], str]

    def touched(self, relations: Collection[tuple[str, str]]) -> set[str]:
        """The damaged nodes and all models that read them, directly or not."""
        reached = {uid for key, uid in self.sources.items() if key in relations}
        reached |= {uid for uid, node in self.models.items() if node.relation in relations}
        for uid, node in self.models.items():
            if node.reads & reached:
                reached.add(uid)
        return reached

    def to_build(self, relations: Collection[tuple[str, str]]) -> list[str]:
        """What must be built after damage to these relations, in order; damaged ones stay so."""
        return [
            uid
            for uid in self.models
            if uid in self.touched(relations)
            and self.models[uid].is_built
            and self.models[uid].relation not in relations
        ]

    def to_test(self, relations: Collection[tuple[str, str]]) -> list[str]:
        """The tests that read something touched."""
        touched = self.touched(relations)
        return [uid for uid, node in self.tests.items() if node.reads & touched]

    def build(self, connection: duckdb.DuckDBPyConnection, models: Iterable[str]) -> None:
        """Send again what dbt sent to build these."""
        for uid in models:
            for statement in self.models[uid].statements:
                connection.execute(statement)

    def failing(self, connection: duckdb.DuckDBPyConnection, tests: Iterable[str]) -> list[str]:
        """The tests that warn or fail."""
        found = []
        for uid in tests:
            for statement in self.tests[uid].statements:
                row = connection.execute(statement).fetchone()
            assert row is not None
            if row[1] or row[2]:
                found.append(self.tests[uid].name)
        return found


@dataclass(frozen=True)
class FirstBuild:
    """All statements of a build and its tests, by node and in dbt's order."""

    sent: tuple[tuple[str, str], ...]

    def replay(self, connection: duckdb.DuckDBPyConnection) -> list[str]:
        """Send them again, to a warehouse with other rows; the tests that warn or fail."""
        broken = []
        # A test's last statement tells; one that keeps its rows has made a table before.
        verdicts = {uid: number for number, (uid, _) in enumerate(self.sent)}
        for number, (uid, statement) in enumerate(self.sent):
            found = connection.execute(statement)
            if uid.startswith("test.") and verdicts[uid] == number:
                row = found.fetchone()
                assert row is not None
                if row[1] or row[2]:
                    broken.append(uid.split(".")[2])
        return broken


def open_copy(settings: Settings) -> duckdb.DuckDBPyConnection:
    """The file as dbt opens it: with the masking key in the session."""
    from dbt_warehouse_session import hmac_pads

    connection = duckdb.connect(str(settings.duckdb_path))
    for name, pad in zip(_PADS, hmac_pads(settings.mask_key), strict=True):
        connection.execute(f"set variable {name} = unhex('{pad.hex()}')")
    return connection


def own_settings(folder: Path, as_of: datetime) -> Settings:
    """Settings for DuckDB in a folder, without what the environment says of others."""
    environment = {
        k: v for k, v in os.environ.items() if not k.startswith(("WAREHOUSE_", "MYSQL_"))
    }
    environment |= {
        "WAREHOUSE_LOCAL_DIR": str(folder),
        "WAREHOUSE_DUCKDB_PATH": str(folder / "saas_warehouse.duckdb"),
        "WAREHOUSE_MASK_KEY": "a-key-for-tests-only-0123456789abcdef",
    }
    folder.mkdir(parents=True, exist_ok=True)
    return replace(load_settings(environment), as_of=as_of)


def copy_of(settings: Settings, folder: Path) -> Settings:
    """The warehouse in a file of its own, by the same name, for dbt's SQL names it."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / settings.duckdb_path.name
    shutil.copyfile(settings.duckdb_path, file)
    return replace(settings, duckdb_path=file)


def read_graph(settings: Settings) -> tuple[Any, Recording]:
    """dbt's manifest, and its nodes without statements."""
    with clean_environment():
        manifest = run_dbt(settings, _arguments(settings, "parse"))
    sources = {(s.schema, s.identifier): uid for uid, s in manifest.sources.items()}
    models = {
        uid: Node(
            node.name,
            frozenset(node.depends_on.nodes),
            (node.schema, node.alias),
            node.config.materialized in _BUILT,
        )
        for uid, node in manifest.nodes.items()
        if node.resource_type == "model"
    }
    tests = {
        uid: Node(node.name, frozenset(node.depends_on.nodes), ("", node.name), False)
        for uid, node in manifest.nodes.items()
        if node.resource_type == "test"
    }
    return manifest, Recording(_in_order(models), tests, sources)


def record(settings: Settings, changed: Iterable[Collection[tuple[str, str]]]) -> Recording:
    """Build and test once what damage to these relations will ask for; all tests must hold.

    `settings` is a copy that may be built in.
    """
    manifest, graph = read_graph(settings)
    wanted: set[str] = set()
    for relations in changed:
        wanted |= {*graph.to_build(relations), *graph.to_test(relations)}
    names = {n.name for uid, n in (graph.models | graph.tests).items() if uid in wanted}
    sent: dict[str, list[str]] = {}
    for uid, statement in _sent(
        settings, "--indirect-selection", "empty", "--select", *sorted(names), manifest=manifest
    ):
        sent.setdefault(uid, []).append(statement)

    def filled(nodes: dict[str, Node]) -> dict[str, Node]:
        return {
            uid: replace(node, statements=tuple(sent.get(uid, ()))) for uid, node in nodes.items()
        }

    return Recording(filled(graph.models), filled(graph.tests), graph.sources)


def record_build(settings: Settings) -> FirstBuild:
    """Build and test everything in a warehouse that was loaded, and not built but for dbt's seeds.

    The statements depend on the clock and not on the data: a first build takes all days there are.
    """
    kinds = [part for kind in ("model", "snapshot", "test") for part in ("--resource-type", kind)]
    return FirstBuild(tuple(_sent(settings, *kinds)))


def _sent(settings: Settings, *options: str, manifest: Any = None) -> list[tuple[str, str]]:
    """What a `dbt build` sends, by node and in its order; all tests must hold."""
    sent: list[tuple[str, str]] = []

    def listen(event: Any) -> None:
        if event.info.name == "SQLQuery" and _is_replayed(event.data.sql):
            sent.append((event.data.node_info.unique_id, event.data.sql))

    with clean_environment():
        arguments = _arguments(settings, "build", "--no-write-json", *options)
        result = summarise(run_dbt(settings, arguments, listen, manifest).results, 0.0)
    assert not result.failures, f"dbt on clean data: {result.failures[:5]}"
    assert not result.warnings, f"dbt on clean data: {result.warnings[:5]}"
    return sent


def _is_replayed(statement: str) -> bool:
    text = statement.strip().lower()
    return not any(shape in text for shape in _SHAPE) and text not in _TRANSACTION


def _in_order(models: dict[str, Node]) -> dict[str, Node]:
    """Models behind all that they read."""
    placed: dict[str, Node] = {}

    def place(uid: str) -> None:
        if uid not in placed:
            for read in sorted(models[uid].reads & models.keys()):
                place(read)
            placed[uid] = models[uid]

    for uid in sorted(models):
        place(uid)
    return placed


def _arguments(settings: Settings, *command: str) -> list[str]:
    return dbt_arguments(
        [command[0], "--quiet", *command[1:]],
        target=settings.target,
        target_path=target_path(settings),
    )
