"""A newcomer's way through Dagster's pages, in a real browser; what it saw is in .local/screens."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count

import pytest
from dagster_server import AS_OF, DOMAINS, DagsterServer, deploy_a_day, served
from playwright.sync_api import Page, expect, sync_playwright
from rows import insert

from orchestration.schedules import SCHEDULES
from orchestration.settings import PROJECT_ROOT, Settings

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
SCREENS = PROJECT_ROOT / ".local" / "screens" / "dagster"
# No sandbox, since root has none; and nothing that calls home.
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--no-first-run")  # fmt: skip
# Bounds against a hang; an idle machine needs a tenth of them.
PAGE_SECONDS, RUN_SECONDS = 60, 300

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: `make browser` installs it")


@dataclass
class Walk:
    """One page of the browser, and what its console said."""

    page: Page
    server: DagsterServer
    said: list[str] = field(default_factory=list)
    seen: Iterator[int] = field(default_factory=lambda: count(1))

    def go(self, path: str, *words: str) -> None:
        """Open a page by its address and wait for its words."""
        self.page.goto(self.server.address + path)
        self.sees(*words)

    def sees(self, *words: str, seconds: float = PAGE_SECONDS) -> None:
        """Wait until each stands somewhere on the page."""
        for each in words:
            text = self.page.get_by_text(each).locator("visible=true").first
            expect(text).to_be_visible(timeout=seconds * 1000)

    def press(self, name: str) -> None:
        """Press the first button with these words, beside which its icon may have some."""
        self.page.get_by_role("button", name=re.compile(rf"\b{name}\b")).first.click()

    @contextmanager
    def taller(self) -> Iterator[None]:
        """Long lists have on the page what fits the screen."""
        self.page.set_viewport_size({"width": 1280, "height": 2000})
        yield
        self.page.set_viewport_size({"width": 1280, "height": 900})

    def keep(self, name: str) -> None:
        """Leave a screenshot."""
        self.page.screenshot(path=SCREENS / f"{next(self.seen):02}-{name}.png")


@pytest.fixture
def settings(embedded_settings: Settings) -> Settings:
    """Core and wework, with a day's messages and a callback of tomorrow."""
    settings = replace(embedded_settings, domains=DOMAINS, as_of=AS_OF)
    deploy_a_day(settings)
    moments = ({"created_at": AS_OF}, {"created_at": AS_OF + timedelta(days=1)})
    insert(settings, "wework_callback_logs", *moments)
    return settings


@pytest.fixture
def walk(settings: Settings) -> Iterator[Walk]:
    shutil.rmtree(SCREENS, ignore_errors=True)
    SCREENS.mkdir(parents=True)
    with served(settings) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(PAGE_SECONDS * 1000)
        walk = Walk(page, server)
        page.on("console", lambda it: walk.said.append(it.text) if it.type == "error" else None)
        page.on("pageerror", lambda it: walk.said.append(str(it)))
        yield walk
        walk.keep("last")
        browser.close()


def test_a_newcomer_finds_the_way(walk: Walk) -> None:
    _overview(walk)
    _an_asset_is_materialized(walk)
    _the_schedules(walk)
    _a_backfill(walk)
    _a_failed_check(walk)
    assert walk.said == [], "the console told of errors"


def _overview(walk: Walk) -> None:
    walk.go("/", "Overview", "Timeline")
    # What it would show of a code location that does not load, or of a daemon that is missing.
    for warning in ("failed to load", "not running", "Code location warnings"):
        expect(walk.page.get_by_text(warning)).to_have_count(0)
    walk.keep("overview")
    with walk.taller():
        walk.go("/asset-groups", "wework_rollups", "core_staging")
        walk.keep("lineage")


def _an_asset_is_materialized(walk: Walk) -> None:
    walk.go(
        "/assets/warehouse_staging/stg_wework__accounts",
        "One row per WeCom account",
        "account_id",
        "Identifier (UUID) of the account",
        "wework_staging",
    )
    walk.keep("asset")
    walk.press("Materialize")
    walk.sees("Launched run")
    # By the list of runs: the note with its link is gone after some seconds.
    walk.go("/runs", "Manually launched")
    walk.page.get_by_role("link", name="View", exact=True).first.click()
    walk.sees("RUN_SUCCESS", "dbt_build", seconds=RUN_SECONDS)
    walk.keep("run")
    walk.go("/assets/warehouse_staging/stg_wework__accounts?view=checks", "Checks (3)", "Succeeded")
    walk.keep("checks")


def _the_schedules(walk: Walk) -> None:
    events = [row.name for row in SCHEDULES if row.is_event and row.domain in DOMAINS]
    with walk.taller():
        walk.go("/automation", *events)
        walk.keep("schedules")
    walk.page.get_by_role("link", name="auto_status_check").first.click()
    walk.sees("Replaces the MySQL event auto_status_check of wework_platform", "Asia/Shanghai")
    walk.keep("schedule")


def _a_backfill(walk: Walk) -> None:
    walk.go("/assets/wework_platform/wework_tenant_usage", "One row per tenant", "2 schedules")
    walk.press("Materialize")
    # What it reads was never built here, which it says first.
    walk.press("Confirm")
    walk.sees("Partition selection", "Backfills all partitions in a single run.")
    walk.keep("backfill")
    walk.press("Cancel")


def _a_failed_check(walk: Walk) -> None:
    walk.go("/assets/wework_platform/wework_callback_logs?view=checks", "expectations", "freshness")
    walk.press("Execute all")
    walk.sees(
        "This is a non-blocking",
        "callbacks_are_not_of_tomorrow",
        "A receiver whose clock runs ahead.",
        seconds=RUN_SECONDS,
    )
    walk.keep("failed-check")
    walk.press("Observe")
    walk.sees("Launched run")
    [run] = walk.server.query("{runsOrError(limit: 1) {... on Runs {results {runId}}}}")[
        "runsOrError"
    ]["results"]
    assert walk.server.finished(run["runId"]) == "SUCCESS"
    walk.go("/assets/wework_platform/wework_callback_logs", "2026-06-30 23:59:59", "newest row")
    walk.keep("observed")
