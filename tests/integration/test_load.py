"""Loading sample data into both engines: the same values, restartable, never over other rows."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from datetime import date

import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from orchestration import database
from orchestration.errors import WarehouseError
from orchestration.sampledata.conform import stored
from orchestration.sampledata.generate import generate
from orchestration.sampledata.load import _Loader, load
from orchestration.schema.deploy import deploy
from orchestration.schema.record import load_record
from orchestration.settings import PROJECT_ROOT, load_settings

DOMAINS = ("wework",)
RECORD = load_record(DOMAINS)
TABLES = RECORD.application_tables()


def make(folder, seed=1):
    settings = load_settings({"WAREHOUSE_LOCAL_DIR": str(folder)})
    return generate(settings, "demo", seed, "2026-06-30", folder / f"seed{seed}", DOMAINS)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return make(tmp_path_factory.mktemp("data"))


@pytest.fixture
def deployed(engine_settings):
    deploy(engine_settings, DOMAINS, progress=lambda _: None)
    return engine_settings


def name_of(settings, table):
    mark = "`" if settings.is_mysql else '"'
    return f"{mark}{settings.database_prefix}{table.database}{mark}.{mark}{table.name}{mark}"


def query(settings, sql, **parameters):
    with database.begin(settings) as connection:
        return connection.execute(sa.text(sql), parameters).all()


def count(settings, table):
    return query(settings, f"select count(*) from {name_of(settings, table)}")[0][0]


def assert_complete(settings, report):
    """Every row of the dataset is there, no more than the default rows besides."""
    for table in TABLES:
        defaults = {"wework_account_monitor_rules": 4}.get(table.name, 0)
        assert count(settings, table) == report.rows[table.name] + defaults, table.name


def test_both_engines_hold_exactly_what_the_files_hold(deployed, dataset):
    report = load(deployed, dataset.directory, DOMAINS)
    assert set(report.loaded) == {t.name for t in TABLES}
    assert_complete(deployed, dataset)
    for table in TABLES:
        columns = stored(table)
        listed = ", ".join(c.name for c in columns)
        found = {
            row[0]: row
            for row in query(deployed, f"select {listed} from {name_of(deployed, table)}")
        }
        file = dataset.directory / table.database / f"{table.name}.parquet"
        for wanted in pq.read_table(file).to_pylist():
            got = found[wanted["id"]]
            for column, value in zip(columns, got, strict=True):
                expected = wanted[column.name]
                if column.base_type == "json" and expected is not None:
                    expected = json.loads(expected)
                    value = json.loads(value) if isinstance(value, str) else value
                assert value == expected, (table.name, wanted["id"], column.name)


def test_again_is_a_quick_no_op(deployed, dataset):
    load(deployed, dataset.directory, DOMAINS)
    began = time.monotonic()
    again = load(deployed, dataset.directory, DOMAINS)
    assert time.monotonic() - began < 5
    assert again.loaded == () and "nothing to do" in again.summary()
    assert_complete(deployed, dataset)


@pytest.mark.parametrize("at", ["wework_accounts", "wework_message_records"])
def test_a_killed_load_is_completed_by_the_next(deployed, dataset, at):
    code = (
        "import sys; from pathlib import Path; from orchestration.settings import load_settings; "
        "from orchestration.sampledata.load import load; "
        "load(load_settings(), Path(sys.argv[1]), ('wework',), "
        "progress=lambda line: print(line, flush=True))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(dataset.directory)],
        cwd=PROJECT_ROOT, env=deployed.child_environment(), stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    for line in process.stdout:
        if line.split()[-1] == at:
            os.kill(process.pid, signal.SIGKILL)
            break
    assert process.wait() == -signal.SIGKILL
    process.stdout.close()
    report = load(deployed, dataset.directory, DOMAINS)
    assert report.loaded, "it was too quick for the signal"
    assert_complete(deployed, dataset)
    assert load(deployed, dataset.directory, DOMAINS).loaded == ()


def test_rows_of_somebody_else_stop_it_before_anything_is_written(deployed, dataset):
    table = RECORD.table("wework_groups")
    accounts = RECORD.table("wework_accounts")
    with database.begin(deployed) as connection:
        connection.exec_driver_sql(
            f"insert into {name_of(deployed, accounts)} (id, tenant_id, account_name) "
            "values ('mine', 't', 'mine')"
        )
        connection.exec_driver_sql(
            f"insert into {name_of(deployed, table)} "
            "(id, tenant_id, account_id, wework_group_id, group_name, group_type) "
            "values ('mine', 't', 'mine', 'g', 'g', 'internal')"
        )
    with pytest.raises(WarehouseError, match=r"wework_accounts holds rows") as caught:
        load(deployed, dataset.directory, DOMAINS)
    assert "delete from" in caught.value.fix
    assert count(deployed, RECORD.table("wework_contacts")) == 0
    assert count(deployed, table) == 1


def test_another_dataset_of_ours_takes_the_place_of_the_first(deployed, dataset, tmp_path):
    load(deployed, dataset.directory, DOMAINS)
    usage = RECORD.table("wework_tenant_usage")
    with database.begin(deployed) as connection:
        connection.exec_driver_sql(
            f"insert into {name_of(deployed, usage)} (id, tenant_id, stat_date) "
            "values ('u', 't', '2026-06-01')"
        )
    second = make(tmp_path, seed=2)
    load(deployed, second.directory, DOMAINS)
    assert_complete(deployed, second)
    assert count(deployed, usage) == 0, "what dbt built speaks of rows that are gone"
    first_id = pq.read_table(
        second.directory / "wework_platform" / "wework_groups.parquet", columns=["id"]
    )["id"][0].as_py()
    table = name_of(deployed, RECORD.table("wework_groups"))
    assert query(deployed, f"select count(*) from {table} where id = :id", id=first_id) == [(1,)]


def test_an_emptied_table_is_loaded_again(deployed, dataset):
    load(deployed, dataset.directory, DOMAINS)
    table = RECORD.table("wework_callback_logs")
    with database.begin(deployed) as connection:
        connection.exec_driver_sql(f"delete from {name_of(deployed, table)}")
    assert load(deployed, dataset.directory, DOMAINS).loaded == ("wework_callback_logs",)
    assert_complete(deployed, dataset)


def damaged(dataset, folder, name, change):
    """A copy of the dataset in which `change` was applied to one table."""
    manifest = json.loads((dataset.directory / "manifest.json").read_text())
    for facts in manifest["tables"].values():
        file = folder / facts["file"]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.symlink_to(dataset.directory / facts["file"])
    facts = manifest["tables"][name]
    file = folder / facts["file"]
    file.unlink()
    pq.write_table(change(pq.read_table(dataset.directory / facts["file"])), file)
    facts |= {"bytes": file.stat().st_size, "rows": pq.ParquetFile(file).metadata.num_rows,
              "sha256": "0" * 64}  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def test_a_repeated_key_is_refused_and_nothing_of_the_table_kept(deployed, dataset, tmp_path):
    folder = damaged(
        dataset, tmp_path / "d", "wework_contacts", lambda t: pa.concat_tables([t, t.slice(0, 1)])
    )
    with pytest.raises(WarehouseError, match=r"wework_contacts did not take"):
        load(deployed, folder, DOMAINS)
    assert count(deployed, RECORD.table("wework_contacts")) == 0
    load(deployed, dataset.directory, DOMAINS)
    assert_complete(deployed, dataset)


def test_a_value_outside_an_enum_is_refused(deployed, dataset, tmp_path):
    def odd(table):
        return table.set_column(
            table.column_names.index("status"), "status", pa.array(["nonsense"] * len(table))
        )

    folder = damaged(dataset, tmp_path / "d", "wework_groups", odd)
    with pytest.raises(WarehouseError, match=r"wework_groups did not take"):
        load(deployed, folder, DOMAINS)
    assert count(deployed, RECORD.table("wework_groups")) == 0


def test_damaged_data_load_too(deployed, tmp_path):
    settings = load_settings({"WAREHOUSE_LOCAL_DIR": str(tmp_path)})
    dirty = generate(settings, "demo", 1, "2026-06-30", tmp_path / "dirt", DOMAINS, dirt=0.05)
    load(deployed, dirty.directory, DOMAINS)
    assert_complete(deployed, dirty)


def test_an_incomplete_dataset_is_refused(engine_settings, dataset, tmp_path):
    with pytest.raises(WarehouseError, match="no complete sample data") as caught:
        load(engine_settings, tmp_path, DOMAINS)
    assert "warehouse generate" in caught.value.fix
    with pytest.raises(WarehouseError, match="lacks the domain core"):
        load(engine_settings, dataset.directory, ("core", "wework"))


def test_tables_that_are_not_deployed_are_refused(engine_settings, dataset):
    with pytest.raises(WarehouseError) as caught:
        load(engine_settings, dataset.directory, DOMAINS)
    assert "warehouse deploy" in caught.value.fix


@pytest.mark.mysql
def test_mysql_has_partitions_back_to_the_oldest_row_and_nothing_in_the_catch_all(
    mysql_settings, dataset
):
    deploy(mysql_settings, DOMAINS, progress=lambda _: None)
    load(mysql_settings, dataset.directory, DOMAINS)
    schema = f"{mysql_settings.database_prefix}wework_platform"
    names = query(
        mysql_settings,
        "select partition_name from information_schema.partitions "
        "where table_schema = :schema and table_name = 'wework_message_records'",
        schema=schema,
    )
    file = dataset.directory / "wework_platform" / "wework_message_records.parquet"
    oldest = pa.compute.min(pq.read_table(file, columns=["created_at"])["created_at"]).as_py()
    assert oldest.date() < date(2026, 4, 1)
    assert (f"p{oldest:%Y%m}",) in names
    table = f"`{schema}`.wework_message_records"
    held = query(mysql_settings, f"select count(*) from {table} partition (p_future)")
    assert held == [(0,)]
    strangers = query(
        mysql_settings,
        f"select count(*) from {table} partition (p202605) "
        "where created_at < '2026-05-01' or created_at >= '2026-06-01'",
    )
    assert strangers == [(0,)]


@pytest.mark.mysql
def test_mysql_refuses_references_to_nothing(mysql_settings, dataset, tmp_path):
    deploy(mysql_settings, DOMAINS, progress=lambda _: None)
    folder = damaged(dataset, tmp_path / "d", "wework_groups", lambda t: t.slice(1))
    with pytest.raises(WarehouseError, match=r"wework_group_members refer by group_id"):
        load(mysql_settings, folder, DOMAINS)
    load(mysql_settings, dataset.directory, DOMAINS)
    assert_complete(mysql_settings, dataset)


@pytest.mark.mysql
def test_large_tables_get_their_secondary_indexes_back(mysql_settings, dataset, monkeypatch):
    monkeypatch.setattr("orchestration.sampledata.load.LARGE_ROWS", 1000)
    deploy(mysql_settings, DOMAINS, progress=lambda _: None)
    load(mysql_settings, dataset.directory, DOMAINS)
    assert deploy(mysql_settings, DOMAINS, progress=lambda _: None).statements == ()
    assert_complete(mysql_settings, dataset)
    checks = query(mysql_settings, "select @@foreign_key_checks, @@unique_checks")
    assert checks == [(1, 1)], "the pooled session keeps the loader's settings"


@pytest.mark.mysql
def test_a_load_by_month_that_broke_off_is_completed_by_the_next(
    mysql_settings, dataset, monkeypatch, tmp_path
):
    """Months that stand already are ours: they are cleared, never doubled, never left half."""
    monkeypatch.setattr("orchestration.sampledata.load.LARGE_ROWS", 1000)
    deploy(mysql_settings, DOMAINS, progress=lambda _: None)
    fill, filled = _Loader._fill_month, []

    def fill_two(self, task, month, *more):
        if len(filled) == 2:
            raise KeyboardInterrupt
        filled.append(month)
        return fill(self, task, month, *more)

    with monkeypatch.context() as broken:
        broken.setattr(_Loader, "_fill_month", fill_two)
        with pytest.raises(KeyboardInterrupt):
            load(mysql_settings, dataset.directory, DOMAINS)
    messages = RECORD.table("wework_message_records")
    assert count(mysql_settings, messages) > 0
    load(mysql_settings, dataset.directory, DOMAINS)
    assert_complete(mysql_settings, dataset)
    folder = damaged(
        dataset, tmp_path / "d", "wework_message_records", lambda t: pa.concat_tables([t, t])
    )
    with pytest.raises(WarehouseError, match="wework_message_records did not take"):
        load(mysql_settings, folder, DOMAINS)
    assert count(mysql_settings, messages) == 0
    load(mysql_settings, dataset.directory, DOMAINS)
    assert_complete(mysql_settings, dataset)
    left = query(
        mysql_settings,
        "select table_name from information_schema.tables "
        "where table_schema = :schema and locate('__', table_name)",
        schema=mysql_settings.database_prefix + messages.database,
    )
    assert left == []


def test_two_loads_at_once_one_is_refused(deployed, dataset, monkeypatch):
    if deployed.is_mysql:
        with database.connect(deployed) as other:
            name = f"warehouse_load_{deployed.database_prefix}"[:64]
            assert other.scalar(sa.text("select get_lock(:name, 0)"), {"name": name}) == 1
            with pytest.raises(WarehouseError, match="Another `warehouse load`"):
                load(deployed, dataset.directory, DOMAINS)
        return
    code = (
        "import sys, time, duckdb; held = duckdb.connect(sys.argv[1]); print('held', flush=True); "
        "time.sleep(60)"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(deployed.duckdb_path)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout is not None and holder.stdout.readline() == "held\n"
        impatient = load_settings({**deployed.environment, "WAREHOUSE_DUCKDB_WAIT_SECONDS": "0.2"})
        with pytest.raises(WarehouseError, match="Another process holds"):
            load(impatient, dataset.directory, DOMAINS)
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()
