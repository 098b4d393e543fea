"""What dbt_warehouse_speed leaves as it was, and what it spares."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import dbt.adapters.duckdb.environments as duckdb_environments
import duckdb
import networkx
import pytest
from dbt.exceptions import DbtInternalError
from dbt.graph.graph import Graph
from harness import clean_environment

from dbt_warehouse_speed import reachable
from orchestration.dbt_project import dbt_arguments, run_dbt, target_path
from orchestration.settings import Settings


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
                assert reachable(graph, node, upstream=upstream, max_depth=depth) == wanted
        assert Graph(graph).ancestors(node) == networkx.ancestors(counting, node)
        assert Graph(graph).descendants(node, 1) == set(counting.successors(node))


def test_an_unknown_node_is_dbt_s_own_error() -> None:
    with pytest.raises(DbtInternalError, match="nowhere"):
        Graph(_project(0)).ancestors("nowhere")


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
    arguments = dbt_arguments(
        ["build", "--quiet"],
        target="embedded",
        target_path=target_path(embedded_settings),
        select="code_labels chinese_holidays",
    )
    for times in (1, 2):
        with clean_environment():
            results = run_dbt(embedded_settings, arguments).results
        assert len(results) > 4  # two seeds and their tests
        assert len(opened) == times
        with duckdb.connect(str(embedded_settings.duckdb_path), read_only=True) as connection:
            labels = connection.execute("select count(*) from warehouse.code_labels").fetchone()
        assert labels[0] > 1000
