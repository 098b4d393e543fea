"""Comparing is pure: each kind of difference, and whether deploy may mend it."""

from dataclasses import replace
from datetime import date, datetime

import pytest

from orchestration.schema.inspect import (
    Difference,
    compare,
    differences,
    expected_table,
    is_wider,
)
from orchestration.schema.partitions import CATCH_ALL, Partition, monthly
from orchestration.schema.record import load_record

RECORD = load_record()
NAMES = [table.name for table in RECORD]
ACCOUNTS = RECORD.table("wework_accounts")
MESSAGES = RECORD.table("wework_message_records")
# A table with foreign keys, unique keys and indexes of its own.
CHILD = next(t for t in RECORD if t.references and t.unique and t.indexes and t.domain == "wework")


def found(change, table=CHILD, dialect="mysql") -> set[tuple[str, str, str]]:
    expected = expected_table(table, dialect, NAMES)
    return {(d.kind, d.what, d.remedy) for d in compare(expected, change(expected))}


def with_column(name, **facts):
    def change(table):
        columns = [replace(c, **facts) if c.name == name else c for c in table.columns]
        return replace(table, columns=tuple(columns))

    return change


@pytest.mark.parametrize("dialect", ["mysql", "duckdb"])
def test_a_table_as_expected_differs_in_nothing(dialect):
    deployed = {
        (table.database, table.name): expected_table(table, dialect, NAMES) for table in RECORD
    }
    assert differences(RECORD, deployed, dialect) == []


def test_every_single_change_is_seen_on_every_table():
    """Take one thing away at a time; each time exactly that is reported."""
    for table in RECORD:
        expected = expected_table(table, "mysql", NAMES)
        for column in expected.columns:
            rest = tuple(c for c in expected.columns if c is not column)
            (missing,) = compare(expected, replace(expected, columns=rest))
            assert (missing.kind, missing.what) == ("missing column", column.name)
            (extra,) = compare(replace(expected, columns=rest), expected)
            assert (extra.kind, extra.what) == ("extra column", column.name)
        for key in expected.unique:
            (missing,) = compare(expected, replace(expected, unique=expected.unique - {key}))
            assert missing.kind == "missing unique key"
        for key in expected.indexes:
            rest = {k: v for k, v in expected.indexes.items() if k != key}
            (missing,) = compare(expected, replace(expected, indexes=rest))
            assert missing.kind == "missing index"
        for reference in expected.references:
            rest = expected.references - {reference}
            (missing,) = compare(expected, replace(expected, references=rest))
            assert (missing.kind, missing.what) == ("missing foreign key", reference.column)


def test_missing_and_extra_tables():
    deployed = {
        (table.database, table.name): expected_table(table, "mysql", NAMES)
        for table in RECORD
        if table is not CHILD
    }
    own = replace(expected_table(CHILD, "mysql", NAMES), name="own_notes")
    deployed["wework_platform", "own_notes"] = own
    deployed["warehouse", "dim_x"] = replace(own, name="dim_x", database="warehouse")
    assert differences(RECORD, deployed, "mysql") == [
        Difference(CHILD.database, CHILD.name, "missing table", "", "", "", "deploy"),
        Difference("wework_platform", "own_notes", "extra table", "", "", "", "note"),
    ]


def test_a_required_column_can_only_be_added_to_an_empty_table():
    name = next(
        c.name
        for c in ACCOUNTS.stored_columns
        if not c.nullable and c.default is None and c.name not in ACCOUNTS.primary_key
    )

    def without(is_empty):
        return lambda t: replace(
            t, columns=tuple(c for c in t.columns if c.name != name), is_empty=is_empty
        )

    assert found(without(False), ACCOUNTS) == {("missing column", name, "by hand")}
    assert found(without(True), ACCOUNTS) == {("missing column", name, "deploy")}


