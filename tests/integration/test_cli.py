"""The `warehouse` command and bare `dbt` as people use them, above all when something is wrong.

Every failure is one message that names the thing and the fix, without a traceback, with a non-zero
exit code and nothing half-done. What the modules behind the commands do is tested beside them.
"""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import json
import os
import pty
import re
import shlex
import signal
import socket
import stat
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlalchemy as sa
import typer
from commands import Outcome, run, run_with, variables_of

from dbt_warehouse_session import hmac_pads
from orchestration import cli, clock, database
from orchestration.schema.deploy import deploy
from orchestration.schema.record import load_record
from orchestration.settings import (
    PROJECT_ROOT,
    SECRETS,
    MySQLConnection,
    Settings,
    load_settings,
)

BIN = Path(sys.executable).parent
WEWORK = ("wework",)
TABLES = len(load_record(WEWORK).tables)
WRONG_PASSWORD = "not-the-password-8c1f"


def start(command: str, settings: Settings, *arguments: str, **more: str) -> subprocess.Popen[str]:
    """An installed command in a process of its own, at the repository's root."""
    return subprocess.Popen(
        [BIN / command, *arguments], cwd=PROJECT_ROOT, env=variables_of(settings, **more),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        # A shell starts background jobs with Ctrl-C ignored, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip


def end(process: subprocess.Popen[str]) -> Outcome:
    out, err = process.communicate(timeout=180)
    return Outcome(process.returncode, out, err)


def assert_one_sentence(outcome: Outcome, *parts: str, code: int = 1) -> None:
    """One `error:` and one `fix:`, which hold all the parts; no traceback; this exit code."""
    assert outcome.code == code, outcome.text
    assert "Traceback" not in outcome.text, outcome.text
    assert outcome.err.count("error: ") == 1, outcome.text
    assert outcome.err.count("\n  fix: ") == 1, outcome.text
    for part in parts:
        assert part in outcome.err, (part, outcome.err)


# --- the console script ----------------------------------------------------------------------


def test_the_installed_command_says_one_sentence_and_debug_its_traceback(embedded_settings):
    plain = start("warehouse", embedded_settings, "deploy", "--domain", "crm")
    debug = start("warehouse", embedded_settings, "--debug", "deploy", "--domain", "crm")
    plain, debug = end(plain), end(debug)
    assert plain == Outcome(
        1,
        "",
        "error: Unknown domain 'crm'.\n"
        "  fix: choose one of: core, ai, wework, health, business, customer.\n",
    )
    assert debug.code == 1
    assert "Traceback (most recent call last)" in debug.err
    assert "in parse_domains" in debug.err
    assert "Unknown domain 'crm'" in debug.err.splitlines()[-1]


def commands(
    group: Any = None, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Any]]:
    group = group or typer.main.get_command(cli.app)
    for name, command in group.commands.items():
        yield (*path, name), command
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))


COMMANDS = dict(commands())


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_of_every_command(path, embedded_settings):
    outcome = run(embedded_settings, *path, "--help")
    assert outcome.code == 0
    assert f"warehouse {' '.join(path)}" in outcome.out
    for parameter in COMMANDS[path].params:
        for option in parameter.opts:
            assert option.startswith("-") is False or option in outcome.out
        assert parameter.name == "help" or getattr(parameter, "help", None), parameter.name


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_says_defaults_and_what_it_ends_with(path, embedded_settings):
    """A code of its own stands in the command's help; what all share at the end of the first."""
    shown = " ".join(run(embedded_settings, *path, "--help").out.split())
    for parameter in COMMANDS[path].params:
        default = parameter.default
        if (
            default not in (None, False, (), "")
            and not callable(default)
            and parameter.opts[0][0] == "-"
        ):
            assert f"[default: {default}" in shown, parameter.name
        for word in re.findall(r"[\w<>./\[\]]{5,}", getattr(parameter, "help", None) or ""):
            assert word in shown, (parameter.name, "markup took it")
    callback = inspect.unwrap(COMMANDS[path].callback) if COMMANDS[path].callback else None
    if callback and re.search(r"typer\.Exit\((?!\))", inspect.getsource(callback)):
        assert "exit code" in shown.lower(), path


# What answers with a sentence, a path or a file of the project; orders and places speak JSON alone.
NOT_AS_JSON = {
    "bench", "demo", "docs", "dagster", "manifest", "staging-docs", "mysql up", "mysql down",
    "mysql status", "mysql env", "mysql clients", "order create", "order status", "order cancel",
    "order reschedule", "order assign", "order settle", "order states", "capacity change",
    "retention hold add", "retention hold release", "lake build", "rule check", "rule schema",
}  # fmt: skip
# What is done at once, or says itself what it is at: a server that starts, Dagster.
WITHOUT_PROGRESS = {
    "bench", "dagster", "staging-docs", "mysql up", "mysql status", "mysql env", "mysql clients",
    "operation list", "order create", "order status", "order cancel", "order reschedule",
    "order assign", "order settle", "order states", "capacity change", "quota check",
    "retention status", "retention hold release", "retention hold list", "rule check",
    "rule schema", "init", "query", "retention plan",
}  # fmt: skip


