"""CONTRIBUTING.md, walked: a copy of the project gets a table and a domain more, on both engines.

What a contributor writes is here as text; what a contributor runs is read from the document, so a
command that does not work, or that nobody would think of, fails here.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from warehouses import ENGINES_SPARINGLY

from orchestration import database
from orchestration.manifest import dbt_executable
from orchestration.settings import PROJECT_ROOT, Settings

AS_OF = datetime(2026, 6, 30, 23, 59, 59)
# The parts of the copy that a contributor's own files go to.
TABLE = {"domain": "wework", "entity": "login_tickets"}
DOMAIN = {"domain": "training", "entity": "courses"}

TICKETS_SOURCE = """
      - name: wework_login_tickets
        description: >-
          One row per ticket with which somebody scans into an account, partitioned by month of
          created_at and kept 6 months. Written by the account connectors.
        meta:
          label_zh: 登录票据表 (分区)
          layer: 账号管理层
          rows_expected: 40000
          primary_key: [id, created_at]
          indexes: [[tenant_id, created_at], [ticket_status]]
          partition_by_month: created_at
          retention: {months: 6, minimum_months: 1, archive: false}
        columns:
          - name: id
            data_type: varchar(36)
            description: Identifier (UUID) of the ticket, unique over all months.
            meta: {classification: internal, nullable: false}
          - name: tenant_id
            data_type: varchar(36)
            description: Tenant that owns the row; core saas_tenants.id.
            meta: {classification: internal, nullable: false}
          - name: ticket_status
            data_type: enum('issued', 'used', 'expired')
            description: Where the ticket is in its short life; used and expired are final.
            meta: {classification: internal, nullable: false, default: issued, state: true}
          - name: ticket_secret
            data_type: varchar(64)
            description: What the code on the screen holds; nobody needs it afterwards.
            meta: {classification: secret}
          - name: fee
            data_type: decimal(8,2)
            description: What the platform charged for the scan, in yuan.
            meta: {classification: internal}
          - name: client_info
            data_type: json
            description: Device and version that asked for the ticket, as it reported itself.
            meta: {classification: internal}
          - name: is_renewable
            data_type: tinyint(1)
            description: Whether the ticket may be issued again when it has expired.
            meta: {classification: internal, nullable: false, default: true}
          - name: created_at
            data_type: timestamp
            description: When the ticket was issued, partition key; business time +08:00.
            meta: {classification: internal, nullable: false, default: current_timestamp}
"""
TICKETS_MODEL = """with source as (

    select * from {{ rows_of(source('wework', 'wework_login_tickets')) }}

),

renamed as (

    select
        -- ids
        id as ticket_id,
        tenant_id,

        -- text
        ticket_status,
        client_info,

        -- numbers
        fee as fee_cny,

        -- booleans
        is_renewable,

        -- dates and times
        created_at
    from source

)

select * from renamed
"""
TICKETS_ROWS = '''

_without_tickets = generate


def generate(plan: Plan, world: World) -> Iterator[Chunk]:
    """All chunks, and the login tickets."""
    yield from _without_tickets(plan, world)
    rng, rows = stream(plan, "wework/login_tickets"), world.rows("wework_login_tickets")
    yield (
        "wework_login_tickets",
        conform(
            "wework_login_tickets",
            {
                "id": rows.ids(),
                "tenant_id": rows.tenant_ids(),
                "ticket_status": choice(rng, len(rows), {"issued": 1, "used": 6, "expired": 3}),
                "ticket_secret": hex_text(rng, len(rows), 64),
                "fee": rng.integers(0, 500, len(rows)),
                "client_info": json_choice(rng, len(rows), [{"os": "鸿蒙"}], null=0.2),
                "is_renewable": chance(rng, len(rows), 0.5),
                "created_at": rows.created_at,
            },
        ),
    )
'''
COURSES_SOURCE = """version: 2

