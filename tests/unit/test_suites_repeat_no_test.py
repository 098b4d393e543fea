"""No expectation says what a dbt test says already; each net has its own purpose.

Compared is what both say of one relation's rows (tests/suite_statements.py), for the sources by the
sources' own names: dbt tests stand on staging, suites on the tables beneath.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from harness import Compiled, DbtCompiler
from suite_statements import Renamed, Statement, not_in, orphans

from orchestration.settings import DOMAINS, PLATFORM, load_settings
from orchestration.validation import KINDS, products_of, scope_of

TENANTS = ("warehouse_staging", "stg_core__tenants")


@pytest.fixture(scope="module")
def compiled() -> Compiled:
    """Staging and the singular tests, and a manifest of everything."""
    return DbtCompiler("embedded").compile(
        ["path:models/staging,resource_type:model", "test_type:singular"], {}
    )


@pytest.fixture(scope="module")
def renamed(compiled: Compiled) -> Renamed:
    known = Renamed()
    for name, sql in compiled.sql.items():
        if name.startswith("stg_"):
            known.add((TENANTS[0], name), sql)
    return known


def test_staging_only_renames(renamed: Renamed) -> None:
    assert len(renamed.views) >= 79
    assert renamed.resolved(("warehouse_staging", "stg_business__orders"), "total_amount_cny") == (
        ("core_business_platform", "service_orders"),
        "total_amount",
    )


def said_by_dbt(compiled: Compiled, renamed: Renamed) -> dict[Statement, str]:
    """Each statement, and the test that makes it."""
    said = {}
    for node in compiled.manifest.nodes.values():
        if node.resource_type == "test":
            sql = compiled.sql.get(node.name)
            found = renamed.statements(sql) if sql else _statements(node, compiled, renamed)
            said |= dict.fromkeys(found, node.name)
    return said


def _statements(node: Any, compiled: Compiled, renamed: Renamed) -> set[Statement]:
    """What a generic test says."""
    nodes, told = compiled.manifest.nodes, node.test_metadata
    if not (tested := nodes.get(node.attached_node)):
        return set()  # of a source
    home = (tested.schema, tested.alias)
    if told.name == "unique_grain":
        pairs = [renamed.resolved(home, column) for column in told.kwargs["columns"]]
        return {(pairs[0][0], f"twice {', '.join(sorted(text for _, text in pairs))}")}
    if not node.column_name:
        return set()
    relation, column = renamed.resolved(home, node.column_name)
    if told.name == "not_null":
        return {(relation, f"{column} IS NULL")}
    if told.name == "unique":
        return {(relation, f"twice {column}")}
    if told.name == "accepted_values":
        return {(relation, not_in(column, told.kwargs["values"]))}
    if told.name == "known_tenant":
        return {(relation, orphans(column, *renamed.resolved(TENANTS, "tenant_id")))}
    assert told.name == "relationships", f"say here what {told.name} says of a row"
    others = [nodes[uid] for uid in node.depends_on.nodes if uid != node.attached_node]
    parent = others[0] if others else tested  # a tree's rows name one another
    key = renamed.resolved((parent.schema, parent.alias), told.kwargs["field"])
    return {(relation, orphans(column, *key))}


def test_no_expectation_repeats_a_dbt_test(compiled: Compiled, renamed: Renamed) -> None:
    said = said_by_dbt(compiled, renamed)
    assert len(said) > 900
    scope = scope_of(load_settings({}, as_of="2026-06-30"))
    judged, repeated = 0, []
    for domain, kind in ((d, k) for d in (*DOMAINS, PLATFORM) for k in KINDS):
        for each in products_of(domain, kind, scope):
            whole = replace(each, where="true")  # which rows are looked at does not count
            for expectation in each.expectations:
                statements = renamed.statements(whole.look(scope, expectation))
                judged += bool(statements)
                repeated += [
                    f"{expectation.name} and {said[found]}: {found[0][1]}: {found[1]}"
                    for found in sorted(statements & said.keys())
                ]
    assert judged > 400
    assert not repeated, "\n".join(repeated)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("select id from d.t where a > b", "select * from (select * from d.t) as x where b < x.a"),
        ("select id from d.t where stat_date >= date '2026-01-01' and (a < 0 or b is null)",
         "select id from d.t where b is null"),
        ("with c as (select q as a, id from d.t) select id from c where a not in (2, 1)",
         "select 1 from d.t where q not in (1, 2)"),
        ("select a, count(*) as n from d.t group by a, b having count(*) > 1",
         "with x as (select * from d.t) select b from x group by b, a having count(*) > 1"),
        ("select t.id from d.t as t left join d.p as p on p.id = t.a where p.id is null",
         "select c.a from d.t as c left join d.p as r on c.a = r.id where c.a is not null "
         "and r.id is null"),
    ],
)  # fmt: skip
def test_two_ways_to_say_one_thing(one: str, other: str) -> None:
    known = Renamed()
    assert known.statements(one) & known.statements(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("select id from d.t where a > b", "select id from d.t where a > c"),
        ("select id from d.t where a > b", "select id from d.u where a > b"),
        ("select id from d.t where a > b and c = 1", "select id from d.t where a > b"),
        ("select a from d.t group by a having count(*) > 1", "select a from d.t where a > 1"),
    ],
)
def test_two_things(one: str, other: str) -> None:
    known = Renamed()
    assert not known.statements(one) & known.statements(other)
