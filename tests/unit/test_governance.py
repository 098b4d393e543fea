"""The keyed hash: what Python's hmac says, on both engines, and the key is nowhere to be found."""

from __future__ import annotations

import hashlib
import hmac
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from harness import MASK_KEY, Compiled, compile_macros, make_macro_project, open_engine

from dbt_warehouse_session import hmac_pads
from orchestration import database
from orchestration.settings import PROJECT_ROOT, MySQLConnection, Settings

TEXTS = ["", "a", "13812341234", "张三", "😀", "a ", "A", "'; --", "x" * 900, "line\nbreak"]
KEYS = ["k", MASK_KEY, "密" * 8, "x" * 63, "x" * 64, "x" * 65, "long " * 40]
HASH = "select id, {{ mask_hash('t') }} as pseudonym from given"


@pytest.fixture(scope="module", params=["embedded", pytest.param("mysql", marks=pytest.mark.mysql)])
def engine_name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def server(engine_name: str, request: pytest.FixtureRequest) -> MySQLConnection | None:
    return request.getfixturevalue("mysql_server") if engine_name == "mysql" else None


@pytest.fixture(scope="module")
def compiled(engine_name: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compiled]:
    yield compile_macros(engine_name, {"hashed": HASH}, tmp_path_factory.mktemp("g") / "project")


@pytest.mark.parametrize("key", KEYS, ids=lambda key: f"{len(key.encode())} bytes")
def test_the_hash_is_hmac_sha256(
    engine_name: str, server: MySQLConnection | None, compiled: Compiled, key: str
) -> None:
    rows = [{"id": number, "t": text} for number, text in enumerate([*TEXTS, None])]
    with open_engine(engine_name, server, key) as engine:
        engine.create("given", {"id": "int", "t": "varchar(1000)"}, rows)
        found = dict(engine.query(compiled.sql["hashed"])[1])
    expect = {
        number: hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()
        for number, text in enumerate(TEXTS)
    }
    assert found == {**expect, len(TEXTS): None}


def test_without_a_key_masking_fails_and_nothing_else_does(
    engine_name: str, server: MySQLConnection | None, compiled: Compiled
) -> None:
    with open_engine(engine_name, server, mask_key="") as engine:
        engine.create("given", {"id": "int", "t": "varchar(10)"}, [{"id": 1, "t": "x"}])
        assert engine.query("select t from given")[1] == [("x",)]
        with pytest.raises(Exception, match="WAREHOUSE_MASK_KEY is not set"):
            engine.query(compiled.sql["hashed"])


def test_a_view_cannot_mask(engine_name: str, tmp_path: Path) -> None:
    query = "{{ config(materialized='view') }} select {{ mask_hash('t') }} as pseudonym from given"
    with pytest.raises(AssertionError, match="belongs in tables"):
        compile_macros(engine_name, {"masking_view": query}, tmp_path / "project")


BREAKS = {
    "a key that is there": "insert into {t} (id, phone) select 2, phone from {t}",
    "no number": "insert into {t} (id) select cast(phone as {int}) from {t}",
    "no day": "insert into {t} (id, born) select 3, phone from {t}",
    "no JSON": "insert into {t} (id, more) select 4, phone from {t}",
}


def test_errors_of_servers_show_no_values(engine_settings: Settings) -> None:
    """They go to logs and to Dagster's history, with parameters and all."""
    value = f"zq'\" {13812341000 + 234}"
    schema = database.database_name(engine_settings, "warehouse")
    table = sa.Table(
        "people", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("phone", sa.String(30), unique=True), sa.Column("born", sa.Date),
        sa.Column("more", sa.JSON), schema=schema,
    )  # fmt: skip
    with database.begin(engine_settings) as connection:
        connection.execute(sa.schema.CreateSchema(schema, if_not_exists=True))
        table.create(connection)
        connection.execute(table.insert(), {"id": 1, "phone": value})
    whole = {"t": f"{schema}.people", "int": "signed" if engine_settings.is_mysql else "int"}
    statements = [sa.text(sql.format_map(whole)) for sql in BREAKS.values()]
    given = table.insert().values(id=5, phone=value, born=None)
    for statement in [given, *statements]:
        with (
            pytest.raises(sa.exc.DBAPIError) as caught,
            database.begin(engine_settings) as connection,
        ):
            connection.execute(statement)
        said = "".join(traceback.format_exception(caught.value))
        assert "13812341234" not in said, said[-600:]
        assert "people" in said


def test_the_key_is_in_no_file(engine_settings: Settings, tmp_path: Path) -> None:
    """A whole dbt build at debug level: compiled and run SQL, manifest, results, logs, output.

    Nor is the value at which a model failed, which stands in a table only.
    """
    number = "cast(concat(phone, '?') as {{ 'signed' if target.type == 'mysql' else 'bigint' }})"
    project = make_macro_project(
        tmp_path / "project",
        {
            "masked": "select {{ mask_hash(\"'13812341234'\") }} as pseudonym",
            "people": "select reverse('77773333186') as phone",
            "broken": f"select {number} as n from {{{{ ref('people') }}}}",
        },
    )
    arguments = [
        "--log-level-file", "debug", "--log-level", "debug", "build", "--project-dir", str(project),
        "--profiles-dir", str(PROJECT_ROOT), "--target", engine_settings.target,
        "--target-path", str(tmp_path / "target"), "--log-path", str(tmp_path / "logs"),
    ]  # fmt: skip
    run = subprocess.run(
        [Path(sys.executable).parent / "dbt", *arguments],
        env=engine_settings.child_environment(),
        capture_output=True,
        check=False,
    )
    assert run.returncode == 1, run.stdout.decode()[-3000:]
    assert b"ERROR=1 SKIP=0 TOTAL=3" in run.stdout
    schema = database.database_name(engine_settings, "warehouse")
    with database.connect(engine_settings) as connection:
        found = connection.exec_driver_sql(f"select pseudonym from {schema}.masked").scalar()
    key = engine_settings.mask_key
    assert found == hmac.new(key.encode(), b"13812341234", hashlib.sha256).hexdigest()

    secrets = [key.encode(), *hmac_pads(key)]
    secrets += [pad.hex().encode() for pad in hmac_pads(key)]
    files = [f for f in tmp_path.rglob("*") if f.is_file() and not f.is_symlink()]
    looked_at = {file.name for file in files}
    assert {"manifest.json", "run_results.json", "dbt.log", "masked.sql"} <= looked_at
    for name, content in [("output", run.stdout + run.stderr)] + [
        (str(file), file.read_bytes()) for file in files
    ]:
        leaked = [secret for secret in secrets if secret.lower() in content.lower()]
        assert not leaked, name
        assert b"68133337777" not in content or name.endswith(".duckdb"), name
