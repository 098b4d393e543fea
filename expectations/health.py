"""Health: patients, records, vital signs, devices and their logs, alerts, checkups.

Days are business days. Ranges are what a living person or an instrument can show, not what is
healthy: an ill patient is no damage. Large tables are read by days, small ones whole.
"""

from __future__ import annotations

from expectations.base import (
    CHECKED_DAYS,
    HISTORY_DAYS,
    Expectation,
    Product,
    Scope,
    at_most,
    complete,
    fresh,
    in_order,
    no_copies,
    no_rows,
    not_ahead,
    not_negative,
    readable,
    rule,
    same_tenant,
    steady_mix,
    steady_ratio,
    steady_volume,
    within,
)

DATABASE = "health_management"
PATIENTS = (DATABASE, "health_patients")
DEVICES = (DATABASE, "health_devices")
WRITTEN_DAY = "cast(created_at as date)"
MEASURED_DAY = "cast(measured_at as date)"
RECORDED_DAY = "cast(recorded_at as date)"
# Jeanne Calment lived 122 years and 164 days, longer than anybody else whose age is proven.
OLDEST_YEARS = 123
# Two roundings to one decimal: of the weight or height, and of the index itself.
BMI_ROUNDING = 0.35
# Figures are rounded to two decimals, so two ways to the same one differ by no more than this.
ROUNDING = 0.011
# The dearest packages of hospitals and chains cost tens of thousands of yuan.
DEAREST_CHECKUP_CNY = 60_000
# GB 11643-1999: seventeen digits, and a check digit or X.
ID_CARD = "^[0-9]{17}[0-9Xx]$"
# Mainland mobile numbers (Telecommunications Numbering Plan, 2017): eleven digits from 13 to 19.
MOBILE = "^1[3-9][0-9]{9}$"

# A sign: lowest, highest, and what lies beyond. Sources: automated cuffs read up to 300 mmHg (ISO
# 81060-2); monitors of heart rate show 15 to 300 (IEC 60601-2-27) and oximeters are not specified
# below 70 % (ISO 80601-2-61), where 40 is left for the dying; survived were 13.7 °C (Gilbert,
# Lancet 2000) and 46.5 °C (Slovis, Ann Emerg Med 1982), and thermometers begin at 25; meters of
# blood sugar read 0.6 to 33.3 mmol/L (ISO 15197); the heaviest weighed 635 kg and the tallest was
# 272 cm (Guinness World Records); pain is asked from 0 to 10 (NRS-11).
SIGNS = {
    "systolic_pressure": (50, 300, "kPa for mmHg (16 for 120), or a digit too many (1,200)"),
    "diastolic_pressure": (20, 200, "kPa for mmHg (10 for 80), or a digit too many"),
    "heart_rate": (15, 300, "beats of a quarter of a minute, a pause in milliseconds, or no pulse"),
    "respiratory_rate": (3, 80, "a heart rate in the place of breaths"),
    "body_temperature": (25, 46.5, "degrees Fahrenheit (98) or Kelvin (310) for Celsius"),
    "oxygen_saturation": (40, 100, "a share (0.97) for a percentage, or a finger that was away"),
    "weight": (0.5, 635, "grams for kilograms"),
    "height": (20, 272, "metres or millimetres for centimetres"),
    "bmi": (7, 200, "an index of grams or metres"),
    "waist_circumference": (20, 320, "metres or inches for centimetres"),
    "hip_circumference": (20, 320, "metres or inches for centimetres"),
    "blood_glucose": (0.6, 33.3, "mg/dL (101) for mmol/L (5.6)"),
    "pain_level": (0, 10, "a percentage in the place of a mark"),
}
# What a day's mean of all patients hardly does: other limits catch a unit that stays in the range.
MEANS = {
    "systolic_pressure": 0.1,
    "diastolic_pressure": 0.1,
    "heart_rate": 0.12,
    "body_temperature": 0.03,
    "oxygen_saturation": 0.04,
    "weight": 0.3,
    "blood_glucose": 0.3,
}
DAILY_SIGNS = ("systolic_pressure", "diastolic_pressure", "heart_rate", "respiratory_rate",
               "body_temperature", "oxygen_saturation", "weight", "blood_glucose")  # fmt: skip


def sources(scope: Scope) -> list[Product]:
    """What the care applications and the devices wrote, in a fixed order."""
    return [
        patients(scope),
        records(scope),
        vital_signs(scope),
        devices(scope),
        device_logs(scope),
        alerts(scope),
        alert_rules(scope),
        checkup_reports(scope),
    ]


def outputs(scope: Scope) -> list[Product]:
    """What was built from it, in a fixed order."""
    return [
        statistics(scope),
        vital_signs_daily(scope),
        patient_risk(scope),
        device_performance(scope),
        patient_overview(scope),
        device_overview(scope),
        patient_dimension(scope),
        vital_sign_facts(scope),
        alert_facts(scope),
        checkup_facts(scope),
        timeline(scope),
    ]


# --- sources -------------------------------------------------------------------------------------


