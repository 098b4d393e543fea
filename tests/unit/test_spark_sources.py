"""What Spark is told of the lake, and what is said where it cannot run; no Java is needed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from orchestration import spark
from orchestration.errors import WarehouseError
from orchestration.schema.record import Column, load_record
from orchestration.settings import PROJECT_ROOT, load_settings


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
    assert spark.spark_type(Column("", data_type, "", "")) == wanted


def test_secrets_are_not_registered() -> None:
    users = load_record().table("saas_users")
    assert users.column("password_hash").classification == "secret"
    shown = spark._columns(users)
    assert "`email`" in shown and "`password_hash`" not in shown


def test_it_is_said_what_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(spark, "_is_there", lambda module: module != "pyspark")
    with pytest.raises(WarehouseError, match="pyspark cannot be imported") as said:
        spark.session(load_settings({"WAREHOUSE_LOCAL_DIR": str(tmp_path)}))
    assert "make setup-spark" in said.value.fix
    monkeypatch.setattr(spark, "_is_there", lambda _: True)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(WarehouseError, match="needs Java") as said:
        spark.require()
    assert "Java 17" in said.value.fix


def test_a_lake_without_a_day_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(spark, "require", lambda: None)
    with pytest.raises(WarehouseError, match="has no day") as said:
        spark.prepare(load_settings({"WAREHOUSE_LOCAL_DIR": str(tmp_path)}))
    assert "lake sync --full" in said.value.fix


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
