"""A deployment whose models Spark builds: Dagster's runs of it, on real Spark and real rows.

The applications' tables are on either engine.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from retention_world import AS_OF, KEY
from rows import change
from typer.testing import CliRunner

from orchestration import database
from orchestration.assets.write_back import key_of
from orchestration.checks import CHECK
from orchestration.cli import app
from orchestration.definitions import build_definitions
from orchestration.errors import WarehouseError
from orchestration.manifest import prepare_manifest
from orchestration.partitions import OWN_WINDOWS
from orchestration.sampledata.generate import generate
from orchestration.sampledata.load import load
from orchestration.schedules import RANGE_END, RANGE_START
from orchestration.schema.deploy import deploy
from orchestration.settings import Settings, load_settings
from orchestration.spark.session import require

pytestmark = pytest.mark.slow
HOME = "ai_agent_platform"
STATISTICS = dg.AssetKey([HOME, "ai_agent_statistics"])
DAILY = dg.AssetKey([HOME, "ai_agent_daily"])
WRITE_BACK = key_of("update_all_agent_statistics")
STAGED = [
    dg.AssetKey(["warehouse_staging", f"stg_ai__{name}"])
    for name in ("agents", "call_logs", "conversations", "messages")
]
DAYS = {RANGE_START: "2026-06-28", RANGE_END: "2026-06-30", OWN_WINDOWS: "true"}


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    try:
        require()
    except WarehouseError as error:
        pytest.skip(str(error))
    folder = tmp_path_factory.mktemp("sample")
    generate(load_settings({}), "demo", 1, AS_OF.date(), folder, ("ai",))
    return folder


@pytest.fixture(scope="module")
def settings(sample: Path, module_engine_settings: Settings) -> Settings:
    """The domain's tables on either engine, filled, nothing built; Spark is to build."""
    kept = {
        name: value
        for name, value in module_engine_settings.environment.items()
        if not name.startswith(("DAGSTER_", "DBT_"))
    }
    own = {
        "WAREHOUSE_ENGINE": "spark",
        "WAREHOUSE_DOMAINS": "ai",
        "WAREHOUSE_AS_OF": str(AS_OF),
        "WAREHOUSE_ARCHIVE_KEY": KEY,
        "PYSPARK_PYTHON": sys.executable,
    }
    settings = load_settings({**kept, **own})
    deploy(settings, progress=lambda _: None)
    load(settings, sample, progress=lambda _: None)
    change(settings, "ai_agents", conversation_count=7)  # the sample's own are right
    prepare_manifest(settings)
    return settings


def home(settings: Settings) -> str:
    """The domain's database in this installation."""
    return database.database_name(settings, HOME)


def run(settings: Settings, selection: dg.AssetSelection) -> dg.ExecuteInProcessResult:
    """As a job of the code location, in this process; Spark and dbt have their own."""
    job = dg.define_asset_job("some", selection=selection)
    definitions = dg.Definitions.merge(build_definitions(settings), dg.Definitions(jobs=[job]))
    return (
        definitions.get_repository_def()
        .get_job("some")
        .execute_in_process(raise_on_error=False, tags=DAYS)
    )


@pytest.fixture(scope="module")
def built(settings: Settings) -> dg.ExecuteInProcessResult:
    """Two tables with what they read, dbt's tests, suites and the write-back behind them."""
    keys = dg.AssetSelection.assets(STATISTICS, DAILY, *STAGED)
    suites = dg.AssetSelection.checks(
        *(dg.AssetCheckKey(key, CHECK) for key in (STATISTICS, DAILY))
    )
    return run(settings, keys | suites | dg.AssetSelection.assets(WRITE_BACK))


def materialized(result: dg.ExecuteInProcessResult) -> dict[dg.AssetKey, Any]:
    return {
        event.asset_key: event.materialization
        for event in result.all_events
        if event.is_step_materialization
    }


def frame(sample: Path, table: str) -> pd.DataFrame:
    [file] = sample.rglob(f"{table}.parquet")
    return pd.read_parquet(file)


