"""The site of `warehouse docs`: a dictionary that says what the record says, and says no more."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import screens
import yaml
from commands import shell, variables_of
from playwright.sync_api import sync_playwright
from warehouses import Demo

from orchestration import cli, docs
from orchestration.dbt_project import target_path
from orchestration.errors import WarehouseError
from orchestration.governance.grants import statements
from orchestration.reports.dictionary import Relation, relations, write_dictionary
from orchestration.settings import DATABASES, PROJECT_ROOT

CHROMIUM = screens.chromium()
Row = tuple[str, str, str, str]


class Page(HTMLParser):
    """A domain's page: by table its columns, and all that the page would fetch or lead to."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.tables: dict[str, list[Row]] = {}
        self.fetched: list[str] = []
        self.links: list[str] = []
        self._cells: list[str] = []
        self._within: str | None = None
        self.text = file.read_text(encoding="utf-8")
        self.feed(self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        self.fetched += [tag] * (tag in ("link", "img", "iframe") or bool(known.get("src")))
        if tag == "a":
            self.links.append(str(known["href"]))
        if tag == "details" and known.get("id"):
            self._columns = self.tables.setdefault(str(known["id"]), [])
        if tag == "tr":
            self._cells = []
        if tag in ("th", "td"):
            self._cells.append("")
            self._within = tag
        if known.get("class") == "codes":
            self._within = None

    def handle_endtag(self, tag: str) -> None:
        if tag in ("th", "td"):
            self._within = None
        if tag == "tr" and self._cells and not self._cells[0].startswith("Column"):
            name, data_type, classification, meaning = self._cells
            self._columns.append((name, data_type, classification, meaning))

    def handle_data(self, data: str) -> None:
        if self._within:
            self._cells[-1] += data


@cache
def _found(demo: Demo) -> list[Relation]:
    settings = demo.on("embedded")
    manifest = json.loads((target_path(settings) / "manifest.json").read_text(encoding="utf-8"))
    return relations(manifest, settings.domains)


@pytest.fixture(scope="module")
def folder(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dictionary")
    write_dictionary(_found(demo), folder)
    return folder


def _said_in_yaml(domain: str) -> Mapping[str, Any]:
    """The tables of the schema of record by their file alone."""
    folder = PROJECT_ROOT / "models" / "staging" / domain
    tables: dict[str, Any] = {}
    for file in folder.glob("_*sources.yml"):
        text = file.read_text(encoding="utf-8")
        for source in yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))["sources"]:
            tables |= {table["name"]: table for table in source["tables"]}
    return tables


def _one_line(text: str) -> str:
    return " ".join(text.split())


def test_every_application_table_is_there_column_by_column(demo: Demo, folder: Path) -> None:
    for domain in demo.on("embedded").domains:
        page = Page(folder / f"{domain}.html")
        for name, table in _said_in_yaml(domain).items():
            assert [(row[0], row[2]) for row in page.tables[name]] == [
                (column["name"], column["meta"]["classification"]) for column in table["columns"]
            ]
            for row, column in zip(page.tables[name], table["columns"], strict=True):
                assert row[1].replace(" ", "") == (column.get("data_type") or "").replace(" ", "")
                if "doc(" not in column["description"]:
                    assert row[3] == _one_line(column["description"])
            assert table["meta"]["label_zh"] in page.text


def test_labels_and_readers_stand_beside(demo: Demo, folder: Path) -> None:
    text = (folder / "wework.html").read_text(encoding="utf-8")
    assert "OFFLINE: Offline 离线" in text
    by_name = {relation.name: relation for relation in _found(demo)}
    assert by_name["wework_accounts"].staging == "stg_wework__accounts"
    # Over three models: the account's messages reach the executives.
    readers = dict(by_name["wework_message_records"].readers)
    assert readers["Executive daily report"] == "Management office"
    assert by_name["wework_tenant_usage"].models == ("tenant_daily",)
    assert by_name["wework_tenant_usage"].grain.startswith("One row per tenant")
    everything = Page(folder / "index.html")
    named = {link.partition("#")[2] for link in everything.links}
    assert {relation.name for relation in _found(demo)} <= named


