"""`health_report`: one patient over some business days, as a typed result.

Masked by default: of the person it says what dim_patients says, and like the row-level marts it
exists only for patients who may be released. Identified, it is for those who care for the
patient, whatever was agreed about sharing; an entry of who asked for whom stands in the audit
trail before anything of the patient is read.
"""

from __future__ import annotations

import json
import os
import pwd
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from orchestration import clock, database
from orchestration.errors import WarehouseError
from orchestration.operations.running import transaction
from orchestration.reports.masking import (
    age_band,
    age_in_years,
    bmi_band,
    length_of,
    may_be_released,
    province_of,
    pseudonym,
)
from orchestration.reports.measures import ADULT, Figures, figures_of
from orchestration.schema.metadata import metadata_of, table_named
from orchestration.settings import FIRST_YEAR, LAST_YEAR, Settings

# A report without dates covers the business day of as_of and those before it.
DEFAULT_DAYS = 30
ABNORMAL_RECORDS = ("high", "critical")
CRITICAL_ALERTS = ("critical", "emergency")
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
Row = Mapping[str, Any]


@dataclass(frozen=True)
class MaskedPatient:
    """The patient as dim_patients shows it."""

    patient_key: str
    tenant_id: str
    gender: str
    age_band: str | None
    province: str | None
    blood_type: str | None
    rh_factor: str | None
    bmi_band: str | None
    smoking_status: str | None
    drinking_status: str | None
    exercise_frequency: str | None
    allergy_count: int | None
    chronic_disease_count: int | None
    medication_count: int | None
    status: str | None


@dataclass(frozen=True)
class IdentifiedPatient:
    """The patient as those need it who care for the person: no card, address or contact person."""

    patient_id: str
    tenant_id: str
    patient_code: str
    name: str
    gender: str
    birth_date: date
    age: int | None
    phone: str | None
    blood_type: str | None
    rh_factor: str | None
    height: Decimal | None
    weight: Decimal | None
    bmi: Decimal | None
    smoking_status: str | None
    drinking_status: str | None
    exercise_frequency: str | None
    allergies: tuple[str, ...] | None
    chronic_diseases: tuple[str, ...] | None
    current_medications: tuple[str, ...] | None
    status: str | None


@dataclass(frozen=True)
class RecordCount:
    """Health records of a type recorded in the period; abnormal ones carry a high risk."""

    record_type: str
    records: int
    abnormal: int


@dataclass(frozen=True)
class Alert:
    """An alert raised in the period, as it stands now; its title only where identified."""

    triggered_at: datetime
    alert_type: str
    alert_level: str
    status: str
    resolved_at: datetime | None
    title: str | None = None


@dataclass(frozen=True)
class Checkup:
    """A checkup of the period that is no draft; its texts only where identified."""

    checkup_date: date
    checkup_type: str
    health_status: str
    report_status: str
    is_follow_up_required: bool
    follow_up_date: date | None
    hospital: str | None = None
    conclusion: str | None = None


