"""The business domain's marts computed a second time from raw rows, order by order, in Python."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from harness import MASK_KEY

from oracles.base import Keyed, Raw, Row, ratio

RECEIVED = {"success", "refunded", "partial_refunded"}
UNEARNED = {"cancelled", "refunded"}
TEN_MINUTES = timedelta(minutes=10)


# --- what several of them need -----------------------------------------------------------------


def shown(row: Row, names: str) -> Row:
    """Columns of a raw row, `new=old` where the mart renames them."""
    pairs = [name.partition("=") for name in names.split()]
    return {new: row[old or new] for new, _, old in pairs}


def by(rows: Iterable[Row], column: str) -> dict[Any, list[Row]]:
    """The rows by a column's value."""
    found: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        found[row[column]].append(row)
    return found


def keyed(text: str | None) -> str | None:
    """The pseudonym of a text."""
    if text is None:
        return None
    return hmac.new(MASK_KEY.encode(), text.encode(), hashlib.sha256).hexdigest()


def hidden(name: str | None) -> str | None:
    """A person's name as analysts see it."""
    return f"{name[0]}*" if name else name


def hidden_number(phone: str | None) -> str | None:
    """A mobile number as analysts see it; landlines show two digits at either end."""
    if not phone:
        return phone
    ends = 3 if len(phone) >= 11 else 2
    return f"{phone[:ends]}****{phone[-4:] if ends == 3 else phone[-2:]}"


def hidden_mailbox(email: str | None) -> str | None:
    """A mailbox as analysts see it."""
    return f"{email[0]}***@{email.rpartition('@')[2]}" if email else email


def province(address: str | None) -> str | None:
    """The province of an address."""
    return (json.loads(address) if address else {}).get("province")


def listed(text: str | None) -> int | None:
    """The length of a JSON list; None where there is no list."""
    parsed = json.loads(text) if text else None
    return len(parsed) if isinstance(parsed, list) else None


def seconds(first: datetime | None, last: datetime | None) -> int | None:
    """Whole seconds from one instant to another; None without either."""
    if first is None or last is None:
        return None
    return int((last - first).total_seconds())


def is_cancelled(order: Row) -> bool:
    """Whether an order was cancelled, paid back afterwards or not."""
    return order["order_status"] == "cancelled" or order["cancel_time"] is not None


def agreed_start(order: Row) -> datetime | None:
    """The agreed start in force."""
    if order["service_time_start"] is None:
        return None
    return datetime.combine(order["service_date"], order["service_time_start"])


def is_punctual(order: Row, began: datetime | None) -> bool | None:
    """Whether work began within ten minutes of the agreement."""
    agreed = agreed_start(order)
    if agreed is None or began is None:
        return None
    return abs(began - agreed) <= TEN_MINUTES


def marks(rows: Iterable[Row]) -> list[Decimal]:
    """Quality marks that somebody gave."""
    return [row["quality_score"] for row in rows if row["quality_score"]]


# --- dimensions --------------------------------------------------------------------------------


def services(raw: Raw) -> Keyed:
    """dim_services by service."""
    categories = {row["id"]: row for row in raw.rows("service_categories")}
    variants = by(raw.rows("service_variants"), "service_id")
    found: Keyed = {}
    for service in raw.rows("services"):
        own = variants.get(service["id"], [])
        prices = [variant["price"] for variant in own if variant["status"] == "active"]
        threshold, free = service["min_capacity_threshold"], service["available_slots"]
        category = categories[service["category_id"]]
        sale = service["sale_price"]
        found[(service["id"],)] = {
            **shown(
                service,
                "tenant_id category_id default_provider_id service_code service_name service_type "
                "delivery_mode pricing_model status base_price_cny=base_price "
                "sale_price_cny=sale_price duration_minutes max_concurrent_bookings "
                "available_slots booked_slots min_capacity_threshold advance_booking_hours "
                "cancellation_hours booking_count completed_count revenue_cny=revenue review_count "
                "is_appointment_required=requires_appointment "
                "is_reschedule_allowed=reschedule_allowed "
                "is_provider_auto_assigned=auto_assign_provider is_group_service=group_service "
                "available_from_at=available_from available_to_at=available_to created_by "
                "created_at updated_at",
            ),
            "category_name": category["category_name"],
            "category_level": category["level"],
            "current_price_cny": service["base_price"] if sale is None else sale,
            "variants": len(own),
            "active_variants": len(prices),
            "min_variant_price_cny": min(prices, default=None),
            "max_variant_price_cny": max(prices, default=None),
            "is_low_on_capacity": bool(threshold) and free <= threshold,
            "avg_rating": service["rating_average"] if service["review_count"] else None,
        }
    return found


