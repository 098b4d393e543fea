"""`warehouse report` on both engines: every figure against the raw rows, and what a page is."""

from __future__ import annotations

import re
import stat
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date, datetime
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from oracles import health
from oracles.base import DAY, Raw, half_up
from oracles.base import ratio as exact
from oracles.customer import cohort_retention
from typer.testing import CliRunner
from warehouses import AS_OF, ENGINES, Demo

from orchestration import cli
from orchestration.assets.reports import build_report_assets
from orchestration.errors import WarehouseError
from orchestration.reports.overview import EXECUTIVE, PAGES, READS, Overview, Panel, overviews
from orchestration.reports.overview_page import column_name, render, row_name, shown, write_pages
from orchestration.reports.queries import Marts
from orchestration.reports.words import LANGUAGES, Words

Rows = list[tuple[Any, ...]]
LAST = AS_OF.date()
# Everybody, and a tenant with much of everything.
WHO = (None, "t0001")
PEOPLE = ("rfm", "stages", "health_alerts")
UNEARNED = ("cancelled", "refunded")


@cache
def pages(demo: Demo, engine: str, tenant: str | None) -> dict[str, Overview]:
    found = overviews(demo.on(engine), list(PAGES), tenant)
    return {page.domain: page for page in found}


@cache
def panels(demo: Demo, engine: str, tenant: str | None) -> dict[str, Panel]:
    return {p.name: p for page in pages(demo, engine, tenant).values() for p in page.panels}


class Facts:
    """The raw rows of one tenant, or of all."""

    def __init__(self, raw: Raw, tenant: str | None) -> None:
        self.raw = raw
        ids = {row["tenant_code"]: row["id"] for row in raw.rows("saas_tenants")}
        self.tenant = ids[tenant] if tenant else None
        # attempts to sign in to no known tenant belong to nobody
        self.tenants = {self.tenant} if tenant else set(ids.values())
        self._tables: dict[str, list[dict[str, Any]]] = {}

    def rows(self, table: str) -> list[dict[str, Any]]:
        if table not in self._tables:
            self._tables[table] = [
                row for row in self.raw.rows(table) if row["tenant_id"] in self.tenants
            ]
        return self._tables[table]

    def lately(self, table: str, column: str, days: int) -> list[dict[str, Any]]:
        return [row for row in self.rows(table) if day_of(row[column]) > LAST - days * DAY]

    def released(self, table: str, column: str) -> list[dict[str, Any]]:
        known = health.released(self.raw)
        return [row for row in self.lately(table, column, 90) if row["patient_id"] in known]


@cache
def facts(raw: Raw, tenant: str | None) -> Facts:
    return Facts(raw, tenant)


def day_of(moment: datetime | None) -> date:
    return moment.date() if moment else date.min


def daily(rows: Iterable[dict[str, Any]], column: str, value: Callable[..., Any] = lambda _: 1):
    found: Counter[date] = Counter()
    for row in rows:
        if row[column]:
            found[row[column].date()] += value(row)
    return found


def beside(*figures: Counter[date], days: int = 90) -> Rows:
    wanted = [LAST - n * DAY for n in reversed(range(days))]
    return [(day, *(of_day[day] for of_day in figures)) for day in wanted]


def sent(f: Facts) -> Counter[date]:
    rows = f.rows("wework_message_records")
    return daily((m for m in rows if m["direction"] == "send"), "created_at")


def received(f: Facts) -> Counter[date]:
    rows = f.rows("wework_message_records")
    return daily((m for m in rows if m["direction"] == "receive"), "created_at")


def placed(f: Facts) -> Counter[date]:
    return daily(f.rows("service_orders"), "order_time")


def cancelled(f: Facts) -> Counter[date]:
    rows = f.rows("service_orders")
    return daily((o for o in rows if o["order_status"] == "cancelled"), "order_time")


def revenue(f: Facts) -> Counter[date]:
    rows = f.rows("service_orders")
    earned = (o for o in rows if o["order_status"] not in UNEARNED)
    return daily(earned, "order_time", lambda order: order["total_amount"])


def calls(f: Facts) -> Counter[date]:
    return daily(f.rows("ai_call_logs"), "created_at")


def is_failed(call: dict[str, Any]) -> bool:
    return call["error_code"] is not None or not 200 <= (call["status_code"] or 0) < 400


