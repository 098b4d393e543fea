"""The `warehouse` command: deploy, fill, build, check and look after the six databases.

Every command reads its settings from the environment (README, "Settings"), takes `--help`, exits
with 0 when all is well, 1 when something is wrong with the data or a server, 2 for wrong usage.
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestration.errors import WarehouseError
from orchestration.governance.commands import grants, lineage
from orchestration.lake.commands import app as lake_app
from orchestration.operations.business_commands import capacity_app, order_app
from orchestration.operations.commands import app as operation_app
from orchestration.operations.commands import quota_app
from orchestration.options import (
    AsJson,
    AsOf,
    Built,
    Domains,
    Suites,
    Target,
    at_work,
    may_colour,
    progress,
    read_settings,
    say,
    settings_of_built,
)
from orchestration.reports.commands import health_report, report
from orchestration.retention.commands import app as retention_app
from orchestration.rules.commands import app as rule_app
from orchestration.schema.commands import init
from orchestration.settings import DOMAINS, PLATFORM, PROJECT_ROOT, Settings, load_settings, one_of

if TYPE_CHECKING:
    from collections.abc import Iterator

EPILOG = (
    "Exit codes: 0 all well; 1 something is wrong, and the message names the thing and the fix; 2 "
    "wrong usage (doctor and init: problems); 130 stopped by Ctrl-C, and the same command goes on "
    "from there. Results go to stdout, what is going on to stderr. Settings come from the "
    "environment: README.md lists them. Colours on terminals only, and not with NO_COLOR."
)

app = typer.Typer(
    help="The SaaS warehouse: deploy, fill, build, check and look after the six databases.",
    epilog=EPILOG,
    rich_markup_mode="markdown",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
BEGIN, ASK, CHECK, OPERATE, DEVELOP = (
    "Begin", "Look and ask", "Check", "Operate", "Develop and serve",
)  # fmt: skip
mysql_app = typer.Typer(help="The private MySQL server for development and tests.")
app.add_typer(mysql_app, name="mysql", no_args_is_help=True, rich_help_panel=DEVELOP)
app.add_typer(operation_app, name="operation", no_args_is_help=True, rich_help_panel=OPERATE)
app.add_typer(order_app, name="order", no_args_is_help=True, rich_help_panel=OPERATE)
app.add_typer(capacity_app, name="capacity", no_args_is_help=True, rich_help_panel=OPERATE)
app.add_typer(quota_app, name="quota", no_args_is_help=True, rich_help_panel=OPERATE)
app.add_typer(retention_app, name="retention", no_args_is_help=True, rich_help_panel=OPERATE)
app.add_typer(lake_app, name="lake", no_args_is_help=True, rich_help_panel=OPERATE)
app.add_typer(rule_app, name="rule", no_args_is_help=True, rich_help_panel=OPERATE)
app.command(rich_help_panel=BEGIN)(init)
app.command(rich_help_panel=ASK)(report)
app.command("health-report", rich_help_panel=ASK)(health_report)
app.command(rich_help_panel=CHECK)(grants)
app.command(rich_help_panel=CHECK)(lineage)

# What a shell expects of a command that Ctrl-C ended.
INTERRUPTED = 130


@app.callback()
def _main(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of errors.")] = False,
) -> None:
    if debug:
        os.environ["WAREHOUSE_DEBUG"] = "1"


def _settings(
    target: str | None = None, domains: list[str] | None = None, as_of: str | None = None
) -> Settings:
    joined = ",".join(domains) if domains else None
    return load_settings(target=target, domains=joined, as_of=as_of)


@app.command(rich_help_panel=BEGIN)
def deploy(
    target: Target = None,
    domain: Domains = None,
    dry_run: Annotated[bool, typer.Option(help="Print the statements, change nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make the databases, tables, keys, partitions and default rows that are missing."""
    from orchestration.schema.deploy import deploy as run

    settings = _settings(target, domain)
    # A dry run's statements are its result: `warehouse deploy --dry-run > plan.sql`.
    shown = say if dry_run and not as_json else progress
    with at_work("comparing with the schema of record …"):
        report = run(settings, dry_run=dry_run, progress=shown)
    if as_json:
        say(report.to_json())
    else:
        (progress if dry_run else say)(report.summary())


@app.command(rich_help_panel=BEGIN)
def doctor(
    target: Target = None,
    as_json: Annotated[bool, typer.Option("--json", help="Findings as JSON.")] = False,
) -> None:
    """Examine a server or file, line by line, with the command that mends each problem.

    Exit code 0: all well; 1: warnings; 2: problems.
    """
    from orchestration.schema.doctor import examine, exit_code, render, to_json

    with at_work("looking at everything …"):
        findings = examine(_settings(target))
    say(to_json(findings) if as_json else render(findings))
    raise typer.Exit(exit_code(findings))


