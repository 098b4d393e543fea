"""The eight application tables of the health platform.

Patients, devices and their events are planned as integers; counters on patients and devices are
those of the events, vital signs follow the patient's condition, and alerts follow vital signs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from orchestration.sampledata.conform import conform
from orchestration.sampledata.plan import Plan
from orchestration.sampledata.random import (
    DAY,
    Bools,
    Indexes,
    Raw,
    Times,
    addresses,
    chance,
    choice,
    choice_index,
    codes,
    company_names,
    dates_of,
    hex_text,
    ids_of,
    join,
    json_choice,
    json_object,
    late,
    log_normal_int,
    moments,
    nullable,
    nullify,
    numbers_as_text,
    person_names,
    phones,
    plus_seconds,
    rhythm,
    seconds_of,
    sentences,
    stream,
    take,
    unique_emails,
    unique_phones,
    urls,
)
from orchestration.sampledata.world import Rows, World

Chunk = tuple[str, pa.Table]
Floats = np.ndarray[Any, np.dtype[np.float64]]

# Everybody measures in the morning and in the evening, weekends included.
_HOURS = (1, 0.5, 0.5, 0.5, 1, 4, 9, 10, 8, 5, 4, 4, 3, 3, 3, 3, 3, 4, 5, 7, 8, 6, 3, 2)
_WEEK = (1.0, 1.0, 1.0, 1.0, 1.0, 1.1, 1.15)
RECORD_TYPES = (
    "vital_signs", "blood_test", "blood_pressure", "blood_sugar", "ecg", "symptom", "diagnosis",
    "medication", "checkup",
)  # fmt: skip
DEVICE_TYPES = (
    "blood_pressure", "blood_glucose", "thermometer", "scale", "heart_rate", "oximeter", "ecg",
    "smart_watch",
)  # fmt: skip
_FAR = 2**34


@dataclass(frozen=True)
class Events:
    """Events of owners (patients or devices), sorted by time. `owner` indexes their Rows."""

    owner: Indexes
    at: Times

    def __len__(self) -> int:
        """How many events there are."""
        return len(self.owner)


@dataclass(frozen=True)
class Clinic:
    """The planned platform: integers and conditions only."""

    plan: Plan
    world: World
    patients: Rows
    born: np.ndarray[Any, Any]
    height_cm: Floats
    weight_kg: Floats
    systolic: Floats  # the patient's usual pressure
    devices: Rows
    device_patient: Indexes  # -1: a device on the shelf
    device_type: Indexes
    records: Events
    record_type: Indexes
    vitals: Events
    vital_record: Indexes  # health record of a vital sign, -1 without
    logs: Events
    log_type: Indexes
    log_quality: Indexes
    log_failed: Bools

    def tenant_of(self, events: Events, rows: Rows, part: slice) -> pa.DictionaryArray:
        """The tenant_id column for a chunk of events."""
        return rows.tenant_ids(events.owner[part])


def generate(plan: Plan, world: World) -> Iterator[Chunk]:
    """All chunks, parents before children."""
    clinic = plan_clinic(plan, world)
    yield _patients(clinic)
    yield _devices(clinic)
    yield from _records(clinic)
    yield from _vitals(clinic)
    yield from _device_logs(clinic)
    yield _alert_rules(clinic)
    yield _alerts(clinic)
    yield from _checkups(clinic)


def plan_clinic(plan: Plan, world: World) -> Clinic:
    """Who is a patient, which device measures whom, and when things happen."""
    patients, devices = world.rows("health_patients"), world.rows("health_devices")
    count = len(patients)
    rng = stream(plan, "health/patients")
    age_days = np.clip(rng.normal(52, 18, count) * 365.25, 30, 99 * 365.25).astype(np.int64)
    today = np.datetime64(plan.end, "D")
    born = today - age_days.astype("timedelta64[D]")
    # Leap-day children exist: ages must be right for them too.
    born[:1] = np.datetime64("1960-02-29")
    height = np.clip(rng.normal(165, 9, count), 120, 205).round()
    weight = np.clip((height / 100) ** 2 * rng.normal(24, 4, count), 30, 160).round(1)
    systolic = np.clip(rng.normal(112 + age_days / 365.25 * 0.35, 13, count), 88, 190)

    drawn = stream(plan, "health/devices")
    device_patient = patients.pick(drawn, devices.tenant, at=devices.created_at)
    device_patient = np.where(chance(drawn, len(devices), 0.85), device_patient, -1)
    device_type = choice_index(drawn, len(devices), (5, 3, 2, 2, 2, 2, 1, 3))

    records = _events(plan, patients, "health_records", (0.3, 0.9))
    record_type = choice_index(
        stream(plan, "health_records/type"), len(records), (5, 2, 3, 3, 1, 2, 2, 2, 1)
    )
    vitals = _events(plan, patients, "health_vital_signs", (0.4, 0.9))
    measuring = devices.tenant >= 0
    if len(devices) > 4:
        measuring[-2:] = False  # devices that never measured anything
    logs = _events(plan, devices, "health_device_logs", (0.2, 0.6), measuring)
    drawn = stream(plan, "health_device_logs/type")
    log_type = choice_index(drawn, len(logs), (86, 8, 3, 1.5, 1.5))
    log_failed = (log_type == 2) | chance(drawn, len(logs), 0.015)
    # A few devices are worn out, the rest are fine: ratings of every kind appear.
    worn = chance(stream(plan, "health/worn"), len(devices), 0.2)[logs.owner]
    quality = choice_index(drawn, len(logs), (45, 42, 9, 3, 1))
    quality = np.where(worn, choice_index(drawn, len(logs), (5, 20, 30, 30, 15)), quality)
    return Clinic(
        plan, world, patients, born, height, weight, systolic, devices, device_patient,
        device_type, records, record_type, vitals, _linked_records(plan, patients, records, vitals),
        logs, log_type, quality, log_failed,
    )  # fmt: skip


def _events(
    plan: Plan,
    owners: Rows,
    table: str,
    spread: tuple[float, float],
    active: Bools | None = None,
) -> Events:
    """Spread a table's rows over owners: a log-normal appetite each, times by the daily rhythm.

    `spread` is the share of owners without any event and the deviation of the appetite.
    """
    rng = stream(plan, f"{table}/events")
    silent, sigma = spread
    appetite = np.exp(rng.standard_normal(len(owners)) * sigma) * ~chance(rng, len(owners), silent)
    if active is not None:
        appetite = appetite * active
    span = rhythm(plan.since(table), plan.end, growth=1.6, hours=_HOURS, week=_WEEK)
    end = np.datetime64(plan.end, "s")
    # Who came yesterday has a day's events, not a season's.
    appetite = appetite * span.room(owners.created_at, np.full(len(owners), end))
    if not appetite.sum():
        appetite[0] = 1.0
    total = plan.rows(table)
    owner = choice_index(rng, total, appetite).astype(np.int64)
    at = span.between(rng, owners.created_at[owner], np.full(total, end))
    order = np.lexsort((np.arange(total), at.astype(np.int64)))
    return Events(owner[order], at[order])


def _linked_records(plan: Plan, patients: Rows, records: Events, vitals: Events) -> Indexes:
    """For some vital signs the patient's latest earlier record; -1 without."""
    rng = stream(plan, "health_vital_signs/record")
    order = np.lexsort((records.at.astype(np.int64), records.owner))
    key = records.owner[order] * _FAR + records.at.astype(np.int64)[order]
    place = np.searchsorted(key, vitals.owner * _FAR + vitals.at.astype(np.int64), side="right") - 1
    found = np.where(place >= 0, order[np.maximum(place, 0)], -1)
    same = (found >= 0) & (records.owner[np.maximum(found, 0)] == vitals.owner)
    return np.where(same & chance(rng, len(vitals), 0.3), found, -1)


