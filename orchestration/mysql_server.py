"""A private MySQL server for development and tests (``warehouse mysql up|down|status|env``).

Which server is used, first match wins:

1. ``MYSQL_HOST`` is set: that server. ``up`` only checks it.
2. ``mysqld`` 8.0 or newer on the PATH (MySQL, not MariaDB), with a data directory of our own.
3. Debian family: the server package and what it depends on, fetched from the package mirror this
   machine is already configured for, unpacked below ``.local/mysql`` and run through its own
   dynamic loader. Nothing is installed. MySQL's client programs come with it.

Layout below ``<local_dir>/mysql``::

    connection.json   host, port, user, password, socket, pid (0600)
    lock              held while a command works
    packages/         downloaded packages and closure.json, the list that is complete
    server/           the unpacked packages
    bin/              MySQL's client programs, for a PATH
    data/ run/        data directory; socket, log, pid file

``server``, ``data`` and ``run`` move to a directory below /var/tmp when the user that the server
runs as cannot enter the checkout (root starts it as an unprivileged user). Everything made in
several steps is made beside its place and renamed, so a command killed at any moment leaves
either the old state or the new one.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import pwd
import re
import secrets
import shlex
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestration.database import OLDEST_MYSQL
from orchestration.errors import WarehouseError
from orchestration.settings import Settings, development_mask_key, mysql_connection

USER = "warehouse"
CLIENTS = ("mysql", "mysqldump", "mysqlbinlog")
SERVER_PACKAGES = ("mysql-server-core", "mysql-client-core")
ACCESS_DENIED = 1045
SOCKET = "mysqld.sock"
SOCKET_PATH_LIMIT = 107  # bytes in sockaddr_un.sun_path without the closing NUL
SPACE_NEEDED = 1_800_000_000  # bytes: packages, unpacked server, data directory with redo log
START_SECONDS = 300
STOP_SECONDS = 90
WHY_NOT_MARIADB = (
    "MariaDB has no JSON type of its own and no `->>` operator, so the warehouse's tables and"
    " queries do not work there"
)
# loose: 8.0 before 8.0.30 does not know the redo capacity, and some builds have no X plugin.
SERVER_OPTIONS = (
    "--bind-address=127.0.0.1",
    "--loose-mysqlx=OFF",
    "--default-time-zone=+08:00",
    "--character-set-server=utf8mb4",
    "--collation-server=utf8mb4_unicode_ci",
    "--local-infile=ON",
    "--event-scheduler=OFF",
    "--group-concat-max-len=4194304",
    "--max-connections=200",
    "--innodb-buffer-pool-size=512M",
    "--loose-innodb-redo-log-capacity=1G",
    "--innodb-flush-log-at-trx-commit=2",
    "--skip-log-bin",
)


@dataclass(frozen=True)
class ServerInfo:
    """A reachable server. ``private`` is true for the one this module runs (then it has a pid)."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    version: str
    socket: str | None = None
    pid: int | None = None
    private: bool = False


@dataclass(frozen=True)
class Program:
    """How to run a mysqld: the command, the options that name its own files, its version text."""

    command: tuple[str, ...]
    options: tuple[str, ...]
    version: str


@dataclass(frozen=True)
class Account:
    """The unprivileged operating system user that root runs the server as."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True)
class Places:
    """Absolute paths of the private server."""

    base: Path  # <local_dir>/mysql
    home: Path  # base, or a directory below /var/tmp
    socket: Path

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.home / "data"

    @property
    def new_data(self) -> Path:
        """The data directory while it is being made."""
        return self.home / "data.new"

    @property
    def run(self) -> Path:
        """Socket, log and pid file; only the server's user may enter."""
        return self.home / "run"

    @property
    def log(self) -> Path:
        """The server's error log."""
        return self.run / "mysqld.log"

    @property
    def connection(self) -> Path:
        """How to connect: host, port, user, password, socket, pid."""
        return self.base / "connection.json"


# -- commands ------------------------------------------------------------------------------------


def up(settings: Settings, *, port: int | None = None) -> ServerInfo:
    """Make sure a server answers and return it; harmless when one already does.

    ``port`` asks for that TCP port; without it the last one used, or a free one, is taken.
    Raises WarehouseError when there is no server to be had, or it does not start.
    """
    if settings.environment.get("MYSQL_HOST"):
        info = _external(settings)
        _say(f"MYSQL_HOST is set: using {info.user}@{info.host}:{info.port} (MySQL {info.version})")
        return info
    if port is not None and not 1 <= port <= 65535:
        raise WarehouseError(
            f"{port} is not a TCP port.", fix="choose one from 1 to 65535, or leave --port out."
        )
    base = _base(settings)
    with _io_errors(base), _lock(base):
        account = _account(base)
        places = _places(base, account)
        running = _running(places, port)
        if running:
            return running
        if port is not None and not _port_free(port):  # before anything is fetched
            raise _port_taken(port)
        program = _program(places, account)
        _initialise(program, places, account)
        return _start(program, places, account, port)


