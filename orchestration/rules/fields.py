"""What a rule may ask, by subject: the allow-list, with each field's kind and where it stands.

The kinds of a table's columns come from the schema of record; which columns are open to rules is
said here. Anything else is refused before any SQL is made.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from orchestration.schema.record import Column, load_record


class Kind(StrEnum):
    """What sort of value a field has; decides the operators and what a rule's value must be."""

    NUMBER = "number"
    TEXT = "text"
    CHOICE = "choice"
    DATE = "date"
    TIME = "time"
    FLAG = "flag"
    TAGS = "tags"


_EQUALS = ("eq", "ne")
_ORDER = ("gt", "gte", "lt", "lte", "between")
_LISTS = ("in", "not_in")
_DAYS = ("within_days", "older_than_days")
_NULL = ("is_null",)
OPERATORS: Mapping[Kind, tuple[str, ...]] = {
    Kind.NUMBER: (*_EQUALS, *_ORDER, *_LISTS, *_NULL),
    Kind.TEXT: (*_EQUALS, *_LISTS, "contains", "starts_with", *_NULL),
    Kind.CHOICE: (*_EQUALS, *_LISTS, *_NULL),
    Kind.DATE: (*_EQUALS, *_ORDER, *_LISTS, *_DAYS, *_NULL),
    Kind.TIME: (*_EQUALS, *_ORDER, *_LISTS, *_DAYS, *_NULL),
    Kind.FLAG: (*_EQUALS, *_NULL),
    Kind.TAGS: ("contains", *_LISTS, *_NULL),
}


@dataclass(frozen=True)
class Behavior:
    """Count or sum of one behaviour over the last days."""

    code: str
    measure: str
    days: int


@dataclass(frozen=True)
class Field:
    """A thing that a rule may ask: `column` of the relation `source`, or a behaviour's figure."""

    name: str
    kind: Kind
    source: str
    column: str = ""
    choices: tuple[str, ...] = ()
    behavior: Behavior | None = None


# Day rows of behaviour statistics are kept for 25 months.
LONGEST_BEHAVIOR_DAYS = 731
BEHAVIOR = re.compile(
    r"behavior\.(?P<code>[^\x00-\x1f]{1,50})\.(?P<measure>count|sum)\.(?P<days>[1-9][0-9]{0,2})"
)
BEHAVIOR_SHAPE = "behavior.<code>.count.<days> or behavior.<code>.sum.<days>"

_CUSTOMER_COLUMNS = (
    "customer_code", "customer_type", "name", "nickname", "gender", "birth_date", "phone", "email",
    "wechat_id", "wework_external_id", "qq", "company_name", "company_size", "industry", "position",
    "source_channel", "source_detail", "referrer_id", "utm_source", "utm_medium", "utm_campaign",
    "status", "lifecycle_stage", "level", "vip_level", "credit_score", "assigned_sales_id",
    "assigned_service_id", "relationship_level", "total_orders", "total_amount", "avg_order_amount",
    "last_order_amount", "first_order_date", "last_order_date", "total_visits", "total_page_views",
    "last_visit_date", "interaction_count", "last_interaction_date", "satisfaction_score",
    "nps_score", "first_contact_date", "last_contact_date", "created_at", "updated_at",
)  # fmt: skip
# name in a rule -> column of the mart
CLV_COLUMNS = {
    "clv": "lifetime_value_cny",
    "lifespan_months": "lifespan_months",
    "orders_per_month": "orders_per_month",
}
RFM_COLUMNS = {
    "rfm_score": "rfm_score",
    "rfm_code": "rfm_code",
    "recency_score": "recency_score",
    "frequency_score": "frequency_score",
    "monetary_score": "monetary_score",
}
_VITAL_SIGNS = (
    "systolic_pressure", "diastolic_pressure", "heart_rate", "respiratory_rate", "body_temperature",
    "oxygen_saturation", "weight", "height", "bmi", "waist_circumference", "hip_circumference",
    "blood_glucose", "glucose_measurement_time", "pain_level", "risk_assessment", "measured_at",
)  # fmt: skip

# What monitor rules watch of an account; orchestration/rules/accounts.py says how each is counted.
ACCOUNT_FIGURES = (
    "silence_seconds", "offline_seconds", "recovering_seconds", "verifying_seconds",
    "qr_expired_seconds", "retries_left", "health_score", "network_grade", "failed_logins",
    "errors", "success_rate_pct", "response_ms", "processing_ms", "callback_error_pct",
    "messages_left", "unread_messages",
)  # fmt: skip


def fields_of(subject: str) -> Mapping[str, Field]:
    """The named fields of a subject; behaviours come on top for customers (`find_field`)."""
    return _SUBJECTS[subject]()


def find_field(subject: str, name: str) -> Field | None:
    """The field of that name, or None."""
    if (field := fields_of(subject).get(name)) is not None or subject != "customer":
        return field
    if (found := BEHAVIOR.fullmatch(name)) is None:
        return None
    behavior = Behavior(found["code"], found["measure"], int(found["days"]))
    if behavior.days > LONGEST_BEHAVIOR_DAYS:
        return None
    return Field(name, Kind.NUMBER, "customer_behavior_statistics", behavior=behavior)


@lru_cache(maxsize=1)
def _customer_fields() -> Mapping[str, Field]:
    fields = _columns("customers", _CUSTOMER_COLUMNS)
    fields.append(Field("age", Kind.NUMBER, "customers", "birth_date"))
    fields += [
        Field(name, Kind.NUMBER, "customer_lifetime_value", column)
        for name, column in CLV_COLUMNS.items()
    ]
    fields += [
        Field(name, Kind.TEXT if name == "rfm_code" else Kind.NUMBER, "customer_rfm", column)
        for name, column in RFM_COLUMNS.items()
    ]
    fields.append(Field("tags", Kind.TAGS, "customer_tags", "tag_code"))
    return {field.name: field for field in fields}


@lru_cache(maxsize=1)
def _patient_fields() -> Mapping[str, Field]:
    fields = _columns("health_vital_signs", _VITAL_SIGNS)
    fields.append(Field("weight_change_pct", Kind.NUMBER, "health_vital_signs", "weight"))
    return {field.name: field for field in fields}


@lru_cache(maxsize=1)
def _account_fields() -> Mapping[str, Field]:
    return {name: Field(name, Kind.NUMBER, "account figures") for name in ACCOUNT_FIGURES}


_SUBJECTS = {
    "customer": _customer_fields,
    "patient": _patient_fields,
    "account": _account_fields,
}
SUBJECTS = tuple(_SUBJECTS)


def _columns(table: str, names: tuple[str, ...]) -> list[Field]:
    columns = [load_record().table(table).column(name) for name in names]
    return [Field(c.name, _kind(c), table, c.name, c.enum_values) for c in columns]


def _kind(column: Column) -> Kind:
    if column.is_boolean:
        return Kind.FLAG
    match column.base_type:
        case "enum":
            return Kind.CHOICE
        case "char" | "varchar" | "text":
            return Kind.TEXT
        case "int" | "bigint" | "smallint" | "tinyint" | "decimal":
            return Kind.NUMBER
        case "date":
            return Kind.DATE
        case "timestamp" | "datetime":
            return Kind.TIME
    raise ValueError(f"no kind of field for {column.name} {column.data_type}")
