"""Generated rules choose the same customers in the database as one customer at a time in Python.

Rules and customers draw from the same pools (tests/rule_world.py): NULLs, days on both sides of
each boundary, LIKE's wildcards and quotes in values, four-byte characters, case and accents.
"""

from __future__ import annotations

from typing import Any

import hypothesis
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from oracles.rules import chosen
from rule_world import (
    AS_OF,
    BEHAVIORS,
    DATES,
    DAYS,
    NUMBERS,
    TAGS,
    TEXTS,
    TIMES,
    RuleWorld,
)

from orchestration import database
from orchestration.rules.compile import compile_for_customers
from orchestration.rules.fields import OPERATORS, Field, Kind, fields_of
from orchestration.rules.grammar import parse
from orchestration.settings import Settings

FIELDS = list(fields_of("customer").values())
SHORT, LONG = 400, 6000
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


def test_rules_choose_as_the_oracle_does(world: RuleWorld) -> None:
    _prove(world, SHORT, seed=1)


@pytest.mark.slow
def test_thousands_of_rules_choose_as_the_oracle_does(world: RuleWorld) -> None:
    _prove(world, LONG, seed=2)
