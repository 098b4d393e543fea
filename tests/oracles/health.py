"""The health domain's views, statistics tables and marts computed a second time, in Python.

Every function takes the raw tables as generated and returns rows by grain. Periods are walked one
by one through sorted lists of raw rows, totals are counted from all of history, and means are
exact fractions: nothing here shares a line, or a running total, with the models.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from harness import MASK_KEY

from oracles.base import DAY, Keyed, Raw, Row, half_up, midnight, ratio

SIGNS = (
    "systolic_pressure", "diastolic_pressure", "heart_rate", "respiratory_rate",
    "body_temperature", "oxygen_saturation", "weight", "blood_glucose",
)  # fmt: skip
QUALITY = {"excellent": 100, "good": 80, "fair": 60, "poor": 40, "invalid": 20}
BAD_VERDICTS = {"abnormal", "disease_detected", "critical"}
OLDEST_OF_BAND = ((17, "0-17"), (24, "18-24"), (34, "25-34"), (44, "35-44"), (54, "45-54"),
                  (64, "55-64"), (74, "65-74"), (999, "75+"))  # fmt: skip
Group = dict[Any, list[Row]]


# --- what several of them need -----------------------------------------------------------------


def grouped(rows: Iterable[Row], column: str) -> Group:
    """The rows by a column's value."""
    found: Group = defaultdict(list)
    for row in rows:
        found[row[column]].append(row)
    return found


def present(rows: Iterable[Row], column: str) -> list[Any]:
    """A column's values that are not NULL."""
    return [row[column] for row in rows if row[column] is not None]


def mean(values: list[Any], scale: int = 2) -> Decimal | None:
    """The mean of exact numbers, rounded once; None over none."""
    return ratio(sum(map(Fraction, values)), len(values), scale)


def age_on(born: date, day: date) -> int | None:
    """Whole years; None before birth."""
    if born > day:
        return None
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


def band_on(born: date, day: date) -> str | None:
    """The age in bands."""
    age = age_on(born, day)
    return None if age is None else next(band for top, band in OLDEST_OF_BAND if age <= top)


def bmi_of(patient: Row) -> Decimal | None:
    """What the database computes from height and weight."""
    height, weight = patient["height"], patient["weight"]
    if not height or weight is None:
        return None
    return half_up(Fraction(weight) * 10_000 / Fraction(height) ** 2, 1)


def since(raw: Raw, days: int) -> datetime:
    """The first instant of the last so many days, today among them."""
    return midnight(raw.today - (days - 1) * DAY)


def lately(raw: Raw, rows: Iterable[Row], column: str, days: int) -> list[Row]:
    """The rows of the last so many days."""
    first, end = since(raw, days), midnight(raw.today + DAY)
    return [row for row in rows if row[column] is not None and first <= row[column] < end]


def seconds(first: datetime | None, last: datetime | None) -> int | None:
    """Seconds between two instants; None where one is missing."""
    return None if first is None or last is None else int((last - first).total_seconds())


def hashed(text: str | None) -> str | None:
    """The pseudonym of a value under the tests' key."""
    if text is None:
        return None
    return hmac.new(MASK_KEY.encode(), text.encode(), hashlib.sha256).hexdigest()


def length_of(document: str | None) -> int | None:
    """The number of elements of a JSON array; None for anything else."""
    value = json.loads(document) if document else None
    return len(value) if isinstance(value, list) else None


# --- views -------------------------------------------------------------------------------------


def patient_overview(raw: Raw) -> Keyed:
    """v_patient_health_overview by id."""
    signs = grouped(raw.rows("health_vital_signs"), "patient_id")
    checkups = grouped(raw.rows("health_checkup_reports"), "patient_id")
    recent = Counter(
        r["patient_id"] for r in lately(raw, raw.rows("health_records"), "created_at", 30)
    )
    open_alerts = Counter(
        a["patient_id"] for a in raw.rows("health_alerts") if a["status"] == "open"
    )
    devices = Counter(
        d["assigned_patient_id"] for d in raw.rows("health_devices") if d["status"] == "active"
    )
    shown = (
        "tenant_id", "patient_code", "name", "gender", "phone", "status", "total_visits",
        "total_records", "last_visit_at", "last_record_at",
    )  # fmt: skip
    found: Keyed = {}
    for patient in raw.rows("health_patients"):
        own = patient["id"]
        last: Row = max(
            signs[own], key=lambda s: (s["measured_at"], s["created_at"], s["id"]), default={}
        )
        checkup: Row = max(
            checkups[own], key=lambda c: (c["checkup_date"], c["created_at"], c["id"]), default={}
        )
        found[(own,)] = {
            **{column: patient[column] for column in shown},
            "age": age_on(patient["birth_date"], raw.today),
            "recent_records": recent[own],
            "open_alerts": open_alerts[own],
            "assigned_devices": devices[own],
            "last_vital_signs_at": last.get("measured_at"),
            "last_systolic_pressure": last.get("systolic_pressure"),
            "last_diastolic_pressure": last.get("diastolic_pressure"),
            "last_heart_rate": last.get("heart_rate"),
            "last_temperature": last.get("body_temperature"),
            "last_checkup_status": checkup.get("health_status"),
            "last_checkup_date": checkup.get("checkup_date"),
        }
    return found


