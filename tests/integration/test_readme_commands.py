"""README.md's commands: run here as they stand on the built demo, or by the test that is named."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from commands import run, shell
from warehouses import ENGINES, Demo

from orchestration import mysql_server
from orchestration.schema.deploy import deploy
from orchestration.settings import PROJECT_ROOT, Settings, load_settings

README = (PROJECT_ROOT / "README.md").read_text(encoding="utf-8")
MAKEFILE = (PROJECT_ROOT / "Makefile").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```bash\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
INLINE = re.findall(
    r"`([^`]+)`", re.sub(r"^```.*?^```", "", README, flags=re.DOTALL | re.MULTILINE)
)
PROGRAMS = ("warehouse", "dbt", "make", "python", "source", "eval", "export")
DEMO = {"embedded": "make demo", "mysql": "make demo TARGET=mysql"}
# What CI's own command is made of.
CI = ("make test", "make setup", "make mysql-up")
# What needs a server, a person or a world of its own; the test runs it, perhaps with a port more.
ELSEWHERE = {
    "make screens": "test_docs_site.py::test_the_whole_site",
    "make docs": "test_docs_site.py::test_the_whole_site",  # first of what `make screens` does
    "warehouse docs": "test_docs_site.py::test_the_whole_site",
    "warehouse docs --serve": "test_docs_site.py::test_the_site_is_served_to_this_machine",
    "make dagster": "test_dagster_pages.py::test_a_newcomer_finds_the_way",
    "dbt build -s wework --target dev":
        "test_dev_target.py::test_a_developer_builds_beside_what_is_shared",
    "python -m pytest tests/unit/test_models.py -k wework_tenant_usage":
        "test_models.py::test_rows_in_rows_out",
    "warehouse lineage": "test_lineage.py::test_no_classified_column_gets_out_unmasked",
    "warehouse order create order.json":
        "test_booking_concurrency.py::test_a_process_that_is_killed_leaves_nothing",
}  # fmt: skip
ON_MYSQL = ("warehouse init", "warehouse grants", "warehouse doctor --target mysql")
SMALL = ("warehouse generate --scale small", "warehouse load .local/data/small")
OF_A_SHELL = ("warehouse --install-completion", "warehouse mysql clients")


def written() -> Iterator[str]:
    """Each command of the blocks and of the text, once."""
    lines = [line for block in BLOCKS for line in block.splitlines()]
    for command in dict.fromkeys(" ".join(text.split()) for text in [*lines, *INLINE]):
        command = command.removeprefix(".venv/bin/")
        if command.split()[0] in PROGRAMS and len(command.split()) > 1:
            yield command


WRITTEN = tuple(dict.fromkeys(written()))
SPECIAL = {*DEMO.values(), *CI, *ELSEWHERE, *ON_MYSQL, *SMALL, *OF_A_SHELL}
COMMANDS = [command for command in WRITTEN if command not in SPECIAL]


@pytest.fixture(scope="module")
def reader(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The demo as a person has it, in a file of its own, so that builds may write."""
    settings, folder = demo.on("embedded"), tmp_path_factory.mktemp("reader")
    file = folder / settings.duckdb_path.name
    shutil.copy(settings.duckdb_path, file)
    shutil.copytree(settings.local_dir / "target", folder / "target")
    return replace(settings, duckdb_path=file, local_dir=folder)


