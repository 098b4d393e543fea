"""Health reports on both engines, against a plain Python account of the same rows."""

from __future__ import annotations

import json
import random
import re
import stat
from collections import defaultdict
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from oracles.base import half_up
from oracles.health import age_on, hashed
from typer.testing import CliRunner, Result
from warehouses import ENGINES, Demo

from orchestration import cli, clock, database
from orchestration.errors import WarehouseError
from orchestration.reports.health import HealthReport, IdentifiedPatient, health_report, os_user
from orchestration.reports.page import render
from orchestration.schema.metadata import metadata_of, table_named
from orchestration.settings import Settings

Row = dict[str, Any]
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
START, END = date(2026, 6, 3), date(2026, 6, 20)
AS_OF = datetime(2026, 6, 30, 12, 0, 0)
TENANT, OTHER = "tenant-1", "tenant-2"
SHOWN, PRIVATE, UNASKED, CHILD, SILENT = (f"0000000{n}-aaaa-4aaa-8aaa-00000000000{n}"
                                          for n in range(1, 6))  # fmt: skip
NAME = "<script>alert(\"陈\")</script> & '李'"
# What must never stand in a masked report, whoever looks for it.
RAW = (NAME, "alert(", "陈", "13812341234", "P-0001", "330106196002290011", "chen@example.cn",
       "杭州市", "文三路", SHOWN, "secret title", "secret words", "secret hospital",
       "1960-02-29", "170.00")  # fmt: skip
SIGNS = ("systolic_pressure", "diastolic_pressure", "heart_rate", "respiratory_rate",
         "body_temperature", "oxygen_saturation", "weight", "bmi")  # fmt: skip
SITUATIONS = ("fasting", "before_meal", "after_meal", "random", "bedtime", None)
# (lowest inside, highest inside) where a step further is outside, by a computation of its own
INSIDE = {
    "systolic_pressure": ("90", "139"), "diastolic_pressure": ("60", "89"),
    "heart_rate": ("60", "100"), "respiratory_rate": ("12", "20"),
    "body_temperature": ("36.0", "37.2"), "oxygen_saturation": ("95", "100"),
    "bmi": ("18.5", "24.9"), "glucose_fasting": ("3.90", "6.09"),
    "glucose_after_meal": ("3.90", "7.79"),
}  # fmt: skip


# --- a small clinic ------------------------------------------------------------------------------


def table(settings: Settings, name: str) -> sa.Table:
    return table_named(metadata_of(settings), name)


def insert(settings: Settings, name: str, rows: list[Row]) -> None:
    with database.begin(settings) as connection:
        connection.execute(table(settings, name).insert(), rows)


def audit_rows(settings: Settings) -> list[Row]:
    with database.connect(settings) as connection:
        query = sa.select(table(settings, "saas_unified_audit_logs"))
        return [dict(row) for row in connection.execute(query).mappings()]


def patient(key: str, **more: Any) -> Row:
    return {
        "id": key, "tenant_id": TENANT, "patient_code": f"P-{key[:8]}", "name": "何雪梅",
        "gender": "female", "birth_date": date(1984, 7, 31), "phone": None, "id_card": None,
        "email": None, "address": None, "height": None, "weight": None, "allergies": None,
        "chronic_diseases": None, "current_medications": None, "privacy_level": "restricted",
        "data_sharing_consent": True, "blood_type": "A", "smoking_status": "never",
    } | more  # fmt: skip


PATIENTS = [
    patient(
        SHOWN, name=NAME, patient_code="P-0001", birth_date=date(1960, 2, 29),
        phone="13812341234", id_card="330106196002290011", email="chen@example.cn",
        address={"province": "浙江省", "city": "杭州市", "street": "文三路1号"},
        height=Decimal("170.00"), weight=Decimal("80.00"),
        allergies=["花粉", "<b>海鲜</b>"], current_medications=[],
    ),
    patient(PRIVATE, privacy_level="private"),
    patient(UNASKED, data_sharing_consent=False, privacy_level="public"),
    patient(CHILD, birth_date=date(2008, 6, 4)),  # of age one day after START
    patient(SILENT),
    patient("twin-1", patient_code="P-twin"),
    patient("twin-2", patient_code="P-twin", tenant_id=OTHER),
]  # fmt: skip