def test_assets_are_built_on_spark_and_checked_like_anywhere(
    settings: Settings, built: dg.ExecuteInProcessResult, sample: Path
) -> None:
    assert built.success
    made = materialized(built)
    assert set(made) == {STATISTICS, DAILY, *STAGED, WRITE_BACK}
    assert made[STATISTICS].metadata["dagster/row_count"].value == len(frame(sample, "ai_agents"))
    found = built.get_asset_check_evaluations()
    assert all(each.passed for each in found), [e.check_name for e in found if not e.passed]
    by_asset = Counter(each.asset_key for each in found)
    assert all(by_asset[key] > 1 for key in (STATISTICS, DAILY, *STAGED))
    assert {e.asset_key for e in found if e.check_name == CHECK} == {STATISTICS, DAILY}


def test_its_rows_are_sparks_and_right(
    settings: Settings, built: dg.ExecuteInProcessResult, sample: Path
) -> None:
    """Calls of each agent and day, by pandas from the sample."""
    logs = frame(sample, "ai_call_logs").dropna(subset=["agent_id"])
    days = pd.to_datetime(logs["created_at"]).dt.date
    wanted = logs.groupby([logs["agent_id"], days]).size().to_dict()
    with duckdb.connect(str(settings.reading.duckdb_path), read_only=True) as connection:
        asked = f"select agent_id, stat_date, calls from {home(settings)}.ai_agent_daily"
        found = {(agent, day): n for agent, day, n in connection.execute(asked).fetchall()}
    assert found == wanted
    folder = settings.spark_dir / "warehouse" / f"{home(settings)}.db" / "ai_agent_daily"
    assert (folder / "stat_date=2026-06-30").is_dir()
    with database.connect(settings, read_only=True) as connection:
        asked = f"select count(*) from {home(settings)}.ai_agent_daily"
        own = connection.exec_driver_sql(asked).scalar()
    assert own == 0, "the applications' engine built nothing of its own"


def test_the_applications_get_their_figures(
    settings: Settings, built: dg.ExecuteInProcessResult, sample: Path
) -> None:
    wanted = Counter(frame(sample, "ai_conversations")["agent_id"].dropna())
    with database.connect(settings, read_only=True) as connection:
        asked = sa.text(f"select id, conversation_count from {home(settings)}.ai_agents")
        found = {agent: n for agent, n in connection.execute(asked) if n}
    assert found == dict(wanted)


def test_people_read_it_with_target_spark(
    settings: Settings, built: dg.ExecuteInProcessResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in settings.child_environment().items():
        if name.startswith(("WAREHOUSE_", "MYSQL_")):
            monkeypatch.setenv(name, value)
    said = CliRunner().invoke(
        app,
        [
            "query", "--target", "spark", "--json",
            f"select count(*) as n from {home(settings)}.ai_agent_statistics",
        ],
    )  # fmt: skip
    assert said.exit_code == 0, said.output
    assert json.loads(said.stdout)["rows"][0]["n"] > 0


def test_damage_in_sparks_files_fails_suite_and_tests_and_stops_the_write_back(
    settings: Settings, built: dg.ExecuteInProcessResult
) -> None:
    folder = settings.spark_dir / "warehouse" / f"{home(settings)}.db" / "ai_agent_statistics"
    files = sorted(folder.glob("*.parquet"))
    table = pa.concat_tables([pq.read_table(file) for file in files]).to_pylist()
    schema = pq.read_schema(files[0])
    damaged = [{**table[0], "success_rate": 150}, *table[1:], table[-1]]
    for file in folder.iterdir():
        file.unlink()
    pq.write_table(pa.Table.from_pylist(damaged, schema), folder / "part-0.snappy.parquet")

    suite = dg.AssetSelection.checks(dg.AssetCheckKey(STATISTICS, CHECK))
    stopped = run(settings, suite | dg.AssetSelection.assets(WRITE_BACK))
    assert not stopped.success
    assert materialized(stopped) == {}
    [verdict] = stopped.get_asset_check_evaluations()
    assert (verdict.check_name, verdict.passed, verdict.blocking) == (CHECK, False, True)
    assert verdict.metadata["what_failed"].value

    # dbt's own tests, without a build: Spark is not even started
    unique = f"unique_{STATISTICS.path[1]}_agent_id"
    tested = run(settings, dg.AssetSelection.checks(dg.AssetCheckKey(STATISTICS, unique)))
    assert not tested.success
    [verdict] = tested.get_asset_check_evaluations()
    assert (verdict.check_name, verdict.passed) == (unique, False)
