"""Tags and segments by rule, against a plain Python reading of 03's table, on both engines.

Each test switches all other tags and segments off and brings its own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

import pytest
import sqlalchemy as sa
from oracles.rules import chosen
from rule_world import AS_OF, OTHER, TENANT, RuleWorld
from typer.testing import CliRunner

from orchestration import cli, database
from orchestration.errors import WarehouseError
from orchestration.operations import running
from orchestration.operations.customer import Ruled, in_order, is_due
from orchestration.operations.memberships import Moves, Standing, decide
from orchestration.operations.register import OPERATIONS
from orchestration.operations.running import Report, run_operation
from orchestration.rules.explain import explain
from orchestration.rules.grammar import RuleFault, parse
from orchestration.settings import Settings

Json = dict[str, Any]
Row = dict[str, Any]
LONG_AGO = datetime(2026, 1, 1, 8, 0)
LATER = AS_OF + timedelta(hours=6)
RULED = ("auto_assign_tags", "update_dynamic_segments")
BY_NAME = {operation.name: operation for operation in OPERATIONS if operation.name in RULED}
GOLD: Json = {"field": "level", "op": "in", "value": ["gold", "platinum", "diamond"]}
WORTHY: Json = {
    "any": [
        {"all": [{"field": "clv", "op": "gte", "value": 5}, {"not": GOLD}]},
        {"field": "behavior.page_view.sum.30", "op": "gt", "value": 0},
        {"field": "tags", "op": "contains", "value": "vip"},
    ]
}
# what a membership may be before the run; None is none
STATES: tuple[tuple[str, str, datetime | None] | None, ...] = (
    None,
    ("rule", "active", None),
    ("auto", "active", None),
    ("auto", "active", AS_OF),
    ("rule", "active", AS_OF + timedelta(seconds=1)),
    ("rule", "removed", None),
    ("auto", "expired", LONG_AGO),
    ("manual", "active", None),
    ("manual", "removed", None),
    ("manual", "active", LONG_AGO),
    ("import", "active", None),
)


@pytest.fixture(scope="module")
def world(module_engine_settings: Settings) -> RuleWorld:
    return RuleWorld.build(module_engine_settings, customers=90)


@pytest.fixture(autouse=True)
def _alone(request: pytest.FixtureRequest) -> None:
    """Nobody else's tags and segments are evaluated."""
    if "world" in request.fixturenames:
        world: RuleWorld = request.getfixturevalue("world")
        context = world.context()
        with database.begin(world.settings) as connection:
            for table in ("customer_tag_definitions", "customer_segments"):
                connection.execute(context.table(table).update().values(is_active=False))


def run(world: RuleWorld, name: str, as_of: datetime = AS_OF, **options: Any) -> Report:
    return run_operation(BY_NAME[name], replace(world.settings, as_of=as_of), **options)


def add_tag(world: RuleWorld, code: str, rule: Any, **more: Any) -> str:
    key = f"tag-{code}"
    row = {
        "id": key, "tenant_id": TENANT, "tag_name": f"Tag {code}", "tag_code": code,
        "category": "x", "tag_type": "auto", "rule_config": rule, "rule_expression": f"why {code}",
        "default_value": "true", "is_active": True, "auto_assign": True, "auto_remove": True,
        "priority": 100,
    }  # fmt: skip
    world.insert("customer_tag_definitions", [row | more])
    return key


def add_segment(world: RuleWorld, code: str, rule: Any, **more: Any) -> str:
    key = f"segment-{code}"
    row = {
        "id": key, "tenant_id": TENANT, "segment_name": f"Segment {code}", "segment_code": code,
        "segment_type": "dynamic", "rule_config": rule, "is_active": True, "auto_refresh": True,
        "refresh_frequency": "daily",
    }  # fmt: skip
    world.insert("customer_segments", [row | more])
    return key