def test_results_are_there_for_machines_and_work_is_seen():
    ends = {" ".join(path): c for path, c in COMMANDS.items() if not hasattr(c, "commands")}
    options = {name: {o for p in c.params for o in p.opts} for name, c in ends.items()}
    assert {name for name in ends if "--json" not in options[name]} == NOT_AS_JSON
    sources = {name: inspect.getsource(inspect.unwrap(c.callback)) for name, c in ends.items()}
    silent = {name for name in ends if not re.search(r"\b(progress|at_work)\b", sources[name])}
    assert silent == WITHOUT_PROGRESS


def test_the_first_help_reads_like_a_manual_page(embedded_settings):
    shown = " ".join(run(embedded_settings, "--help").out.split())
    for part in ("Exit codes: 0 all well", "130 stopped", "stdout", "NO_COLOR", "README.md"):
        assert part in shown
    assert "─ Commands ─" not in shown, "each stands under what it is for"


def on_a_terminal(settings: Settings, *arguments: str, **more: str) -> str:
    """What a command shows to a person."""
    here, there = pty.openpty()
    with subprocess.Popen(
        [BIN / "warehouse", *arguments],
        env={**variables_of(settings), "TERM": "xterm-256color", **more},
        stdin=there, stdout=there, stderr=there,
    ):  # fmt: skip
        os.close(there)
        shown = ""
        with contextlib.suppress(OSError):  # how a terminal says that the other side is gone
            while part := os.read(here, 4096):
                shown += part.decode(errors="replace")
    os.close(here)
    return shown


def test_colours_and_spinners_are_for_terminals(deployed):
    """And for those who want them; a pipe and NO_COLOR get plain text."""
    settings, wrong = deployed, ("query", "select 1", "--target", "oracle")
    assert "\x1b[31m" in on_a_terminal(settings, *wrong)
    assert "\x1b[31m" not in on_a_terminal(settings, *wrong, NO_COLOR="1")
    assert "\x1b[1m" in on_a_terminal(settings, "query", "select 41 + 1 as n")
    shown = on_a_terminal(settings, "deploy", "--dry-run", "-d", "wework")
    assert "comparing with the schema of record" in shown, "what takes a while says so"
    piped = run(settings, "deploy", "--dry-run", "-d", "wework")
    assert "comparing" not in piped.text and "nothing to do" in piped.err
    told = json.loads(run(settings, "deploy", "--json", "-d", "wework").out)
    assert (told["tables"], told["statements"], told["dry_run"]) == (TABLES, [], False)
    for outcome in (run(settings, *wrong), run(settings, "query", "select 1", "--json")):
        assert "\x1b" not in outcome.text


def test_a_shell_completes_commands(embedded_settings):
    asked = {"_WAREHOUSE_COMPLETE": "complete_bash", "COMP_WORDS": "warehouse rep"}
    done = subprocess.run(
        [BIN / "warehouse"],
        env=variables_of(embedded_settings, **asked, COMP_CWORD="1"),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.split() == ["report"], done.stderr


def test_no_command_at_all_shows_the_help(embedded_settings):
    outcome = run(embedded_settings)
    assert outcome.code == 2
    for path in COMMANDS:
        assert path[0] in outcome.text


# --- what people mistype ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ("deploy --target oracle", ["Unknown target 'oracle'", "embedded, mysql"]),
        ("deploy --domain wework --domain crm", ["Unknown domain 'crm'", "core, ai, wework"]),
        ("deploy --domain ''", ["Unknown domain ''", "core, ai, wework"]),
        ("generate --scale huge", ["Unknown scale 'huge'", "demo, small, bench"]),
        ("demo --scale huge", ["Unknown scale 'huge'", "demo, small, bench"]),
        ("generate --end-date soon", ["'soon' is not a date", "2026-06-30"]),
        ("generate --end-date 2026-02-30", ["'2026-02-30' is not a date", "2026-06-30"]),
        ("generate --end-date 1066-10-14", ["1066-10-14 is outside", "2015-01-01"]),
        ("demo --as-of soon", ["'soon' is not a date", "2026-06-30"]),
        ("demo --as-of 1999-01-01", ["1999-01-01 is outside", "2015-01-01"]),
        ("demo --seed -1", ["Seed -1 is out of range", "from 0"]),
        ("validate -d crm -d platform", ["Unknown domain 'crm'", "customer, platform"]),
        ("validate -d ''", ["Unknown domain ''", "customer, platform"]),
        ("validate --as-of 2026-06-30T12:00+08:00", ["carries a time zone", "Asia/Shanghai"]),
        ("load", ["holds no complete sample data", "warehouse generate"]),
        ("load nowhere", ["nowhere holds no complete sample data", "warehouse generate"]),
        ("query 'select 1'", ["There is no DuckDB file", "warehouse deploy"]),
        ("deploy --target mysql", ["MYSQL_HOST is not set", "make mysql-up"]),
        ("mysql env", ["not running", "make mysql-up"]),
    ],
)
def test_mistakes_are_named_and_nothing_is_done(arguments, parts, embedded_settings):
    local = embedded_settings.local_dir / "new"
    settings = load_settings(
        {**embedded_settings.environment, "WAREHOUSE_LOCAL_DIR": str(local),
         "WAREHOUSE_DUCKDB_PATH": str(local / "saas_warehouse.duckdb")}
    )  # fmt: skip
    assert_one_sentence(run(settings, *shlex.split(arguments)), *parts)
    assert not [file for file in local.rglob("*") if file.is_file()]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("deplyo", "No such command 'deplyo'"),
        ("deploy --domains wework", "--domains"),
        ("query", "Missing argument"),
        ("query --limit 0 'select 1'", "--limit"),
        ("generate --dirt 2", "--dirt"),
        ("dagster --port 99999", "--port"),
        ("mysql up --port 0", "--port"),
    ],
)
def test_wrong_usage_is_exit_code_2(arguments, says, embedded_settings):
    outcome = run(embedded_settings, *shlex.split(arguments))
    assert outcome.code == 2
    assert says in outcome.err
    assert "Traceback" not in outcome.text