def patients(scope: Scope) -> Product:
    """One row per patient."""
    return Product(
        *PATIENTS,
        expectations=[
            rule(
                "patients_have_a_plausible_age",
                ["birth_date"],
                f"birth_date > {scope.day(0)} "
                f"or birth_date < {scope.day(0)} - interval '{OLDEST_YEARS}' year",
                "A birth date to come, or a default like 1900-01-01: risk scores count the years.",
                f"born in the last {OLDEST_YEARS} years",
            ),
            rule(
                "patients_have_an_identity_card_number",
                ["id_card"],
                f"not {scope.matches('id_card', ID_CARD)}",
                "Other papers' numbers or another column in the place of the card's, by which "
                "patients are told apart.",
                "17 digits and a check digit",
            ),
            rule(
                "patients_are_born_when_their_card_says",
                ["id_card", "birth_date"],
                "substr(id_card, 7, 8) <> replace(cast(birth_date as char(10)), '-', '')",
                "Dates moved by a day in a time zone, day and month exchanged, or rows that were "
                "matched wrongly.",
                "digits 7 to 14 of the card are the birth date",
            ),
            rule(
                "patients_have_a_mobile_number",
                ["phone"],
                f"not {scope.matches('phone', MOBILE)}",
                "A number that a spreadsheet rounded (1.38E+10), or another column in its place: "
                "nobody would be reached in an emergency.",
                "a mobile number of 11 digits",
            ),
            *(
                within(f"patients_{sign}_is_plausible", sign, low, high, f"Damage: {beyond}.")
                for sign, (low, high, beyond) in SIGNS.items()
                if sign in ("height", "weight", "bmi")
            ),
            readable(
                "patients_have_readable_names",
                scope,
                ["name", "emergency_contact", "occupation", "workplace"],
                "A name in a broken encoding on a wristband is a patient who is confused with "
                "another.",
            ),
            rule(
                "patients_have_a_name",
                ["name"],
                f"trim(name) = '' or {scope.matches('name', '[?]{2}')}",
                "Empty names, or Chinese that a Latin connection turned into question marks.",
                "a name that can be read",
            ),
            not_negative(
                "patients_counters_are_not_negative",
                ["total_visits", "total_records"],
                "A counter that was corrected by subtraction.",
            ),
            rule(
                "patients_last_record_needs_a_record",
                ["total_records", "last_record_at"],
                "(total_records = 0) <> (last_record_at is null)",
                "A counter that was set back while its time stayed, or one that stands still.",
                "a latest record where records are counted, and only there",
            ),
            not_ahead(
                "patients_are_not_of_tomorrow",
                scope,
                ["created_at", "updated_at", "last_visit_at", "last_record_at"],
                "A clock that runs ahead or a zone added twice.",
            ),
            no_rows(
                "patients_do_not_vanish",
                ["status"],
                "A partial load or a mapping of states: most patients not cared for over night.",
                """
                , counted as (
                    select count(*) as patients,
                        sum(case when status = 'active' then 1 else 0 end) as active from checked
                )
                select patients as expected, active as got from counted
                where patients >= 20 and active < 0.25 * patients
                """,
                "a quarter of all patients active",
            ),
            no_rows(
                "patients_choose_their_privacy",
                ["privacy_level", "data_sharing_consent"],
                "A flag that was defaulted: everybody consents, or nobody does, and what analysts "
                "see is decided by it.",
                """
                , counted as (
                    select count(*) as patients,
                        sum(case when data_sharing_consent then 1 else 0 end) as agreed,
                        sum(case when privacy_level = 'private' then 1 else 0 end) as hidden
                    from checked
                )
                select patients as expected, agreed as got from counted
                where patients >= 100 and (agreed = patients or hidden = 0)
                """,
                "some patients without consent and some private ones",
            ),
        ],
    )


def records(scope: Scope) -> Product:
    """One row per health record; read are those written in the last weeks."""
    return Product(
        DATABASE,
        "health_records",
        where=scope.since("created_at"),
        day=WRITTEN_DAY,
        expectations=[
            steady_volume(
                "records_volume_is_steady",
                scope,
                "1",
                "A partial, missing or doubled day of records, on any weekday.",
                day=RECORDED_DAY,
                least=30,
            ),
            fresh(
                "records_are_fresh",
                scope,
                WRITTEN_DAY,
                "A connector that stopped while patients go on being treated.",
            ),
            no_copies(
                "records_are_written_once",
                scope,
                ["tenant_id", "patient_id", "record_type", "title", "recorded_at"],
                "A batch that was loaded twice under new identifiers.",
                day=RECORDED_DAY,
            ),
            not_ahead(
                "records_are_not_of_tomorrow",
                scope,
                ["recorded_at", "measured_at", "validated_at", "created_at"],
                "A clock that runs ahead or a zone added twice.",
            ),
            in_order(
                "records_are_measured_before_they_are_written",
                ["measured_at", "recorded_at", "created_at", "validated_at"],
                "Swapped times, or a zone shifted in one of them.",
            ),
            rule(
                "records_are_measured_shortly_before_entry",
                ["measured_at", "recorded_at"],
                "measured_at < recorded_at - interval '366' day",
                "A default day like 1970-01-01, or the birth date, in the place of the measuring.",
                "measured at most a year before the entry",
            ),
            rule(
                "records_are_reviewed_when_decided",
                ["validation_status", "validated_at"],
                "(validation_status = 'pending') <> (validated_at is null)",
                "States mapped wrongly: what nobody has reviewed would count as validated.",
                "a time of review where there is a decision, and only there",
            ),
            same_tenant(
                "records_stay_with_their_patients_tenant",
                scope,
                "patient_id",
                PATIENTS,
                "A tenant's records in another's sight.",
            ),
            same_tenant(
                "records_stay_with_their_devices_tenant",
                scope,
                "device_id",
                DEVICES,
                "A device that is linked across tenants.",
            ),
            steady_ratio(
                "records_of_risk_are_usual",
                scope,
                "case when risk_level in ('high', 'critical') then 1 else 0 end",
                "1",
                "A grading that is turned round, or one level for everybody.",
                day=RECORDED_DAY,
                slack=0.25,
                least=30,
            ),
            steady_mix(
                "records_kinds_are_usual",
                scope,
                "record_type",
                "A kind of record that one source no longer sends, or that all others fell into.",
                day=RECORDED_DAY,
                least=30,
            ),
            readable(
                "records_have_readable_texts",
                scope,
                ["title", "description", "hospital", "department"],
                "A finding in a broken encoding, which a doctor has to read.",
            ),
        ],
    )


