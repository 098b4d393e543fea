"""MetaData: every table compiles for both engines, with what each engine can hold."""

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url
from sqlalchemy.schema import CreateTable

from orchestration.schema.metadata import (
    LONGEST_NAME,
    build_metadata,
    first_sentence,
    foreign_key_name,
    generated_expression,
    key_name,
    needed_indexes,
    table_comment,
    table_named,
)
from orchestration.schema.record import Column, Record, Reference, Table, load_record

URLS = {"mysql": "mysql+pymysql://", "duckdb": "duckdb://"}
RECORD = load_record()


def a_table(name="parts", *, columns=(), **more) -> Table:
    key = Column("id", "varchar(36)", "Key.", "internal", nullable=False)
    facts = {"primary_key": ("id",), "label_zh": "零件", **more}
    return Table(
        name=name,
        domain="core",
        database="saas_unified_core",
        description="One row per part. Nothing else.",
        columns=(key, *columns),
        **facts,
    )


def ddl(dialect: str, *tables: Table, prefix: str = "") -> str:
    metadata = build_metadata(Record(tables), dialect, prefix)
    compiled = CreateTable(table_named(metadata, tables[-1].name)).compile(
        dialect=make_url(URLS[dialect]).get_dialect()()
    )
    return " ".join(str(compiled).split())


@pytest.mark.parametrize("dialect", ["mysql", "duckdb"])
def test_every_column_of_the_record_is_there_in_order(dialect):
    metadata = build_metadata(RECORD, dialect, "t_")
    for table in RECORD:
        built = metadata.tables[f"t_{table.database}.{table.name}"]
        assert [c.name for c in built.columns] == [c.name for c in table.stored_columns]
        assert {c.name for c in built.primary_key} == set(table.primary_key)


def test_duckdb_has_no_foreign_keys_and_no_secondary_indexes():
    for table in build_metadata(RECORD, "duckdb").tables.values():
        assert not table.foreign_keys
        assert not table.indexes


def test_names_fit_and_do_not_clash():
    metadata = build_metadata(RECORD, "mysql")
    seen: set[tuple[str, str]] = set()
    for table in metadata.tables.values():
        names = [index.name for index in table.indexes]
        names += [c.name for c in table.constraints if isinstance(c, sa.UniqueConstraint)]
        assert len(names) == len(set(names)), table.name
        for key in table.foreign_key_constraints:
            assert (table.schema, key.name) not in seen
            seen.add((table.schema, key.name))
            names.append(key.name)
        assert all(len(name) <= LONGEST_NAME for name in names)


def test_long_names_stay_apart():
    columns = [f"a_very_long_column_name_number_{n}" for n in range(4)]
    one, two = key_name("ix", columns), key_name("ix", [*columns[:3], "other"])
    assert len(one) == len(two) == LONGEST_NAME
    assert one != two
    assert len(foreign_key_name("t" * 40, "c" * 40)) == LONGEST_NAME


def test_comments_fit_mysql():
    for table in RECORD:
        assert len(table_comment(table)) <= 2048
        assert table.label_zh in table_comment(table)
        # Table comments are three-byte text in MySQL: an emoji would be stored as '?'.
        assert all(ord(character) < 0x10000 for character in table_comment(table))


def test_first_sentence():
    assert first_sentence("Mean, e.g. of one day; +08:00. Not summed.") != ""
    assert first_sentence("One row\n per part. Nothing else.") == "One row per part"


def test_defaults_by_engine():
    columns = (
        Column("n", "int", "Count.", "internal", default=0),
        Column("price", "decimal(8,2)", "Price.", "internal", default="1.00"),
        Column("is_on", "tinyint(1)", "Switch.", "internal", default=True),
        Column("kind", "enum('a', 'b')", "Kind.", "internal", default="a"),
        Column(
            "updated_at",
            "timestamp",
            "Change.",
            "internal",
            default="current_timestamp",
            on_update=True,
        ),
        Column("seen_at", "timestamp", "Seen.", "internal"),
    )
    mysql = ddl("mysql", a_table(columns=columns))
    assert "`n` INTEGER COMMENT 'Count' DEFAULT 0" in mysql
    assert "`price` NUMERIC(8, 2) COMMENT 'Price' DEFAULT '1.00'" in mysql
    assert "`is_on` BOOL COMMENT 'Switch' DEFAULT 1" in mysql
    assert "`kind` ENUM('a','b') COMMENT 'Kind' DEFAULT 'a'" in mysql
    assert "DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP" in mysql
    assert "`seen_at` TIMESTAMP NULL" in mysql
    duckdb = ddl("duckdb", a_table(columns=columns))
    assert '"price" NUMERIC(8, 2) DEFAULT 1.00' in duckdb
    assert '"is_on" BOOLEAN DEFAULT true' in duckdb
    assert "CHECK (\"kind\" in ('a', 'b'))" in duckdb
    assert "ON UPDATE" not in duckdb


def test_an_index_serves_each_foreign_key():
    bare = a_table("child", references=(Reference("parent_id", "parts", "id"),))
    assert needed_indexes(bare) == (("parent_id",),)
    served = a_table(
        "child",
        indexes=(("parent_id", "id"),),
        references=(Reference("parent_id", "parts", "id"),),
    )
    assert needed_indexes(served) == (("parent_id", "id"),)


def test_foreign_keys_restrict_unless_told_to_cascade():
    child = a_table(
        "child",
        columns=(Column("parent_id", "varchar(36)", "Parent.", "internal"),),
        references=(Reference("parent_id", "parts", "id"),),
    )
    assert "REFERENCES x_saas_unified_core.`parts` (`id`) ON DELETE RESTRICT" in ddl(
        "mysql", a_table(), child, prefix="x_"
    )
    metadata = build_metadata(RECORD, "mysql")
    cascading = [
        (table.name, column.name)
        for table in metadata.tables.values()
        for key in table.foreign_key_constraints
        for column in key.columns
        if key.ondelete == "CASCADE"
    ]
    assert cascading == [("saas_file_shares", "file_id")]


def test_squares_are_written_out():
    column = Column("b", "decimal(4,1)", "B.", "internal", generated="round(w / (h/100)^2, 1)")
    assert generated_expression(a_table(), column, "mysql") == ("round(w / ((h/100) * (h/100)), 1)")
    assert "^" not in generated_expression(a_table(), column, "duckdb")


def test_keywords_are_quoted():
    table = a_table(columns=(Column("position", "varchar(9)", "Place.", "internal"),))
    assert '"position"' in ddl("duckdb", table)
    assert "`position`" in ddl("mysql", table)


def test_an_unknown_type_is_an_error_that_names_the_column():
    table = a_table(columns=(Column("shape", "geometry", "Shape.", "internal"),))
    for dialect in URLS:
        with pytest.raises(ValueError, match=r"shape.*geometry"):
            build_metadata(Record((table,)), dialect)
