"""DuckDB over Spark's files, and the setting that asks for it.

Files as Spark writes them are made here by hand; no Java is needed.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rows import insert
from spark_files import HOME, begun, manifest_of, node, rows_of, write

from orchestration import checks, late_data, query, suite_history
from orchestration.ab_tests import RESULTS, refresh_ab_test_results
from orchestration.errors import WarehouseError
from orchestration.gx_session import Outcome
from orchestration.lake.days import Day, day_tables, read_day
from orchestration.lake.fresh import fresh_day, is_fresh
from orchestration.lake.months import sync
from orchestration.manifest import parsed_for
from orchestration.options import read_settings, settings_of_built
from orchestration.resources import DUCKDB_POOL, MYSQL_POOL, SPARK_POOL, pool_of
from orchestration.schema.deploy import deploy
from orchestration.settings import DATABASES, Settings, load_settings
from orchestration.spark import reader
from orchestration.spark.sources import sources
from orchestration.validation import SuiteResult

AS_OF = datetime(2026, 6, 30, 23, 59, 59)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A deployment whose models Spark builds; it has no rows and no table of Spark's yet."""
    environment = {
        "WAREHOUSE_LOCAL_DIR": str(tmp_path),
        "WAREHOUSE_ENGINE": "spark",
        "WAREHOUSE_DOMAINS": "ai",
        "WAREHOUSE_AS_OF": str(AS_OF),
    }
    return load_settings(environment)