def providers(raw: Raw) -> Keyed:
    """dim_service_providers by provider."""
    chosen = by(raw.rows("services"), "default_provider_id")
    found: Keyed = {}
    for provider in raw.rows("service_providers"):
        name = provider["provider_name"]
        public = provider["provider_type"] in ("team", "company")
        found[(provider["id"],)] = {
            **shown(
                provider,
                "tenant_id provider_code provider_type status is_verified max_concurrent_services "
                "advance_booking_days review_count services_done=service_count created_by "
                "created_at updated_at",
            ),
            "provider_name_masked": name if public else hidden(name),
            "contact_person_masked": hidden(provider["contact_person"]),
            "phone_masked": hidden_number(provider["phone"]),
            "phone_key": keyed(provider["phone"]),
            "email_masked": hidden_mailbox(provider["email"]),
            "email_key": keyed(provider["email"]),
            "province": province(provider["address"]),
            **{
                column: listed(provider[column])
                for column in ("service_areas", "specialties", "certifications", "languages")
            },
            "is_assignable": bool(provider["is_verified"]) and provider["status"] == "active",
            "default_services": sum(
                service["status"] != "discontinued" for service in chosen.get(provider["id"], [])
            ),
            "avg_rating": provider["rating_average"] if provider["review_count"] else None,
        }
    return found


# --- facts -------------------------------------------------------------------------------------


def orders(raw: Raw) -> Keyed:
    """fct_orders by order."""
    lines = by(raw.rows("service_order_items"), "order_id")
    attempts = by(raw.rows("service_order_payments"), "order_id")
    found: Keyed = {}
    for order in raw.rows("service_orders"):
        held, tried = lines.get(order["id"], []), attempts.get(order["id"], [])
        paid = [payment for payment in tried if payment["payment_status"] in RECEIVED]
        came = sum(payment["payment_amount"] for payment in paid)
        went = sum(payment["refund_amount"] for payment in paid)
        given, moved = marks(held), order["rescheduled_from_date"]
        began = order["service_start_time"]
        found[(order["id"],)] = {
            **shown(
                order,
                "tenant_id order_no customer_id assigned_provider_id parent_order_id service_date "
                "agreed_start_time=service_time_start agreed_end_time=service_time_end "
                "order_source order_type customer_type service_location_type "
                "provider_assignment_method order_status payment_status service_status "
                "cancelled_by_party=cancelled_by subtotal_cny=subtotal service_fee_cny=service_fee "
                "travel_fee_cny=travel_fee material_fee_cny=material_fee "
                "discount_amount_cny=discount_amount tax_amount_cny=tax_amount "
                "total_amount_cny=total_amount cancellation_fee_cny=cancellation_fee is_recurring "
                "reschedule_count rescheduled_from_date risk_level risk_score is_suspicious "
                "estimated_duration_minutes actual_duration_minutes ordered_at=order_time "
                "paid_at=payment_time confirmed_at=confirm_time assigned_at=assigned_time "
                "service_started_at=service_start_time service_ended_at=service_end_time "
                "completed_at=complete_time cancelled_at=cancel_time created_at updated_at",
            ),
            "order_date": order["order_time"].date(),
            "service_province": province(order["service_address"]),
            "is_cancelled": is_cancelled(order),
            "items": len(held),
            "services": len({line["service_id"] for line in held}),
            "quantity": sum(line["quantity"] for line in held),
            "avg_quality_score": ratio(Fraction(sum(given)), len(given), 2),
            "revenue_cny": 0 if order["order_status"] in UNEARNED else order["total_amount"],
            "payment_attempts": len(tried),
            "payments": len(paid),
            "received_amount_cny": came,
            "refunded_amount_cny": went,
            "kept_amount_cny": came - went,
            "coupons": listed(order["coupon_codes"]) or 0,
            "is_rescheduled": order["reschedule_count"] > 0,
            "rescheduled_days": (order["service_date"] - moved).days if moved else None,
            "is_on_time": is_punctual(order, began),
            "start_delay_seconds": seconds(agreed_start(order), began),
            "payment_seconds": seconds(order["order_time"], order["payment_time"]),
            "service_seconds": seconds(began, order["service_end_time"]),
            "refunded_at": max(
                (row["refund_time"] for row in tried if row["refund_time"]), default=None
            ),
        }
    return found


def order_items(raw: Raw) -> Keyed:
    """fct_order_items by line."""
    ordered = {row["id"]: row for row in raw.rows("service_orders")}
    filed = {row["id"]: row["category_id"] for row in raw.rows("services")}
    codes = {row["id"]: row["variant_code"] for row in raw.rows("service_variants")}
    found: Keyed = {}
    for line in raw.rows("service_order_items"):
        order = ordered[line["order_id"]]
        dropped = line["service_status"] == "cancelled"
        lost = dropped or order["order_status"] in UNEARNED
        found[(line["id"],)] = {
            **shown(
                line,
                "tenant_id order_id service_id variant_id time_slot_id service_name variant_name "
                "service_level service_status quantity unit_price_cny=unit_price "
                "subtotal_cny=subtotal base_service_fee_cny=base_service_fee "
                "travel_fee_cny=travel_fee material_fee_cny=material_fee "
                "overtime_fee_cny=overtime_fee discount_amount_cny=discount_amount "
                "final_price_cny=final_price completion_rate_pct=completion_rate "
                "customer_satisfaction duration_minutes actual_duration_minutes "
                "actual_started_at=actual_start_time actual_ended_at=actual_end_time created_at "
                "updated_at",
            ),
            **shown(order, "customer_id assigned_provider_id service_date order_status"),
            "category_id": filed[line["service_id"]],
            "variant_code": codes.get(line["variant_id"]),
            "order_date": order["order_time"].date(),
            "is_cancelled": dropped or is_cancelled(order),
            "revenue_cny": 0 if lost else line["final_price"],
            "quality_score": line["quality_score"] or None,
            "is_on_time": is_punctual(order, line["actual_start_time"]),
        }
    return found


