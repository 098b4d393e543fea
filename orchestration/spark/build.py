"""dbt's build with Spark on the lake's last day, by itself and as the demo."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from orchestration.dbt_project import BUILT, BuildResult, dbt_arguments, run_dbt, summarise
from orchestration.lake.days import Day, read_day, sync_day
from orchestration.settings import SPARK, Settings, development_archive_key, parse_as_of
from orchestration.spark.catalog import prepare
from orchestration.spark.session import folder, require

Progress = Callable[[str], None]


def build(
    settings: Settings,
    *,
    select: str | None = None,
    full_refresh: bool = False,
    variables: Mapping[str, Any] | None = None,
    progress: Progress = print,
) -> BuildResult:
    """Seeds, snapshots and models on the lake's last day, as of its moment; no tests of dbt's.

    `settings` name the lake (its engine's, or WAREHOUSE_ARCHIVE_URL) and, if set, another clock.
    """
    started = time.monotonic()
    day = prepare(settings, progress)
    at = at_day(settings, day)
    kinds = [word for kind in BUILT for word in ("--resource-type", kind)]
    refresh = ["--full-refresh"] if full_refresh else []
    arguments = dbt_arguments(
        ["build", "--quiet", *kinds, *refresh],
        target=SPARK,
        target_path=settings.local_dir / "target" / SPARK,
        select=select,
        variables=variables,
    )
    result = run_dbt(at, arguments)
    return summarise(result.results if result else [], time.monotonic() - started)


def at_day(settings: Settings, day: Day) -> Settings:
    """The settings with the clock of the lake's day, unless they have another."""
    return replace(settings, as_of=settings.as_of or parse_as_of(day.as_of))


def renew_reader(
    settings: Settings, tests: bool, select: str | None, progress: Progress
) -> list[str]:
    """DuckDB's file over what was just built (and parsed for that); what dbt's tests found."""
    from orchestration.ab_tests import refresh_ab_test_results
    from orchestration.spark import reader

    progress("making DuckDB's views over it" + (", and running dbt's tests …" if tests else " …"))
    day = read_day(settings)
    here = replace(at_day(settings, day), engine=SPARK)
    parsed = settings.local_dir / "target" / SPARK / "manifest.json"
    refresh_ab_test_results(here)
    manifest = json.loads(parsed.read_text(encoding="utf-8"))
    return reader.renew(here, manifest, day, tests, select)


def run_demo(
    settings: Settings, *, scale: str, seed: int, say: Progress, progress: Progress
) -> int:
    """Sample data on DuckDB, from there to the lake, and the models on Spark; 1 if one failed."""
    from orchestration.demo import load_sample
    from orchestration.lake.fresh import write_months

    require()
    development_archive_key(settings.local_dir)
    settings = with_archive_key(settings)
    settings, _ = load_sample(settings, scale, seed, {}, progress)
    progress("filling the lake (months, then the day) …")
    write_months(settings)
    sync_day(settings)
    # for the suites: rows reach to the end of the demo's last day
    stamp = settings.local_dir / f"demo-{SPARK}.json"
    stamp.write_text(json.dumps({"as_of": str(settings.as_of)}))
    progress("building on Spark (seeds, snapshots, models) …")
    return build_and_tell(settings, tests=True, suites=True, say=say, progress=progress)


def with_archive_key(settings: Settings) -> Settings:
    """The settings, with the demo's key where none is given and the demo has made one."""
    environment = dict(settings.environment)
    if (
        not environment.get("WAREHOUSE_ARCHIVE_KEY")
        and (settings.local_dir / "archive_key").exists()
    ):
        environment["WAREHOUSE_ARCHIVE_KEY"] = development_archive_key(settings.local_dir)
    return replace(settings, environment=environment)


def build_and_tell(
    settings: Settings,
    *,
    select: str | None = None,
    full_refresh: bool = False,
    reader: bool = True,
    tests: bool = False,
    suites: bool = False,
    say: Progress,
    progress: Progress,
) -> int:
    """The same for a person, with its failures and a closing screen; 1 if something failed.

    Then DuckDB's file of views over it, unless `reader` is False; dbt's tests and the quality
    suites on that file if they are asked for.
    """
    from orchestration.spark.reader import check_lake

    settings = with_archive_key(settings)
    if reader:
        check_lake(settings)
    built = build(settings, select=select, full_refresh=full_refresh, progress=progress)
    failed: list[str] = []
    if reader:
        failed = renew_reader(settings, tests and built.success, select, progress)
    for failure in (*built.failures, *failed):
        progress(f"failed: {' '.join(failure.split())[:300]}")
    say(summary(settings, read_day(settings), built))
    held = suites_hold(settings, say, progress) if suites and built.success else True
    return 0 if built.success and held and not failed else 1


def suites_hold(settings: Settings, say: Progress, progress: Progress) -> bool:
    """Whether what stands there is as the quality suites expect; what they found is said."""
    from orchestration.validation import validate

    progress("validating (Great Expectations) …")
    report = validate(
        replace(at_day(settings, read_day(settings)), engine=SPARK).reading, keep=True
    )
    say(report.summary())
    return report.success


def summary(settings: Settings, day: Day, built: BuildResult) -> str:
    """The closing screen of a build."""
    kinds = ", ".join(f"{n} {kind}s" for kind, n in sorted(built.built.items()))
    return (
        f"The warehouse stands on Spark ({folder(settings)}), as of the lake's day {day.day}: "
        f"{kinds or 'nothing'} in {built.seconds:.0f} s, {len(built.failures)} failed.\n"
        f"Its tables are Parquet under {folder(settings) / 'warehouse'}; `warehouse query --target "
        f"{SPARK}`, `validate`, `report` and `docs` read them with DuckDB."
    )