def vital_signs(scope: Scope) -> Product:
    """One row per set of signs; read are those taken in the last weeks."""
    return Product(
        DATABASE,
        "health_vital_signs",
        where=scope.since("measured_at"),
        day=MEASURED_DAY,
        expectations=[
            steady_volume(
                "signs_volume_is_steady",
                scope,
                _of_long(scope, "patient_id", PATIENTS),
                "A partial, missing or doubled day of measurements, on any weekday; new patients "
                "are left out.",
                day=MEASURED_DAY,
            ),
            complete(
                "signs_come_from_every_tenant",
                scope,
                "A tenant whose gateway stopped: its patients would look unmeasured, not well.",
                day=MEASURED_DAY,
            ),
            no_copies(
                "signs_are_taken_once",
                scope,
                [
                    "tenant_id",
                    "patient_id",
                    "measured_at",
                    "systolic_pressure",
                    "heart_rate",
                    "body_temperature",
                    "oxygen_saturation",
                    "weight",
                    "blood_glucose",
                ],
                "A meter that sends its memory again, or a batch that was loaded twice.",
                day=MEASURED_DAY,
            ),
            not_ahead(
                "signs_are_not_of_tomorrow",
                scope,
                ["measured_at", "created_at"],
                "A clock that runs ahead: such a row would be a patient's latest for days.",
            ),
            rule(
                "signs_are_written_after_they_are_taken",
                ["measured_at", "created_at"],
                "created_at < measured_at - interval '10' minute "
                "or created_at > measured_at + interval '62' day",
                "A zone shifted in one of the two, or a meter whose clock was never set.",
                "written up to two months after they were taken, a meter's clock aside",
            ),
            _asleep(
                "signs_sleep_at_night",
                scope,
                "measured_at",
                "Times shifted by a time zone, by which a morning's pressure becomes a night's.",
            ),
            rule(
                "signs_have_the_upper_pressure_above_the_lower",
                ["systolic_pressure", "diastolic_pressure"],
                "systolic_pressure <= diastolic_pressure",
                "Swapped columns: a low upper and a high lower pressure both alarm wrongly.",
                "systolic_pressure above diastolic_pressure",
            ),
            *(
                within(f"signs_{sign}_is_plausible", sign, low, high, f"Damage: {beyond}.")
                for sign, (low, high, beyond) in SIGNS.items()
            ),
            rule(
                "signs_index_follows_from_weight_and_height",
                ["weight", "height", "bmi"],
                f"abs(bmi - weight * 10000 / (height * height)) > {BMI_ROUNDING}",
                "Pounds or half kilos (斤) for kilograms: such a weight is still a person's.",
                "bmi is weight / height²",
            ),
            rule(
                "signs_hold_a_measurement",
                ["systolic_pressure", "heart_rate", "body_temperature", "weight", "blood_glucose"],
                "systolic_pressure = 0 or diastolic_pressure = 0 or heart_rate = 0 "
                "or respiratory_rate = 0 or body_temperature = 0 or oxygen_saturation = 0 "
                "or weight = 0 or height = 0 or blood_glucose = 0",
                "Zeros for what was not taken, which every mean would count.",
                "NULL, not 0, for a sign that was not taken",
            ),
            rule(
                "signs_of_sugar_say_when",
                ["blood_glucose", "glucose_measurement_time"],
                "(blood_glucose is null) <> (glucose_measurement_time is null)",
                "A reading without its situation: fasting and after a meal would be mixed.",
                "both or neither",
            ),
            *(
                steady_ratio(
                    f"signs_mean_{sign}_is_steady",
                    scope,
                    sign,
                    f"case when {sign} is not null then 1 else 0 end",
                    "A unit or a meter that changed and still shows possible values.",
                    day=MEASURED_DAY,
                    low=1 - share,
                    high=1 + share,
                    least=40,
                )
                for sign, share in MEANS.items()
            ),
            *(
                _varied(
                    f"signs_{sign}_varies",
                    sign,
                    MEASURED_DAY,
                    30,
                    "A value that stands still for everybody: a default, or a stuck gateway.",
                )
                for sign in ("systolic_pressure", "heart_rate", "body_temperature", "blood_glucose")
            ),
            _varied(
                "signs_of_a_patient_vary",
                "systolic_pressure",
                "patient_id",
                10,
                "A stuck meter that sends its last reading again and again.",
                more="max(measured_at)",
            ),
            steady_ratio(
                "signs_are_judged_as_usual",
                scope,
                "case when risk_assessment <> 'normal' then 1 else 0 end",
                "1",
                "Limits that were changed or lost: everybody or nobody would be abnormal.",
                day=MEASURED_DAY,
                low=0.3,
                high=2.0,
                slack=0.1,
            ),
            steady_ratio(
                "signs_are_taken_as_fully_as_usual",
                scope,
                "case when systolic_pressure is null or heart_rate is null then 1 else 0 end",
                "1",
                "A field that a new firmware sends under another name: it turns empty, no more.",
                day=MEASURED_DAY,
                high=1.6,
                slack=0.12,
            ),
            same_tenant(
                "signs_stay_with_their_patients_tenant",
                scope,
                "patient_id",
                PATIENTS,
                "A tenant's measurements in another's sight.",
            ),
            no_rows(
                "signs_belong_to_their_records_patient",
                ["health_record_id", "patient_id"],
                "Signs filed under another person's record: rows matched by place, not by key.",
                f"""
                select c.tenant_id, c.id as row_id
                from checked as c
                join {scope.relation(DATABASE, "health_records")} as r on r.id = c.health_record_id
                where r.patient_id <> c.patient_id
                """,
                "the patient of its record",
            ),
        ],
    )


