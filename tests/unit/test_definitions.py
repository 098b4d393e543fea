"""The code location: what it holds, how dbt is called, how a tick is decided."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from dagster import DagsterInstance, DagsterRunStatus, DefaultScheduleStatus
from dagster_dbt import DagsterDbtCliRuntimeError

from orchestration import checks, freshness, schedules
from orchestration.assets.dbt import wanted_nodes, window_of, with_attached_tests
from orchestration.assets.write_back import key_of
from orchestration.automation import AT_ONCE, BY_CRON
from orchestration.definitions import build_definitions
from orchestration.errors import WarehouseError
from orchestration.manifest import is_stale, load_manifest, manifest_path, prepare_manifest
from orchestration.operations.register import OPERATIONS
from orchestration.operations.running import AlreadyRunning, Operation
from orchestration.operations.write_back import WRITE_BACKS
from orchestration.partitions import (
    OWN_WINDOWS,
    daily_partitions,
    first_day,
    lookback_days,
    window_variables,
)
from orchestration.resources import build_arguments, failure_of
from orchestration.schema.doctor import REPLACED_EVENTS
from orchestration.sensors import build_sensors
from orchestration.settings import DATABASES, PROJECT_ROOT, Settings, load_settings
from orchestration.spark.dagster import SparkDbt
from orchestration.translator import WarehouseTranslator, domain_of, is_daily, layer_of

SNAPSHOT = Path(__file__).with_name("definitions.snapshot.txt")
SHANGHAI = ZoneInfo("Asia/Shanghai")
USAGE = dg.AssetKey(["wework_platform", "wework_tenant_usage"])


def _environment(folder: Path, **more: str) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("WAREHOUSE_", "MYSQL_", "DAGSTER_", "DBT_"))
    }
    return {**kept, "WAREHOUSE_LOCAL_DIR": str(folder), **more}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """DuckDB's manifest, parsed once; there is no database."""
    settings = load_settings(_environment(tmp_path_factory.mktemp("embedded")))
    prepare_manifest(settings)
    return settings