def _last_by_owner(events: Events, owners: int) -> Indexes:
    """Seconds of each owner's last event, -1 without."""
    last = np.full(owners, -1, dtype=np.int64)
    np.maximum.at(last, events.owner, events.at.astype(np.int64))
    return last


def _patients(clinic: Clinic) -> Chunk:
    rows = clinic.patients
    count, rng = len(rows), stream(clinic.plan, "health_patients")
    index = np.arange(count)
    visits = np.bincount(clinic.records.owner[clinic.record_type == 6], minlength=count)
    last_visit = np.full(count, -1, dtype=np.int64)
    seen = clinic.record_type == 6
    np.maximum.at(last_visit, clinic.records.owner[seen], clinic.records.at[seen].astype(np.int64))
    card_valid = chance(rng, count, 0.9)
    born_text = np.char.replace(clinic.born.astype("datetime64[D]").astype(str), "-", "")
    card = join("330106", pa.array(born_text, pa.string()), numbers_as_text(index, 4))
    return "health_patients", conform(
        "health_patients",
        {
            "id": rows.ids(),
            "tenant_id": rows.tenant_ids(),
            "patient_code": codes("P", index + 1, 8),
            "id_card": nullify(card, card_valid),
            "name": person_names(rng, count),
            "gender": choice(rng, count, {"male": 0.48, "female": 0.51, "other": 0.01}),
            "birth_date": clinic.born,
            "phone": nullify(unique_phones(index, salt=3), chance(rng, count, 0.95)),
            "email": nullify(unique_emails(rng, index), chance(rng, count, 0.4)),
            "emergency_contact": nullify(person_names(rng, count), chance(rng, count, 0.6)),
            "emergency_phone": nullify(phones(rng, count), chance(rng, count, 0.6)),
            "address": nullify(addresses(rng, count), chance(rng, count, 0.9)),
            "occupation": choice(
                rng, count, {"教师": 2, "工程师": 3, "退休": 4, "司机": 1, None: 2}
            ),
            "workplace": nullify(company_names(rng, count), chance(rng, count, 0.5)),
            "blood_type": choice(rng, count, {"A": 3, "B": 2.5, "AB": 1, "O": 3, "unknown": 1}),
            "rh_factor": choice(rng, count, {"positive": 90, "negative": 1, "unknown": 9}),
            "allergies": json_choice(rng, count, [[], ["青霉素"], ["花粉", "海鲜"]], null=0.3),
            "chronic_diseases": json_choice(
                rng, count, [[], ["高血压"], ["糖尿病"], ["高血压", "糖尿病"]], null=0.2
            ),
            "family_medical_history": json_choice(rng, count, [{"father": "高血压"}, {}], null=0.6),
            "current_medications": json_choice(
                rng, count, [[], ["二甲双胍"], ["氨氯地平"]], null=0.4
            ),
            # One decimal: 175.5 is 17550 hundredths.
            "height": nullable((clinic.height_cm * 100).astype(np.int64), chance(rng, count, 0.9)),
            "weight": nullable((clinic.weight_kg * 100).astype(np.int64), chance(rng, count, 0.9)),
            "smoking_status": choice(rng, count, {"never": 6, "former": 2, "current": 2}),
            "drinking_status": choice(rng, count, {"never": 5, "occasional": 4, "regular": 1}),
            "exercise_frequency": choice(
                rng, count, {"never": 2, "rare": 4, "regular": 3, "frequent": 1}
            ),
            "status": choice(
                rng, count, {"active": 90, "inactive": 6, "archived": 3, "deceased": 1}
            ),
            "registration_source": choice(
                rng, count, {"clinic": 5, "app": 3, "wework": 2, None: 1}
            ),
            "assigned_doctor_id": clinic.world.users.ids(
                clinic.world.users.pick(rng, rows.tenant, at=rows.created_at)
            ),
            "privacy_level": choice(rng, count, {"private": 5, "restricted": 4, "public": 1}),
            "data_sharing_consent": chance(rng, count, 0.7),
            "total_visits": visits,
            "total_records": np.bincount(clinic.records.owner, minlength=count),
            "last_visit_at": moments(last_visit),
            "last_record_at": moments(_last_by_owner(clinic.records, count)),
            "created_at": rows.created_at,
            "created_by": clinic.world.users.ids(
                clinic.world.users.pick(rng, rows.tenant, at=rows.created_at)
            ),
        },
    )