def devices(scope: Scope) -> Product:
    """One row per measuring device."""
    logs = scope.relation(DATABASE, "health_device_logs")
    return Product(
        *DEVICES,
        expectations=[
            within(
                "devices_battery_is_a_percentage",
                "battery_level",
                0,
                100,
                "An empty byte (255), or millivolts: nobody would change the battery.",
            ),
            at_most(
                "devices_succeed_at_most_as_often_as_they_measure",
                "successful_measurements",
                "total_measurements",
                "Swapped counters, or one that was set back: a rate above 100 %.",
            ),
            not_negative(
                "devices_counters_are_not_negative",
                ["total_measurements", "successful_measurements", "error_count"],
                "A counter that wrapped round.",
            ),
            within(
                "devices_are_calibrated_within_years",
                "calibration_interval_days",
                1,
                3650,
                "Months or hours for days: calibration would fall due never or always.",
            ),
            not_ahead(
                "devices_are_not_of_tomorrow",
                scope,
                [
                    "created_at",
                    "updated_at",
                    "last_online_at",
                    "last_calibration_at",
                    "last_measurement_at",
                ],
                "A clock that runs ahead: such a device never looks silent.",
            ),
            at_most(
                "devices_are_online_when_they_measure",
                "last_measurement_at",
                "last_online_at",
                "Swapped times, or a zone shifted in one of the two: devices would go offline.",
            ),
            no_rows(
                "devices_count_what_they_log",
                ["total_measurements", "error_count"],
                "A stuck counter: the log goes on, and its device's totals do not.",
                f"""
                , logged as (
                    select device_id,
                        sum(case when log_type = 'measurement' then 1 else 0 end) as measured,
                        sum(case when log_type = 'error' then 1 else 0 end) as failed
                    from {logs}
                    where created_at >= {scope.instant(HISTORY_DAYS)}
                        and created_at < {scope.instant(0)}
                    group by device_id
                )
                select c.tenant_id, c.id as device_id
                from checked as c join logged as l on l.device_id = c.id
                where l.measured > c.total_measurements or l.failed > c.error_count
                """,
                "at least as many as its log of the last weeks holds",
            ),
            no_rows(
                "devices_are_heard_of_when_they_log",
                ["last_online_at"],
                "A stuck time: a device that logs and counts as silent is sent for repair.",
                f"""
                , logged as (
                    select device_id, max(created_at) as latest from {logs}
                    where created_at >= {scope.instant(CHECKED_DAYS)}
                        and created_at < {scope.instant(0)}
                    group by device_id
                )
                select c.tenant_id, c.id as device_id
                from checked as c join logged as l on l.device_id = c.id
                where c.last_online_at is null or c.last_online_at < l.latest - interval '1' day
                """,
                "last online no earlier than a day before its latest log",
            ),
            same_tenant(
                "devices_stay_with_their_patients_tenant",
                scope,
                "assigned_patient_id",
                PATIENTS,
                "A device that measures another tenant's patient.",
            ),
            readable(
                "devices_have_readable_names",
                scope,
                ["device_name", "manufacturer", "model"],
                "Chinese decoded by the wrong table, which the console would show.",
            ),
        ],
    )


def device_logs(scope: Scope) -> Product:
    """One row per log entry; read are those of the last weeks, whole partitions left alone."""
    return Product(
        DATABASE,
        "health_device_logs",
        where=scope.since("created_at"),
        day=WRITTEN_DAY,
        expectations=[
            steady_volume(
                "logs_volume_is_steady",
                scope,
                _of_long(scope, "device_id", DEVICES),
                "A partial, missing or doubled day of device logs; new devices are left out.",
                day=WRITTEN_DAY,
            ),
            complete(
                "logs_come_from_every_tenant",
                scope,
                "A tenant whose gateway stopped: its devices would be offline for no fault.",
                day=WRITTEN_DAY,
                least=30,
            ),
            fresh(
                "logs_are_fresh",
                scope,
                WRITTEN_DAY,
                "A gateway that stopped, by which every device goes offline at once.",
            ),
            no_copies(
                "logs_are_written_once",
                scope,
                [
                    "tenant_id",
                    "device_id",
                    "log_type",
                    "created_at",
                    "cast(raw_data as char(200))",
                    "data_quality",
                ],
                "A batch that was loaded twice under new identifiers: quality would weigh double. "
                "A device may write two readings in a second, but not the same one.",
                day=WRITTEN_DAY,
            ),
            not_ahead(
                "logs_are_not_of_tomorrow",
                scope,
                ["created_at"],
                "A clock that runs ahead: the entry lies in a partition that is not there yet.",
            ),
            _asleep(
                "logs_sleep_at_night",
                scope,
                "created_at",
                "Times shifted by a time zone: devices are used when people are awake.",
            ),
            rule(
                "logs_of_errors_name_the_error",
                ["log_type", "error_code"],
                "log_type = 'error' and error_code is null",
                "Entries mapped to the wrong kind, which makes sound devices unreliable.",
                "an error code",
            ),
            steady_mix(
                "logs_kinds_are_usual",
                scope,
                "log_type",
                "A kind of entry that a new firmware no longer sends, or sends for everything.",
                day=WRITTEN_DAY,
            ),
            steady_mix(
                "logs_quality_is_usual",
                scope,
                "data_quality",
                "Grades that were turned round, or one grade for everything.",
                day=WRITTEN_DAY,
            ),
            _varied(
                "logs_of_a_device_vary",
                "case when log_type = 'measurement' then cast(raw_data as char(200)) end",
                "device_id",
                20,
                "A stuck sensor: the same reading again and again, whoever is measured.",
            ),
            same_tenant(
                "logs_stay_with_their_devices_tenant",
                scope,
                "device_id",
                DEVICES,
                "A tenant's device logs in another's sight.",
            ),
            same_tenant(
                "logs_stay_with_their_patients_tenant",
                scope,
                "patient_id",
                PATIENTS,
                "A tenant's readings in another's sight.",
            ),
            no_rows(
                "logs_come_from_known_devices",
                ["device_id"],
                "Logs of devices that nobody registered: no key guards a partitioned table.",
                f"""
                select c.tenant_id, c.id as row_id
                from checked as c
                left join {scope.relation(*DEVICES)} as d on d.id = c.device_id
                where d.id is null
                """,
                "a registered device",
            ),
        ],
    )