def payments(raw: Raw) -> Keyed:
    """fct_payments by attempt."""
    ordered = {row["id"]: row for row in raw.rows("service_orders")}
    found: Keyed = {}
    for order_id, attempts in by(raw.rows("service_order_payments"), "order_id").items():
        order = ordered[order_id]
        attempts.sort(key=lambda row: (row["created_at"], row["id"]))
        for number, payment in enumerate(attempts, start=1):
            came = payment["payment_status"] in RECEIVED
            paid_at = payment["payment_time"]
            amount = payment["payment_amount"] if came else Decimal(0)
            refund = payment["refund_amount"] if came else Decimal(0)
            found[(payment["id"],)] = {
                **shown(
                    payment,
                    "tenant_id order_id payment_no payment_method payment_channel payment_type "
                    "currency payment_status is_advance_payment refund_type settlement_status "
                    "advance_payment_pct=advance_payment_percentage "
                    "payment_amount_cny=payment_amount settlement_amount_cny=settlement_amount "
                    "platform_fee_cny=platform_fee provider_amount_cny=provider_amount "
                    "paid_at=payment_time notified_at=notify_time refunded_at=refund_time "
                    "settled_at=settlement_time created_at updated_at",
                ),
                **shown(order, "customer_id assigned_provider_id"),
                "attempt_date": payment["created_at"].date(),
                "paid_date": paid_at.date() if paid_at else None,
                "attempt_number": number,
                "is_received": came,
                "received_amount_cny": amount,
                "refunded_amount_cny": refund,
                "kept_amount_cny": amount - refund,
                "payment_seconds": seconds(order["order_time"], paid_at),
                "notification_seconds": seconds(paid_at, payment["notify_time"]),
            }
    return found


def capacity_changes(raw: Raw) -> Keyed:
    """fct_capacity_changes by entry of the log."""
    places: dict[tuple[str, str], Row] = {}
    for kind, table in (("variant", "service_variants"), ("time_slot", "service_time_slots")):
        places.update({(kind, row["id"]): row for row in raw.rows(table)})
    found: Keyed = {}
    for entry in raw.rows("service_capacity_logs"):
        subject = entry["capacity_id"]
        place = places.get((entry["capacity_type"], subject), {})
        own = entry["capacity_type"] == "service"
        gained = entry["after_capacity"] - entry["before_capacity"]
        day = entry["created_at"].date()
        found[(entry["id"],)] = {
            **shown(
                entry,
                "tenant_id capacity_type capacity_subject_id=capacity_id change_type business_type "
                "order_id=booking_id customer_id operator_id reference_no change_quantity "
                "before_capacity after_capacity service_date "
                "agreed_start_time=service_time_start created_at",
            ),
            "service_id": subject if own else place.get("service_id"),
            "provider_id": place.get("provider_id"),
            "change_date": day,
            "is_notice": entry["change_type"] == "adjust" and gained == 0,
            "free_places_change": gained,
            "notice_days": (entry["service_date"] - day).days if entry["service_date"] else None,
        }
    return found


def coupon_redemptions(raw: Raw) -> Keyed:
    """fct_coupon_redemptions by order and place."""
    coupons = {(row["tenant_id"], row["coupon_code"]): row for row in raw.rows("marketing_coupons")}
    found: Keyed = {}
    for order in raw.rows("service_orders"):
        codes = json.loads(order["coupon_codes"] or "[]")
        reductions = json.loads(order["discount_details"] or "[]", parse_float=Decimal)
        back = is_cancelled(order)
        for place, code in enumerate(codes, start=1):
            if code in codes[: place - 1]:
                continue
            coupon = coupons.get((order["tenant_id"], code), {})
            shares = [part["amount"] for part in reductions if part.get("coupon") == code]
            found[(order["id"], place)] = {
                **shown(
                    order,
                    "tenant_id customer_id order_status order_subtotal_cny=subtotal "
                    "order_total_cny=total_amount redeemed_at=order_time",
                ),
                "coupon_id": coupon.get("id"),
                "coupon_key": keyed(code),
                "campaign_id": coupon.get("campaign_id"),
                "coupon_type": coupon.get("coupon_type"),
                "coupon_status": coupon.get("status"),
                "issued_to_user_id": coupon.get("issued_to_user"),
                "redemption_date": order["order_time"].date(),
                "issued_at": coupon.get("created_at"),
                "issued_days": (order["order_time"].date() - coupon["created_at"].date()).days
                if coupon
                else None,
                "is_given_back": back,
                "is_latest_use": coupon.get("used_order_id") == order["id"],
                "discount_cny": sum(shares) if shares else None,
                "granted_discount_cny": 0 if back else sum(shares),
            }
    return found
