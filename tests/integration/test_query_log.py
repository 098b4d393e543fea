"""MySQL's general log keeps every statement of a build, and never the masking key."""

from __future__ import annotations

import hashlib
import hmac
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pymysql
import pytest
from harness import MASK_KEY, make_macro_project
from private_servers import server_with

from dbt_warehouse_session import hmac_pads, prepare_mysql_session
from orchestration.errors import WarehouseError
from orchestration.settings import PROJECT_ROOT, MySQLConnection, Settings

pytestmark = pytest.mark.mysql
LOGGING = ("--general-log=ON", "--log-output=TABLE", "--innodb-redo-log-capacity=64M",
           "--innodb-buffer-pool-size=128M")  # fmt: skip
PHONE = "13812341234"
PADS = hmac_pads(MASK_KEY)
SECRETS = [MASK_KEY.encode(), *PADS, *(pad.hex().encode() for pad in PADS)]


@pytest.fixture(scope="module")
def settings() -> Iterator[Settings]:
    """A server of its own that logs everything: switched on for all tests' server, it would stop
    those whose accounts may not look away.
    """
    with server_with(LOGGING, WAREHOUSE_MASK_KEY=MASK_KEY) as settings:
        yield settings


def connected(server: MySQLConnection, user: str = "", password: str = "") -> pymysql.Connection:
    return pymysql.connect(
        host=server.host,
        port=server.port,
        user=user or server.user,
        password=password or server.password,
        autocommit=True,
    )


def logged(server: MySQLConnection) -> bytes:
    """All statements that the server was sent."""
    with connected(server) as connection, connection.cursor() as cursor:
        cursor.execute("select argument from mysql.general_log")
        return b"\n".join(row[0] for row in cursor.fetchall()).lower()


def leaked(log: bytes) -> list[bytes]:
    return [secret for secret in SECRETS if secret.lower() in log]


def test_a_build_is_logged_and_the_key_is_not(settings: Settings, tmp_path: Path) -> None:
    project = make_macro_project(
        tmp_path / "project", {"masked": f"select {{{{ mask_hash(\"'{PHONE}'\") }}}} as pseudonym"}
    )
    build = [
        Path(sys.executable).parent / "dbt", "build", "--project-dir", project,
        "--profiles-dir", PROJECT_ROOT, "--target", "mysql", "--target-path", tmp_path / "target",
        "--log-path", tmp_path / "logs",
    ]  # fmt: skip
    run = subprocess.run(
        list(map(str, build)), env=settings.child_environment(), capture_output=True, check=False
    )
    assert run.returncode == 0, run.stdout.decode()[-3000:]
    with connected(settings.mysql) as connection, connection.cursor() as cursor:
        cursor.execute("select pseudonym from warehouse.masked")
        found = cursor.fetchone()[0]
    assert found == hmac.new(MASK_KEY.encode(), PHONE.encode(), hashlib.sha256).hexdigest()
    log = logged(settings.mysql)
    assert b"create table" in log and b"@warehouse_mask_outer" in log
    assert not leaked(log)


def test_who_may_not_look_away_from_the_log_gets_no_session(settings: Settings) -> None:
    with connected(settings.mysql) as administrator, administrator.cursor() as cursor:
        cursor.execute("create user 'plain'@'%' identified by 'plain-9Kd'")
        plain = (settings.mysql, "plain", "plain-9Kd")
        with connected(*plain) as connection, connection.cursor() as its:
            with pytest.raises(WarehouseError, match="would hold the masking key") as caught:
                prepare_mysql_session(its, PADS)
            assert "session_variables_admin" in caught.value.fix
            prepare_mysql_session(its, None)  # nothing to keep
        cursor.execute("grant session_variables_admin on *.* to 'plain'@'%'")
        with (
            connected(*plain) as connection,
            connection.cursor() as its,
            pytest.raises(WarehouseError, match="general log"),
        ):
            prepare_mysql_session(its, PADS)
        cursor.execute("grant connection_admin on *.* to 'plain'@'%'")
        with connected(*plain) as connection, connection.cursor() as its:
            prepare_mysql_session(its, PADS)
            its.execute("select hex(@warehouse_mask_inner), 'is logged again'")
            assert bytes.fromhex(its.fetchone()[0]) == PADS[0]
        log = logged(settings.mysql)
        assert b"is logged again" in log
        assert not leaked(log)


def test_the_search_sees_a_key_in_the_log(settings: Settings) -> None:
    with connected(settings.mysql) as connection, connection.cursor() as cursor:
        cursor.execute(f"set @warehouse_mask_inner = x'{PADS[0].hex()}'")
    assert leaked(logged(settings.mysql)) == [PADS[0].hex().encode()]
