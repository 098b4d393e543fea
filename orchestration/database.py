"""Connections to either engine, and database errors turned into sentences.

Everybody uses `begin(settings)` (one transaction) or `connect(settings)` (the caller commits).
MySQL connections come from a small pool; the DuckDB file is opened late and closed at once,
because one process at a time may hold it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import ssl
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import duckdb
import pymysql
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from orchestration.errors import WarehouseError
from orchestration.settings import UTC_OFFSET, MySQLConnection, Settings, load_settings

# 8.0.17 brought utf8mb4_0900_bin, by which text is grouped and ordered by code point.
OLDEST_MYSQL = (8, 0, 17)
CHARSET = "utf8mb4"
COLLATION = "utf8mb4_unicode_ci"
# DDL must not queue behind a long query with everybody else behind it; a year is MySQL's default.
LOCK_WAIT_SECONDS = 5
# The default of 1,024 bytes cuts group_concat silently.
GROUP_CONCAT_BYTES = 1_048_576
SESSION = (
    f"set names {CHARSET} collate {COLLATION}, time_zone = '{UTC_OFFSET}', "
    f"lock_wait_timeout = {LOCK_WAIT_SECONDS}, group_concat_max_len = {GROUP_CONCAT_BYTES}"
)
# How long to wait for another process to let go of the DuckDB file, unless
# WAREHOUSE_DUCKDB_WAIT_SECONDS says otherwise.
DUCKDB_WAIT_SECONDS = 15.0
LOCK_HOLDER = re.compile(r"held in (.+?) \(PID (\d+)\)")
# No smaller file is a DuckDB database.
DUCKDB_HEADER_BYTES = 12288
# Where servers quote values of rows in their errors, which end in logs and in Dagster's history.
QUOTED_VALUES = tuple(
    re.compile(pattern, re.IGNORECASE | re.DOTALL)
    for pattern in (
        r"(?<=duplicate entry )'.*?'(?= for key)",
        r"(?<= value: )'.*?'(?= for |$)",
        r"(?<=duplicate key )\".*?\"(?= violates)",
        r"(?<=could not convert string )'.*?'(?= to )",
        r"(?<= format: )\".*?\"(?=,|$)",
        r"(?<= input: )\".*\"",
    )
)
# A file or folder that the user may not use, or that is something else than it should be.
# Its name is the server's own; a table that is really missing has a database before its name.
LOST_TEMPORARY_TABLE = re.compile(r"Table '\S*/#sql\w+' doesn't exist")
NOT_ALLOWED = (
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.EEXIST,
)  # fmt: skip


def database_name(settings: Settings, name: str) -> str:
    """The name in this installation: the record's name behind WAREHOUSE_DATABASE_PREFIX."""
    return f"{settings.database_prefix}{name}"


def connect_engine(settings: Settings, *, read_only: bool = False) -> sa.Engine:
    """The engine of the chosen target; nothing is opened yet.

    `read_only` matters to DuckDB only, where readers can share the file with each other.
    """
    if settings.is_mysql:
        # The process id keeps a forked child from sharing its parent's sockets.
        return _mysql_engine(settings.mysql, os.getpid())
    return _duckdb_engine(settings.duckdb_path, read_only)


@contextmanager
def connect(settings: Settings, *, read_only: bool = False) -> Iterator[sa.Connection]:
    """One open connection; the caller commits. Database errors leave as WarehouseError.

    Rows must be fetched before it closes: DuckDB results are empty afterwards, without an error.
    """
    with friendly_errors(settings):
        connection = _open(settings, read_only)
        try:
            yield connection
        finally:
            connection.close()


@contextmanager
def begin(settings: Settings) -> Iterator[sa.Connection]:
    """One connection in one transaction: committed at the end, rolled back on any exception."""
    with connect(settings) as connection, connection.begin():
        yield connection