def down(settings: Settings) -> bool:
    """Stop the private server and keep its data; true when there was one to stop."""
    base = _base(settings)
    directories = [home / name for home in _homes(base) for name in ("data", "data.new")]
    if not base.is_dir() and not any(map(_server_pids, directories)):
        return False
    with _io_errors(base), _lock(base):
        stopped = [_stop(directory) for directory in directories]
        saved = _read_connection(base / "connection.json")
        if saved:
            _write_connection(base / "connection.json", {**saved, "pid": None})
        return any(stopped)


def status(settings: Settings) -> ServerInfo | None:
    """The server in use, or None when the private one does not run.

    With MYSQL_HOST set, a server that cannot be used raises WarehouseError instead.
    """
    if settings.environment.get("MYSQL_HOST"):
        return _external(settings)
    base = _base(settings)
    with _io_errors(base):
        saved = _read_connection(base / "connection.json")
        for home in _homes(base):
            info = _answering(saved, home)
            if info:
                return info
    return None


def env_lines(settings: Settings) -> list[str]:
    """Lines ``export NAME=value`` for a shell, quoted; raises WarehouseError without a server.

    The masking key goes with them: a server named by MYSQL_HOST is taken for one with real people,
    for which no development key is assumed.
    """
    info = status(settings)
    if info is None:
        raise WarehouseError("The private MySQL server is not running.", fix="run `make mysql-up`.")
    values = {
        "MYSQL_HOST": info.host,
        "MYSQL_PORT": str(info.port),
        "MYSQL_USER": info.user,
        "MYSQL_PASSWORD": info.password,
        "WAREHOUSE_MASK_KEY": settings.environment.get("WAREHOUSE_MASK_KEY")
        or development_mask_key(settings.local_dir),
    }
    return [f"export {name}={shlex.quote(value)}" for name, value in values.items()]


def clients(settings: Settings) -> Path:
    """A folder for a PATH with `mysql`, `mysqldump` and `mysqlbinlog`, as backups need them.

    They are those of the PATH if they are MySQL's, else those of the package mirror.
    """
    base = _base(settings)
    with _io_errors(base), _lock(base):
        folder = base / "bin"
        folder.mkdir(exist_ok=True)
        for name in CLIENTS:
            words = " ".join(map(shlex.quote, _client(name, base)))
            _write_atomically(folder / name, f'#!/bin/sh\nexec {words} "$@"\n', mode=0o755)
        return folder


def _client(name: str, base: Path) -> tuple[str, ...]:
    own = str((base / "bin").resolve())
    folders = [f for f in os.environ.get("PATH", os.defpath).split(os.pathsep) if f != own]
    on_path = shutil.which(name, path=os.pathsep.join(folders))
    if on_path and not _version_problem(_version(on_path)):
        return (on_path,)
    fetched = base / "clients"
    for tree in (base / "server", *(home / "server" for home in _homes(base)), fetched):
        if command := _unpacked(tree, f"usr/bin/{name}"):
            return command
    lack = f"No MySQL client programs to use: the PATH has no {name} of MySQL 8.0 or newer"
    # Some distributions pack mysqlbinlog with the server.
    _unpack(_fetch(base / "clients-packages", SERVER_PACKAGES, lack), fetched)
    if command := _unpacked(fetched, f"usr/bin/{name}"):
        return command
    raise WarehouseError(
        f"The packages that the mirror gave have no {name}.",
        fix="install MySQL's client programs, 8.0 or newer.",
    )


# -- a server somebody else runs -----------------------------------------------------------------


def _external(settings: Settings) -> ServerInfo:
    server = mysql_connection(settings.environment, settings.local_dir)
    host, port, user, password = server.host, server.port, server.user, server.password
    import pymysql

    try:
        version = _ping(host=host, port=port, user=user, password=password)
    except pymysql.MySQLError as error:
        if error.args[:1] == (ACCESS_DENIED,):
            raise WarehouseError(
                f"MySQL at {host}:{port} refuses user {user!r} with the given password.",
                fix="correct MYSQL_USER and MYSQL_PASSWORD.",
            ) from error
        raise WarehouseError(
            f"MySQL at {host}:{port} does not answer ({error.args[-1]}).",
            fix="start it, correct MYSQL_HOST and MYSQL_PORT, or unset MYSQL_HOST to use a private"
            " server.",
        ) from error
    problem = _version_problem(version)
    if problem:
        raise WarehouseError(
            f"The server at {host}:{port} is {problem}.",
            fix="point MYSQL_HOST at MySQL 8.0 or newer, or unset it to use a private server.",
        )
    return ServerInfo(host, port, user, password, version)


def _ping(**connect: Any) -> str:
    """Connect, and return the server's version text."""
    import pymysql

    with (
        contextlib.closing(pymysql.connect(connect_timeout=5, read_timeout=10, **connect)) as link,
        link.cursor() as cursor,
    ):
        cursor.execute("select version()")
        (version,) = cursor.fetchone()
        return str(version)


