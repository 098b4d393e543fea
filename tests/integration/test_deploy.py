"""Deployment on both engines: complete, idempotent, additive, safe to kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa

from orchestration import clock, database
from orchestration.errors import WarehouseError
from orchestration.schema.deploy import (
    add_secondary_indexes,
    deploy,
    drop_secondary_indexes,
    foreign_key_indexes,
    record_databases,
)
from orchestration.schema.inspect import differences, read_databases, read_deployed
from orchestration.schema.metadata import build_metadata, needed_indexes, table_named
from orchestration.schema.partitions import extend_partitions, read_partitions
from orchestration.schema.record import Column, Record, load_record
from orchestration.settings import PROJECT_ROOT, Settings

RECORD = load_record()
WEWORK = RECORD.of_domains(["wework"])
AS_OF = datetime(2026, 6, 30, 12)


def quiet(_line: str) -> None:
    pass


def dialect(settings: Settings) -> str:
    return "mysql" if settings.is_mysql else "duckdb"


def drift(settings: Settings, record: Record = RECORD) -> list[str]:
    """Every difference between record and deployed, of any remedy."""
    with database.connect(settings) as connection:
        there = read_deployed(connection, record_databases(record), settings.database_prefix)
    day = clock.today(settings)
    return [str(d) for d in differences(record, there, dialect(settings), as_of=day)]


def run(settings: Settings, sql: str, **parameters: object) -> list[tuple]:
    """One statement with `{wework}` and the like standing for the installation's databases."""
    names = {
        name: settings.database_prefix + found
        for name, found in {
            "core": "saas_unified_core",
            "wework": "wework_platform",
            "health": "health_management",
            "business": "core_business_platform",
            "customer": "customer_management",
        }.items()
    }
    with database.begin(settings) as connection:
        result = connection.execute(sa.text(sql.format(**names)), parameters)
        return [tuple(row) for row in result] if result.returns_rows else []


def add_account(settings: Settings, name: str = "one") -> None:
    run(
        settings,
        "insert into {wework}.wework_accounts (id, tenant_id, account_name, status) "
        "values (:id, 't1', :id, 'ONLINE')",
        id=name,
    )


@pytest.fixture
def engine_settings(engine_settings: Settings) -> Settings:
    """As everywhere, with the clock pinned."""
    return replace(engine_settings, as_of=AS_OF)


@pytest.fixture(scope="module")
def deployed(module_engine_settings: Settings) -> Iterator[Settings]:
    """All tables, deployed once for the tests that leave the schema as it is."""
    settings = replace(module_engine_settings, as_of=AS_OF)
    deploy(settings, progress=quiet)
    yield settings


# --- complete and idempotent -----------------------------------------------------------------


def test_deployed_is_what_the_record_says_both_ways(deployed):
    assert drift(deployed) == []
    with database.connect(deployed) as connection:
        there = read_deployed(connection, record_databases(RECORD), deployed.database_prefix)
    assert len(there) == len(RECORD.tables)
    assert len(there) >= 86
    assert sum(len(t.columns) for t in there.values()) == sum(len(t.stored_columns) for t in RECORD)


def test_a_second_run_does_nothing(deployed):
    lines: list[str] = []
    report = deploy(deployed, progress=lines.append)
    assert lines == []
    assert report.statements == ()
    assert report.summary().startswith("nothing to do")


def test_defaults_of_columns(deployed):
    add_account(deployed, "defaults")
    ((created, is_on),) = run(
        deployed,
        "select created_at, auto_reconnect from {wework}.wework_accounts where id = 'defaults'",
    )
    now = clock.now(replace(deployed, as_of=None))
    assert abs((now - created).total_seconds()) < 120, "business wall clock, not the machine's"
    assert created.microsecond == 0
    assert bool(is_on) is True


def test_enums_and_keys_are_kept(deployed):
    add_account(deployed, "twice")
    with pytest.raises(sa.exc.DBAPIError):
        add_account(deployed, "twice")
    with pytest.raises(sa.exc.DBAPIError):
        run(
            deployed,
            "update {wework}.wework_accounts set status = 'ASLEEP' where id = 'twice'",
        )


