"""What a rule may say: what is refused and where the fault is, and that what ships is valid."""

from __future__ import annotations

import csv
import json
import re
from typing import Any

import jsonschema
import pytest
import yaml

from orchestration.rules import fields
from orchestration.rules.commands import SCHEMA_FILE
from orchestration.rules.context import MARTS
from orchestration.rules.fields import OPERATORS, Kind, fields_of
from orchestration.rules.grammar import (
    LARGEST_BYTES,
    Group,
    RuleFault,
    conditions,
    json_schema,
    json_schema_text,
    parse,
)
from orchestration.sampledata.customer_people import SEGMENT_RULES, TAG_RULES
from orchestration.schema.record import load_record
from orchestration.schema.reference_data import DEFAULTS
from orchestration.settings import PROJECT_ROOT

OK = {"field": "level", "op": "eq", "value": "gold"}
SHIPPED = [
    *((rule.config, "customer") for rule in (*TAG_RULES, *SEGMENT_RULES)),
    *(
        (row[column], subject)
        for file, column, subject in (
            ("customer_tag_definitions", "rule_config", "customer"),
            ("customer_segments", "rule_config", "customer"),
            ("health_alert_rules", "rule_conditions", "patient"),
        )
        for row in csv.DictReader((DEFAULTS / f"{file}.csv").open(encoding="utf-8"))
    ),
]


def leaf(field: Any, op: Any, value: Any) -> dict[str, Any]:
    return {"field": field, "op": op, "value": value}


def nested(levels: int, key: str) -> dict[str, Any]:
    rule: dict[str, Any] = OK
    for _ in range(levels - 1):
        rule = {"not": rule} if key == "not" else {key: [rule]}
    return rule


@pytest.mark.parametrize(("rule", "subject"), SHIPPED)
def test_what_ships_is_valid(rule: str, subject: str) -> None:
    assert list(conditions(parse(rule, subject)))
    jsonschema.validate(json.loads(rule), json_schema())


