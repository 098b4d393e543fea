"""What every dbt session needs and no profile can say.

dbt 1.7 imports each top-level module named `dbt_…` when it starts; this one wraps how connections
are opened. MySQL: business time zone, short lock waits, and a server that is really MySQL 8 or
later. DuckDB: a sentence instead of a traceback when another process holds the file. Both: the
masking key's pads as session variables, so that no SQL, compiled or logged, ever holds the key, and
errors without the values of rows that they quote.
MySQL again: a view or key that meets another session's lock is created once more, and a statement
for whose temporary tables the server has no memory left is run again when there is some.
And `dbt build -s wework`: a domain's name selects its models in every layer.
"""

from __future__ import annotations

import functools
import hashlib
import re
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import dbt.adapters.duckdb.environments as duckdb_environments
import duckdb
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.graph.selector_methods import QualifiedNameSelectorMethod

from orchestration.errors import WarehouseError
from orchestration.settings import DOMAINS, load_settings

# `make forward` runs this module with a newer dbt, for which there is no adapter for MySQL.
try:
    import mysql.connector
    from dbt.adapters.mysql.connections import MySQLConnectionManager
except ImportError:
    MySQLConnectionManager = None
# An extra: `make setup-spark`.
try:
    from dbt.adapters.spark.connections import SparkConnectionManager
except ImportError:
    SparkConnectionManager = None
try:
    from dbt.exceptions import DbtDatabaseError, FailedToConnectError
except ImportError:
    from dbt.adapters.exceptions import FailedToConnectError
    from dbt_common.exceptions import DbtDatabaseError

plugins: list[type] = []

MASK_VARIABLES = ("warehouse_mask_inner", "warehouse_mask_outer")
_HMAC_BLOCK_BYTES = 64
# Threads that create views can meet in the server's own dictionary (1213), and a table that gets a
# foreign key or another name waits for readers of it and of its parents (1205 after a few seconds:
# nobody queues behind it).
LOCK_ERRORS = ("1213 (40001)", "1205 (HY000)")
DEFINITIONS = ("create or replace", "alter table", "rename table", "drop table")
DEFINITION_ATTEMPTS = 8
# What a temporary table may keep in memory before it goes to disk: with MySQL's 16 MiB a rollup of
# a week of messages does. The server's own temptable_max_ram (1 GiB for all sessions) stands above,
# and where nothing is left of that, other sessions' statements fail. A step has up to a dozen such
# tables at once: a 32nd for each leaves room for a second step and for the applications.
TEMPORARY_TABLE_BYTES, TEMPORARY_TABLE_SHARE = 256 * 2**20, 32
# Seconds for which a statement that found none left is tried again: as long as another one's may
# take that builds a year of events. And the longest pause between two tries.
TEMPORARY_TABLE_PATIENCE, TEMPORARY_TABLE_PAUSE = 900, 10
# What a user needs for whose session the general log is to be off: both, or what stood for both.
LOOKS_AWAY = re.compile(
    r"\bSUPER\b|(?=.*\bCONNECTION_ADMIN\b).*\bS(ESSION|YSTEM)_VARIABLES_ADMIN\b"
)
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_KEY_LOCK = threading.Lock()


def hmac_pads(key: str) -> tuple[bytes, bytes]:
    """The inner and the outer pad of HMAC-SHA-256 for a text key: 64 bytes each.

    mask_hash(x) is sha256(outer + sha256(inner + x)), which SQL can compute without an HMAC.
    """
    secret = key.encode()
    if len(secret) > _HMAC_BLOCK_BYTES:
        secret = hashlib.sha256(secret).digest()
    block = secret.ljust(_HMAC_BLOCK_BYTES, b"\0")
    return bytes(b ^ 0x36 for b in block), bytes(b ^ 0x5C for b in block)


def session_pads(target: str) -> tuple[bytes, bytes] | None:
    """The pads for a session on this engine, or None without a key: masking models then fail."""
    try:
        # One thread at a time: the first to ask writes the development key's file.
        with _KEY_LOCK:
            key = load_settings(target=target).mask_key
    except WarehouseError:
        return None
    return hmac_pads(key) if key else None


def prepare_mysql_session(cursor: Any, pads: tuple[bytes, bytes] | None) -> None:
    """Settings and the masking key's pads for a fresh MySQL connection; any DB-API cursor will do.

    Raises WarehouseError for a server that is MariaDB or older than MySQL 8.0.
    """
    from orchestration import database  # SQLAlchemy, which a DuckDB run does without

    cursor.execute("select version()")
    database.check_server_version(str(cursor.fetchone()[0]))
    cursor.execute(
        f"{database.SESSION}, sql_mode = concat(@@sql_mode, ',PIPES_AS_CONCAT'), "
        f"tmp_table_size = cast(least({TEMPORARY_TABLE_BYTES}, "
        f"@@global.temptable_max_ram div {TEMPORARY_TABLE_SHARE}) as unsigned), "
        # else `insert … select` locks what it reads, and applications wait for the build's end
        "transaction_isolation = 'READ-COMMITTED'"
    )
    if pads:
        names = zip(MASK_VARIABLES, pads, strict=True)
        with _past_the_query_log(cursor):
            cursor.execute("set " + ", ".join(f"@{name} = x'{pad.hex()}'" for name, pad in names))