def test_generated_columns_are_exact_on_both_engines(deployed):
    weights = [Decimal(n) / 100 for n in range(3990, 12000, 173)]
    heights = [Decimal(n) / 100 for n in range(14050, 20000, 397)]
    cases = [(w, h) for w in weights for h in heights]
    # Exact ties, such as 15.25: in doubles they come out a tenth too low.
    ties = [("39.04", "160"), ("40.32", "160"), ("33.80", "104"), ("76.05", "156"), ("89", "200")]
    cases += [(Decimal(w), Decimal(h)) for w, h in ties]
    metadata = build_metadata(RECORD, dialect(deployed), deployed.database_prefix)
    patients = table_named(metadata, "health_patients")
    with database.begin(deployed) as connection:
        connection.execute(
            sa.insert(patients),
            [
                {
                    "id": f"g{n}",
                    "tenant_id": "t1",
                    "patient_code": f"g{n}",
                    "name": "x",
                    "gender": "male",
                    "birth_date": date(1990, 1, 1),
                    "weight": w,
                    "height": h,
                }
                for n, (w, h) in enumerate(cases)
            ],
        )
        found = dict(
            connection.execute(
                sa.select(patients.c.id, patients.c.bmi).where(patients.c.tenant_id == "t1")
            ).all()
        )
    for n, (w, h) in enumerate(cases):
        exact = (w * 10000 / (h * h)).quantize(Decimal("0.1"), ROUND_HALF_UP)
        assert found[f"g{n}"] == exact, (w, h)


def test_no_json_value_is_null(deployed):
    metadata = build_metadata(RECORD, dialect(deployed), deployed.database_prefix)
    tenants = table_named(metadata, "saas_tenants")
    row = {"id": "j", "tenant_code": "j", "tenant_name": "j", "theme_config": None}
    with database.begin(deployed) as connection:
        connection.execute(sa.insert(tenants), [row])
        found = connection.scalar(
            sa.text(f"select theme_config is null from {tenants.fullname} where id = 'j'")
        )
        assert found, "SQL NULL, not the JSON text null"
        connection.execute(sa.delete(tenants).where(tenants.c.id == "j"))


# --- default rows ----------------------------------------------------------------------------


def test_default_rows_come_back_but_changed_ones_stay(deployed):
    ((tenants,),) = run(deployed, "select count(*) from {core}.saas_tenants")
    assert tenants == 1
    ((rule, created),) = run(
        deployed,
        "select rule_config, created_at from {customer}.customer_tag_definitions "
        "where tag_code = 'high_value'",
    )
    assert "total_amount" in str(rule)
    assert created == AS_OF
    run(deployed, "delete from {customer}.customer_tag_definitions where tag_code = 'satisfied'")
    run(deployed, "update {core}.saas_roles set role_name = 'Chef' where role_code = 'operator'")
    # taken by another row under the same unique key
    run(deployed, "delete from {customer}.customer_segments where segment_code = 'win_back'")
    run(
        deployed,
        "insert into {customer}.customer_segments (id, tenant_id, segment_name, segment_code, "
        "segment_type) values ('own', '00000000-0000-4000-8000-000000000001', 'x', 'win_back', "
        "'manual')",
    )
    report = deploy(deployed, progress=quiet)
    assert [s.what for s in report.statements] == [
        "insert 1 default row into customer_tag_definitions"
    ]
    assert run(deployed, "select role_name from {core}.saas_roles where role_code='operator'") == [
        ("Chef",)
    ]
    assert deploy(deployed, progress=quiet).statements == ()


# --- dry run ---------------------------------------------------------------------------------


def test_dry_run_changes_nothing(engine_settings):
    lines: list[str] = []
    report = deploy(engine_settings, dry_run=True, progress=lines.append)
    assert sum("CREATE TABLE" in line for line in lines) == len(RECORD.tables)
    assert report.summary().startswith("would do")
    if engine_settings.is_mysql:
        with database.connect(engine_settings) as connection:
            assert read_databases(connection, engine_settings.database_prefix) == set()
    else:
        assert not engine_settings.duckdb_path.exists()


def test_one_domain(engine_settings):
    deploy(engine_settings, domains=["wework"], progress=quiet)
    with database.connect(engine_settings) as connection:
        names = read_databases(connection, engine_settings.database_prefix)
    assert "wework_platform" in names
    assert "saas_unified_core" not in names
    assert drift(engine_settings, load_record(["wework"])) == []


# --- additive --------------------------------------------------------------------------------


def changed(record: Record, table: str, change) -> Record:
    return Record(tuple(change(t) if t.name == table else t for t in record))


def with_columns(*added: Column, **types: str):
    """A table with more columns in its middle, and with other types."""

    def change(table):
        columns = [
            replace(c, data_type=types[c.name]) if c.name in types else c for c in table.columns
        ]
        return replace(table, columns=(*columns[:3], *added, *columns[3:]))

    return change