def ledger(world: RuleWorld, table: str, owner: str, key: str) -> dict[str, Row]:
    return {row["customer_id"]: row for row in world.rows(table) if row[owner] == key}


def tags_of(world: RuleWorld, key: str) -> dict[str, Row]:
    return ledger(world, "customer_tags", "tag_id", key)


def members_of(world: RuleWorld, key: str) -> dict[str, Row]:
    return ledger(world, "customer_segment_members", "segment_id", key)


def named(rows: Sequence[Row], key: str, value: str) -> list[Row]:
    return [row for row in rows if row[key] == value]


def hold_before(world: RuleWorld, key: str, states: Sequence[Any] = STATES) -> None:
    """Give the customers every sort of assignment in turn."""
    rows = []
    for number, customer in enumerate(world.subjects):
        if (state := states[number % len(states)]) is not None:
            rows.append(
                {"id": f"{key}-{number}", "tenant_id": TENANT, "customer_id": customer,
                 "tag_id": key, "assign_type": state[0], "status": state[1],
                 "expires_at": state[2], "tag_value": "old", "assigned_at": LONG_AGO,
                 "last_verified_at": LONG_AGO}
            )  # fmt: skip
    world.insert("customer_tags", rows)


def tag_afterwards(before: Row | None, meets: bool, removes: bool, key: str) -> Row | None:
    """What 03 says becomes of one customer's assignment; the id of a new one is not foreseen."""
    if before is None:
        if not meets:
            return None
        return {"tenant_id": TENANT, "tag_id": key, "tag_value": "true", "tag_score": 1,
                "confidence": 1, "assign_type": "rule", "assign_reason": f"why {key[4:]}",
                "assigned_by": None, "assigned_at": AS_OF, "expires_at": None,
                "last_verified_at": AS_OF, "status": "active"}  # fmt: skip
    if before["assign_type"] in ("manual", "import"):
        return before
    runs = before["status"] == "active"
    ended = not runs or (before["expires_at"] is not None and before["expires_at"] <= AS_OF)
    if meets and ended:
        return before | {"assign_type": "rule", "assign_reason": f"why {key[4:]}",
                         "assigned_at": AS_OF, "last_verified_at": AS_OF, "expires_at": None,
                         "status": "active"}  # fmt: skip
    if meets:
        return before | {"last_verified_at": AS_OF}
    return before | {"status": "removed"} if runs and removes else before


@pytest.mark.parametrize("removes", [True, False])
def test_tags_follow_their_rule_and_people_are_left_alone(world: RuleWorld, removes: bool) -> None:
    code = f"worthy{removes}"
    key = add_tag(world, code, WORTHY, auto_remove=removes)
    hold_before(world, key)
    before, others = tags_of(world, key), len(world.rows("customer_tags"))
    meets = set(chosen(WORTHY, world.subjects, AS_OF))
    assert 10 < len(meets) < len(world.subjects) - 10
    report = run(world, "auto_assign_tags", batch_rows=7)

    found = tags_of(world, key)
    wanted = {
        customer: row
        for customer in world.subjects
        if (row := tag_afterwards(before.get(customer), customer in meets, removes, key))
    }
    assert found.keys() == wanted.keys()
    for customer, row in wanted.items():
        assert {name: found[customer][name] for name in row} == row, customer
    added = sum(
        row["status"] == "active" and row["assigned_at"] == AS_OF for row in wanted.values()
    )
    gone = sum(
        row["status"] == "removed" and before[customer]["status"] == "active"
        for customer, row in wanted.items()
        if customer in before
    )
    assert added > 10 and (gone > 3) == removes
    assert len(world.rows("customer_tags")) == others + len(found) - len(before)

    assert (report.examined, report.changed) == (len(world.subjects), added + gone)
    (log,) = named(world.rows("tag_rule_execution_logs"), "tag_id", key)
    assert log["execution_time_ms"] >= 0 and log["execution_details"]["as_of"] == str(AS_OF)
    assert {name: log[name] for name in ("tenant_id", "execution_type", "execution_status",
                                         "processed_customers", "added_tags", "removed_tags",
                                         "error_message", "created_at")} == {
        "tenant_id": TENANT, "execution_type": "scheduled", "execution_status": "success",
        "processed_customers": len(world.subjects), "added_tags": added, "removed_tags": gone,
        "error_message": None, "created_at": AS_OF,
    }  # fmt: skip
    (tag,) = named(world.rows("customer_tag_definitions"), "id", key)
    active = sum(row["status"] == "active" for row in found.values())
    assert (tag["customer_count"], tag["last_calculated_at"], tag["updated_at"]) == (
        active, AS_OF, AS_OF
    )  # fmt: skip
    audits = named(world.rows("saas_unified_audit_logs"), "target_name", "auto_assign_tags")
    assert audits[-1]["tenant_id"] == TENANT
    assert added + gone in {audit["change_data"]["changed"] for audit in audits}

    assert run(world, "auto_assign_tags").changed == 0
    assert tags_of(world, key) == found