def alerts(scope: Scope) -> Product:
    """One row per health alert."""
    rules = (DATABASE, "health_alert_rules")
    return Product(
        DATABASE,
        "health_alerts",
        where=scope.since("triggered_at", 366),
        day="cast(triggered_at as date)",
        expectations=[
            in_order(
                "health_alerts_are_raised_before_they_are_closed",
                ["triggered_at", "acknowledged_at", "resolved_at"],
                "Swapped times, or a zone shifted in one: how long patients wait is measured here.",
            ),
            not_ahead(
                "health_alerts_are_not_of_tomorrow",
                scope,
                ["triggered_at", "acknowledged_at", "resolved_at", "created_at"],
                "A clock that runs ahead or a zone added twice.",
            ),
            rule(
                "health_alerts_are_written_when_raised",
                ["triggered_at", "created_at"],
                "created_at < triggered_at - interval '10' minute "
                "or created_at > triggered_at + interval '7' day",
                "A zone shifted in one of the two.",
                "written within a week",
            ),
            rule(
                "health_alerts_are_closed_with_a_time",
                ["status", "resolved_at"],
                "(status = 'resolved' and resolved_at is null) or "
                "(status in ('open', 'acknowledged', 'in_progress') and resolved_at is not null)",
                "States mapped wrongly: an open emergency that looks closed.",
                "a time of closing where the state says so, and only there",
            ),
            rule(
                "health_alerts_open_are_not_taken_on",
                ["status", "acknowledged_at"],
                "status = 'open' and acknowledged_at is not null",
                "States set back by a stale copy: somebody already looks after it.",
                "no acknowledgement of an open alert",
            ),
            within(
                "health_alerts_are_escalated_a_few_times",
                "escalation_level",
                0,
                20,
                "A counter that runs away, or an identifier in its place.",
            ),
            same_tenant(
                "health_alerts_stay_with_their_patients_tenant",
                scope,
                "patient_id",
                PATIENTS,
                "Another tenant's nurses would be told of a patient.",
            ),
            same_tenant(
                "health_alerts_stay_with_their_devices_tenant",
                scope,
                "device_id",
                DEVICES,
                "Another tenant's nurses would be told of a device.",
            ),
            same_tenant(
                "health_alerts_stay_with_their_rules_tenant",
                scope,
                "trigger_rule_id",
                rules,
                "A rule that watches other tenants' patients.",
            ),
            no_rows(
                "health_alerts_come_from_known_rules",
                ["trigger_rule_id"],
                "Alerts of rules that are gone: nobody could say why they were raised.",
                f"""
                select c.tenant_id, c.id as row_id
                from checked as c
                left join {scope.relation(*rules)} as r on r.id = c.trigger_rule_id
                where c.trigger_rule_id is not null and r.id is null
                """,
                "a rule that is on file",
            ),
            readable(
                "health_alerts_have_readable_texts",
                scope,
                ["alert_title", "alert_message", "resolution_notes"],
                "An alert that cannot be read is no alert.",
            ),
        ],
    )


def alert_rules(scope: Scope) -> Product:
    """One row per health alert rule."""
    return Product(
        DATABASE,
        "health_alert_rules",
        expectations=[
            at_most(
                "health_rules_fire_at_most_as_often_as_they_run",
                "trigger_count",
                "execution_count",
                "Swapped counters, or one that was set back.",
            ),
            at_most(
                "health_rules_fire_when_they_run",
                "last_triggered_at",
                "last_executed_at",
                "Swapped times: a rule that fires without being looked at.",
            ),
            within(
                "health_rules_rest_for_a_plausible_time",
                "cooldown_period",
                0,
                31 * 86_400,
                "Milliseconds for seconds: a rule would be silent for months.",
            ),
            not_ahead(
                "health_rules_are_not_of_tomorrow",
                scope,
                ["created_at", "last_executed_at", "last_triggered_at"],
                "A clock that runs ahead: the rule would not be looked at until then.",
            ),
            readable(
                "health_rules_have_readable_names",
                scope,
                ["rule_name", "description", "alert_template"],
                "Chinese decoded by the wrong table goes out in every alert.",
            ),
        ],
    )


def checkup_reports(scope: Scope) -> Product:
    """One row per checkup report."""
    return Product(
        DATABASE,
        "health_checkup_reports",
        where=f"checkup_date >= {scope.day(366)}",
        day="checkup_date",
        expectations=[
            in_order(
                "checkups_are_reported_after_they_are_done",
                ["checkup_date", "report_date"],
                "Swapped days, or a year mistyped: waiting times would be negative.",
            ),
            at_most(
                "checkups_are_followed_up_afterwards",
                "checkup_date",
                "follow_up_date",
                "Swapped days: an appointment in the past that nobody keeps.",
            ),
            rule(
                "checkups_are_not_of_tomorrow",
                ["checkup_date", "report_date"],
                f"checkup_date > {scope.day(0)} or report_date > {scope.day(0)}",
                "Planned checkups among those that were done.",
                "days not after today",
            ),
            not_ahead(
                "checkups_are_not_written_tomorrow",
                scope,
                ["reviewed_at", "created_at"],
                "A clock that runs ahead or a zone added twice.",
            ),
            rule(
                "checkups_are_written_after_they_are_done",
                ["checkup_date", "created_at"],
                "cast(created_at as date) < checkup_date",
                "A zone shifted, by which a morning's row falls on the day before.",
                "written on the day of the checkup or later",
            ),
            within(
                "checkups_cost_plausibly",
                "total_cost",
                0,
                DEAREST_CHECKUP_CNY,
                "Fen for yuan, a negative price, or a number in another column's place.",
            ),
            rule(
                "checkups_in_draft_are_not_issued",
                ["report_status", "report_date"],
                "report_status = 'draft' and report_date is not null",
                "States mapped wrongly: what is issued would be left out of statistics.",
                "no day of issue of a draft",
            ),
            same_tenant(
                "checkups_stay_with_their_patients_tenant",
                scope,
                "patient_id",
                PATIENTS,
                "A tenant's reports in another's sight.",
            ),
            readable(
                "checkups_have_readable_texts",
                scope,
                ["hospital_name", "department", "doctor_name", "overall_conclusion"],
                "A conclusion in a broken encoding; hospitals are told apart by their names.",
            ),
        ],
    )