@contextmanager
def rows_as_table(
    connection: sa.Connection, rows: Sequence[Mapping[str, Any]]
) -> Iterator[sa.TableClause]:
    """Rows as a table to insert from, on DuckDB, where each row bound by itself takes 20 ms."""
    import pyarrow as pa

    batch = sa.table("rows_to_insert", *map(sa.column, rows[0]))
    driver: Any = connection.connection.driver_connection
    driver.register(batch.name, pa.Table.from_pylist(list(rows)))
    try:
        yield batch
    finally:
        # a connection that was broken off is closed already, and its error is the one to show
        with contextlib.suppress(duckdb.Error):
            driver.unregister(batch.name)


def _open(settings: Settings, read_only: bool) -> sa.Connection:
    if settings.is_mysql:
        return connect_engine(settings).connect()
    _check_duckdb_folder(settings.duckdb_path)
    deadline = time.monotonic() + duckdb_wait_seconds(settings)
    pause = 0.05
    told = False
    while True:
        new = not settings.duckdb_path.exists()
        try:
            return connect_engine(settings, read_only=read_only).connect()
        except DBAPIError as error:
            if new and _is_full(str(error.orig)):
                _remove_stub(settings.duckdb_path)
            if not _is_held(str(error.orig)) or time.monotonic() + pause > deadline:
                raise
            if pause > 0.2 and not told:  # a moment is not worth a line
                holder = _holder(str(error.orig))
                print(f"waiting for {settings.duckdb_path}: {holder}", file=sys.stderr, flush=True)
                told = True
        time.sleep(pause)
        pause = min(pause * 2, 1.0)


def duckdb_wait_seconds(settings: Settings) -> float:
    """How long to wait for the file, in seconds; WarehouseError when the variable is no number."""
    text = settings.environment.get("WAREHOUSE_DUCKDB_WAIT_SECONDS") or str(DUCKDB_WAIT_SECONDS)
    with contextlib.suppress(ValueError):
        if (seconds := float(text)) >= 0:  # not so for nan
            return seconds
    raise WarehouseError(
        f"WAREHOUSE_DUCKDB_WAIT_SECONDS {text!r} is not a number of seconds.",
        fix="export WAREHOUSE_DUCKDB_WAIT_SECONDS=15, say.",
    )


def _holder(message: str) -> str:
    """Who holds the file, by DuckDB's own message: a program and its process."""
    found = LOCK_HOLDER.search(message)
    return f"{Path(found[1]).name}, process {found[2]}" if found else "not named"


def _is_held(message: str) -> bool:
    return "Could not set lock on file" in message or "different configuration" in message


def _is_full(message: str) -> bool:
    return "No space left" in message or "disk full" in message.lower()


def _remove_stub(path: Path) -> None:
    """Remove what a full disk let DuckDB write of a new file: nothing could open it again."""
    with contextlib.suppress(OSError):
        if path.stat().st_size < DUCKDB_HEADER_BYTES:
            path.unlink()