def test_a_later_run_only_stamps_those_who_stay(world: RuleWorld) -> None:
    """Who meets the rule as before keeps row, id and the moment of joining; leavers' stamps age."""
    tag, segment = add_tag(world, "staying", GOLD), add_segment(world, "staying", GOLD)
    hold_before(world, tag, STATES[:3])
    hold_members(world, segment, STATES[:3])
    for name, of, key, stamp in (
        ("auto_assign_tags", tags_of, tag, "last_verified_at"),
        ("update_dynamic_segments", members_of, segment, "last_matched_at"),
    ):
        run(world, name)
        first = of(world, key)
        audits = len(world.rows("saas_unified_audit_logs"))
        assert run(world, name, LATER).changed == 0
        after = of(world, key)
        assert without(after, stamp) == without(first, stamp)
        assert {row[stamp] for row in after.values()} == {LATER, LONG_AGO}
        assert len(world.rows("saas_unified_audit_logs")) == audits


def without(rows: Mapping[str, Row], name: str) -> dict[str, Row]:
    return {key: {n: v for n, v in row.items() if n != name} for key, row in rows.items()}


FAILING = {
    "field": ({"all": [{"field": "x", "op": "eq", "value": 1}]}, "rule.all[0].field: no field"),
    "type": ({"any": [GOLD, {"field": "clv", "op": "gt", "value": "5"}]}, "rule.any[1].value: exp"),
    "none": (None, "rule: there is none"),
    "unknown tag": ({"field": "tags", "op": "in", "value": ["vip", "no such"]}, "has no tag 'no s"),
    "unknown behaviour": (
        {"not": {"field": "behavior.swim.count.7", "op": "gt", "value": 1}},
        "rule.not.field: the tenant counts no behaviour 'swim'",
    ),
    "no tags at all": (
        {"field": "tags", "op": "is_null", "value": True}, "asks for tags in a circle: no tags at",
    ),
}  # fmt: skip


def test_a_failed_rule_touches_nobody_and_says_where_its_fault_is(world: RuleWorld) -> None:
    keys = {code: add_tag(world, code, rule) for code, (rule, _) in FAILING.items()}
    keys["left"] = add_tag(world, "left", {"field": "tags", "op": "contains", "value": "right"})
    keys["right"] = add_tag(world, "right", {"field": "tags", "op": "in", "value": ["left"]})
    for key in keys.values():
        hold_before(world, key)
    good = add_tag(world, "good", GOLD, priority=900)
    before = {key: tags_of(world, key) for key in keys.values()}
    report = run(world, "auto_assign_tags")
    assert {key: tags_of(world, key) for key in keys.values()} == before
    assert sorted(tags_of(world, good)) == chosen(GOLD, world.subjects, AS_OF)
    logs = {row["tag_id"]: row for row in world.rows("tag_rule_execution_logs")}
    words = {code: words for code, (_, words) in FAILING.items()}
    for code, key in keys.items():
        log = logs[key]
        assert log["execution_status"] == "failed"
        assert words.get(code, "asks for tags in a circle: left, right") in log["error_message"]
        assert (log["processed_customers"], log["added_tags"], log["removed_tags"]) == (0, 0, 0)
    assert sum("failed" in note for note in report.notes) == len(keys)
    tags = {row["id"]: row for row in world.rows("customer_tag_definitions")}
    assert {tags[key]["last_calculated_at"] for key in keys.values()} == {None}


