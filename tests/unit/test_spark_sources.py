"""What Spark is told of the lake, and what is said where it cannot run; no Java is needed."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path

import pytest

from orchestration.errors import WarehouseError
from orchestration.lake.days import Day
from orchestration.retention.archive import Archive
from orchestration.schema.record import Column, load_record
from orchestration.settings import PROJECT_ROOT, load_settings
from orchestration.spark import build, catalog, reader, session, sources

# The profile as dbt renders it; its flags are the process's, so this is one of its own.
SHOW_PROFILE = """
import json, sys, yaml
from argparse import Namespace
from dbt.config.renderer import ProfileRenderer
from dbt.flags import set_from_args
set_from_args(Namespace(MACRO_DEBUGGING=False), None)
profile = yaml.safe_load(open(f"{sys.argv[1]}/profiles.yml"))["saas_warehouse"]
print(json.dumps(ProfileRenderer({}).render_data(profile["outputs"]["spark"])))
"""


@pytest.mark.parametrize(
    ("data_type", "wanted"),
    [
        ("tinyint(1)", "boolean"),
        ("smallint", "int"),
        ("bigint", "bigint"),
        ("decimal(12,4)", "decimal(12,4)"),
        ("timestamp", "timestamp_ntz"),
        ("date", "date"),
        ("time", "string"),
        ("json", "string"),
        ("enum('a','b')", "string"),
        ("double", "double"),
    ],
)
def test_types_are_the_files(data_type: str, wanted: str) -> None:
    assert sources.spark_type(Column("", data_type, "", "")) == wanted


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("/srv/lake", "file:///srv/lake/days/x"),
        ("file:///srv/lake/", "file:///srv/lake/days/x"),
        ("webhdfs://names:9870/lake", "webhdfs://names:9870/lake/days/x"),
        ("webhdfs://names:9870/lake/", "webhdfs://names:9870/lake/days/x"),
    ],
)
def test_a_url_stays_as_it_was_given(given: str, wanted: str) -> None:
    """Hadoop needs the scheme and the host, which are not in fsspec's paths."""
    archive = Archive(load_settings({"WAREHOUSE_ARCHIVE_URL": given}))
    assert archive.address(f"{archive.root}/days/x") == wanted


def test_secrets_are_not_registered() -> None:
    users = load_record().table("saas_users")
    assert users.column("password_hash").classification == "secret"
    shown = sources.columns_of(users)
    assert "`email`" in shown and "`password_hash`" not in shown


def test_it_is_said_what_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(session, "_is_there", lambda module: module != "pyspark")
    with pytest.raises(WarehouseError, match="pyspark cannot be imported") as said:
        session.session(load_settings({"WAREHOUSE_LOCAL_DIR": str(tmp_path)}))
    assert "make setup-spark" in said.value.fix
    monkeypatch.setattr(session, "_is_there", lambda _: True)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(WarehouseError, match="needs Java") as said:
        session.require()
    assert "Java 17" in said.value.fix


def test_it_is_said_what_a_server_needs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(session, "_is_there", lambda module: module != "thrift_sasl")
    own = {"WAREHOUSE_LOCAL_DIR": str(tmp_path), "WAREHOUSE_SPARK_METHOD": "livy"}
    with pytest.raises(WarehouseError, match="Unknown WAREHOUSE_SPARK_METHOD 'livy'") as said:
        session.require(own)
    assert "session, thrift" in said.value.fix
    own["WAREHOUSE_SPARK_METHOD"] = "thrift"
    with pytest.raises(WarehouseError, match="thrift needs pyhive and thrift_sasl") as said:
        session.require(own)
    assert "pip install 'dbt-spark[PyHive]' thrift_sasl" in said.value.fix
    monkeypatch.setattr(session, "_is_there", lambda _: True)
    with pytest.raises(WarehouseError, match="METASTORE is not set") as said:
        session.require(own)
    assert "thrift://host:9083" in said.value.fix
    own["WAREHOUSE_SPARK_METASTORE"] = "thrift://catalog:9083"
    where = session._where(load_settings(own), tmp_path)
    assert where["spark.hadoop.hive.metastore.uris"] == "thrift://catalog:9083"
    assert not [name for name in where if "javax.jdo" in name]