def test_nothing_is_fetched_and_nobody_is_in_it(demo: Demo, folder: Path) -> None:
    raw = demo.raw
    people = {str(row[c]) for table, columns in {
        "health_patients": ("name", "phone", "id_card"), "saas_users": ("email", "phone"),
        "customers": ("phone", "email"), "saas_tenants": ("tenant_name",),
    }.items() for row in raw.rows(table)[:300] for c in columns if row.get(c)}  # fmt: skip
    assert len(people) > 500
    for file in folder.glob("*.html"):
        page = Page(file)
        assert page.fetched == []
        assert "://" not in page.text
        assert not [value for value in people if len(value) > 3 and value in page.text], file.name
        assert demo.on("embedded").mask_key not in page.text
        for link in page.links:
            name = link.partition("#")[0]
            assert name == "../index.html" or (folder / name).exists(), link


@pytest.mark.mysql
def test_what_analysts_may_read_is_what_their_role_reads(demo: Demo) -> None:
    settings = demo.on("mysql")
    prefix = settings.database_prefix
    granted = re.compile(rf"grant select on `{prefix}(\w+)`\.`?([\w*]+)`? to `{prefix}wh_analyst`")
    may = {found.groups() for s in statements(settings, "%") if (found := granted.search(s))}
    assert ("warehouse", "*") in may
    for relation in _found(demo):
        place = (relation.database.removeprefix(demo.on("embedded").database_prefix), relation.name)
        reads = place[0] == "warehouse" or place in may
        assert relation.for_analysts == reads, place


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: `make browser` installs it")
@pytest.mark.parametrize("width", [1280, 390])
def test_a_search_finds_a_column_in_a_browser(folder: Path, width: int) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(screens.FLAGS))
        page = browser.new_page(viewport={"width": width, "height": 900})
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(f"file://{folder}/index.html")
        assert page.locator("details:visible").count() > 100
        page.fill("#find", "online_accounts uptime")
        assert page.locator("details:visible summary b").all_inner_texts() == [
            "wework_tenant_usage"
        ]
        page.click("a[href='wework.html#wework_tenant_usage']")
        page.locator("#wework_tenant_usage[open]").wait_for()  # the next page's script opens it
        page.fill("#find", "message_success_rate")
        assert page.locator("tr[style*='notice']").count() >= 2
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert said == []
        browser.close()


def test_the_site_is_served_to_this_machine(demo: Demo, tmp_path: Path) -> None:
    settings = replace(demo.on("embedded"), local_dir=tmp_path)
    with pytest.raises(WarehouseError, match=r"There is no site in .* Fix: run `warehouse docs`"):
        docs.serve(settings, 0, say=print)
    docs.site_folder(settings).mkdir(parents=True)
    (docs.site_folder(settings) / "index.html").write_text("here it is")
    command = [Path(sys.executable).with_name("warehouse"), "docs", "--serve", "--port", "0"]
    with subprocess.Popen(
        command, env=variables_of(settings, PYTHONUNBUFFERED="1"),
        stdout=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as server:  # fmt: skip
        try:
            assert server.stdout is not None
            address = server.stdout.readline().split()[0]
            with urllib.request.urlopen(address, timeout=10) as answer:
                assert answer.read() == b"here it is"
        finally:
            server.send_signal(signal.SIGINT)  # Ctrl-C
        assert server.wait(timeout=20) == cli.INTERRUPTED


def test_the_whole_site(demo: Demo, tmp_path: Path) -> None:
    """Every link of the first page leads somewhere, and the dictionary covers all domains.

    No page runs over its width or says a word in the console, in light, in dark or on paper.
    """
    settings = replace(demo.on("embedded"), local_dir=tmp_path)
    done = shell("make screens" if CHROMIUM else "make docs", settings)
    assert done.code == 0, done.text[-4000:]
    folder = docs.site_folder(settings)
    assert f"open {folder / 'index.html'}\n" in done.out
    if CHROMIUM:
        taken = [Path(line) for line in done.out.splitlines() if line.endswith(".png")]
        assert len(taken) == len(screens.PAGES) * len(screens.WIDTHS) * 2
        for name in screens.PAGES:
            looks = [
                f.read_bytes() for f in taken if re.fullmatch(rf"{name}-1280-\w+\.png", f.name)
            ]
            assert len({*looks}) == 2, f"{name} is as light in the dark"
            assert (taken[0].parent / f"{name}.pdf").read_bytes().startswith(b"%PDF")
    links = Page(folder / "index.html").links
    assert len(links) == 5
    assert [link for link in links if not (folder / link).is_file()] == []
    pages = {file.stem for file in (folder / "dictionary").glob("*.html")}
    assert pages == {"index", "platform", *DATABASES}