@app.command(rich_help_panel=BEGIN)
def generate(
    scale: Annotated[str, typer.Option(help="demo (300k rows), small (3 M) or bench (20 M+).")] = (
        "demo"
    ),
    seed: Annotated[int, typer.Option(help="Same seed and dates, same bytes.")] = 1,
    end_date: Annotated[
        str | None, typer.Option(help="Last business day of the data; default today.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Directory; default .local/data/ and the scale.")
    ] = None,
    domain: Domains = None,
    dirt: Annotated[
        float, typer.Option(min=0, max=0.5, help="Share of rows to damage, told in ledger.jsonl.")
    ] = 0.0,
    as_json: AsJson = False,
) -> None:
    """Write sample data for the 79 application tables as Parquet, deterministically."""
    from orchestration.sampledata.generate import generate as run

    settings = _settings(domains=domain)
    report = run(
        settings,
        scale=scale,
        seed=seed,
        end_date=end_date,
        directory=out,
        dirt=dirt,
        progress=progress,
    )
    say(report.to_json() if as_json else report.summary())


@app.command(rich_help_panel=BEGIN)
def load(
    directory: Annotated[
        Path | None, typer.Argument(help="What `generate` wrote; default .local/data/demo.")
    ] = None,
    target: Target = None,
    domain: Domains = None,
    as_json: AsJson = False,
) -> None:
    """Bulk-load generated data; can be stopped anywhere and run again."""
    from orchestration.sampledata.load import load as run

    settings = _settings(target, domain)
    directory = directory or settings.local_dir / "data" / "demo"
    report = run(settings, directory, progress=progress)
    say(report.to_json() if as_json else report.summary())