def device_overview(raw: Raw) -> Keyed:
    """v_device_status_overview by id."""
    names = {p["id"]: p["name"] for p in raw.rows("health_patients")}
    logs = Counter(
        g["device_id"] for g in lately(raw, raw.rows("health_device_logs"), "created_at", 7)
    )
    shown = (
        "tenant_id", "device_name", "device_type", "status", "assigned_patient_id",
        "battery_level", "last_online_at", "last_calibration_at",
    )  # fmt: skip
    found: Keyed = {}
    for device in raw.rows("health_devices"):
        total, good = device["total_measurements"] or 0, device["successful_measurements"] or 0
        calibrated = device["last_calibration_at"]
        interval = timedelta(days=device["calibration_interval_days"] or 365)
        found[(device["id"],)] = {
            **{column: device[column] for column in shown},
            "patient_name": names.get(device["assigned_patient_id"]),
            "total_measurements": total,
            "successful_measurements": good,
            "error_count": device["error_count"] or 0,
            "success_rate": ratio(100 * good, total, 2) or 0,
            "needs_calibration": calibrated is None or calibrated + interval < raw.as_of,
            "recent_logs": logs[device["id"]],
        }
    return found


# --- statistics --------------------------------------------------------------------------------


def vital_signs_daily(raw: Raw) -> Keyed:
    """health_vital_signs_daily by patient and day."""
    days: Group = defaultdict(list)
    for row in raw.rows("health_vital_signs"):
        days[row["patient_id"], row["measured_at"].date()].append(row)
    found: Keyed = {}
    for key, rows in days.items():
        figures: Row = {
            "tenant_id": rows[0]["tenant_id"],
            "measurement_count": len(rows),
            "abnormal_count": sum(r["risk_assessment"] not in ("normal", None) for r in rows),
        }
        for sign in SIGNS:
            values = present(rows, sign)
            figures[f"min_{sign}"] = min(values, default=None)
            figures[f"avg_{sign}"] = mean(values)
            figures[f"max_{sign}"] = max(values, default=None)
            figures[f"{sign}_count"] = len(values)
        found[key] = figures
    return found


def points_for(value: Any, *steps: tuple[Any, int]) -> int:
    """The points of the first step that the value reaches; none for a value that is missing."""
    return next((points for least, points in steps if value is not None and value >= least), 0)


def patient_risk(raw: Raw) -> Keyed:
    """health_patient_risk by patient."""
    signs = grouped(lately(raw, raw.rows("health_vital_signs"), "measured_at", 30), "patient_id")
    found: Keyed = {}
    for patient in raw.rows("health_patients"):
        rows = signs[patient["id"]]
        values = {
            sign: present(rows, sign)
            for sign in ("systolic_pressure", "diastolic_pressure", "heart_rate")
        }
        exact = {sign: Fraction(sum(v), len(v)) if v else None for sign, v in values.items()}
        upper, lower, pulse = exact.values()
        inputs = {"age": age_on(patient["birth_date"], raw.today), "bmi": bmi_of(patient), **exact}
        bmi = inputs["bmi"]
        thin = bmi is not None and bmi < Decimal("18.5")
        parts = {
            "age_points": points_for(inputs["age"], (65, 20), (50, 10), (35, 5)),
            "bmi_points": 8 if thin else points_for(bmi, (30, 15), (25, 10)),
            "blood_pressure_points": max(
                points_for(upper, (140, 20), (130, 15), (120, 5)),
                points_for(lower, (90, 20), (80, 15)),
            ),
            "heart_rate_points": 10 if pulse is not None and not 60 <= pulse <= 100 else 0,
        }
        score = sum(parts.values())
        found[(patient["id"],)] = {
            "tenant_id": patient["tenant_id"],
            "age_years": inputs["age"],
            "bmi": bmi,
            "measurement_count": len(rows),
            **{f"avg_{sign}": mean(v) for sign, v in values.items()},
            **parts,
            "risk_score": score,
            "risk_level": ("very_low", "low", "medium", "high")[
                sum(score >= least for least in (15, 30, 50))
            ],
            "missing_inputs": ",".join(n for n, v in inputs.items() if v is None) or None,
        }
    return found


