"""The grammar of rules, and what makes one valid: shape, size, fields, operators and values.

`parse` gives a rule whose every condition carries its field and a typed value, or raises RuleFault
with the path of each fault ("rule.all[0].value: expected a number"). A rule is two-valued: nothing
equals, exceeds or contains NULL, and `not` turns every answer round, so `ne` and `not_in` hold for
NULL and {"not": {"eq"}} says the same as "ne".
"""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    RootModel,
    StringConstraints,
    Tag,
    ValidationError,
)

from orchestration.errors import WarehouseError
from orchestration.rules import fields
from orchestration.rules.fields import OPERATORS, Kind
from orchestration.settings import FIRST_YEAR, LAST_YEAR

DEEPEST = 20
LARGEST_BYTES = 64 * 1024
# Decimal columns have at most 15 digits before the point; figures at most 6 behind it.
LARGEST_NUMBER = 10**15
MOST_DECIMALS = 6
LONGEST_TEXT = 1000
MOST_DAYS = 36_500

Operator = Literal[
    "eq", "ne", "gt", "gte", "lt", "lte", "between", "in", "not_in", "is_null",
    "contains", "starts_with", "within_days", "older_than_days",
]  # fmt: skip
Scalar = bool | int | float | str


def _shape(value: Any) -> str | None:
    """Which alternative of the grammar is meant; in braces, so that it stays out of paths."""
    if not isinstance(value, dict):
        return None
    return next((f"{{{key}}}" for key in ("all", "any", "not") if key in value), "{leaf}")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Leaf(_Part):
    """A condition on one field."""

    field: Annotated[str, StringConstraints(min_length=1)] = Field(
        description="A field of the subject (x-fields), or for customers " + fields.BEHAVIOR_SHAPE
    )
    op: Operator = Field(description="An operator that the field's kind has (x-operators)")
    value: Scalar | list[Scalar] = Field(
        description="A number, text, YYYY-MM-DD, YYYY-MM-DD HH:MM:SS, true or false; a list for "
        "in and not_in, a pair for between; true or false for is_null; whole days for *_days"
    )


class All(_Part):
    """Every part holds."""

    all: Annotated[list[Node], Field(min_length=1)]


class AnyOf(_Part):
    """At least one part holds."""

    any: Annotated[list[Node], Field(min_length=1)]


class Not(_Part):
    """The part does not hold."""

    negated: Node = Field(alias="not")


Node = Annotated[
    Annotated[All, Tag("{all}")]
    | Annotated[AnyOf, Tag("{any}")]
    | Annotated[Not, Tag("{not}")]
    | Annotated[Leaf, Tag("{leaf}")],
    Discriminator(
        _shape,
        custom_error_type="no_node",
        custom_error_message='expected {"all": …}, {"any": …}, {"not": …} or a condition',
    ),
]


class Rule(RootModel[Node]):
    """A rule for tags, segments and alerts."""


for _model in (All, AnyOf, Not, Rule):
    _model.model_rebuild()


def json_schema() -> dict[str, Any]:
    """The grammar as JSON Schema, with each subject's fields as a vocabulary of its own."""
    listed = {
        subject: {
            name: {"kind": str(f.kind)} | ({"values": list(f.choices)} if f.choices else {})
            for name, f in fields.fields_of(subject).items()
        }
        for subject in fields.SUBJECTS
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Rule.model_json_schema(),
        "x-operators": {str(kind): list(operators) for kind, operators in OPERATORS.items()},
        "x-fields": listed,
    }


def json_schema_text() -> str:
    """`json_schema` as docs/rules.schema.json holds it."""
    return json.dumps(json_schema(), ensure_ascii=False, indent=2) + "\n"


@dataclass(frozen=True)
class Span:
    """A day or a second as the half-open stretch of time that it is."""

    start: datetime
    end: datetime


Value = Decimal | str | bool | int | Span
Values = Value | tuple[Value, ...]


@dataclass(frozen=True)
class Condition:
    """A leaf that is known to make sense."""

    path: str
    field: fields.Field
    op: str
    value: Values
    # the value as it was written, for people
    written: Any = None


@dataclass(frozen=True)
class Group:
    """`all`, `any` or `not` over its parts."""

    path: str
    op: str
    parts: tuple[Group | Condition, ...]


Checked = Group | Condition


def conditions(rule: Checked) -> Iterator[Condition]:
    """Every condition, in the order written."""
    if isinstance(rule, Condition):
        yield rule
        return
    for part in rule.parts:
        yield from conditions(part)


