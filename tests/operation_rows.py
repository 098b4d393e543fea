"""Rows on both sides of every boundary that the operations go by, for two tenants.

Each function gives rows by table, parents first; `rng` chooses among what there can be.
"""

from __future__ import annotations

import random
from datetime import datetime, time, timedelta
from decimal import Decimal
from itertools import product

from rows import Row

AS_OF = datetime(2026, 6, 30, 12, 0)
SECOND, MINUTE, HOUR, DAY = (timedelta(**{unit: 1}) for unit in ("seconds", "minutes", "hours",
                                                                 "days"))  # fmt: skip
TENANTS = ("t1", "t2")
Rows = dict[str, list[Row]]


def around(edge: datetime) -> tuple[datetime, ...]:
    """A second before, on it, and a second after."""
    return edge - SECOND, edge, edge + SECOND


def some(rng: random.Random, count: int, *pools: object) -> list[tuple]:
    """So many of all combinations; all where there are no more."""
    every = list(product(TENANTS, *pools))  # type: ignore[call-overload]
    return rng.sample(every, min(count, len(every)))


def core_rows(rng: random.Random, count: int = 10_000) -> Rows:
    """Sessions, files, their shares, and alerts."""
    ends = (*around(AS_OF), AS_OF - 90 * DAY, AS_OF + 90 * DAY)
    born = (*around(AS_OF - 30 * DAY), AS_OF - 170 * DAY, AS_OF)
    yes = (True, False)
    states = ("active", "expired", "revoked", "suspicious", "force_logout")
    of_alerts = ("open", "acknowledged", "resolved", "suppressed", "expired")
    files = [
        {"id": f"f{n:03}", "tenant_id": tenant, "is_temporary": temporary, "expires_at": end,
         "deleted_at": deleted}
        for n, (tenant, temporary, end, deleted) in enumerate(
            some(rng, count, yes, (*ends, None), (None, AS_OF - DAY)))
    ]  # fmt: skip
    return {
        "saas_user_sessions": [
            {"id": f"s{n:03}", "tenant_id": tenant, "session_token": str(n), "status": status,
             "expires_at": end}
            for n, (tenant, status, end) in enumerate(some(rng, count, states, ends))
        ],
        "saas_files": files,
        "saas_file_shares": [
            {"id": f"h{n:03}", "tenant_id": file["tenant_id"], "file_id": file["id"],
             "share_token": str(n), "is_active": on, "expires_at": end}
            for n, (file, (_, on, end)) in enumerate(
                zip(rng.choices(files, k=count), some(rng, count, yes, (*ends, None)),
                    strict=False))
        ],
        "saas_unified_alerts": [
            {"id": f"a{n:03}", "tenant_id": tenant, "status": status, "created_at": at,
             "first_occurred_at": at, "last_occurred_at": max(at, last)}
            for n, (tenant, status, at, last) in enumerate(
                some(rng, count, of_alerts, born, (AS_OF - 29 * DAY, AS_OF)))
        ],
    }  # fmt: skip


def ai_rows(rng: random.Random, count: int = 1_000) -> Rows:
    """Conversations, silent and untouched for as long as matters, or not."""
    states = ("active", "idle", "completed", "expired", "error", "archived")
    times = (*around(AS_OF - 30 * MINUTE), *around(AS_OF - 30 * DAY), None, AS_OF)
    return {
        "ai_conversations": [
            {"id": f"c{n:05}", "tenant_id": tenant, "conversation_id": str(n), "status": status,
             "last_message_at": last, "created_at": at, "updated_at": changed}
            for n, (tenant, status, last, at, changed) in enumerate(
                some(rng, count, states, times, times, times))
        ]
    }  # fmt: skip


def device_rows(rng: random.Random, count: int = 400) -> Rows:
    """Devices, seen and calibrated or not, and alerts about them in every state."""
    alerts: list[Row] = []
    devices: list[Row] = []
    seen = (*around(AS_OF - HOUR), AS_OF, None, AS_OF - 9 * DAY)
    for number in range(count):
        key, days = f"d{number:04}", rng.choice((None, 30, 365))
        device = {
            "id": key, "tenant_id": rng.choice(TENANTS), "device_name": f"Device {key}",
            "device_code": key, "serial_number": key,
            "status": rng.choice(("active",) * 4 + ("inactive", "maintenance", "error", "offline")),
            "last_online_at": rng.choice(seen), "created_at": rng.choice((*seen[:4], seen[5])),
            "last_calibration_at": rng.choice(
                (None, AS_OF, *around(AS_OF - (days or 365) * DAY))),
            "calibration_interval_days": days,
            "assigned_patient_id": rng.choice((None, f"p{number % 9}", f"p{number % 9}")),
        }  # fmt: skip
        devices.append(device)
        alerts += [
            _device_alert(rng, device, f"{key}-{n}") for n in range(rng.choice((0, 0, 1, 2)))
        ]
    return {"health_devices": devices, "health_alerts": alerts}


