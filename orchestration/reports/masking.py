"""What macros/governance does to patients in SQL, for the one patient that a report reads.

A test holds each function against the cases that the macros are held against, and a report's
masked patient against the row of dim_patients.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

# The first age that a band no longer holds, and the band.
AGE_BANDS = (
    (18, "0-17"), (25, "18-24"), (35, "25-34"), (45, "35-44"), (55, "45-54"), (65, "55-64"),
    (75, "65-74"),
)  # fmt: skip
OLDEST_BAND = "75+"
BMI_BANDS = ((Decimal(30), "obese"), (Decimal(25), "overweight"), (Decimal("18.5"), "normal"))
LIGHTEST_BAND = "underweight"
# A longer text is an address in the wrong field.
LONGEST_PROVINCE = 12


def may_be_released(patient: Mapping[str, Any]) -> bool:
    """Whether the patient's own rows may reach anybody but those who care for the patient."""
    level = patient["privacy_level"] or "private"
    return bool(patient["data_sharing_consent"]) and level != "private"


def pseudonym(mask_key: str, text: str) -> str:
    """HMAC-SHA-256 in hexadecimal, as mask_hash."""
    return hmac.new(mask_key.encode(), text.encode(), hashlib.sha256).hexdigest()


def age_in_years(born: date, day: date) -> int | None:
    """Completed years; born on 29 February, one is older on 1 March. None before birth."""
    if born > day:
        return None
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


def age_band(born: date, day: date) -> str | None:
    """The age in bands, instead of the birth date."""
    age = age_in_years(born, day)
    if age is None:
        return None
    return next((band for end, band in AGE_BANDS if age < end), OLDEST_BAND)


def bmi_band(bmi: Decimal | None) -> str | None:
    """The body mass index in bands, instead of the exact measure."""
    if bmi is None:
        return None
    return next((band for least, band in BMI_BANDS if bmi >= least), LIGHTEST_BAND)


def province_of(address: Any) -> str | None:
    """The province of an address, and nothing finer."""
    found = address.get("province") if isinstance(address, dict) else None
    if found is None or isinstance(found, dict | list):
        return None
    text = found if isinstance(found, str) else json.dumps(found)
    return text if 1 <= len(text) <= LONGEST_PROVINCE else None


def length_of(value: Any) -> int | None:
    """How many entries a JSON list has; None for anything else."""
    return len(value) if isinstance(value, list) else None