def device_performance(raw: Raw) -> Keyed:
    """health_device_performance by device."""
    logs = grouped(lately(raw, raw.rows("health_device_logs"), "created_at", 30), "device_id")
    found: Keyed = {}
    for device in raw.rows("health_devices"):
        total, good = device["total_measurements"] or 0, device["successful_measurements"] or 0
        scores = [QUALITY[q] for q in present(logs[device["id"]], "data_quality")]
        quality = Fraction(sum(scores), len(scores)) if scores else Fraction(-1)
        rate = Fraction(100 * good, total) if total else None
        rating = "no_data"
        if rate is not None:
            steps = (("excellent", 95, 80), ("good", 90, 70), ("fair", 80, 60), ("poor", 0, -1))
            rating = next(name for name, r, q in steps if rate >= r and quality >= q)
        found[(device["id"],)] = {
            "tenant_id": device["tenant_id"],
            "device_type": device["device_type"],
            "status": device["status"],
            "total_measurements": total,
            "successful_measurements": good,
            "error_count": device["error_count"] or 0,
            "success_rate_pct": ratio(100 * good, total, 2),
            "rated_logs": len(scores),
            "data_quality_score": mean(scores),
            "performance_rating": rating,
        }
    return found


def calendar(first: date, today: date) -> Iterator[tuple[str, date, date]]:
    """Kind, first day and next first day of every closed period from the one of `first` on."""
    months = 12 * first.year + first.month - 1
    starts: dict[str, Callable[[int], date]] = {
        "daily": lambda n: first + n * DAY,
        "weekly": lambda n: first - first.weekday() * DAY + 7 * n * DAY,
        "monthly": lambda n: date((months + n) // 12, (months + n) % 12 + 1, 1),
        "yearly": lambda n: date(first.year + n, 1, 1),
    }
    for kind, start in starts.items():
        number = 0
        while start(number + 1) <= today:
            yield kind, start(number), start(number + 1)
            number += 1


class Moments:
    """One tenant's rows of a table, sorted by an instant or a day, to be cut by days."""

    def __init__(self, rows: Iterable[Row], column: str) -> None:
        """Rows without it are left out."""
        kept = [row for row in rows if row[column] is not None]
        self.rows = sorted(kept, key=lambda row: (row[column], row["id"]))
        days = [row[column] for row in self.rows]
        self.days = [d.date() if isinstance(d, datetime) else d for d in days]

    def before(self, day: date) -> int:
        """How many there are before a day."""
        return bisect_left(self.days, day)

    def between(self, first: date, end: date) -> list[Row]:
        """Those from a day on to before another."""
        return self.rows[self.before(first) : self.before(end)]


def statistics(raw: Raw) -> Keyed:
    """health_statistics by tenant, first day and kind of period."""
    created = {t["id"]: t["created_at"] for t in raw.rows("saas_tenants")}
    tables = {
        name: grouped(raw.rows(f"health_{name}"), "tenant_id")
        for name in (
            "patients", "devices", "records", "vital_signs", "alerts", "checkup_reports",
            "device_logs",
        )
    }  # fmt: skip
    found: Keyed = {}
    for tenant in tables["patients"].keys() | tables["devices"].keys():
        own = {name: rows[tenant] for name, rows in tables.items()}
        resolved = [a for a in own["alerts"] if a["status"] == "resolved"]
        final = [c for c in own["checkup_reports"] if c["report_status"] not in ("draft", None)]
        cut = {
            "patients": Moments(own["patients"], "created_at"),
            "devices": Moments(own["devices"], "created_at"),
            "records": Moments(own["records"], "created_at"),
            "entered": Moments(own["records"], "recorded_at"),
            "measured": Moments(own["vital_signs"], "measured_at"),
            "triggered": Moments(own["alerts"], "triggered_at"),
            "resolved": Moments(resolved, "resolved_at"),
            "checkups": Moments(final, "checkup_date"),
            "logs": Moments(own["device_logs"], "created_at"),
        }
        owned = own["patients"] + own["devices"]
        begun = created.get(tenant) or min(row["created_at"] for row in owned)
        for kind, first, end in calendar(begun.date(), raw.today):
            found[tenant, first, kind] = period_figures(cut, first, end)
    return found


def period_figures(cut: dict[str, Moments], first: date, end: date) -> Row:
    """One period of one tenant."""
    within = {name: rows.between(first, end) for name, rows in cut.items()}
    records, alerts, checkups = within["records"], within["triggered"], within["checkups"]
    there = {d["id"] for d in cut["devices"].rows[: cut["devices"].before(end)]}
    last_log = {g["device_id"]: g["log_type"] for g in within["logs"] if g["device_id"] in there}
    failing = sum(kind == "error" for kind in last_log.values())
    verdicts = [c["health_status"] for c in checkups]
    hours = [Fraction(seconds(a["triggered_at"], a["resolved_at"]) or 0, 3600)
             for a in within["resolved"]]  # fmt: skip
    tried = [g for g in within["logs"] if g["log_type"] in ("measurement", "error")]
    sound = [
        g
        for g in tried
        if g["log_type"] == "measurement"
        and g["error_code"] is None
        and g["data_quality"] != "invalid"
    ]
    false = sum(a["status"] == "false_positive" for a in alerts)
    return {
        "total_patients": cut["patients"].before(end),
        "new_patients": len(within["patients"]),
        "active_patients": len({r["patient_id"] for r in within["entered"] + within["measured"]}),
        "total_records": cut["records"].before(end),
        "new_records": len(records),
        "abnormal_records": sum(r["risk_level"] in ("high", "critical") for r in records),
        "total_devices": len(there),
        "online_devices": len(last_log) - failing,
        "offline_devices": len(there - last_log.keys()),
        "error_devices": failing,
        "total_alerts": len(alerts),
        "critical_alerts": sum(a["alert_level"] in ("critical", "emergency") for a in alerts),
        "resolved_alerts": len(hours),
        "avg_resolution_time": mean(hours),
        "total_checkups": len(verdicts),
        "healthy_checkups": verdicts.count("healthy"),
        "abnormal_checkups": sum(verdict in BAD_VERDICTS for verdict in verdicts),
        "data_quality_score": mean([QUALITY[q] for q in present(within["logs"], "data_quality")]),
        "device_reliability": ratio(100 * len(sound), len(tried), 2),
        "alert_accuracy": half_up(100 - Fraction(100 * false, len(alerts)), 2) if alerts else None,
    }


# --- marts -------------------------------------------------------------------------------------


def released(raw: Raw) -> dict[str, Row]:
    """Patients whose own rows analysts may see, by id."""
    return {
        p["id"]: p
        for p in raw.rows("health_patients")
        if p["data_sharing_consent"] and p["privacy_level"] in ("public", "restricted")
    }


def patients(raw: Raw) -> Keyed:
    """dim_patients by key."""
    shown = (
        "tenant_id", "gender", "blood_type", "rh_factor", "smoking_status", "drinking_status",
        "exercise_frequency", "status", "registration_source", "privacy_level", "total_visits",
        "total_records",
    )  # fmt: skip
    return {
        (hashed(identifier),): {
            **{column: patient[column] for column in shown},
            "age_band": band_on(patient["birth_date"], raw.today),
            "province": json.loads(patient["address"] or "{}").get("province"),
            "bmi_band": bmi_band(bmi_of(patient)),
            "allergy_count": length_of(patient["allergies"]),
            "chronic_disease_count": length_of(patient["chronic_diseases"]),
            "medication_count": length_of(patient["current_medications"]),
            **{
                f"{name}_month": moment and f"{moment:%Y-%m}"
                for name, moment in (
                    ("registered", patient["created_at"]),
                    ("last_visit", patient["last_visit_at"]),
                    ("last_record", patient["last_record_at"]),
                )
            },
        }
        for identifier, patient in released(raw).items()
    }


def bmi_band(bmi: Decimal | None) -> str | None:
    """Where a body mass index lies."""
    if bmi is None:
        return None
    bands = ("underweight", "normal", "overweight", "obese")
    return bands[sum(bmi >= Decimal(start) for start in ("18.5", "25", "30"))]


def vital_signs(raw: Raw) -> Keyed:
    """fct_vital_signs by measurement."""
    people = released(raw)
    shown = (
        *SIGNS, "tenant_id", "health_record_id", "height", "bmi", "waist_circumference",
        "hip_circumference", "pain_level", "risk_assessment", "measured_at", "created_at",
    )  # fmt: skip
    return {
        (row["id"],): {
            **{column: row[column] for column in shown},
            "patient_key": hashed(row["patient_id"]),
            "measured_date": row["measured_at"].date(),
            "age_band": band_on(people[row["patient_id"]]["birth_date"], row["measured_at"].date()),
            "glucose_measurement_timing": row["glucose_measurement_time"],
            "is_abnormal": row["risk_assessment"] in ("caution", "warning", "critical"),
            "entry_delay_seconds": seconds(row["measured_at"], row["created_at"]),
        }
        for row in raw.rows("health_vital_signs")
        if row["patient_id"] in people
    }


def alerts(raw: Raw) -> Keyed:
    """fct_health_alerts by alert."""
    people = released(raw)
    shown = (
        "tenant_id", "device_id", "health_record_id", "alert_type", "alert_level",
        "trigger_source", "urgency_level", "status", "escalation_level", "triggered_at",
        "acknowledged_at", "resolved_at",
    )  # fmt: skip
    return {
        (row["id"],): {
            **{column: row[column] for column in shown},
            "patient_key": hashed(row["patient_id"]),
            "alert_rule_id": row["trigger_rule_id"],
            "alert_date": row["triggered_at"].date(),
            "is_false_positive": row["status"] == "false_positive",
            "is_follow_up_required": row["follow_up_required"],
            "is_notification_sent": row["notification_sent"],
            "acknowledge_seconds": seconds(row["triggered_at"], row["acknowledged_at"]),
            "resolve_seconds": seconds(row["triggered_at"], row["resolved_at"]),
        }
        for row in raw.rows("health_alerts")
        if row["patient_id"] in people
    }


def checkups(raw: Raw) -> Keyed:
    """fct_checkups by report."""
    people = released(raw)
    shown = (
        "tenant_id", "checkup_type", "checkup_date", "health_status", "report_status",
        "report_date", "reviewed_at", "follow_up_date", "payment_status", "created_at",
    )  # fmt: skip
    return {
        (row["id"],): {
            **{column: row[column] for column in shown},
            "patient_key": hashed(row["patient_id"]),
            "hospital_key": hashed(row["hospital_name"]),
            "age_band": band_on(people[row["patient_id"]]["birth_date"], row["checkup_date"]),
            "is_abnormal": row["health_status"] in BAD_VERDICTS,
            "report_days": row["report_date"] and (row["report_date"] - row["checkup_date"]).days,
            "item_count": length_of(row["checkup_items"]),
            "abnormal_result_count": length_of(row["abnormal_results"]),
            "is_follow_up_required": row["follow_up_required"],
            "total_cost_cny": row["total_cost"],
        }
        for row in raw.rows("health_checkup_reports")
        if row["patient_id"] in people
    }


def happenings(raw: Raw) -> Iterator[tuple[str, datetime | None, int, str, str, Row]]:
    """Patient, instant, rank among ties, kind, id and the rest, of every event of everybody."""
    for row in raw.rows("health_patients"):
        yield row["id"], row["created_at"], 0, "registered", str(hashed(row["id"])), {
            "tenant_id": row["tenant_id"], "event_subject": None, "event_finding": None
        }  # fmt: skip
    kinds = (
        (1, "health_record", "health_records", "recorded_at", "record_type", "risk_level"),
        (2, "vital_signs", "health_vital_signs", "measured_at", None, "risk_assessment"),
        (3, "alert_triggered", "health_alerts", "triggered_at", "alert_type", "alert_level"),
        (4, "alert_resolved", "health_alerts", "resolved_at", "alert_type", "status"),
        (5, "checkup", "health_checkup_reports", "checkup_date", "checkup_type", "health_status"),
    )
    for rank, kind, table, moment, subject, finding in kinds:
        for row in raw.rows(table):
            if row.get("report_status") == "draft":
                continue
            at = midnight(row[moment]) if kind == "checkup" else row[moment]
            rest = {
                "tenant_id": row["tenant_id"],
                "event_subject": row[subject] if subject else None,
                "event_finding": row[finding],
            }
            yield row["patient_id"], at, rank, kind, row["id"], rest


def timeline(raw: Raw) -> Keyed:
    """patient_timeline by kind and id of the event."""
    people = released(raw)
    lines: dict[str, list[tuple[datetime, int, str, str, Row]]] = defaultdict(list)
    for patient, at, rank, kind, identifier, rest in happenings(raw):
        if patient in people and at is not None:
            lines[patient].append((at, rank, identifier, kind, rest))
    found: Keyed = {}
    for patient, events in lines.items():
        events.sort(key=lambda event: event[:3])
        before: date | None = None
        for number, (at, _, identifier, kind, rest) in enumerate(events, start=1):
            found[kind, identifier] = {
                **rest,
                "patient_key": hashed(patient),
                "event_number": number,
                "event_at": at,
                "event_date": at.date(),
                "since_previous_days": before and (at.date() - before).days,
            }
            before = at.date()
    return found