@contextmanager
def _past_the_query_log(cursor: Any) -> Iterator[None]:
    """Keep the general log, if the server writes one, from statements that hold the key.

    WarehouseError where it is written and this user may not switch it off for a session.
    """
    cursor.execute("select @@global.general_log")
    if not int(cursor.fetchone()[0]):
        yield
        return
    cursor.execute("show grants")
    if not LOOKS_AWAY.search(" ".join(str(row[0]) for row in cursor.fetchall())):
        raise WarehouseError(
            "The server writes a general log, which would hold the masking key.",
            fix="set global general_log = off, or grant session_variables_admin and "
            "connection_admin to this user, who can then keep the key out of the log.",
        )
    cursor.execute("set session sql_log_off = on")
    yield
    cursor.execute("set session sql_log_off = off")


def prepare_duckdb_session(cursor: Any, pads: tuple[bytes, bytes] | None) -> None:
    """The masking key's pads for a fresh DuckDB cursor; no variable carries over from another."""
    if pads:
        for name, pad in zip(MASK_VARIABLES, pads, strict=True):
            cursor.execute(f"set variable {name} = unhex('{pad.hex()}')")


def _open_mysql(original: Any, manager: type, connection: Any) -> Any:
    if connection.state == "open":
        return original(manager, connection)
    credentials = connection.credentials
    try:
        if not credentials.username:
            # The profile has been rendered by now, too early to know of the private server.
            server = load_settings(target="mysql").mysql
            credentials.server, credentials.port = server.host, server.port
            credentials.username, credentials.password = server.user, server.password
        opened = original(manager, connection)
        cursor = opened.handle.cursor()
        try:
            prepare_mysql_session(cursor, session_pads("mysql"))
        finally:
            cursor.close()
    except WarehouseError as error:
        connection.handle, connection.state = None, "fail"
        raise FailedToConnectError(str(error)) from None
    return opened


def _connect_with_tls(original: Any, **arguments: Any) -> Any:
    """The profile cannot ask for a certificate, and the adapter would not hear it."""
    from orchestration import database

    return original(**arguments, **database.tls_arguments(load_settings(target="mysql").mysql))


def _connect_patiently(original: Any, **arguments: Any) -> Any:
    """Every cursor waits for memory of temporary tables."""
    handle = original(**arguments)
    # Buffered: MySQL computes rows when they are fetched, and fetching is then part of execute.
    kind = type(handle.cursor(buffered=True))
    handle.cursor = functools.partial(handle.cursor, cursor_class=_waiting_for_memory(kind))
    return handle


@functools.cache
def _waiting_for_memory(kind: type) -> type:
    """A cursor that runs a statement again for whose temporary tables there was no memory.

    Only the statement is undone by MySQL, so that its transaction can go on.
    """
    from dbt.events import AdapterLogger

    from orchestration import database

    class WaitingCursor(kind):
        def execute(self, *args: Any, **kwargs: Any) -> Any:
            until = 0.0
            for attempt in count(1):
                try:
                    return super().execute(*args, **kwargs)
                except mysql.connector.ProgrammingError as error:
                    if not database.is_out_of_temporary_memory(error):
                        raise
                    until = until or time.monotonic() + TEMPORARY_TABLE_PATIENCE
                    if time.monotonic() >= until:
                        raise mysql.connector.ProgrammingError(
                            str(database.out_of_temporary_memory()), errno=error.errno
                        ) from error
                if attempt == 1:
                    AdapterLogger("MySQL").warning(
                        "MySQL has no memory left for temporary tables: waiting for other "
                        f"statements to end, {TEMPORARY_TABLE_PATIENCE} s at most."
                    )
                time.sleep(min(attempt, TEMPORARY_TABLE_PAUSE))
                super().execute("set tmp_table_size = default")  # it may be its own that are large

    return WaitingCursor


def add_mysql_query(original: Any, manager: Any, sql: str, *args: Any, **kwargs: Any) -> Any:
    """As dbt does it; only definitions, each a transaction of its own, are tried again."""
    connection = manager.get_thread_connection()
    in_transaction = connection.transaction_open
    for attempt in range(1, DEFINITION_ATTEMPTS):
        try:
            return original(manager, sql, *args, **kwargs)
        except DbtDatabaseError as error:
            is_lock = any(code in str(error) for code in LOCK_ERRORS)
            if not is_lock or not _COMMENT.sub("", sql).lstrip().lower().startswith(DEFINITIONS):
                raise
            time.sleep(0.1 * attempt)
            # The definition had committed before it waited: dbt rolled back nothing, and will want
            # to commit what it takes for open.
            connection.transaction_open = in_transaction
    return original(manager, sql, *args, **kwargs)