def test_missing_columns_keys_and_wider_types_are_added_and_rows_stay(engine_settings):
    deploy(engine_settings, progress=quiet, record=WEWORK)
    add_account(engine_settings)
    mood = Column("mood", "enum('good', 'bad')", "Mood.", "internal", default="good")
    level = Column("level_no", "int", "Level.", "internal", nullable=False, default=7)
    newer = changed(
        WEWORK,
        "wework_accounts",
        lambda t: replace(
            with_columns(mood, level, account_name="varchar(190)")(t),
            unique=(*t.unique, ("tenant_id", "account_name")),
            indexes=(*t.indexes, ("level_no",)),
        ),
    )
    assert drift(engine_settings, newer)
    lines: list[str] = []
    deploy(engine_settings, progress=lines.append, record=newer)
    assert len(lines) == 1
    assert drift(engine_settings, newer) == []
    assert run(
        engine_settings, "select id, status, mood, level_no from {wework}.wework_accounts"
    ) == [("one", "ONLINE", "good", 7)]
    with pytest.raises(sa.exc.DBAPIError):
        run(engine_settings, "update {wework}.wework_accounts set mood = 'ugly'")
    assert deploy(engine_settings, progress=quiet, record=newer).statements == ()


def test_lost_indexes_and_foreign_keys_are_made_again(mysql_settings):
    deploy(mysql_settings, progress=quiet, record=WEWORK)
    run(
        mysql_settings,
        "alter table {wework}.wework_account_alerts "
        "drop foreign key fk_wework_account_alerts_account_id",
    )
    run(mysql_settings, "alter table {wework}.wework_accounts drop key ix_health_score")
    assert len(drift(mysql_settings, WEWORK)) == 2
    deploy(mysql_settings, progress=quiet, record=WEWORK)
    assert drift(mysql_settings, WEWORK) == []


def test_what_might_lose_data_is_reported_and_left_alone(engine_settings):
    deploy(engine_settings, progress=quiet, record=WEWORK)
    add_account(engine_settings)
    run(engine_settings, "alter table {wework}.wework_accounts add column own_note varchar(20)")
    run(engine_settings, "update {wework}.wework_accounts set own_note = 'keep me'")
    extra = Column("extra", "int", "Extra.", "internal")
    newer = changed(WEWORK, "wework_accounts", with_columns(extra, account_name="varchar(5)"))
    newer = changed(newer, "wework_groups", with_columns(extra))
    with pytest.raises(WarehouseError) as caught:
        deploy(engine_settings, progress=quiet, record=newer)
    assert "wework_platform.wework_accounts.own_note: extra column" in caught.value.message
    if engine_settings.is_mysql:  # DuckDB's text has no length
        assert "wework_accounts.account_name: changed type" in caught.value.message
    assert run(engine_settings, "select own_note from {wework}.wework_accounts") == [("keep me",)]
    with database.connect(engine_settings) as connection:
        there = read_deployed(connection, ["wework_platform"], engine_settings.database_prefix)
    columns = {name: [c.name for c in table.columns] for (_, name), table in there.items()}
    assert "extra" not in columns["wework_accounts"], "nothing half-done on that table"
    assert "extra" in columns["wework_groups"], "the harmless rest is done"


def test_rows_that_do_not_fit_a_new_key_are_named(engine_settings):
    deploy(engine_settings, progress=quiet, record=WEWORK)
    add_account(engine_settings, "one")
    add_account(engine_settings, "two")
    newer = changed(
        WEWORK, "wework_accounts", lambda t: replace(t, unique=(*t.unique, ("tenant_id", "status")))
    )
    with pytest.raises(WarehouseError, match="rows of wework_accounts do not fit"):
        deploy(engine_settings, progress=quiet, record=newer)
    assert drift(engine_settings, WEWORK) == [], "the table is as before"
    assert run(engine_settings, "select count(*) from {wework}.wework_accounts") == [(2,)]


# --- killed ----------------------------------------------------------------------------------

KILLED = """
import os, signal, sys
from orchestration.schema.deploy import deploy
from orchestration.settings import load_settings

seen = []
def progress(line):
    seen.append(line)
    if len(seen) == int(sys.argv[1]):
        os.kill(os.getpid(), signal.SIGKILL)

deploy(load_settings(), progress=progress)
"""


def environment(settings: Settings) -> dict[str, str]:
    return settings.child_environment() | {"PYTHONPATH": str(PROJECT_ROOT)}