def _device_alert(rng: random.Random, device: Row, key: str) -> Row:
    kind, data = rng.choice((
        ("device_offline", None), ("device_offline", {"kind": "device_offline"}),
        ("custom", {"kind": "calibration_due"}), ("custom", {"kind": "calibration_due"}),
        ("custom", {"kind": "other"}), ("custom", None), ("custom", [1]),
        ("data_anomaly", {"kind": "calibration_due"}),
    ))  # fmt: skip
    at = rng.choice((AS_OF - 9 * DAY, *around(AS_OF - DAY), AS_OF - MINUTE))
    return {
        "id": key, "tenant_id": device["tenant_id"], "patient_id": "p", "alert_type": kind,
        "device_id": rng.choice((device["id"],) * 9 + (None,)), "alert_data": data,
        "status": rng.choice(("open", "acknowledged", "in_progress", "resolved", "false_positive",
                              "suppressed")),
        "trigger_source": rng.choice(("scheduled", "device", "manual", "rule")),
        "triggered_at": at, "created_at": at,
    }  # fmt: skip


def lifecycle_rows(rng: random.Random, count: int = 1_500) -> Rows:
    """Customers on every edge of the stage rules, some with a history."""
    today = AS_OF.date()
    customers: list[Row] = []
    history: list[Row] = []
    combinations = some(
        rng, count,
        ("active",) * 4 + ("lost",),
        (None, "lead", "prospect", "customer", "advocate", "inactive"),
        (None, 0, 1, 2, 4, 5),
        (None, Decimal("4999.99"), Decimal("5000.00")),
        (None, *(today - days * DAY for days in (31, 30, 29, 0))),
        (None, *(today - days * DAY for days in (181, 180, 179, 91, 90, 89, 0))),
    )  # fmt: skip
    for number, (tenant, status, stage, orders, amount, first, last) in enumerate(combinations):
        key = f"c{number:05}"
        customers.append(
            {"id": key, "tenant_id": tenant, "customer_code": key, "status": status,
             "lifecycle_stage": stage, "total_orders": orders, "total_amount": amount,
             "first_order_date": first, "last_order_date": last,
             "created_at": AS_OF - rng.choice((9, 200)) * DAY + HOUR}
        )  # fmt: skip
        for n in range(rng.choice((0, 0, 1, 2))):
            at = rng.choice((AS_OF - 5 * DAY, AS_OF - 5 * DAY + SECOND, AS_OF - 2 * DAY, AS_OF))
            history.append(
                {"id": f"{key}-{n}", "tenant_id": tenant, "customer_id": key, "old_stage": "lead",
                 "new_stage": "prospect", "created_at": at}
            )  # fmt: skip
    return {"customers": customers, "customer_lifecycle_history": history}


def ruled_rows(rng: random.Random, count: int = 200) -> Rows:
    """Customers, tags and segments over their level, and who is in already, by rule or by hand."""
    levels = ("bronze", "silver", "gold", "platinum", "diamond")
    gold = {"field": "level", "op": "in", "value": ["gold", "platinum"]}
    customers = [
        {"id": f"c{n:04}", "tenant_id": rng.choice(TENANTS), "customer_code": str(n),
         "level": rng.choice(levels), "total_orders": n % 3, "total_amount": Decimal(n)}
        for n in range(count)
    ]  # fmt: skip
    plain = {"not": {"field": "tags", "op": "contains", "value": "gold"}}
    tags = [
        {"id": f"{tenant}-{code}", "tenant_id": tenant, "tag_name": code, "tag_code": code,
         "category": "x", "tag_type": "auto", "rule_config": rule, "is_active": True,
         "auto_assign": True, "auto_remove": True}
        for tenant in TENANTS
        for code, rule in (("gold", gold), ("plain", plain))
    ]  # fmt: skip
    segments = [
        {"id": f"{tenant}-segment", "tenant_id": tenant, "segment_name": "x", "segment_code": "x",
         "segment_type": "dynamic", "rule_config": gold, "is_active": True, "auto_refresh": True}
        for tenant in TENANTS
    ]  # fmt: skip
    held = [
        {"id": f"{one['id']}-{n}", "tenant_id": one["tenant_id"], "customer_id": one["id"],
         "status": status, "kind": kind}
        for n, one in enumerate(customers)
        if (found := rng.choice((None, ("active", "rule"), ("removed", "rule"),
                                 ("active", "manual"))))
        for status, kind in (found,)
    ]  # fmt: skip
    return {
        "customers": customers,
        "customer_behavior_definitions": [],
        "customer_tag_definitions": tags,
        "customer_tags": [
            _without_kind(row, assign_type=row["kind"], tag_id=f"{row['tenant_id']}-gold")
            for row in held
        ],
        "customer_segments": segments,
        "customer_segment_members": [
            _without_kind(row, join_type=row["kind"], segment_id=f"{row['tenant_id']}-segment")
            for row in held
        ],
    }


def _without_kind(row: Row, **more: object) -> Row:
    return {name: value for name, value in row.items() if name != "kind"} | more


