"""A server that cannot prove its name gets no password: from Python, and from dbt's adapter.

On a server of its own, with a certificate for an address that is not this machine's by name.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import mysql.connector
import pymysql
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from private_servers import checkout, project_tree

import dbt_warehouse_session
from orchestration import database, mysql_server
from orchestration.errors import WarehouseError
from orchestration.settings import Settings

pytestmark = [
    pytest.mark.mysql,
    pytest.mark.skipif(sys.platform != "linux", reason="elsewhere 127.0.0.2 is no address"),
]
# An address of this machine that counts as another's, and stands in the certificate.
ELSEWHERE, UNNAMED = "127.0.0.2", "127.0.0.3"


@dataclass(frozen=True)
class Server:
    """One that proves to be ELSEWHERE to who knows `authority`; a `stranger` signed nothing."""

    info: mysql_server.ServerInfo
    authority: Path
    stranger: Path

    def environment(self, **more: str) -> dict[str, str]:
        """Where it is and how to log in."""
        return {
            "MYSQL_HOST": ELSEWHERE,
            "MYSQL_PORT": str(self.info.port),
            "MYSQL_USER": self.info.user,
            "MYSQL_PASSWORD": self.info.password,
            **more,
        }

    def known(self, **more: str) -> dict[str, str]:
        """The same, by somebody who knows the authority."""
        return self.environment(MYSQL_SSL_CA=str(self.authority), **more)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    folder = Path(tempfile.mkdtemp(prefix="warehouse-tls-"))
    folder.chmod(0o755)  # the server runs as somebody else than root
    authority, key = _authority(folder / "authority.pem", "authority")
    _authority(folder / "stranger.pem", "authority")
    certificate, its_key = _signed(folder, authority, key)
    addresses = f"127.0.0.1,{ELSEWHERE},{UNNAMED}"
    usual = mysql_server.SERVER_OPTIONS
    try:
        with checkout(folder, project_tree()) as place:
            mysql_server.SERVER_OPTIONS = (
                *usual, f"--bind-address={addresses}",
                f"--ssl-ca={folder / 'authority.pem'}", f"--ssl-cert={certificate}",
                f"--ssl-key={its_key}", "--innodb-redo-log-capacity=64M",
                "--innodb-buffer-pool-size=128M",
            )  # fmt: skip
            info = mysql_server.up(place)
            yield Server(info, folder / "authority.pem", folder / "stranger.pem")
    finally:
        mysql_server.SERVER_OPTIONS = usual
        shutil.rmtree(folder, ignore_errors=True)


def _authority(file: Path, name: str) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    made = _certificate(name, name, key)
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    made = made.add_extension(
        x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
    )
    signed = made.sign(key, hashes.SHA256())
    file.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    return signed, key


def _signed(
    folder: Path, authority: x509.Certificate, key: ec.EllipticCurvePrivateKey
) -> tuple[Path, Path]:
    own = ec.generate_private_key(ec.SECP256R1())
    names = x509.SubjectAlternativeName([x509.IPAddress(ip_address(ELSEWHERE))])
    made = _certificate("server", "authority", own).add_extension(names, critical=False)
    made = made.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False
    )
    signed = made.sign(key, hashes.SHA256())
    certificate, its_key = folder / "server.pem", folder / "server.key"
    certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    its_key.write_bytes(
        own.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate, its_key


def _certificate(
    subject: str, issuer: str, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    def named(name: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])

    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(named(subject))
        .issuer_name(named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
    )


# --- the two ways in: what each answers, or raises ------------------------------------------------

CIPHER = "show session status like 'Ssl_cipher'"


def from_python(environment: dict[str, str], local: Settings) -> str:
    """The cipher of the project's own connection."""
    settings = replace(local, target="mysql", environment=environment)
    database.connect_engine(settings).dispose()  # no connection that was opened before
    with database.connect(settings) as connection:
        return str(connection.exec_driver_sql(CIPHER).one()[1])


def from_dbt(environment: dict[str, str], local: Settings) -> str:
    """The cipher of the connection that dbt's adapter opens, with what it gives the driver."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("MYSQL_TLS", "MYSQL_SSL_CA"):
            patch.delenv(name, raising=False)
        for name, value in environment.items():
            patch.setenv(name, value)
        opened = mysql.connector.connect(
            host=environment["MYSQL_HOST"], port=int(environment["MYSQL_PORT"]),
            user=environment["MYSQL_USER"], password=environment["MYSQL_PASSWORD"],
        )  # fmt: skip
    with closing(opened), closing(opened.cursor()) as cursor:
        cursor.execute(CIPHER)
        return str(cursor.fetchone()[1])


WAYS = pytest.mark.parametrize("way_in", [from_python, from_dbt])


@WAYS
def test_a_server_that_proves_its_name_is_spoken_to_in_cipher(
    server: Server, embedded_settings: Settings, way_in
) -> None:
    """Nobody asked for it: it is what a host on another machine gets."""
    assert way_in(server.known(), embedded_settings)


@WAYS
@pytest.mark.parametrize("lack", ["another authority", "no authority", "another name"])
def test_a_server_that_does_not_is_refused(
    server: Server, embedded_settings: Settings, way_in, lack: str
) -> None:
    environment = {
        "another authority": server.environment(MYSQL_SSL_CA=str(server.stranger)),
        "no authority": server.environment(),
        "another name": server.known(MYSQL_HOST=UNNAMED),
    }[lack]
    with pytest.raises((WarehouseError, mysql.connector.Error)) as caught:
        way_in(environment, embedded_settings)
    assert server.info.password not in str(caught.value)
    if isinstance(caught.value, WarehouseError):
        assert "no certificate that proves its name" in str(caught.value)
        assert "MYSQL_SSL_CA" in caught.value.fix
    else:
        assert "SSL" in str(caught.value) or "certificate" in str(caught.value)
    # the server is there, and whoever says so by name gets in
    assert way_in(environment | {"MYSQL_TLS": "off"}, embedded_settings) is not None


@WAYS
def test_a_server_without_cipher_is_refused_unless_it_is_asked_for(
    server: Server, embedded_settings: Settings, way_in
) -> None:
    with _without_tls(server):
        with pytest.raises((WarehouseError, mysql.connector.Error)) as caught:
            way_in(server.known(), embedded_settings)
        assert "SSL" in str(caught.value)
        assert server.info.password not in str(caught.value)
        assert way_in(server.known(MYSQL_TLS="off"), embedded_settings) == ""


@contextmanager
def _without_tls(server: Server) -> Iterator[None]:
    with (
        closing(
            pymysql.connect(
                unix_socket=server.info.socket, user=server.info.user, password=server.info.password
            )
        ) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("select @@global.tls_version")
        (versions,) = cursor.fetchone()
        cursor.execute("set global tls_version = ''")
        cursor.execute("alter instance reload tls no rollback on error")
        try:
            yield
        finally:
            cursor.execute("set global tls_version = %s", [versions])
            cursor.execute("alter instance reload tls")


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
