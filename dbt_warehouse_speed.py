"""What dbt 1.7 does again for every node although once is enough.

dbt imports each top-level module named `dbt_…` when it starts. Neither part changes a result; both
halve a build of this project. DuckDB: the file stays open until dbt's call ends, instead of being
opened and checkpointed for every node. Selection: ancestors are found along the edges themselves,
not through a filtering view of the graph that counts all nodes anew at each step.
"""

from __future__ import annotations

import functools
from typing import Any

from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.adapters.duckdb.environments.local import LocalEnvironment
from dbt.exceptions import DbtInternalError
from dbt.graph.graph import Graph

plugins: list[type] = []


def reachable(graph: Any, node: str, *, upstream: bool, max_depth: int | None = None) -> set[str]:
    """Nodes that lead to `node`, or that it leads to, within `max_depth` edges.

    Edges that only put tests before what comes after their models do not count.
    """
    if node not in graph:
        raise DbtInternalError(f"Node {node} not found in the graph!")
    beside = graph.pred if upstream else graph.succ
    found: set[str] = set()
    level, depth = {node}, 0
    while level and depth != max_depth:
        level = {
            other
            for one in level
            for other, edge in beside[one].items()
            if edge.get("edge_type") != "parent_test"
        } - found
        found |= level
        depth += 1
    return found


def _keep_open(original: Any, environment: LocalEnvironment, *args: Any, **kwargs: Any) -> None:
    original(environment, *args, **kwargs)
    environment._keep_open = True


def _close_all(original: Any, manager: DuckDBConnectionManager) -> None:
    """Let the file go: who comes next may be another process."""
    original(manager)
    if manager._ENV is not None:
        manager._ENV.close()


def _wrap(owner: type, name: str, wrapper: Any) -> None:
    original = getattr(owner, name)

    @functools.wraps(original)
    def wrapped(this: Any, *args: Any, **kwargs: Any) -> Any:
        return wrapper(original, this, *args, **kwargs)

    setattr(owner, name, wrapped)


_wrap(LocalEnvironment, "__init__", _keep_open)
_wrap(DuckDBConnectionManager, "cleanup_all", _close_all)
Graph.ancestors = lambda graph, node, max_depth=None: reachable(
    graph.graph, node, upstream=True, max_depth=max_depth
)
Graph.descendants = lambda graph, node, max_depth=None: reachable(
    graph.graph, node, upstream=False, max_depth=max_depth
)
