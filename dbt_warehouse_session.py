"""What every dbt session needs and no profile can say.

dbt 1.7 imports each top-level module named `dbt_…` when it starts; this one wraps how connections
are opened. MySQL: business time zone, short lock waits, and a server that is really MySQL 8 or
later. DuckDB: a sentence instead of a traceback when another process holds the file. Both: the
masking key's pads as session variables, so that no SQL, compiled or logged, ever holds the key.
"""

from __future__ import annotations

import functools
import hashlib
import re
import threading
import time
from pathlib import Path
from typing import Any

import dbt.adapters.duckdb.environments as duckdb_environments
from dbt.adapters.mysql.connections import MySQLConnectionManager
from dbt.exceptions import FailedToConnectError

from orchestration.errors import WarehouseError
from orchestration.settings import UTC_OFFSET, load_settings

plugins: list[type] = []

MYSQL_SESSION = (
    f"set session time_zone = '{UTC_OFFSET}', "
    # A rename or drop behind somebody's open transaction would queue every reader after it.
    "lock_wait_timeout = 5, "
    # group_concat cuts at 1,024 bytes without a word.
    "group_concat_max_len = 1048576, "
    "sql_mode = concat(@@sql_mode, ',PIPES_AS_CONCAT')"
)
MASK_VARIABLES = ("warehouse_mask_inner", "warehouse_mask_outer")
DUCKDB_LOCK_WAIT_SECONDS = 10.0
_HMAC_BLOCK_BYTES = 64
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


def prepare_mysql_session(cursor: Any) -> None:
    """Settings and masking key for a fresh MySQL connection, through any DB-API cursor.

    Raises WarehouseError for a server that is MariaDB or older than MySQL 8.0.
    """
    cursor.execute("select version(), @@version_comment")
    version, comment = cursor.fetchone()
    check_server(str(version), str(comment))
    cursor.execute(MYSQL_SESSION)
    if pads := session_pads("mysql"):
        names = ", ".join(f"@{name} = x'{pad.hex()}'" for name, pad in zip(MASK_VARIABLES, pads, strict=True))
        cursor.execute(f"set {names}")


def prepare_duckdb_session(cursor: Any) -> None:
    """The masking key for a fresh DuckDB cursor; variables do not carry over between cursors."""
    if pads := session_pads("embedded"):
        for name, pad in zip(MASK_VARIABLES, pads, strict=True):
            cursor.execute(f"set variable {name} = unhex('{pad.hex()}')")


def check_server(version: str, comment: str = "") -> None:
    """Refuse what only looks like MySQL: MariaDB, and MySQL before 8.0."""
    if "mariadb" in f"{version} {comment}".lower():
        raise WarehouseError(
            f"The server is MariaDB ({version}), whose JSON, window and partition SQL differs.",
            fix="point MYSQL_HOST at MySQL 8.0 or later, or run `make mysql-up` for a private one.",
        )
    if int(version.split(".")[0]) < 8:
        raise WarehouseError(
            f"The server is MySQL {version}; window functions and JSON tables need 8.0.",
            fix="upgrade it, or run `make mysql-up` for a private server.",
        )


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
            prepare_mysql_session(cursor)
        finally:
            cursor.close()
    except WarehouseError as error:
        connection.handle, connection.state = None, "fail"
        raise FailedToConnectError(str(error)) from None
    return opened


def _open_duckdb(original: Any, environment: type, creds: Any, plugins: Any = None) -> Any:
    give_up = time.monotonic() + DUCKDB_LOCK_WAIT_SECONDS
    pause = 0.1
    while True:
        try:
            return original(environment, creds, plugins)
        except Exception as error:
            held = "Could not set lock on file" in str(error)
            if held and time.monotonic() + pause < give_up:
                time.sleep(pause)
                pause = min(pause * 2, 2.0)
                continue
            raise FailedToConnectError(str(duckdb_open_error(creds.path, error))) from None


def duckdb_open_error(path: str, error: Exception) -> WarehouseError:
    """The sentence for a DuckDB file that cannot be opened."""
    if "Could not set lock on file" in str(error):
        holder = re.search(r"PID (\d+)", str(error))
        process = f"process {holder[1]}" if holder else "another process"
        return WarehouseError(
            f"{path} is open in {process}, and DuckDB lets one process write a file at a time.",
            fix="wait for it or end it, then run the command again.",
        )
    if not Path(path).parent.is_dir():
        return WarehouseError(
            f"There is no folder for the database file {path}.",
            fix="run `warehouse deploy` first, or set WAREHOUSE_DUCKDB_PATH.",
        )
    return WarehouseError(
        f"{path} cannot be opened: {error}", fix="check WAREHOUSE_DUCKDB_PATH and the file."
    )


def _initialize_cursor(
    original: Any, environment: type, creds: Any, cursor: Any, *args: Any, **kwargs: Any
) -> Any:
    prepare_duckdb_session(cursor)
    return original(environment, creds, cursor, *args, **kwargs)


def _wrap(owner: type, name: str, wrapper: Any) -> None:
    original = getattr(owner, name).__func__

    @functools.wraps(original)
    def wrapped(cls: type, *args: Any, **kwargs: Any) -> Any:
        return wrapper(original, cls, *args, **kwargs)

    setattr(owner, name, classmethod(wrapped))


_wrap(MySQLConnectionManager, "open", _open_mysql)
_wrap(duckdb_environments.Environment, "initialize_db", _open_duckdb)
_wrap(duckdb_environments.Environment, "initialize_cursor", _initialize_cursor)