def vital_signs(rng: random.Random) -> list[Row]:
    """Values on and beside every limit, NULLs, ties, and instants on both sides of the days."""
    pools: dict[str, list[Any]] = {
        "systolic_pressure": [89, 90, 120, 139, 140], "diastolic_pressure": [59, 60, 89, 90],
        "heart_rate": [59, 60, 100, 101], "respiratory_rate": [11, 12, 20, 21],
        "body_temperature": [Decimal(t) for t in ("35.9", "36.0", "37.2", "37.3")],
        "oxygen_saturation": [Decimal(t) for t in ("94.99", "95.00", "100.00")],
        "weight": [Decimal(t) for t in ("80.00", "80.01", "79.50")],
        "bmi": [Decimal(t) for t in ("18.4", "18.5", "24.9", "25.0")],
        "blood_glucose": [Decimal(t) for t in ("3.89", "3.90", "6.09", "6.10", "7.79", "7.80")],
    }  # fmt: skip
    first, last = datetime.combine(START, time()), datetime.combine(END + DAY, time())
    edges = [first - SECOND, first, first + SECOND, last - SECOND, last, last + SECOND,
             AS_OF, AS_OF + SECOND]  # fmt: skip
    # at one instant, also where that decides over the first and the latest value
    ties = [at for at in (first, first + timedelta(hours=36), last - SECOND) for _ in range(6)]
    spread = [first + timedelta(minutes=rng.randint(0, 60 * 24 * 17)) for _ in range(150)]
    found = []
    for number, at in enumerate([*edges, *ties, *spread]):
        for owner in (SHOWN, CHILD):
            row = {name: rng.choice([*values, None]) for name, values in pools.items()}
            row["glucose_measurement_time"] = rng.choice(SITUATIONS)
            found.append(
                {"id": f"v{rng.randint(0, 10**9):010}-{number}-{owner[7]}", "tenant_id": TENANT,
                 "patient_id": owner, "measured_at": at,
                 "created_at": at + timedelta(minutes=rng.randint(0, 2)),
                 "risk_assessment": rng.choice(["normal", "caution", "critical", None])} | row
            )  # fmt: skip
    return found


def events(rng: random.Random) -> dict[str, list[Row]]:
    """Alerts, checkups and records before, in and after the days."""
    first, last = datetime.combine(START, time()), datetime.combine(END + DAY, time())
    moments = [first - SECOND, first, first + DAY, first + DAY, last - SECOND, last]
    days = [START - DAY, START, START, START + DAY, END, END + DAY]
    shared = {"tenant_id": TENANT, "patient_id": SHOWN}
    alerts = [
        shared | {
            "id": f"a{n}", "alert_type": rng.choice(["heart_rate_high", "custom"]),
            "alert_level": level, "alert_title": "secret title <i>", "alert_message": "x",
            "trigger_source": "rule", "status": "resolved" if n % 2 else "open",
            "triggered_at": at, "resolved_at": at + DAY if n % 2 else None,
        }
        for n, (at, level) in enumerate(
            zip(moments, ["critical", "info", "critical", "emergency", "error", "critical"],
                strict=True)
        )
    ]  # fmt: skip
    checkups = [
        shared | {
            "id": f"c{n}", "checkup_type": "annual", "report_number": f"R{n}", "checkup_date": at,
            "hospital_name": "secret hospital", "checkup_items": [], "health_status": "abnormal",
            "overall_conclusion": "secret words" if n % 2 else None, "report_status": status,
            "follow_up_required": n % 2 == 0, "follow_up_date": at + DAY if n == 4 else None,
        }
        for n, (at, status) in enumerate(
            zip(days, ["finalized", "draft", "finalized", "reviewed", "amended", "finalized"],
                strict=True)
        )
    ]  # fmt: skip
    records = [
        shared | {"id": f"r{n}", "record_type": rng.choice(["ecg", "blood_test"]), "title": "x",
                  "risk_level": rng.choice(["normal", "high", "critical", None]),
                  "recorded_at": rng.choice(moments)}
        for n in range(40)
    ]  # fmt: skip
    return {"health_alerts": alerts, "health_checkup_reports": checkups, "health_records": records}