def test_a_tag_is_evaluated_after_those_that_it_asks_about(world: RuleWorld) -> None:
    both = {"all": [{"field": "tags", "op": "contains", "value": "base"},
                    {"field": "age", "op": "gte", "value": 20}]}  # fmt: skip
    derived = add_tag(world, "derived", both, priority=1)
    add_tag(world, "base", GOLD, priority=500)
    run(world, "auto_assign_tags")
    wanted = chosen({"all": [GOLD, both["all"][1]]}, world.subjects, AS_OF)
    assert wanted and sorted(tags_of(world, derived)) == wanted
    assert run(world, "auto_assign_tags").changed == 0


def test_a_dry_run_changes_no_row_of_any_table(world: RuleWorld) -> None:
    add_tag(world, "dry", GOLD)
    add_segment(world, "dry", GOLD)
    tables = ("customer_tags", "customer_tag_definitions", "tag_rule_execution_logs",
              "customer_segments", "customer_segment_members", "segment_calculation_history",
              "saas_unified_audit_logs")  # fmt: skip
    before = {table: world.rows(table) for table in tables}
    people = len(chosen(GOLD, world.subjects, AS_OF))
    for name in BY_NAME:
        report = run(world, name, dry_run=True)
        assert report.changed == people
        assert any(f"+{people} -0" in note for note in report.notes)
    assert {table: world.rows(table) for table in tables} == before


