"""What docs/deployment.md tells people to install is true: settings, units, variables, commands."""

from __future__ import annotations

import re
import subprocess
import sys
from configparser import ConfigParser
from dataclasses import replace
from pathlib import Path

import pytest
from dagster import DagsterInstance

from orchestration.dagster_dev import dagster_home, make_home
from orchestration.settings import PROJECT_ROOT, SECRETS, Settings, load_settings

SYSTEMD = PROJECT_ROOT / "docs" / "systemd"
UNITS = sorted(SYSTEMD.glob("*.service"))
PAGE = (PROJECT_ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings({"WAREHOUSE_LOCAL_DIR": str(tmp_path)})


def variables(text: str) -> dict[str, str]:
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def test_dagster_takes_our_settings_and_has_them_on_purpose(settings: Settings) -> None:
    with DagsterInstance.from_config(str(make_home(settings))) as instance:
        assert not instance.telemetry_enabled and not instance.nux_enabled
        assert instance.run_monitoring_enabled and instance.run_retries_enabled
        assert instance.run_monitoring_settings["free_slots_after_run_end_seconds"] == 30
        assert instance.get_concurrency_config().pool_config.default_pool_limit == 1
        pools = {limit.name: limit.limit for limit in instance.event_log_storage.get_pool_limits()}
        assert pools == {"duckdb_writer": 1, "mysql_builds": 1}
        assert instance.run_retries_max_retries == 2
        assert "sqlite" in type(instance.run_storage).__name__.lower()


def test_with_spark_its_folder_has_one_slot(settings: Settings) -> None:
    home = make_home(replace(settings, engine="spark"))
    with DagsterInstance.from_config(str(home)) as instance:
        pools = {limit.name: limit.limit for limit in instance.event_log_storage.get_pool_limits()}
    assert pools["spark_folder"] == 1


def test_what_a_machine_adds_of_its_own_stays(settings: Settings) -> None:
    home = dagster_home(settings)
    home.mkdir(parents=True)
    elsewhere = home.parent / "elsewhere"
    (home / "storage.yaml").write_text(f"storage:\n  sqlite:\n    base_dir: {elsewhere}\n")
    make_home(settings)
    with DagsterInstance.from_config(str(make_home(settings))):
        assert elsewhere.exists() and (home / "storage.yaml").exists()


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_unit_starts_what_there_is_and_holds_no_secret(unit: Path) -> None:
    text = unit.read_text(encoding="utf-8")
    parser = ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(text)
    for name in {"ExecStart", "ExecStartPre"} & set(parser["Service"]):
        command, *arguments = parser["Service"][name].split()
        program = Path(sys.executable).with_name(Path(command).name)
        verbs = [word for word in arguments if word.isalpha() and word in ("run", "dagster")]
        shown = subprocess.run(
            [program, *verbs, "--help"],
            env={"COLUMNS": "200", "PATH": "/usr/bin:/bin", "HOME": "/nonexistent"},
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        for option in (word for word in arguments if word.startswith("--")):
            assert option in shown, f"{program.name} has no {option}"
    for secret in SECRETS:
        assert f"{secret}_FILE=%d/" in text, "secrets are credentials"
        assert f"{secret}=" not in text


def test_the_environment_is_read_and_agrees_with_itself(tmp_path: Path) -> None:
    listed = variables((SYSTEMD / "warehouse.env").read_text(encoding="utf-8"))
    assert not set(SECRETS) & listed.keys()
    readme = (PROJECT_ROOT / "README.md").read_text(encoding="utf-8")
    ours = {name for name in listed if name.startswith(("WAREHOUSE_", "MYSQL_"))}
    assert not [name for name in ours if f"`{name}`" not in readme]
    secrets = {}
    for name in SECRETS:
        (tmp_path / name).write_text(f"{name.lower()}-of-the-company-and-nobody-else")
        secrets[f"{name}_FILE"] = str(tmp_path / name)
    settings = load_settings({**listed, **secrets})
    assert str(dagster_home(settings)) == listed["DAGSTER_HOME"]
    assert settings.mysql.host == listed["MYSQL_HOST"] and settings.mask_key


def test_the_page_names_files_that_exist() -> None:
    for path in re.findall(r"`((?:docs|orchestration)/[\w./-]+)`", PAGE):
        assert (PROJECT_ROOT / path).exists(), path
    assert all(unit.name in PAGE for unit in UNITS)
