"""docs/existing-mysql.md: `warehouse init`, and servers that are set up as managed ones are."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from commands import Outcome, run_with, variables_of
from harness import clean_environment
from private_servers import checkout, project_tree
from rows import insert

from orchestration import database, mysql_server
from orchestration.dbt_project import dbt_arguments, run_dbt, summarise, target_path
from orchestration.errors import WarehouseError
from orchestration.schema.deploy import deploy
from orchestration.schema.doctor import Finding, examine
from orchestration.schema.record import load_record
from orchestration.settings import DATABASES, PROJECT_ROOT, Settings, load_settings

pytestmark = pytest.mark.mysql
PAGE = (PROJECT_ROOT / "docs" / "existing-mysql.md").read_text(encoding="utf-8")
ACCOUNTS = re.findall(r"^```sql\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
AS_OF = datetime(2026, 6, 30, 12)
PASSWORD = "for-this-test-9kW"
# The last of an option counts.
MANAGED = ("--lower-case-table-names=1", "--local-infile=OFF", "--default-time-zone=+00:00",
           "--group-concat-max-len=1024", "--log-bin=binlog", "--server-id=1", "--gtid-mode=ON",
           "--enforce-gtid-consistency=ON", "--innodb-redo-log-capacity=64M", "--sync-binlog=0",
           "--innodb-flush-log-at-trx-commit=0")  # fmt: skip


def silent(_line: str) -> None:
    """Say nothing."""


# --- warehouse init --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server(module_mysql_settings: Settings) -> Settings:
    """Wework as applications might have it, core without a table, no other database."""
    settings = replace(module_mysql_settings, as_of=AS_OF, domains=("wework",))
    deploy(settings, progress=silent)
    name = database.database_name(settings, "wework_platform")
    core = database.database_name(settings, "saas_unified_core")
    with database.begin(settings) as connection:
        for statement in (
            f"drop table {name}.wework_group_members",
            f"drop table {name}.wework_tenant_usage",
            f"alter table {name}.wework_groups add column own_note varchar(20)",
            f"create table {name}.own_notes (id int primary key)",
            f"create database {core}",
        ):
            connection.exec_driver_sql(statement)
    return settings


def init(settings: Settings, *arguments: str, **more: str) -> Outcome:
    return run_with(variables_of(settings, **more), "init", *arguments)


def test_it_says_what_is_there_and_what_differs(server: Settings, tmp_path: Path) -> None:
    file = tmp_path / "new" / "example.env"
    outcome = init(server, "--out", str(file), "--json")
    told = json.loads(outcome.out)
    assert outcome.code == told["exit_code"] == 2
    found = {each["domain"]: each for each in told["databases"]}
    assert [name for name, each in found.items() if each["exists"]] == ["core", "wework"]
    wework = found["wework"]
    tables = [t for t in load_record(("wework",)).application_tables() if t.domain == "wework"]
    assert (wework["tables"], wework["expected"]) == (len(tables) - 1, len(tables))
    assert wework["missing"] == ["wework_group_members"], "statistics tables are ours to make"
    assert [d for d in wework["differences"] if "own_note: extra column" in d]
    assert wework["additions"] == 1
    problems = {f["check"] for f in told["findings"] if f["level"] == "problem"}
    assert problems >= {"tables", "schema"}

    text = init(server, "--out", str(file)).out
    assert re.search(
        r"wework_platform +10 of 11 tables; missing wework_group_members; 1 diff", text
    )
    assert re.search(r"saas_unified_core +there, with none of its 21 tables", text)
    assert re.search(r"health_management +not there", text)


def test_the_file_has_what_the_server_needs_and_no_secret(server: Settings, tmp_path: Path) -> None:
    file = tmp_path / "example.env"
    init(server, "--out", str(file))
    text = file.read_text(encoding="utf-8")
    assert server.mysql.password not in text and server.mask_key not in text
    done = subprocess.run(
        ["bash", "-c", f"set -a; . {file}; env -0"], env={}, capture_output=True, check=True
    )
    read = dict(pair.split("=", 1) for pair in done.stdout.decode().split("\0") if "=" in pair)
    settings = load_settings({**read, "MYSQL_PASSWORD": server.mysql.password})
    assert settings.is_mysql and settings.domains == ("wework",)
    assert settings.database_prefix == server.database_prefix
    assert settings.mysql == replace(server.mysql, origin="environment")


def test_somebodys_file_stays(server: Settings, tmp_path: Path) -> None:
    file = tmp_path / "warehouse.env"
    assert init(server, "--out", str(file)).code == init(server, "--out", str(file)).code == 2
    file.write_text("MINE=1\n")
    outcome = init(server, "--out", str(file))
    assert outcome.code == 1 and "says something else" in outcome.err
    assert file.read_text() == "MINE=1\n"


def test_nothing_changes_and_nothing_is_written_where_it_cannot_log_in(
    server: Settings, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("not-the-password\n")
    outcome = init(server, "--password-file", str(wrong), "--out", str(tmp_path / "x.env"))
    assert outcome.code == 1 and "does not let user" in outcome.err
    assert "not-the-password" not in outcome.text
    none = dict.fromkeys(("MYSQL_HOST", "MYSQL_PORT", "MYSQL_USER", "MYSQL_PASSWORD"), "")
    outcome = init(server, "--out", str(tmp_path / "x.env"), **none)
    assert outcome.code == 1 and "MYSQL_HOST, MYSQL_USER, MYSQL_PASSWORD are not" in outcome.err
    assert [file.name for file in tmp_path.iterdir()] == ["wrong"]


def test_it_asks_a_person(server: Settings, tmp_path: Path) -> None:
    """On a terminal, and the password does not show."""
    file, mysql = tmp_path / "example.env", server.mysql
    variables = {
        name: value for name, value in variables_of(server).items() if not name.startswith("MYSQL_")
    }
    here, there = pty.openpty()
    process = subprocess.Popen(
        [Path(sys.executable).with_name("warehouse"), "init", "--out", file],
        env=variables, stdin=there, stdout=there, stderr=there, start_new_session=True,
    )  # fmt: skip
    os.close(there)
    shown = ""
    answers = {"MYSQL_HOST": mysql.host, "MYSQL_PORT": str(mysql.port), "MYSQL_USER": mysql.user,
               "Password": mysql.password}  # fmt: skip
    with contextlib.suppress(OSError):  # how a terminal says that the other side is gone
        while part := os.read(here, 4096).decode(errors="replace"):
            shown += part
            for question in [q for q in answers if re.search(rf"{q}[^\n]*: $", shown)]:
                os.write(here, (answers.pop(question) + "\n").encode())
    assert process.wait(timeout=60) == 2, shown
    assert not answers and mysql.password not in shown
    assert f"MYSQL_PORT={mysql.port}" in file.read_text(encoding="utf-8")


# --- servers as managed ones are --------------------------------------------------------------


def account(settings: Settings, statements: str, user: str) -> Settings:
    """Make an account of the page; the settings of whoever logs in with it."""
    with database.connect(settings) as connection:
        for statement in statements.replace("<password>", PASSWORD).split(";\n"):
            if statement.strip():
                connection.exec_driver_sql(statement.replace("%", "%%"))
    environment = {**settings.environment, "MYSQL_USER": user, "MYSQL_PASSWORD": PASSWORD}
    return load_settings(
        environment, target="mysql", as_of=AS_OF.isoformat(" "), domains=("core", "wework")
    )


@pytest.fixture(scope="module")
def administrator() -> Iterator[Settings]:
    """A server with the settings that managed ones have, empty."""
    usual = mysql_server.SERVER_OPTIONS
    folder = Path(tempfile.mkdtemp(prefix="managed-", dir="/var/tmp"))
    folder.chmod(0o755)
    try:
        with contextlib.ExitStack() as stack:
            place = stack.enter_context(checkout(folder, project_tree()))
            mysql_server.SERVER_OPTIONS = (*usual, *MANAGED)
            stack.callback(setattr, mysql_server, "SERVER_OPTIONS", usual)
            info = mysql_server.up(place)
            kept = {
                k: v for k, v in os.environ.items() if not k.startswith(("MYSQL_", "WAREHOUSE_"))
            }
            settings = load_settings(
                {
                    **kept,
                    "WAREHOUSE_LOCAL_DIR": str(place.local_dir),
                    "MYSQL_HOST": info.host, "MYSQL_PORT": str(info.port),
                    "MYSQL_USER": info.user, "MYSQL_PASSWORD": info.password,
                    "WAREHOUSE_MASK_KEY": "a-key-for-tests-only-0123456789abcdef",
                },
                target="mysql",
            )  # fmt: skip
            yield settings
            database.connect_engine(settings).dispose()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def managed(administrator: Settings) -> Settings:
    """The account of the page, which is no administrator; two domains are deployed."""
    settings = account(administrator, ACCOUNTS[1], "warehouse_builder")
    deploy(settings, progress=silent)
    return settings


@contextlib.contextmanager
def switched_on(administrator: Settings, variable: str) -> Iterator[None]:
    with database.connect(administrator) as connection:
        connection.exec_driver_sql(f"set global {variable} = on")
        try:
            yield
        finally:
            connection.exec_driver_sql(f"set global {variable} = off")
            if variable == "super_read_only":
                connection.exec_driver_sql("set global read_only = off")


def findings(settings: Settings) -> dict[str, Finding]:
    database.connect_engine(settings).dispose()  # a session keeps what it began with
    return {finding.check: finding for finding in examine(settings)}


def test_what_managed_servers_have_keeps_nobody_from_working(managed: Settings) -> None:
    assert deploy(managed, progress=silent).statements == (), "names come back as they went in"
    found = findings(managed)
    assert {f.check for f in found.values() if f.level != "ok"} == {
        "time zone", "local_infile", "group_concat_max_len",
    }  # fmt: skip
    for check, value in {
        "time zone": "time_zone = +08:00",
        "local_infile": "local_infile = on",
        "group_concat_max_len": "group_concat_max_len = 1048576",
    }.items():
        assert found[check].fix.startswith(f"{value} in the server's own configuration")


def test_a_log_of_statements_is_told(administrator: Settings, managed: Settings) -> None:
    """Builds lock nothing that they read; MySQL logs such rows, but no such statements."""
    with database.connect(administrator) as connection:
        connection.exec_driver_sql("set global binlog_format = 'STATEMENT'")
        try:
            finding = findings(managed)["binlog_format"]
        finally:
            connection.exec_driver_sql("set global binlog_format = 'ROW'")
    assert finding.level == "problem" and "binlog_format = ROW" in finding.fix


def test_a_user_who_only_looks_can_ask_init(
    administrator: Settings, managed: Settings, tmp_path: Path
) -> None:
    looking = account(administrator, ACCOUNTS[0], "warehouse_look")
    outcome = init(looking, "--out", str(tmp_path / "a.env"))
    assert outcome.code == 2 and "warehouse_look@% lacks" in outcome.out
    assert "WAREHOUSE_DOMAINS=core,wework" in (tmp_path / "a.env").read_text(encoding="utf-8")


def test_a_replica_is_told_from_a_server_to_build_on(
    administrator: Settings, managed: Settings
) -> None:
    name = DATABASES["wework"]
    with database.connect(managed) as connection:
        connection.exec_driver_sql(f"drop table {name}.wework_group_members")
    with switched_on(administrator, "super_read_only"):
        assert findings(managed)["read_only"].level == "problem"
        with pytest.raises(WarehouseError, match=r"is read-only, as replicas are"):
            deploy(managed, progress=silent)
        outcome = run_with(variables_of(managed), "query", "select 41 + 1 as answer")
        assert outcome.code == 0 and "42" in outcome.out
    deploy(managed, progress=silent)
    assert "read_only" not in findings(managed)


def test_a_server_that_wants_primary_keys(administrator: Settings, managed: Settings) -> None:
    with switched_on(administrator, "sql_require_primary_key"):
        found = findings(managed)["sql_require_primary_key"]
        assert found.level == "problem" and "= off" in found.fix
    assert "sql_require_primary_key" not in findings(managed)


@pytest.mark.slow
def test_a_build_and_its_tests(managed: Settings) -> None:
    with database.connect(managed) as connection:
        tenant = connection.scalar(sa.text("select min(id) from saas_unified_core.saas_tenants"))
    rows = [
        {"id": f"m{day}", "tenant_id": tenant, "created_at": AS_OF.replace(day=day)}
        for day in range(1, 29)
    ]
    insert(managed, "wework_callback_logs", *rows)
    arguments = dbt_arguments(
        ["build", "--quiet"], target="mysql", target_path=target_path(managed), select="wework"
    )
    with clean_environment():
        built = summarise(run_dbt(managed, arguments).results, 0.0)
    assert (built.failures, built.warnings) == ((), ())
    assert built.built["model"] > 20 and built.tests_passed > 100
    with database.connect(managed) as connection:
        counted = connection.scalar(
            sa.text("select sum(received_callbacks) from warehouse.callback_daily")
        )
    assert counted == len(rows)
