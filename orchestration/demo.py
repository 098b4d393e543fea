"""`warehouse demo`: from nothing to a built, tested and validated warehouse, in one go."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

from orchestration import clock
from orchestration.settings import PROJECT_ROOT, Settings, parse_as_of

Say = Callable[[str], None]
# What a build depends on besides the data: when none of it changed, a second demo is done at once.
BUILD_INPUTS = ("models", "macros", "seeds", "snapshots", "tests/dbt", "expectations")


def run_demo(settings: Settings, *, scale: str, seed: int, say: Say, progress: Say) -> int:
    """Deploy, generate, load, build, validate; returns 0, or 1 when a test or a check failed.

    The demo's clock stands at the end of its data's last day: the day of the first run, until
    `--as-of` asks for another.
    """
    from orchestration import dbt_project
    from orchestration.ab_tests import refresh_ab_test_results
    from orchestration.validation import validate

    seconds: dict[str, float] = {}
    data = settings.local_dir / "data" / scale
    settings, loaded = load_sample(settings, scale, seed, seconds, progress)

    stamp = _stamp(settings)
    fingerprint = build_fingerprint(settings, data)
    if (known := _read(stamp)) and known["fingerprint"] == fingerprint:
        say(known["screen"])
        say("\nNothing changed since that build, so nothing was done.")
        return 0

    with _timed(seconds, "build", progress, "building and testing (dbt build)"):
        built = dbt_project.build(settings, progress=progress)
        if built.success:
            refresh_ab_test_results(settings)
    for failure in built.failures:
        progress(f"  failed: {failure}")
    if not built.success:
        say(f"{len(built.failures)} dbt nodes failed; run `dbt build` to see them one by one.")
        return 1
    with _timed(seconds, "validate", progress, "validating (Great Expectations)"):
        checked = validate(settings, keep=True)

    screen = summary(settings, loaded.tables, loaded.rows, built, checked, seconds)
    say(screen)
    if checked.success:
        known = {"fingerprint": fingerprint, "screen": screen, "as_of": str(settings.as_of)}
        stamp.write_text(json.dumps(known))
    else:
        say(checked.summary())
    return 0 if checked.success else 1


def load_sample(
    settings: Settings, scale: str, seed: int, seconds: dict[str, float], progress: Say
) -> tuple[Settings, Any]:
    """Deploy, generate and load; the settings with the demo's clock, and what was loaded."""
    from orchestration.sampledata.generate import generate
    from orchestration.sampledata.load import load
    from orchestration.sampledata.plan import make_plan
    from orchestration.schema.deploy import deploy

    data = settings.local_dir / "data" / scale
    day = settings.as_of.date() if settings.as_of else loaded_day(data) or clock.today(settings)
    settings = replace(settings, as_of=settings.as_of or parse_as_of(day.isoformat()))
    make_plan(scale, seed, day)  # refuses what makes no sense before anything is done

    with _timed(seconds, "deploy", progress, "deploying the six databases"):
        deploy(settings, progress=_silent)
    with _timed(seconds, "generate", progress, f"generating sample data up to {day}"):
        generate(
            settings,
            scale=scale,
            seed=seed,
            end_date=day.isoformat(),
            directory=data,
            progress=_silent,
        )
    with _timed(seconds, "load", progress, "loading it"):
        loaded = load(settings, data, progress=_silent)
    return settings, loaded


def until_the_demo_ends(settings: Settings) -> Settings:
    """The settings, with the demo's clock where none is given and it is still ahead of ours.

    The demo's rows reach to the end of its last day; held against this moment, they lie in the
    future until that day is over.
    """
    known = _read(_stamp(settings)) if settings.as_of is None else None
    end = datetime.fromisoformat(known["as_of"]) if known and "as_of" in known else None
    return replace(settings, as_of=end) if end and end > clock.now(settings) else settings


def summary(
    settings: Settings,
    tables: int,
    rows: int,
    built: Any,
    checked: Any,
    seconds: dict[str, float],
) -> str:
    """The closing screen: what there is, how long it took, three things to try."""
    engine = "MySQL" if settings.is_mysql else f"DuckDB ({_relative(settings.duckdb_path)})"
    target = " TARGET=mysql" if settings.is_mysql else ""
    option = " --target mysql" if settings.is_mysql else ""
    steps = ", ".join(f"{name} {spent:.0f}" for name, spent in seconds.items())
    lines = [
        "",
        f"The warehouse stands on {engine}, as of {settings.as_of}.",
        "",
        f"  tables loaded   {tables:>9,}   in {len(settings.domains)} databases",
        f"  rows loaded     {rows:>9,}",
        f"  models built    {built.built.get('model', 0):>9,}   "
        f"and {built.built.get('seed', 0)} tables of labels and holidays",
        f"  tests passed    {built.tests_passed:>9,}   warnings {len(built.warnings)}",
        f"  checks passed   {checked.passed:>9,}   of {checked.total} expectations",
        f"  seconds         {sum(seconds.values()):>9.0f}   ({steps})",
        "",
        "Three things to try next:",
        f"  1. .venv/bin/warehouse query{option} \\",
        '       "select stat_date, sum(sent_messages) as sent, sum(received_messages) as received',
        "        from wework_platform.wework_tenant_usage group by stat_date"
        ' order by stat_date desc limit 7"',
        f"  2. make dagster{target}    the schedules and assets, in a browser",
        f"  3. make docs{target}       every table and column described, with lineage",
    ]
    return "\n".join(lines)


def loaded_day(data: Path) -> date | None:
    """The last day of the data that an earlier demo wrote here, so that it is used again."""
    manifest = _read(data / "manifest.json")
    return date.fromisoformat(manifest["arguments"]["end_date"]) if manifest else None


def build_fingerprint(settings: Settings, data: Path) -> str:
    """A hash of everything a build reads: data, clock, domains, and the project's own files."""
    digest = hashlib.sha256()
    place = settings.mysql.host if settings.is_mysql else settings.duckdb_path
    if not settings.is_mysql and not settings.duckdb_path.exists():
        place = datetime.now().isoformat()  # no file, nothing built
    digest.update(repr((settings.as_of, settings.domains, str(place))).encode())
    digest.update((data / "manifest.json").read_bytes())
    for folder in BUILD_INPUTS:
        for file in sorted((PROJECT_ROOT / folder).rglob("*")):
            if file.is_file() and file.suffix in (".sql", ".yml", ".csv", ".py"):
                digest.update(str(file.relative_to(PROJECT_ROOT)).encode() + file.read_bytes())
    return digest.hexdigest()


def _stamp(settings: Settings) -> Path:
    """What the last demo that was well built on this engine left behind."""
    return settings.local_dir / f"demo-{settings.built_on}.json"


def _read(file: Path) -> Any:
    return json.loads(file.read_text()) if file.exists() else None


def _relative(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _silent(_: str) -> None:
    """The demo says one line a step; on a terminal the long ones still draw their bar."""


@contextmanager
def _timed(seconds: dict[str, float], step: str, progress: Say, text: str) -> Iterator[None]:
    progress(f"{text} …")
    started = time.monotonic()
    yield
    seconds[step] = time.monotonic() - started
    progress(f"  done in {seconds[step]:.1f} s")
