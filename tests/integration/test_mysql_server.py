"""The private MySQL server: real servers in directories of their own, real signals."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymysql
import pytest
from private_servers import checkout, project_tree

from orchestration import mysql_server
from orchestration.errors import WarehouseError
from orchestration.settings import PROJECT_ROOT, Settings

pytestmark = pytest.mark.mysql


@pytest.fixture(scope="module")
def unpacked() -> Path | None:
    return project_tree()


@pytest.fixture
def open_directory() -> Iterator[Path]:
    """A directory that every user may enter, unlike pytest's."""
    path = Path(tempfile.mkdtemp(prefix="warehouse-test-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def settings(open_directory: Path, unpacked: Path | None) -> Iterator[Settings]:
    with checkout(open_directory, unpacked) as settings:
        yield settings


def query(info: mysql_server.ServerInfo, *statements: str) -> Any:
    """Rows of the last statement."""
    with (
        contextlib.closing(
            pymysql.connect(
                host=info.host, port=info.port, user=info.user, password=info.password,
                local_infile=True, autocommit=True,
            )
        ) as connection,
        connection.cursor() as cursor,
    ):  # fmt: skip
        for statement in statements:
            cursor.execute(statement)
        return cursor.fetchall()


def connection_file(settings: Settings) -> Path:
    return settings.local_dir / "mysql" / "connection.json"


def kill(info: mysql_server.ServerInfo) -> None:
    os.kill(info.pid, signal.SIGKILL)
    end = time.monotonic() + 10
    while time.monotonic() < end and mysql_server._server_pids(data_of(info)):
        time.sleep(0.05)


def data_of(info: mysql_server.ServerInfo) -> Path:
    return Path(info.socket).parent.parent / "data"


UP = (
    "import sys; from pathlib import Path; from orchestration import mysql_server;"
    "from orchestration.settings import Settings;"
    "print(mysql_server.up(Settings(local_dir=Path(sys.argv[1]))).pid)"
)


def up_in_background(settings: Settings) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", UP, str(settings.local_dir)], cwd=PROJECT_ROOT,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip


def listener() -> socket.socket:
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    taken.listen()
    return taken


# -- the ordinary life of a server ---------------------------------------------------------------


def test_up_up_down_up_keeps_the_data(settings: Settings, open_directory: Path) -> None:
    assert mysql_server.status(settings) is None
    assert mysql_server.down(settings) is False

    first = mysql_server.up(settings)
    assert mysql_server.up(settings) == first
    assert mysql_server.status(settings) == first
    rows = open_directory / "rows.csv"
    rows.write_text("1,早上好\n2,b\n", encoding="utf-8")
    query(
        first,
        "create database kept",
        "create table kept.t (id int primary key, name varchar(20))",
        f"load data local infile '{rows}' into table kept.t character set utf8mb4"
        " fields terminated by ','",
    )

    assert mysql_server.down(settings) is True
    assert mysql_server.status(settings) is None
    assert mysql_server.down(settings) is False
    with pytest.raises(WarehouseError, match="not running") as caught:
        mysql_server.env_lines(settings)
    assert "make mysql-up" in caught.value.fix

    second = mysql_server.up(settings)
    assert second.pid != first.pid
    assert (second.port, second.password) == (first.port, first.password)
    assert query(second, "select id, name from kept.t order by id") == ((1, "早上好"), (2, "b"))


def test_settings_of_the_server_and_its_account(settings: Settings) -> None:
    info = mysql_server.up(settings)
    assert query(
        info,
        "select @@global.time_zone, @@character_set_server, @@collation_server, @@local_infile,"
        " @@event_scheduler, @@bind_address, @@log_bin, @@group_concat_max_len >= 1048576",
    ) == (("+08:00", "utf8mb4", "utf8mb4_unicode_ci", 1, "OFF", "127.0.0.1", 0, 1),)
    assert int(info.version.split(".")[0]) >= 8

    # The account can make what tests need: databases, and users with rights of their own.
    query(
        info,
        "create database scratch",
        "create user reader@'127.0.0.1' identified by 'x'",
        "grant select on scratch.* to reader@'127.0.0.1'",
    )
    with pytest.raises(pymysql.OperationalError, match="Access denied"):
        pymysql.connect(host=info.host, port=info.port, user="root", password="")

    file = connection_file(settings)
    assert file.stat().st_mode & 0o777 == 0o600
    assert set(json.loads(file.read_text())) == {
        "host", "port", "user", "password", "socket", "pid",
    }  # fmt: skip
    assert info.password not in repr(info)
    if os.getuid() == 0:
        assert data_of(info).stat().st_uid != 0
        assert Path(f"/proc/{info.pid}").stat().st_uid != 0

    lines = mysql_server.env_lines(settings)
    shell = subprocess.run(
        ["sh", "-c", "\n".join(lines) + '\necho "$MYSQL_USER $MYSQL_PORT $MYSQL_PASSWORD"'],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert shell.stdout.split() == [info.user, str(info.port), info.password]

    # A server named by MYSQL_* is checked, never started or stopped.
    environment = {
        "MYSQL_HOST": info.host, "MYSQL_PORT": str(info.port), "MYSQL_USER": info.user,
        "MYSQL_PASSWORD": info.password,
    }  # fmt: skip
    elsewhere = settings.local_dir / "elsewhere"
    named = mysql_server.up(Settings(local_dir=elsewhere, environment=environment))
    assert (named.port, named.private, named.pid) == (info.port, False, None)
    assert not elsewhere.exists()
    wrong = Settings(local_dir=elsewhere, environment={**environment, "MYSQL_PASSWORD": "wrong"})
    with pytest.raises(WarehouseError, match=f"refuses user '{info.user}'"):
        mysql_server.up(wrong)
    with pytest.raises(WarehouseError, match=f"refuses user '{info.user}'"):
        mysql_server.status(wrong)
    with contextlib.closing(socket.socket()) as closed:
        closed.bind(("127.0.0.1", 0))
        port = str(closed.getsockname()[1])
    with pytest.raises(WarehouseError, match=f"at 127.0.0.1:{port} does not answer"):
        mysql_server.up(
            Settings(local_dir=elsewhere, environment={**environment, "MYSQL_PORT": port})
        )


def test_ports(settings: Settings) -> None:
    with contextlib.closing(listener()) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(WarehouseError, match=f"Port {port} on 127.0.0.1") as caught:
            mysql_server.up(settings, port=port)
        assert "--port" in caught.value.fix
        assert mysql_server.status(settings) is None
    with pytest.raises(WarehouseError, match="70000 is not a TCP port"):
        mysql_server.up(settings, port=70000)

    info = mysql_server.up(settings, port=port)
    assert info.port == port
    with pytest.raises(WarehouseError, match=f"already runs on port {port}, not {port + 1}"):
        mysql_server.up(settings, port=port + 1)

    # Without a wish, the last port is taken again unless somebody has it by now.
    mysql_server.down(settings)
    with contextlib.closing(socket.socket()) as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))
        other.listen()
        assert mysql_server.up(settings).port != port


def test_two_commands_at_once_start_one_server(settings: Settings) -> None:
    commands = [up_in_background(settings) for _ in range(2)]
    pids = {command.communicate(timeout=120)[0].strip() for command in commands}
    assert [command.returncode for command in commands] == [0, 0]
    assert pids == {str(mysql_server.up(settings).pid)}


# -- what goes wrong -----------------------------------------------------------------------------


def test_killed_server_and_what_it_left_behind(settings: Settings) -> None:
    first = mysql_server.up(settings)
    query(first, "create database kept")
    kill(first)
    assert mysql_server.status(settings) is None

    # The dead server's pid now belongs to another program of the same user.
    rights = mysql_server._drop(mysql_server._account(data_of(first).parent))
    with subprocess.Popen(["sleep", "300"], **rights) as bystander:
        try:
            run = Path(first.socket).parent
            (run / "mysqld.pid").write_text(f"{bystander.pid}\n")
            (run / "mysqld.sock.lock").write_text(f"{bystander.pid}\n")
            saved = json.loads(connection_file(settings).read_text())
            connection_file(settings).write_text(json.dumps({**saved, "pid": bystander.pid}))

            assert mysql_server.down(settings) is False
            second = mysql_server.up(settings)
            assert second.pid not in (first.pid, bystander.pid)
            assert query(second, "show databases like 'kept'") == (("kept",),)
            assert mysql_server.down(settings) is True
            assert bystander.poll() is None
        finally:
            bystander.kill()


def test_lost_or_damaged_connection_file(settings: Settings) -> None:
    info = mysql_server.up(settings)
    query(info, "create database kept")
    file = connection_file(settings)
    for damage in (None, '{"host": "127.0.0.1"', '{"host": "127.0.0.1"}'):
        old = info
        file.unlink() if damage is None else file.write_text(damage)
        info = mysql_server.up(settings)
        assert info.password != old.password
        assert mysql_server._server_pids(data_of(info)) == [info.pid]
        assert query(info, "show databases like 'kept'") == (("kept",),)


def test_up_killed_at_any_moment_is_completed_by_the_next(settings: Settings) -> None:
    # The first runs are killed while the data directory is made, the later ones during start.
    for seconds in (0.4, 1.0, 1.8, 2.6, 3.4):
        command = up_in_background(settings)
        time.sleep(seconds)
        command.kill()
        command.communicate()
    info = mysql_server.up(settings)
    assert query(info, "select 1") == ((1,),)
    assert mysql_server._server_pids(data_of(info)) == [info.pid]
    assert not list(data_of(info).parent.glob("*.new"))
    assert mysql_server.up(settings) == info


def test_server_left_initialising_is_ended(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    new_data = (settings.local_dir / "mysql" / "data.new").resolve()
    command = up_in_background(settings)
    end = time.monotonic() + 30
    while not (orphans := mysql_server._server_pids(new_data)) and time.monotonic() < end:
        time.sleep(0.01)
    for pid in orphans:
        os.kill(pid, signal.SIGSTOP)  # it hangs, and SIGTERM will not reach it
    command.kill()
    command.communicate()

    monkeypatch.setattr(mysql_server, "STOP_SECONDS", 1)
    info = mysql_server.up(settings)
    assert orphans
    assert mysql_server._server_pids(new_data) == []
    assert query(info, "select 1") == ((1,),)


def test_broken_data_directory_shows_the_servers_last_words(settings: Settings) -> None:
    info = mysql_server.up(settings)
    mysql_server.down(settings)
    data = data_of(info)
    with (data / "ibdata1").open("r+b") as file:
        file.truncate(1000)
    with pytest.raises(WarehouseError, match=r"(?s)did not start.*\[ERROR\].*ibdata1") as caught:
        mysql_server.up(settings)
    assert f"remove {data}" in caught.value.fix
    assert mysql_server.status(settings) is None

    shutil.rmtree(data)
    assert query(mysql_server.up(settings), "select 1") == ((1,),)


def test_directory_that_only_its_owner_may_enter(
    open_directory: Path, unpacked: Path | None
) -> None:
    open_directory.chmod(0o700)
    with checkout(open_directory, unpacked) as settings:
        info = mysql_server.up(settings)
        assert query(info, "select 1") == ((1,),)
        assert connection_file(settings).is_file()
        # root's server runs as somebody who cannot enter: its files are elsewhere.
        assert data_of(info).is_relative_to(open_directory) == (os.getuid() != 0)
        assert mysql_server.up(settings) == info
        assert mysql_server.down(settings) is True


def test_path_too_long_for_a_socket(open_directory: Path, unpacked: Path | None) -> None:
    deep = open_directory / ("d" * 60) / ("e" * 60)
    with checkout(deep, unpacked) as settings:
        info = mysql_server.up(settings)
        assert len(os.fsencode(info.socket)) <= 107
        assert (settings.local_dir / "mysql" / "data").is_dir()
        assert query(info, "select 1") == ((1,),)


# -- which server --------------------------------------------------------------------------------

FAKES = {
    "MariaDB": "mysqld  Ver 10.11.6-MariaDB-0+deb12u1 for debian-linux-gnu on x86_64 (Debian 12)",
    "MySQL 5.7.44": "mysqld  Ver 5.7.44 for Linux on x86_64 (MySQL Community Server (GPL))",
}


def fake_path(directory: Path, version: str, monkeypatch: pytest.MonkeyPatch, rest: str) -> None:
    bin_directory = directory / "bin"
    bin_directory.mkdir()
    fake = bin_directory / "mysqld"
    fake.write_text(f"#!/bin/sh\necho '{version}'\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{bin_directory}{rest}")


@pytest.mark.parametrize("name", FAKES)
def test_unfit_mysqld_on_the_path_is_refused(
    name: str, open_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_path(open_directory, FAKES[name], monkeypatch, rest="")  # and no apt either
    with pytest.raises(WarehouseError, match=name) as caught:
        mysql_server.up(Settings(local_dir=open_directory / ".local"))
    assert "no apt-get" in caught.value.message
    assert "MYSQL_HOST" in caught.value.fix
    if name == "MariaDB":
        assert "not MySQL: MariaDB has no JSON type" in caught.value.message


def test_beside_mariadb_the_unpacked_server_is_used(
    settings: Settings,
    unpacked: Path | None,
    open_directory: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if unpacked is None:
        pytest.skip("the PATH has a MySQL server, so none is unpacked here")
    fake_path(open_directory, FAKES["MariaDB"], monkeypatch, rest=f":{os.environ['PATH']}")
    info = mysql_server.up(settings)
    assert "mariadb" not in query(info, "select version()")[0][0].lower()
    assert "is MariaDB (10.11.6" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("8.0.17", None),
        ("9.7.4-2 for Linux on x86_64 (Debian)", None),
        ("8.4.3-35 for Linux on x86_64 (Percona Server (GPL), Release 35)", None),
        ("5.7.44-log", "MySQL 5.7.44-log; the warehouse needs 8.0"),
        ("5.5.5-10.11.6-MariaDB-1:10.11.6+maria~ubu2204", "MariaDB"),
        ("11.4.2-MariaDB", "MariaDB (11.4.2-MariaDB), not MySQL"),
        ("", "it does not run"),
        ("no number", "no number"),
    ],
)
def test_version_texts(text: str, problem: str | None) -> None:
    found = mysql_server._version_problem(text)
    assert found is None if problem is None else problem in str(found)


# -- the package mirror --------------------------------------------------------------------------

needs_apt = pytest.mark.skipif(not shutil.which("apt-get"), reason="not a Debian-family machine")


def test_sources_in_both_notations() -> None:
    deb822 = """\
# comment
Types: deb deb-src
URIs: file:/srv/mirror
# another
Suites: stable stable-updates
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 abc

Enabled: no
Types: deb
URIs: file:/srv/off
Suites: stable
Components: main

Types: deb-src
URIs: file:/srv/sources
Suites: stable
Components: main
"""
    (source,) = mysql_server._deb822(deb822)
    assert mysql_server._stanza(source, "sid", "main") == (
        "Types: deb\nURIs: file:/srv/mirror\nSuites: sid\nComponents: main\n"
        "signed-by: \n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc\n"
    )

    one_line = (
        "# deb file:/srv/off stable main\n"
        "deb [ arch=amd64,arm64 signed-by=/k.gpg ] file:/srv/mirror stable main contrib # why\n"
        "deb-src file:/srv/mirror stable main\n"
        "deb file:/srv/flat ./\n"
    )
    signed, flat = mysql_server._one_line(one_line)
    assert signed["components"] == "main contrib"
    assert mysql_server._stanza(signed, "sid", "main") == (
        "Types: deb\nURIs: file:/srv/mirror\nSuites: sid\nComponents: main\nsigned-by: /k.gpg\n"
    )
    assert (flat["suites"], flat["components"]) == ("./", "")


def machine_with_sources(directory: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let apt believe that this machine is configured for other sources."""
    (directory / "test.list").write_text(text)
    configuration = directory / "apt.conf"
    configuration.write_text(
        f'Dir::Etc::sourcelist "{directory}/test.list";\nDir::Etc::sourceparts "/dev/null";\n'
    )
    monkeypatch.setenv("APT_CONFIG", str(configuration))


@needs_apt
@pytest.mark.parametrize(
    ("sources", "reason"),
    [
        ("", "apt has no usable source configured"),
        ("deb file:/nowhere/mirror stable main\n", "/nowhere/mirror"),
    ],
)
def test_mirror_without_a_server(
    sources: str, reason: str, open_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if shutil.which("mysqld"):
        pytest.skip("the PATH has a MySQL server, so the mirror is not asked")
    machine_with_sources(open_directory, sources, monkeypatch)
    with pytest.raises(WarehouseError, match="No MySQL server to use") as caught:
        mysql_server.up(Settings(local_dir=open_directory / ".local"))
    assert reason in caught.value.message
    assert "MYSQL_HOST" in caught.value.fix


@needs_apt
@pytest.mark.slow
def test_fetching_survives_kills_and_damage(open_directory: Path) -> None:
    """The whole way from the mirror, killed again and again, then with a truncated package."""
    if shutil.which("mysqld"):
        pytest.skip("the PATH has a MySQL server, so the mirror is not asked")
    with checkout(open_directory, None) as settings:
        for seconds in (0.5, 1.5, 3.0, 4.5, 6.0):
            command = up_in_background(settings)
            time.sleep(seconds)
            command.kill()
            command.communicate()
        info = mysql_server.up(settings)
        assert query(info, "select 1") == ((1,),)
        mysql_server.down(settings)

        base = settings.local_dir / "mysql"
        shutil.rmtree(base / "server")
        package = next((base / "packages" / "archives").glob("mysql-server-core*.deb"))
        size = package.stat().st_size
        with package.open("r+b") as file:
            file.truncate(size // 2)
        assert mysql_server.up(settings).version == info.version
        assert package.stat().st_size == size