def test_changed_columns():
    id_change = with_column("status", data_type="varchar(20)")
    assert found(id_change, ACCOUNTS) == {("changed type", "status", "by hand")}
    assert found(with_column("updated_at", nullable=False), ACCOUNTS) == {
        ("changed nullability", "updated_at", "deploy")
    }
    assert found(with_column("tenant_id", nullable=True), ACCOUNTS) == {
        ("changed nullability", "tenant_id", "by hand")
    }
    assert found(with_column("status", default=None), ACCOUNTS) == {
        ("changed default", "status", "deploy")
    }
    assert found(with_column("updated_at", on_update=False), ACCOUNTS) == {
        ("changed default", "updated_at", "deploy")
    }
    patients = RECORD.table("health_patients")
    assert found(with_column("bmi", generated=None), patients) == {
        ("changed generation", "bmi", "by hand")
    }
    assert found(with_column("bmi", generated="weight/height"), patients) == {
        ("changed generation", "bmi", "deploy")
    }


def test_changed_keys_and_table_facts():
    reference = next(iter(CHILD.references))
    elsewhere = replace(reference, table="wework_groups_old")
    others = frozenset(CHILD.references) - {reference}
    assert found(lambda t: replace(t, references=others | {elsewhere})) == {
        ("changed foreign key", reference.column, "by hand")
    }
    assert found(lambda t: replace(t, primary_key=())) == {("changed primary key", "", "by hand")}
    assert found(lambda t: replace(t, collation="utf8mb4_bin")) == {
        ("changed collation", "", "by hand")
    }
    assert found(lambda t: replace(t, engine="MyISAM")) == {
        ("changed storage engine", "", "by hand")
    }
    assert found(lambda t: replace(t, indexes={**t.indexes, ("id", "tenant_id"): "own"})) == {
        ("extra index", "(id, tenant_id)", "note")
    }
    assert found(lambda t: replace(t, unique=t.unique | {("tenant_id", "id")})) == {
        ("extra unique key", "(tenant_id, id)", "note")
    }


def test_partitions():
    assert found(lambda t: replace(t, partition_by_month=None), MESSAGES) == {
        ("changed partitioning", "", "by hand")
    }
    eight_hours_late = Partition("p202606", datetime(2026, 7, 1, 8))
    assert found(lambda t: replace(t, partitions=(eight_hours_late,)), MESSAGES) == {
        ("odd partition", "p202606", "by hand")
    }
    months = tuple(monthly(date(2026, m, 1)) for m in (6, 7, 8))
    there = replace(
        expected_table(MESSAGES, "mysql", NAMES),
        partitions=(*months, Partition(CATCH_ALL, None)),
    )
    deployed = {
        (t.database, t.name): expected_table(t, "mysql", NAMES) for t in RECORD if t != MESSAGES
    } | {(MESSAGES.database, MESSAGES.name): there}
    late = differences(RECORD, deployed, "mysql", as_of=date(2026, 6, 30))
    assert [(d.kind, d.what) for d in late] == [("missing partition", "p202609")]
    assert differences(RECORD, deployed, "mysql", as_of=date(2026, 5, 31))[0].what == "p202605"


@pytest.mark.parametrize(
    ("want", "have", "wider"),
    [
        ("varchar(50)", "varchar(36)", True),
        ("varchar(36)", "varchar(50)", False),
        ("bigint", "int", True),
        ("int", "bigint", False),
        ("int", "tinyint(1)", True),
        ("tinyint(1)", "int", False),
        ("decimal(12,2)", "decimal(10,2)", True),
        ("decimal(12,4)", "decimal(10,2)", True),
        ("decimal(10,4)", "decimal(10,2)", False),  # two digits fewer before the point
        ("decimal(12,1)", "decimal(10,2)", False),
        ("enum('a','b','c')", "enum('a','b')", True),
        ("enum('a','c','b')", "enum('a','b')", False),  # MySQL stores positions
        ("enum('a')", "enum('a','b')", False),
        ("longtext", "text", True),
        ("text", "longtext", False),
        ("text", "varchar(500)", True),
        ("varchar(500)", "text", False),
        ("varchar", "enum('a')", True),
        ("json", "text", False),
        ("timestamp", "date", False),
    ],
)
def test_is_wider(want, have, wider):
    assert is_wider(want, have) is wider
