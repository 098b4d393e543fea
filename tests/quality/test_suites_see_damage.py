"""No expectation is blind: plain damage to what it reads breaks it.

Damage is generic (a column emptied, constant, multiplied, moved in time; a day gone or twice), so
that a new expectation is tried without a line here; tests/quality/faults has what happens in life.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import duckdb
import pytest
from fault_replay import copy_of
from warehouses import Demo

from expectations.base import Expectation, Product, Scope
from orchestration.settings import Settings
from orchestration.validation import KINDS, products_of, scope_of

DOMAINS = ("health", "business", "customer")
# They judge days of more rows than the demo has.
OF_LARGER_DATA = {
    "orders_volume_is_steady",
    "orders_come_from_every_tenant",
    "payments_fail_as_often_as_usual",
    "capacity_changes_volume_is_steady",
    "service_days_volume_is_steady",
    "events_come_from_every_tenant",
}
_NUMBERS = ("-1", "0", "{c} * 100", "{c} / 100", "{c} + 1", "1000000", "null")
_TEXTS = ("'锟斤拷'", "'??'", "'x'", "'12345678901'", "null")
_TIMES = (
    "{c} - interval '8' hour",
    "{c} + interval '400' day",
    "{c} - interval '400' day",
    "{at}",
    "null",
)
_VALUES = {
    "BOOLEAN": ("true", "false", "not {c}", "null"),
    "VARCHAR": _TEXTS,
    "JSON": ("null", "'1'"),
    "DATE": ("{c} + interval '3000' day", "{c} - interval '200' year", "{day}", "null"),
    "TIMESTAMP": _TIMES,
    "TIME": ("time '03:00:00'", "time '00:00:00'", "null"),
}


def _shape(connection: duckdb.DuckDBPyConnection, relation: str) -> dict[str, str]:
    """Its columns and their types without what stands in brackets."""
    described = connection.execute(f"describe {relation}").fetchall()
    return {name: kind.split("(")[0] for name, kind, *_ in described}


def _products(scope: Scope, domain: str) -> list[Product]:
    return [product for kind in KINDS for product in products_of(domain, kind, scope)]


@pytest.fixture(scope="module")
def plain(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A copy in which all that is checked are tables without keys and rules, free to be damaged."""
    settings = copy_of(demo.on("embedded"), tmp_path_factory.mktemp("plain"))
    scope = scope_of(settings)
    with duckdb.connect(str(settings.duckdb_path)) as connection:
        for product in (p for domain in DOMAINS for p in _products(scope, domain)):
            relation = scope.relation(product.database, product.name)
            is_view = product.name.startswith("v_")
            connection.execute(f"create table plain_copy as select * from {relation}")
            connection.execute(f"drop {'view' if is_view else 'table'} {relation} cascade")
            connection.execute(f"create table {relation} as select * from plain_copy")
            connection.execute("drop table plain_copy")
    yield settings
    settings.duckdb_path.unlink()


def _damages(
    scope: Scope, product: Product, expectation: Expectation, shape: dict[str, str]
) -> Iterator[str]:
    relation = scope.relation(product.database, product.name)
    words = set(re.findall(r"\w+", f"{expectation.damage} {expectation.query}"))
    columns = [c for c in shape if c in words and (expectation.damage or c != product.day)]
    columns.sort(key=lambda c: c not in expectation.columns)
    moments = {"at": f"{scope.instant(1)} + interval '12' hour", "day": scope.day(1)}
    yesterday = f"{product.day} = {scope.day(1)}" if product.day else "false"
    if expectation.query:
        yield f"delete from {relation} where {yesterday}"
        yield f"insert into {relation} select * from {relation} where {yesterday}"
        yield f"delete from {relation} where {product.day or 'tenant_id'} is not null"
    where = [product.where, *([yesterday] if expectation.query and product.day else [])]
    for rows in where:
        for column in columns:
            for value in _VALUES.get(shape[column], _NUMBERS):
                text = value.format(c=column, **moments)
                yield f"update {relation} set {column} = {text} where {rows}"
            for one in ("min", "max"):  # the same for everybody
                value = f"(select {one}({column}) from {relation})"
                yield f"update {relation} set {column} = {value} where {rows}"


def _is_seen(
    connection: duckdb.DuckDBPyConnection, scope: Scope, product: Product, expectation: Expectation
) -> bool:
    look = f"select 1 from ({product.look(scope, expectation)}) as found limit 1"
    for damage in _damages(
        scope,
        product,
        expectation,
        _shape(connection, scope.relation(product.database, product.name)),
    ):
        connection.execute("begin")
        try:
            connection.execute(damage)
            if connection.execute(look).fetchone():
                return True
        except (duckdb.ConversionException, duckdb.OutOfRangeException, duckdb.BinderException):
            pass  # what does not fit the type is no damage that could arrive
        finally:
            connection.execute("rollback")
    return False


@pytest.mark.parametrize(
    "domain", [pytest.param("health", marks=pytest.mark.slow), "business", "customer"]
)
def test_damage_is_seen(plain: Settings, domain: str) -> None:
    scope = scope_of(plain)
    with duckdb.connect(str(plain.duckdb_path)) as connection:
        blind = {
            expectation.name
            for product in _products(scope, domain)
            for expectation in product.expectations
            if not _is_seen(connection, scope, product, expectation)
        }
    assert blind <= OF_LARGER_DATA