def failed_calls(f: Facts) -> Counter[date]:
    return daily((c for c in f.rows("ai_call_logs") if is_failed(c)), "created_at")


def cost(f: Facts) -> Counter[date]:
    return daily(f.rows("ai_call_logs"), "created_at", lambda call: call["cost"] or 0)


def latency(f: Facts) -> Rows:
    timed = [c for c in f.rows("ai_call_logs") if c["response_time"] is not None]
    took = daily(timed, "created_at", lambda call: call["response_time"])
    number = daily(timed, "created_at")
    return [(day, exact(took[day], n, 3)) for day, n in beside(number)]


def agents(f: Facts) -> Rows:
    spent: Counter[str] = Counter()
    number: Counter[str] = Counter()
    good: Counter[str] = Counter()
    for call in f.lately("ai_call_logs", "created_at", 30):
        spent[call["agent_id"]] += call["cost"] or 0
        number[call["agent_id"]] += 1
        good[call["agent_id"]] += not is_failed(call)
    known = {agent["id"]: agent["agent_name"] for agent in f.rows("ai_agents")}
    best = sorted((key for key in spent if key in known), key=lambda key: (-spent[key], key))
    return [
        (known[key], spent[key], number[key], exact(100 * good[key], number[key], 2))
        for key in best[:12]
    ]


def by_kind(rows: Iterable[dict[str, Any]], column: str, *values: Callable[..., Any]) -> Rows:
    """Sums by a column's value, the greatest first."""
    found: dict[str, list[Any]] = {}
    for row in rows:
        figures = found.setdefault(row[column], [0] * len(values))
        for place, value in enumerate(values):
            figures[place] += value(row)
    table = [(kind, *figures) for kind, figures in found.items()]
    return sorted(table, key=lambda row: (-row[1], row[0]))


def one(_: Any) -> int:
    return 1


def resolved(row: dict[str, Any]) -> bool:
    return row["resolved_at"] is not None


def alert_levels(f: Facts) -> Rows:
    alerts = f.lately("saas_unified_alerts", "created_at", 90)
    return by_kind(alerts, "alert_level", one, resolved)


def account_alerts(f: Facts) -> Rows:
    return by_kind(f.lately("wework_account_alerts", "created_at", 90), "alert_type", one, resolved)


def order_states(f: Facts) -> Rows:
    orders = f.lately("service_orders", "order_time", 90)
    return by_kind(orders, "order_status", one, lambda order: order["total_amount"])


def message_funnel(f: Facts) -> Rows:
    rows = f.lately("wework_message_records", "created_at", 30)
    written = [m for m in rows if m["direction"] == "send"]
    counts = [len(written)]
    counts += [
        sum(m[moment] is not None for m in written)
        for moment in ("sent_at", "delivered_at", "read_at")
    ]
    return funnel(("written", "sent", "delivered", "read"), counts)


def funnel(steps: Iterable[str], counts: list[int]) -> Rows:
    return [(step, n, exact(100 * n, counts[0], 1)) for step, n in zip(steps, counts, strict=True)]


def order_funnel(f: Facts) -> Rows:
    moments = ("payment_time", "confirm_time", "assigned_time", "service_start_time")
    moments += ("complete_time",)
    orders = f.lately("service_orders", "order_time", 90)
    counts = [len(orders)]
    for place in range(len(moments)):
        counts.append(sum(any(order[m] for m in moments[place:]) for order in orders))
    steps = ("placed", "paid", "confirmed", "assigned", "started", "completed")
    return funnel(steps, counts)


def message_hours(f: Facts) -> Rows:
    rows = f.lately("wework_message_records", "created_at", 30)
    found = Counter((m["created_at"].weekday(), m["created_at"].hour) for m in rows)
    return [(f"weekday_{d}", *(found[d, hour] for hour in range(24))) for d in range(7)]