# --- outputs -------------------------------------------------------------------------------------


def statistics(scope: Scope) -> Product:
    """One row per tenant and closed day, as the applications show it."""
    percentages = ("data_quality_score", "device_reliability", "alert_accuracy")
    return Product(
        DATABASE,
        "health_statistics",
        where=f"stat_type = 'daily' and stat_date >= {scope.day(HISTORY_DAYS)}",
        day="stat_date",
        expectations=[
            fresh(
                "statistics_are_fresh",
                scope,
                "stat_date",
                "A build that silently stopped: figures would stand still while patients do not.",
            ),
            complete(
                "statistics_have_every_day",
                scope,
                "A day lost in the build, which every sum over days would hide.",
                by="stat_type",
                least=1,
            ),
            steady_volume(
                "statistics_records_are_steady",
                scope,
                "new_records",
                "A partial, missing or doubled day of records.",
                least=30,
            ),
            steady_volume(
                "statistics_online_devices_are_steady",
                scope,
                "online_devices",
                "A lost day of device logs: all devices would look offline.",
                low=0.6,
                least=15,
                stock=True,
            ),
            not_negative(
                "statistics_are_not_negative",
                [
                    "total_patients",
                    "new_patients",
                    "active_patients",
                    "new_records",
                    "abnormal_records",
                    "total_devices",
                    "total_alerts",
                    "critical_alerts",
                    "resolved_alerts",
                    "total_checkups",
                    "healthy_checkups",
                    "abnormal_checkups",
                    "avg_resolution_time",
                ],
                "A count that was corrected by subtraction.",
            ),
            rule(
                "statistics_parts_fit_their_wholes",
                ["new_patients", "active_patients", "abnormal_records", "critical_alerts"],
                "new_patients > total_patients or active_patients > total_patients "
                "or abnormal_records > new_records or critical_alerts > total_alerts "
                "or healthy_checkups + abnormal_checkups > total_checkups",
                "Swapped columns, or levels mapped wrongly.",
                "no part beyond its whole",
            ),
            *(
                within(
                    f"statistics_{column}_is_a_percentage",
                    column,
                    0,
                    100,
                    "A share for a percentage, or a part beyond its whole.",
                )
                for column in percentages
            ),
            no_rows(
                "statistics_patients_do_not_vanish",
                ["total_patients"],
                "A partial load of patients: a stock does not fall by a quarter over night.",
                f"""
                select c.tenant_id, c.stat_date as day, b.total_patients as expected,
                    c.total_patients as got
                from checked as c join checked as b
                    on b.tenant_id = c.tenant_id and b.stat_date = c.stat_date - interval '1' day
                where c.stat_date >= {scope.day(CHECKED_DAYS)} and b.total_patients >= 8
                    and c.total_patients < 0.75 * b.total_patients
                """,
                "at least three quarters of the day before",
            ),
        ],
    )


def vital_signs_daily(scope: Scope) -> Product:
    """One row per patient and day with a measurement."""
    reversed_ = " or ".join(
        f"min_{sign} > avg_{sign} + {ROUNDING} or avg_{sign} > max_{sign} + {ROUNDING}"
        for sign in DAILY_SIGNS
    )
    counted = " or ".join(f"{sign}_count > measurement_count" for sign in DAILY_SIGNS)
    return Product(
        DATABASE,
        "health_vital_signs_daily",
        where=f"stat_date >= {scope.day(HISTORY_DAYS)}",
        day="stat_date",
        expectations=[
            fresh(
                "daily_signs_are_fresh",
                scope,
                "stat_date",
                "A build that silently stopped: trends would end in the past.",
            ),
            steady_volume(
                "daily_signs_volume_is_steady",
                scope,
                "measurement_count",
                "A partial, missing or doubled day of measurements.",
            ),
            rule(
                "daily_signs_have_the_mean_between_the_extremes",
                [f"avg_{sign}" for sign in DAILY_SIGNS],
                reversed_,
                "Swapped columns, or a mean of other rows than its extremes.",
                "min <= avg <= max of each sign",
            ),
            rule(
                "daily_signs_are_counted_within_measurements",
                ["measurement_count", "abnormal_count"],
                f"abnormal_count > measurement_count or {counted}",
                "A join that multiplies one sign, and so its weight in every mean.",
                "no sign counted more often than measurements",
            ),
            *(
                within(
                    f"daily_signs_mean_{sign}_is_plausible",
                    f"avg_{sign}",
                    *SIGNS[sign][:2],
                    f"Damage: {SIGNS[sign][2]}.",
                )
                for sign in DAILY_SIGNS
            ),
            at_most(
                "daily_signs_have_the_upper_pressure_above_the_lower",
                "avg_diastolic_pressure",
                "avg_systolic_pressure",
                "Swapped columns in the build; alert rules read these.",
            ),
        ],
    )