def _devices(clinic: Clinic) -> Chunk:
    plan, rows = clinic.plan, clinic.devices
    count, rng = len(rows), stream(clinic.plan, "health_devices")
    index = np.arange(count)
    kind = [DEVICE_TYPES[k] for k in clinic.device_type]
    measured = clinic.log_type == 0
    good = measured & ~clinic.log_failed
    last_seen = _last_by_owner(clinic.logs, count)
    last_measured = np.full(count, -1, dtype=np.int64)
    np.maximum.at(
        last_measured,
        clinic.logs.owner[measured],
        clinic.logs.at[measured].astype(np.int64),
    )
    born = rows.created_at.astype(np.int64)
    end = seconds_of(plan.end)
    calibrated = born + (rng.random(count) * (end - born)).astype(np.int64)
    calibrated = np.where(chance(rng, count, 0.85), calibrated, -1)
    return "health_devices", conform(
        "health_devices",
        {
            "id": rows.ids(),
            "tenant_id": rows.tenant_ids(),
            "device_name": join(
                take(["鱼跃", "欧姆龙", "华为", "小米", "三诺"], rng.integers(0, 5, count)),
                pa.array(kind, pa.string()),
            ),
            "device_code": codes("D", index + 1, 7),
            "device_type": pa.array(kind, pa.string()),
            "manufacturer": choice(rng, count, {"鱼跃医疗": 3, "欧姆龙": 3, "华为": 2, None: 1}),
            "model": choice(rng, count, {"HEM-7136": 1, "YE680E": 1, "GA-3": 1, None: 1}),
            "serial_number": nullify(codes("SN", index + 1, 10), chance(rng, count, 0.95)),
            "firmware_version": choice(rng, count, {"1.0.3": 1, "1.2.0": 2, "2.0.1": 1, None: 1}),
            "specifications": json_choice(rng, count, [{"class": "II"}], null=0.5),
            "supported_metrics": json_choice(rng, count, [["systolic"], ["glucose"]], null=0.4),
            "connection_type": choice(rng, count, {"bluetooth": 5, "wifi": 2, "api": 1, "usb": 1}),
            "connection_config": json_object(token=hex_text(rng, count, 24)),
            "api_endpoint": nullify(
                urls("devices", "v1", codes("D", index + 1, 7)), chance(rng, count, 0.5)
            ),
            "status": choice(
                rng,
                count,
                {"active": 80, "inactive": 6, "maintenance": 4, "error": 3, "offline": 7},
            ),
            "battery_level": nullable(rng.integers(0, 101, count), chance(rng, count, 0.8)),
            "signal_strength": nullable(rng.integers(-95, -30, count), chance(rng, count, 0.7)),
            "last_online_at": moments(last_seen),
            "last_calibration_at": moments(calibrated),
            "calibration_interval_days": choice_int(rng, count, (90, 180, 365)),
            "warranty_expires_at": nullable(
                dates_of(plus_seconds(rows.created_at, 730 * DAY)), chance(rng, count, 0.8)
            ),
            "total_measurements": np.bincount(clinic.logs.owner[measured], minlength=count),
            "successful_measurements": np.bincount(clinic.logs.owner[good], minlength=count),
            "error_count": np.bincount(clinic.logs.owner[clinic.log_type == 2], minlength=count),
            "last_measurement_at": moments(last_measured),
            "location": nullify(
                json_object(room=choice(rng, count, ("101", "202", "门诊"))),
                chance(rng, count, 0.3),
            ),
            "assigned_patient_id": clinic.patients.ids(clinic.device_patient),
            "created_at": rows.created_at,
        },
    )


