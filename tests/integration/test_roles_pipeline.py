"""The whole pipeline on a real server, each step logged in as the role that it is for.

Each role has a password that stands nowhere else. Afterwards all that was written is searched for
them, and all command lines that were seen meanwhile: none is found.
"""

from __future__ import annotations

import base64
import gzip
import os
import re
import sqlite3
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import commands
import passwords
import pytest
import retention_world
import sqlalchemy as sa
import warehouses
from conftest import drop_databases
from dagster_server import DAY, fill_a_day, served
from rows import table
from test_cookbook import HOMES, QUESTIONS

from orchestration import dagster_dev, database, mysql_server
from orchestration.ab_tests import refresh_ab_test_results
from orchestration.dbt_project import dbt_arguments, target_path
from orchestration.errors import WarehouseError
from orchestration.governance import grants
from orchestration.manifest import dbt_executable
from orchestration.operations.register import OPERATIONS
from orchestration.operations.running import run_operation
from orchestration.retention.restore import restore
from orchestration.retention.run import extend_horizon, run_all
from orchestration.sampledata.generate import generate
from orchestration.sampledata.load import load
from orchestration.settings import DOMAINS, PROJECT_ROOT, Settings, load_settings

pytestmark = [pytest.mark.mysql, pytest.mark.timeout(1800)]
# Dagster builds and operates with one account, which has both roles.
DAGSTER = "dagster"
WRONG = "wrong"
THE_DAYS_MODELS = "+wework_account_health +wework_account_statistics +v_tenant_overview"
IDENTIFYING = (
    "customer_management.v_customer_360",
    "health_management.v_patient_health_overview",
    "saas_unified_core.v_user_permissions",
)
# What an operation that succeeds leaves in Dagster's history, and one that cannot log in.
IN_DAGSTER = """
import os
from dataclasses import replace
import dagster as dg
from orchestration import dagster_dev
from orchestration.definitions import build_definitions
from orchestration.settings import load_settings
settings = load_settings()
with dg.DagsterInstance.from_config(str(dagster_dev.dagster_home(settings))) as instance:
    for password in (None, os.environ["WRONG"]):
        if password:
            login = settings.environment | {"MYSQL_PASSWORD": password}
            settings = replace(settings, environment=login)
        job = build_definitions(settings).get_repository_def().get_job("auto_status_check")
        run = job.execute_in_process(instance=instance, raise_on_error=False)
        print("SUCCESS" if run.success else "FAILURE")
"""


