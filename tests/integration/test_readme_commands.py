"""README.md's commands, run as they stand on the built demo, or by the test that is named here."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from commands import run, variables_of
from warehouses import Demo

from orchestration.manifest import dbt_executable
from orchestration.settings import PROJECT_ROOT, Settings

README = (PROJECT_ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```bash\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
INLINE = re.findall(
    r"`([^`]+)`", re.sub(r"^```.*?^```", "", README, flags=re.DOTALL | re.MULTILINE)
)
PROGRAMS = ("warehouse", "dbt", "make")
# What needs a server, a person, a file of somebody's or minutes, and what runs it instead.
ELSEWHERE = {
    "make demo": "test_readme_commands.py",  # its command is the slow one below
    "make demo TARGET=mysql": "test_existing_mysql.py",
    "make test": ".ci/run",
    "make setup": ".ci/run",
    "make mysql-up": ".ci/run",
    "make bench": "benchmarks/__main__.py",
    "make docs": "test_docs_site.py",
    "make screens": "test_docs_site.py",
    "make dagster": "test_dagster_pages.py",
    "warehouse docs": "test_docs_site.py",
    "warehouse docs --serve": "test_docs_site.py",
    "warehouse init": "test_existing_mysql.py",
    "warehouse doctor --target mysql": "test_doctor.py",
    "dbt build --target dev": "test_dev_target.py",
    "warehouse grants": "test_grants.py",
    "warehouse lineage": "test_lineage.py",
    "warehouse validate": "test_validation_run.py",
    "warehouse mysql clients": "test_backup.py",
    "warehouse generate --scale small": "test_load.py",
    "warehouse load .local/data/small": "test_load.py",
    "warehouse order create order.json": "test_booking.py",
    "warehouse --install-completion": "test_cli.py",
}
SLOW = ("dbt build -s wework", "dbt build -s wework_tenant_usage --full-refresh")


def written() -> Iterator[str]:
    """Each command of the blocks and of the text, once."""
    lines = [line for block in BLOCKS for line in block.splitlines()]
    commands = dict.fromkeys(" ".join(text.split()) for text in [*lines, *INLINE])
    for command in commands:
        command = command.removeprefix(".venv/bin/")
        if command.split()[0] in PROGRAMS and len(command.split()) > 1:
            yield command


COMMANDS = [
    pytest.param(command, marks=[pytest.mark.slow] * (command in SLOW))
    for command in dict.fromkeys(written())
    if command not in ELSEWHERE and command != "dbt debug"
]


@pytest.fixture(scope="module")
def reader(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The demo as a person has it, in a file of its own, so that builds may write."""
    settings, folder = demo.on("embedded"), tmp_path_factory.mktemp("reader")
    file = folder / settings.duckdb_path.name
    shutil.copy(settings.duckdb_path, file)
    return replace(settings, duckdb_path=file, local_dir=folder)


@pytest.mark.parametrize("command", COMMANDS)
def test_it_runs_as_it_stands(
    command: str, reader: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program, *arguments = shlex.split(command)
    if program == "warehouse":
        monkeypatch.chdir(tmp_path)
        done = run(reader, *arguments)
        assert (done.code, "Traceback" in done.text) == (0, False), done.text
        return
    outcome = subprocess.run(
        [dbt_executable(), *arguments, "--target-path", tmp_path / "target"],
        cwd=PROJECT_ROOT, env=variables_of(reader, DBT_LOG_PATH=str(tmp_path)),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert outcome.returncode == 0, outcome.stdout[-2000:]


def test_what_is_run_elsewhere_is() -> None:
    known = set(written())
    assert set(ELSEWHERE) <= known, set(ELSEWHERE) - known
    for command, place in ELSEWHERE.items():
        files = [*PROJECT_ROOT.glob(place), *(PROJECT_ROOT / "tests").rglob(place)]
        assert files, (command, place)


@pytest.mark.slow
def test_the_demo(embedded_settings: Settings) -> None:
    """The command of `make demo`: everything, and a second time nothing."""
    first = run(embedded_settings, "demo")
    assert first.code == 0, first.text
    assert "The warehouse stands on DuckDB" in first.out
    again = run(embedded_settings, "demo")
    assert again.code == 0 and "Nothing changed since that build" in again.out


def test_the_lines_of_a_newcomer_are_there() -> None:
    """A first query, and a day for each of the three."""
    text = "\n".join(BLOCKS)
    for needed in ("make demo", "make test", "query", "dbt build -s", "doctor", "report --out"):
        assert needed in text