def patient_risk(scope: Scope) -> Product:
    """One row per patient: the score that is written back, and its parts."""
    return Product(
        DATABASE,
        "health_patient_risk",
        expectations=[
            rule(
                "risk_points_are_those_of_the_rule",
                ["age_points", "bmi_points", "blood_pressure_points", "heart_rate_points"],
                "age_points not in (0, 5, 10, 20) or bmi_points not in (0, 8, 10, 15) "
                "or blood_pressure_points not in (0, 5, 15, 20) "
                "or heart_rate_points not in (0, 10)",
                "A limit that was mistyped, or two of them met at once.",
                "points that the rule gives",
            ),
            rule(
                "risk_score_follows_from_its_parts",
                ["risk_score"],
                "risk_score <> age_points + bmi_points + blood_pressure_points + heart_rate_points",
                "A score that no doctor could explain from the figures beside it.",
                "the sum of its four parts",
            ),
            rule(
                "risk_level_follows_from_the_score",
                ["risk_score", "risk_level"],
                "risk_level <> case when risk_score >= 50 then 'high' when risk_score >= 30 "
                "then 'medium' when risk_score >= 15 then 'low' else 'very_low' end",
                "Levels of another table of limits: patients would be called in, or not.",
                "high from 50, medium from 30, low from 15",
            ),
            within(
                "risk_age_is_plausible",
                "age_years",
                0,
                OLDEST_YEARS,
                "A birth date in another column's place.",
            ),
            *(
                within(
                    f"risk_mean_{sign}_is_plausible",
                    f"avg_{sign}",
                    *SIGNS[sign][:2],
                    f"Damage: {SIGNS[sign][2]}.",
                )
                for sign in ("systolic_pressure", "diastolic_pressure", "heart_rate")
            ),
            no_rows(
                "risk_scores_differ",
                ["risk_score"],
                "One score for everybody as the inputs never arrived: nobody would be at risk.",
                """
                , spread as (
                    select count(*) as patients, min(risk_score) as lowest,
                        max(risk_score) as highest from checked
                )
                select patients as got from spread where patients >= 20 and lowest = highest
                """,
                "more than one score",
            ),
            no_rows(
                "risk_knows_its_inputs",
                ["measurement_count"],
                "Vital signs that no longer arrive: scores fall silently as inputs go missing.",
                """
                , counted as (
                    select count(*) as patients,
                        sum(case when measurement_count > 0 then 1 else 0 end) as measured
                    from checked
                )
                select 1 as expected, measured as got from counted
                where patients >= 20 and measured < 0.05 * patients
                """,
                "some patients measured in the last 30 days",
            ),
        ],
    )


def device_performance(scope: Scope) -> Product:
    """One row per device: the rating that is written back."""
    return Product(
        DATABASE,
        "health_device_performance",
        expectations=[
            within(
                "performance_success_is_a_percentage",
                "success_rate_pct",
                0,
                100,
                "Successes beyond measurements, or a share for a percentage.",
            ),
            rule(
                "performance_quality_is_a_grade",
                ["data_quality_score", "rated_logs"],
                "data_quality_score < 20 or data_quality_score > 100 "
                "or (rated_logs = 0) <> (data_quality_score is null)",
                "Grades scored on another scale, or a 0 for a device that logged nothing.",
                "20 to 100 where logs are rated",
            ),
            rule(
                "performance_rating_follows_from_its_figures",
                ["performance_rating", "success_rate_pct", "data_quality_score"],
                "performance_rating = 'excellent' "
                "and (success_rate_pct < 95 or data_quality_score < 80)",
                "Ratings of another table of limits: a bad meter would stay in use.",
                "excellent from 95 % and a quality of 80",
            ),
            no_rows(
                "performance_devices_differ",
                ["data_quality_score"],
                "One score for all devices as the logs never arrived.",
                """
                , spread as (
                    select count(*) as devices, min(data_quality_score) as lowest,
                        max(data_quality_score) as highest from checked where rated_logs > 0
                )
                select devices as got from spread where devices >= 15 and lowest = highest
                """,
                "more than one score",
            ),
        ],
    )


def patient_overview(scope: Scope) -> Product:
    """One row per patient: the applications' list."""
    return Product(
        DATABASE,
        "v_patient_health_overview",
        expectations=[
            within(
                "patient_list_shows_a_plausible_age",
                "age",
                0,
                OLDEST_YEARS,
                "Days or months for years.",
            ),
            not_negative(
                "patient_list_counts_are_not_negative",
                ["recent_records", "open_alerts", "assigned_devices", "total_records"],
                "A count corrected by subtraction.",
            ),
            rule(
                "patient_list_shows_no_time_to_come",
                ["last_vital_signs_at", "last_checkup_date"],
                f"last_vital_signs_at > {scope.soon()} or last_checkup_date > {scope.day(0)}",
                "A row of tomorrow that hides a patient's present state.",
                "latest signs and checkup not after now",
            ),
            rule(
                "patient_list_shows_the_pressures_in_their_places",
                ["last_systolic_pressure", "last_diastolic_pressure"],
                "last_systolic_pressure <= last_diastolic_pressure",
                "Swapped columns in the view.",
                "systolic above diastolic",
            ),
        ],
    )


def device_overview(scope: Scope) -> Product:
    """One row per device: the applications' list."""
    return Product(
        DATABASE,
        "v_device_status_overview",
        expectations=[
            within(
                "device_list_shows_a_percentage",
                "success_rate",
                0,
                100,
                "Successes beyond measurements, or a share for a percentage.",
            ),
            not_ahead(
                "device_list_shows_no_time_to_come",
                scope,
                ["last_online_at", "last_calibration_at"],
                "A clock that runs ahead: such a device never looks silent.",
            ),
            no_rows(
                "device_list_shows_logs",
                ["recent_logs"],
                "Logs that are no longer joined: every device would look unused.",
                """
                , counted as (
                    select count(*) as devices, sum(recent_logs) as logs from checked
                )
                select 1 as expected, logs as got from counted where devices >= 15 and logs = 0
                """,
                "logs of the last days",
            ),
        ],
    )


def patient_dimension(scope: Scope) -> Product:
    """One row per patient who agreed to be analysed."""
    return Product(
        "warehouse",
        "dim_patients",
        expectations=[
            rule(
                "released_patients_are_pseudonyms",
                ["patient_key"],
                f"not {scope.matches('patient_key', '^[0-9a-f]{64}$')}",
                "An identifier that was let through in the place of its keyed hash.",
                "64 hexadecimal digits",
            ),
            rule(
                "released_patients_registered_in_the_past",
                ["registered_month"],
                f"registered_month > '{scope.today:%Y-%m}' "
                f"or last_visit_month > '{scope.today:%Y-%m}'",
                "A clock that runs ahead or a zone added twice.",
                "months not after this one",
            ),
            not_negative(
                "released_patients_counts_are_not_negative",
                ["allergy_count", "chronic_disease_count", "medication_count", "total_visits"],
                "A count corrected by subtraction.",
            ),
            no_rows(
                "released_patients_are_no_half_of_all_ages",
                ["age_band"],
                "An age as of the wrong day, or one band for everybody.",
                """
                , counted as (
                    select age_band, count(*) as patients from checked group by age_band
                ), totals as (select sum(patients) as patients from counted)
                select t.patients as expected, c.patients as got
                from counted as c cross join totals as t
                where t.patients >= 40 and c.patients > 0.7 * t.patients
                """,
                "no age band with 70 % of the patients",
            ),
        ],
    )