def _version_problem(text: str) -> str | None:
    """Why a server with this version text cannot be used, or None."""
    found = re.search(r"(\d+)\.(\d+)\.(\d+)\S*", text)
    if not found:
        return f"of a version that cannot be told ({text.strip()[:80] or 'it does not run'})"
    if "mariadb" in text.lower():
        return f"MariaDB ({found.group()}), not MySQL: {WHY_NOT_MARIADB}"
    if tuple(int(number) for number in found.groups()) < OLDEST_MYSQL:
        return f"MySQL {found.group()}; the warehouse needs {'.'.join(map(str, OLDEST_MYSQL))}"
    return None


# -- where things are, and who runs them ---------------------------------------------------------


def _base(settings: Settings) -> Path:
    # Resolved: a server is recognised by the path of its data directory.
    return (settings.local_dir / "mysql").resolve()


def _temporary_home(base: Path, parent: str) -> Path:
    digest = hashlib.sha256(os.fsencode(base)).hexdigest()[:10]
    return Path(parent) / f"warehouse-mysql-{os.getuid()}-{digest}"


def _homes(base: Path) -> list[Path]:
    """Every place this checkout's server can live in."""
    temporary = (_temporary_home(base, parent) for parent in ("/var/tmp", "/tmp"))
    return [base, *(home for home in temporary if _is_ours(home))]


def _is_ours(directory: Path) -> bool:
    """Whether we made it: anybody can make something of that name below /tmp."""
    try:
        found = directory.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()


def _account(base: Path) -> Account | None:
    if os.getuid() != 0:
        return None
    for home in _homes(base):
        # Data that exists decides: another user could not read it.
        with contextlib.suppress(OSError, KeyError):
            owner = (home / "data").stat().st_uid
            if owner != 0:
                entry = pwd.getpwuid(owner)
                return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    for name in ("mysql", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    raise WarehouseError(
        "MySQL does not run as root, and this machine has neither a user mysql nor nobody.",
        fix="run the command as an ordinary user, or set MYSQL_HOST.",
    )


def _drop(account: Account | None) -> dict[str, Any]:
    """Arguments for subprocess that start a program as ``account``, in a session of its own."""
    rights: dict[str, Any] = {"stdin": subprocess.DEVNULL, "start_new_session": True}
    # A plain environment: a preloaded library of this machine does not fit another libc.
    rights["env"] = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}
    rights["cwd"] = "/"
    if account:
        rights |= {"user": account.uid, "group": account.gid, "extra_groups": []}
    return rights


def _can_enter(directory: Path, account: Account | None) -> bool:
    if account is None:
        return True
    check = ["/bin/sh", "-c", 'cd "$0"', str(directory)]
    return subprocess.run(check, capture_output=True, **_drop(account)).returncode == 0


def _places(base: Path, account: Account | None) -> Places:
    base.mkdir(parents=True, exist_ok=True)
    home = base if _can_enter(base, account) else _make_temporary_home(base)
    if home != base and not _can_enter(home, account):
        raise WarehouseError(
            f"User {account.name if account else '?'} can enter neither {base} nor {home}.",
            fix="set WAREHOUSE_LOCAL_DIR to a directory others may enter, or set MYSQL_HOST.",
        )
    run = _private_directory(home / "run", account)
    if len(os.fsencode(run / SOCKET)) > SOCKET_PATH_LIMIT:
        run = _private_directory(_make_temporary_home(base) / "run", account)
    return Places(base, home, run / SOCKET)


def _private_directory(path: Path, account: Account | None) -> Path:
    path.mkdir(exist_ok=True)
    path.chmod(0o700)
    if account:
        os.chown(path, account.uid, account.gid)
    return path


def _make_temporary_home(base: Path) -> Path:
    """A short path that everybody may enter, the same every time for this checkout."""
    for parent in ("/var/tmp", "/tmp"):
        home = _temporary_home(base, parent)
        with contextlib.suppress(OSError):
            home.mkdir(mode=0o755, exist_ok=True)
            if _is_ours(home):
                home.chmod(0o755)
                return home
    raise WarehouseError(
        "Neither /var/tmp nor /tmp has room for the MySQL server's files.",
        fix="make one of them writable, or set MYSQL_HOST.",
    )