@pytest.mark.parametrize(
    ("variable", "value", "part"),
    [
        ("WAREHOUSE_TARGET", "oracle", "Unknown target 'oracle'"),
        ("WAREHOUSE_DOMAINS", "core,crm", "Unknown domain 'crm'"),
        ("WAREHOUSE_AS_OF", "soon", "'soon' is not a date"),
        ("WAREHOUSE_DATABASE_PREFIX", "x`;", "WAREHOUSE_DATABASE_PREFIX 'x`;'"),
        ("WAREHOUSE_DUCKDB_WAIT_SECONDS", "long", "WAREHOUSE_DUCKDB_WAIT_SECONDS 'long'"),
    ],
)
def test_variables_that_make_no_sense(variable, value, part, embedded_settings):
    assert_one_sentence(run(embedded_settings, "deploy", **{variable: value}), part)
    assert not embedded_settings.duckdb_path.exists()


# --- places that cannot be used --------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    ["deploy", "generate -d wework", "demo", "manifest", "mysql up", "dagster --port 0x", "doctor"],
)
def test_a_local_directory_that_cannot_be_one(arguments, embedded_settings, tmp_path):
    """Root may write anywhere, but not below a file."""
    file = tmp_path / "file"
    file.write_text("mine")
    arguments = arguments.replace("0x", str(free_port()))
    outcome = run(
        embedded_settings, *shlex.split(arguments),
        WAREHOUSE_LOCAL_DIR=str(file), WAREHOUSE_DUCKDB_PATH="",
    )  # fmt: skip
    if arguments == "doctor":
        assert outcome.code == 2
        assert "Traceback" not in outcome.text
        assert str(file) in outcome.out
    else:
        assert_one_sentence(outcome, str(file))
    assert file.read_text() == "mine"