@dataclass
class Pipeline:
    """A server with our roles on it, and what went wrong so far."""

    settings: Settings
    words: dict[str, str]
    watch: passwords.Watch
    started: float = field(default_factory=time.time)
    wrong: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        return self.settings.domains == DOMAINS

    def login(self, role: str, **more: str) -> Settings:
        """The same settings with the role's account."""
        user = grants.names(self.settings, "%").login(role)
        own = {"MYSQL_USER": user, "MYSQL_PASSWORD": self.words[role], **more}
        given = load_settings({**self.settings.environment, **own})
        return replace(given, as_of=self.settings.as_of, domains=self.settings.domains)

    def step(self, role: str, name: str, work: Callable[[Settings], object]) -> None:
        """As the role; what breaks is noted, and the next step goes on."""
        try:
            work(self.login(role))
        except Exception as error:
            self.wrong.append(f"{role}: {name}: {str(error)[:300]}")

    def command(self, role: str, *arguments: str, code: int = 0, **more: str) -> str:
        """`warehouse …` as the role; what it says is kept in a file."""
        ended = commands.run(self.login(role, **more), *arguments, **more)
        self.keep(f"$ warehouse {' '.join(arguments)} ({role})\n{ended.text}")
        if ended.code != code:
            self.wrong.append(f"{role}: {arguments}: {ended.code}: {ended.text[-300:]}")
        return ended.text

    def child(self, settings: Settings, *command: str, **more: str) -> str:
        """A process of its own, which may fail."""
        run = subprocess.run(
            command, cwd=PROJECT_ROOT, env={**settings.child_environment(), **more},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        self.keep(run.stdout + run.stderr)
        return run.stdout + run.stderr

    def keep(self, text: str) -> None:
        self.said.append(text)
        with (self.settings.local_dir / "said.log").open("a", encoding="utf-8") as file:
            file.write(text)


@pytest.fixture(
    scope="module",
    params=[("core", "wework"), pytest.param(DOMAINS, marks=pytest.mark.slow)],
    ids=["a-day", "demo"],
)
def pipeline(
    request: pytest.FixtureRequest,
    module_mysql_settings: Settings,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Pipeline]:
    """All steps, run once; the accounts and databases go at the end."""
    settings = replace(module_mysql_settings, as_of=warehouses.AS_OF, domains=request.param)
    named = grants.names(settings, settings.mysql.host)
    accounts = (*grants.ROLES, DAGSTER)
    words = {name: passwords.fresh(name) for name in (*accounts, WRONG)}
    with pytest.MonkeyPatch.context() as patch, passwords.watched(words.values()) as watch:
        patch.setenv("TMPDIR", str(tmp_path_factory.mktemp("temporary")))
        made = Pipeline(settings, words, watch)
        try:
            grants.apply(settings, settings.mysql.host)
            with database.connect(settings) as connection:
                both = ", ".join(named.role(role) for role in ("transformer", "operator"))
                for statement in (
                    f"create user {named.account(DAGSTER)}",
                    f"grant {both} to {named.account(DAGSTER)}",
                    f"alter user {named.account(DAGSTER)} default role all",
                    *(
                        f"alter user {named.account(name)} identified by '{words[name]}' "
                        "account unlock"
                        for name in accounts
                    ),
                ):
                    connection.exec_driver_sql(statement.replace("%", "%%"))
            run(made, tmp_path_factory.mktemp("pipeline"))
            yield made
        finally:
            with database.connect(settings) as connection:
                for statement in (
                    *(f"drop user if exists {named.account(name)}" for name in accounts),
                    *(f"drop role if exists {named.role(name)}" for name in grants.ROLES),
                    f"drop user if exists `{named.user(grants.DEFINER)}`@`localhost`",
                ):
                    connection.exec_driver_sql(statement.replace("%", "%%"))
            drop_databases(settings)


def run(made: Pipeline, folder: Path) -> None:
    """From an empty server to figures that are read, and a few failures on the way."""
    settings = made.settings
    made.command("deployer", "deploy")
    grants.apply(settings, settings.mysql.host)  # there are tables now
    if made.whole:
        generate(settings, "demo", 1, warehouses.AS_OF.date(), folder / "sample")
        load(settings, folder / "sample")  # stands for the applications
        made.step("transformer", "build", warehouses.build_again)
        made.step("transformer", "A/B tests", refresh_ab_test_results)
    else:
        fill_a_day(settings)
        models = ("build", "--resource-type", "model", "--resource-type", "seed", "--select")
        made.step("transformer", "build", lambda s: warehouses.dbt(s, *models, THE_DAYS_MODELS))
    grants.apply(settings, settings.mysql.host)  # and marts, for a tenant's analysts
    made.wrong += grants.check(settings)
    judge(made)
    for operation in OPERATIONS:
        if operation.domain in settings.domains:
            made.step("operator", operation.name, lambda s, o=operation: run_operation(o, s))
    in_dagster(made)
    if made.whole:
        retain(made, folder)
    read(made)
    fail(made)


def judge(made: Pipeline) -> None:
    """The suites, with pages; four messages alone are no data that they could be content with."""
    arguments = ["validate", "--docs", str(made.settings.local_dir / "pages")]
    if not made.whole:
        text = made.command("operator", *arguments, "--kind", "sources", "-d", "core", code=1)
        made.wrong += [] if "expectations hold over" in text else [f"suites: {text}"]
        return
    made.command("operator", *arguments)


def in_dagster(made: Pipeline) -> None:
    """On a server of its own for the whole, else in a process that has the same history."""
    settings = made.login(DAGSTER)
    dagster_dev.prepare(settings)
    if made.whole:
        with served(settings) as server:
            for job in ("wework", "core"):
                run_id = server.launch(job, DAY)
                if server.finished(run_id) != "SUCCESS":
                    made.wrong.append(f"Dagster: {job}: {server.failures(run_id)}")
    home = str(dagster_dev.dagster_home(settings))
    wrong = made.words[WRONG]
    text = made.child(settings, sys.executable, "-c", IN_DAGSTER, DAGSTER_HOME=home, WRONG=wrong)
    made.wrong += [] if re.search("SUCCESS\nFAILURE\n", text) else [f"Dagster: {text[-600:]}"]


def retain(made: Pipeline, folder: Path) -> None:
    """All policies as they are, two tables of which months leave and one comes back."""
    keeping = retention_world.with_archive(
        made.login("operator"), folder / "archive", warehouses.AS_OF
    )
    made.wrong += [f"horizon: {each.failed}" for each in extend_horizon(keeping) if each.failed]
    made.wrong += [f"retention: {each.failed}" for each in run_all(keeping) if each.failed]
    for name in (retention_world.CALLS, retention_world.ROWS):
        outcome = retention_world.run(keeping, retention_world.policy(keeping, name, 1))
        made.wrong += [f"retention: {name}: {outcome.failed}"] if outcome.failed else []
        if not [step for step in outcome.done if step.action in ("drop", "delete")]:
            made.wrong.append(f"retention: nothing of {name} left")
            continue
        last_month = warehouses.AS_OF.date().replace(day=1) - timedelta(days=40)
        restored = restore(keeping, name, last_month.replace(day=1))
        made.wrong += [] if restored.restored else [f"restore: nothing of {name} came back"]


def read(made: Pipeline) -> None:
    """The analyst's cookbook, the monitor's doctor, and MySQL's own client."""
    prefix = made.settings.database_prefix
    for number, sql in QUESTIONS.items() if made.whole else ():
        asked = re.sub(rf"\b({'|'.join(HOMES)})\.", rf"{prefix}\1.", sql)
        made.step("analyst", f"question {number}", lambda s, q=asked: rows(s, q))
    made.step("analyst", "view", lambda s: rows(s, f"table {prefix}saas_unified_core."
                                                   "v_tenant_overview"))  # fmt: skip
    for view in IDENTIFYING if made.whole else ():
        try:
            rows(made.login("analyst"), f"select * from {prefix}{view}")
            made.wrong.append(f"analyst: reads {view}")
        except WarehouseError as error:
            made.wrong += [] if "lacks a permission" in str(error) else [str(error)]
    text = made.command("monitor", "doctor")
    made.wrong += [] if "p_future" in text else [text]
    analyst = made.login("analyst").mysql
    options = Path(os.environ["TMPDIR"]).parent / "client.cnf"
    options.touch(mode=0o600)
    options.write_text(
        f"[client]\nhost={analyst.host}\nport={analyst.port}\nuser={analyst.user}\n"
        f'password="{analyst.password}"\n'
    )
    client = mysql_server.clients(load_settings()) / "mysql"
    text = made.child(
        made.settings, str(client), f"--defaults-extra-file={options}", "--execute",
        "select current_user(), sleep(0.5)",
    )  # fmt: skip
    made.wrong += [] if analyst.user in text else [f"client: {text}"]
    options.unlink()


def rows(settings: Settings, sql: str) -> list:
    with database.connect(settings) as connection:
        return connection.exec_driver_sql(sql.replace("%", "%%")).all()


def fail(made: Pipeline) -> None:
    """Tracebacks of commands that may not log in, or may not do what they do."""
    refused = {"MYSQL_PASSWORD": made.words[WRONG]}
    made.command("operator", "doctor", code=2, **refused)
    made.command(
        "operator", "--debug", "operation", "run", "cleanup_expired_data", code=1, **refused
    )
    made.command("analyst", "--debug", "operation", "run", "cleanup_expired_data", code=1)
    if not made.whole:
        return  # another account makes dbt parse all anew
    settings = made.login("analyst")
    arguments = dbt_arguments(
        ["--debug", "run", "--select", "stg_core__tenants"],
        target=settings.target, target_path=target_path(settings),
    )  # fmt: skip
    log = ("--log-path", str(settings.local_dir / "logs"))
    text = made.child(settings, dbt_executable(), *arguments, *log, **refused)
    made.wrong += [] if "Access denied" in text else [f"dbt logs in: {text[-300:]}"]


def test_each_step_runs_as_its_role(pipeline: Pipeline) -> None:
    assert not pipeline.wrong, "\n".join(pipeline.wrong)


def test_no_password_stands_in_what_was_written(pipeline: Pipeline) -> None:
    local = pipeline.settings.local_dir
    names = {file.name for file in local.rglob("*") if file.is_file()}
    wanted = {"dbt.log", "manifest.json", "run_results.json", "said.log", "index.html", "runs.db"}
    assert wanted <= names, wanted - names
    assert "Traceback" in (local / "said.log").read_text()
    history = b"".join(file.read_bytes() for file in local.rglob("*.db"))
    assert b"STEP_FAILURE" in history and b"rows changed" in history
    words = pipeline.words.values()
    found = passwords.in_files([local, Path(os.environ.get("TMPDIR", local))], words)
    # what is written beside the settings, by whom ever
    shared = [PROJECT_ROOT / name for name in ("target", "logs", "models", "orchestration")]
    found += passwords.in_files(shared, words, since=pipeline.started)
    assert not found, "\n".join(found)


def test_no_password_stands_in_a_table(pipeline: Pipeline) -> None:
    settings = pipeline.settings
    with database.connect(settings) as connection:
        for name in ("saas_unified_audit_logs", "saas_unified_alerts"):
            text = str(connection.execute(sa.select(table(settings, name))).all()).encode()
            for word in pipeline.words.values():
                assert not any(form in text for form in passwords.forms(word)), name


def test_no_password_stands_on_a_command_line(pipeline: Pipeline) -> None:
    seen = b"\n".join(pipeline.watch.seen)
    for program in (b"dbt", b"auto_status_check", b"--defaults-extra-file"):
        assert program in seen, program
    assert pipeline.watch.shown == []


def test_a_password_would_be_found(tmp_path: Path) -> None:
    word = passwords.fresh("planted")
    own = word[-16:]
    (tmp_path / "run.log").write_text(f"… mysql://u:{word}@host …")
    (tmp_path / "address.json").write_text(f'{{"url": "mysql://u:%40%2F{own}@host"}}')
    (tmp_path / "header").write_bytes(b"Basic " + base64.b64encode(f"u:{word}".encode()))
    (tmp_path / "log.gz").write_bytes(gzip.compress(word.encode()))
    with sqlite3.connect(tmp_path / "runs.db") as history:
        history.execute("create table runs (body text, snapshot blob)")
        history.execute("insert into runs values (?, null)", ["x" * 4000 * 3 + word])
    with sqlite3.connect(tmp_path / "snapshots.db") as history:
        history.execute("create table packed (body blob)")
        history.execute("insert into packed values (?)", [zlib.compress(word.encode())])
    (tmp_path / "innocent.txt").write_text(passwords.fresh("planted"))
    found = passwords.in_files([tmp_path], [word])
    assert {Path(file).name for file in found} == {
        "run.log", "address.json", "header", "log.gz", "runs.db", "snapshots.db",
    }  # fmt: skip
    with passwords.watched([word]) as watch:
        subprocess.run(["sleep", "0.4"], check=True)
        subprocess.run(["sh", "-c", f"sleep 0.4 # {word}"], check=True)
    assert len(watch.shown) == 1