@pytest.mark.parametrize("statement", [2, 9])
def test_killed_and_run_again_completes(engine_settings, statement):
    settings = replace(engine_settings, domains=("wework",))
    process = subprocess.run(
        [sys.executable, "-c", KILLED, str(statement)], env=environment(settings)
    )
    assert process.returncode == -signal.SIGKILL
    deploy(settings, progress=quiet)
    assert drift(settings, WEWORK) == []
    assert deploy(settings, progress=quiet).statements == ()


# --- partitions ------------------------------------------------------------------------------


def add_message(settings: Settings, name: str, at: str) -> None:
    table = RECORD.table("wework_message_records")
    required = {
        c.name: c.enum_values[0] if c.enum_values else "x"
        for c in table.stored_columns
        if not c.nullable and c.default is None
    }
    values = required | {"id": name, "created_at": at}
    names = ", ".join(values)
    places = ", ".join(f":{column}" for column in values)
    run(
        settings,
        f"insert into {{wework}}.wework_message_records ({names}) values ({places})",
        **values,
    )


def rows_by_partition(settings: Settings) -> dict[str, int]:
    table = settings.database_prefix + "wework_platform"
    names = run(
        settings,
        "select partition_name from information_schema.partitions where table_schema = '{wework}' "
        "and table_name = 'wework_message_records' order by partition_ordinal_position",
    )
    return {
        name: count
        for (name,) in names
        if (
            count := run(
                settings,
                f"select count(*) from `{table}`.wework_message_records partition ({name})",
            )[0][0]
        )
    }


def test_rows_land_in_their_business_month(mysql_settings):
    settings = replace(mysql_settings, as_of=AS_OF)
    deploy(settings, oldest=date(2026, 4, 15), progress=quiet, record=WEWORK)
    add_message(settings, "a", "2026-04-30 23:59:59")
    add_message(settings, "b", "2026-05-01 00:00:00")
    add_message(settings, "c", "2026-06-30 23:59:59")
    assert rows_by_partition(settings) == {"p202604": 1, "p202605": 1, "p202606": 1}
    with database.connect(settings) as connection:
        schema = settings.database_prefix + "wework_platform"
        there = read_partitions(connection, schema, "wework_message_records")
    assert [partition.name for partition in there] == [
        *(f"p20260{month}" for month in range(4, 10)),
        "p_future",
    ]


def test_older_and_future_rows_are_moved_to_their_months(mysql_settings):
    settings = replace(mysql_settings, as_of=AS_OF)
    deploy(settings, progress=quiet, record=WEWORK)
    for name, day in (("a", "2026-04-30"), ("b", "2026-05-01"), ("c", "2026-10-02")):
        add_message(settings, name, f"{day} 12:00:00")
    assert rows_by_partition(settings) == {"p202606": 2, "p_future": 1}
    with database.connect(settings) as connection:
        steps = extend_partitions(
            connection,
            settings.database_prefix + "wework_platform",
            RECORD.table("wework_message_records"),
            oldest=date(2026, 4, 1),
            as_of=date(2026, 7, 31),
        )
    assert [step.source for step in steps] == ["p202606", "p_future"]
    assert rows_by_partition(settings) == {"p202604": 1, "p202605": 1, "p202610": 1}


def test_deploy_extends_partitions_when_months_pass(mysql_settings):
    settings = replace(mysql_settings, as_of=AS_OF)
    deploy(settings, progress=quiet, record=WEWORK)
    later = replace(mysql_settings, as_of=datetime(2026, 9, 1))
    assert any("missing partition" in line for line in drift(later, WEWORK))
    report = deploy(later, progress=quiet, record=WEWORK)
    partitioned = [t for t in WEWORK if t.partition_by_month]
    assert report.counts == {"partitions cut": len(partitioned)}
    assert drift(later, WEWORK) == []


# --- secondary indexes -----------------------------------------------------------------------


def test_secondary_indexes_can_wait(mysql_settings):
    deploy(mysql_settings, secondary_indexes=False, progress=quiet, record=WEWORK)
    table = WEWORK.table("wework_account_alerts")
    missing = set(needed_indexes(table)) - set(foreign_key_indexes(table))
    assert missing
    assert {line for line in drift(mysql_settings, WEWORK) if "missing index" not in line} == set()
    assert drift(mysql_settings, WEWORK)
    with database.connect(mysql_settings) as connection:
        for each in WEWORK:
            built = add_secondary_indexes(connection, mysql_settings, each)
            if each is table:
                assert set(built) == missing
    assert drift(mysql_settings, WEWORK) == []
    with database.connect(mysql_settings) as connection:
        assert set(drop_secondary_indexes(connection, mysql_settings, table)) == missing
        assert drop_secondary_indexes(connection, mysql_settings, table) == []
    assert len(drift(mysql_settings, WEWORK)) == len(missing)


