"""docs/backup.md, run as it stands: a server is backed up, and an empty one becomes the same."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
import retention_world as world
import sqlalchemy as sa
from private_servers import checkout, project_tree
from rows import insert, table

from orchestration import database, mysql_server
from orchestration.retention.run import extend_horizon
from orchestration.schema.deploy import deploy
from orchestration.schema.doctor import examine, exit_code, render
from orchestration.schema.partitions import CATCH_ALL, Partition, monthly, months_between
from orchestration.schema.record import load_record
from orchestration.settings import DOMAINS, PROJECT_ROOT, Settings, load_settings

pytestmark = pytest.mark.mysql
DOC = (PROJECT_ROOT / "docs" / "backup.md").read_text(encoding="utf-8")
FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)
SECTIONS = {text.split()[0].strip(","): dict(FENCE.findall(text)) for text in DOC.split("\n## ")}
PASSWORD = "for-this-test-4pQ"
CALLS, METRICS = world.CALLS, world.METRICS
MARCH = date(2026, 3, 1)
# The last of an option counts. Small and quick.
LOGGED = ("--log-bin=binlog", "--server-id=1", "--innodb-redo-log-capacity=64M",
          "--innodb-buffer-pool-size=128M", "--innodb-flush-log-at-trx-commit=0",
          "--sync-binlog=0", "--skip-innodb-doublewrite")  # fmt: skip
OWN = ("mysql", "sys", "information_schema", "performance_schema")


@dataclass(frozen=True)
class Servers:
    """The one that is backed up and the one that is empty, and where scripts run."""

    source: Settings
    empty: Settings
    folder: Path

    def run(self, script: str, **more: str) -> subprocess.CompletedProcess[str]:
        """A script of the page."""
        backups = {"BACKUP_DIR": self.folder, "BACKUP_CNF": self.folder / "backup.cnf",
                   "RESTORE_CNF": self.folder / "restore.cnf"}  # fmt: skip
        path = f"{mysql_server.clients(load_settings())}:{os.environ['PATH']}"
        return subprocess.run(
            ["bash", "-c", SECTIONS[script]["bash"]],
            env={"PATH": path, "LC_ALL": "C", **{k: str(v) for k, v in backups.items()}, **more},
            capture_output=True, text=True, check=False,
        )  # fmt: skip


@pytest.fixture(
    scope="module", params=[("core", "ai"), pytest.param(DOMAINS, marks=pytest.mark.slow)], ids=len
)
def servers(request: pytest.FixtureRequest) -> Iterator[Servers]:
    folder = Path(tempfile.mkdtemp(prefix="warehouse-backup-"))
    folder.chmod(0o755)
    usual = mysql_server.SERVER_OPTIONS
    try:
        with contextlib.ExitStack() as stack:
            places = [
                stack.enter_context(checkout(folder / name, project_tree()))
                for name in ("source", "empty")
            ]
            mysql_server.SERVER_OPTIONS = (*usual, *LOGGED)
            stack.callback(setattr, mysql_server, "SERVER_OPTIONS", usual)
            with ThreadPoolExecutor(2) as pool:
                infos = list(pool.map(mysql_server.up, places))
            for name, info in zip(("backup", "restore"), infos, strict=True):
                text = re.sub(
                    "^host=.*", f"host={info.host}", SECTIONS["Once"]["ini"], flags=re.MULTILINE
                )
                text = re.sub("^port=.*", f"port={info.port}", text, flags=re.MULTILINE)
                if name == "restore":
                    text = re.sub("^user=.*", f"user={info.user}", text, flags=re.MULTILINE)
                password = PASSWORD if name == "backup" else info.password
                file = folder / f"{name}.cnf"
                file.write_text(text.replace("<password>", password))
                file.chmod(0o600)
            settings = [
                load_settings(
                    {
                        **{k: v for k, v in os.environ.items() if not k.startswith("MYSQL_")},
                        "WAREHOUSE_LOCAL_DIR": str(place.local_dir),
                        "WAREHOUSE_DATABASE_PREFIX": "",
                        "MYSQL_HOST": info.host, "MYSQL_PORT": str(info.port),
                        "MYSQL_USER": info.user, "MYSQL_PASSWORD": info.password,
                        "WAREHOUSE_MASK_KEY": "a-key-for-tests-only-0123456789abcdef",
                    },
                    target="mysql",
                )
                for place, info in zip(places, infos, strict=True)
            ]  # fmt: skip
            source, empty = (
                replace(each, as_of=world.AS_OF, domains=request.param) for each in settings
            )
            yield Servers(source, empty, folder)
            for each in (source, empty):  # all goes, so nothing need be tidied
                with database.connect(each) as connection:
                    connection.exec_driver_sql("set global innodb_fast_shutdown = 2")
                database.connect_engine(each).dispose()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def content(settings: Settings) -> dict[str, Any]:
    """By table: checksum, rows and definition with its partitions; by view its text."""
    found: dict[str, Any] = {}
    with database.connect(settings) as connection:
        run = connection.exec_driver_sql
        names = run(
            "select table_schema, table_name, table_type from information_schema.tables "
            f"where table_schema not in {OWN}"
        ).all()
        for schema, name, kind in names:
            at = f"`{schema}`.`{name}`"
            if kind == "VIEW":
                found[at] = run(f"show create view {at}").one()[1]
                continue
            parts = run(
                "select partition_name, partition_description from information_schema.partitions "
                f"where table_schema = '{schema}' and table_name = '{name}'"
            ).all()
            found[at] = (
                run(f"checksum table {at}").one()[1],
                run(f"select count(*) from {at}").scalar(),
                run(f"show create table {at}").one()[1].replace(" CHARACTER SET utf8mb4", ""),
                sorted(map(tuple, parts), key=str),
            )
    return found


def fill(settings: Settings) -> None:
    """A row in every table, and months of rows where retention works."""
    deploy(settings, oldest=MARCH, progress=lambda _: None)
    with database.connect(settings) as connection:
        connection.exec_driver_sql("set global foreign_key_checks = 0, global time_zone = '-05:00'")
    database.connect_engine(settings).dispose()
    for each in load_record(settings.domains):
        if not each.built_by_dbt:
            with contextlib.suppress(sa.exc.IntegrityError):  # default rows are there
                moment = each.partition_by_month
                insert(settings, each.name, {moment: world.AS_OF} if moment else {})
    ahead = [monthly(month) for month in months_between(MARCH, date(2026, 9, 1))]
    for name in (CALLS, METRICS):
        world.fill(settings, name, MARCH, each=50, parts=[*ahead, Partition(CATCH_ALL, None)])
    with database.connect(settings) as connection:
        run = connection.exec_driver_sql
        run("create table warehouse.a_mart (tenant_id varchar(36) primary key, figure double)")
        run("insert into warehouse.a_mart values ('t', 0.1), ('纯', 1e300), ('🚀', null)")
        run("create view warehouse_staging.stg_x as select id, user_agent from "
            "ai_agent_platform.ai_call_logs")  # fmt: skip
        run("set global foreign_key_checks = 1")
        connection.commit()
    database.connect_engine(settings).dispose()


def test_an_empty_server_becomes_the_same(servers: Servers, tmp_path: Path) -> None:
    source, empty = world.with_archive(servers.source, tmp_path), servers.empty
    fill(source)
    with database.connect(source) as connection:
        account = SECTIONS["Once"]["sql"].replace("<password>", PASSWORD).replace("%", "%%")
        for statement in filter(str.strip, account.split(";")):
            connection.exec_driver_sql(statement)
    done = servers.run("Full")
    assert done.returncode == 0, done.stderr
    at_the_dump = content(source)

    # An hour passes: months leave, partitions are made, rows come and change; then it is copied.
    assert not world.run(source, world.policy(source, METRICS, 1)).failed
    later = replace(source, as_of=datetime(2026, 7, 20))
    assert [each.made for each in extend_horizon(later, [CALLS])] == [1]
    done = servers.run("Incremental")
    assert done.returncode == 0, done.stderr
    insert(source, CALLS, {"id": "after", "created_at": world.AS_OF, "user_agent": "🚀'\\"})
    known = table(source, "saas_tenants")
    with database.begin(source) as connection:
        connection.execute(known.update().values(tenant_name="纯文本"))
    before_the_accident = content(source)
    assert before_the_accident != at_the_dump
    time.sleep(1.1)
    until = time.strftime("%Y-%m-%d %H:%M:%S")
    with database.connect(source) as connection:
        connection.exec_driver_sql("drop table ai_agent_platform.ai_call_logs")
    done = servers.run("Incremental")  # takes what the first one found growing anew
    assert done.returncode == 0, done.stderr

    done = servers.run("Restore", UNTIL=until)
    assert done.returncode == 0, done.stderr
    restored = content(empty)
    assert restored.keys() == before_the_accident.keys()
    for name, found in restored.items():
        assert found == before_the_accident[name], name

    # One that does not come to its end never counts as a backup.
    before = sorted(servers.folder.glob("20*T??????"))
    assert servers.run("Full", WAREHOUSE_DATABASE_PREFIX="misspelt_").returncode != 0
    assert sorted(servers.folder.glob("20*T??????")) == before

    findings = examine(empty)
    assert exit_code(findings) == 0, render(findings)