class TestSetting:
    def test_without_it_what_is_built_is_read_where_it_was(self) -> None:
        settings = load_settings({})
        assert (settings.engine, settings.built_on) == ("", "embedded")
        assert settings.reading is settings
        assert load_settings({"WAREHOUSE_ENGINE": "embedded"}) == replace(
            settings, environment={"WAREHOUSE_ENGINE": "embedded"}
        )

    def test_readers_go_to_duckdb_and_the_applications_stay_on_mysql(self, tmp_path: Path) -> None:
        settings = load_settings(
            {
                "WAREHOUSE_ENGINE": "spark",
                "WAREHOUSE_TARGET": "mysql",
                "WAREHOUSE_LOCAL_DIR": str(tmp_path),
            }
        )
        assert (settings.target, settings.built_on, settings.is_mysql) == ("mysql", "spark", True)
        reading = settings.reading
        assert (reading.target, reading.built_on) == ("embedded", "spark")
        assert reading.duckdb_path == tmp_path / "spark" / "reader" / "saas_warehouse.duckdb"
        # the lake of the applications' own engine, also for who knows nothing of that
        assert reading.environment["WAREHOUSE_ARCHIVE_URL"] == str(tmp_path / "archive" / "mysql")
        assert reading.reading == reading

    def test_another_engine_than_the_target_or_spark_is_refused(self) -> None:
        with pytest.raises(WarehouseError, match="WAREHOUSE_ENGINE 'mysql'") as said:
            load_settings({"WAREHOUSE_ENGINE": "mysql"})
        assert said.value.fix == "choose one of: embedded, spark."

    def test_a_target_that_is_named_means_what_stands_there(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("WAREHOUSE_LOCAL_DIR", str(tmp_path))
        monkeypatch.delenv("WAREHOUSE_TARGET", raising=False)
        monkeypatch.setenv("WAREHOUSE_ENGINE", "spark")
        assert settings_of_built(None).on_spark
        assert not settings_of_built("embedded").on_spark
        monkeypatch.delenv("WAREHOUSE_ENGINE")
        assert settings_of_built("spark").on_spark
        with pytest.raises(WarehouseError, match="Nothing was built with Spark") as said:
            read_settings("spark")
        assert "make demo TARGET=spark" in said.value.fix

    def test_pools_keep_to_one_process_at_a_time(self, settings: Settings) -> None:
        assert pool_of(settings) == DUCKDB_POOL  # the lake is filled from that file
        on_mysql = replace(settings, target="mysql")
        assert (pool_of(on_mysql), pool_of(replace(on_mysql, engine=""))) == (
            SPARK_POOL,
            MYSQL_POOL,
        )

    def test_runs_find_the_project_parsed_for_each_call_of_dbt(self, settings: Settings) -> None:
        assert [each.target for each in parsed_for(settings)] == ["embedded", "spark"]
        on_mysql = replace(settings, target="mysql")
        assert [each.target for each in parsed_for(on_mysql)] == ["mysql", "embedded", "spark"]
        assert parsed_for(replace(settings, engine="")) == [replace(settings, engine="")]

    def test_suites_look_at_the_applications_and_at_what_was_built(
        self, settings: Settings
    ) -> None:
        assert checks.judged_at(settings, "outputs") == settings.reading
        assert checks.judged_at(settings, "sources") == replace(settings, engine="")

    def test_before_the_first_build_no_day_is_late(self, settings: Settings) -> None:
        assert late_data.find_late_days(settings) == []


class TestFile:
    def test_types_are_those_of_duckdbs_own_build(self, settings: Settings) -> None:
        kinds = {
            "id": "varchar(36)",
            "is_open": "tinyint(1)",
            "told": "json",
            "at": "time",
            "spent": "decimal(12,4)",
            "level": "enum('a','b')",
            "since": "timestamp",
            "is_new": "int",
        }
        table = pa.table(
            {
                "id": ["1"],
                "is_open": [True],
                "told": ['{"a": [1]}'],
                "at": ["08:30:00"],
                "spent": pa.array([Decimal("1.5000")], pa.decimal128(12, 4)),
                "level": ["a"],
                "since": pa.array([AS_OF], pa.timestamp("us")),
            }
        )
        write(settings, "typed", table)
        aside = begun(settings, node("typed", kinds))
        query = "select column_name, data_type from duckdb_columns() where table_name = 'typed'"
        assert dict(rows_of(aside, query)) == {
            "id": "VARCHAR",
            "is_open": "BOOLEAN",
            "told": "JSON",
            "at": "TIME",
            "spent": "DECIMAL(12,4)",
            "level": "VARCHAR",
            "since": "TIMESTAMP",
            "is_new": "INTEGER",
        }
        # what a file does not have yet is NULL
        assert rows_of(aside, f"select told ->> '$.a[0]', since, is_new from {HOME}.typed") == [
            ("1", AS_OF, None)
        ]

    def test_a_folder_a_day_is_a_date_and_one_without_a_value_is_null(
        self, settings: Settings
    ) -> None:
        daily = node(
            "daily", {"stat_date": "date", "n": "int"}, "window", window_column="stat_date"
        )
        for under, n in (("2026-06-29", 1), ("2026-06-30", 2), (reader.NO_VALUE, 3)):
            write(settings, "daily", pa.table({"n": [n]}), f"stat_date={under}")
        # what a running build has aside is not read
        write(settings, "daily", pa.table({"n": [9]}), ".spark-staging/stat_date=2026-06-28")
        aside = begun(settings, daily)
        assert rows_of(aside, f"select stat_date, n from {HOME}.daily order by n") == [
            (date(2026, 6, 29), 1),
            (date(2026, 6, 30), 2),
            (None, 3),
        ]
        assert reader.count_rows(settings, daily) == 3

    def test_a_table_cut_on_a_time_does_not_show_the_day_that_it_is_cut_on(
        self, settings: Settings
    ) -> None:
        events = node(
            "events", {"seen_at": "timestamp", "n": "int"}, "window", window_column="seen_at"
        )
        table = pa.table({"seen_at": pa.array([AS_OF], pa.timestamp("us")), "n": [1]})
        write(settings, "events", table, "window_day=2026-06-30")
        assert rows_of(begun(settings, events), f"from {HOME}.events") == [(AS_OF, 1)]

    def test_a_table_without_rows_is_typed_and_one_that_was_not_built_is_not_there(
        self, settings: Settings
    ) -> None:
        empty = node("empty", {"stat_date": "date"}, "window", window_column="stat_date")
        (settings.spark_dir / "warehouse" / f"{HOME}.db" / "empty").mkdir(parents=True)
        unbuilt = node("unbuilt", {"n": "int"})
        aside = begun(settings, empty, unbuilt)
        assert rows_of(aside, f"select typeof(max(stat_date)), count(*) from {HOME}.empty") == [
            ("DATE", 0)
        ]
        assert reader.count_rows(settings, unbuilt) is None
        with pytest.raises(duckdb.CatalogException):
            rows_of(aside, f"from {HOME}.unbuilt")

    def test_only_views_are_made_whose_tables_are_all_there(self, settings: Settings) -> None:
        write(settings, "built", pa.table({"n": [1]}))
        built, unbuilt = node("built", {"n": "int"}), node("unbuilt", {"n": "int"})
        views = [node(name, {"n": "int"}, "view") for name in ("over", "over_it", "other")]
        views[0]["depends_on"]["nodes"] = ["model.built", "source.ai.ai_agents"]
        views[1]["depends_on"]["nodes"] = ["model.over"]
        views[2]["depends_on"]["nodes"] = ["model.over", "model.unbuilt"]
        manifest = manifest_of(built, unbuilt, *views)
        assert reader.view_names(manifest, settings) == ["over", "over_it"]

    def test_it_takes_the_place_of_the_one_before_with_the_rows_that_warnings_stored(
        self, settings: Settings
    ) -> None:
        one = node("one", {"n": "int"})
        write(settings, "one", pa.table({"n": [1]}))
        aside = begun(settings, one)
        with duckdb.connect(str(aside.duckdb_path)) as connection:
            connection.execute("create table warehouse_audit.odd_rows as select 7 as n")
        published = reader.publish(settings, aside)
        assert published == settings.reading.duckdb_path
        reader.require(settings)
        with duckdb.connect(str(published), read_only=True) as held:  # a reader stops no build
            reader.publish(settings, begun(settings, one, node("two", {"n": "int"})))
            assert held.execute(f"from {HOME}.one").fetchall() == [(1,)]
        assert rows_of(settings.reading, "from warehouse_audit.odd_rows") == [(7,)]


class TestQuery:
    def test_it_reads_the_views_and_no_other_file(
        self, settings: Settings, capsys: pytest.CaptureFixture[str]
    ) -> None:
        write(settings, "one", pa.table({"n": [41]}))
        reader.publish(settings, begun(settings, node("one", {"n": "int"})))
        query.run(settings.reading, f"select n + 1 as n from {HOME}.one", 5, as_json=True)
        assert json.loads(capsys.readouterr().out)["rows"] == [{"n": 42}]
        for statement in (
            f"copy {HOME}.one to '{settings.spark_dir}/two.parquet'",
            f"explain analyze copy {HOME}.one to '{settings.spark_dir}/two.parquet'",
            "select * from read_text('/etc/hostname')",
        ):
            with pytest.raises(WarehouseError, match=r"not a select|Cannot access file"):
                query.run(settings.reading, statement, 5)
        assert not (settings.spark_dir / "two.parquet").exists()


class TestSources:
    def test_months_and_the_day_are_one_table_and_sealed_columns_open(
        self, settings: Settings
    ) -> None:
        """Against the rows of the applications' own tables."""
        settings = with_key(settings)
        deploy(settings, progress=lambda _: None)
        log = {"tenant_id": "t1", "agent_id": None, "platform_id": None}
        moments = [datetime(2026, 4, 30), datetime(2026, 5, 31, 23, 59, 59), datetime(2026, 6, 1)]
        logs = [{**log, "id": str(n), "created_at": m} for n, m in enumerate(moments)]
        insert(settings, "ai_call_logs", *logs)
        day = fresh_day(settings)
        aside = reader.begin(settings, manifest_of(), day)
        asked = f"select id, tenant_id, created_at from {HOME}.ai_call_logs order by id"
        assert rows_of(aside, asked) == [(row["id"], "t1", row["created_at"]) for row in logs]
        kinds = "select column_name, data_type from duckdb_columns() where table_name = {}"
        for table in day_tables(settings):
            own, read = (
                dict(rows_of(place, kinds.format(f"'{table.name}'"))) for place in (settings, aside)
            )
            secret = {c.name for c in table.columns if c.classification == "secret"}
            assert read == {name: kind for name, kind in own.items() if name not in secret}
        assert any(source.files for source in sources(settings, day)), "some are sealed"

    @pytest.mark.parametrize(
        ("domain", "name", "moment"),
        [("ai", "ai_call_logs", "created_at"), ("core", "saas_system_metrics", "recorded_at")],
    )
    def test_rows_of_a_month_that_closed_after_the_day_count_once(
        self, settings: Settings, domain: str, name: str, moment: str
    ) -> None:
        """The first table has sealed columns and is read in copies, the other as it lies there."""
        settings = with_key(replace(settings, domains=(domain,)))
        deploy(settings, progress=lambda _: None)
        moments = datetime(2026, 5, 15), datetime(2026, 6, 15)
        insert(settings, name, *({"id": str(m), moment: m} for m in moments))
        day = fresh_day(settings)
        made = [m.month for m in sync(replace(settings, as_of=datetime(2026, 7, 1)), [name])]
        assert made == ["2026-05", "2026-06"]
        aside = reader.begin(settings, manifest_of(), day)
        assert rows_of(aside, f"select {moment} from {DATABASES[domain]}.{name} order by 1") == [
            (m,) for m in moments
        ]


def with_key(settings: Settings) -> Settings:
    key = {"WAREHOUSE_ARCHIVE_KEY": "azEx" * 10 + "azE="}
    return replace(settings, environment={**settings.environment, **key})


class TestFreshDay:
    day = Day("2026-06-30", str(AS_OF), "r", "2026-06-01", {})

    @pytest.mark.parametrize(
        ("minutes", "age", "fresh"), [("", 60, True), ("", 61, False), ("0", 1, False)]
    )
    def test_a_day_is_built_on_for_an_hour_or_as_long_as_is_said(
        self, settings: Settings, minutes: str, age: int, fresh: bool
    ) -> None:
        day = replace(self.day, tables={t.name: None for t in day_tables(settings)})
        settings = replace(settings, environment={"WAREHOUSE_LAKE_MINUTES": minutes})
        assert is_fresh(day, settings, AS_OF + timedelta(minutes=age)) is fresh

    def test_a_day_without_a_domain_that_was_switched_on_since_is_not(
        self, settings: Settings
    ) -> None:
        assert not is_fresh(self.day, settings, AS_OF)

    def test_what_is_no_number_is_refused(self, settings: Settings) -> None:
        day = replace(self.day, tables={t.name: None for t in day_tables(settings)})
        with pytest.raises(WarehouseError, match="WAREHOUSE_LAKE_MINUTES 'soon'"):
            is_fresh(day, replace(settings, environment={"WAREHOUSE_LAKE_MINUTES": "soon"}), AS_OF)

    def test_a_month_that_closed_since_is_written_before_the_day(self, settings: Settings) -> None:
        settings = with_key(settings)
        deploy(settings, progress=lambda _: None)
        rows = [
            {"id": str(n), "tenant_id": "t1", "created_at": moment}
            for n, moment in enumerate((datetime(2026, 5, 31), datetime(2026, 6, 15)))
        ]
        insert(settings, "ai_call_logs", *rows)
        first = fresh_day(settings)
        assert fresh_day(settings) == first
        later = replace(settings, as_of=datetime(2026, 7, 1, 1, 30))
        second = fresh_day(later)
        assert (second.day, second.open_from) == ("2026-07-01", "2026-07-01")
        aside = reader.begin(later, manifest_of(), second)
        assert rows_of(aside, f"select id from {HOME}.ai_call_logs order by id") == [("0",), ("1",)]
        assert read_day(later) == second


def test_the_history_of_suites_is_kept_beside_sparks_tables(settings: Settings) -> None:
    reading = settings.reading
    outcome = Outcome("signs_hold", "agents", ("n",), "", True, 0, "", database=HOME)
    assert suite_history.trend(reading, HOME, "agents") == []
    suite_history.record(reading, [SuiteResult("ai", (outcome,))])
    [run] = suite_history.trend(reading, HOME, "agents")
    assert (run["expectations"], run["failed"]) == (1, 0)
    assert not reading.duckdb_path.exists()
    assert (settings.spark_dir / "history.duckdb").exists()


def test_what_python_computes_of_the_marts_is_read_with_them(settings: Settings) -> None:
    settings = with_key(replace(settings, domains=("core", "business")))
    assert refresh_ab_test_results(settings) == 0
    folder = settings.spark_dir / "warehouse" / "warehouse.db" / "ab_test_arms"
    folder.mkdir(parents=True)
    arms = [
        {
            "ab_test_arm_id": f"a{n}",
            "ab_test_id": "t",
            "tenant_id": "1",
            "arm_name": f"arm {n}",
            "is_control": n == 0,
            "participants": 1000,
            "conversions": 100 + 50 * n,
            "control_arm_name": "arm 0",
            "control_participants": 1000,
            "control_conversions": 100,
        }
        for n in (0, 1)
    ]
    pq.write_table(pa.Table.from_pylist(arms), folder / "part-0.parquet")
    assert refresh_ab_test_results(settings) == 2
    deploy(settings, progress=lambda _: None)
    aside = reader.begin(settings, manifest_of(), fresh_day(settings))
    asked = f"select ab_test_arm_id, lift_ratio, has_enough_sample from warehouse.{RESULTS}"
    control, other = sorted(rows_of(aside, asked))
    assert control == ("a0", None, None)
    assert (other[0], float(other[1]), other[2]) == ("a1", 0.5, True)