@pytest.fixture(scope="module")
def mysql_target(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """MySQL's manifest behind a prefix, for a server that does not exist."""
    settings = load_settings(
        _environment(
            tmp_path_factory.mktemp("mysql"),
            WAREHOUSE_TARGET="mysql",
            WAREHOUSE_DATABASE_PREFIX="acme_",
            WAREHOUSE_MASK_KEY="k" * 32,
            MYSQL_HOST="db.invalid",
            MYSQL_USER="nobody",
            MYSQL_PASSWORD="nothing",
        )
    )
    prepare_manifest(settings)
    return settings


@pytest.fixture(scope="module")
def definitions(settings: Settings) -> dg.Definitions:
    return build_definitions(settings)


@pytest.fixture(scope="module")
def repository(definitions: dg.Definitions) -> dg.RepositoryDefinition:
    return definitions.get_repository_def()


def _repository(settings: Settings) -> dg.RepositoryDefinition:
    return build_definitions(settings).get_repository_def()


def _described(repository: dg.RepositoryDefinition) -> str:
    """Keys with groups and partitions, jobs with their assets, schedules with their crons."""
    graph = repository.asset_graph
    lines = []
    for key in sorted(graph.get_all_asset_keys()):
        node = graph.get(key)
        is_monthly = isinstance(node.partitions_def, dg.MonthlyPartitionsDefinition)
        days = (" monthly" if is_monthly else " daily") if node.partitions_def else ""
        follows = {AT_ONCE: " follows at once", BY_CRON: " follows"}
        how = follows[node.automation_condition] if node.automation_condition else ""
        lines.append(f"asset {key.to_user_string()} {node.group_name}{days}{how}")
    for job in sorted(repository.get_all_jobs(), key=lambda job: job.name):
        if not job.name.startswith("__"):
            keys = sorted(key.to_user_string() for key in job.asset_layer.executable_asset_keys)
            shown = " ".join(keys) if len(keys) <= 3 else f"{len(keys)} assets"
            shown = shown or f"op {' '.join(job.graph.node_names())}"
            lines.append(f"job {job.name}: {shown}")
    for schedule in sorted(repository.schedule_defs, key=lambda schedule: schedule.name):
        lines.append(
            f"schedule {schedule.name} {schedule.cron_schedule} {schedule.execution_timezone} "
            f"-> {schedule.job_name}"
        )
    lines += [f"sensor {name}" for name in sorted(sensor.name for sensor in repository.sensor_defs)]
    return "\n".join(lines) + "\n"


class TestWhatIsThere:
    def test_keys_groups_jobs_and_schedules_are_the_committed_ones(
        self, repository: dg.RepositoryDefinition
    ) -> None:
        text = _described(repository)
        if os.environ.get("WAREHOUSE_UPDATE_SNAPSHOTS"):
            SNAPSHOT.write_text(text, encoding="utf-8")
        assert text == SNAPSHOT.read_text(encoding="utf-8"), (
            "the code location changed; if that is meant, run this test with "
            "WAREHOUSE_UPDATE_SNAPSHOTS=1 and commit the difference"
        )

    def test_nothing_is_nameless(self, repository: dg.RepositoryDefinition) -> None:
        """Each asset has a group of ours, a description and an owner, the rest a description."""
        graph = repository.asset_graph
        nodes = [graph.get(key) for key in graph.get_all_asset_keys()]
        assert len(nodes) > 250
        assert "default" not in {node.group_name for node in nodes}
        nameless = [str(node.key) for node in nodes if not (node.description and node.owners)]
        # `__` marks Dagster's own job of all assets.
        jobs = [job for job in repository.get_all_jobs() if not job.name.startswith("__")]
        for each in (*jobs, *repository.schedule_defs, *repository.sensor_defs):
            nameless += [] if each.description else [each.name]
        assert nameless == []

    def test_the_other_engine_behind_a_prefix_has_the_same(self, mysql_target: Settings) -> None:
        assert _described(_repository(mysql_target)) == SNAPSHOT.read_text(encoding="utf-8")

    def test_with_spark_as_the_engine_too(self, settings: Settings) -> None:
        found = build_definitions(replace(settings, engine="spark"))
        assert _described(found.get_repository_def()) == SNAPSHOT.read_text(encoding="utf-8")
        assert isinstance(found.resources["dbt"], SparkDbt)

    def test_every_dbt_test_of_a_kept_node_is_a_check_of_an_asset(
        self, settings: Settings, repository: dg.RepositoryDefinition
    ) -> None:
        found = {key.name for key in repository.asset_graph.asset_check_keys}
        tests = {
            node["name"]
            for node in load_manifest(settings)["nodes"].values()
            if node["resource_type"] == "test"
            and any(
                key.startswith(("model.", "seed.", "snapshot."))
                for key in node["depends_on"]["nodes"]
            )
        }
        assert tests - found == set()
        assert found - tests == {checks.CHECK, freshness.CHECK}

    def test_checks_on_what_is_written_back_block(self, settings: Settings) -> None:
        found = {
            (spec.asset_key.path[1], spec.blocking)
            for definition in checks.build_suite_checks(settings)
            for spec in definition.check_specs
        }
        assert ("wework_account_health", True) in found
        assert ("wework_tenant_usage", False) in found
        assert {name for name, blocking in found if blocking} <= {
            this.model for this in WRITE_BACKS.values()
        }

    def test_assets_say_what_they_are(self, repository: dg.RepositoryDefinition) -> None:
        graph = repository.asset_graph
        usage = graph.get(USAGE)
        assert usage.description.startswith("One row per tenant")
        assert usage.owners == ["team:wework_analytics"]
        assert {"dbt", "duckdb", "window"} == usage.kinds
        schema = usage.metadata["dagster/column_schema"]
        assert [column.name for column in schema.columns[:3]] == ["id", "tenant_id", "stat_date"]
        assert schema.columns[2].type == "date"
        for key in graph.get_all_asset_keys():
            assert graph.get(key).description, f"{key.to_user_string()} has no description"
            assert graph.get(key).owners, f"{key.to_user_string()} has no owner"

    def test_of_a_domain_that_is_switched_off_only_what_others_read_is_left(
        self, settings: Settings
    ) -> None:
        """What joins all domains still builds, from empty relations; nothing else stays."""
        repository = _repository(replace(settings, domains=("core", "health")))
        graph = repository.asset_graph
        groups = {graph.get(key).group_name for key in graph.get_all_asset_keys()}
        assert {"core_sources", "health_sources", "core_staging"} <= groups
        # "default" is where Dagster puts what is only read, here tables that do not exist.
        assert not groups & {"wework_sources", "default"}
        left = {
            key.path[-1]
            for key in graph.get_all_asset_keys()
            if graph.get(key).group_name.startswith("wework")
        }
        assert "stg_wework__message_records" in left  # saas_usage_statistics counts them
        assert not left & {"fct_messages", "contact_growth_daily", "stg_wework__callback_logs"}
        theirs = {row.name for row in schedules.SCHEDULES if row.domain in ("core", "health")}
        known = {schedule.name for schedule in repository.schedule_defs}
        assert known == theirs | {*WHOLE}
        assert not repository.has_job("wework")
        assert not repository.has_job("auto_status_check")

    def test_what_platform_reads_of_a_domain_that_is_switched_off_stays(self) -> None:
        def node(path: str) -> dict[str, object]:
            return {
                "resource_type": "model",
                "original_file_path": path,
                "config": {"materialized": "view"},
                "name": Path(path).stem,
            }

        manifest = {
            "nodes": {
                "model.read": node("models/staging/ai/read.sql"),
                "model.unread": node("models/staging/ai/unread.sql"),
                "model.wide": node("models/marts/platform/wide.sql"),
            },
            "parent_map": {"model.wide": ["model.read"], "model.read": ["source.ai"]},
        }
        kept = [node["name"] for node in wanted_nodes(manifest, ["core"])]
        assert kept == ["read", "wide"]


class TestLoading:
    def test_it_is_quick_and_imports_no_great_expectations_and_opens_nothing(
        self, mysql_target: Settings
    ) -> None:
        """db.invalid cannot be reached and the DuckDB file is not made."""
        started = time.monotonic()
        outcome = subprocess.run(
            [
                sys.executable,
                "-c",
                "import sys; from orchestration.definitions import defs; "
                "defs().get_repository_def().load_all_definitions(); "
                "print('great_expectations' in sys.modules)",
            ],
            env=mysql_target.child_environment(),
            cwd=PROJECT_ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert outcome.stdout.strip() == "False", outcome.stderr
        assert not mysql_target.duckdb_path.exists()
        assert time.monotonic() - started < 120  # a hang, not a speed: 6 s when idle

    def test_a_missing_manifest_is_named_with_the_command_that_makes_it(
        self, tmp_path: Path
    ) -> None:
        settings = load_settings(_environment(tmp_path))
        with pytest.raises(WarehouseError, match=r"manifest\.json is missing") as caught:
            load_manifest(settings)
        assert caught.value.fix == "run `warehouse manifest --target embedded`."

    def test_a_manifest_of_the_other_engine_or_prefix_is_refused(self, settings: Settings) -> None:
        other = replace(settings, database_prefix="acme_")
        with pytest.raises(WarehouseError, match="another WAREHOUSE_DATABASE_PREFIX"):
            load_manifest(other)
        mysql = replace(settings, target="mysql")
        manifest_path(mysql).parent.mkdir(parents=True, exist_ok=True)
        manifest_path(mysql).write_bytes(manifest_path(settings).read_bytes())
        with pytest.raises(WarehouseError, match="was made for duckdb, not mysql"):
            load_manifest(mysql)

    def test_a_manifest_older_than_the_project_is_stale(self, settings: Settings) -> None:
        file = PROJECT_ROOT / "dbt_project.yml"
        later, earlier = time.time() + 3600, file.stat().st_mtime - 1
        os.utime(manifest_path(settings), (later, later))
        assert not is_stale(settings)
        os.utime(manifest_path(settings), (earlier, earlier))
        assert is_stale(settings)


class TestTranslator:
    @pytest.mark.parametrize(
        ("path", "kind", "domain", "layer"),
        [
            ("models/staging/wework/stg_wework__accounts.sql", "model", "wework", "staging"),
            ("models/staging/wework/_wework__sources.yml", "source", "wework", "sources"),
            ("models/marts/ai/rollups/ai_agent_daily.sql", "model", "ai", "rollups"),
            ("models/marts/ai/views/v_agent_overview.sql", "model", "ai", "views"),
            ("models/marts/health/dim_patients.sql", "model", "health", "marts"),
            ("models/marts/platform/dim_dates.sql", "model", "platform", "marts"),
            ("seeds/holidays.csv", "seed", "platform", "seeds"),
            ("seeds/core/labels.csv", "seed", "core", "seeds"),
            ("snapshots/core/tenants.sql", "snapshot", "core", "snapshots"),
        ],
    )
    def test_the_path_says_domain_and_layer(
        self, path: str, kind: str, domain: str, layer: str
    ) -> None:
        node = {"original_file_path": path, "resource_type": kind}
        assert (domain_of(node), layer_of(node)) == (domain, layer)
        assert WarehouseTranslator().get_group_name(node) == f"{domain}_{layer}"

    def test_keys_are_database_and_table_without_the_prefix(self) -> None:
        translator = WarehouseTranslator("t7_")
        model = {"schema": "t7_wework_platform", "name": "wework_tenant_usage"}
        source = {"schema": "t7_wework_platform", "name": "renamed", "identifier": "wework_groups"}
        assert translator.get_asset_key(model) == USAGE
        assert translator.get_asset_key(source).path == ["wework_platform", "wework_groups"]

    def test_only_windows_cut_on_a_column_are_daily(self) -> None:
        assert is_daily({"config": {"materialized": "window", "window_column": "stat_date"}})
        assert is_daily({"config": {"materialized": "keyed_window", "window_column": "event_time"}})
        assert not is_daily({"config": {"materialized": "window"}})
        assert not is_daily({"config": {"materialized": "table", "window_column": "x"}})


def test_a_singular_test_hangs_on_what_is_built_last() -> None:
    manifest = {
        "nodes": {
            "model.staged": {"resource_type": "model"},
            "model.zero": {"resource_type": "model"},
            "model.usage": {"resource_type": "model"},
            "test.many": {
                "resource_type": "test",
                "depends_on": {"nodes": ["model.usage", "model.staged", "model.zero"]},
            },
            "test.one": {"resource_type": "test", "depends_on": {"nodes": ["model.staged"]}},
        },
        "parent_map": {
            "model.staged": ["source.raw"],
            "model.zero": ["source.raw"],
            "model.usage": ["model.staged"],
        },
    }
    nodes = with_attached_tests(manifest)["nodes"]
    assert nodes["test.many"]["attached_node"] == "model.usage"
    assert "attached_node" not in nodes["test.one"]


class TestDbtArguments:
    def test_without_days_dbt_takes_its_own_window(self) -> None:
        expected = ["build", "--indirect-selection", "empty", "--select", "a not_null_a_id"]
        assert build_arguments(["not_null_a_id", "a"]) == expected
        assert build_arguments(["not_null_a_id", "a"], {}) == expected

    def test_days_become_a_half_open_window(self) -> None:
        assert build_arguments(["a"], window_variables("2026-02-27", "2026-02-28")) == [
            "build",
            "--indirect-selection",
            "empty",
            "--vars",
            '{"end_date": "2026-03-01", "start_date": "2026-02-27"}',
            "--select",
            "a",
        ]

    def test_one_day_is_a_window_of_one_day(self) -> None:
        assert window_variables("2026-12-31", "2026-12-31") == {
            "start_date": "2026-12-31",
            "end_date": "2027-01-01",
        }


def test_a_failure_says_what_dbt_said_and_where_its_log_is(tmp_path: Path) -> None:
    error = DagsterDbtCliRuntimeError(
        "The dbt CLI process with command `dbt build --select a b c` failed.\n\n"
        "Errors parsed from dbt logs:\n\nFailure in test assert_x\n\nGot 2 results"
    )
    failure = failure_of(error, tmp_path)
    assert failure.description == ("dbt build failed.\n\nFailure in test assert_x\n\nGot 2 results")
    assert failure.metadata["dbt log"].value == str(tmp_path / "dbt.log")
    assert not failure.allow_retries


class TestPartitions:
    def test_days_are_business_days_and_the_running_one_can_be_built(
        self, settings: Settings
    ) -> None:
        # 01:30 on the 2nd in Shanghai is still the 1st in UTC.
        now = datetime(2026, 3, 2, 1, 30, tzinfo=SHANGHAI)
        keys = daily_partitions(settings).get_partition_keys(current_time=now)
        assert (keys[0], keys[-1]) == ("2024-01-01", "2026-03-02")

    def test_the_first_day_is_a_setting(self, settings: Settings) -> None:
        other = replace(settings, environment={"WAREHOUSE_FIRST_DAY": "2020-06-01"})
        assert first_day(other).isoformat() == "2020-06-01"
        with pytest.raises(WarehouseError, match="WAREHOUSE_FIRST_DAY 'soon' is not a date"):
            first_day(replace(settings, environment={"WAREHOUSE_FIRST_DAY": "soon"}))


class TestSchedules:
    def test_a_tick_asks_for_yesterday_and_the_lookback(
        self, repository: dg.RepositoryDefinition
    ) -> None:
        asked = _tick(repository, "generate_daily_reports", datetime(2026, 3, 1, 1, 0))
        assert _days(asked) == ("2026-02-26", "2026-02-28")
        assert asked.run_key == "2026-02-28"
        assert lookback_days() == 3

    def test_the_day_is_shanghai_s_whatever_zone_the_tick_is_told_in(
        self, repository: dg.RepositoryDefinition
    ) -> None:
        at = datetime(2026, 2, 28, 17, 0, tzinfo=ZoneInfo("UTC"))
        assert _tick(repository, "generate_daily_reports", at).run_key == "2026-02-28"

    @pytest.mark.parametrize(
        ("name", "at", "days"),
        [
            # Month and year ends, and the day that leap years alone have.
            ("generate_daily_health_stats", datetime(2027, 1, 1, 2), ("2026-12-29", "2026-12-31")),
            ("generate_daily_health_stats", datetime(2024, 3, 1, 2), ("2024-02-27", "2024-02-29")),
            ("generate_daily_reports", datetime(2026, 5, 1, 1), ("2026-04-28", "2026-04-30")),
            # The running day too, and the week that receipts may still change.
            ("update_account_statistics", datetime(2027, 1, 1, 0, 5), ("2026-12-25", "2027-01-01")),
            (
                "update_account_statistics",
                datetime(2026, 3, 1, 23, 5),
                ("2026-02-22", "2026-03-01"),
            ),
        ],
    )
    def test_days_at_the_ends_of_months_and_years(
        self,
        repository: dg.RepositoryDefinition,
        name: str,
        at: datetime,
        days: tuple[str, str],
    ) -> None:
        assert _days(_tick(repository, name, at)) == days

    def test_the_daily_build_names_days_and_lets_each_model_look_back_further(
        self, repository: dg.RepositoryDefinition
    ) -> None:
        asked = _tick(repository, "daily_build", datetime(2027, 1, 1, 4))
        assert _days(asked) == ("2026-12-29", "2027-01-01")
        job = repository.get_job("daily_build")
        with DagsterInstance.ephemeral() as instance:
            for tags, wanted in (
                (asked.tags, {}),
                (
                    {k: v for k, v in asked.tags.items() if k != OWN_WINDOWS},
                    {"start_date": "2026-12-29", "end_date": "2027-01-02"},
                ),
            ):
                context = _AssetContext(instance.create_run_for_job(job, tags=tags))
                assert window_of(context) == wanted

    def test_months_are_asked_for_once_they_have_closed(
        self, repository: dg.RepositoryDefinition
    ) -> None:
        asked = _tick(repository, schedules.LAKE_SYNC, datetime(2027, 1, 1, 1, 30))
        assert _days(asked) == ("2024-01-01", "2026-12-01")
        asked = _tick(repository, schedules.LAKE_SYNC, datetime(2024, 2, 29, 1, 30))
        assert _days(asked) == ("2024-01-01", "2024-01-01")
        none = _tick(repository, schedules.LAKE_SYNC, datetime(2024, 1, 31, 1, 30))
        assert str(none.skip_message) == "No month has closed yet."

    def test_ticks_of_what_is_not_built_by_days_differ_by_their_time(
        self, repository: dg.RepositoryDefinition
    ) -> None:
        first = _tick(repository, "auto_assign_tags", datetime(2026, 12, 31, 18))
        second = _tick(repository, "auto_assign_tags", datetime(2027, 1, 1, 0))
        assert first.run_key == "2026-12-31T18:00:00+08:00"
        assert second.run_key == "2027-01-01T00:00:00+08:00"
        assert not {schedules.RANGE_START, schedules.RANGE_END} & set(first.tags)

    @pytest.mark.parametrize("status", [DagsterRunStatus.NOT_STARTED, DagsterRunStatus.STARTED])
    def test_a_tick_is_skipped_while_its_job_runs(
        self, repository: dg.RepositoryDefinition, status: DagsterRunStatus
    ) -> None:
        with DagsterInstance.local_temp() as instance:
            job = repository.get_job("generate_daily_reports")
            instance.create_run_for_job(job, status=status)
            at = datetime(2026, 3, 1, 1, 0)
            skipped = _tick(repository, "generate_daily_reports", at, instance)
            assert isinstance(skipped, dg.SkipReason)
            assert f"not finished ({status.value.lower()})" in str(skipped.skip_message)

    def test_a_finished_run_does_not_hold_the_next_tick(
        self, repository: dg.RepositoryDefinition
    ) -> None:
        with DagsterInstance.local_temp() as instance:
            job = repository.get_job("generate_daily_reports")
            instance.create_run_for_job(job, status=DagsterRunStatus.FAILURE)
            at = datetime(2026, 3, 1, 1, 0)
            asked = _tick(repository, "generate_daily_reports", at, instance)
            assert isinstance(asked, dg.RunRequest)

    def test_a_fast_tick_without_work_is_skipped_and_one_with_work_is_not(
        self, repository: dg.RepositoryDefinition, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked: list[str] = []

        def has_work(operation: Operation, _settings: Settings) -> bool:
            asked.append(operation.name)
            return len(asked) > 1

        monkeypatch.setattr(schedules, "has_work", has_work)
        for at in (datetime(2026, 3, 1), datetime(2026, 3, 1, 0, 2)):
            decided = _tick(repository, "auto_status_check", at)
        assert isinstance(decided, dg.RunRequest)
        asked.clear()
        skipped = _tick(repository, "auto_status_check", datetime(2026, 3, 1, 0, 4))
        assert str(skipped.skip_message) == "Nothing to do for auto_status_check."
        assert asked == ["auto_status_check"]

    @pytest.mark.parametrize(
        ("error", "reason"),
        [
            (AlreadyRunning("x is running already.", fix="wait."), "x is running already."),
            (WarehouseError("Another process holds f: dbt.", fix="wait."), "Another process holds"),
        ],
    )
    def test_a_tick_that_cannot_look_because_others_work_is_skipped(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str
    ) -> None:
        def has_work(_operation: Operation, hasty: Settings) -> bool:
            assert hasty.environment["WAREHOUSE_DUCKDB_WAIT_SECONDS"] == "1"
            raise error

        monkeypatch.setattr(schedules, "has_work", has_work)
        assert schedules.why_not("auto_status_check", settings).startswith(reason)

    def test_a_tick_fails_where_the_server_is_gone(self, mysql_target: Settings) -> None:
        with pytest.raises(WarehouseError, match=r"db\.invalid"):
            schedules.why_not("auto_status_check", mysql_target)

    def test_every_row_of_the_table_builds_assets_or_runs_an_operation(
        self, repository: dg.RepositoryDefinition
    ) -> None:
        known = repository.asset_graph.get_all_asset_keys()
        operations = {operation.name for operation in OPERATIONS}
        for row in schedules.SCHEDULES:
            assert row.zone == "Asia/Shanghai"
            assert {dg.AssetKey(key) for key in row.builds} <= known
            assert row.builds or row.name in operations or row.name in WHOLE
            assert repository.get_schedule_def(row.name).description == row.description
            assert row.description.endswith(".")
            assert repository.has_job(row.name)
            assert not row.asks_first or row.name in operations
        assert {row.name for row in schedules.SCHEDULES if row.name in operations} == operations

    def test_the_sixteen_events_are_replaced_at_their_times(self) -> None:
        """As 03-operations says; doctor looks for the same events on a server."""
        events = [row for row in schedules.SCHEDULES if row.is_event]
        assert {(row.domain, row.name, row.cron) for row in events} == EVENTS
        for domain, names in REPLACED_EVENTS.items():
            assert {row.name for row in events if row.domain == domain} == set(names)
        for row in events:
            event = f"Replaces the MySQL event {row.name} of {DATABASES[row.domain]}. "
            assert row.description.startswith(event)

    def test_what_is_written_back_is_built_before_in_the_same_run(
        self, repository: dg.RepositoryDefinition
    ) -> None:
        for name, this in WRITE_BACKS.items():
            keys = repository.get_job(name).asset_layer.executable_asset_keys
            mine = key_of(name)
            model = dg.AssetKey([mine.path[0], this.model])
            assert {mine, model} <= keys
            assert repository.asset_graph.get(mine).parent_keys == {model}

    def test_schedules_and_sensors_run_where_production_says_so(self, settings: Settings) -> None:
        row = schedules.SCHEDULES[0]
        for mode, status in (("running", "RUNNING"), ("stopped", "STOPPED"), ("", "STOPPED")):
            other = replace(settings, environment={"WAREHOUSE_SCHEDULES": mode})
            assert schedules.default_status(other, row) == DefaultScheduleStatus[status]
            states = {sensor.default_status.value for sensor in build_sensors(other)}
            assert states == {status}
        with pytest.raises(WarehouseError, match="WAREHOUSE_SCHEDULES 'on' is unknown"):
            schedules.default_status(
                replace(settings, environment={"WAREHOUSE_SCHEDULES": "on"}), row
            )


class Following:
    """Evaluations of all conditions, one after the other, and what was built in between."""

    def __init__(self, definitions: dg.Definitions, instance: DagsterInstance) -> None:
        self.definitions, self.instance = definitions, instance
        self.graph = definitions.get_repository_def().asset_graph
        self.cursor = None
        # No tick of the cron for two hours.
        assert self.requested(datetime(2026, 6, 30, 7)) == set(), "a first look asks for nothing"

    def requested(self, at: datetime) -> set[str]:
        """The names of assets that are asked for."""
        found = dg.evaluate_automation_conditions(
            self.definitions,
            self.instance,
            evaluation_time=at.replace(tzinfo=SHANGHAI),
            cursor=self.cursor,
        )
        self.cursor = found.cursor
        keys = self.graph.get_all_asset_keys()
        return {key.path[-1] for key in keys if found.get_num_requested(key)}

    def build(self, database: str, name: str, day: str | None = None) -> None:
        event = dg.AssetMaterialization(dg.AssetKey([database, name]), partition=day)
        self.instance.report_runless_asset_event(event)


@pytest.fixture
def following(definitions: dg.Definitions) -> Iterator[Following]:
    with DagsterInstance.ephemeral() as instance:
        yield Following(definitions, instance)


class TestFollowing:
    def test_a_write_back_follows_at_once_and_once(self, following: Following) -> None:
        following.build("wework_platform", "wework_account_statistics")
        assert following.requested(datetime(2026, 6, 30, 7, 2)) == {"update_account_statistics"}
        assert following.requested(datetime(2026, 6, 30, 7, 4)) == set()

    def test_a_write_back_waits_while_what_it_reads_fails_its_check(
        self, following: Following
    ) -> None:
        name = "wework_account_health"
        key = dg.AssetKey(["wework_platform", name])
        for passed, wanted in ((False, set()), (True, {"update_health_scores"})):
            following.build(*key.path)
            following.instance.report_runless_asset_event(
                dg.AssetCheckEvaluation(
                    check_name=checks.CHECK, asset_key=key, passed=passed, blocking=True
                )
            )
            minute = 4 if passed else 2
            assert following.requested(datetime(2026, 6, 30, 7, minute)) == wanted

    def test_tables_follow_once_between_ticks(self, following: Following) -> None:
        """However often the days of a tenant are built."""
        wanted = {"tenant_360"}
        for hour, expected in ((7, set()), (8, set()), (13, wanted), (14, set()), (19, wanted)):
            following.build("warehouse", "tenant_daily", "2026-06-29")
            assert following.requested(datetime(2026, 6, 30, hour, 40)) == expected
        assert following.requested(datetime(2026, 7, 1, 1)) == set(), "nothing new was built"

    def test_what_schedules_build_and_daily_tables_do_not_follow(
        self, repository: dg.RepositoryDefinition
    ) -> None:
        graph = repository.asset_graph
        follow = {k for k in graph.get_all_asset_keys() if graph.get(k).automation_condition}
        assert not follow & schedules.scheduled_assets()
        assert not [k for k in follow if graph.get(k).partitions_def]
        assert {key_of(name) for name in WRITE_BACKS} <= follow


WHOLE = (
    schedules.DAILY_BUILD,
    schedules.HOURLY_FRESHNESS,
    schedules.LAKE_SYNC,
    schedules.PARTITION_HORIZON,
    schedules.RETENTION,
    schedules.WEEKLY_DOCS,
)
EVENTS = {
    ("core", "cleanup_expired_data", "0 2 * * *"),
    ("ai", "cleanup_expired_conversations", "15 2 * * *"),
    ("ai", "mark_idle_conversations", "*/5 * * * *"),
    ("ai", "update_all_agent_statistics", "0 * * * *"),
    ("wework", "auto_status_check", "*/2 * * * *"),
    ("wework", "update_health_scores", "*/10 * * * *"),
    ("wework", "update_account_statistics", "5 * * * *"),
    ("wework", "generate_daily_reports", "0 1 * * *"),
    ("health", "generate_daily_health_stats", "0 2 * * *"),
    ("health", "check_device_status", "*/10 * * * *"),
    ("business", "check_low_capacity_services", "10 * * * *"),
    ("business", "cleanup_expired_coupons", "0 2 * * *"),
    ("business", "handle_timeout_service_orders", "*/10 * * * *"),
    ("customer", "update_customer_lifecycle", "0 3 * * *"),
    ("customer", "auto_assign_tags", "0 */6 * * *"),
    ("customer", "update_dynamic_segments", "0 1,13 * * *"),
}


def _tick(
    repository: dg.RepositoryDefinition,
    name: str,
    at: datetime,
    instance: DagsterInstance | None = None,
) -> Any:
    """What a tick decides; a time without a zone is Shanghai's."""
    at = at if at.tzinfo else at.replace(tzinfo=SHANGHAI)
    with (
        DagsterInstance.local_temp() as empty,
        dg.build_schedule_context(
            instance=instance or empty, scheduled_execution_time=at
        ) as context,
    ):
        return repository.get_schedule_def(name)(context)


class _AssetContext:
    """What `window_of` asks of a run by days."""

    has_partition_key, has_partition_key_range = False, True

    def __init__(self, run: dg.DagsterRun) -> None:
        self.run = run
        first, last = run.tags[schedules.RANGE_START], run.tags[schedules.RANGE_END]
        self.partition_key_range = dg.PartitionKeyRange(first, last)


def _days(asked: dg.RunRequest) -> tuple[str, str]:
    return asked.tags[schedules.RANGE_START], asked.tags[schedules.RANGE_END]