def account() -> dict[str, list[Row]]:
    rng = random.Random(11)
    return {"health_patients": PATIENTS, "health_vital_signs": vital_signs(rng)} | events(rng)


def fill(settings: Settings) -> Settings:
    """The health tables and the audit trail, with the clinic in them."""
    settings = replace(settings, domains=("core", "health"), as_of=AS_OF)
    metadata = metadata_of(settings)
    wanted = [
        found
        for found in metadata.sorted_tables
        if str(found.schema).endswith("health_management") or found.name.endswith("audit_logs")
    ]
    with database.begin(settings) as connection:
        for schema in sorted({str(found.schema) for found in wanted}):
            kind = "database" if settings.is_mysql else "schema"
            connection.exec_driver_sql(f"create {kind} {schema}")
        metadata.create_all(connection, tables=wanted, checkfirst=False)
    for name, rows in account().items():
        insert(settings, name, rows)
    return settings


@pytest.fixture(scope="module")
def clinic(module_engine_settings: Settings) -> Settings:
    """For tests that add nothing but audit entries."""
    return fill(module_engine_settings)


def report_on(clinic: Settings, key: str = SHOWN, **options: Any) -> HealthReport:
    return health_report(
        clinic, key, options.pop("start", START), options.pop("end", END), **options
    )


# --- figures -------------------------------------------------------------------------------------


def within(rows: list[Row], column: str, key: str) -> list[Row]:
    """The rows of a patient on the report's days, by the calendar alone."""
    days = [START + n * DAY for n in range((END - START).days + 1)]
    return [
        row
        for row in rows
        if row["patient_id"] == key
        and (row[column].date() if isinstance(row[column], datetime) else row[column]) in days
    ]


def expected_signs(key: str, adult: bool) -> dict[str, Row]:
    taken: dict[str, list[tuple[datetime, datetime, str, Decimal]]] = defaultdict(list)
    for row in within(account()["health_vital_signs"], "measured_at", key):
        order = (row["measured_at"], row["created_at"], row["id"])
        for name in SIGNS:
            if row[name] is not None:
                taken[name].append((*order, Decimal(row[name])))
        if row["blood_glucose"] is not None:
            situation = row["glucose_measurement_time"] or "not_said"
            taken[f"glucose_{situation}"].append((*order, row["blood_glucose"]))
    found = {}
    for name, readings in taken.items():
        readings.sort()
        values = [r[3] for r in readings]
        by_day = defaultdict(list)
        for at, _, _, value in readings:
            by_day[at.date()].append(value)
        low, high = INSIDE.get(name, (None, None)) if adult else (None, None)
        found[name] = {
            "count": len(values), "minimum": min(values), "maximum": max(values),
            "mean": exact_mean(values),
            "first": values[0], "first_at": readings[0][0],
            "latest": values[-1], "latest_at": readings[-1][0],
            "change": values[-1] - values[0],
            "below": sum(v < Decimal(low) for v in values) if low else None,
            "above": sum(v > Decimal(high) for v in values) if high else None,
            "days": [
                (day, len(own), min(own), exact_mean(own), max(own))
                for day, own in sorted(by_day.items())
            ],
        }  # fmt: skip
    return found


def exact_mean(values: list[Decimal]) -> Decimal:
    return half_up(sum(map(Fraction, values), Fraction()) / len(values), 2)