def account_states(f: Facts) -> Rows:
    """Seconds of every stretch between two moves, cut at midnight; an account begins as CREATED."""
    found: Counter[tuple[date, str]] = Counter()
    moves: dict[str, list[dict[str, Any]]] = {
        row["id"]: [{"created_at": row["created_at"], "id": "", "new_status": "CREATED"}]
        for row in f.rows("wework_accounts")
    }
    for move in f.rows("wework_account_status_history"):
        moves.setdefault(move["account_id"], []).append(move)
    for own in moves.values():
        own.sort(key=lambda move: (move["created_at"], move["id"]))
        ends = [move["created_at"] for move in own[1:]] + [AS_OF]
        for move, until in zip(own, ends, strict=True):
            state = move["new_status"]
            state = state if state in ("ONLINE", "OFFLINE", "ERROR") else "other_states"
            at = max(move["created_at"], datetime.combine(LAST - 29 * DAY, datetime.min.time()))
            while at < until:
                midnight = datetime.combine(at.date() + DAY, datetime.min.time())
                stop = min(until, midnight)
                found[at.date(), state] += int((stop - at).total_seconds())
                at = stop
    names = ("ONLINE", "OFFLINE", "ERROR", "other_states")
    wanted = [LAST - n * DAY for n in reversed(range(30))]
    return [(day, *(exact(found[day, name], 3600, 1) for name in names)) for day in wanted]


def vital_signs(f: Facts) -> Rows:
    births = {key: row["birth_date"] for key, row in health.released(f.raw).items()}
    bands: dict[str, list[dict[str, Any]]] = {}
    for sign in f.released("health_vital_signs", "measured_at"):
        band = health.band_on(births[sign["patient_id"]], sign["measured_at"].date())
        if band:
            bands.setdefault(band, []).append(sign)
    found = []
    for band, signs in sorted(bands.items()):
        people = {sign["patient_id"] for sign in signs}
        if len(people) >= 5:
            means = [
                exact(sum(values), len(values), 1)
                for column in ("systolic_pressure", "diastolic_pressure", "heart_rate")
                if (values := [s[column] for s in signs if s[column] is not None])
            ]
            ill = sum(sign["risk_assessment"] not in ("normal", None) for sign in signs)
            share = exact(100 * ill, len(signs), 1)
            found.append((band, len(people), len(signs), share, *means))
    return found


def health_alerts(f: Facts) -> Counter[tuple[str, str]]:
    alerts = f.released("health_alerts", "triggered_at")
    people: dict[tuple[str, str], set[str]] = {}
    for alert in alerts:
        people.setdefault((alert["alert_level"], alert["status"]), set()).add(alert["patient_id"])
    counted = Counter((alert["alert_level"], alert["status"]) for alert in alerts)
    return Counter({cell: n for cell, n in counted.items() if len(people[cell]) >= 5})


def devices(f: Facts) -> Rows:
    rows = by_kind(
        f.rows("health_devices"), "device_type", one,
        lambda device: device["successful_measurements"] or 0,
        lambda device: device["total_measurements"] or 0,
    )  # fmt: skip
    return [(kind, n, exact(100 * good, whole, 1)) for kind, n, good, whole in rows]


def campaigns(f: Facts) -> Rows:
    shown_ones = [row for row in f.rows("marketing_campaigns") if row["status"] != "draft"]
    shown_ones.sort(key=lambda row: (-row["total_revenue"], row["id"]))
    return [
        (
            row["campaign_name"], row["total_revenue"], row["total_discount"],
            row["total_participants"], row["total_orders"],
            exact(row["total_revenue"], row["total_discount"], 1),
        )
        for row in shown_ones[:12]
    ]  # fmt: skip


def services(f: Facts) -> Rows:
    orders = {order["id"]: order for order in f.lately("service_orders", "order_time", 90)}
    money: Counter[tuple[str, str]] = Counter()
    number: Counter[tuple[str, str]] = Counter()
    for line in f.rows("service_order_items"):
        if line["order_id"] in orders:
            key = (line["service_id"], line["service_name"])
            lost = orders[line["order_id"]]["order_status"] in UNEARNED
            lost = lost or line["service_status"] == "cancelled"
            money[key] += 0 if lost else line["final_price"]
            number[key] += 1
    best = sorted(money, key=lambda key: (-money[key], *key))[:12]
    return [(name, money[key], number[key]) for key in best for name in (key[1],)]


def stages(f: Facts) -> Rows:
    rows = by_kind(f.rows("customers"), "lifecycle_stage", one)
    return sorted(
        ((stage, None if n < 5 else n) for stage, n in rows if stage is not None),
        key=lambda row: (-(row[1] or 0), row[0]),
    )


