"""Generated rules choose the same customers in the database as one customer at a time in Python.

Rules and customers draw from the same pools (tests/rule_world.py): NULLs, days on both sides of
each boundary, LIKE's wildcards and quotes in values, four-byte characters, case and accents.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import hypothesis
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from oracles.rules import chosen
from rule_world import (
    AS_OF,
    BEHAVIORS,
    DATES,
    DAYS,
    NUMBERS,
    OTHER,
    TAGS,
    TENANT,
    TEXTS,
    TIMES,
    RuleWorld,
)

from orchestration import database
from orchestration.rules.compile import compile_for_customers
from orchestration.rules.fields import OPERATORS, Field, Kind, fields_of
from orchestration.rules.grammar import Group, RuleFault, parse
from orchestration.settings import Settings

FIELDS = list(fields_of("customer").values())
SHORT, LONG = 150, 6000
Json = dict[str, Any]


def _values(asked: Field) -> st.SearchStrategy[Any]:
    match asked.kind:
        case Kind.NUMBER:
            return st.sampled_from(NUMBERS) | st.integers(-100, 100)
        case Kind.TEXT:
            some = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
            return st.sampled_from(TEXTS) | some.filter(lambda t: len(t) < 20)
        case Kind.CHOICE:
            return st.sampled_from(asked.choices)
        case Kind.TAGS:
            return st.sampled_from(TAGS)
        case Kind.DATE:
            return st.sampled_from([str(day) for day in DATES])
    times = [str(time) for time in TIMES] + [time.isoformat() for time in TIMES]
    return st.sampled_from(times + [str(time.date()) for time in TIMES])


@st.composite
def _leaves(draw: st.DrawFn) -> Json:
    asked = draw(st.sampled_from(FIELDS))
    name = asked.name
    if draw(st.integers(0, 9)) == 0:
        asked = Field("", Kind.NUMBER, "")
        code, days = draw(st.sampled_from(BEHAVIORS)), draw(st.sampled_from(DAYS))
        name = f"behavior.{code}.{draw(st.sampled_from(('count', 'sum')))}.{days}"
    op = draw(st.sampled_from(OPERATORS[asked.kind]))
    values = _values(asked)
    value: Any
    if op == "is_null":
        value = draw(st.booleans())
    elif op in ("within_days", "older_than_days"):
        value = draw(st.sampled_from((1, 2, 7, 8, 29, 30, 31, 90, 365, 36_500)))
    elif op in ("in", "not_in"):
        value = draw(st.lists(values, min_size=1, max_size=4))
    elif op == "between":
        value = sorted((draw(values), draw(values)), key=_order)
        if str(value[0])[:10] == str(value[1])[:10] and len(str(value[0])) > len(str(value[1])):
            value.reverse()  # the whole day begins before its noon
    elif op in ("contains", "starts_with"):
        value = draw(values.filter(bool))
    else:
        value = draw(values)
    return {"field": name, "op": op, "value": value}


def _order(value: Any) -> Any:
    return value.replace("T", " ") if isinstance(value, str) else value


RULES = st.recursive(
    _leaves(),
    lambda part: (
        st.lists(part, min_size=1, max_size=4).map(lambda parts: {"all": parts})
        | st.lists(part, min_size=1, max_size=4).map(lambda parts: {"any": parts})
        | part.map(lambda one: {"not": one})
    ),
    max_leaves=12,
)


@pytest.fixture(scope="module")
def world(module_engine_settings: Settings) -> RuleWorld:
    return RuleWorld.build(module_engine_settings, customers=120)


def _prove(world: RuleWorld, examples: int, seed: int) -> None:
    """Compile and run `examples` rules on one connection; each must choose as the oracle does."""
    context = world.context()
    tried = some = 0
    with database.connect(world.settings) as connection:

        @hypothesis.settings(
            max_examples=examples, deadline=None, database=None, print_blob=False,
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @hypothesis.seed(seed)
        @given(RULES)
        def choose_alike(rule: Json) -> None:
            nonlocal tried, some
            compiled = compile_for_customers(parse(rule, "customer"), context)
            found = sorted(connection.scalars(compiled.matching()))
            assert found == chosen(rule, world.subjects, AS_OF)
            tried += 1
            some += 0 < len(found) < len(world.subjects)

        choose_alike()
    assert tried >= examples
    assert some > tried * 0.4, f"only {some} of {tried} rules divided the customers"


def _alike(world: RuleWorld, rules: Sequence[Json]) -> int:
    """Assert of each rule that it chooses as the oracle does; how many divided the customers.

    Forty go into one statement, which quarters the time.
    """
    context, divided = world.context(), 0
    with database.connect(world.settings) as connection:
        for start in range(0, len(rules), 40):
            some = rules[start : start + 40]
            compiled = compile_for_customers(parse({"any": some}, "customer"), context)
            assert isinstance(compiled.rule, Group)
            asked = [sa.case((compiled.condition_of(p), 1), else_=0) for p in compiled.rule.parts]
            query = sa.select(compiled.subject_id, *asked).select_from(compiled.source)
            rows = connection.execute(query.where(compiled.of_tenant)).all()
            for number, rule in enumerate(some, start=1):
                found = sorted(row[0] for row in rows if row[number])
                assert found == chosen(rule, world.subjects, AS_OF), rule
                divided += 0 < len(found) < len(world.subjects)
    return divided


def test_text_is_compared_by_code_point_and_without_wildcards(world: RuleWorld) -> None:
    """Each text of the pool is in somebody's nickname: capitals, accents, LIKE's signs, quotes."""
    nicknames = {subject.known["nickname"] for subject in world.subjects.values()}
    asked = [text for text in TEXTS if text in nicknames]
    assert {"a", "A", "á", "a ", "_", "%", "\\", "a_b", "axb", "😀", "😁", "'"} <= set(asked)
    leaves = [
        {"field": "nickname", "op": op, "value": [text] if op == "in" else text}
        for text in asked
        for op in ("eq", "in", "contains", "starts_with")
        if text or op in ("eq", "in")
    ]
    assert _alike(world, leaves) > len(leaves) * 0.9


def test_every_boundary_of_days_and_moments(world: RuleWorld) -> None:
    leaves = [
        {"field": field, "op": op, "value": [value, value] if op == "between" else value}
        for field, values in (
            ("last_order_date", [str(day) for day in DATES]),
            ("last_contact_date", [str(time) for time in TIMES[::3]]),
            ("last_contact_date", [str(time.date()) for time in TIMES[::4]]),
        )
        for value in values
        for op in ("eq", "gt", "gte", "lt", "lte", "between")
    ] + [
        {"field": field, "op": op, "value": days}
        for field in ("last_order_date", "last_contact_date")
        for op in ("within_days", "older_than_days")
        for days in (1, 2, 7, 29, 30, 31, 89, 90, 91, 36_500)
    ]
    assert _alike(world, leaves) > len(leaves) * 0.7


def test_every_field_with_every_operator_and_its_opposite(world: RuleWorld) -> None:
    """One value that somebody has; NULL is on neither side of a comparison, and `not` turns all."""
    rules: list[Json] = []
    for asked in FIELDS:
        known = [s.known.get(asked.name) for s in world.subjects.values()]
        have = next((value for value in known if value is not None), None)
        for op in OPERATORS[asked.kind]:
            leaf = {"field": asked.name, "op": op, "value": _one_value(asked, op, have)}
            rules += [leaf, {"not": leaf}]
    assert _alike(world, rules) > len(rules) * 0.8


def _one_value(asked: Field, op: str, have: Any) -> Any:
    value: Any = "vip" if asked.kind is Kind.TAGS else 30 if asked.name == "age" else have
    if asked.kind is Kind.NUMBER and not isinstance(value, int):
        value = float(value)
    if asked.kind in (Kind.DATE, Kind.TIME):
        value = str(value)
    if op in ("contains", "starts_with"):
        return value or "a"
    if op in ("within_days", "older_than_days"):
        return 30
    if op == "is_null":
        return True
    return [value, value] if op in ("in", "not_in", "between") else value


def test_behaviours_count_and_sum_their_last_days(world: RuleWorld) -> None:
    rules = [
        {"field": f"behavior.{code}.{measure}.{days}", "op": op, "value": value}
        for code in BEHAVIORS
        for measure in ("count", "sum")
        for days in (1, 30, 731)
        for op, value in (("gte", 1), ("lt", 4.6))
    ]
    assert _alike(world, rules) > len(rules) * 0.8
    # all figures of one rule come from one pass over the days
    assert _alike(world, [{"any": rules[:12:4]}, {"all": rules[1::8]}]) == 2


def test_another_tenants_customers_are_never_chosen(world: RuleWorld) -> None:
    everybody = {"field": "customer_code", "op": "is_null", "value": False}
    for tenant in (TENANT, OTHER):
        compiled = compile_for_customers(parse(everybody, "customer"), world.context(tenant))
        with database.connect(world.settings) as connection:
            found = connection.scalars(compiled.matching()).all()
        assert len(found) == len(world.subjects)
        assert {key[0] for key in found} == {tenant[-1]}


def test_what_looks_like_sql_stays_a_value(world: RuleWorld) -> None:
    """Nothing of a rule's text is in the statement: values and behaviours' codes are bound."""
    evil = "x') or 1=1; drop table customers; --"
    rule = {
        "any": [
            {"field": "name", "op": "eq", "value": evil},
            {"field": "name", "op": "contains", "value": evil},
            {"field": "tags", "op": "in", "value": [evil]},
            {"field": f"behavior.{evil}.count.7", "op": "gt", "value": 0},
        ]
    }
    matching = compile_for_customers(parse(rule, "customer"), world.context()).matching()
    with database.connect(world.settings) as connection:
        assert connection.scalars(matching).all() == []
        assert "drop table" not in str(matching.compile(connection))
    assert len(world.rows("customers")) == 2 * len(world.subjects)


def test_the_largest_and_the_deepest_rule_still_run(world: RuleWorld) -> None:
    large: Json = {"all": [{"field": "vip_level", "op": "ne", "value": n} for n in range(600)]}
    listed = {"field": "vip_level", "op": "in", "value": list(range(9_000))}
    deep: Json = {"field": "age", "op": "gte", "value": 30}
    for _ in range(19):
        deep = {"not": deep}
    assert len(json.dumps(listed)) > 50_000 and len(json.dumps(large)) > 25_000
    context = world.context()
    for rule in (large, listed, deep):
        matching = compile_for_customers(parse(rule, "customer"), context).matching()
        with database.connect(world.settings) as connection:
            found = sorted(connection.scalars(matching))
        assert found == chosen(rule, world.subjects, AS_OF)


def test_a_mart_that_is_not_built_is_a_fault_of_the_rule(world: RuleWorld) -> None:
    rule = parse({"all": [{"field": "clv", "op": "gt", "value": 1}]}, "customer")
    context = replace(world.context(), built=frozenset({"customer_rfm"}))
    with pytest.raises(RuleFault) as caught:
        compile_for_customers(rule, context)
    assert caught.value.faults == (
        ("rule.all[0].field", "customer_lifetime_value is not built (`dbt build`)"),
    )


def test_rules_choose_as_the_oracle_does(world: RuleWorld) -> None:
    _prove(world, SHORT, seed=1)


@pytest.mark.slow
def test_thousands_of_rules_choose_as_the_oracle_does(world: RuleWorld) -> None:
    _prove(world, LONG, seed=2)