@pytest.mark.parametrize(("key", "adult"), [(SHOWN, True), (CHILD, False)])
def test_every_figure_equals_the_account(clinic: Settings, key: str, adult: bool) -> None:
    report = report_on(clinic, key)
    expected = expected_signs(key, adult)
    assert {sign.measure for sign in report.signs} == set(expected)
    assert len(expected) == 14
    for sign in report.signs:
        wanted = expected[sign.measure]
        days = [(d.date, d.count, d.minimum, d.mean, d.maximum) for d in sign.days]
        assert days == wanted.pop("days")
        assert {name: getattr(sign, name) for name in wanted} == wanted
        assert (sign.reference is not None) == (adult and sign.measure in INSIDE)
    signs = within(account()["health_vital_signs"], "measured_at", key)
    assert report.adult == adult
    assert report.measurements == len(signs) > 150
    assert report.abnormal_measurements == sum(
        row["risk_assessment"] in ("caution", "warning", "critical") for row in signs
    )
    assert report.days_measured == len({row["measured_at"].date() for row in signs})


def test_events_are_those_of_the_days(clinic: Settings) -> None:
    report = report_on(clinic)
    rows = account()
    alerts = within(rows["health_alerts"], "triggered_at", SHOWN)
    assert [(a.triggered_at, a.alert_type, a.alert_level, a.status, a.resolved_at, a.title)
            for a in report.alerts] == [
        (a["triggered_at"], a["alert_type"], a["alert_level"], a["status"], a["resolved_at"], None)
        for a in alerts
    ]  # fmt: skip
    assert (len(alerts), report.critical_alerts) == (4, 2)
    checkups = [
        c for c in within(rows["health_checkup_reports"], "checkup_date", SHOWN)
        if c["report_status"] != "draft"
    ]  # fmt: skip
    assert [
        (c.checkup_date, c.report_status, c.is_follow_up_required, c.follow_up_date, c.hospital)
        for c in report.checkups
    ] == [
        (c["checkup_date"], c["report_status"], c["follow_up_required"], c["follow_up_date"], None)
        for c in checkups
    ]
    assert len(checkups) == 3
    records = within(rows["health_records"], "recorded_at", SHOWN)
    for kind in report.records:
        own = [r for r in records if r["record_type"] == kind.record_type]
        assert kind.records == len(own)
        assert kind.abnormal == sum(r["risk_level"] in ("high", "critical") for r in own)
    assert sum(kind.records for kind in report.records) == len(records) > 0


@pytest.mark.parametrize("days", [(START, START), (END, END), (END + DAY, END + DAY)])
def test_one_day_is_from_midnight_to_midnight(clinic: Settings, days: tuple[date, date]) -> None:
    found = report_on(clinic, start=days[0], end=days[1])
    signs = [
        row for row in account()["health_vital_signs"]
        if row["patient_id"] == SHOWN and row["measured_at"].date() == days[0]
    ]  # fmt: skip
    assert found.measurements == len(signs) > 0
    assert found.days_measured == 1


def test_nothing_after_as_of_is_told(clinic: Settings) -> None:
    day = AS_OF.date()
    assert report_on(clinic, start=day, end=day + 300 * DAY).measurements == 1
    later = replace(clinic, as_of=AS_OF + SECOND)
    assert report_on(later, start=day, end=day).measurements == 2
    before = replace(clinic, as_of=datetime.combine(END, time(12)))
    assert [c.checkup_date for c in report_on(before, end=END + DAY).checkups][-1] == END


def test_without_dates_the_last_thirty_days(clinic: Settings) -> None:
    found = health_report(clinic, SHOWN)
    assert (found.start, found.end) == (AS_OF.date() - 29 * DAY, AS_OF.date())