def test_what_a_killed_process_put_aside_is_cleared_away(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    own = session.scratch_folder(tmp_path)
    left = own.with_name(own.name.replace(str(os.getpid()), str(ended.pid)))
    for folder in (own, left):
        (folder / "blockmgr-1").mkdir(parents=True)
    elsewhere = own.with_name(f"{platform.node()}-2-{ended.pid}")
    elsewhere.mkdir()
    assert session.scratch_folder(tmp_path) == own
    assert (own / "blockmgr-1").exists(), "who is at work keeps its own"
    assert elsewhere.exists(), "nobody here knows of it"
    assert not left.exists()


def test_the_profile_takes_a_server_from_the_environment(tmp_path: Path) -> None:
    """Without PyHive dbt itself says what it needs for this method; with it, it parses."""
    pytest.importorskip("dbt.adapters.spark", reason="dbt-spark: `make setup-spark`")
    server = {"WAREHOUSE_SPARK_METHOD": "thrift", "WAREHOUSE_SPARK_HOST": "spark.example",
              "WAREHOUSE_SPARK_PORT": "10017", "WAREHOUSE_LOCAL_DIR": str(tmp_path)}  # fmt: skip
    known = {n: v for n, v in os.environ.items() if not n.startswith(("WAREHOUSE_", "DBT_"))}
    done = subprocess.run(
        [sys.executable, "-c", SHOW_PROFILE, str(PROJECT_ROOT)],
        env={**known, **server}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "type": "spark", "method": "thrift", "host": "spark.example", "port": 10017, "user": "",
        "password": None, "auth": None, "schema": "warehouse", "threads": 2,
    }  # fmt: skip
    if find_spec("pyhive") is None:
        done = subprocess.run(
            [str(Path(sys.executable).with_name("dbt")), "parse", "--target", "spark",
             "--project-dir", str(PROJECT_ROOT), "--profiles-dir", str(PROJECT_ROOT),
             "--target-path", str(tmp_path), "--log-path", str(tmp_path)],
            env={**known, **server}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert "thrift connection method requires additional dependencies" in done.stdout


def test_a_lake_without_a_day_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(catalog, "require", lambda: None)
    with pytest.raises(WarehouseError, match="has no day") as said:
        catalog.prepare(load_settings({"WAREHOUSE_LOCAL_DIR": str(tmp_path)}))
    assert "lake sync --full" in said.value.fix


def test_a_lake_that_duckdb_cannot_read_is_told_before_spark_begins(tmp_path: Path) -> None:
    """Of an address that it does not know DuckDB says that no file is there."""
    here = load_settings({"WAREHOUSE_ARCHIVE_URL": str(tmp_path), "WAREHOUSE_LOCAL_DIR": "unused"})
    reader.check_lake(here)
    elsewhere = load_settings({"WAREHOUSE_ARCHIVE_URL": "memory://lake"})
    with pytest.raises(WarehouseError, match="has no day"):
        reader.check_lake(elsewhere)
    day = Day("2026-06-30", "2026-06-30 23:59:59", "1", "2026-06-01", {})
    archive = Archive(elsewhere)
    archive.fs.makedirs(f"{archive.root}/days/day=2026-06-30")
    archive.fs.pipe(
        f"{archive.root}/days/day=2026-06-30/_manifest.json", json.dumps(asdict(day)).encode()
    )
    with pytest.raises(
        WarehouseError, match="cannot read the lake memory://lake: it finds"
    ) as said:
        reader.check_lake(elsewhere)
    assert "--no-reader" in said.value.fix
    with pytest.raises(WarehouseError, match="cannot read the lake"):
        build.build_and_tell(elsewhere, say=print, progress=print)


def test_what_spark_adds_is_locked_with_the_rest() -> None:
    """Its own lock pins what the extra names, and nothing that the main lock pins otherwise."""

    def pins(name: str) -> set[str]:
        text = (PROJECT_ROOT / name).read_text(encoding="utf-8")
        found = re.findall(r"^([\w.-]+)(?:\[.*\])?(==\S+)", text, re.MULTILINE)
        return {name + version for name, version in found}

    own = {pin for pin in pins("requirements-spark.lock") if pin not in pins("requirements.lock")}
    assert {pin.split("==")[0] for pin in own} == {"dbt-spark", "py4j", "pyspark", "sqlparams"}


def test_every_dialect_macro_has_a_branch_for_spark() -> None:
    """Where DuckDB and MySQL differ, Spark has its own, or there is a default."""
    missing = []
    for folder in ("dialect", "governance", "schema"):
        for file in sorted((PROJECT_ROOT / "macros" / folder).glob("*.sql")):
            text = file.read_text(encoding="utf-8")
            for name in set(re.findall(r"adapter\.dispatch\('(\w+)'", text)):
                branches = re.findall(rf"macro (\w+?)__{name}\(", text)
                if branches and not {"spark", "default"} & set(branches):
                    missing.append(f"{file.stem}: {name}")
    assert not missing
