"""Datasets on disk: same arguments same bytes, interrupted runs, and the schema of record."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from orchestration.errors import WarehouseError
from orchestration.sampledata.conform import arrow_type, stored
from orchestration.sampledata.generate import generate, read_manifest
from orchestration.schema.record import load_record
from orchestration.settings import DOMAINS, PROJECT_ROOT, load_settings

END = "2026-06-30"


def hashes(directory):
    return {name: facts["sha256"] for name, facts in read_manifest(directory)["tables"].items()}


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    return load_settings({"WAREHOUSE_LOCAL_DIR": str(tmp_path_factory.mktemp("local"))})


@pytest.fixture(scope="module")
def dataset(settings):
    return generate(settings, "demo", 1, END)


@pytest.fixture(scope="module")
def wework(settings, tmp_path_factory):
    return generate(settings, "demo", 1, END, tmp_path_factory.mktemp("wework"), ["wework"])


def test_every_application_table_is_there_with_the_records_columns_and_types(dataset):
    report = dataset
    record = load_record()
    assert set(report.rows) == {t.name for t in record.application_tables()}
    for table in record.application_tables():
        file = report.directory / table.database / f"{table.name}.parquet"
        found = pq.read_table(file)
        assert found.column_names == [c.name for c in stored(table)], table.name
        assert len(found) == report.rows[table.name] > 0
        for column in stored(table):
            assert found.schema.field(column.name).type == arrow_type(column), column.name
            if not column.nullable:
                assert found[column.name].null_count == 0, (table.name, column.name)


def test_keys_are_unique_and_references_exist(dataset):
    report = dataset
    record = load_record()

    def read(name, columns):
        table = record.table(name)
        file = report.directory / table.database / f"{name}.parquet"
        return pq.read_table(file, columns=list(columns)).to_pandas()

    for table in record.application_tables():
        for key in (table.primary_key, *table.unique):
            # NULL never equals NULL in a unique key
            assert not read(table.name, key).dropna().duplicated().any(), (table.name, key)
        for reference in table.references:
            child = read(table.name, [reference.column])[reference.column].dropna()
            parent = read(reference.table, [reference.target_column])[reference.target_column]
            assert child.isin(set(parent)).all(), (table.name, reference.column)


def test_json_columns_hold_json(dataset):
    report = dataset
    for table in load_record().application_tables():
        names = [c.name for c in table.stored_columns if c.base_type == "json"]
        file = report.directory / table.database / f"{table.name}.parquet"
        for name in names:
            for value in pq.read_table(file, columns=[name])[name].unique().drop_null()[:300]:
                json.loads(value.as_py())


def test_nothing_is_written_after_the_end(dataset):
    report = dataset
    for table in load_record().application_tables():
        file = report.directory / table.database / f"{table.name}.parquet"
        for name in {"created_at", "updated_at"} & {c.name for c in table.stored_columns}:
            latest = pa.compute.max(pq.read_table(file, columns=[name])[name]).as_py()
            assert latest is None or latest <= report.plan.end, (table.name, name, latest)


def test_same_arguments_same_bytes(settings, dataset, tmp_path):
    again = generate(settings, "demo", 1, END, tmp_path / "again")
    assert again.written == DOMAINS
    assert hashes(again.directory) == hashes(dataset.directory)


def test_one_domain_alone_has_the_same_bytes(settings, dataset, wework, tmp_path):
    ours = hashes(dataset.directory)
    assert hashes(wework.directory).items() <= ours.items()
    alone = generate(settings, "demo", 1, END, tmp_path / "one", domains=["customer"])
    both = generate(settings, "demo", 1, END, tmp_path / "one", domains=["health", "customer"])
    assert (alone.written, both.written) == (("customer",), ("health",))
    assert hashes(both.directory).items() <= ours.items()


def test_another_seed_or_day_gives_other_bytes(settings, wework, tmp_path):
    ours = hashes(wework.directory)
    for number, (seed, end) in enumerate([(2, END), (1, "2026-06-29")]):
        other = generate(settings, "demo", seed, end, tmp_path / str(number), ["wework"])
        theirs = hashes(other.directory)
        assert all(theirs[name] != ours[name] for name in ours)


def test_another_process_writes_the_same_bytes(wework, tmp_path):
    code = (
        "import sys; from pathlib import Path; from orchestration.settings import load_settings; "
        "from orchestration.sampledata.generate import generate; "
        f"generate(load_settings({{}}), 'demo', 1, '{END}', Path(sys.argv[1]), ['wework'])"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "7", "OMP_NUM_THREADS": "1"}
    subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "d")],
        cwd=PROJECT_ROOT, env=environment, check=True,
    )  # fmt: skip
    assert hashes(tmp_path / "d") == hashes(wework.directory)


def test_again_is_a_no_op_and_a_damaged_file_is_made_anew(settings, tmp_path):
    first = generate(settings, "demo", 1, END, tmp_path / "d", domains=["wework"])
    file = first.directory / "wework_platform" / "wework_groups.parquet"
    before = file.stat().st_mtime_ns
    second = generate(settings, "demo", 1, END, tmp_path / "d", domains=["wework"])
    assert second.written == () and "nothing to do" in second.summary()
    assert file.stat().st_mtime_ns == before
    file.write_bytes(file.read_bytes()[:100])
    third = generate(settings, "demo", 1, END, tmp_path / "d", domains=["wework"])
    assert third.written == ("wework",) and len(pq.read_table(file)) == third.rows["wework_groups"]


def test_a_killed_run_is_completed_by_the_next(settings, wework, tmp_path):
    target = tmp_path / "killed"
    code = (
        "from pathlib import Path; from orchestration.settings import load_settings; "
        "from orchestration.sampledata.generate import generate; "
        f"generate(load_settings({{}}), 'demo', 1, '{END}', Path(r'{target}'), ['wework'])"
    )
    process = subprocess.Popen([sys.executable, "-c", code], cwd=PROJECT_ROOT)
    deadline = time.monotonic() + 60
    while not list(target.rglob("*.part")) and time.monotonic() < deadline:
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (target / "manifest.json").exists()
    generate(settings, "demo", 1, END, target, ["wework"])
    assert hashes(target) == hashes(wework.directory)
    assert not list(target.rglob("*.part"))


def test_a_directory_with_other_things_is_refused(settings, tmp_path):
    (tmp_path / "thesis.doc").write_text("precious")
    with pytest.raises(WarehouseError, match=r"thesis\.doc"):
        generate(settings, "demo", 1, END, tmp_path, domains=["wework"])


def test_a_second_writer_is_refused(settings, tmp_path):
    import fcntl

    (tmp_path / "d").mkdir()
    with (tmp_path / "d" / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(WarehouseError, match="Another command"):
            generate(settings, "demo", 1, END, tmp_path / "d", domains=["wework"])


def test_a_full_disk_is_said_and_nothing_counts_as_done(tmp_path):
    target = tmp_path / "d"
    code = (
        "import resource; from pathlib import Path; "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)); "
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "from orchestration.settings import load_settings; "
        "from orchestration.sampledata.generate import generate; "
        "from orchestration.errors import WarehouseError\n"
        f"try: generate(load_settings({{}}), 'demo', 1, '{END}', Path(r'{target}'), ['wework'])\n"
        "except WarehouseError as error: print(error); raise SystemExit(1)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT_ROOT, capture_output=True, text=True
    )
    assert done.returncode == 1, done.stderr
    assert str(target) in done.stdout and "Traceback" not in done.stderr
    assert not (target / "manifest.json").exists() and not list(target.rglob("*.part"))