def health_rule_rows(rng: random.Random, count: int = 100) -> Rows:
    """Patients with a fever or without, and alerts of the rule about some."""
    patients = [
        {"id": f"p{n:03}", "tenant_id": rng.choice(TENANTS), "patient_code": str(n)}
        for n in range(count)
    ]
    rule = {
        "rule_name": "fever", "rule_type": "threshold", "target_type": "all_patients",
        "rule_conditions": {"field": "body_temperature", "op": "gt", "value": 38},
        "is_enabled": True, "cooldown_period": 60,
    }  # fmt: skip
    return {
        "health_patients": patients,
        "health_vital_signs": [
            {"id": f"v-{one['id']}", "tenant_id": one["tenant_id"], "patient_id": one["id"],
             "measured_at": AS_OF - MINUTE,
             "body_temperature": Decimal(rng.choice(("36.5", "38.5")))}
            for one in patients
        ],
        "health_alert_rules": [rule | {"id": f"{t}-rule", "tenant_id": t} for t in TENANTS],
        "health_alerts": [
            {"id": f"a-{one['id']}", "tenant_id": one["tenant_id"], "patient_id": one["id"],
             "trigger_source": "rule", "trigger_rule_id": f"{one['tenant_id']}-rule",
             "status": rng.choice(("open", "resolved")), "triggered_at": AS_OF - DAY}
            for one in patients
            if rng.random() < 0.5
        ],
    }  # fmt: skip


def monitor_rows(rng: random.Random, count: int = 100) -> Rows:
    """Accounts by their health, and alerts of the monitor rule about some."""
    accounts = [
        {"id": f"w{n:03}", "tenant_id": rng.choice(TENANTS), "wework_guid": str(n),
         "account_name": str(n), "status": "ONLINE", "health_score": rng.choice((50, 90))}
        for n in range(count)
    ]  # fmt: skip
    rule = {"rule_name": "health", "rule_type": "health_score", "is_enabled": True,
            "check_interval": 0, "threshold_config": {}}  # fmt: skip
    others = ("wework_account_status_history", "wework_message_records", "wework_callback_logs",
              "wework_conversations")  # fmt: skip
    return {
        "wework_accounts": accounts,
        **{name: [] for name in others},
        "wework_account_monitor_rules": [
            rule | {"id": f"{tenant}-rule", "tenant_id": tenant} for tenant in TENANTS
        ],
        "wework_account_alerts": [
            {"id": f"a-{one['id']}", "tenant_id": one["tenant_id"], "account_id": one["id"],
             "alert_type": "health_score_low", "status": "open", "occurrence_count": 1,
             "alert_data": {"rule_id": f"{one['tenant_id']}-rule"},
             "first_occurred_at": AS_OF - DAY, "last_occurred_at": AS_OF - DAY}
            for one in accounts
            if rng.random() < 0.5
        ],
    }  # fmt: skip


def order_rows(rng: random.Random, count: int = 60) -> Rows:
    """Orders that wait for payment, with a place and a coupon each; past and coming slots."""
    day = AS_OF.date()
    services = [
        {"id": f"{tenant}-service", "tenant_id": tenant, "service_code": tenant,
         "status": "active", "available_slots": 5, "booked_slots": count,
         "min_capacity_threshold": 0}
        for tenant in TENANTS
    ]  # fmt: skip
    orders, items, payments, slots, coupons = [], [], [], [], []
    for n in range(count):
        tenant = rng.choice(TENANTS)
        whose = {"id": f"{n:03}", "tenant_id": tenant}
        orders.append(
            whose | {"order_no": str(n), "order_status": "pending_payment", "service_date": day,
                     "service_time_start": time(9), "coupon_codes": [str(n)],
                     "order_time": rng.choice(around(AS_OF - 30 * MINUTE))}
        )  # fmt: skip
        items.append(
            whose | {"order_id": whose["id"], "service_id": f"{tenant}-service",
                     "time_slot_id": whose["id"], "quantity": 1}
        )  # fmt: skip
        if rng.random() < 0.3:
            payments.append(
                whose | {"order_id": whose["id"], "payment_no": str(n),
                         "payment_status": rng.choice(("processing", "failed"))}
            )  # fmt: skip
        slots.append(
            whose | {"service_id": f"{tenant}-service", "start_time": time(9, n % 60),
                     "slot_date": rng.choice((day + DAY, day - DAY)), "end_time": time(10),
                     "max_bookings": 2, "current_bookings": 1, "status": "available"}
        )  # fmt: skip
        coupons.append(
            whose | {"coupon_code": str(n), "status": "used", "used_count": 1,
                     "used_order_id": whose["id"]}
        )  # fmt: skip
    return {
        "saas_unified_configs": [],
        "services": services,
        "service_variants": [],
        "service_time_slots": slots,
        "marketing_coupons": coupons,
        "service_orders": orders,
        "service_order_items": items,
        "service_order_payments": payments,
    }


def low_service_rows(rng: random.Random, count: int = 60) -> Rows:
    """Services at, under and above their threshold."""
    return {
        "services": [
            {"id": f"{n:03}", "tenant_id": rng.choice(TENANTS), "service_code": str(n),
             "status": "active", "available_slots": rng.choice((4, 5, 6)),
             "min_capacity_threshold": 5}
            for n in range(count)
        ]
    }  # fmt: skip