def choice_int(rng: np.random.Generator, rows: int, values: tuple[int, ...]) -> Indexes:
    """Draws from a few integers."""
    return np.asarray(values)[rng.integers(0, len(values), rows)]


def _records(clinic: Clinic) -> Iterator[Chunk]:
    plan, events = clinic.plan, clinic.records
    for number, part in enumerate(plan.chunks(len(events))):
        rng = stream(plan, "health_records", number)
        at = events.at[part]
        rows = len(at)
        by_device = chance(rng, rows, 0.3)
        device_of_patient = _device_of(clinic)[events.owner[part]]
        risk = {"normal": 70, "low": 15, "medium": 9, "high": 4.5, "critical": 1.5}
        written = late(rng, at, 0.03, plan.end)
        reviewed = chance(rng, rows, 0.8)
        yield (
            "health_records",
            conform(
                "health_records",
                {
                    "id": ids_of(plan, "health_records", np.arange(part.start, part.stop)),
                    "tenant_id": clinic.patients.tenant_ids(events.owner[part]),
                    "patient_id": clinic.patients.pooled_ids(events.owner[part]),
                    "record_type": take(RECORD_TYPES, clinic.record_type[part]),
                    "record_source": choice(
                        rng, rows, {"manual": 5, "device": 3, "api": 1, "import": 1}
                    ),
                    "title": choice(rng, rows, ("日常记录", "复诊", "检验结果", "用药记录")),
                    "description": nullify(sentences(rng, rows), chance(rng, rows, 0.4)),
                    "measurements": json_choice(
                        rng, rows, [{"unit": "mmol/L", "value": 5.6}], null=0.6
                    ),
                    "risk_level": choice(rng, rows, risk),
                    "device_id": clinic.devices.ids(np.where(by_device, device_of_patient, -1)),
                    "hospital": choice(rng, rows, {"市第一医院": 2, "社区卫生中心": 3, None: 3}),
                    "department": choice(rng, rows, {"内科": 3, "全科": 2, None: 4}),
                    "recorded_at": at,
                    "measured_at": nullable(
                        plus_seconds(at, -rng.integers(0, 3600, rows)), chance(rng, rows, 0.6)
                    ),
                    "data_quality": choice(
                        rng, rows, {"excellent": 3, "good": 5, "fair": 1, "poor": 0.5}
                    ),
                    "validation_status": take(["validated", "pending"], np.where(reviewed, 0, 1)),
                    "validated_at": nullable(
                        np.minimum(plus_seconds(written, 7200), np.datetime64(plan.end, "s")),
                        reviewed,
                    ),
                    "is_sensitive": chance(rng, rows, 0.05),
                    "created_at": written,
                },
            ),
        )