# --- others at work --------------------------------------------------------------------------


def test_a_held_duckdb_file_names_its_holder(embedded_settings):
    deploy(embedded_settings, progress=quiet, record=WEWORK)
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('up', flush=True); "
            "sys.stdin.read()",
            str(embedded_settings.duckdb_path),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert holder.stdout.readline() == b"up\n"
        impatient = replace(
            embedded_settings,
            environment={**embedded_settings.environment, "WAREHOUSE_DUCKDB_WAIT_SECONDS": "0.3"},
        )
        with pytest.raises(WarehouseError, match=f"process {holder.pid}") as caught:
            deploy(impatient, progress=quiet, record=WEWORK)
        assert str(embedded_settings.duckdb_path) in caught.value.message
    finally:
        holder.communicate(b"")


def test_a_file_that_is_let_go_in_time_is_waited_for(embedded_settings):
    deploy(embedded_settings, progress=quiet, record=WEWORK)
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import duckdb, sys, time; c = duckdb.connect(sys.argv[1]); print('up', flush=True); "
            "time.sleep(1)",
            str(embedded_settings.duckdb_path),
        ],
        stdout=subprocess.PIPE,
    )
    assert holder.stdout.readline() == b"up\n"
    assert deploy(embedded_settings, progress=quiet, record=WEWORK).statements == ()
    holder.communicate()


def test_only_one_deploy_at_a_time_on_a_server(mysql_settings):
    with database.connect(mysql_settings) as connection:
        name = f"warehouse_deploy_{mysql_settings.database_prefix}"
        assert connection.scalar(sa.text("select get_lock(:n, 1)"), {"n": name})
        with pytest.raises(WarehouseError, match="Another `warehouse deploy`"):
            deploy(mysql_settings, progress=quiet, record=WEWORK)
        # the session goes back to the pool, and the next test may have the same prefix
        connection.scalar(sa.text("select release_lock(:n)"), {"n": name})


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"MYSQL_PASSWORD": "wrong"}, "does not let user"),
        ({"MYSQL_PORT": "1"}, "Nothing listens on"),
        ({"MYSQL_HOST": "no-such-host.invalid"}, "No host is called no-such-host.invalid"),
    ],
)
def test_servers_that_cannot_be_reached(mysql_settings, change, says):
    wrong = replace(mysql_settings, environment={**mysql_settings.environment, **change})
    with pytest.raises(WarehouseError, match=says) as caught:
        deploy(wrong, progress=quiet)
    assert "MYSQL_" in caught.value.fix


def test_files_that_cannot_be_used(tmp_path: Path, embedded_settings):
    text = tmp_path / "text.duckdb"
    text.write_text("not a database\n" * 500)
    with pytest.raises(WarehouseError, match="is not a DuckDB file"):
        deploy(replace(embedded_settings, duckdb_path=text), progress=quiet)
    with pytest.raises(WarehouseError, match="cannot be made"):
        deploy(replace(embedded_settings, duckdb_path=text / "x.duckdb"), progress=quiet)
    with pytest.raises(WarehouseError, match="cannot be opened"):
        deploy(replace(embedded_settings, duckdb_path=tmp_path), progress=quiet)
    if os.geteuid() != 0:
        closed = tmp_path / "closed"
        closed.mkdir(mode=0o500)
        with pytest.raises(WarehouseError, match="cannot be opened"):
            deploy(replace(embedded_settings, duckdb_path=closed / "x.duckdb"), progress=quiet)


def test_a_user_without_permission_is_told(mysql_settings):
    user = f"poor_{os.getpid()}"
    with database.connect(mysql_settings) as connection:
        try:
            connection.exec_driver_sql(f"create user '{user}'@'%%' identified by 'poor'")
        except sa.exc.DBAPIError as error:
            pytest.skip(f"the test user may not create users: {error.orig}")
    try:
        poor = replace(
            mysql_settings,
            environment={
                **mysql_settings.environment,
                "MYSQL_USER": user,
                "MYSQL_PASSWORD": "poor",
            },
        )
        with pytest.raises(WarehouseError, match="lacks a permission"):
            deploy(poor, progress=quiet)
    finally:
        with database.connect(mysql_settings) as connection:
            connection.exec_driver_sql(f"drop user '{user}'@'%%'")