@dataclass(frozen=True)
class HealthReport:
    """One patient from the first business day to the last, both included, nothing after as_of."""

    patient: MaskedPatient | IdentifiedPatient
    identified: bool
    start: date
    end: date
    as_of: datetime
    # whether the reference ranges apply: they are those of adults
    adult: bool
    measurements: int
    abnormal_measurements: int
    days_measured: int
    signs: tuple[Figures, ...]
    alerts: tuple[Alert, ...]
    critical_alerts: int
    checkups: tuple[Checkup, ...]
    records: tuple[RecordCount, ...]

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all is on record for the period."""
        return not (self.measurements or self.alerts or self.checkups or self.records)

    @property
    def subject(self) -> str:
        """Whom it is about, for a line on the screen: a name, or the start of the pseudonym."""
        if isinstance(self.patient, IdentifiedPatient):
            return f"{self.patient.name} ({self.patient.patient_code})"
        return f"patient {self.patient.patient_key[:12]}"

    def summary(self) -> str:
        """For people: a sentence, then a line a sign."""
        first = (
            f"Health report of {self.subject}, {self.start} to {self.end}: "
            f"{self.measurements:,} measurements on {self.days_measured:,} days "
            f"({self.abnormal_measurements:,} abnormal), {len(self.alerts):,} alerts, "
            f"{len(self.checkups):,} checkups, {sum(r.records for r in self.records):,} records."
        )
        lines = [
            f"  {sign.measure}: {sign.count:,} x, mean {sign.mean} {sign.unit} "
            f"({sign.minimum} to {sign.maximum}), latest {sign.latest} at {sign.latest_at}"
            for sign in self.signs
        ]
        return "\n".join([first, *lines])

    def to_json(self) -> str:
        """The same for programs; equal on both engines, byte for byte."""
        return json.dumps(asdict(self), ensure_ascii=False, default=_plain)


def health_report(
    settings: Settings,
    patient: str,
    start: date | None = None,
    end: date | None = None,
    *,
    tenant: str | None = None,
    identified: bool = False,
    operator: str | None = None,
) -> HealthReport:
    """The report on a patient, by id or patient code; dates are business days, both included.

    `tenant` says which, where several have the code. `identified` writes an audit entry first,
    in the name of `operator` beside the OS user's. WarehouseError for an unknown patient, for
    reversed dates, for one who may not be shown masked, and when the entry cannot be written.
    """
    _require(settings, "health", "the patients")
    now = clock.now(settings)
    end = end or now.date()
    start = start or end - (DEFAULT_DAYS - 1) * DAY
    _check_days(start, end)
    found = _find(settings, patient, tenant)
    if identified:
        _audit(settings, found, start, end, operator)
    rows = _read(settings, found["id"], start, end, now)
    if not identified and not may_be_released(rows.patient):
        raise WarehouseError(
            f"Patient {patient!r} has not agreed to data sharing or is private, so there is no "
            "masked report, as there are no rows in the marts.",
            fix="whoever cares for the patient may use --identified, which the audit log records.",
        )
    return compose(rows, start, end, now, None if identified else settings.mask_key)


# --- asking --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rows:
    """What is on record: the patient's row, and the period's rows in the order of events."""

    patient: Row
    signs: Sequence[Row]
    alerts: Sequence[Row]
    checkups: Sequence[Row]
    records: Sequence[Row]


def _check_days(start: date, end: date) -> None:
    if start > end:
        raise WarehouseError(
            f"The report would end on {end}, before it starts on {start}.",
            fix="give the earlier day as --start and the later one as --end.",
        )
    if not FIRST_YEAR <= start.year <= end.year <= LAST_YEAR:
        raise WarehouseError(
            f"{start} to {end} is outside what a MySQL timestamp holds.",
            fix=f"choose days from {FIRST_YEAR} to {LAST_YEAR}.",
        )


def _find(settings: Settings, patient: str, tenant: str | None) -> Row:
    """Who it is, and what was agreed; nothing else is read before the audit entry stands."""
    patients = _table(settings, "health_patients")
    columns = ("id", "tenant_id", "patient_code", "privacy_level", "data_sharing_consent")
    query = sa.select(*(patients.c[name] for name in columns)).where(
        sa.or_(patients.c.id == patient, patients.c.patient_code == patient)
    )
    with database.connect(settings, read_only=True) as connection:
        rows = connection.execute(query).mappings().all()
    # MySQL takes p1 for P1, DuckDB does not.
    found = [
        row
        for row in rows
        if patient in (row["id"], row["patient_code"]) and tenant in (None, row["tenant_id"])
    ]
    if not found:
        where = f" in tenant {tenant!r}" if tenant else ""
        raise WarehouseError(
            f"There is no patient {patient!r}{where}.",
            fix="give the patient's id or code as health_patients has it.",
        )
    if len(found) > 1:
        tenants = ", ".join(sorted(row["tenant_id"] for row in found))
        raise WarehouseError(
            f"Several patients are called {patient!r}, in tenants {tenants}.",
            fix="say which with --tenant, or give the patient's id.",
        )
    return found[0]


def _read(settings: Settings, patient_id: str, start: date, end: date, now: datetime) -> Rows:
    """Everything that the report needs, in one connection and so as of one moment."""
    instants = (_midnight(start), min(_midnight(end + DAY), now + SECOND))
    days = (start, min(end, now.date()) + DAY)

    def events(name: str, at: str, within: tuple[Any, Any], *order: str) -> list[Row]:
        table = _table(settings, name)
        query = sa.select(table).where(
            table.c.patient_id == patient_id, table.c[at] >= within[0], table.c[at] < within[1]
        )
        found = [dict(row) for row in connection.execute(query).mappings()]
        return sorted(found, key=lambda row: [_nulls_first(row[c]) for c in (at, *order, "id")])

    patients = _table(settings, "health_patients")
    with database.connect(settings, read_only=True) as connection:
        who = connection.execute(sa.select(patients).where(patients.c.id == patient_id)).mappings()
        return Rows(
            dict(who.one()),
            events("health_vital_signs", "measured_at", instants, "created_at"),
            events("health_alerts", "triggered_at", instants),
            events("health_checkup_reports", "checkup_date", days),
            events("health_records", "recorded_at", instants),
        )


def _nulls_first(value: Any) -> tuple[bool, Any]:
    return (value is not None, value)


def _audit(settings: Settings, patient: Row, start: date, end: date, operator: str | None) -> None:
    """Write who reads about whom, and when by the real clock: a pinned one could backdate it."""
    _require(settings, "core", "the audit log, without which no identified report is made")
    log = _table(settings, "saas_unified_audit_logs")
    entry = {
        "id": str(uuid.uuid4()),
        "tenant_id": patient["tenant_id"],
        "log_type": "security",
        "module": "health",
        "sub_module": "health_report",
        "operator_type": "user",
        "action": "read",
        "target_type": "patient",
        "target_id": patient["id"],
        "status": "success",
        "business_context": {
            "os_user": os_user(),
            "operator": operator,
            "start": str(start),
            "end": str(end),
            "data_sharing_consent": bool(patient["data_sharing_consent"]),
            "privacy_level": patient["privacy_level"],
        },
        "tags": ["identified"],
        "created_at": clock.now(replace(settings, as_of=None)),
    }
    try:
        transaction(settings, lambda connection: connection.execute(log.insert(), entry))
    except (WarehouseError, DBAPIError) as error:
        said = error.message if isinstance(error, WarehouseError) else error.orig
        raise WarehouseError(
            f"No report was made, because its audit entry could not be written: {said}",
            fix=error.fix if isinstance(error, WarehouseError) else "see `warehouse doctor`.",
        ) from error


def os_user() -> str:
    """Who runs this, by the system and not by variables that anybody can set."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's user without an entry
        return f"uid {os.getuid()}"