def _device_of(clinic: Clinic) -> Indexes:
    """A device of each patient, -1 without."""
    found = np.full(len(clinic.patients), -1, dtype=np.int64)
    worn = clinic.device_patient >= 0
    found[clinic.device_patient[worn]] = np.flatnonzero(worn)
    return found


def _pressures(clinic: Clinic, part: slice, number: int) -> tuple[Indexes, Indexes, Indexes]:
    """Systolic, diastolic and heart rate of a chunk of vital signs; the same on every call."""
    rng = stream(clinic.plan, "health_vital_signs/pressure", number)
    owner = clinic.vitals.owner[part]
    systolic = np.clip(rng.normal(clinic.systolic[owner], 8), 75, 230).round().astype(np.int64)
    diastolic = np.clip(systolic * rng.normal(0.63, 0.04, len(owner)), 40, 140).round()
    heart = np.clip(rng.normal(74, 11, len(owner)), 38, 180).round().astype(np.int64)
    return systolic, diastolic.astype(np.int64), heart


def _risk_of(systolic: Indexes, diastolic: Indexes, heart: Indexes) -> Indexes:
    """0 normal, 1 caution, 2 warning, 3 critical: what the application would have said."""
    risk = ((systolic >= 130) | (diastolic >= 85)).astype(np.int64)
    risk[(systolic >= 140) | (diastolic >= 90) | (heart > 110)] = 2
    risk[(systolic >= 180) | (diastolic >= 120) | (heart < 45)] = 3
    return risk


def _vitals(clinic: Clinic) -> Iterator[Chunk]:
    plan, events = clinic.plan, clinic.vitals
    risks = ["normal", "caution", "warning", "critical"]
    for number, part in enumerate(plan.chunks(len(events))):
        rng = stream(plan, "health_vital_signs", number)
        at, owner = events.at[part].copy(), events.owner[part]
        rows = len(at)
        systolic, diastolic, heart = _pressures(clinic, part, number)
        risk = _risk_of(systolic, diastolic, heart)
        pressed, pulsed = chance(rng, rows, 0.9), chance(rng, rows, 0.85)
        risk = np.where(pressed & pulsed, risk, 0)
        weighed, glucose = chance(rng, rows, 0.4), chance(rng, rows, 0.35)
        weight = np.clip(rng.normal(clinic.weight_kg[owner], 0.8), 25, 200)
        yield (
            "health_vital_signs",
            conform(
                "health_vital_signs",
                {
                    "id": ids_of(plan, "health_vital_signs", np.arange(part.start, part.stop)),
                    "tenant_id": clinic.patients.tenant_ids(owner),
                    "patient_id": clinic.patients.pooled_ids(owner),
                    "health_record_id": ids_of(plan, "health_records", clinic.vital_record[part]),
                    "systolic_pressure": nullable(systolic, pressed),
                    "diastolic_pressure": nullable(diastolic, pressed),
                    "heart_rate": nullable(heart, pulsed),
                    "respiratory_rate": nullable(
                        rng.integers(11, 24, rows), chance(rng, rows, 0.5)
                    ),
                    "body_temperature": nullable(
                        np.clip(rng.normal(366, 4, rows), 345, 410).round().astype(np.int64),
                        chance(rng, rows, 0.5),
                    ),
                    "oxygen_saturation": nullable(
                        np.clip(rng.normal(9720, 130, rows), 8200, 10000).round().astype(np.int64),
                        chance(rng, rows, 0.5),
                    ),
                    "weight": nullable((weight * 10).round().astype(np.int64) * 10, weighed),
                    "height": nullable((clinic.height_cm[owner] * 100).astype(np.int64), weighed),
                    "bmi": nullable(
                        (weight / (clinic.height_cm[owner] / 100) ** 2 * 10)
                        .round()
                        .astype(np.int64),
                        weighed,
                    ),
                    "blood_glucose": nullable(
                        log_normal_int(rng, rows, 560, 0.2, 280, 2500), glucose
                    ),
                    "glucose_measurement_time": nullify(
                        choice(
                            rng, rows, {"fasting": 5, "after_meal": 3, "random": 1, "bedtime": 1}
                        ),
                        glucose,
                    ),
                    "pain_level": nullable(rng.integers(0, 11, rows), chance(rng, rows, 0.05)),
                    "device_info": json_choice(rng, rows, [{"source": "bluetooth"}], null=0.5),
                    "abnormal_values": nullify(
                        json_object(systolic=systolic, heart_rate=heart), risk >= 2
                    ),
                    "risk_assessment": take(risks, risk),
                    "measured_at": _some_at_once(owner, at),
                    "created_at": late(rng, at, 0.04, plan.end),
                },
            ),
        )