@app.command(rich_help_panel=CHECK)
def validate(
    target: Built = None,
    domain: Suites = None,
    as_of: AsOf = None,
    kind: Annotated[str | None, typer.Option(help="sources or outputs; default both.")] = None,
    docs: Annotated[
        Path | None, typer.Option(help="Also write the suites' pages (HTML) here.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Hold sources and outputs against the quality suites; exit code 1 if an expectation fails."""
    from orchestration.demo import until_the_demo_ends
    from orchestration.validation import KINDS, suites_named
    from orchestration.validation import validate as run

    named = None if domain is None else suites_named(domain)
    # The platform's suite compares the figures of all domains that there are.
    own = None if named is None or PLATFORM in named else named
    settings = until_the_demo_ends(
        read_settings(target, domains=",".join(own) if own else None, as_of=as_of)
    )
    kinds = [one_of("kind", kind, KINDS)] if kind else KINDS
    with at_work("asking each relation …"):
        report = run(settings, named, docs, progress, kinds=kinds, keep=True)
    say(report.to_json() if as_json else report.summary())
    raise typer.Exit(0 if report.success else 1)


@app.command(rich_help_panel=BEGIN)
def demo(
    target: Target = None,
    scale: Annotated[str, typer.Option(help="demo, small or bench.")] = "demo",
    seed: Annotated[int, typer.Option(help="Seed of the sample data.")] = 1,
    as_of: AsOf = None,
) -> None:
    """Deploy, generate, load, build, test and validate; then say what is there to look at.

    Exit code 1 where a test or an expectation fails. Run again, it does what has changed.
    """
    if (target or os.environ.get("WAREHOUSE_TARGET")) == "spark":
        from orchestration.spark.build import run_demo as run_on_spark

        settings = _settings("embedded", as_of=as_of)
        raise typer.Exit(run_on_spark(settings, scale=scale, seed=seed, say=say, progress=progress))
    from orchestration.demo import run_demo

    settings = _settings(target, as_of=as_of)
    raise typer.Exit(run_demo(settings, scale=scale, seed=seed, say=say, progress=progress))


@app.command(rich_help_panel=ASK)
def query(
    sql: Annotated[str, typer.Argument(help="One select statement.")],
    target: Built = None,
    limit: Annotated[int, typer.Option(min=1, help="Rows to show at the most.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Run a query, reading only, and show its rows."""
    from orchestration.query import run

    run(read_settings(target), sql, limit, as_json)


@app.command(rich_help_panel=ASK)
def docs(
    target: Built = None,
    as_of: AsOf = None,
    serve: Annotated[
        bool, typer.Option("--serve", help="Write nothing; serve what is there until Ctrl-C.")
    ] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to serve at; 0: any.")] = 8000,
) -> None:
    """Write one site: data dictionary, reports, dbt's docs, the suites' pages; say where it is."""
    from orchestration import docs as site

    settings = read_settings(target, as_of=as_of)
    if serve:
        site.serve(settings, port, say=say)
        return
    with at_work("writing the site …"):
        lines = site.write_docs(settings, progress=progress)
    for line in lines:
        say(line)


@app.command(rich_help_panel=DEVELOP)
def dagster(
    target: Built = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the web page.")] = 3000,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    prepare: Annotated[
        bool, typer.Option("--prepare", help="Only make DAGSTER_HOME and the manifest.")
    ] = False,
) -> None:
    """Serve Dagster's UI and run its schedules, until Ctrl-C; exit code as of `dagster dev`.

    With --target spark (WAREHOUSE_ENGINE), Spark builds the models on the lake of WAREHOUSE_TARGET.
    """
    from orchestration import dagster_dev

    settings = settings_of_built(target)
    if prepare:
        say(f"DAGSTER_HOME={dagster_dev.prepare(settings)['DAGSTER_HOME']}")
        return
    raise typer.Exit(dagster_dev.run(settings, port=port, host=host))


@app.command(rich_help_panel=DEVELOP)
def bench(
    only: Annotated[
        list[str] | None,
        typer.Option(
            help="demo, generator, load, procedures, rollups, each_rollup, retention, lake, "
            "lake_rollups, overhead, paper."
        ),
    ] = None,
    scale: Annotated[
        list[str] | None,
        typer.Option(help="1M, 3M, 10M; without, each benchmark's own."),
    ] = None,
) -> None:
    """Measure side by side, on throw-away databases: everything, or --only some at a --scale.

    Tables go to docs/performance.md, their JSON to .local/bench. Exit code 1 where a benchmark
    broke off; none fails for being slow.
    """
    options = [*(f"--only={name}" for name in only or ()), *(f"--scale={s}" for s in scale or ())]
    command = [sys.executable, "-m", "benchmarks", *options]
    raise typer.Exit(subprocess.run(command, cwd=PROJECT_ROOT, check=False).returncode)


@app.command(rich_help_panel=DEVELOP)
def manifest(target: Target = None) -> None:
    """Parse the dbt project, so that Dagster can load its definitions."""
    from orchestration.manifest import prepare_manifest

    with at_work("parsing …"):
        file = prepare_manifest(_settings(target))
    say(f"wrote {file}")


@app.command("staging-docs", rich_help_panel=DEVELOP)
def staging_docs(
    check: Annotated[bool, typer.Option(help="Change nothing; exit 1 if a file is stale.")] = False,
) -> None:
    """Write staging's YAML from the schema of record and the staging models."""
    from orchestration.schema.record import load_record
    from orchestration.schema.staging import docs_path, staging_docs

    stale = []
    for domain in DOMAINS:
        text, file = staging_docs(load_record(), domain), docs_path(domain)
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            stale.append(file.name)
            if not check:
                file.write_text(text, encoding="utf-8")
    if check and stale:
        raise WarehouseError(
            f"Stale staging docs: {', '.join(stale)}.", fix="run `warehouse staging-docs`."
        )
    say(f"{'wrote ' + ', '.join(stale) if stale else 'staging docs are up to date'}")


@mysql_app.command("up")
def mysql_up(
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Port; default any free one.")
    ] = None,
) -> None:
    """Start the private server (fetched on first use), or check the one in MYSQL_HOST."""
    from orchestration import mysql_server

    server = mysql_server.up(_settings(), port=port)
    say(f"MySQL {server.version} answers on {server.host}:{server.port} as {server.user}.")
    say('For dbt and other programs: eval "$(warehouse mysql env)"')


@mysql_app.command("down")
def mysql_down() -> None:
    """Stop the private server; its data stays."""
    from orchestration import mysql_server

    with at_work("stopping …"):
        stopped = mysql_server.down(_settings())
    say("stopped" if stopped else "was not running")


@mysql_app.command("status")
def mysql_status() -> None:
    """Say whether the private server runs; exit code 1 if not."""
    from orchestration import mysql_server

    server = mysql_server.status(_settings())
    say(f"running on {server.host}:{server.port}" if server else "not running")
    raise typer.Exit(0 if server else 1)


@mysql_app.command("env")
def mysql_env() -> None:
    """Print export lines for a shell: eval "$(warehouse mysql env)"."""
    from orchestration import mysql_server

    for line in mysql_server.env_lines(_settings()):
        say(line)


@mysql_app.command("clients")
def mysql_clients() -> None:
    """Print a folder with mysql, mysqldump and mysqlbinlog, fetched if there are none."""
    from orchestration import mysql_server

    say(str(mysql_server.clients(_settings())))


@contextmanager
def _errors_in_one_sentence() -> Iterator[None]:
    """Show a WarehouseError as its two sentences; with --debug, its traceback too."""
    try:
        yield
    except WarehouseError as error:
        if os.environ.get("WAREHOUSE_DEBUG"):
            raise
        typer.secho(f"error: {error.message}", fg="red", err=True, color=may_colour())
        typer.secho(f"  fix: {error.fix}", err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(_interrupted())
    except SystemExit as end:
        if end.code == INTERRUPTED:  # Typer turns Ctrl-C into a silent exit
            _interrupted()
        raise


def _interrupted() -> int:
    typer.echo("stopped; the same command goes on from here", err=True)
    return INTERRUPTED


def main() -> None:
    """Console entry point."""
    from orchestration.database import friendly_errors

    with _errors_in_one_sentence(), friendly_errors():
        app()


if __name__ == "__main__":
    main()