sources:
  - name: training
    description: >-
      Training platform: the courses that tenants offer to their own staff. Written by the course
      editor.
    schema: "{{ env_var('WAREHOUSE_DATABASE_PREFIX', '') }}training_platform"
    meta: {label_zh: 培训平台}
    tables:
      - name: training_courses
        description: >-
          One row per course of a tenant, in its current state. Written by the course editor.
        meta:
          label_zh: 课程表
          layer: 课程层
          rows_expected: 500
          primary_key: [id]
          unique: [[tenant_id, course_code]]
          references: {parent_course_id: training_courses.id}
        columns:
          - name: id
            data_type: varchar(36)
            description: Identifier (UUID) of the course, and what other courses point to.
            meta: {classification: internal, nullable: false}
          - name: tenant_id
            data_type: varchar(36)
            description: Tenant that owns the row; core saas_tenants.id.
            meta: {classification: internal, nullable: false}
          - name: parent_course_id
            data_type: varchar(36)
            description: The course that this one is a part of; NULL for a whole course.
            meta: {classification: internal}
          - name: course_code
            data_type: varchar(20)
            description: Short code that staff type, unique within the tenant.
            meta: {classification: internal, nullable: false}
          - name: created_at
            data_type: timestamp
            description: When the course was written down; business time +08:00.
            meta: {classification: internal, nullable: false, default: current_timestamp}
          - name: updated_at
            data_type: timestamp
            description: When any column last changed; kept by the database itself.
            meta:
              classification: internal
              nullable: false
              default: current_timestamp
              on_update: true
"""
COURSES_MODEL = """with source as (

    select * from {{ rows_of(source('training', 'training_courses')) }}

),

renamed as (

    select
        -- ids
        id as course_id,
        tenant_id,
        parent_course_id,

        -- text
        course_code,

        -- dates and times
        created_at,
        updated_at
    from source

)

select * from renamed
"""
COURSES_ROWS = '''"""The one table of the training platform."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from orchestration.sampledata.conform import conform
from orchestration.sampledata.plan import Plan
from orchestration.sampledata.random import codes
from orchestration.sampledata.world import World


def generate(plan: Plan, world: World) -> Iterator[tuple[str, pa.Table]]:
    """The courses; every fifth is a part of the tenant's first."""
    rows = world.rows("training_courses")
    number = np.arange(len(rows))
    parent = np.where(number % 5 == 4, rows.first[rows.tenant], -1)
    yield (
        "training_courses",
        conform(
            "training_courses",
            {
                "id": rows.ids(),
                "tenant_id": rows.tenant_ids(),
                "parent_course_id": rows.ids(parent),
                "course_code": codes("C", number, 6),
                "created_at": rows.created_at,
            },
        ),
    )