def test_both_engines_say_the_same(embedded_settings: Settings, mysql_settings: Settings) -> None:
    one, other = fill(embedded_settings), fill(mysql_settings)
    for identified, language in ((False, "zh"), (True, "en")):
        reports = [report_on(settings, identified=identified) for settings in (one, other)]
        assert reports[0].to_json() == reports[1].to_json()
        assert render(reports[0], language) == render(reports[1], language)
    assert json.loads(reports[0].to_json())["signs"][0]["count"] > 100


# --- who may see what ----------------------------------------------------------------------------


def test_a_masked_report_tells_nothing_raw(clinic: Settings) -> None:
    before = len(audit_rows(clinic))
    report = report_on(clinic)
    told = [report.to_json(), report.summary(), repr(report)]
    told += [render(report, language) for language in ("zh", "en")]
    for text in told:
        for raw in RAW:
            assert raw not in text
    shown = json.loads(report.to_json())["patient"]
    assert shown == {
        "patient_key": hashed(SHOWN), "tenant_id": TENANT, "gender": "female",
        "age_band": "65-74", "province": "浙江省", "blood_type": "A", "rh_factor": "unknown",
        "bmi_band": "overweight", "smoking_status": "never", "drinking_status": "never",
        "exercise_frequency": "never", "allergy_count": 2, "chronic_disease_count": None,
        "medication_count": 0, "status": "active",
    }  # fmt: skip
    assert len(audit_rows(clinic)) == before


@pytest.mark.parametrize("key", [PRIVATE, UNASKED])
def test_who_may_not_be_released_has_no_masked_report(clinic: Settings, key: str) -> None:
    with pytest.raises(WarehouseError, match="no masked report") as refused:
        report_on(clinic, key)
    assert "--identified" in refused.value.fix
    assert report_on(clinic, key, identified=True).identified


def test_an_identified_report_is_audited_first(clinic: Settings) -> None:
    before = {row["id"] for row in audit_rows(clinic)}
    began = clock.now(replace(clinic, as_of=None))
    report = report_on(clinic, identified=True, operator="Dr 李")
    ended = clock.now(replace(clinic, as_of=None))
    (entry,) = (row for row in audit_rows(clinic) if row["id"] not in before)
    assert began <= entry.pop("created_at") <= ended, "a pinned clock must not date the entry"
    assert {name: value for name, value in entry.items() if value is not None and name != "id"} == {
        "tenant_id": TENANT, "log_type": "security", "module": "health",
        "sub_module": "health_report", "operator_type": "user", "action": "read",
        "target_type": "patient", "target_id": SHOWN, "status": "success", "tags": ["identified"],
        "business_context": {
            "os_user": os_user(), "operator": "Dr 李", "start": "2026-06-03", "end": "2026-06-20",
            "data_sharing_consent": True, "privacy_level": "restricted",
        },
    }  # fmt: skip
    person = report.patient
    assert isinstance(person, IdentifiedPatient)
    assert (person.name, person.phone, person.age) == (NAME, "13812341234", 66)
    assert (person.bmi, person.allergies) == (Decimal("27.7"), ("花粉", "<b>海鲜</b>"))
    assert {alert.title for alert in report.alerts} == {"secret title <i>"}
    assert {c.conclusion for c in report.checkups} == {"secret words", None}
    for left_out in ("330106196002290011", "chen@example.cn", "文三路"):
        assert left_out not in report.to_json()


