"""What dbt 1.7 does again for every node although once is enough.

dbt imports each top-level module named `dbt_…` when it starts. No part changes a result; together
they halve a build of this project. DuckDB: the file stays open until dbt's call ends, instead of
being opened and checkpointed for every node. MySQL: a node takes over the connection that another
has done with, reset by the server, instead of reading all certificates of the system for one of its
own. Selection: ancestors are found along the edges themselves, not through a filtering view of the
graph that counts all nodes anew at each step. Parsing: the clock, the days, the file or the server
of a call change no node, so what was parsed for another day still holds. Memory: Python looks for
garbage in what a run makes, not over and over in the project. Jinja: a text is compiled once, and
the names of a node are bound in one pass over the macros; a macro finds them there, instead
of in two copies of all of them a call. `dbt docs generate --no-compile`, which compiles nothing
again, works on DuckDB, and a run that an error ends has no traceback of Python's after it. And a
materialization may let MySQL work on several statements at once: `adapter.side_by_side`.
"""

from __future__ import annotations

import copy
import functools
import gc
import re
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from types import SimpleNamespace
from typing import Any
from weakref import WeakKeyDictionary

import dbt.clients.jinja as dbt_jinja
import mysql.connector
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.adapters.duckdb.environments.local import LocalEnvironment
from dbt.adapters.duckdb.impl import DuckDBAdapter
from dbt.adapters.mysql.connections import MySQLConnectionManager
from dbt.adapters.mysql.impl import MySQLAdapter
from dbt.clients.jinja import BaseMacroGenerator, MacroFuzzEnvironment, MacroGenerator
from dbt.context.macros import MacroNamespace, MacroNamespaceBuilder
from dbt.exceptions import DbtInternalError, DuplicateMacroNameError
from dbt.graph.graph import Graph
from dbt.parser.manifest import ManifestLoader
from dbt.task.runnable import GraphRunnableTask

plugins: list[type] = []

# Variables and connection settings on which no name, config or edge of the project depends.
MOMENTARY = frozenset({"as_of", "start_date", "end_date", "accept_lost_history"})
DAY = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")
MOMENT = re.compile(DAY.pattern + r"([ T]([01]\d|2[0-3])(:[0-5]\d){2}([.]\d+)?)?")
# New objects after which Python looks for garbage among them; with its 700 it does at every node.
SELDOM = 20_000
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


@contextmanager
def _seldom_looking_for_garbage() -> Iterator[None]:
    thresholds = gc.get_threshold()
    gc.set_threshold(SELDOM, *thresholds[1:])
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)


def _load(original: Any, *args: Any, **kwargs: Any) -> Any:
    with _seldom_looking_for_garbage():
        return original(*args, **kwargs)


def _execute(original: Any, task: GraphRunnableTask, *args: Any, **kwargs: Any) -> Any:
    """The project is there until the run's end; nothing in it becomes garbage."""
    gc.freeze()
    try:
        with _seldom_looking_for_garbage():
            return original(task, *args, **kwargs)
    finally:
        gc.unfreeze()


def _run_queue(original: Any, task: GraphRunnableTask, pool: Any) -> None:
    """An open pool that is only found at the interpreter's end complains about its end."""
    try:
        original(task, pool)
    except BaseException:
        pool.close()
        raise


@functools.lru_cache(maxsize=4096)
def _compiled(kind: type[MacroFuzzEnvironment], source: str) -> Any:
    """The code of a text; it does not depend on the node that it stands in."""
    return _jinja_compile(_environment(is_native=kind is not MacroFuzzEnvironment), source)


def _compile(environment: MacroFuzzEnvironment, source: Any, *args: Any, **kwargs: Any) -> Any:
    if args or kwargs or not isinstance(source, str):
        return _jinja_compile(environment, source, *args, **kwargs)
    return _compiled(type(environment), source)


@functools.cache
def _environment(is_native: bool) -> Any:
    return _jinja_environment(native=is_native)


def _environment_for(node: Any = None, capture_macros: bool = False, native: bool = False) -> Any:
    """Only where macros are found out does an environment know its node."""
    if capture_macros:
        return _jinja_environment(node, capture_macros, native)
    return _environment(native)


class Macros(dict[str, Any]):
    """The macros by the names that a node calls them by, as dbt's MacroNamespace finds them.

    A dict, because dbt copies it into each node's context.
    """

    get_from_package = MacroNamespace.get_from_package

    def __init__(self, builder: MacroNamespaceBuilder, by_package: dict[str, dict[str, Any]]):
        """Of macros by package and name, those of the node's own package first."""
        internal = builder.internal_package_names_order
        self.packages = {n: found for n, found in by_package.items() if n not in internal}
        self.global_project_namespace: dict[str, Any] = {}
        for name in reversed(internal):  # the adapter's own before dbt's
            self.global_project_namespace.update(by_package.get(name, {}))
        super().__init__(self.global_project_namespace)
        self["dbt"] = self.global_project_namespace
        self.update(self.packages)
        for name in (builder.root_package, builder.search_package):
            self.update(self.packages.get(name, {}))


def _namespace(builder: MacroNamespaceBuilder, macros: Any, context: dict[str, Any]) -> Macros:
    by_package: dict[str, dict[str, Any]] = {}
    for macro in macros:
        package = by_package.setdefault(macro.package_name, {})
        bound = MacroGenerator(macro, context, builder.node, builder.thread_ctx)
        if package.setdefault(macro.name, bound) is not bound:
            raise DuplicateMacroNameError(macro, package[macro.name].macro, macro.package_name)
    return Macros(builder, by_package)


def _bind(
    generator: MacroGenerator, macro: Any, context: Any = None, node: Any = None, stack: Any = None
) -> None:
    generator.macro, generator.context = macro, context
    generator.node, generator.stack = node, stack


def _macro(generator: BaseMacroGenerator) -> Any:
    """What a macro's text defines, with the node's names in sight."""
    template, context = generator.get_template(), generator.context
    if "cycler" not in context:  # of Jinja's own
        for name, value in template.globals.items():
            context.setdefault(name, value)
    module = template.new_context(context, shared=True)
    deque(template.root_render_func(module), maxlen=0)
    return module.vars[dbt_jinja.get_dbt_macro_name(generator.get_name())]


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
ManifestLoader.get_full_manifest = functools.partial(_load, ManifestLoader.get_full_manifest)
_wrap(GraphRunnableTask, "execute_with_hooks", _execute)
_wrap(GraphRunnableTask, "run_queue", _run_queue)
_jinja_compile = MacroFuzzEnvironment.compile
MacroFuzzEnvironment.compile = _compile
_jinja_environment = dbt_jinja.get_environment
dbt_jinja.get_environment = _environment_for
MacroNamespaceBuilder.build_namespace = _namespace
MacroGenerator.__init__ = _bind
BaseMacroGenerator.get_macro = _macro