def test_what_broke_off_is_told_and_the_next_run_ends_as_if_nothing_had_happened(
    world: RuleWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    tag, segment = add_tag(world, "broken", GOLD), add_segment(world, "broken", GOLD)
    people = chosen(GOLD, world.subjects, AS_OF)
    real, calls = running.transaction, []

    def fail_at_second(settings: Settings, work: Any, *arguments: Any) -> Any:
        calls.append(work.__name__)
        if calls.count("join") == 2 and work.__name__ == "join":
            raise WarehouseError("Rows stayed locked", fix="run again.")
        return real(settings, work, *arguments)

    monkeypatch.setattr(running, "transaction", fail_at_second)
    for name in BY_NAME:
        calls.clear()
        with pytest.raises(WarehouseError, match="1 rules could not be written to the end"):
            run(world, name, batch_rows=10)
    monkeypatch.undo()
    assert len(tags_of(world, tag)) == len(members_of(world, segment)) == 10
    (log,) = named(world.rows("tag_rule_execution_logs"), "tag_id", tag)
    assert (log["execution_status"], log["added_tags"], log["execution_time_ms"]) == (
        "partial", 10, None
    )  # fmt: skip
    (history,) = named(world.rows("segment_calculation_history"), "segment_id", segment)
    assert (history["calculation_status"], history["added_customers"], history["final_count"]) == (
        "cancelled", 10, 10
    )  # fmt: skip
    assert "Rows stayed locked" in log["error_message"] == history["error_message"]
    (row,) = named(world.rows("customer_segments"), "id", segment)
    assert row["last_calculated_at"] is None
    for name in BY_NAME:
        assert run(world, name).changed == len(people) - 10
    assert sorted(tags_of(world, tag)) == sorted(members_of(world, segment)) == people


def member_afterwards(before: Row | None, meets: bool, key: str) -> Row | None:
    if before is None:
        if not meets:
            return None
        return {"tenant_id": TENANT, "segment_id": key, "join_type": "rule", "match_score": 1,
                "join_reason": f"Segment {key[8:]}", "joined_at": AS_OF, "last_matched_at": AS_OF,
                "status": "active"}  # fmt: skip
    if before["join_type"] in ("manual", "import"):
        return before
    runs = before["status"] == "active"
    if meets and not runs:
        again = {"join_type": "rule", "join_reason": f"Segment {key[8:]}", "status": "active"}
        return before | again | {"joined_at": AS_OF, "last_matched_at": AS_OF}
    if meets:
        return before | {"last_matched_at": AS_OF}
    return before | {"status": "removed"} if runs else before


def test_segments_follow_their_rule_and_members_who_stay_keep_their_row(world: RuleWorld) -> None:
    key = add_segment(world, "worthy", WORTHY)
    world_states = [s for s in STATES if s is None or s[1] != "expired"]
    hold_members(world, key, world_states)
    before = members_of(world, key)
    meets = set(chosen(WORTHY, world.subjects, AS_OF))
    report = run(world, "update_dynamic_segments", batch_rows=7, trigger="manual")
    found = members_of(world, key)
    wanted = {
        customer: row
        for customer in world.subjects
        if (row := member_afterwards(before.get(customer), customer in meets, key))
    }
    assert found.keys() == wanted.keys()
    for customer, row in wanted.items():
        assert {name: found[customer][name] for name in row} == row, customer
    stayed = [c for c, row in before.items() if c in meets and row["status"] == "active"]
    assert all(found[c]["joined_at"] == LONG_AGO for c in stayed) and len(stayed) > 5
    added = sum(row["joined_at"] == AS_OF for row in wanted.values())
    gone = sum(
        row["status"] == "removed" and before[c]["status"] == "active"
        for c, row in wanted.items()
        if c in before
    )
    assert added > 5 and gone > 5 and report.changed == added + gone

    active = [world.subjects[c].known for c, row in found.items() if row["status"] == "active"]
    amount = sum((Fraction(k["total_amount"] or 0) for k in active), Fraction(0))
    orders = sum(k["total_orders"] or 0 for k in active)
    buyers = sum((k["total_orders"] or 0) > 0 for k in active)
    (segment,) = named(world.rows("customer_segments"), "id", key)
    names = ("customer_count", "total_revenue", "avg_order_amount", "conversion_rate",
             "last_calculated_at", "updated_at")  # fmt: skip
    assert {name: segment[name] for name in names} == {
        "customer_count": len(active), "total_revenue": amount,
        "avg_order_amount": half_up(amount, orders),
        "conversion_rate": half_up(Fraction(100 * buyers), len(active)),
        "last_calculated_at": AS_OF, "updated_at": AS_OF,
    }  # fmt: skip
    (history,) = named(world.rows("segment_calculation_history"), "segment_id", key)
    assert history["calculation_time_ms"] == segment["calculation_duration_ms"] >= 0
    told = {"calculation_type": "full", "trigger_type": "manual", "calculation_status": "success",
            "total_customers": len(world.subjects), "added_customers": added,
            "removed_customers": gone, "final_count": len(active), "error_message": None,
            "started_at": AS_OF, "completed_at": AS_OF}  # fmt: skip
    assert {name: history[name] for name in told} == told

    # not due again on the same day
    assert run(world, "update_dynamic_segments").examined == 0


def hold_members(world: RuleWorld, key: str, states: Sequence[Any]) -> None:
    rows = []
    for number, customer in enumerate(world.subjects):
        if (state := states[number % len(states)]) is not None:
            rows.append(
                {"id": f"{key}-{number}", "tenant_id": TENANT, "customer_id": customer,
                 "segment_id": key, "join_type": state[0], "status": state[1],
                 "joined_at": LONG_AGO, "last_matched_at": LONG_AGO}
            )  # fmt: skip
    world.insert("customer_segment_members", rows)


def half_up(amount: Fraction, count: int) -> Decimal:
    exact = Decimal(amount.numerator) / Decimal(amount.denominator) / count
    return exact.quantize(Decimal("0.01"), ROUND_HALF_UP)


def test_a_segment_whose_rule_fails_keeps_its_members_and_figures(world: RuleWorld) -> None:
    rule = {"all": [GOLD, {"field": "level", "op": "eq", "value": "brass"}]}
    key = add_segment(world, "failing", rule, customer_count=3)
    hold_members(world, key, STATES[:3])
    before = members_of(world, key)
    run(world, "update_dynamic_segments")
    assert members_of(world, key) == before
    (segment,) = named(world.rows("customer_segments"), "id", key)
    assert (segment["customer_count"], segment["last_calculated_at"]) == (3, None)
    (history,) = named(world.rows("segment_calculation_history"), "segment_id", key)
    assert history["calculation_status"] == "failed"
    assert history["error_message"].startswith("rule.all[1].value: 'brass' is not one of")
    assert history["final_count"] == sum(r["status"] == "active" for r in before.values())


def test_only_dynamic_active_and_refreshed_segments_are_recomputed(world: RuleWorld) -> None:
    add_segment(world, "static", GOLD, segment_type="static")
    add_segment(world, "manual refresh", GOLD, auto_refresh=False)
    add_segment(world, "switched off", GOLD, is_active=False)
    theirs = add_segment(world, "theirs", GOLD, tenant_id=OTHER)
    run(world, "update_dynamic_segments")
    touched = {row["segment_id"] for row in world.rows("customer_segment_members")}
    assert theirs in touched
    assert not touched & {"segment-static", "segment-manual refresh", "segment-switched off"}
    assert {c[0] for c in members_of(world, theirs)} == {OTHER[-1]}


@pytest.mark.parametrize(
    ("frequency", "last", "due"),
    [
        ("realtime", AS_OF, True),
        ("hourly", AS_OF, True),
        ("daily", None, True),
        ("daily", datetime(2026, 6, 30, 0, 0), False),
        ("daily", datetime(2026, 6, 29, 23, 59, 59), True),
        ("weekly", datetime(2026, 6, 24, 1, 0), False),
        ("weekly", datetime(2026, 6, 23, 13, 0), True),
        ("monthly", datetime(2026, 5, 31, 1, 0), True),
        ("monthly", datetime(2026, 6, 1, 1, 0), False),
        ("monthly", datetime(2025, 12, 31, 1, 0), True),
        ("monthly", None, True),
    ],
)
def test_when_a_segment_is_due(frequency: str, last: datetime | None, due: bool) -> None:
    assert is_due(frequency, last, date(2026, 6, 30)) == due


def test_a_month_from_january_31_ends_in_february() -> None:
    assert not is_due("monthly", datetime(2026, 1, 31), date(2026, 2, 27))
    assert is_due("monthly", datetime(2026, 1, 31), date(2026, 2, 28))


def test_moves_of_nobody() -> None:
    assert decide([], AS_OF, removes=True) == Moves()
    assert decide([Standing("c", False)], AS_OF, removes=True) == Moves()


def test_tags_in_two_circles_are_all_at_fault_and_the_others_keep_their_order() -> None:
    asks = {"a": ["b"], "b": ["a"], "c": ["c"], "d": ["e"], "e": [], "f": []}
    tags = [Ruled(code, "t", code, code, "", None, True, {}) for code in asks]
    rules: dict[str, Any] = {
        code: parse({"field": "tags", "op": "in", "value": codes or ["else"]}, "customer")
        for code, codes in asks.items()
    }
    rules["f"] = RuleFault([("rule", "bad")])
    ordered, faults = in_order(tags, rules)
    assert set(faults) == {"a", "b", "c"}
    assert [tag.id for tag in ordered] == ["a", "b", "c", "e", "d", "f"]


def test_explaining_a_tag_tells_how_many_each_clause_keeps(world: RuleWorld) -> None:
    add_tag(world, "explained", WORTHY)
    explanation = explain(world.settings, "explained")
    assert explanation.customers == len(world.subjects)
    counts = {clause.path: clause.customers for clause in explanation.clauses}
    parts = {
        "rule": WORTHY,
        "rule.any[0]": WORTHY["any"][0],
        "rule.any[0].all[0]": WORTHY["any"][0]["all"][0],
        "rule.any[0].all[1]": {"not": GOLD},
        "rule.any[0].all[1].not": GOLD,
        "rule.any[1]": WORTHY["any"][1],
        "rule.any[2]": WORTHY["any"][2],
    }
    assert counts == {p: len(chosen(part, world.subjects, AS_OF)) for p, part in parts.items()}
    shown = explanation.render().splitlines()
    assert shown[0] == f"tag explained (Tag explained) of tenant {TENANT}: 90 customers"
    assert shown[1].startswith("any of ") and shown[3].startswith("    clv gte 5 ")


def test_the_commands(world: RuleWorld, tmp_path: Any) -> None:
    add_tag(world, "by hand", GOLD)
    add_segment(world, "shared", GOLD)
    add_tag(world, "shared", GOLD)

    def warehouse(*arguments: str) -> Any:
        return CliRunner().invoke(cli.app, list(arguments), env=world.settings.child_environment())

    listed = json.loads(warehouse("operation", "list", "--json").stdout)
    assert {line["name"] for line in listed} >= {"auto_assign_tags", "update_dynamic_segments"}
    people = len(chosen(GOLD, world.subjects, AS_OF))
    done = json.loads(warehouse("operation", "run", "auto_assign_tags", "--json").stdout)
    assert (done["changed"], done["dry_run"], done["as_of"]) == (2 * people, False, str(AS_OF))
    (log,) = named(world.rows("tag_rule_execution_logs"), "tag_id", "tag-by hand")
    assert log["execution_type"] == "manual"
    again = warehouse("operation", "run", "auto_assign_tags", "--dry-run", "--as-of", "2026-07-01")
    assert "as of 2026-07-01 23:59:59: examined 180 rows, would change 0" in again.stdout
    assert "Unknown operation" in str(warehouse("operation", "run", "nothing").exception)

    assert f"{people}" in warehouse("rule", "explain", "by hand").stdout
    assert json.loads(warehouse("rule", "explain", "by hand", "--json").stdout)["code"] == "by hand"
    assert "2 tags and segments" in str(warehouse("rule", "explain", "shared").exception)
    assert "No tag or segment" in str(warehouse("rule", "explain", "nobody").exception)

    file = tmp_path / "rule.json"
    file.write_text(json.dumps(WORTHY))
    assert "valid: 4 conditions on clv, level" in warehouse("rule", "check", str(file)).stdout
    piped = CliRunner().invoke(cli.app, ["rule", "check", "-"], input=json.dumps(WORTHY))
    assert "valid: 4 conditions" in piped.stdout
    file.write_bytes(b"\xff{}")
    assert "is not UTF-8" in str(warehouse("rule", "check", str(file)).exception)
    file.write_text('{"not": {"field": "age"}}')
    fault = warehouse("rule", "check", str(file)).exception
    assert isinstance(fault, RuleFault) and "rule.not.op: is missing" in fault.message


def test_a_rule_is_decided_by_one_statement(world: RuleWorld) -> None:
    """However many customers there are: the members come from one SELECT, no row by row."""
    add_tag(world, "counted", WORTHY)
    statements: list[str] = []
    engine = database.connect_engine(world.settings)

    def note(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "behavior" in statement and "customer_tags" in statement:
            statements.append(statement)

    sa.event.listen(engine, "before_cursor_execute", note)
    try:
        run(world, "auto_assign_tags", dry_run=True)
    finally:
        sa.event.remove(engine, "before_cursor_execute", note)
    assert len(statements) == 1