def cohorts(f: Facts) -> Rows:
    """Months by the marts' oracle, summed over tenants where none of them gives somebody away."""
    cells: dict[tuple[date, int], list[int]] = {}
    for (tenant, first, _), row in cohort_retention(f.raw).items():
        if tenant in f.tenants and not row["has_small_cell"]:
            cell = cells.setdefault((first, row["months_since_first"]), [0, 0])
            cell[0] += row["retained_customers"]
            cell[1] += row["cohort_customers"]
    latest = sorted({first for first, _ in cells})[-12:]
    most = max((later for first, later in cells if first in latest), default=-1) + 1
    return [
        (
            f"{first:%Y-%m}",
            *(exact(100 * c[0], c[1], 1) if (c := cells.get((first, n))) else None
              for n in range(most)),
        )
        for first in latest
    ]  # fmt: skip


TILES: dict[str, Callable[[Facts], Counter[date]]] = {
    "sent_messages": sent,
    "received_messages": received,
    "failed_messages": lambda f: daily(
        (
            m for m in f.rows("wework_message_records")
            if m["send_status"] == "failed" and m["direction"] == "send"
        ),
        "created_at",
    ),
    "account_alerts": lambda f: daily(f.rows("wework_account_alerts"), "created_at"),
    "ai_requests": calls,
    "ai_tokens": lambda f: daily(
        f.rows("ai_call_logs"), "created_at", lambda call: tokens(call["tokens"])
    ),
    "ai_conversations": lambda f: daily(f.rows("ai_conversations"), "created_at"),
    "placed_orders": placed,
    "cancelled_orders": cancelled,
    "revenue_cny": revenue,
}  # fmt: skip


def tokens(text: str | None) -> int:
    found = re.search(r'"total(?:_tokens)?":\s*(\d+)', text or "")
    return int(found[1]) if found else 0


# What each panel must show in its first columns.
PANELS: dict[str, Callable[[Facts], Rows]] = {
    "messages": lambda f: beside(sent(f), received(f)),
    "ai_a_day": lambda f: beside(calls(f)),
    "orders_a_day": lambda f: beside(placed(f), cancelled(f)),
    "revenue": lambda f: beside(revenue(f)),
    "sign_ins": lambda f: beside(
        *(
            daily(
                (a for a in f.rows("saas_login_attempts") if a["attempt_result"] == result),
                "created_at",
            )
            for result in ("success", "failed")
        )
    ),
    "alerts_by_level": alert_levels,
    "ai_calls": lambda f: beside(calls(f), failed_calls(f)),
    "ai_cost": lambda f: beside(cost(f)),
    "ai_latency": latency,
    "agents": agents,
    "message_funnel": message_funnel,
    "account_states": account_states,
    "message_hours": message_hours,
    "account_alerts_by_type": account_alerts,
    "vital_signs": vital_signs,
    "order_funnel": order_funnel,
    "order_states": order_states,
    "campaigns": campaigns,
    "cohorts": cohorts,
    "services": services,
    "stages": stages,
}
# Panels with a test of their own, below; api and quotas are held against the table they show.
OTHERS = {"api", "quotas", "health_alerts", "devices_by_type", "rfm", "overlaps"}


def test_nothing_but_what_is_listed_is_read(demo: Demo, monkeypatch: pytest.MonkeyPatch) -> None:
    read: set[str] = set()
    table = Marts.table

    def noted(marts: Marts, relation: str, alias: str | None = None) -> Any:
        read.add(relation)
        return table(marts, relation, alias)

    monkeypatch.setattr(Marts, "table", noted)
    for tenant in WHO:
        overviews(demo.on("embedded"), list(PAGES), tenant)
    assert sorted(read) == sorted(READS)


def test_the_asset_writes_the_pages(demo: Demo, tmp_path: Path) -> None:
    settings = replace(demo.on("embedded"), local_dir=tmp_path)
    specs = [dg.AssetSpec(relation.split(".")) for relation in READS]

    @dg.multi_asset(specs=specs)
    def models(): ...

    [asset] = build_report_assets(settings, models)
    assert len(asset.dependency_keys) == len(READS)
    result = dg.materialize([asset], resources={"settings": settings})
    [event] = result.get_asset_materialization_events()
    metadata = event.materialization.metadata
    page = Path(metadata["page"].value)
    assert page == tmp_path / "reports" / "embedded" / "index.html"
    assert metadata["pages"].value == 7
    assert metadata["bytes"].value == sum(file.stat().st_size for file in page.parent.iterdir())


