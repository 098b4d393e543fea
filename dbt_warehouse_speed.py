"""What dbt 1.7 does again for every node although once is enough.

dbt imports each top-level module named `dbt_…` when it starts. No part changes a result; together
they halve a build of this project. DuckDB: the file stays open until dbt's call ends, instead of
being opened and checkpointed for every node. MySQL: a node takes over the connection that another
has done with, reset by the server, instead of reading all certificates of the system for one of its
own. Selection: ancestors are found along the edges themselves, not through a filtering view of the
graph that counts all nodes anew at each step. Parsing: the clock, the days, the file or the server
of a call change no node, so what was parsed for another day still holds. `dbt docs generate
--no-compile`, which compiles nothing again, works on DuckDB. And a materialization may let MySQL
work on several statements at once: `adapter.side_by_side`.
"""

from __future__ import annotations

import copy
import functools
import re
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from types import SimpleNamespace
from typing import Any
from weakref import WeakKeyDictionary

import mysql.connector
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.adapters.duckdb.environments.local import LocalEnvironment
from dbt.adapters.duckdb.impl import DuckDBAdapter
from dbt.adapters.mysql.connections import MySQLConnectionManager
from dbt.adapters.mysql.impl import MySQLAdapter
from dbt.exceptions import DbtInternalError
from dbt.graph.graph import Graph
from dbt.parser.manifest import ManifestLoader

plugins: list[type] = []

# Variables and connection settings on which no name, config or edge of the project depends.
MOMENTARY = frozenset({"as_of", "start_date", "end_date", "accept_lost_history"})
DAY = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")
MOMENT = re.compile(DAY.pattern + r"([ T]([01]\d|2[0-3])(:[0-5]\d){2}([.]\d+)?)?")
WHEREABOUTS = frozenset({"path", "server", "port", "username"})

# MySQL connections that no node uses, by how they were asked for; and how each one was.
_IDLE: dict[Any, list[Any]] = {}
_ASKED_FOR: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()
_IDLE_LOCK = threading.Lock()


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


def _comment_column(original: Any, adapter: DuckDBAdapter, prefix: str) -> str:
    """`docs generate --no-compile` asks for it before anything has opened the file."""
    opened = DuckDBConnectionManager._ENV is not None
    return str(original(adapter, prefix)) if opened else f"{prefix}.comment"


def _connect(**asked_for: Any) -> Any:
    key = tuple(sorted(asked_for.items()))
    while True:
        with _IDLE_LOCK:
            idle = _IDLE.get(key)
            handle = idle.pop() if idle else None
        if handle is None:
            break
        if handle.is_connected():  # the server may have ended it meanwhile
            return handle
    handle = _mysql_connect(**asked_for)
    _ASKED_FOR[handle] = key
    return handle


def _put_aside(original: Any, connection: Any) -> None:
    """Keep the connection for the next node: without locks, temporary tables and variables."""
    handle = connection.handle
    is_clean = False
    with suppress(mysql.connector.Error):  # broken, or cancelled
        is_clean = handle is not None and handle.cmd_reset_connection()
    if not is_clean:
        original(connection)
        return
    with _IDLE_LOCK:
        _IDLE.setdefault(_ASKED_FOR[handle], []).append(handle)


def _close_idle(original: Any, manager: MySQLConnectionManager) -> None:
    original(manager)
    with _IDLE_LOCK:
        handles = [handle for idle in _IDLE.values() for handle in idle]
        _IDLE.clear()
    for handle in handles:
        with suppress(mysql.connector.Error):
            handle.close()


def side_by_side(adapter: MySQLAdapter, scripts: Sequence[Sequence[str]]) -> None:
    """Run scripts of statements, each in a session and a transaction of its own.

    As many at once as the profile has threads. The first error is raised when those that had begun
    have ended; what they wrote stays.
    """
    name = adapter.connections.get_thread_connection().name

    def run(number: int) -> None:
        with adapter.connection_named(f"{name}.{number}"):
            for statement in scripts[number]:
                adapter.execute(statement, auto_begin=True)
            adapter.commit_if_has_connection()

    with ThreadPoolExecutor(adapter.config.threads) as pool:
        tasks = [pool.submit(run, number) for number in range(len(scripts))]
        try:
            for task in tasks:
                task.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _state_of_the_project(original: Any, loader: ManifestLoader) -> Any:
    """What must be the same for a parsed project to be used again."""
    config = loader.root_project
    told = config.credentials.connection_info()
    known = [(key, value) for key, value in told if key not in WHEREABOUTS]
    # a copy: other threads load macros by the same configuration
    shown = loader.root_project = copy.copy(config)
    if _make_sense(config.cli_vars):
        shown.cli_vars = {n: value for n, value in config.cli_vars.items() if n not in MOMENTARY}
    shown.credentials = SimpleNamespace(connection_info=lambda: known)
    try:
        return original(loader)
    finally:
        loader.root_project = config


def _make_sense(variables: Mapping[str, Any]) -> bool:
    """Whether the days of a run are days; what they are not, only parsing says in words."""
    told = {n: str(variables[n]) for n in MOMENTARY if variables.get(n) is not None}
    first, end = told.get("start_date"), told.get("end_date")
    return (
        all(DAY.fullmatch(day) for day in (first, end) if day is not None)
        and MOMENT.fullmatch(told.get("as_of", "2026-06-30")) is not None
        and (end is None or (first is not None and first < end))
    )


def _wrap(owner: type, name: str, wrapper: Any) -> None:
    original = getattr(owner, name)

    @functools.wraps(original)
    def wrapped(this: Any, *args: Any, **kwargs: Any) -> Any:
        return wrapper(original, this, *args, **kwargs)

    setattr(owner, name, wrapped)


_wrap(LocalEnvironment, "__init__", _keep_open)
_wrap(DuckDBConnectionManager, "cleanup_all", _close_all)
_wrap(DuckDBAdapter, "catalog_comment", _comment_column)
_mysql_connect = mysql.connector.connect
mysql.connector.connect = _connect
_mysql_close = MySQLConnectionManager._close_handle
MySQLConnectionManager._close_handle = classmethod(
    lambda _, connection: _put_aside(_mysql_close, connection)
)
_wrap(MySQLConnectionManager, "cleanup_all", _close_idle)
MySQLAdapter.side_by_side = side_by_side
# What macros may call.
MySQLAdapter._available_ = MySQLAdapter._available_ | {"side_by_side"}
_wrap(ManifestLoader, "build_manifest_state_check", _state_of_the_project)
Graph.ancestors = lambda graph, node, max_depth=None: reachable(
    graph.graph, node, upstream=True, max_depth=max_depth
)
Graph.descendants = lambda graph, node, max_depth=None: reachable(
    graph.graph, node, upstream=False, max_depth=max_depth
)