def _open_duckdb(original: Any, environment: type, creds: Any, plugins: Any = None) -> Any:
    folder = Path(creds.path).parent
    if not folder.is_dir():
        raise FailedToConnectError(
            f"There is no folder {folder} for the DuckDB file. Fix: run `warehouse deploy` first."
        )
    started = time.monotonic()
    pause = 0.1
    while True:
        try:
            return original(environment, creds, plugins)
        except duckdb.Error as error:
            from orchestration import database

            here = replace(load_settings(target="embedded"), duckdb_path=Path(creds.path))
            deadline = started + database.duckdb_wait_seconds(here)
            if "Could not set lock" not in str(error) or time.monotonic() + pause > deadline:
                raise FailedToConnectError(str(database.explain(error, here) or error)) from None
        time.sleep(pause)
        pause = min(pause * 2, 1.0)


def _open_spark(original: Any, manager: type, connection: Any) -> Any:
    """Start our session first: dbt's own call then finds it, with its catalog and settings."""
    if connection.state == "open":
        return original(manager, connection)
    from orchestration.spark.catalog import open_session
    from orchestration.spark.session import check_server

    is_here = connection.credentials.method == "session"
    try:
        open_session(load_settings(target="embedded"), is_here)
        opened = original(manager, connection)
        if not is_here:
            check_server(opened.handle.cursor())
    except WarehouseError as error:
        connection.handle, connection.state = None, "fail"
        raise FailedToConnectError(str(error)) from None
    return opened


def _initialize_cursor(
    original: Any, environment: type, creds: Any, cursor: Any, *args: Any, **kwargs: Any
) -> Any:
    prepare_duckdb_session(cursor, session_pads("embedded"))
    return original(environment, creds, cursor, *args, **kwargs)


def domain_nodes(nodes: Sequence[Any], domain: str) -> set[str]:
    """Ids of a domain's nodes, and of the seeds and other domains' staging views that these or
    their tests read: a domain can be built where nothing else was built yet.
    """
    parents = {node.unique_id: set(node.depends_on_nodes) for node in nodes}
    folders = {node.unique_id: node.fqn[1:3] for node in nodes}
    # snapshots/<domain> or <layer>/<domain>; the tests in a domain's YAML are in its folder too.
    own = {key for key, folder in folders.items() if domain in folder}
    base = {
        key
        for key, folder in folders.items()
        if key.startswith("seed.") or (folder[:1] == ["staging"] and key.startswith("model."))
    }
    singular = {
        key
        for key, folder in folders.items()
        if key.startswith("test.")
        and len(folder) == 1
        and parents[key] & own
        and parents[key] <= own | base
    }
    read = {parent for key in own | singular for parent in parents[key]}
    return own | singular | (read & base)


def _select_by_name(method: Any, included_nodes: set[str], selector: str) -> Iterator[str]:
    if selector in DOMAINS:
        chosen = domain_nodes(list(method.manifest.nodes.values()), selector)
        yield from sorted(chosen & included_nodes)
    else:
        yield from _by_qualified_name(method, included_nodes, selector)


def _hiding_values(original: Any) -> Any:
    """A connection manager's exception_handler, for errors that show no values of rows."""

    @contextmanager
    @functools.wraps(original)
    def handler(manager: Any, *args: Any, **kwargs: Any) -> Iterator[None]:
        with original(manager, *args, **kwargs):
            try:
                yield
            except Exception as error:
                from orchestration import database

                database.hide_quoted(error)
                raise

    return handler


def _wrap(owner: type, name: str, wrapper: Any) -> None:
    original = getattr(owner, name).__func__

    @functools.wraps(original)
    def wrapped(cls: type, *args: Any, **kwargs: Any) -> Any:
        return wrapper(original, cls, *args, **kwargs)

    setattr(owner, name, classmethod(wrapped))


_wrap(duckdb_environments.Environment, "initialize_db", _open_duckdb)
_wrap(duckdb_environments.Environment, "initialize_cursor", _initialize_cursor)
DuckDBConnectionManager.exception_handler = _hiding_values(
    DuckDBConnectionManager.exception_handler
)

if MySQLConnectionManager is not None:
    _wrap(MySQLConnectionManager, "open", _open_mysql)
    mysql.connector.connect = functools.partial(_connect_with_tls, mysql.connector.connect)
    mysql.connector.connect = functools.partial(_connect_patiently, mysql.connector.connect)
    MySQLConnectionManager.exception_handler = _hiding_values(
        MySQLConnectionManager.exception_handler
    )
    _mysql_add_query = MySQLConnectionManager.add_query
    MySQLConnectionManager.add_query = functools.wraps(_mysql_add_query)(
        lambda manager, *args, **kwargs: add_mysql_query(_mysql_add_query, manager, *args, **kwargs)
    )
if SparkConnectionManager is not None:
    _wrap(SparkConnectionManager, "open", _open_spark)
_by_qualified_name = QualifiedNameSelectorMethod.search
QualifiedNameSelectorMethod.search = _select_by_name
