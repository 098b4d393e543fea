"""A server that cannot prove its name gets no password: from Python, and from dbt's adapter."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import dbt_warehouse_session
from orchestration import database
from orchestration.errors import WarehouseError
from orchestration.settings import MySQLConnection, Settings

pytestmark = pytest.mark.mysql


def test_an_unproven_name_is_refused_with_the_way_out(
    mysql_server: MySQLConnection, embedded_settings: Settings
) -> None:
    """The server's own certificate is made by itself: no authority that we know signed it."""
    environment = {
        **embedded_settings.environment,
        "MYSQL_HOST": mysql_server.host,
        "MYSQL_PORT": str(mysql_server.port),
        "MYSQL_USER": mysql_server.user,
        "MYSQL_PASSWORD": mysql_server.password,
        "MYSQL_TLS": "verified",
    }
    settings = replace(embedded_settings, target="mysql", environment=environment)
    with pytest.raises(WarehouseError, match="no certificate that proves its name") as caught:
        database.connect(settings).__enter__()
    assert "MYSQL_SSL_CA" in caught.value.fix
    assert mysql_server.password not in f"{caught.value} {caught.value.fix}"


def test_dbt_is_given_the_same_arguments(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    authority = tmp_path / "ca.pem"
    authority.touch()
    monkeypatch.setenv("MYSQL_HOST", "db.example")
    monkeypatch.setenv("MYSQL_USER", "u")
    monkeypatch.setenv("MYSQL_PASSWORD", "p")
    monkeypatch.setenv("MYSQL_SSL_CA", str(authority))
    monkeypatch.delenv("MYSQL_TLS", raising=False)
    given = dbt_warehouse_session._connect_with_tls(lambda **arguments: arguments, host="x")
    assert given == {
        "host": "x",
        "ssl_ca": str(authority),
        "ssl_verify_cert": True,
        "ssl_verify_identity": True,
    }
    monkeypatch.setenv("MYSQL_TLS", "off")
    assert dbt_warehouse_session._connect_with_tls(dict, host="x") == {"host": "x"}