def test_every_panel_and_tile_is_tested(demo: Demo) -> None:
    assert set(panels(demo, "embedded", None)) == set(PANELS) | OTHERS
    named = {name for tiles, _ in PAGES.values() for name in tiles}
    assert named == set(TILES) | {"api_calls", "ai_cost_cny"}


@pytest.mark.parametrize("name", PANELS)
@pytest.mark.parametrize("engine", ENGINES)
def test_a_panel_shows_what_the_raw_rows_say(demo: Demo, engine: str, name: str) -> None:
    for tenant in WHO:
        wanted = PANELS[name](facts(demo.raw, tenant))
        found = panels(demo, engine, tenant)[name].rows
        assert wanted or tenant
        assert len(found) == len(wanted)
        width = len(wanted[0]) if wanted else 0
        for row, right in zip(found, wanted, strict=True):
            assert row[:width] == right, name


@pytest.mark.parametrize("engine", ENGINES)
def test_tiles_compare_with_as_many_days_before(demo: Demo, engine: str) -> None:
    for tenant in WHO:
        tiles = {t.name: t for page in pages(demo, engine, tenant).values() for t in page.tiles}
        for name, count in TILES.items():
            figures = [n for _, n in beside(count(facts(demo.raw, tenant)), days=60)]
            tile = tiles[name]
            assert (tile.week, tile.week_before) == (sum(figures[-7:]), sum(figures[-14:-7])), name
            assert (tile.month, tile.month_before) == (sum(figures[30:]), sum(figures[:30])), name
            if tile.week_before:
                change = exact(100 * (tile.week - tile.week_before), tile.week_before, 1)
                assert tile.week_change_pct == change
        spent = cost(facts(demo.raw, tenant))
        month = sum(spent[LAST - n * DAY] for n in range(30))
        assert abs(tiles["ai_cost_cny"].month - month) < half_up(1, 2)  # days are rounded
        used = demo.rows(engine, "saas_unified_core", "saas_usage_statistics")
        wanted = facts(demo.raw, tenant).tenant
        recent = LAST - 7 * DAY
        week = sum(
            row["api_calls"]
            for row in used
            if row["usage_date"] > recent and wanted in (None, row["tenant_id"])
        )
        assert tiles["api_calls"].week == week


@pytest.mark.parametrize("engine", ENGINES)
def test_cells_of_people(demo: Demo, engine: str) -> None:
    """RFM, overlaps and health alerts, cell by cell, and nobody is told of."""
    for tenant in WHO:
        f, found = facts(demo.raw, tenant), panels(demo, engine, tenant)
        own = [
            row
            for row in demo.rows(engine, "warehouse", "customer_rfm")
            if f.tenant in (None, row["tenant_id"])
        ]
        scored = Counter((row["recency_score"], row["frequency_score"]) for row in own)
        for name, *cells in found["rfm"].rows:
            for frequency, cell in enumerate(cells, start=1):
                n = scored[int(name[1]), frequency]
                assert cell == (n if n == 0 or n >= 5 else None)
        alerts, panel = health_alerts(f), found["health_alerts"]
        for level, *cells in panel.rows:
            for state, cell in zip(panel.columns[1:], cells, strict=True):
                assert (cell or 0) == alerts[level, state]
        kinds = [(kind, n, share) for kind, n, _, share in found["devices_by_type"].rows]
        assert kinds == devices(f)
        members: dict[str, set[str]] = {}
        for row in f.rows("customer_segment_members"):
            if row["status"] == "active":
                members.setdefault(row["segment_id"], set()).add(row["customer_id"])
        pairs = [
            (exact(100 * len(a & b), len(a | b), 2), len(a & b))
            for one_id, a in members.items()
            for other_id, b in members.items()
            if one_id < other_id
        ]
        for _, share, both in found["overlaps"].rows:
            assert (share, both) in pairs
        for name in PEOPLE:
            for row in found[name].rows:
                assert not {1, 2, 3, 4} & set(row[1:]), name


@pytest.mark.parametrize("engine", ENGINES)
def test_quotas_show_the_fullest_period(demo: Demo, engine: str) -> None:
    codes = {row["tenant_code"]: row["id"] for row in demo.raw.rows("saas_tenants")}
    used: dict[tuple[str, str], Any] = {}
    for row in demo.rows(engine, "saas_unified_core", "saas_quota_usage_realtime"):
        key = (row["tenant_id"], row["resource_type"])
        used[key] = max(used.get(key, 0), row["usage_percentage"] or 0)
    panel = panels(demo, engine, None)["quotas"]
    assert len(panel.rows) == 12
    for tenant, *cells in panel.rows:
        for resource, cell in zip(panel.columns[1:], cells, strict=True):
            assert (cell or 0) == used.get((codes[tenant], resource), 0)


