"""Default rows and labels: complete, valid against the record, and coherent with each other."""

import csv
from collections import Counter
from datetime import datetime

import pytest
import yaml

from orchestration.errors import WarehouseError
from orchestration.schema.record import load_record
from orchestration.schema.reference_data import (
    DEFAULT_TENANT_ID,
    DEFAULTS,
    default_rows,
    default_tables,
)
from orchestration.settings import PROJECT_ROOT

RECORD = load_record()
NOW = datetime(2026, 6, 30, 12)
OPS = {
    *("eq", "ne", "gt", "gte", "lt", "lte", "between", "in", "not_in", "is_null"),
    *("contains", "starts_with", "within_days", "older_than_days"),
}


def rows(name: str) -> list[dict]:
    return default_rows(RECORD.table(name), NOW)


def test_the_promised_rows_are_there():
    assert {table.name: len(rows(table.name)) for table in default_tables(RECORD)} == {
        "saas_tenants": 1,
        "saas_tenant_quotas": 1,
        "saas_permissions": 11,
        "saas_roles": 4,
        "saas_role_permissions": 28,
        "saas_unified_configs": 6,
        "saas_message_templates": 3,
        "wework_account_monitor_rules": 4,
        "health_alert_rules": 7,
        "customer_behavior_definitions": 6,
        "customer_tag_definitions": 6,
        "customer_segments": 4,
    }
    assert len(list(DEFAULTS.glob("*.csv"))) == 12, "a file whose table the record does not know"


def test_keys_are_unique_and_required_columns_given():
    for table in default_tables(RECORD):
        for key in (table.primary_key, *table.unique):
            values = [tuple(row.get(name) for name in key) for row in rows(table.name)]
            known = [value for value in values if None not in value]
            assert len(known) == len(set(known)), (table.name, key)
        required = [c.name for c in table.stored_columns if not c.nullable and c.default is None]
        for row in rows(table.name):
            assert [name for name in required if row.get(name) is None] == [], table.name


def test_every_reference_resolves_within_the_defaults():
    for table in default_tables(RECORD):
        for reference in table.references:
            parents = {row[reference.target_column] for row in rows(reference.table)}
            for row in rows(table.name):
                value = row.get(reference.column)
                assert value is None or value in parents, (table.name, reference.column)
        for row in rows(table.name):
            if "tenant_id" in row:
                assert row["tenant_id"] == DEFAULT_TENANT_ID


def leaves(rule: dict, path: str = "rule") -> list[dict]:
    """The leaves of a rule in the rule language; AssertionError that names a bad place."""
    if set(rule) == {"field", "op", "value"}:
        assert rule["op"] in OPS, path
        return [rule]
    assert len(rule) == 1, path
    ((kind, inner),) = rule.items()
    assert kind in ("all", "any", "not"), path
    parts = [inner] if kind == "not" else inner
    assert parts, path
    return [leaf for n, part in enumerate(parts) for leaf in leaves(part, f"{path}.{kind}[{n}]")]


def test_rules_speak_the_rule_language_over_fields_that_exist():
    customers = {column.name for column in RECORD.table("customers").columns}
    for row in rows("customer_tag_definitions") + rows("customer_segments"):
        assert {leaf["field"] for leaf in leaves(row["rule_config"])} <= customers
    signs = {column.name for column in RECORD.table("health_vital_signs").columns}
    alert_types = RECORD.table("health_alerts").column("alert_type").enum_values
    for row in rows("health_alert_rules"):
        fields = {leaf["field"] for leaf in leaves(row["rule_conditions"])}
        assert fields <= signs | {"weight_change_pct"}
        assert row["threshold_config"]["alert_type"] in alert_types
    account_alerts = RECORD.table("wework_account_alerts").column("alert_type").enum_values
    for row in rows("wework_account_monitor_rules"):
        assert row["threshold_config"]["alert_type"] in account_alerts


def test_rows_follow_the_clock_and_nothing_else():
    (tenant,) = rows("saas_tenants")
    assert tenant["created_at"] == NOW
    assert tenant["subscription_start_date"] == NOW.date()
    assert rows("saas_tenants") == rows("saas_tenants")


def test_a_bad_value_is_named(tmp_path):
    (tmp_path / "saas_roles.csv").write_text("id,role_level\nx,1\ny,high\n", encoding="utf-8")
    with pytest.raises(WarehouseError, match=r"saas_roles\.csv, line 3, column role_level: 'high'"):
        default_rows(RECORD.table("saas_roles"), NOW, tmp_path)
    (tmp_path / "saas_roles.csv").write_text("id,status\nx,asleep\n", encoding="utf-8")
    with pytest.raises(WarehouseError, match=r"column status: 'asleep'.*allowed are"):
        default_rows(RECORD.table("saas_roles"), NOW, tmp_path)
    (tmp_path / "saas_roles.csv").write_text("id,colour\nx,red\n", encoding="utf-8")
    with pytest.raises(WarehouseError, match="column colour"):
        default_rows(RECORD.table("saas_roles"), NOW, tmp_path)


def made_by_marts() -> set[tuple[str, ...]]:
    """Values that the marts make themselves: those that their YAML accepts, in its order."""
    marts = PROJECT_ROOT / "models" / "marts"
    return {
        (file.relative_to(marts).parts[0], model["name"], column["name"], str(value), str(position))
        for file in marts.rglob("_*.yml")
        for model in yaml.safe_load(file.read_text(encoding="utf-8")).get("models", [])
        for column in model["columns"]
        for test in column.get("tests", [])
        if "accepted_values" in test
        for position, value in enumerate(test["accepted_values"]["values"], 1)
    }


def test_every_enum_value_has_its_labels_and_no_label_is_left_over():
    with (PROJECT_ROOT / "seeds" / "code_labels.csv").open(encoding="utf-8") as handle:
        labels = list(csv.DictReader(handle))
    expected = [
        (table.domain, table.name, column.name, value, str(position))
        for table in RECORD
        for column in table.columns
        for position, value in enumerate(column.enum_values, 1)
    ]
    keys = ("domain", "table_name", "column_name", "code", "sort_order")
    found = [tuple(label[key] for key in keys) for label in labels]
    assert set(expected) - set(found) == set(), "values without a label"
    assert set(found) - set(expected) - made_by_marts() == set(), "labels without a value"
    assert len(found) == len(set(found))
    for label in labels:
        assert label["label_en"].isascii(), label
        assert label["label_zh"].strip(), label
    # Two values of one column under one label could not be told apart in a report.
    for language in ("label_en", "label_zh"):
        seen = Counter(
            (label["table_name"], label["column_name"], label[language]) for label in labels
        )
        assert [key for key, n in seen.items() if n > 1] == []
