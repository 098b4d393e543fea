"""What dbt_warehouse_speed leaves as it was, and what it spares."""

from __future__ import annotations

import gc
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dbt.adapters.duckdb.environments as duckdb_environments
import dbt.flags as dbt_flags
import duckdb
import networkx
import pytest
from dbt.adapters.mysql.connections import MySQLConnectionManager, MySQLCredentials
from dbt.clients.jinja import MacroGenerator, MacroStack
from dbt.context.macros import MacroNamespace, MacroNamespaceBuilder
from dbt.contracts.connection import Connection
from dbt.exceptions import (
    DbtInternalError,
    DuplicateMacroNameError,
    PackageNotFoundForMacroError,
)
from dbt.graph.graph import Graph
from harness import clean_environment

import dbt_warehouse_speed as speed
from orchestration.dbt_project import dbt_arguments, run_dbt, target_path
from orchestration.settings import MySQLConnection, Settings


def _project(seed: int) -> networkx.DiGraph:
    """Sixty nodes, edges to later ones only; every fourth orders tests alone."""
    rng, graph = random.Random(seed), networkx.DiGraph()
    graph.add_nodes_from(range(60))
    for number in range(150):
        one, other = sorted(rng.sample(range(60), 2))
        graph.add_edge(one, other, **({} if number % 4 else {"edge_type": "parent_test"}))
    return graph


@pytest.mark.parametrize("seed", range(5))
def test_the_same_nodes_are_reached(seed: int) -> None:
    graph = _project(seed)
    counting = networkx.DiGraph()
    counting.add_nodes_from(graph)
    counting.add_edges_from(
        (one, other) for one, other, kind in graph.edges(data="edge_type") if kind is None
    )
    for node in graph:
        for depth in (None, 0, 1, 2):
            for upstream in (True, False):
                walked = networkx.bfs_edges(counting, node, reverse=upstream, depth_limit=depth)
                wanted = {other for _, other in walked}
                assert speed.reachable(graph, node, upstream=upstream, max_depth=depth) == wanted
        assert Graph(graph).ancestors(node) == networkx.ancestors(counting, node)
        assert Graph(graph).descendants(node, 1) == set(counting.successors(node))


def test_an_unknown_node_is_dbt_s_own_error() -> None:
    with pytest.raises(DbtInternalError, match="nowhere"):
        Graph(_project(0)).ancestors("nowhere")


def _parse(settings: Settings, folder: Path, **variables: str) -> tuple[dict[str, Any], list[str]]:
    """The manifest of a parse without what differs every time, and how dbt came to it."""
    arguments = dbt_arguments(
        ["parse", "--quiet"], target=settings.target, target_path=folder, variables=variables
    )
    events: list[str] = []
    with clean_environment():
        run_dbt(settings, arguments, lambda event: events.append(event.info.name))
    text = (folder / "manifest.json").read_text(encoding="utf-8")
    manifest = json.loads(text, object_hook=lambda part: part | {"created_at": None})
    return manifest | {"metadata": None}, events


def test_another_day_place_or_clock_needs_no_new_parse(
    embedded_settings: Settings, tmp_path: Path
) -> None:
    """And must not: parsed anew, the project is the same to the last word."""
    days = {"start_date": "2026-05-01", "end_date": "2026-05-04", "as_of": "2026-05-06"}
    kept, elsewhere = target_path(embedded_settings), tmp_path / "elsewhere"
    before, _ = _parse(embedded_settings, kept)
    moved = replace(
        embedded_settings,
        as_of=datetime(2026, 5, 5, 12),
        duckdb_path=elsewhere / "saas_warehouse.duckdb",
    )
    again, events = _parse(moved, kept, **days)
    assert "PartialParsingSkipParsing" in events
    anew, events = _parse(moved, elsewhere, **days)
    assert "PartialParsingSkipParsing" not in events
    assert before == again == anew

    _, events = _parse(moved, elsewhere, domains="core")
    assert "UnableToPartialParse" in events  # what is switched off does change nodes


def _build_seeds(settings: Settings) -> None:
    arguments = dbt_arguments(
        ["build", "--quiet"],
        target=settings.target,
        target_path=target_path(settings),
        select="code_labels chinese_holidays",
    )
    with clean_environment():
        results = run_dbt(settings, arguments).results
    assert len(results) > 4  # two seeds and their tests