@pytest.mark.mysql
def test_both_engines_give_the_same_pages(demo: Demo) -> None:
    for tenant in WHO:
        here, there = pages(demo, "embedded", tenant), pages(demo, "mysql", tenant)
        for domain, page in here.items():
            assert page.to_json() == there[domain].to_json(), domain
    assert render(here["wework"], "zh") == render(there["wework"], "zh")


# --- the page ------------------------------------------------------------------------------------


class Cells(HTMLParser):
    """The text of table cells and tiles, and all that a page would fetch."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.tiles: list[str] = []
        self.fetched: list[str] = []
        self._row: list[str] | None = None
        self._into: list[str] | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        if tag in ("script", "link", "img", "iframe"):
            self.fetched.append(tag)
        self.fetched += [str(known[name]) for name in ("src", "xlink:href") if known.get(name)]
        if tag == "table":
            self._table = self.tables.setdefault(str(known["data-panel"]), [])
        if tag == "tr":
            self._row = []
            self._table.append(self._row)
        if tag in ("td", "th") and self._row is not None:
            self._row.append("")
            self._into = self._row
        if tag == "b" and "data-tile" in (self.get_starttag_text() or ""):
            self._into = self.tiles

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._into = None

    def handle_data(self, data: str) -> None:
        if self._into:
            self._into[-1] += data


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_figure_of_a_page_is_one_of_its_panels(demo: Demo, language: str) -> None:
    words = Words(language)
    for page in pages(demo, "embedded", None).values():
        text = render(page, language, list(PAGES))
        cells = Cells(text)
        assert cells.fetched == [ref for ref in cells.fetched if ref.startswith("#")]
        assert "http" not in re.sub(r'xmlns(:\w+)?="[^"]+"', "", text)
        for panel in page.panels:
            head, *rows = cells.tables[panel.name]
            assert head == [column_name(panel, name, words) for name in panel.columns]
            assert rows == [
                [row_name(panel, row[0], words), *(shown(value) for value in row[1:])]
                for row in panel.rows
            ]
            if language == "zh":
                assert re.search(r"[一-鿿]", words(panel.name))
        for tile in page.tiles:
            assert f"<b>{shown(tile.week)}</b>" in text


def test_a_folder_gets_all_pages_and_a_file_one(demo: Demo, tmp_path: Path) -> None:
    settings = demo.on("embedded")
    files = write_pages(settings, tmp_path / "new" / "pages", "en")
    assert [file.name for file in files] == ["index.html", *(f"{d}.html" for d in settings.domains)]
    for file in files:
        assert file.stat().st_size < 200_000
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        linked = set(re.findall(r'<a href="([^"]+)"', file.read_text("utf-8")))
        assert linked == {other.name for other in files}


def run(demo: Demo, *arguments: str) -> Any:
    environment = demo.on("embedded").child_environment()
    return CliRunner().invoke(cli.app, ["report", *arguments], env=environment)


def test_the_command(demo: Demo, tmp_path: Path) -> None:
    file = tmp_path / "ai.html"
    done = run(demo, "-d", "ai", "--tenant", "t0001", "--out", str(file), "--json")
    assert done.exit_code == 0, done.output
    wanted = pages(demo, "embedded", "t0001")["ai"].to_json()
    assert wanted in done.stdout
    assert "智能体" in file.read_text("utf-8")
    assert EXECUTIVE in run(demo).stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("-d", "weather"), "weather"),
        (("--tenant", "nobody"), "no tenant 'nobody'"),
        (("--lang", "fr"), "fr"),
        (("-d", "ai", "-d", "core", "--out", "{}/one.html"), "one page"),
        (("--out", "{}/missing/one.html"), "no folder"),
    ],
)
def test_mistakes(demo: Demo, tmp_path: Path, arguments: tuple[str, ...], says: str) -> None:
    done = run(demo, *(argument.format(tmp_path) for argument in arguments))
    assert isinstance(done.exception, WarehouseError)
    assert says in done.exception.message
    assert list(tmp_path.iterdir()) == []