def test_a_directory_without_permission(embedded_settings, tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir()
    with immutable(closed):
        outcome = run(embedded_settings, "deploy", WAREHOUSE_DUCKDB_PATH=str(closed / "w.duckdb"))
        assert_one_sentence(outcome, str(closed), "WAREHOUSE_DUCKDB_PATH")
        outcome = run(embedded_settings, "generate", "-d", "wework", "--out", str(closed / "data"))
        assert_one_sentence(outcome, str(closed / "data"), "directory you may write to")
    assert not list(closed.iterdir())


@contextlib.contextmanager
def immutable(folder: Path) -> Iterator[None]:
    """A folder in which not even root can make files; skips where the file system has no such."""
    if os.geteuid() != 0:
        folder.chmod(0o500)
        yield
        folder.chmod(0o700)
        return
    if subprocess.run(["chattr", "+i", folder], capture_output=True, check=False).returncode:
        pytest.skip("root, and chattr +i does not work on this file system")
    try:
        yield
    finally:
        subprocess.run(["chattr", "-i", folder], check=True)


@pytest.mark.parametrize("command", ["deploy", "query 'select 1'", "validate -d wework"])
def test_a_file_that_is_not_duckdb(command, embedded_settings):
    embedded_settings.duckdb_path.write_text("dear diary\n" * 500)
    outcome = run(embedded_settings, *shlex.split(command))
    assert_one_sentence(outcome, f"{embedded_settings.duckdb_path} is not a DuckDB file", "move it")
    assert embedded_settings.duckdb_path.read_text() == "dear diary\n" * 500


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small file system takes root and the right to mount")
    try:
        yield disk
    finally:
        subprocess.run(["umount", disk], check=True)


def test_a_full_disk(embedded_settings, tiny_disk):
    there = {"WAREHOUSE_DUCKDB_PATH": str(tiny_disk / "w.duckdb")}
    filler = tiny_disk / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as handle:
        while True:
            handle.write(bytes(4096))
    for left in (0, 4096, 24576):  # no file, half its header, half its tables
        os.truncate(filler, filler.stat().st_size - left)
        outcome = run(embedded_settings, "deploy", "-d", "wework", **there)
        assert_one_sentence(outcome, "disk is full", str(tiny_disk), "free some space")
        assert (tiny_disk / "w.duckdb").exists() == (left > 12288)
    data = [
        "generate",
        "-d",
        "wework",
        "--end-date",
        "2026-06-30",
        "--out",
        str(tiny_disk / "data"),
    ]
    outcome = run(embedded_settings, *data)
    assert_one_sentence(outcome, "disk that holds", str(tiny_disk), "full", "free some space")
    assert not (tiny_disk / "data" / "manifest.json").exists()
    subprocess.run(["mount", "-o", "remount,size=64m", tiny_disk], check=True)
    filler.unlink()
    outcome = run(embedded_settings, "deploy", "-d", "wework", **there)
    assert outcome.code == 0, outcome.text
    assert tables(tiny_disk / "w.duckdb") == TABLES
    assert run(embedded_settings, *data).code == 0
    assert not list(tiny_disk.rglob("*.part"))


def tables(file: Path) -> int:
    with duckdb.connect(str(file), read_only=True) as connection:
        (count,) = connection.execute(
            "select count(*) from information_schema.tables "
            "where table_schema in ('wework_platform', 'warehouse')"
        ).fetchone()
    return count


# --- two at once, and Ctrl-C -----------------------------------------------------------------


HOLDER = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('up', flush=True); input()"


@contextlib.contextmanager
def holding(file: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that has the DuckDB file open."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(file)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        yield process
    finally:
        process.communicate("\n")


def test_of_two_commands_at_once_one_waits(embedded_settings):
    with holding(embedded_settings.duckdb_path) as third:
        both = [start("warehouse", embedded_settings, "deploy", "-d", "wework") for _ in range(2)]
        for process in both:  # both come to the file while a third has it
            assert process.stderr is not None
            said = process.stderr.readline()
            assert said.startswith(f"waiting for {embedded_settings.duckdb_path}: ")
            assert said.endswith(f", process {third.pid}\n")
    outcomes = [end(process) for process in both]
    assert [outcome.code for outcome in outcomes] == [0, 0], outcomes
    assert sorted("nothing to do" in outcome.out for outcome in outcomes) == [False, True]
    assert tables(embedded_settings.duckdb_path) == TABLES


@pytest.mark.parametrize("command", ["deploy", "query 'select 1'", "validate -d wework"])
def test_who_holds_the_file_is_said(command, embedded_settings):
    with holding(embedded_settings.duckdb_path) as holder:
        outcome = run(embedded_settings, *shlex.split(command), WAREHOUSE_DUCKDB_WAIT_SECONDS="0.2")
    assert_one_sentence(
        outcome, f"process {holder.pid}", str(embedded_settings.duckdb_path), f"kill {holder.pid}"
    )


def test_ctrl_c_is_exit_code_130_and_leaves_nothing_that_looks_complete(embedded_settings):
    out = embedded_settings.local_dir / "data"
    process = start(
        "warehouse", embedded_settings,
        "generate", "--scale", "small", "-d", "wework", "--out", str(out),
    )  # fmt: skip
    assert process.stderr is not None
    said = process.stderr.readline()
    process.send_signal(signal.SIGINT)
    outcome = end(process)
    assert outcome.code == 130, said + outcome.text
    assert "stopped; the same command goes on from here" in outcome.err
    assert "Traceback" not in outcome.text
    assert not (out / "manifest.json").exists()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_port_in_use(embedded_settings):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        outcome = run(embedded_settings, "dagster", "--port", port)
    assert_one_sentence(outcome, f"Port {port} on 127.0.0.1", "--port")
    assert not (embedded_settings.local_dir / "dagster").exists()


# --- databases that are there already --------------------------------------------------------


@pytest.mark.parametrize("engine", ["embedded", pytest.param("mysql", marks=pytest.mark.mysql)])
def test_a_table_of_somebody_else_is_named_and_left_alone(engine, request):
    settings = request.getfixturevalue(f"{engine}_settings")
    schema = f"{settings.database_prefix}wework_platform"
    with database.begin(settings) as connection:
        connection.exec_driver_sql(f"create schema {schema}")
        connection.exec_driver_sql(f"create table {schema}.wework_callback_logs (id int, mine int)")
        connection.exec_driver_sql(f"insert into {schema}.wework_callback_logs values (1, 2)")
    outcome = run(settings, "deploy", "-d", "wework")
    assert outcome.code == 1
    assert "Traceback" not in outcome.text
    assert "wework_platform.wework_callback_logs.mine: extra column" in outcome.err
    assert "wework_platform.wework_callback_logs.id: changed type" in outcome.err
    assert "  fix: " in outcome.err
    with database.connect(settings) as connection:
        rows = connection.exec_driver_sql(f"select * from {schema}.wework_callback_logs").all()
    assert [tuple(row) for row in rows] == [(1, 2)]


@pytest.mark.mysql
def test_a_table_that_others_refer_to_is_named_when_it_differs(mysql_settings):
    schema = f"{mysql_settings.database_prefix}wework_platform"
    with database.begin(mysql_settings) as connection:
        connection.exec_driver_sql(f"create schema {schema}")
        connection.exec_driver_sql(f"create table {schema}.wework_groups (id int, mine int)")
    outcome = run(mysql_settings, "deploy", "-d", "wework")
    assert_one_sentence(outcome, "fk_wework_group_members_group_id", "warehouse doctor")
    doctor = run(mysql_settings, "doctor", WAREHOUSE_DOMAINS="wework")
    assert "wework_platform.wework_groups.mine: extra column" in doctor.out


def test_a_dry_run_prints_what_to_run_and_changes_nothing(embedded_settings, tmp_path):
    arguments = ["deploy", "-d", "wework", "--dry-run"]
    outcome = run(embedded_settings, *arguments)
    assert outcome.code == 0
    assert not embedded_settings.duckdb_path.exists()
    assert "would do" in outcome.err
    with duckdb.connect(str(tmp_path / "by_hand.duckdb")) as connection:
        connection.execute(outcome.out)
    assert tables(tmp_path / "by_hand.duckdb") == TABLES
    deploy(embedded_settings, WEWORK, progress=lambda _: None)
    before = hashlib.sha256(embedded_settings.duckdb_path.read_bytes()).digest()
    outcome = run(embedded_settings, *arguments)
    assert (outcome.code, outcome.out) == (0, "")
    assert "nothing to do" in outcome.err
    assert hashlib.sha256(embedded_settings.duckdb_path.read_bytes()).digest() == before


@pytest.mark.mysql
def test_a_dry_run_changes_no_server(mysql_settings):
    outcome = run(mysql_settings, "deploy", "-d", "wework", "--dry-run")
    assert outcome.code == 0, outcome.text
    assert f"{mysql_settings.database_prefix}wework_platform" in outcome.out
    with database.connect(mysql_settings) as connection:
        found = connection.exec_driver_sql(
            f"show databases like '{mysql_settings.database_prefix}%%'"
        ).all()
    assert found == []


# --- servers that cannot be used -------------------------------------------------------------


def named_server(settings: Settings, **changes: str) -> dict[str, str]:
    """Variables that name a server, changed; an empty one is unset."""
    given = {
        "WAREHOUSE_TARGET": "mysql", "MYSQL_HOST": "127.0.0.1", "MYSQL_PORT": "1",
        "MYSQL_USER": "analyst", "MYSQL_PASSWORD": WRONG_PASSWORD, **changes,
    }  # fmt: skip
    return {**variables_of(settings), **{name: value for name, value in given.items() if value}}


SERVER_COMMANDS = [
    "deploy", "doctor", "query 'select 1'", "validate", "mysql up", "mysql status", "mysql env"
]  # fmt: skip


def assert_refused(outcome: Outcome, command: str, *parts: str) -> None:
    assert WRONG_PASSWORD not in outcome.text
    if not command.endswith("doctor"):
        assert_one_sentence(outcome, *parts)
        return
    assert outcome.code == 2
    assert "Traceback" not in outcome.text
    assert outcome.out.startswith("problem  connection")
    for part in parts:
        assert part in outcome.out


@pytest.mark.parametrize("command", SERVER_COMMANDS)
@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"MYSQL_USER": "", "MYSQL_PASSWORD": ""}, ["MYSQL_USER and MYSQL_PASSWORD are not"]),
        ({"MYSQL_PASSWORD": ""}, ["MYSQL_PASSWORD is not", "unset MYSQL_HOST"]),
        ({"MYSQL_PORT": "http"}, ["MYSQL_PORT 'http' is not a port", "MYSQL_PORT=3306"]),
        ({"MYSQL_PORT": "99999"}, ["MYSQL_PORT '99999' is not a port"]),
        ({}, ["127.0.0.1:1", "refused", "MYSQL_PORT"]),
    ],
)
def test_a_server_named_wrongly(command, changes, parts, embedded_settings):
    outcome = run_with(named_server(embedded_settings, **changes), *shlex.split(command))
    assert_refused(outcome, command, *parts)


