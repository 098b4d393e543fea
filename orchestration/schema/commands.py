"""`warehouse init`: get to know a MySQL server that is there already."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from orchestration.errors import WarehouseError
from orchestration.options import AsJson, progress, say
from orchestration.settings import Settings, load_settings, with_secrets

# Asked for in this order, with what is offered.
QUESTIONS = {"MYSQL_HOST": "127.0.0.1", "MYSQL_PORT": "3306", "MYSQL_USER": None}


def init(
    host: Annotated[str | None, typer.Option(help="The server [env MYSQL_HOST].")] = None,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Its port [env MYSQL_PORT].")
    ] = None,
    user: Annotated[str | None, typer.Option(help="Who logs in [env MYSQL_USER].")] = None,
    password_file: Annotated[
        Path | None,
        typer.Option(help="A file that holds the password [env MYSQL_PASSWORD_FILE]."),
    ] = None,
    prefix: Annotated[
        str | None,
        typer.Option(help="What the databases' names begin with [env WAREHOUSE_DATABASE_PREFIX]."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(dir_okay=False, help="The file to write; default .local/warehouse.env."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Look at a MySQL server: which of the six databases it has, what differs, what to mend.

    Asks for what neither options nor the environment say, when a person is there to answer. Changes
    nothing on the server; writes an example environment file without the password. Exit code as of
    `warehouse doctor`: 0 all well, 1 warnings, 2 problems.
    """
    from orchestration.schema import doctor, survey

    given = {
        "MYSQL_HOST": host,
        "MYSQL_PORT": str(port) if port else None,
        "MYSQL_USER": user,
        "MYSQL_PASSWORD_FILE": str(password_file) if password_file else None,
        "WAREHOUSE_DATABASE_PREFIX": prefix,
    }
    settings = _settings({name: value for name, value in given.items() if value is not None})
    file = out or settings.local_dir / "warehouse.env"
    found = survey.survey(settings)
    settings = replace(settings, domains=survey.domains_in_use(found))
    findings = doctor.examine(settings)
    _write(file, survey.environment_file(settings))
    if as_json:
        say(survey.to_json(found, findings, str(file)))
    else:
        say(survey.render(found))
        say()
        say(doctor.render(findings))
        say()
        say(f"wrote {file}; docs/existing-mysql.md says how to go on")
    raise typer.Exit(doctor.exit_code(findings))


def _settings(options: Mapping[str, str]) -> Settings:
    """The environment with the options over it, and with answers for what is missing."""
    environment = {**os.environ, **options, "WAREHOUSE_TARGET": "mysql", "WAREHOUSE_DOMAINS": ""}
    if "MYSQL_PASSWORD_FILE" in options:
        environment.pop("MYSQL_PASSWORD", None)
    environment = with_secrets(environment)
    wanted = [name for name in (*QUESTIONS, "MYSQL_PASSWORD") if not environment.get(name)]
    needed = [name for name in wanted if name != "MYSQL_PORT"]  # which has its usual value
    if needed:
        if not sys.stdin.isatty():
            raise WarehouseError(
                f"{', '.join(needed)} {'is' if len(needed) == 1 else 'are'} not known, and there "
                "is no terminal to ask on.",
                fix="give --host, --user and --password-file, or export the variables.",
            )
        for name in wanted:
            environment[name] = (
                typer.prompt("Password (not shown, not kept)", hide_input=True, err=True)
                if name == "MYSQL_PASSWORD"
                else typer.prompt(name, default=QUESTIONS[name], err=True)
            )
    settings = load_settings(environment)
    progress(f"looking at {settings.mysql.user}@{settings.mysql.host}:{settings.mysql.port} …")
    return settings


def _write(file: Path, text: str) -> None:
    """Write the file unless it holds something else, which may be somebody's work."""
    if file.exists():
        if file.read_text(encoding="utf-8") == text:
            return
        raise WarehouseError(
            f"{file} is there already and says something else.",
            fix="name another with --out, or remove it.",
        )
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