def test_the_operator_cannot_be_forged(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(variable, "somebody-else")
    assert os_user() != "somebody-else"


def test_without_an_audit_entry_nothing_is_shown(engine_settings: Settings, tmp_path: Path) -> None:
    settings = fill(engine_settings)
    file = tmp_path / "report.html"
    arguments = ("--start", str(START), "--end", str(END), "--identified", "--out", str(file))
    off = replace(settings, domains=("health",))
    for broken, said in ((off, "switched off"), (settings, "audit entry could not be written")):
        if broken is settings:
            with database.begin(settings) as connection:
                table(settings, "saas_unified_audit_logs").drop(connection)
        shown = command(broken, SHOWN, *arguments)
        assert isinstance(shown.exception, WarehouseError)
        assert said in shown.exception.message
        assert shown.stdout == "" and NAME not in shown.output
        assert not file.exists() and list(tmp_path.glob(".report*")) == []
    assert report_on(off).measurements > 0, "a masked report needs no audit log"


# --- asking --------------------------------------------------------------------------------------


def command(settings: Settings, *arguments: str) -> Result:
    variables = settings.child_environment()
    return CliRunner().invoke(cli.app, ["health-report", *arguments], env=variables)


def test_a_patient_is_found_by_id_or_code(clinic: Settings) -> None:
    assert report_on(clinic, "P-0001") == report_on(clinic, SHOWN)
    assert report_on(clinic, "P-0001", tenant=TENANT) == report_on(clinic, SHOWN)
    assert report_on(clinic, "P-twin", tenant=OTHER).patient.tenant_id == OTHER


@pytest.mark.parametrize(
    ("key", "options", "said"),
    [
        ("nobody", {}, "no patient 'nobody'"),
        ("p-0001", {}, "no patient 'p-0001'"),  # MySQL alone would take it for P-0001
        ("P-0001 ", {}, "no patient 'P-0001 '"),
        ("' or 1 = 1 --", {}, "no patient"),
        ("", {}, "no patient ''"),
        (SHOWN, {"tenant": OTHER}, f"in tenant '{OTHER}'"),
        ("P-twin", {}, f"in tenants {TENANT}, {OTHER}"),
        (SHOWN, {"start": END, "end": START}, "end on 2026-06-03, before it starts"),
        (SHOWN, {"start": date(1960, 1, 1)}, "outside what a MySQL timestamp holds"),
        (SHOWN, {"end": date(9999, 12, 31)}, "outside what a MySQL timestamp holds"),
    ],
)
def test_what_cannot_be_answered_says_why(
    clinic: Settings, key: str, options: dict[str, Any], said: str
) -> None:
    before = len(audit_rows(clinic))
    for identified in (False, True):
        with pytest.raises(WarehouseError, match=re.escape(said)):
            report_on(clinic, key, identified=identified, **options)
    assert len(audit_rows(clinic)) == before, "an entry about nobody"


def test_without_the_health_domain_there_is_no_report(clinic: Settings) -> None:
    with pytest.raises(WarehouseError, match="domain health holds the patients"):
        report_on(replace(clinic, domains=("core",)))


def test_a_patient_without_data_has_an_empty_report(clinic: Settings) -> None:
    report = report_on(clinic, SILENT)
    assert report.is_empty and report.signs == ()
    assert "0 measurements on 0 days" in report.summary()
    assert json.loads(report.to_json())["alerts"] == []
    for language, said in (("en", "Nothing is on record"), ("zh", "没有任何记录")):
        page = render(report, language)
        assert said in page and "<svg" not in page


def test_the_command(clinic: Settings, tmp_path: Path) -> None:
    days = ("--start", str(START), "--end", str(END))
    file = tmp_path / "report.html"
    made = command(clinic, SHOWN, *days, "--json", "--out", str(file), "--lang", "en")
    assert made.exit_code == 0, made.output
    assert made.stdout == report_on(clinic).to_json() + "\n"
    assert file.read_text(encoding="utf-8") == render(report_on(clinic), "en")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [file]
    assert command(clinic, SHOWN, *days).stdout == report_on(clinic).summary() + "\n"
    for wrong, said in (
        (("--lang", "fr"), "Unknown language 'fr'"),
        (("--start", "June"), "--start 'June' is not a day"),
        (("--out", str(tmp_path / "no" / "x.html")), "no folder"),
    ):
        refused = command(clinic, SHOWN, "--identified", *wrong)
        assert isinstance(refused.exception, WarehouseError)
        assert said in refused.exception.message and refused.stdout == ""


# --- the page ------------------------------------------------------------------------------------


class Page(HTMLParser):
    """What a browser would see: text, tags that are open, and every attribute."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.ids: list[str] = []
        self.addresses: list[str] = []
        self.text: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in ("meta", "path", "use", "rect"):
            self.open.append(tag)
        for name, value in attrs:
            assert not name.startswith("on"), f"{tag} has a script: {name}"
            if name == "id":
                self.ids.append(str(value))
            if name in ("src", "href", "action", "srcset"):
                self.addresses.append(str(value))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if self.open and self.open[-1] == tag:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("meta", "path", "use", "rect"):
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.mark.parametrize(("language", "identified"), [("zh", False), ("en", True)])
def test_the_page_stands_alone_and_escapes(
    clinic: Settings, language: str, identified: bool
) -> None:
    report = report_on(clinic, identified=identified)
    html = render(report, language)
    page = Page(html)
    assert page.open == [] and "script" not in page.tags and "link" not in page.tags
    assert page.tags.count("figure") == page.tags.count("svg") == len(report.signs) - 1 == 13
    assert len(page.ids) == len(set(page.ids)) > 0, "two charts share an id"
    assert page.addresses == [] and "@import" not in html
    assert set(re.findall(r"https?://[^\"\s]+", html)) == {
        "http://www.w3.org/1999/xlink", "http://www.w3.org/2000/svg",
    }  # fmt: skip
    assert set(re.findall(r"url\(([^)]*)\)", html)) == {f"#{i}" for i in page.ids if i[0] == "p"}
    text = "".join(page.text)
    assert (NAME in text) == identified
    assert ("<b>海鲜</b>" in text) == identified
    assert ("secret title <i>" in text) == identified
    assert "b" not in page.tags or html.count("<b>海鲜") == 0
    words = {
        "zh": ("收缩压", "血糖（空腹）", "参考范围", "严重", "年度体检", "心电图"),
        "en": ("Systolic pressure", "Blood sugar (fasting)", "Reference", "Critical", "Annual",
               "ECG"),
    }[language]  # fmt: skip
    for word in words:
        assert word in text
    assert f'lang="{"zh-CN" if language == "zh" else "en"}"' in html
    assert "90 ≤ x < 140" in text
    for sign in report.signs:
        assert str(sign.mean) in text and f"{sign.minimum} – {sign.maximum}" in text


# --- the marts -----------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
def test_masked_patients_are_those_of_dim_patients(demo: Demo, engine: str) -> None:
    """Value by value, and nobody else; signs by day are those of health_vital_signs_daily."""
    settings = demo.on(engine)
    shown = {row["patient_key"]: row for row in demo.rows(engine, "warehouse", "dim_patients")}
    daily = {
        (row["patient_id"], row["stat_date"]): row
        for row in demo.rows(engine, "health_management", "health_vital_signs_daily")
    }
    released, refused, days = 0, 0, 0
    for row in demo.raw.rows("health_patients")[:120:3]:
        try:
            report = health_report(settings, row["id"], date(2026, 6, 1), date(2026, 6, 30))
        except WarehouseError:
            refused += 1
            assert hashed(row["id"]) not in shown
            continue
        released += 1
        masked = json.loads(report.to_json())["patient"]
        assert masked.items() <= shown[masked["patient_key"]].items()
        for sign in report.signs:
            if sign.measure.startswith("glucose") or sign.measure == "bmi":
                continue
            for day in sign.days:
                mart = daily[row["id"], day.date]
                name = sign.measure
                assert (day.count, day.minimum, day.mean, day.maximum) == (
                    mart[f"{name}_count"], mart[f"min_{name}"], mart[f"avg_{name}"],
                    mart[f"max_{name}"],
                )  # fmt: skip
                days += 1
        assert age_on(row["birth_date"], report.start) is None or report.adult == (
            age_on(row["birth_date"], report.start) >= 18
        )
    assert min(released, refused) >= 5 and days > 100