@pytest.mark.mysql
@pytest.mark.parametrize("command", SERVER_COMMANDS)
@pytest.mark.parametrize("debug", [False, True], ids=["plain", "debug"])
def test_a_wrong_password_is_said_and_never_shown(command, debug, mysql_server, embedded_settings):
    variables = named_server(
        embedded_settings,
        MYSQL_HOST=mysql_server.host,
        MYSQL_PORT=str(mysql_server.port),
        MYSQL_USER=mysql_server.user,
    )
    arguments = shlex.split(command)
    outcome = run_with(variables, *(["--debug"] if debug else []), *arguments)
    assert WRONG_PASSWORD not in outcome.text
    assert variables["WAREHOUSE_MASK_KEY"] not in outcome.text
    if debug and command != "doctor":
        assert outcome.code == 1
        assert "Traceback" in outcome.err
    else:
        assert_refused(outcome, command, f"user {mysql_server.user!r}", "MYSQL_PASSWORD")


class Peer(threading.Thread):
    """Speaks as much of MySQL's protocol as a client needs to log in and ask for the version."""

    def __init__(self, version: str) -> None:
        super().__init__(daemon=True)
        self.version = version.encode()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.statements: list[bytes] = []

    def run(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                link, _ = self.listener.accept()
                with link, contextlib.suppress(OSError, struct.error):
                    self.talk(link)

    def talk(self, link: socket.socket) -> None:
        ok = b"\0\0\0\2\0\0\0"
        # Protocol 10, thread 1, a challenge of 20 bytes, protocol 4.1 with secure connections.
        capabilities = 0x00000001 | 0x00000200 | 0x00008000 | 0x00080000 | 0x00002000
        self.send(
            link, 0,
            b"\x0a" + self.version + b"\0" + struct.pack("<I", 1) + b"a" * 8 + b"\0"
            + struct.pack("<HBHHB", capabilities & 0xFFFF, 45, 2, capabilities >> 16, 21)
            + b"\0" * 10 + b"b" * 12 + b"\0mysql_native_password\0",
        )  # fmt: skip
        self.receive(link)
        self.send(link, 2, ok)
        while statement := self.receive(link):
            self.statements.append(statement[1:])
            if b"version()" not in statement:
                self.send(link, 1, ok)
                continue
            column = b"\3def\0\0\0\1v\0\x0c" + struct.pack("<HIBHB", 45, 256, 253, 0, 0) + b"\0\0"
            for number, payload in enumerate(
                (b"\1", column, b"\xfe\0\0\2\0", bytes([len(self.version)]) + self.version,
                 b"\xfe\0\0\2\0"),
                start=1,
            ):  # fmt: skip
                self.send(link, number, payload)

    @staticmethod
    def send(link: socket.socket, number: int, payload: bytes) -> None:
        link.sendall(struct.pack("<I", len(payload))[:3] + bytes([number]) + payload)

    @staticmethod
    def receive(link: socket.socket) -> bytes:
        def exactly(size: int) -> bytes:
            data = b""
            while len(data) < size and (more := link.recv(size - len(data))):
                data += more
            return data

        length, high, _ = struct.unpack("<HBB", exactly(4))
        return exactly(length | high << 16)


@pytest.mark.parametrize("command", SERVER_COMMANDS)
@pytest.mark.parametrize(
    ("version", "parts"),
    [
        ("5.7.44-log", ["MySQL 5.7.44", "8.0"]),
        ("10.11.6-MariaDB-0+deb12u1", ["MariaDB (10.11.6-MariaDB", "not MySQL", "MYSQL_HOST"]),
    ],
)
def test_servers_that_do_not_fit(command, version, parts, embedded_settings):
    peer = Peer(version)
    peer.start()
    try:
        variables = named_server(embedded_settings, MYSQL_PORT=str(peer.port))
        outcome = run_with(variables, *shlex.split(command))
    finally:
        peer.listener.close()
    assert_refused(outcome, command, *parts)
    assert not [each for each in peer.statements if each.lower().startswith((b"create", b"drop"))]


@pytest.mark.mysql
def test_a_user_without_rights(mysql_settings):
    name = f"poor_{os.getpid()}"
    with database.connect(mysql_settings) as connection:
        try:
            connection.exec_driver_sql(f"create user '{name}'@'%%' identified by 'poor'")
        except sa.exc.DBAPIError as error:
            pytest.skip(f"the test user may not create users: {error.orig}")
    try:
        as_poor = {"MYSQL_USER": name, "MYSQL_PASSWORD": "poor"}
        outcome = run(mysql_settings, "deploy", "-d", "wework", **as_poor)
        assert_one_sentence(outcome, f"User '{name}' lacks a permission", "warehouse doctor")
        doctor = run(mysql_settings, "doctor", "--json", **as_poor)
        assert doctor.code == 2
        found = {line["check"]: line for line in json.loads(doctor.out)["findings"]}
        assert found["privileges"]["level"] == "problem"
        assert "grant" in found["privileges"]["fix"].lower()
    finally:
        with database.connect(mysql_settings) as connection:
            connection.exec_driver_sql(f"drop user '{name}'@'%%'")


# --- both engines, deployed once -------------------------------------------------------------


@pytest.fixture(scope="module")
def deployed(module_engine_settings: Settings) -> Settings:
    """The wework domain on each engine, empty but for the default rows."""
    settings = replace(module_engine_settings, domains=WEWORK)
    deploy(settings, progress=lambda _: None)
    return settings


def qualified(settings: Settings, table: str) -> str:
    return f"{settings.database_prefix}wework_platform.{table}"


def test_query_shows_rows_as_they_are(deployed):
    sql = "select 'a:b' as a, '50%' as b, '%s' as c, 7 % 4 as d, '[bold]客户' as e, null as f"
    outcome = run(deployed, "query", sql)
    assert outcome.code == 0, outcome.text
    header, row = (re.split(r"\s*[┃│]\s*", line)[1:-1] for line in outcome.out.splitlines()[1:4:2])
    assert header == ["a", "b", "c", "d", "e", "f"]
    assert row == ["a:b", "50%", "%s", "3", "[bold]客户", "NULL"]


def test_query_answers_a_machine(deployed):
    sql = "select cast(1.50 as decimal(5, 2)) as a, cast(null as decimal(5, 2)) as b, '\"é' as c"
    answer = json.loads(run(deployed, "query", f"{sql} union all {sql}", "--json").out)
    assert answer["columns"] == ["a", "b", "c"]
    assert answer["rows"][0] == {"a": "1.50", "b": None, "c": '"é'}
    assert not answer["more"] and len(answer["rows"]) == 1 + answer["columns"].index("b")
    less = json.loads(
        run(deployed, "query", f"{sql} union all {sql}", "--json", "--limit", "1").out
    )
    assert less["more"] and len(less["rows"]) == 1


def test_query_says_that_there_is_more(deployed):
    sql = f"select id from {qualified(deployed, 'wework_account_monitor_rules')}"
    few, all_of_them = run(deployed, "query", "--limit", "3", sql), run(deployed, "query", sql)
    assert "The first 3 rows; --limit shows more." in few.out
    assert few.out.count("│") == 2 * 3
    assert "--limit" not in all_of_them.out


@pytest.mark.parametrize(
    "sql",
    [
        "insert into {t} select * from {t}",
        "update {t} set tenant_id = 'x'",
        "delete from {t}",
        "drop table {t}",
        "create table {d}.mine (id int)",
        "create schema {d}_mine",
        "truncate table {t}",
        "alter table {t} add column mine int",
        "select 1; delete from {t}",
    ],
)
def test_query_writes_nothing(deployed, sql):
    table = qualified(deployed, "wework_account_monitor_rules")
    schema = f"{deployed.database_prefix}wework_platform"

    def state() -> tuple[Any, ...]:
        with database.connect(deployed) as connection:
            columns = connection.execute(
                sa.text(
                    "select count(*) from information_schema.columns where table_schema like :s"
                ),
                {"s": f"{schema}%"},
            ).scalar()
            schemas = connection.execute(
                sa.text("select count(*) from information_schema.schemata where schema_name = :s"),
                {"s": f"{schema}_mine"},
            ).scalar()
            rows = connection.exec_driver_sql(f"select id, tenant_id from {table} order by 1").all()
        return columns, schemas, rows

    before = state()
    assert len(before[2]) == 4
    assert_one_sentence(run(deployed, "query", sql.format(t=table, d=schema)))
    assert state() == before


def test_query_leaves_no_read_only_session_behind(deployed):
    run(deployed, "query", "select 1")
    with database.begin(deployed) as connection:
        table = qualified(deployed, "wework_account_monitor_rules")
        connection.exec_driver_sql(f"update {table} set tenant_id = tenant_id")


@pytest.mark.parametrize(
    "sql", ["copy (select 1) to '{f}'", "attach '{f}'", "export database '{f}'"]
)
def test_query_writes_no_other_file(sql, embedded_settings, tmp_path):
    with duckdb.connect(str(embedded_settings.duckdb_path)):
        pass
    file = tmp_path / "other"
    assert_one_sentence(run(embedded_settings, "query", sql.format(f=file)), str(file))
    assert not file.exists()


@pytest.mark.parametrize(
    ("sql", "part"),
    [
        ("selec 1", "syntax"),
        ("select nonsense", "nonsense"),
        ("select * from nowhere.nothing", "nowhere"),
        ("", ""),
        ("select 1; select 2", ""),
    ],
)
def test_errors_in_sql_are_the_engines_own_sentence(deployed, sql, part):
    outcome = run(deployed, "query", sql)
    assert_one_sentence(outcome, part)
    assert "sqlalche.me" not in outcome.err
    assert "OperationalError" not in outcome.err


def test_doctor_ends_with_0_1_or_2(deployed, monkeypatch):
    schema = f"{deployed.database_prefix}wework_platform"

    def doctor(**more: str) -> tuple[int, set[str]]:
        text, as_json = (run(deployed, "doctor", *options, **more) for options in ([], ["--json"]))
        report = json.loads(as_json.out)
        assert text.code == as_json.code == report["exit_code"]
        for line in report["findings"]:
            assert set(line) == {"check", "level", "detail", "fix"}
            assert line["level"] == "ok" or line["fix"], line
            assert re.search(rf"^{line['level']} +{line['check']}  ", text.out, re.MULTILINE), line
        return text.code, {line["level"] for line in report["findings"]}

    def alter(statement: str) -> None:
        with database.begin(deployed) as connection:
            connection.exec_driver_sql(statement.format(t=f"{schema}.wework_groups"))

    assert doctor() == (0, {"ok"})
    with monkeypatch.context() as patch:
        # A month later MySQL's partitions end too soon; a disk that is nearly full troubles DuckDB.
        patch.setattr("orchestration.schema.doctor.FREE_BYTES", 1 << 60)
        later = (clock.today(deployed).replace(day=1) + timedelta(days=32)).isoformat()
        assert doctor(WAREHOUSE_AS_OF=later) == (1, {"ok", "warning"})
    alter("alter table {t} drop column group_notice")
    assert doctor()[0] == 2
    assert run(deployed, "deploy", "-d", "wework").code == 0
    assert doctor()[0] == 0


def test_doctor_without_a_file_is_a_problem(embedded_settings):
    outcome = run(embedded_settings, "doctor")
    assert outcome.code == 2
    assert "fix: warehouse deploy" in outcome.out
    assert not embedded_settings.duckdb_path.exists()


# --- bare dbt, and secrets -------------------------------------------------------------------


def test_bare_dbt_needs_only_the_environment_and_keeps_secrets(deployed, mysql_or_none):
    """One build an engine: no flags but the target, the private server's file for MySQL."""
    dbt_folders = {
        "DBT_TARGET_PATH": str(deployed.local_dir / "target"),
        "DBT_LOG_PATH": str(deployed.local_dir / "logs"),
        # Only what this one view answers for: nothing else is built here.
        "DBT_INDIRECT_SELECTION": "buildable",
    }
    variables = variables_of(deployed, WAREHOUSE_DUCKDB_WAIT_SECONDS="60", **dbt_folders)
    for name in [name for name in variables if name.startswith("MYSQL_")]:
        del variables[name]
    if mysql_or_none:
        write_connection(deployed.local_dir, mysql_or_none)
        del variables["WAREHOUSE_TARGET"]
        said = dbt(variables, "build", "--target", "mysql", "-s", "stg_wework__accounts")
        # The same with the server named by variables, which the profile renders.
        variables |= {name: deployed.environment[name] for name in deployed.environment
                      if name.startswith("MYSQL_")}  # fmt: skip
        said += dbt(variables, "--debug", "run", "--target", "mysql", "-s", "stg_wework__accounts")
        (deployed.local_dir / "mysql" / "connection.json").unlink()
    else:
        with holding(deployed.duckdb_path) as holder:
            said = dbt(variables, "--debug", "build", "-s", "stg_wework__accounts", waits=holder)
    assert "Completed successfully" in said
    outcome = run(deployed, "query", "select count(*) as accounts from "
                  f"{deployed.database_prefix}warehouse_staging.stg_wework__accounts")  # fmt: skip
    assert "accounts" in outcome.out, outcome.text
    secrets = [deployed.environment["WAREHOUSE_MASK_KEY"]]
    secrets += [pad.hex() for pad in hmac_pads(secrets[0])]  # as good as the key
    secrets += [mysql_or_none.password] if mysql_or_none else []
    files = [file for file in deployed.local_dir.rglob("*") if file.is_file()]
    assert {"manifest.json", "run_results.json", "dbt.log"} <= {file.name for file in files}
    texts = {str(file): file.read_bytes() for file in files} | {"output": said.encode()}
    for secret in secrets:
        shown = [name for name, text in texts.items() if secret.encode().lower() in text.lower()]
        assert shown == []


@pytest.fixture
def mysql_or_none(deployed: Settings) -> MySQLConnection | None:
    """The server behind `deployed`, when that is MySQL."""
    return deployed.mysql if deployed.is_mysql else None


def write_connection(local_dir: Path, server: MySQLConnection) -> None:
    """What `warehouse mysql up` leaves for dbt to find."""
    file = local_dir / "mysql" / "connection.json"
    file.parent.mkdir(exist_ok=True)
    file.touch(mode=stat.S_IRUSR | stat.S_IWUSR)
    names = ("host", "port", "user", "password")
    file.write_text(json.dumps({name: getattr(server, name) for name in names}))


def dbt(
    variables: dict[str, str], *arguments: str, waits: subprocess.Popen[str] | None = None
) -> str:
    """`dbt …` at the repository's root; `waits` lets go of the file once dbt asks for it."""
    process = subprocess.Popen(
        [BIN / "dbt", *arguments], cwd=PROJECT_ROOT, env=variables,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    lines: list[str] = []
    assert process.stdout is not None
    for line in process.stdout:
        lines.append(line)
        if waits and "Opening a new connection" in line:
            time.sleep(0.5)
            assert process.poll() is None, "dbt did not wait"
            assert waits.stdin is not None
            waits.stdin.write("\n")
            waits.stdin.flush()
            waits = None
    said = "".join(lines)
    assert process.wait(timeout=60) == 0, said
    assert waits is None, "dbt never opened the file"
    return said


# --- the README ------------------------------------------------------------------------------

README = (PROJECT_ROOT / "README.md").read_text(encoding="utf-8")
PAGES = "\n".join(
    file.read_text(encoding="utf-8")
    for folder in (PROJECT_ROOT, PROJECT_ROOT / "docs")
    for file in sorted(folder.glob("*.md"))
    if file.name not in ("CHANGELOG.md", "DECISIONS.md")
)


KNOWN_TO_DBT = {"build", "run", "test", "docs", "debug", "parse", "snapshot", "source"}


def commands_in(text: str, program: str) -> list[list[str]]:
    """What follows the program's name in backticks and in shell blocks; quotes resolved."""
    block = re.compile(r"```(\w*)\n(.*?)```", re.DOTALL)
    inline = [" ".join(code.split()) for code in re.findall(r"`([^`]+)`", block.sub("", text))]
    shell = [code for kind, code in block.findall(text) if kind in ("bash", "sh")]
    lines = [*inline, *(line for code in shell for line in code.splitlines())]
    return [
        shlex.split(line)[1:] for line in lines if line.split()[:1] == [program] and " " in line
    ]


def test_every_warehouse_command_that_is_written_down_exists():
    written = commands_in(PAGES, "warehouse")
    assert len(written) > 8
    for words in written:
        known: Any = typer.main.get_command(cli.app)
        while words and hasattr(known, "commands") and not words[0].startswith("-"):
            assert words[0] in known.commands, f"warehouse {' '.join(words)}"
            known = known.commands[words.pop(0)]
        options = {option for parameter in known.params for option in parameter.opts} | {"--help"}
        assert {word for word in words if word.startswith("-")} <= options, (known.name, words)


def test_every_make_target_that_is_written_down_exists():
    makefile = (PROJECT_ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    written = commands_in(PAGES, "make") + commands_in(makefile.replace("$$", "$"), "make")
    named = {word for words in written for word in words if re.fullmatch("[a-z-]+", word)} - {"-s"}
    assert {"demo", "test", "docs", "dagster", "setup", "mysql-up"} <= named
    assert named <= targets


def test_every_dbt_command_that_is_written_down_is_one():
    written = [words for words in commands_in(PAGES, "dbt") if words]
    assert len(written) > 3
    for words in written:
        assert words[0] in KNOWN_TO_DBT, words


def test_every_node_that_dbt_is_asked_for_exists():
    selected = {
        words[words.index("-s") + 1] for words in commands_in(README, "dbt") if "-s" in words
    }
    assert selected == {"wework", "wework_tenant_usage"}
    for name in selected:
        assert list((PROJECT_ROOT / "models").rglob(name)) + list(
            (PROJECT_ROOT / "models").rglob(f"{name}.sql")
        )


def test_every_variable_is_in_the_readmes_table():
    files = [
        *(PROJECT_ROOT / "orchestration").rglob("*.py"),
        *(PROJECT_ROOT / "macros").rglob("*.sql"),
        PROJECT_ROOT / "dbt_warehouse_session.py",
        PROJECT_ROOT / "profiles.yml",
        PROJECT_ROOT / "tests" / "conftest.py",
    ]
    read = {f"{name}_FILE" for name in SECRETS}
    for file in files:
        text = file.read_text(encoding="utf-8")
        read |= set(re.findall(r"""["']((?:WAREHOUSE|MYSQL)_[A-Z_]+)["']""", text))
    table = set(re.findall(r"`((?:WAREHOUSE|MYSQL)_[A-Z_]+)`", README))
    assert read - table == {"WAREHOUSE_DEBUG"}, "what --debug sets; everything else is a setting"
    assert table <= read