FAULTS = {
    # shape
    "nothing": (None, "rule", "there is none"),
    "no JSON": ('{"all": [', "rule", "not JSON"),
    "a list": ([OK], "rule", "expected {"),
    "a text": ('"level"', "rule", "expected {"),
    "all of nothing": ({"all": []}, "rule.all", "is empty"),
    "any of no list": ({"any": OK}, "rule.any", "expected a list"),
    "not of a list": ({"not": [OK]}, "rule.not", "expected {"),
    "a number in a list": ({"all": [OK, 1]}, "rule.all[1]", "expected {"),
    "two groups in one": ({"all": [OK], "any": [OK]}, "rule.any", "not part of the grammar"),
    "another key": ({**OK, "sql": "1=1"}, "rule.sql", "not part of the grammar"),
    "no value": ({"field": "level", "op": "eq"}, "rule.value", "is missing"),
    "a key twice": ('{"all": [], "all": []}', "rule", "stands twice"),
    # fields
    "unknown field": (leaf("levle", "eq", 1), "rule.field", "did you mean level?"),
    "deep unknown field": (
        {"any": [OK, {"not": {"all": [OK, leaf("x", "eq", 1)]}}]}, "rule.any[1].not.all[1].field",
        "no field 'x'",
    ),
    "column kept from rules": (leaf("address", "is_null", True), "rule.field", "no field"),
    "the tenant": (leaf("tenant_id", "eq", "t"), "rule.field", "no field"),
    "a dotted name": (leaf("customers.level", "eq", "gold"), "rule.field", "no field"),
    "injection in field": (leaf("level = 'gold' or 1=1 --", "eq", "x"), "rule.field", "no field"),
    "field of another subject": (leaf("heart_rate", "gt", 1), "rule.field", "of a customer"),
    "empty field": (leaf("", "eq", 1), "rule.field", "is empty"),
    "a number as field": (leaf(1, "eq", 1), "rule.field", "expected text"),
    "behaviour of no days": (leaf("behavior.a.count.0", "gt", 1), "rule.field", "no field"),
    "behaviour too long ago": (leaf("behavior.a.count.732", "gt", 1), "rule.field", "no field"),
    "behaviour's mean": (leaf("behavior.a.avg.7", "gt", 1), "rule.field", "no field"),
    "digits of another script": (leaf("behavior.a.count.٣", "gt", 1), "rule.field", "no field"),
    # operators
    "unknown operator": (leaf("level", "like", "g%"), "rule.op", "unknown operator"),
    "injection in op": (leaf("level", "= 'x' or 1=1 --", "x"), "rule.op", "unknown operator"),
    "operator of another kind": (leaf("level", "gt", "gold"), "rule.op", "does not go with"),
    "text in order": (leaf("name", "gt", "a"), "rule.op", "does not go with"),
    "tags in order": (leaf("tags", "eq", "vip"), "rule.op", "does not go with"),
    # values
    "text for a number": (leaf("total_orders", "gte", "3"), "rule.value", "expected a number"),
    "true for a number": (leaf("total_orders", "gte", True), "rule.value", "expected a number"),
    "number for a text": (leaf("name", "eq", 1), "rule.value", "expected text"),
    "no such choice": (leaf("level", "eq", "Gold"), "rule.value", "is not one of bronze"),
    "injection in a choice": (leaf("level", "eq", "gold' or '1'='1"), "rule.value", "is not one"),
    "choice in a list": (leaf("level", "in", ["gold", "x"]), "rule.value[1]", "is not one of"),
    "nothing in a list": (leaf("level", "in", []), "rule.value", "expected a list"),
    "no list": (leaf("level", "in", "gold"), "rule.value", "expected a list"),
    "null in a list": (leaf("level", "in", [None]), "rule.value", "expected a number, text"),
    "null": (leaf("name", "eq", None), "rule.value", "expected a number, text"),
    "an object": (leaf("name", "eq", {"a": 1}), "rule.value", "expected a number, text"),
    "a list in a list": (leaf("level", "in", [["gold"]]), "rule.value", "expected a number, text"),
    "between one": (leaf("age", "between", [1]), "rule.value", "a list of two"),
    "between turned round": (leaf("age", "between", [2, 1]), "rule.value", "must not exceed"),
    "NaN": ('{"field": "age", "op": "eq", "value": NaN}', "rule", "NaN is no number"),
    "infinity": ('{"field": "age", "op": "eq", "value": 1e999}', "rule.value", "under 1e15"),
    "a huge number": (leaf("age", "eq", 10**15), "rule.value", "under 1e15"),
    "too fine a number": (leaf("age", "eq", 0.1234567), "rule.value", "at most 6 decimals"),
    "is_null of a text": (leaf("name", "is_null", "no"), "rule.value", "true or false"),
    "days of a fraction": (leaf("birth_date", "within_days", 1.5), "rule.value", "whole days"),
    "no days": (leaf("birth_date", "within_days", 0), "rule.value", "whole days from 1"),
    "31 June": (leaf("birth_date", "eq", "2026-06-31"), "rule.value", "expected a date"),
    "a date as DD.MM": (leaf("birth_date", "eq", "30.06.2026"), "rule.value", "expected a date"),
    "a week date": (leaf("birth_date", "eq", "2026-W26-1"), "rule.value", "expected a date"),
    "a time for a date": (
        leaf("birth_date", "eq", "2026-06-30 00:00:00"), "rule.value", "expected a date"
    ),
    "a zone": (leaf("created_at", "gt", "2026-06-30 00:00:00Z"), "rule.value", "expected a date"),
    "a time that no timestamp holds": (
        leaf("created_at", "gt", "1969-01-01"), "rule.value", "from 1971 to 2037"
    ),
    "contains nothing": (leaf("name", "contains", ""), "rule.value", "is empty"),
    "half a surrogate": (leaf("name", "eq", "\ud83d"), "rule.value", "no database text holds"),
    "a zero byte": (leaf("name", "eq", "a\0"), "rule.value", "no database text holds"),
    "a long text": (leaf("name", "eq", "a" * 1001), "rule.value", "longer than 1000"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_named_with_its_path(name: str) -> None:
    rule, path, words = FAULTS[name]
    for given in (rule, rule if isinstance(rule, str) else json.dumps(rule)):
        with pytest.raises(RuleFault) as caught:
            parse(given, "customer")
        ((where, what),) = caught.value.faults
        assert (where, words in what) == (path, True), what
        assert caught.value.message == f"{where}: {what}"


def test_every_fault_is_told() -> None:
    with pytest.raises(RuleFault) as caught:
        parse({"all": [leaf("x", "eq", 1), OK, leaf("age", "eq", "y")]}, "customer")
    assert [path for path, _ in caught.value.faults] == ["rule.all[0].field", "rule.all[2].value"]


@pytest.mark.parametrize("key", ["not", "all", "any"])
def test_twenty_levels_are_allowed_and_no_more(key: str) -> None:
    assert isinstance(parse(nested(20, key), "customer"), Group)
    with pytest.raises(RuleFault, match=r"rule(\.\w+(\[0\])?){20}: deeper than 20 levels"):
        parse(nested(21, key), "customer")


@pytest.mark.parametrize("bomb", ["[" * 30_000, '{"not":' * 8_000, '{"all":[' * 6_000 + "1"])
def test_a_bottomless_rule_is_refused(bomb: str) -> None:
    with pytest.raises(RuleFault):
        parse(bomb, "customer")


def test_64_kib_are_allowed_and_not_a_byte_more() -> None:
    text = json.dumps({"all": [leaf("name", "eq", "陈" * 300)] * 60}, ensure_ascii=False)
    room = LARGEST_BYTES - len(text.encode())
    assert room > 0
    assert parse(text + " " * room, "customer")
    with pytest.raises(RuleFault, match="rule: larger than 64 KiB"):
        parse(text + " " * (room + 1), "customer")


def test_numbers_mean_the_same_from_either_engines_json() -> None:
    (whole,) = conditions(parse('{"field": "age", "op": "eq", "value": 7.0}', "customer"))
    (short,) = conditions(parse('{"field": "age", "op": "eq", "value": 7}', "customer"))
    (fine,) = conditions(parse('{"field": "age", "op": "eq", "value": 4.5e0}', "customer"))
    assert whole.value == short.value
    assert str(fine.value) == "4.5"


def test_no_field_opens_what_is_secret_or_another_tenants() -> None:
    for subject, table in (("customer", "customers"), ("patient", "health_vital_signs")):
        record = load_record().table(table)
        for field in fields_of(subject).values():
            if field.source == table:
                column = record.column(field.column)
                assert column.classification != "secret"
                assert column.base_type != "json"
                assert field.column not in ("id", "tenant_id", "patient_id")


def test_every_kind_of_field_has_operators_and_every_operator_a_kind() -> None:
    schema = json_schema()
    assert set(OPERATORS) == set(Kind)
    listed = {op for operators in OPERATORS.values() for op in operators}
    assert listed == set(schema["$defs"]["Leaf"]["properties"]["op"]["enum"])


@pytest.mark.parametrize("mart", MARTS)
def test_the_marts_that_rules_ask_have_the_columns(mart: str) -> None:
    """A renamed column of a mart would otherwise fail only when a tenant's rule runs."""
    folder = PROJECT_ROOT / "models" / "marts" / "customer"
    (model,) = (
        entry
        for file in folder.rglob("_*.yml")
        for entry in yaml.safe_load(file.read_text(encoding="utf-8")).get("models", [])
        if entry["name"] == mart
    )
    types = {column["name"]: column["data_type"] for column in model["columns"]}
    asked = [f for f in fields_of("customer").values() if f.source == mart]
    assert {f.column for f in asked} == set(MARTS[mart][1])
    for field in asked:
        number = re.match(r"int|bigint|decimal", types[field.column])
        assert bool(number) == (field.kind is Kind.NUMBER), field.name


def test_the_exported_schema_is_fresh() -> None:
    assert SCHEMA_FILE.read_text(encoding="utf-8") == json_schema_text(), (
        "stale: run `warehouse rule schema`"
    )


def test_the_exported_schema_refuses_what_the_grammar_refuses_by_shape() -> None:
    validator = jsonschema.Draft202012Validator(json_schema())
    for name in ("a list", "all of nothing", "not of a list", "another key", "no value",
                 "unknown operator", "two groups in one", "null", "an object"):  # fmt: skip
        assert not validator.is_valid(FAULTS[name][0]), name


def test_behaviours_are_fields_of_customers_only() -> None:
    name = "behavior.buy.now.sum.30"
    found = fields.find_field("customer", name)
    assert found is not None and found.behavior == fields.Behavior("buy.now", "sum", 30)
    assert fields.find_field("patient", name) is None