def _some_at_once(owner: Indexes, at: Times) -> Times:
    """A few patients have two vital signs at the very same instant (a meter that sends twice)."""
    order = np.lexsort((at.astype(np.int64), owner))
    same = np.flatnonzero(
        (owner[order][1:] == owner[order][:-1]) & (np.arange(len(at) - 1) % 97 == 0)
    )
    measured = at.copy()
    measured[order[same + 1]] = at[order[same]]
    return measured


def _device_logs(clinic: Clinic) -> Iterator[Chunk]:
    plan, events = clinic.plan, clinic.logs
    kinds = ["measurement", "status", "error", "calibration", "maintenance"]
    qualities = ["excellent", "good", "fair", "poor", "invalid"]
    for number, part in enumerate(plan.chunks(len(events))):
        rng = stream(plan, "health_device_logs", number)
        owner, kind = events.owner[part], clinic.log_type[part]
        rows, failed = len(owner), clinic.log_failed[part]
        value = rng.integers(40, 200, rows)
        yield (
            "health_device_logs",
            conform(
                "health_device_logs",
                {
                    "id": ids_of(plan, "health_device_logs", np.arange(part.start, part.stop)),
                    "tenant_id": clinic.devices.tenant_ids(owner),
                    "device_id": clinic.devices.pooled_ids(owner),
                    "patient_id": clinic.patients.pooled_ids(clinic.device_patient[owner]),
                    "log_type": take(kinds, kind),
                    "raw_data": json_object(value=value, unit="raw"),
                    "processed_data": nullify(json_object(value=value), kind == 0),
                    "data_quality": take(qualities, clinic.log_quality[part]),
                    "validation_result": json_choice(rng, rows, [{"ok": True}], null=0.5),
                    "error_code": nullify(
                        choice(rng, rows, ("E01", "E07", "LOW_BATTERY", "CUFF")), failed
                    ),
                    "error_message": nullify(
                        choice(rng, rows, ("袖带松动", "电量过低", "连接超时")), failed
                    ),
                    "environment_data": json_choice(rng, rows, [{"temperature": 24}], null=0.7),
                    "created_at": events.at[part],
                },
            ),
        )