def test_the_file_is_opened_once_and_let_go(
    embedded_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Calls of one process after another; in between anybody may open it in any way."""
    opened = []
    connect = duckdb_environments.duckdb.connect

    def counted(*args: Any, **kwargs: Any) -> Any:
        opened.extend(args if not kwargs["read_only"] else ())
        return connect(*args, **kwargs)

    monkeypatch.setattr(duckdb_environments.duckdb, "connect", counted)
    for times in (1, 2):
        _build_seeds(embedded_settings)
        assert len(opened) == times
        with duckdb.connect(str(embedded_settings.duckdb_path), read_only=True) as connection:
            labels = connection.execute("select count(*) from warehouse.code_labels").fetchone()
        assert labels[0] > 1000


@pytest.mark.mysql
def test_a_build_connects_once_a_thread(
    mysql_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    handles = []
    connect = speed._mysql_connect

    def counted(**asked_for: Any) -> Any:
        handles.append(connect(**asked_for))
        return handles[-1]

    monkeypatch.setattr(speed, "_mysql_connect", counted)
    _build_seeds(mysql_settings)
    assert 1 <= len(handles) <= 3  # dbt's own and two threads'
    assert not any(handle.is_connected() for handle in handles)


@pytest.mark.mysql
def test_a_connection_is_taken_over_as_if_new(mysql_server: MySQLConnection) -> None:
    """And not at all when the server has ended it meanwhile."""
    credentials = MySQLCredentials(
        server=mysql_server.host,
        port=mysql_server.port,
        username=mysql_server.user,
        password=mysql_server.password,
        schema="mysql",
    )

    def connection() -> Connection:
        return MySQLConnectionManager.open(Connection("mysql", "one", credentials))

    try:
        first = connection()
        cursor = first.handle.cursor()
        cursor.execute("set @left = 1, lock_wait_timeout = 77")
        cursor.execute("select get_lock('left behind', 0)")
        MySQLConnectionManager.close(first)

        second = connection()
        assert second.handle is first.handle
        cursor = second.handle.cursor()
        cursor.execute("select @left, @@lock_wait_timeout, is_free_lock('left behind')")
        assert cursor.fetchall() == [(None, 5, 1)]
        cursor.execute("select connection_id()")
        number = cursor.fetchone()[0]
        third = connection()  # meanwhile the second is in use
        assert third.handle is not second.handle
        MySQLConnectionManager.close(second)
        third.handle.cursor().execute(f"kill {number}")
        assert connection().handle is not first.handle
    finally:
        for idle in speed._IDLE.values():
            for handle in idle:
                handle.close()
        speed._IDLE.clear()


def _own_namespace(macros: Sequence[Any], package: str) -> MacroNamespace:
    """dbt's way: every macro added to the hierarchies in turn."""
    builder = MacroNamespaceBuilder("saas_warehouse", package, MacroStack(), ["dbt_duckdb", "dbt"])
    builder.add_macros(macros, {})
    of_packages = [builder.internal_packages.get(name, {}) for name in ("dbt", "dbt_duckdb")]
    return MacroNamespace(
        builder.globals, builder.locals, of_packages[0] | of_packages[1], builder.packages
    )


@pytest.mark.parametrize("package", ["saas_warehouse", "other", "dbt"])
def test_a_node_sees_the_macros_that_dbt_shows_it(package: str) -> None:
    """One name in every place where a macro can stand, with and without those before it."""
    places = ["dbt", "dbt_duckdb", "saas_warehouse", "other"]
    macros = [
        SimpleNamespace(
            package_name=place, name=f"m{n}", unique_id=f"{place}.m{n}", original_file_path=place
        )
        for n in range(2 ** len(places))
        for bit, place in enumerate(places)
        if n >> bit & 1
    ]
    builder = MacroNamespaceBuilder("saas_warehouse", package, MacroStack(), ["dbt_duckdb", "dbt"])
    found = builder.build_namespace(macros, {})
    wanted = _own_namespace(macros, package)
    assert len(wanted) > 15

    def ids(macros: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: ids(macro) if isinstance(macro, dict) else macro.macro.unique_id
            for name, macro in macros.items()
        }

    assert ids(found) == ids(wanted)
    for place in (None, "dbt", "saas_warehouse", "other"):
        for number in range(2 ** len(places)):
            one, other = (names.get_from_package(place, f"m{number}") for names in (found, wanted))
            assert (one and one.macro) == (other and other.macro)
    for names in (found, wanted):
        with pytest.raises(PackageNotFoundForMacroError, match="nowhere"):
            names.get_from_package("nowhere", "m1")
    with pytest.raises(DuplicateMacroNameError):
        builder.build_namespace([*macros, macros[0]], {})


def test_a_macro_s_own_names_stay_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dbt_flags, "GLOBAL_FLAGS", SimpleNamespace(MACRO_DEBUGGING=False))
    body = "{% set other = n + 1 %}{{ [other, seen, range(n) | list] }}"
    text = f"{{% macro one(n) %}}{body}{{% endmacro %}}"
    context: dict[str, Any] = {"seen": "before"}
    macro = MacroGenerator(SimpleNamespace(macro_sql=text, name="one", unique_id="one"), context)
    assert macro(2) == "[3, 'before', [0, 1]]"
    assert "other" not in context and "one" not in context
    context["seen"] = "after"
    assert macro(1) == "[2, 'after', [0]]"


def test_garbage_is_looked_for_again_after_a_run(embedded_settings: Settings) -> None:
    before = gc.get_threshold()
    frozen: list[tuple[int, int]] = []
    arguments = dbt_arguments(
        ["compile", "--quiet"],
        target=embedded_settings.target,
        target_path=target_path(embedded_settings),
        select="code_labels",
    )

    def look(event: Any) -> None:
        if event.info.name == "NodeFinished":
            frozen.append((gc.get_freeze_count(), gc.get_threshold()[0]))

    with clean_environment():
        run_dbt(embedded_settings, arguments, look)
    assert frozen[0][0] > 100_000
    assert frozen[0][1] == speed.SELDOM
    assert (gc.get_freeze_count(), gc.get_threshold()) == (0, before)