def _check_duckdb_folder(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WarehouseError(
            f"The folder {path.parent} for the DuckDB file cannot be made: {error.strerror}.",
            fix="choose another place with WAREHOUSE_DUCKDB_PATH, or mend the folder's owner.",
        ) from error


@lru_cache(maxsize=32)
def _duckdb_engine(path: Path, read_only: bool) -> sa.Engine:
    arguments = {"read_only": True} if read_only else {}
    engine = sa.create_engine(
        f"duckdb:///{path}", poolclass=NullPool, connect_args=arguments, hide_parameters=True
    )
    sa.event.listen(engine, "handle_error", hide_values)
    sa.event.listen(engine, "connect", _keep_what_is_put_aside)
    return engine


def _keep_what_is_put_aside(connection: Any, _record: Any) -> None:
    """As profiles.yml does for dbt: in order, DuckDB 2.0 can lose what a transaction puts aside."""
    connection.execute("set preserve_insertion_order = false")


@lru_cache(maxsize=32)
def _mysql_engine(server: MySQLConnection, process: int) -> sa.Engine:
    engine = sa.create_engine(
        "mysql+pymysql://",
        creator=lambda: _open_mysql(server),
        pool_size=2,
        max_overflow=6,
        pool_pre_ping=True,
        pool_recycle=1800,
        hide_parameters=True,
    )
    sa.event.listen(engine, "handle_error", hide_values)
    # After SQLAlchemy's own hook, whose `set names` falls back to the server's collation.
    sa.event.listen(engine, "connect", set_session)
    return engine


def tls_arguments(server: MySQLConnection) -> dict[str, Any]:
    """What makes a driver refuse a server without a certificate for its name; both know these."""
    if not server.tls_verified:
        return {}
    authorities = server.ca_file or ssl.get_default_verify_paths().cafile
    return {"ssl_ca": authorities, "ssl_verify_cert": True, "ssl_verify_identity": True}


def _open_mysql(server: MySQLConnection) -> pymysql.Connection:
    connection = pymysql.connect(
        host=server.host,
        port=server.port,
        user=server.user,
        password=server.password,
        charset=CHARSET,
        connect_timeout=10,
        local_infile=True,
        client_flag=pymysql.constants.CLIENT.FOUND_ROWS,
        **tls_arguments(server),
    )
    try:
        check_server_version(connection.get_server_info())
    except WarehouseError:
        connection.close()
        raise
    return connection


def reason_of(error: Exception) -> str:
    """What the server or the system said, without the statement around it."""
    return str(error.orig if isinstance(error, DBAPIError) else error)


def hide_values(context: sa.engine.ExceptionContext) -> None:
    """Errors without the values that the server quotes, for an engine's `handle_error` event."""
    error, around = context.original_exception, context.sqlalchemy_exception
    said = str(error)
    hide_quoted(error)
    if around is not None:
        around.args = tuple(
            part.replace(said, str(error)) if isinstance(part, str) else part
            for part in around.args
        )


def hide_quoted(error: BaseException) -> None:
    """Take the values that the server quotes out of a driver's error."""
    error.args = tuple(map(_without_values, error.args))
    for text in ("msg", "_full_msg"):  # where mysql-connector keeps them
        if hasattr(error, text):
            setattr(error, text, _without_values(getattr(error, text)))


def _without_values(said: Any) -> Any:
    if isinstance(said, str):
        for values in QUOTED_VALUES:
            said = values.sub("'…'", said)
    return said


def set_session(connection: pymysql.Connection, _record: object) -> None:
    """The project's session settings, for a MySQL engine's `connect` event."""
    with connection.cursor() as cursor:
        cursor.execute(SESSION)


def check_server(connection: sa.Connection) -> str:
    """The server's version; WarehouseError for MariaDB and for anything before MySQL 8.0."""
    version = str(connection.scalar(sa.text("select version()")))
    if connection.dialect.name == "mysql":
        check_server_version(version)
    return version


def check_server_version(version: str) -> None:
    """Refuse, by what `select version()` or the handshake says, servers that cannot work."""
    if "mariadb" in version.lower():
        raise WarehouseError(
            f"The server is MariaDB ({version}), not MySQL: its JSON is text without MySQL's "
            "operators, and its windows, percentiles and partition DDL differ, so models would "
            "fail or, worse, answer differently.",
            fix="point MYSQL_HOST and MYSQL_PORT at MySQL 8.0.17 or later, or unset MYSQL_HOST and "
            "run `make mysql-up` for a private one.",
        )
    numbers = re.match(r"(\d+)\.(\d+)\.(\d+)", version)
    if numbers is None or tuple(int(n) for n in numbers.groups()) < OLDEST_MYSQL:
        raise WarehouseError(
            f"The server is MySQL {version}; common table expressions, window functions and "
            "the collation that the models compare text by need 8.0.17.",
            fix="upgrade it to MySQL 8.0.17 or later (8.4 and 9.7 are long-term releases).",
        )


@contextmanager
def friendly_errors(settings: Settings | None = None) -> Iterator[None]:
    """Turn database and disk errors that a user can act on into WarehouseError.

    Without settings, those of the environment name the server and the file. Other errors pass
    unchanged: they are mistakes in the code, and their traceback is what helps.
    """
    try:
        yield
    except (DBAPIError, pymysql.MySQLError, duckdb.Error, OSError) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        known = explain(cause, settings or load_settings())
        if known is None:
            raise
        raise known from error


def explain(error: BaseException | None, settings: Settings) -> WarehouseError | None:
    """The sentence and the fix for an error of a driver or of the disk; None when unknown."""
    if isinstance(error, pymysql.MySQLError):
        return _explain_mysql(error, settings.mysql)
    if isinstance(error, duckdb.Error):
        return _explain_duckdb(str(error), settings.duckdb_path)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _disk_full(str(error.filename or settings.local_dir))
    if isinstance(error, OSError) and error.filename and error.errno in NOT_ALLOWED:
        return WarehouseError(
            f"{error.filename} cannot be used: {error.strerror}.",
            fix="make it readable and writable for you, or choose another place with "
            "WAREHOUSE_LOCAL_DIR or WAREHOUSE_DUCKDB_PATH.",
        )
    return None


def is_out_of_temporary_memory(error: Exception) -> bool:
    """Whether MySQL lost a temporary table that a statement reads twice: see below."""
    return LOST_TEMPORARY_TABLE.search(str(error)) is not None


def out_of_temporary_memory() -> WarehouseError:
    """The sentence for it, whose cause nothing in MySQL's own error tells."""
    return WarehouseError(
        "MySQL has no memory left for temporary tables; a statement that reads one of them twice "
        "then fails (MySQL's bug 112704). Nothing was changed.",
        fix="run it again when less is running, or give the server more: "
        "set persist temptable_max_ram = 4294967296.",
    )


def _disk_full(where: str) -> WarehouseError:
    return WarehouseError(
        f"The disk is full ({where}).",
        fix="free some space and run the command again; it goes on where it stopped.",
    )


def _explain_mysql(error: pymysql.MySQLError, server: MySQLConnection) -> WarehouseError | None:
    code, message = _code_and_message(error)
    where = f"{server.host}:{server.port}"
    start = (
        "run `make mysql-up`."
        if server.origin == "private"
        else "check MYSQL_HOST and MYSQL_PORT and that the server is up, or unset MYSQL_HOST and "
        "run `make mysql-up` for a private one."
    )
    if "CERTIFICATE_VERIFY_FAILED" in message or "SSL is required" in message:
        return WarehouseError(
            f"The MySQL server at {where} has no certificate that proves its name: {message}.",
            fix="name its authority's PEM file with MYSQL_SSL_CA and reach it by the name in its "
            "certificate; MYSQL_TLS=off connects without, on a network that you trust.",
        )
    if is_out_of_temporary_memory(error):
        return out_of_temporary_memory()
    if code in (2002, 2003):
        if "Name or service not known" in message or "name resolution" in message:
            reason = f"No host is called {server.host}."
        elif "refused" in message:
            reason = f"Nothing listens on {where}: the connection was refused."
        else:
            reason = f"The MySQL server at {where} cannot be reached: {message}."
        return WarehouseError(reason, fix=start)
    if code in (2006, 2013, 2055) or isinstance(error, pymysql.err.InterfaceError):
        return WarehouseError(
            f"The connection to the MySQL server at {where} was lost.",
            fix="see whether it was restarted or ran out of memory, and run the command again.",
        )
    if code in (1045, 1698):
        return WarehouseError(
            f"The MySQL server at {where} does not let user {server.user!r} in with this password.",
            fix="correct MYSQL_USER and MYSQL_PASSWORD."
            if server.origin == "environment"
            else "run `make mysql-down` and `make mysql-up` to have the private server anew.",
        )
    if code in (1044, 1142, 1143, 1227, 1370, 1419):
        return WarehouseError(
            f"User {server.user!r} lacks a permission: {message}.",
            fix="have an administrator grant it; `warehouse doctor` lists what is missing.",
        )
    if code in (1290, 1836) and "read" in message.lower():
        return WarehouseError(
            f"The MySQL server at {where} is read-only, as replicas are: {message}.",
            fix="name the server that it follows; docs/existing-mysql.md says what a replica is "
            "good for.",
        )
    if code == 3159:
        return WarehouseError(
            f"The MySQL server at {where} accepts encrypted connections only.",
            fix="have TLS set up for this client, or switch require_secure_transport off.",
        )
    if code in (1040, 1203, 1226):
        return WarehouseError(
            f"The MySQL server at {where} has no connection left: {message}.",
            fix="wait, or raise max_connections.",
        )
    if code in (3, 20, 1021, 1114) or (code == 1030 and "28" in message):
        return _disk_full(f"of the MySQL server at {where}: {message}")
    if code == 1205 and "metadata" in message:
        return WarehouseError(
            "A table is in use by a long transaction, so it cannot be altered now.",
            fix="run the command again when `show processlist` shows that it ended.",
        )
    if code in (1215, 1822, 3780, 6125):
        return WarehouseError(
            f"A table cannot be tied to another, which differs from the schema of record: "
            f"{message}.",
            fix="see what `warehouse doctor` says of them, mend that by hand, then run "
            "`warehouse deploy` again.",
        )
    if code in (1049, 1146):
        return WarehouseError(f"{message}.", fix="run `warehouse deploy` first.")
    if code in (3948, 2068):
        return WarehouseError(
            f"The MySQL server at {where} refuses LOAD DATA LOCAL (local_infile is off).",
            fix="`set global local_infile = on` as an administrator.",
        )
    return None


def _code_and_message(error: pymysql.MySQLError) -> tuple[int, str]:
    code = error.args[0] if error.args and isinstance(error.args[0], int) else 0
    message = str(error.args[1]) if len(error.args) > 1 else str(error)
    return code, message.rstrip(".")


def _explain_duckdb(message: str, path: Path) -> WarehouseError | None:
    if "Could not set lock on file" in message:
        holder = LOCK_HOLDER.search(message)
        stop = f" (`kill {holder[2]}`)" if holder else ""
        return WarehouseError(
            f"Another process holds {path}: {_holder(message)}.",
            fix=f"let it finish or stop it{stop}, then run the command again; "
            "WAREHOUSE_DUCKDB_WAIT_SECONDS says how long to wait for it.",
        )
    if "different configuration" in message:
        return WarehouseError(
            f"{path} is already open in this process in another mode.",
            fix="close that connection first.",
        )
    if "not a valid DuckDB database file" in message:
        return WarehouseError(
            f"{path} is not a DuckDB file.",
            fix="move it away, or name another one with WAREHOUSE_DUCKDB_PATH.",
        )
    if "newer version of DuckDB" in message or "different version" in message:
        return WarehouseError(
            f"{path} was written by another version of DuckDB: {message.splitlines()[0]}",
            fix="run `make setup` for the locked version, or move the file away.",
        )
    if _is_full(message):
        return _disk_full(str(path))
    if "database does not exist" in message:
        return WarehouseError(
            f"There is no DuckDB file {path}.",
            fix="run `warehouse deploy` first, or name another one with WAREHOUSE_DUCKDB_PATH.",
        )
    if message.startswith("IO Error") and str(path) in message:
        return WarehouseError(
            f"The DuckDB file cannot be opened: {message.splitlines()[0].rstrip('.')}.",
            fix=f"make {path.parent} writable for you, or choose another place with "
            "WAREHOUSE_DUCKDB_PATH.",
        )
    if message.startswith("Catalog Error") and "does not exist" in message:
        with_database = re.search(r'name (\w+) does not exist!\nDid you mean "(\w+[.]\1)"', message)
        return WarehouseError(
            f"{message.splitlines()[0].removeprefix('Catalog Error: ')}",
            fix=f"name its database too: {with_database[2]}."
            if with_database
            else "run `warehouse deploy` first.",
        )
    return None