def _alert_rules(clinic: Clinic) -> Chunk:
    plan = clinic.plan
    rows = clinic.world.rows("health_alert_rules")
    count, rng = len(rows), stream(plan, "health_alert_rules")
    fields = ["systolic_pressure", "diastolic_pressure", "heart_rate", "blood_glucose"]
    limits = [160, 100, 120, 11]
    pick = rng.integers(0, len(fields), count)
    condition = json_object(
        all=Raw(
            join(
                "[",
                json_object(field=take(fields, pick), op="gte", value=np.asarray(limits)[pick]),
                "]",
            )
        )
    )
    checked = chance(rng, count, 0.9)
    fired = checked & chance(rng, count, 0.7)
    runs = np.where(checked, rng.integers(50, 5000, count), 0)
    return "health_alert_rules", conform(
        "health_alert_rules",
        {
            "id": rows.ids(),
            "tenant_id": rows.tenant_ids(),
            "rule_name": join("规则 ", numbers_as_text(np.arange(count) + 1, 4)),
            "rule_type": choice(rng, count, {"threshold": 8, "trend": 1, "combination": 1}),
            "description": nullify(sentences(rng, count), chance(rng, count, 0.5)),
            "target_type": choice(
                rng, count, {"all_patients": 7, "patient_group": 2, "device_type": 1}
            ),
            "rule_conditions": condition,
            "threshold_config": json_object(
                alert_type=take(
                    [
                        "blood_pressure_high",
                        "blood_pressure_high",
                        "heart_rate_high",
                        "blood_sugar_high",
                    ],
                    pick,
                )
            ),
            "alert_level": choice(rng, count, {"warning": 5, "error": 3, "critical": 2}),
            "notification_config": nullify(
                json_object(webhook=urls("hooks", "health", hex_text(rng, count, 16))),
                chance(rng, count, 0.5),
            ),
            "is_enabled": chance(rng, count, 0.9),
            "execution_count": runs,
            "trigger_count": np.where(fired, runs // 20 + 1, 0),
            "last_executed_at": nullable(
                np.full(count, np.datetime64(plan.end, "s")) - np.timedelta64(300, "s"), checked
            ),
            "last_triggered_at": nullable(
                np.full(count, np.datetime64(plan.end, "s")) - np.timedelta64(7200, "s"), fired
            ),
            "created_at": rows.created_at,
        },
    )


def _alerts(clinic: Clinic) -> Chunk:
    """Alerts stand at vital signs; most were acted upon, some are open, some were false."""
    plan, vitals = clinic.plan, clinic.vitals
    count, rng = plan.rows("health_alerts"), stream(plan, "health_alerts")
    source = np.sort(rng.integers(0, len(vitals), count))
    at = vitals.at[source]
    at = plus_seconds(at, rng.integers(0, 120, count))
    at = np.minimum(at, np.datetime64(plan.end, "s"))
    state = choice_index(rng, count, (10, 10, 5, 65, 8, 2))
    age = np.datetime64(plan.end, "s") - at
    state = np.where(age > np.timedelta64(20 * DAY, "s"), np.where(state < 3, 3, state), state)
    states = ["open", "acknowledged", "in_progress", "resolved", "false_positive", "suppressed"]
    end = np.datetime64(plan.end, "s")
    acknowledged = np.minimum(
        plus_seconds(at, log_normal_int(rng, count, 900, 1.2, 10, 86400)), end
    )
    resolved = plus_seconds(acknowledged, log_normal_int(rng, count, 7200, 1.3, 30, 10 * DAY))
    settled = (state == 3) | (state == 4)
    in_time = resolved <= end
    state = np.where(settled & ~in_time, 1, state)
    settled &= in_time
    touched = (state >= 1) & (state <= 4)
    pick = choice_index(rng, count, (5, 2, 2, 1, 2, 1, 1))
    types = ["blood_pressure_high", "heart_rate_high", "blood_sugar_high", "temperature_high",
             "vital_signs_abnormal", "oxygen_low", "weight_change"]  # fmt: skip
    device = _device_of(clinic)[vitals.owner[source]]
    by_device = chance(rng, count, 0.5) & (device >= 0)
    users = clinic.world.users
    nurse = users.pick(rng, clinic.patients.tenant[vitals.owner[source]], at=at)
    return "health_alerts", conform(
        "health_alerts",
        {
            "id": ids_of(plan, "health_alerts", np.arange(count)),
            "tenant_id": clinic.patients.tenant_ids(vitals.owner[source]),
            "patient_id": clinic.patients.pooled_ids(vitals.owner[source]),
            "alert_type": take(types, pick),
            "alert_level": choice(
                rng, count, {"info": 1, "warning": 5, "error": 2, "critical": 1.5, "emergency": 0.5}
            ),
            "alert_title": choice(rng, count, ("血压偏高", "心率异常", "血糖偏高", "体征异常 ⚠️")),
            "alert_message": sentences(rng, count),
            "alert_data": json_choice(rng, count, [{"kind": "threshold"}], null=0.3),
            "trigger_source": take(["device", "rule"], np.where(by_device, 0, 1)),
            "trigger_rule_id": nullify(
                clinic.world.rows("health_alert_rules").ids(
                    clinic.world.rows("health_alert_rules").pick(
                        rng, clinic.patients.tenant[vitals.owner[source]]
                    )
                ),
                ~by_device,
            ),
            "device_id": clinic.devices.ids(np.where(by_device, device, -1)),
            "urgency_level": choice(rng, count, {"routine": 6, "urgent": 3, "immediate": 1}),
            "status": take(states, state),
            "triggered_at": at,
            "acknowledged_at": nullable(acknowledged, touched),
            "resolved_at": nullable(np.minimum(resolved, end), settled),
            "acknowledged_by": nullify(users.ids(nurse), touched),
            "resolved_by": nullify(users.ids(nurse), settled),
            "resolution_notes": nullify(sentences(rng, count), settled & chance(rng, count, 0.6)),
            "follow_up_required": chance(rng, count, 0.15),
            "notification_sent": chance(rng, count, 0.8),
            "notification_channels": json_choice(rng, count, [["app"], ["app", "sms"]], null=0.2),
            "created_at": at,
            "updated_at": np.where(
                settled, np.minimum(resolved, end), np.where(touched, acknowledged, at)
            ),
        },
    )


def _checkups(clinic: Clinic) -> Iterator[Chunk]:
    plan, patients = clinic.plan, clinic.patients
    total = plan.rows("health_checkup_reports")
    for number, part in enumerate(plan.chunks(total)):
        rng = stream(plan, "health_checkup_reports", number)
        rows = part.stop - part.start
        owner = rng.integers(0, len(patients), rows)
        low = patients.created_at[owner]
        span = rhythm(plan.start, plan.end, week=(1.0, 1.0, 1.0, 1.0, 1.0, 0.6, 0.2))
        at = span.between(rng, low, np.full(rows, np.datetime64(plan.end, "s")))
        health = choice_index(rng, rows, (40, 30, 20, 8, 2))
        statuses = ["healthy", "sub_healthy", "abnormal", "disease_detected", "critical"]
        state = choice_index(rng, rows, (8, 7, 10, 70, 5))
        follow = health >= 2
        paid = choice_index(rng, rows, (10, 5, 83, 2))
        report_days = rng.integers(1, 8, rows).astype("timedelta64[D]")
        reported = np.minimum(dates_of(at) + report_days, np.datetime64(plan.end, "D"))
        yield (
            "health_checkup_reports",
            conform(
                "health_checkup_reports",
                {
                    "id": ids_of(plan, "health_checkup_reports", np.arange(part.start, part.stop)),
                    "tenant_id": patients.tenant_ids(owner),
                    "patient_id": patients.pooled_ids(owner),
                    "checkup_type": choice(
                        rng, rows, {"annual": 6, "employment": 2, "follow_up": 2, "insurance": 1}
                    ),
                    "report_number": codes("R", np.arange(part.start, part.stop) + 1, 9),
                    "checkup_date": dates_of(at),
                    "report_date": nullable(reported, state > 0),
                    "hospital_name": choice(rng, rows, ("市第一医院", "华西体检中心", "瑞金医院")),
                    "department": choice(rng, rows, {"体检科": 5, "内科": 1, None: 1}),
                    "doctor_name": nullify(person_names(rng, rows), chance(rng, rows, 0.9)),
                    "checkup_items": json_choice(
                        rng, rows, [["血常规", "心电图"], ["血压", "血糖"]]
                    ),
                    "overall_conclusion": nullify(sentences(rng, rows), state > 1),
                    "health_status": take(statuses, health),
                    "risk_factors": json_choice(rng, rows, [["吸烟"], ["超重", "久坐"]], null=0.5),
                    "follow_up_required": follow,
                    "follow_up_date": nullable(dates_of(at) + np.timedelta64(30, "D"), follow),
                    "report_status": take(
                        ["draft", "pending_review", "reviewed", "finalized", "amended"], state
                    ),
                    "reviewed_by": nullify(
                        clinic.world.users.ids(
                            clinic.world.users.pick(rng, patients.tenant[owner])
                        ),
                        state >= 2,
                    ),
                    "reviewed_at": nullable(
                        np.minimum(plus_seconds(at, 2 * DAY), np.datetime64(plan.end, "s")),
                        state >= 2,
                    ),
                    "total_cost": nullable(
                        rng.integers(100, 3000, rows) * 100, chance(rng, rows, 0.95)
                    ),
                    "payment_status": take(["unpaid", "partial", "paid", "refunded"], paid),
                    "created_at": at,
                },
            ),
        )