class RuleFault(WarehouseError):
    """A rule that cannot be compiled; `faults` are (path, what is wrong)."""

    def __init__(self, faults: Sequence[tuple[str, str]]) -> None:
        """Say all faults in one sentence."""
        self.faults = tuple(faults)
        super().__init__(
            "; ".join(f"{path}: {what}" for path, what in self.faults),
            fix="correct the rule; docs/rules.schema.json lists fields, operators and values.",
        )


def parse(rule: Any, subject: str) -> Checked:
    """Check a rule given as JSON text or as decoded JSON; RuleFault names every fault's path."""
    decoded = _decode(rule)
    try:
        node = Rule.model_validate(decoded).root
    except ValidationError as error:
        found = [_fault(e["loc"], e["type"], e["msg"]) for e in error.errors()]
        raise RuleFault(list(dict.fromkeys(found))) from None
    faults: list[tuple[str, str]] = []
    checked = _check(node, "rule", subject, faults)
    if faults:
        raise RuleFault(faults)
    assert checked is not None
    return checked


# --- shape ---------------------------------------------------------------------------------------


def _decode(rule: Any) -> Any:
    try:
        text = rule if isinstance(rule, str) else json.dumps(rule, ensure_ascii=False)
        if len(text.encode("utf-8", "surrogatepass")) > LARGEST_BYTES:
            raise RuleFault([("rule", f"larger than {LARGEST_BYTES // 1024} KiB")])
        decoded = json.loads(
            text, object_pairs_hook=_without_repeats, parse_constant=_refuse_constant
        )
    except RecursionError:
        raise RuleFault([("rule", f"deeper than {DEEPEST} levels")]) from None
    except (TypeError, ValueError) as error:  # JSONDecodeError is a ValueError
        raise RuleFault([("rule", f"not JSON ({error})")]) from None
    if decoded is None:
        raise RuleFault([("rule", "there is none")])
    if path := _too_deep(decoded):
        raise RuleFault([(path, f"deeper than {DEEPEST} levels")])
    return decoded


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError(f"a key stands twice in {{{', '.join(_short(k) for k, _ in pairs)}}}")
    return found


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _too_deep(decoded: Any) -> str | None:
    """The path of the first node below the allowed depth; a list adds a step, not a level."""
    waiting = [("rule", decoded, 1)]
    while waiting:
        path, part, depth = waiting.pop()
        if depth > DEEPEST:
            return path
        named = part.items() if isinstance(part, dict) else [("", part)]
        for key, value in named:
            where = f"{path}.{_short(key)}" if key else path
            below = enumerate(value) if isinstance(value, list) else [(None, value)]
            waiting += [
                (where if i is None else f"{where}[{i}]", v, depth + 1)
                for i, v in below
                if isinstance(v, (dict, list)) and v is not part
            ]
    return None


_SENTENCES: dict[str, str] = {
    "missing": "is missing",
    "extra_forbidden": "is not part of the grammar",
    "too_short": "is empty",
    "string_too_short": "is empty",
    "string_type": "expected text",
    "list_type": "expected a list",
}


def _fault(loc: tuple[int | str, ...], kind: str, message: str) -> tuple[str, str]:
    parts = [p for p in loc if not (isinstance(p, str) and re.fullmatch(r"\{\w+\}", p))]
    path = "rule"
    for part in parts:
        if isinstance(part, int):
            path += f"[{part}]"
        elif "[" not in part and part not in ("bool", "int", "float", "str"):
            path += f".{_short(part)}"
    if kind == "literal_error":
        return path, "unknown operator" if path.endswith(".op") else message
    if "value" in parts and kind not in ("missing", "extra_forbidden"):
        path = path[: path.rindex(".value") + len(".value")]
        return path, "expected a number, text, true or false, or a list of these"
    return path, _SENTENCES.get(kind, message)


def _short(text: Any) -> str:
    shown = str(text)
    return shown if len(shown) <= 40 else shown[:40] + "…"


# --- meaning -------------------------------------------------------------------------------------


def _check(node: Any, path: str, subject: str, faults: list[tuple[str, str]]) -> Checked | None:
    if isinstance(node, Leaf):
        return _check_leaf(node, path, subject, faults)
    if isinstance(node, Not):
        named = [(f"{path}.not", node.negated)]
    else:
        op = "all" if isinstance(node, All) else "any"
        named = [(f"{path}.{op}[{i}]", part) for i, part in enumerate(getattr(node, op))]
    parts = tuple(_check(part, where, subject, faults) for where, part in named)
    if None in parts:
        return None
    op = "not" if isinstance(node, Not) else op
    return Group(path, op, parts)  # type: ignore[arg-type]