@pytest.mark.parametrize("command", COMMANDS)
def test_it_runs_as_it_stands(
    command: str, reader: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program, *arguments = shlex.split(command)
    if program == "warehouse":
        monkeypatch.chdir(tmp_path)
        done = run(reader, *arguments)
    else:
        done = shell(command, reader)
    assert (done.code, "Traceback" in done.text) == (0, False), done.text[-2000:]


@pytest.mark.mysql
@pytest.mark.parametrize("command", ON_MYSQL)
def test_it_runs_on_mysql(command: str, demo: Demo, tmp_path: Path) -> None:
    """`init` and `doctor` may warn of this server, and end with 1 then."""
    settings = replace(demo.on("mysql"), local_dir=tmp_path)
    done = run(settings, *shlex.split(command)[1:])
    assert done.code in (0, 1) and not done.err.startswith("error"), done.text
    assert re.search({"init": "wrote ", "grants": "create role"}.get(command.split()[1], "^ok"),
                     done.out, re.MULTILINE)  # fmt: skip


@pytest.mark.parametrize("demo", [1], indirect=True, scope="session")
@pytest.mark.parametrize("engine", ENGINES)
def test_make_demo(demo: Demo, engine: str) -> None:
    """The whole build with every test, over the demo as it stands: each relation stays the same.

    A first run is the demo itself, which tests/warehouses.py makes of the same steps.
    """
    settings = demo.on(engine)
    before = demo.built(engine)
    assert shell("make --question setup", settings).code == 0, "run `make setup` first"
    first = shell(DEMO[engine], settings)
    assert first.code == 0, first.text[-4000:]
    name = {"embedded": "DuckDB", "mysql": "MySQL"}[engine]
    assert f"The warehouse stands on {name}" in first.out
    assert re.search(r"tests passed +[\d,]{3,} +warnings 0\n", first.out), first.out
    now = demo.built(engine)
    assert [name for name, rows in before.items() if now[name] != rows] == []
    again = shell(DEMO[engine], settings)
    assert again.code == 0 and "Nothing changed since that build" in again.out, again.text


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
def test_make_demo_from_nothing(engine: str, request: pytest.FixtureRequest) -> None:
    settings = request.getfixturevalue(f"{engine}_settings")
    done = shell(DEMO[engine], settings)
    assert done.code == 0 and "The warehouse stands on" in done.out, done.text[-4000:]


def test_more_data(embedded_settings: Settings, tmp_path: Path) -> None:
    """A domain's share of it, in a folder that is new."""
    local = tmp_path / ".local"
    settings = replace(
        embedded_settings, local_dir=local, duckdb_path=local / "saas.duckdb", domains=("business",)
    )
    local.mkdir()
    deploy(settings, progress=lambda _: None)
    for command, says in zip(SMALL, ("generated", "loaded"), strict=True):
        done = shell(command, settings, cwd=tmp_path)
        assert done.code == 0 and re.search(rf"^{says} \d{{3}},\d{{3}} rows", done.out), done.text


def test_what_changes_a_shell(embedded_settings: Settings, tmp_path: Path) -> None:
    home = {"HOME": str(tmp_path)}
    done = shell(f"{OF_A_SHELL[0]}; true", embedded_settings, **home)
    assert "completion installed" in done.out, done.text
    assert "warehouse" in (tmp_path / ".bashrc").read_text(encoding="utf-8")


@pytest.mark.mysql
def test_the_client_programs(mysql_settings: Settings) -> None:
    """Those of the PATH, or of the packages that the private server came from."""
    settings = replace(mysql_settings, local_dir=load_settings().local_dir)
    done = shell(OF_A_SHELL[1], settings)
    assert done.code == 0, done.text
    folder = Path(done.out.splitlines()[-1])
    for program in mysql_server.CLIENTS:
        assert "Ver" in shell(f"{folder / program} --version", settings).out


def test_what_is_run_elsewhere_is() -> None:
    assert set(WRITTEN) >= SPECIAL, SPECIAL - set(WRITTEN)
    for command, place in ELSEWHERE.items():
        file, _, test = place.partition("::")
        [found] = (PROJECT_ROOT / "tests").rglob(file)
        assert f"def {test}" in found.read_text(encoding="utf-8"), (command, place)
    [prerequisites] = re.findall(r"^test: ([a-z -]+)##", MAKEFILE, re.MULTILINE)
    assert {f"make {target}" for target in prerequisites.split()} >= {*CI} - {CI[0]}
    assert CI[0] in (PROJECT_ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    [screens] = re.findall(r"^screens: ([a-z -]+)##", MAKEFILE, re.MULTILINE)
    assert "docs" in screens.split()


@pytest.mark.parametrize(("target", "command"), [("dagster", "dagster"), ("docs", "docs")])
def test_a_target_is_the_command(target: str, command: str, embedded_settings: Settings) -> None:
    said = shell(f"make --dry-run {target}", embedded_settings).out
    assert said.splitlines()[-1] == f".venv/bin/warehouse {command} --target embedded"


def test_the_lines_of_a_newcomer_are_there() -> None:
    """A first query, and a day for each of the three."""
    text = "\n".join(BLOCKS)
    for needed in ("make demo", "make test", "query", "dbt build -s", "doctor", "report --out"):
        assert needed in text