def _require(settings: Settings, domain: str, what: str) -> None:
    if domain not in settings.domains:
        raise WarehouseError(
            f"The domain {domain} holds {what}, and it is switched off.",
            fix="add it to WAREHOUSE_DOMAINS.",
        )


def _table(settings: Settings, name: str) -> sa.Table:
    return table_named(metadata_of(settings), name)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, datetime.min.time())


# --- composing -----------------------------------------------------------------------------------


def compose(
    rows: Rows, start: date, end: date, as_of: datetime, mask_key: str | None
) -> HealthReport:
    """The report from what is on record; masked under `mask_key`, identified without one."""
    identified = mask_key is None
    age = age_in_years(rows.patient["birth_date"], start)
    adult = age is not None and age >= ADULT
    alerts = [_alert(row, identified) for row in rows.alerts]
    abnormal = Counter(
        row["record_type"] for row in rows.records if row["risk_level"] in ABNORMAL_RECORDS
    )
    counted = Counter(row["record_type"] for row in rows.records)
    return HealthReport(
        patient=_identified(rows.patient, as_of.date())
        if mask_key is None
        else _masked(rows.patient, as_of.date(), mask_key),
        identified=identified,
        start=start,
        end=end,
        as_of=as_of,
        adult=adult,
        measurements=len(rows.signs),
        abnormal_measurements=sum(
            row["risk_assessment"] not in (None, "normal") for row in rows.signs
        ),
        days_measured=len({row["measured_at"].date() for row in rows.signs}),
        signs=figures_of(rows.signs, adult=adult),
        alerts=tuple(alerts),
        critical_alerts=sum(alert.alert_level in CRITICAL_ALERTS for alert in alerts),
        checkups=tuple(
            _checkup(row, identified) for row in rows.checkups if row["report_status"] != "draft"
        ),
        records=tuple(RecordCount(kind, counted[kind], abnormal[kind]) for kind in sorted(counted)),
    )