@contextlib.contextmanager
def _lock(base: Path) -> Iterator[None]:
    """One command at a time; the kernel frees the lock when the holder dies."""
    base.mkdir(parents=True, exist_ok=True)
    with (base / "lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say("another `warehouse mysql` command is at work here; waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _io_errors(base: Path) -> Iterator[None]:
    """Turn a full disk and missing rights into one sentence."""
    try:
        yield
    except OSError as error:
        where = error.filename or base
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise _disk_full(where) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise WarehouseError(
                f"No permission for {where} ({error.strerror}).",
                fix=f"run as the user who owns {base}, or set WAREHOUSE_LOCAL_DIR to a directory"
                " of your own.",
            ) from error
        raise


def _disk_full(where: object) -> WarehouseError:
    return WarehouseError(
        f"No space left for the private MySQL server ({where}).",
        fix="free about 2 GB there, or set WAREHOUSE_LOCAL_DIR to another disk.",
    )


# -- the program ---------------------------------------------------------------------------------


def _program(places: Places, account: Account | None) -> Program:
    """The mysqld to run: the one on the PATH, else the unpacked one, else fetched now."""
    refused = None
    found = shutil.which("mysqld")
    if found:
        on_path = str(Path(found).absolute())
        program = Program((on_path,), (), _version(on_path, account=account))
        problem = _version_problem(program.version)
        if not problem:
            return program
        refused = f"{on_path} is {problem}"
        _say(f"{refused}; not used, going on to the package mirror")
    shared, own = places.base / "server", places.home / "server"
    for tree in (shared, own):
        if tree.is_dir():
            program = _unpacked_program(tree, account)
            if program:
                return program
    lack = "No MySQL server to use: MYSQL_HOST is not set, the PATH has no mysqld 8.0 or newer" + (
        f" ({refused})" if refused else ""
    )
    packages = _fetch(places.base / "packages", SERVER_PACKAGES, lack)
    _unpack(packages, own)
    program = _unpacked_program(own, account)
    if program is None:
        raise WarehouseError(
            f"The server unpacked in {own} does not run on this machine.",
            fix="put a mysqld 8.0 or newer on the PATH, or set MYSQL_HOST.",
        )
    return program


def _version(*command: str, account: Account | None = None) -> str:
    """What ``mysqld --version`` says; empty when it cannot be run."""
    try:
        done = subprocess.run(
            [*command, "--no-defaults", "--version"],
            capture_output=True, text=True, timeout=60, **_drop(account),
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return ""
    # "/usr/sbin/mysqld  Ver 9.7.4-2 for Linux …": the path may hold digits too.
    return done.stdout.partition(" Ver ")[2].strip() if done.returncode == 0 else ""


def _unpacked_program(tree: Path, account: Account | None) -> Program | None:
    """The server below ``tree``, run by its own loader; None unless ``account`` can run it."""
    tree = tree.resolve()  # a symlink may lead out of a directory that ``account`` cannot enter
    command = _unpacked(tree, "usr/sbin/mysqld")
    version = _version(*command, account=account) if command else ""
    if not command or not version or _version_problem(version):
        return None
    options = (
        f"--lc-messages-dir={tree}/usr/share/mysql",
        f"--character-sets-dir={tree}/usr/share/mysql/charsets",
        f"--plugin-dir={tree}/usr/lib/mysql/plugin",
    )
    return Program(command, options, version)


def _unpacked(tree: Path, program: str) -> tuple[str, ...] | None:
    """How to run a program of the packages in ``tree``; None without it."""
    tree = tree.resolve()
    # /lib and /lib64 are symlinks into /usr on a machine, but separate directories in packages.
    roots = [tree / name for name in ("lib", "usr/lib", "lib64", "usr/lib64")]
    shared = sorted(file for root in roots for file in root.rglob("*.so.*"))
    loaders = [file for file in shared if file.name.startswith("ld-linux")]
    if not (tree / program).is_file() or not loaders:
        return None
    libraries = sorted({str(file.parent) for file in shared})
    return (str(loaders[0]), "--library-path", ":".join(libraries), str(tree / program))


# -- fetching it from the machine's package mirror -----------------------------------------------


def _fetch(packages: Path, stems: Sequence[str], lack: str) -> list[Path]:
    """The packages' files, downloaded unless they are all there; ``lack`` says why it must be."""
    complete = _complete_closure(packages)
    if complete:
        return complete
    if not all(shutil.which(tool) for tool in ("apt-get", "apt-cache", "apt-config", "dpkg-deb")):
        raise WarehouseError(
            f"{lack}, and this machine has no apt-get to fetch one with.",
            fix="install MySQL 8.0 or newer, or set MYSQL_HOST, MYSQL_USER and MYSQL_PASSWORD.",
        )
    packages.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(packages).free
    if free < SPACE_NEEDED:
        raise OSError(errno.ENOSPC, "too little space", str(packages))
    stanzas = _source_stanzas()
    reasons = []
    for stanza in stanzas:
        apt = _Apt(packages, stanza)
        reason = apt.update()
        names = [name for stem in stems if (name := apt.newest(stem))]
        if len(names) == len(stems):
            _download(apt, names)
            shutil.rmtree(apt.state, ignore_errors=True)  # 60 MB of package lists
            return _complete_closure(packages)
        reasons.append(reason or f"it has no package {' or '.join(stems)}")
    if not reasons:
        reasons = ["apt has no usable source configured"]
    raise WarehouseError(
        f"{lack}, and the package mirror did not give one: {reasons[0]}.",
        fix="check the network and `apt-get update`, install MySQL 8.0 or newer, or set MYSQL_HOST,"
        " MYSQL_USER and MYSQL_PASSWORD.",
    )


def _complete_closure(packages: Path) -> list[Path]:
    """The downloaded files when closure.json lists them and each has its size; else nothing."""
    try:
        sizes = json.loads((packages / "closure.json").read_text(encoding="utf-8"))
        files = [packages / "archives" / name for name in sizes]
        if files and all(file.stat().st_size == sizes[file.name] for file in files):
            return files
    except (OSError, ValueError, AttributeError):
        pass
    return []


def _download(apt: _Apt, names: Sequence[str]) -> None:
    sizes = apt.closure(names)
    megabytes = sum(sizes.values()) / 1e6
    _say(f"fetching {names[0]} and what it needs: {len(sizes)} packages, {megabytes:.0f} MB")
    apt.run("apt-get", "install", "--download-only", *names)
    for stale in apt.archives.glob("*.deb"):
        if stale.name not in sizes:
            stale.unlink()
    _write_atomically(apt.packages / "closure.json", json.dumps(sizes, indent=1), mode=0o644)


class _Apt:
    """apt with state, cache and sources of our own, and the machine's network settings and keys."""

    def __init__(self, packages: Path, stanza: str) -> None:
        self.packages = packages
        self.state = packages / "apt"
        self.archives = packages / "archives"
        shutil.rmtree(self.state, ignore_errors=True)
        for directory in (self.state / "lists/partial", self.archives / "partial"):
            directory.mkdir(parents=True, exist_ok=True)
        (self.state / "status").write_text("")  # nothing installed: the whole closure is fetched
        (self.state / "empty/partial").mkdir(parents=True)
        (self.state / "warehouse.sources").write_text(stanza, encoding="utf-8")
        keep = re.compile(r"Dir::Etc::(trusted|netrc)|Acquire::(?!IndexTargets|Languages)")
        dump = _output("apt-config", "dump").splitlines()
        own = {
            # Only this file is read: hooks of the machine (cleaning caches, say) stay out.
            "Dir::Etc::main": "/dev/null",
            "Dir::Etc::parts": "/dev/null",
            "Dir::Etc::sourcelist": str(self.state / "warehouse.sources"),
            "Dir::Etc::sourceparts": "/dev/null",
            "Dir::Etc::preferences": "/dev/null",
            "Dir::Etc::preferencesparts": "/dev/null",
            "Dir::State": str(self.state),
            "Dir::State::lists": str(self.state / "lists"),
            "Dir::State::status": str(self.state / "status"),
            "Dir::Cache": str(self.state),
            "Dir::Cache::archives": str(self.archives),
            "Dir::Log": str(self.state),
            "Acquire::Languages": "none",
            "Acquire::Retries": "3",
            "APT::Install-Recommends": "false",
            "APT::Get::Assume-Yes": "true",
        }
        if os.getuid() == 0:
            own["APT::Sandbox::User"] = "root"  # _apt may not reach the checkout
        lines = [line for line in dump if keep.match(line)]
        lines += [f'{name} "{value}";' for name, value in own.items()]
        _write_atomically(self.state / "apt.conf", "\n".join(lines) + "\n")

    def environment(self) -> dict[str, str]:
        return {
            **os.environ, "APT_CONFIG": str(self.state / "apt.conf"), "LC_ALL": "C",
            "DEBIAN_FRONTEND": "noninteractive",
        }  # fmt: skip

    def update(self) -> str | None:
        """Fetch the package lists; what went wrong in apt's words, or None."""
        _say("reading the package mirror's list")
        done = subprocess.run(
            ["apt-get", "update", "-q"], capture_output=True, text=True, env=self.environment(),
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        lines = re.findall(r"^(?:E: |W: (?=Failed to fetch))(.*)", done.stderr, re.MULTILINE)
        return lines[0].strip() if lines else None

    def newest(self, stem: str) -> str | None:
        """The newest package on offer of that name, with or without a version in it."""
        names = _output(
            "apt-cache", "search", "--names-only", rf"^{stem}(-[0-9.]+)?$", env=self.environment()
        )
        found = re.findall(rf"^({stem}(?:-([0-9.]+))?) - ", names, re.MULTILINE)
        # The unnumbered package follows the newest version.
        order = {
            name: tuple(int(part) for part in number.split(".") if part) if number else (999,)
            for name, number in found
        }
        return max(order, key=lambda name: order[name], default=None)

    def closure(self, names: Sequence[str]) -> dict[str, int]:
        """File name -> bytes of the packages and everything they depend on."""
        text = self.run(
            "apt-get", "install", "--print-uris", "-q",
            "-o", f"Dir::Cache::archives={self.state / 'empty'}", *names,
        )  # fmt: skip
        files = re.findall(r"^'[^']+' (\S+\.deb) (\d+)", text, re.MULTILINE)
        return {name: int(size) for name, size in files}

    def run(self, *command: str) -> str:
        done = subprocess.run(
            command, capture_output=True, text=True, env=self.environment(),
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        if done.returncode != 0:
            lines = [line for line in done.stderr.splitlines() if line.startswith("E:")]
            reason = lines[0][2:].strip() if lines else f"exit code {done.returncode}"
            raise WarehouseError(
                f"apt could not fetch the MySQL server: {reason}.",
                fix="check the network and run the command again (what is already downloaded is"
                " kept), or set MYSQL_HOST.",
            )
        return done.stdout


def _source_stanzas() -> list[str]:
    """deb822 stanzas to try, one per mirror, made from the machine's own apt sources.

    Ubuntu and its relatives carry MySQL in their own suites. Debian stable carries MariaDB only,
    so there the suite is replaced by unstable on the same mirror, with the same keys.
    """
    sources = [s for s in _machine_sources() if "main" in s["components"].split()]
    release = _os_release()
    if "ubuntu" in (release.get("ID", ""), *release.get("ID_LIKE", "").split()):
        stanzas = [_stanza(source, source["suites"], source["components"]) for source in sources]
        return ["\n".join(stanzas)] if stanzas else []
    names = {release.get("VERSION_CODENAME"), "oldstable", "stable", "testing", "unstable", "sid"}
    own = [s for s in sources if names & set(s["suites"].split())]
    return list(dict.fromkeys(_stanza(source, "sid", "main") for source in own or sources))


def _stanza(source: dict[str, str], suites: str, components: str) -> str:
    kept = ("signed-by", "trusted", "check-valid-until", "check-date", "allow-weak")
    lines = [
        "Types: deb",
        f"URIs: {source['uris']}",
        f"Suites: {suites}",
        f"Components: {components}",
        *(f"{name}: {source[name]}" for name in kept if name in source),
    ]
    return "\n".join(lines) + "\n"


def _machine_sources() -> list[dict[str, str]]:
    """Enabled binary package sources: uris, suites, components and options, keys in lower case."""
    places = _output("apt-config", "shell", "L", "Dir::Etc::sourcelist/f", "P",
                     "Dir::Etc::sourceparts/d")  # fmt: skip
    found = dict(re.findall(r"^(\w)='(.*)'$", places, re.MULTILINE))
    main = Path(found.get("L", "/etc/apt/sources.list"))
    files = [main, *sorted(Path(found.get("P", "/etc/apt/sources.list.d")).glob("*"))]
    sources: list[dict[str, str]] = []
    for file in files:
        if not file.is_file():
            continue
        text = file.read_text(encoding="utf-8", errors="replace")
        if file.suffix == ".sources":
            sources += _deb822(text)
        elif file.suffix == ".list":
            sources += _one_line(text)
    return [s for s in sources if s["uris"] and not s["uris"].startswith("cdrom:")]


def _deb822(text: str) -> list[dict[str, str]]:
    sources = []
    for block in re.split(r"\n[ \t]*\n", re.sub(r"(?m)^#.*\n?", "", text)):
        entry = {"types": "", "uris": "", "suites": "", "components": ""}
        name = ""
        for line in block.splitlines():
            if line[:1] in (" ", "\t") and name:
                entry[name] += "\n" + line  # a key block, or a list over several lines
            elif ":" in line:
                name, _, value = line.partition(":")
                name = name.strip().lower()
                entry[name] = value.strip()
        if "deb" in entry["types"].split() and entry.get("enabled", "yes").lower() not in (
            "no", "false", "0",
        ):  # fmt: skip
            sources.append(entry)
    return sources


def _one_line(text: str) -> list[dict[str, str]]:
    sources = []
    pattern = re.compile(r"^\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s*([^#\n]*)", re.MULTILINE)
    for options, uri, suite, components in pattern.findall(text):
        entry = {"uris": uri, "suites": suite, "components": components.strip()}
        for option in options.split():
            name, _, value = option.partition("=")
            entry[name.lower()] = value.replace(",", " ")
        sources.append(entry)
    return sources


def _os_release() -> dict[str, str]:
    with contextlib.suppress(OSError):
        text = Path("/etc/os-release").read_text(encoding="utf-8")
        return {k: v.strip("\"'") for k, v in re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE)}
    return {}


def _output(*command: str, env: dict[str, str] | None = None) -> str:
    """Standard output of a command; empty when it fails."""
    return subprocess.run(
        command, capture_output=True, text=True, env=env, stdin=subprocess.DEVNULL
    ).stdout


def _unpack(files: list[Path], tree: Path) -> None:
    """Unpack packages into ``tree``; it appears only when all of them are unpacked."""
    _say(f"unpacking {len(files)} packages into {tree}")
    fresh = tree.with_name(f"{tree.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    for file in files:
        done = subprocess.run(
            ["dpkg-deb", "--extract", str(file), str(fresh)], capture_output=True, text=True
        )
        if done.returncode != 0:
            full = shutil.disk_usage(fresh).free < 50_000_000
            if full:
                raise OSError(errno.ENOSPC, "too little space", str(fresh))
            file.unlink(missing_ok=True)  # a damaged download: fetched anew by the next attempt
            raise WarehouseError(
                f"{file.name} cannot be unpacked: {_last_line(done.stderr)}.",
                fix="run the command again: the package is downloaded anew.",
            )
    fresh.chmod(0o755)
    if tree.is_dir() and not tree.is_symlink():
        shutil.rmtree(tree)
    tree.unlink(missing_ok=True)
    fresh.rename(tree)


# -- running it ----------------------------------------------------------------------------------


def _options(program: Program, data: Path) -> list[str]:
    # NULL: no LOAD DATA / SELECT INTO OUTFILE on the server's own files (LOCAL is not concerned).
    return [
        *program.command, "--no-defaults", f"--datadir={data}", *program.options,
        "--secure-file-priv=NULL",
    ]  # fmt: skip


def _initialise(program: Program, places: Places, account: Account | None) -> None:
    """Make the data directory unless there is one."""
    if places.data.is_dir():
        owner = places.data.stat().st_uid
        if os.getuid() not in (0, owner):
            raise WarehouseError(
                f"{places.data} belongs to another user (uid {owner}), who ran the server before.",
                fix=f"run as that user or root, or remove {places.data}.",
            )
        return
    _stop(places.new_data)  # a killed `up` may have left its mysqld at work
    shutil.rmtree(places.new_data, ignore_errors=True)
    _say(f"initialising a data directory in {places.data}")
    places.new_data.mkdir(mode=0o750)
    if account:
        os.chown(places.new_data, account.uid, account.gid)
    places.log.unlink(missing_ok=True)
    command = [
        *_options(program, places.new_data), "--initialize-insecure",
        f"--log-error={places.log}", *SERVER_OPTIONS,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, **_drop(account))
    if done.returncode != 0:
        failure = _died("MySQL could not make its data directory", places, done.stderr)
        shutil.rmtree(places.new_data, ignore_errors=True)  # it may hold a gigabyte of redo log
        raise failure
    places.new_data.rename(places.data)


def _start(
    program: Program, places: Places, account: Account | None, port: int | None
) -> ServerInfo:
    saved = _read_connection(places.connection)
    password = saved.get("password") or secrets.token_urlsafe(24)
    last = saved.get("port")
    for _ in range(3):
        chosen = _choose_port(port, last)
        _say(f"starting MySQL {program.version.split()[0]} on 127.0.0.1:{chosen}")
        connection = {
            "host": "127.0.0.1", "port": chosen, "user": USER, "password": password,
            "socket": str(places.socket), "pid": None,
        }  # fmt: skip
        _write_connection(places.connection, connection)
        failure = _launch(program, places, account, connection)
        if failure is None:
            info = _answering(connection, places.home, patience=10)
            if info:
                _write_connection(places.connection, {**connection, "pid": info.pid})
                return info
            raise _died("MySQL started but does not answer", places, "")
        if "Do you already have another mysqld server running on port" not in failure:
            raise _died("MySQL did not start", places, failure)
        last = None
        if port is not None:
            raise _port_taken(port)
    raise _died("MySQL found no free port in three attempts", places, "")


def _launch(
    program: Program, places: Places, account: Account | None, connection: dict[str, Any]
) -> str | None:
    """Start the server in the background; None when it is ready, else what it said."""
    # No server of ours runs (we hold the lock and looked), so what a killed one left is stale;
    # mysqld itself refuses to start when a stale lock file names a pid that is in use again.
    lock = places.socket.with_name(f"{SOCKET}.lock")
    for stale in (places.socket, lock, places.run / "mysqld.pid"):
        stale.unlink(missing_ok=True)
    if places.log.exists():
        places.log.replace(places.log.with_name("mysqld.previous.log"))
    # Set the password on every start: it then fits connection.json whatever happened to either.
    # The statements run before the server takes connections.
    first = places.run / "init.sql"
    _write_atomically(first, _accounts_sql(connection["password"]))
    command = [
        *_options(program, places.data), "--daemonize", f"--log-error={places.log}",
        f"--pid-file={places.run / 'mysqld.pid'}", f"--socket={places.socket}",
        f"--port={connection['port']}", f"--init-file={first}", *SERVER_OPTIONS,
    ]  # fmt: skip
    try:
        # --daemonize: this process ends with 0 once the server in the background is ready.
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=START_SECONDS, **_drop(account)
        )
    except subprocess.TimeoutExpired:
        _stop(places.data)
        return f"it was not ready after {START_SECONDS} seconds"
    finally:
        first.unlink(missing_ok=True)
    if done.returncode == 0:
        return None
    _stop(places.data)
    return (done.stderr + _read(places.log)) or f"exit code {done.returncode}"


def _accounts_sql(password: str) -> str:
    lines = []
    for host in ("localhost", "127.0.0.1"):
        who = f"'{USER}'@'{host}'"
        lines += [
            f"create user if not exists {who} identified by '{password}';",
            f"alter user {who} identified by '{password}' account unlock;",
            f"grant all privileges on *.* to {who} with grant option;",
        ]
    lines.append(f"alter user 'root'@'localhost' identified by '{password}';")
    return "\n".join(lines) + "\n"


def _running(places: Places, port: int | None) -> ServerInfo | None:
    """Our server when it runs and answers; one that runs but does not answer is stopped."""
    if not _server_pids(places.data):
        return None
    saved = _read_connection(places.connection)
    # An interrupted `up` can leave a server that is still starting or recovering.
    info = _answering(saved, places.home, patience=60)
    if info is None:
        _say("the private MySQL server runs but does not answer; starting it anew")
        _stop(places.data)
        return None
    if port is not None and port != info.port:
        raise WarehouseError(
            f"The private MySQL server already runs on port {info.port}, not {port}.",
            fix=f"run `warehouse mysql down` first, or use port {info.port}.",
        )
    _write_connection(places.connection, {**saved, "pid": info.pid})
    return info


def _answering(saved: dict[str, Any], home: Path, patience: float = 0) -> ServerInfo | None:
    """The server in ``home`` if it answers, as connection.json says, within ``patience`` seconds.

    None as well when it does not run or refuses the password.
    """
    if not saved:
        return None
    import pymysql

    end = time.monotonic() + patience
    login = {"user": saved["user"], "password": saved["password"]}
    while pids := _server_pids(home / "data"):
        try:
            # The socket first: it fills the server's password cache, so that clients without
            # TLS need no RSA exchange.
            _ping(unix_socket=saved["socket"], **login)
            version = _ping(host=saved["host"], port=saved["port"], **login)
            return ServerInfo(
                saved["host"], saved["port"], saved["user"], saved["password"], version,
                socket=saved["socket"], pid=pids[-1], private=True,
            )  # fmt: skip
        except (pymysql.MySQLError, OSError) as error:
            if error.args[:1] == (ACCESS_DENIED,) or time.monotonic() >= end:
                return None
            time.sleep(0.2)
    return None


def _choose_port(wanted: int | None, last: int | None) -> int:
    if wanted is not None:
        if _port_free(wanted):
            return wanted
        raise _port_taken(wanted)
    if last and _port_free(last):
        return last
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _port_free(port: int) -> bool:
    with socket.socket() as probe:
        # As mysqld does: connections in TIME_WAIT do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _port_taken(port: int) -> WarehouseError:
    return WarehouseError(
        f"Port {port} on 127.0.0.1 cannot be used: another program has it or it is reserved.",
        fix="choose another with --port, or leave --port out to get a free one.",
    )


# -- processes -----------------------------------------------------------------------------------


def _server_pids(data: Path) -> list[int]:
    """Processes that are a mysqld on this data directory, by their command line.

    Pid files are not trusted: after a crash their number may belong to another program. While
    one starts there are two, the newer last: --daemonize waits for its child.
    """
    wanted = f"--datadir={data}"
    return sorted(
        pid
        for pid, arguments in _command_lines()
        if wanted in arguments and any(Path(a).name.startswith("mysqld") for a in arguments)
    )


def _command_lines() -> Iterator[tuple[int, list[str]]]:
    if Path("/proc/self/cmdline").exists():
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):  # it ended meanwhile
                    raw = (entry / "cmdline").read_bytes()
                    yield int(entry.name), [os.fsdecode(part) for part in raw.split(b"\0")]
        return
    for line in _output("ps", "-axww", "-o", "pid=,command=").splitlines():
        pid, _, command = line.strip().partition(" ")
        yield int(pid), command.split(" ")


def _stop(data: Path) -> bool:
    """End the server on this data directory and wait until it is gone; true if there was one."""
    pids = _server_pids(data)
    if not pids:
        return False
    for number, seconds in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, 10)):
        for pid in _server_pids(data):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if not _server_pids(data):
                return True
            time.sleep(0.1)
        _say(f"MySQL (pid {pids[0]}) has not stopped after {seconds} seconds; killing it")
    raise WarehouseError(
        f"The MySQL server (pid {pids[0]}) does not stop.", fix=f"end process {pids[0]} by hand."
    )