def vital_sign_facts(scope: Scope) -> Product:
    """One row per set of signs of a released patient."""
    return Product(
        "warehouse",
        "fct_vital_signs",
        where=f"measured_date >= {scope.day(HISTORY_DAYS)}",
        day="measured_date",
        expectations=[
            fresh(
                "sign_facts_are_fresh",
                scope,
                "measured_date",
                "A build that silently stopped while the source goes on.",
            ),
            steady_volume(
                "sign_facts_volume_is_steady",
                scope,
                "1",
                "A day lost or doubled on the way to the mart.",
                day="measured_date",
                least=40,
            ),
            rule(
                "sign_facts_lie_on_their_day",
                ["measured_date", "measured_at"],
                "measured_date <> cast(measured_at as date)",
                "A day cut in another zone.",
                "the day of measured_at",
            ),
            rule(
                "sign_facts_are_abnormal_by_their_assessment",
                ["is_abnormal", "risk_assessment"],
                "is_abnormal <> (coalesce(risk_assessment, 'normal') <> 'normal')",
                "A flag turned round.",
                "abnormal where the assessment is other than normal",
            ),
        ],
    )


def alert_facts(scope: Scope) -> Product:
    """One row per alert of a released patient."""
    return Product(
        "warehouse",
        "fct_health_alerts",
        where=scope.since("triggered_at", 366),
        day="alert_date",
        expectations=[
            not_negative(
                "alert_facts_take_time",
                ["acknowledge_seconds", "resolve_seconds"],
                "Seconds the wrong way round, by which waiting would shorten the mean.",
            ),
            at_most(
                "alert_facts_are_taken_on_before_they_are_closed",
                "acknowledge_seconds",
                "resolve_seconds",
                "Swapped durations.",
            ),
        ],
    )


def checkup_facts(scope: Scope) -> Product:
    """One row per checkup report of a released patient."""
    return Product(
        "warehouse",
        "fct_checkups",
        where=f"checkup_date >= {scope.day(366)}",
        day="checkup_date",
        expectations=[
            within(
                "checkup_facts_are_reported_within_a_year",
                "report_days",
                0,
                366,
                "Swapped days or a mistyped year: means of waiting times would jump.",
            ),
            within(
                "checkup_facts_cost_plausibly",
                "total_cost_cny",
                0,
                DEAREST_CHECKUP_CNY,
                "Fen for yuan, or a negative price.",
            ),
            rule(
                "checkup_facts_count_plausibly",
                ["item_count", "abnormal_result_count"],
                "item_count > 1000 or abnormal_result_count > 1000",
                "The characters of a text counted in the place of a list's entries.",
                "up to 1,000 examinations and results",
            ),
        ],
    )


def timeline(scope: Scope) -> Product:
    """One row per event of a released patient; read are those of the last weeks."""
    return Product(
        "warehouse",
        "patient_timeline",
        where=f"event_date >= {scope.day(HISTORY_DAYS)}",
        day="event_date",
        expectations=[
            fresh(
                "timeline_is_fresh",
                scope,
                "event_date",
                "A build that silently stopped, or an event of tomorrow.",
            ),
            not_negative(
                "timeline_runs_forward",
                ["since_previous_days"],
                "Events in another order than that of time.",
            ),
            no_rows(
                "timeline_has_every_kind",
                ["event_type"],
                "A source that dropped out of the union: the story of a patient misses a part.",
                """
                , counted as (
                    select count(*) as events,
                        count(distinct case when event_type in
                            ('health_record', 'vital_signs', 'checkup') then event_type end)
                            as kinds
                    from checked
                )
                select 3 as expected, kinds as got from counted where events >= 500 and kinds < 3
                """,
                "records, measurements and checkups",
            ),
        ],
    )


# --- of this domain ------------------------------------------------------------------------------


def _asleep(name: str, scope: Scope, column: str, protects: str) -> Expectation:
    """An expectation that between midnight and five at most 15 % of a day's rows arise.

    People measure at six and at eight in the evening, so a night's hour differs from one at noon
    too little to be judged by (`quiet_nights`); what is shifted by eight hours has a quarter there.
    """
    return no_rows(
        name,
        [column],
        protects,
        f"""
        , hours as (
            select cast({column} as date) as day, count(*) as written,
                sum(case when extract(hour from {column}) < 5 then 1 else 0 end) as at_night
            from checked
            where {column} >= {scope.instant(CHECKED_DAYS)} and {column} < {scope.instant(0)}
            group by 1
        ), judged as (
            select day, written, at_night from hours
            union all
            select null, sum(written), sum(at_night) from hours
        )
        select day, 0.15 * written as expected, at_night as got
        from judged where written >= 100 and at_night > 0.15 * written
        """,
        "15 % of a day's rows between midnight and five at most",
    )


def _of_long(scope: Scope, column: str, parent: tuple[str, str]) -> str:
    """An amount for volumes: rows of those who were there all the weeks that are compared.

    One new device may write as much as all others together.
    """
    there = f"select id from {scope.relation(*parent)} where created_at < "
    return f"case when {column} in ({there}{scope.instant(HISTORY_DAYS)}) then 1 else 0 end"


def _varied(
    name: str, value: str, by: str, least: int, protects: str, more: str = "null"
) -> Expectation:
    """An expectation that `value` is not the same `least` times or more in all rows of a `by`."""
    key = "day" if by == MEASURED_DAY else by
    return no_rows(
        name,
        [by if key != "day" else "measured_at"],
        protects,
        f"""
        select {by} as {key}, count({value}) as got from checked
        group by {by} having count({value}) >= {least} and count(distinct {value}) = 1
        """,
        "more than one value",
    )