def _check_leaf(
    leaf: Leaf, path: str, subject: str, faults: list[tuple[str, str]]
) -> Condition | None:
    field = fields.find_field(subject, leaf.field)
    if field is None:
        near = difflib.get_close_matches(leaf.field[:60], fields.fields_of(subject), 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        faults.append((f"{path}.field", f"no field {_short(leaf.field)!r} of a {subject}{hint}"))
        return None
    if leaf.op not in OPERATORS[field.kind]:
        allowed = ", ".join(OPERATORS[field.kind])
        faults.append((f"{path}.op", f"{leaf.op} does not go with a {field.kind} ({allowed})"))
        return None
    try:
        value = _value(field, leaf.op, leaf.value, f"{path}.value")
    except RuleFault as fault:
        faults += fault.faults
        return None
    return Condition(path, field, leaf.op, value, leaf.value)


def _value(field: fields.Field, op: str, value: Any, path: str) -> Values:
    if op == "is_null":
        return _flag(value, path)
    if op in ("within_days", "older_than_days"):
        return _days(value, path, least=1 if op == "within_days" else 0)
    one = _READERS[field.kind]
    if op not in ("in", "not_in", "between"):
        read = one(field, value, path)
        if op in ("contains", "starts_with") and not read:
            raise RuleFault([(path, "is empty")])
        return read
    if not isinstance(value, list) or not value:
        raise RuleFault([(path, "expected a list")])
    if op == "between" and len(value) != 2:
        raise RuleFault([(path, "expected a list of two")])
    values = tuple(one(field, v, f"{path}[{i}]") for i, v in enumerate(value))
    if op == "between" and _lower(values[0]) > _lower(values[1]):
        raise RuleFault([(path, "the first must not exceed the second")])
    return values


def _lower(value: Any) -> Any:
    return value.start if isinstance(value, Span) else value


def _flag(value: Any, path: str) -> bool:
    if not isinstance(value, bool):
        raise RuleFault([(path, "expected true or false")])
    return value


def _days(value: Any, path: str, least: int) -> int:
    if type(value) is not int or not least <= value <= MOST_DAYS:
        raise RuleFault([(path, f"expected whole days from {least} to {MOST_DAYS}")])
    return value


def _number(_field: fields.Field, value: Any, path: str) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise RuleFault([(path, "expected a number")])
    if not math.isfinite(value) or abs(value) >= LARGEST_NUMBER:
        raise RuleFault([(path, f"expected a number under {LARGEST_NUMBER:.0e}".replace("+", ""))])
    # repr is the shortest text that means this double, on either side of a JSON column
    number = Decimal(repr(value))
    if number != round(number, MOST_DECIMALS):
        raise RuleFault([(path, f"expected at most {MOST_DECIMALS} decimals")])
    return number


def _text(field: fields.Field, value: Any, path: str) -> str:
    if not isinstance(value, str):
        raise RuleFault([(path, "expected text")])
    if len(value) > LONGEST_TEXT:
        raise RuleFault([(path, f"longer than {LONGEST_TEXT} characters")])
    if "\0" in value or any("\ud800" <= c <= "\udfff" for c in value):
        raise RuleFault([(path, "has a character that no database text holds")])
    if field.choices and value not in field.choices:
        allowed = ", ".join(field.choices)
        raise RuleFault([(path, f"{_short(value)!r} is not one of {allowed}")])
    return value


def _boolean(_field: fields.Field, value: Any, path: str) -> bool:
    return _flag(value, path)


_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}:[0-9]{2}")


def _span(field: fields.Field, value: Any, path: str) -> Span:
    """A date is the whole day, a time its second; so `lte` a date reaches to that day's end."""
    with_time = field.kind is Kind.TIME
    first, last = (FIRST_YEAR, LAST_YEAR) if with_time else (1900, 2100)
    wanted = "YYYY-MM-DD or YYYY-MM-DD HH:MM:SS" if with_time else "YYYY-MM-DD"
    fault = RuleFault([(path, f"expected a date as {wanted}, from {first} to {last}")])
    if not isinstance(value, str):
        raise fault
    try:
        if _DATE.fullmatch(value):
            start = datetime.combine(date.fromisoformat(value), datetime.min.time())
            length = timedelta(days=1)
        elif with_time and _TIME.fullmatch(value):
            start, length = datetime.fromisoformat(value), timedelta(seconds=1)
        else:
            raise fault
    except ValueError:  # 31 June
        raise fault from None
    if not first <= start.year <= last:
        raise fault
    return Span(start, start + length)


_READERS: dict[Kind, Callable[[fields.Field, Any, str], Any]] = {
    Kind.NUMBER: _number,
    Kind.TEXT: _text,
    Kind.CHOICE: _text,
    Kind.TAGS: _text,
    Kind.FLAG: _boolean,
    Kind.DATE: _span,
    Kind.TIME: _span,
}