def _masked(row: Row, today: date, mask_key: str) -> MaskedPatient:
    return MaskedPatient(
        patient_key=pseudonym(mask_key, row["id"]),
        tenant_id=row["tenant_id"],
        gender=row["gender"],
        age_band=age_band(row["birth_date"], today),
        province=province_of(row["address"]),
        blood_type=row["blood_type"],
        rh_factor=row["rh_factor"],
        bmi_band=bmi_band(row["bmi"]),
        smoking_status=row["smoking_status"],
        drinking_status=row["drinking_status"],
        exercise_frequency=row["exercise_frequency"],
        allergy_count=length_of(row["allergies"]),
        chronic_disease_count=length_of(row["chronic_diseases"]),
        medication_count=length_of(row["current_medications"]),
        status=row["status"],
    )


def _identified(row: Row, today: date) -> IdentifiedPatient:
    return IdentifiedPatient(
        patient_id=row["id"],
        tenant_id=row["tenant_id"],
        patient_code=row["patient_code"],
        name=row["name"],
        gender=row["gender"],
        birth_date=row["birth_date"],
        age=age_in_years(row["birth_date"], today),
        phone=row["phone"],
        blood_type=row["blood_type"],
        rh_factor=row["rh_factor"],
        height=row["height"],
        weight=row["weight"],
        bmi=row["bmi"],
        smoking_status=row["smoking_status"],
        drinking_status=row["drinking_status"],
        exercise_frequency=row["exercise_frequency"],
        allergies=_entries(row["allergies"]),
        chronic_diseases=_entries(row["chronic_diseases"]),
        current_medications=_entries(row["current_medications"]),
        status=row["status"],
    )


def _entries(value: Any) -> tuple[str, ...] | None:
    """A JSON list's entries as text; entries that are objects keep their JSON."""
    if not isinstance(value, list):
        return None
    return tuple(e if isinstance(e, str) else json.dumps(e, ensure_ascii=False) for e in value)


def _alert(row: Row, identified: bool) -> Alert:
    return Alert(
        triggered_at=row["triggered_at"],
        alert_type=row["alert_type"],
        alert_level=row["alert_level"],
        status=row["status"],
        resolved_at=row["resolved_at"],
        title=row["alert_title"] if identified else None,
    )


def _checkup(row: Row, identified: bool) -> Checkup:
    return Checkup(
        checkup_date=row["checkup_date"],
        checkup_type=row["checkup_type"],
        health_status=row["health_status"],
        report_status=row["report_status"],
        is_follow_up_required=bool(row["follow_up_required"]),
        follow_up_date=row["follow_up_date"],
        hospital=row["hospital_name"] if identified else None,
        conclusion=row["overall_conclusion"] if identified else None,
    )


def _plain(value: Any) -> Any:
    # Two decimals at the most, which a double gives back as they were.
    return float(value) if isinstance(value, Decimal) else str(value)