# -- small things --------------------------------------------------------------------------------


def _died(what: str, places: Places, said: str) -> WarehouseError:
    lines = [line for line in (said + "\n" + _read(places.log)).splitlines() if line.strip()]
    if shutil.disk_usage(places.home).free < 50_000_000 or "error number 28" in said:
        return _disk_full(places.home)
    errors = [line[:300] for line in lines if "[ERROR]" in line] or lines
    tail = "\n  ".join(dict.fromkeys(errors[-8:])) or "(its log is empty)"
    fix = f"see {places.log}; if the data may go, remove {places.data} and run the command again"
    if re.search(r"Permission denied|errno: 13", tail):
        fix += "; AppArmor may confine mysqld to its packaged directories"
    return WarehouseError(f"{what}. Its last words:\n  {tail}", fix=f"{fix}.")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _last_line(text: str) -> str:
    return next(iter(text.strip().splitlines()[-1:]), "no reason given")


def _read_connection(path: Path) -> dict[str, Any]:
    """connection.json, or {} when it is missing or damaged (then it is made anew)."""
    try:
        saved = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    wanted = {"host": str, "port": int, "user": str, "password": str, "socket": str}
    if isinstance(saved, dict) and all(isinstance(saved.get(k), t) for k, t in wanted.items()):
        return saved
    return {}


def _write_connection(path: Path, connection: dict[str, Any]) -> None:
    _write_atomically(path, json.dumps(connection, indent=2) + "\n")


def _write_atomically(path: Path, text: str, mode: int = 0o600) -> None:
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as handle:
        handle.write(text)
    if os.getuid() == 0:
        owner = path.parent.stat()  # root helps out: the directory's owner still gets at the file
        os.chown(fresh, owner.st_uid, owner.st_gid)
    fresh.replace(path)


def _say(text: str) -> None:
    print(f"mysql: {text}", file=sys.stderr, flush=True)