'''


class Copy:
    """A copy of the project whose own packages are what its commands import."""

    def __init__(self, root: Path) -> None:
        """Copy what git tracks, as it stands in the working tree."""
        self.root = root
        names = subprocess.run(
            ["git", "ls-files"], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True
        ).stdout.splitlines()
        for name in names:
            if (PROJECT_ROOT / name).is_file():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_bytes((PROJECT_ROOT / name).read_bytes())
        # A test in the copy asks git which files there are.
        subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)

    def write(self, name: str, text: str) -> None:
        """Write a new file, whose folder may be new too."""
        assert not (self.root / name).exists()
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).write_text(text, encoding="utf-8")

    def append(self, name: str, text: str) -> None:
        """Write at the end of a file that is there."""
        with (self.root / name).open("a", encoding="utf-8") as file:
            file.write(text)

    def insert(self, name: str, before: str, text: str) -> None:
        """Write into a file that is there, before a line of it."""
        content = (self.root / name).read_text(encoding="utf-8")
        assert content.count(before) == 1
        (self.root / name).write_text(content.replace(before, text + before), encoding="utf-8")

    def run(self, settings: Settings, command: str) -> str:
        """Run a command as a contributor types it; its output. AssertionError when it fails."""
        program, *arguments = shlex.split(command)
        programs = {
            "warehouse": [sys.executable, "-m", "orchestration.cli"],
            "dbt": [dbt_executable()],
            "pytest": [sys.executable, "-m", "pytest"],
        }
        environment = {
            **settings.child_environment(),
            "PYTHONPATH": str(self.root),
            "WAREHOUSE_DOMAINS": "",
            "DBT_TARGET_PATH": str(settings.local_dir / "target" / settings.target),
            "DBT_LOG_PATH": str(settings.local_dir / "logs"),
        }
        run = subprocess.run(
            [*programs[program], *arguments],
            cwd=self.root,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == 0, f"{command}\n{run.stdout}\n{run.stderr}"
        return run.stdout + run.stderr


def section(title: str) -> str:
    """The text of a section of CONTRIBUTING.md."""
    text = (PROJECT_ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    return text.split(f"\n## {title}\n")[1].split("\n## ")[0]


def filled(text: str, words: Mapping[str, str]) -> str:
    """With what <domain> and <entity> stand for."""
    for name, word in words.items():
        text = text.replace(f"<{name}>", word)
    return text


def commands(title: str, words: Mapping[str, str]) -> list[str]:
    """What a section tells to run, in its order; `make test` is what runs this."""
    found = re.findall(r"`((?:warehouse|dbt) [^`]+)`", " ".join(section(title).split()))
    return [filled(command, words) for command in found]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """The project with a table and a domain more, as far as a contributor writes them by hand."""
    copy = Copy(tmp_path_factory.mktemp("copy"))
    copy.append("models/staging/wework/_wework__sources.yml", TICKETS_SOURCE.lstrip("\n"))
    copy.write("models/staging/wework/stg_wework__login_tickets.sql", TICKETS_MODEL)
    copy.append("orchestration/sampledata/wework.py", TICKETS_ROWS)
    copy.insert("dbt_project.yml", "  # Business wall clock", "    training: training_platform\n")
    copy.write("models/staging/training/_training__sources.yml", COURSES_SOURCE)
    copy.write("models/staging/training/stg_training__courses.sql", COURSES_MODEL)
    copy.write("orchestration/sampledata/training.py", COURSES_ROWS)
    return copy


@pytest.fixture
def settings(engine_settings: Settings, copy: Copy) -> Settings:
    """Nothing is deployed; the clock stands still; both engines load the same sample data."""
    return replace(engine_settings, as_of=AS_OF, local_dir=copy.root / ".local")


@pytest.mark.parametrize("engine_settings", ENGINES_SPARINGLY, indirect=True)
def test_the_steps_lead_to_a_table_and_a_domain(settings: Settings, copy: Copy) -> None:
    said = {}
    for title, words in (("Add a table", TABLE), ("Add a domain", DOMAIN)):
        for command in commands(title, words):
            if command.startswith("dbt build"):  # with rows, so that there is something to test
                make, fill = (
                    f"warehouse {c} --domain {words['domain']}" for c in ("generate", "load")
                )
                for more in (fill,) if make in said else (make, fill):
                    copy.run(settings, more)
            said[command] = copy.run(settings, command)
    dry = said["warehouse deploy --dry-run"]
    assert "wework_login_tickets" in dry and "training_platform" in dry
    assert "rows in 12 tables" in said["warehouse generate --domain wework"]
    assert "PASS=4 WARN=0 ERROR=0" in said["dbt build -s stg_wework__login_tickets"]
    assert "PASS=3 WARN=0 ERROR=0" in said["dbt build -s training"]
    assert not re.search("ticket|training", copy.run(settings, "warehouse doctor"))

    tickets = query(settings, "warehouse_staging.stg_wework__login_tickets")
    assert len(tickets) > 100
    assert list(tickets[0]) == [
        "ticket_id", "tenant_id", "ticket_status", "client_info", "fee_cny", "is_renewable",
        "created_at",
    ]  # fmt: skip
    assert {row["ticket_status"] for row in tickets} == {"issued", "used", "expired"}
    courses = query(settings, "warehouse_staging.stg_training__courses")
    assert len(courses) > 20
    assert {row["parent_course_id"] for row in courses} < {
        None, *(row["course_id"] for row in courses),
    }  # fmt: skip


def query(settings: Settings, relation: str) -> list[Mapping[str, Any]]:
    name = database.database_name(settings, relation)
    with database.connect(settings) as connection:
        return [
            dict(row) for row in connection.execute(sa.text(f"select * from {name}")).mappings()
        ]


def test_the_project_tests_take_them(embedded_settings: Settings, copy: Copy) -> None:
    """What `make test` would say of the new files: layers, names, descriptions, fresh docs."""
    copy.run(embedded_settings, "warehouse staging-docs")
    docs = (copy.root / "models/staging/wework/_wework__models.yml").read_text(encoding="utf-8")
    tickets = docs.split("- name: stg_wework__login_tickets")[1]
    assert "values: ['issued', 'used', 'expired']" in tickets and "ticket_secret" not in tickets
    assert "training_courses" not in docs
    subprocess.run(["git", "add", "--all"], cwd=copy.root, check=True)
    copy.run(embedded_settings, "pytest -q -p no:cacheprovider tests/unit/test_project.py")


def test_the_files_that_it_names_are_there(copy: Copy) -> None:
    for title, words in (("Add a table", TABLE), ("Add a domain", DOMAIN)):
        named = re.findall(r"`((?:[\w<>.]+/)+[\w<>.]+\.\w+|\w+\.yml)`", section(title))
        assert len(named) >= 3
        for name in named:
            if not name.startswith("expectations/"):  # a domain has none before it has outputs
                assert (copy.root / filled(name, words)).is_file(), name
