"""Customer management agrees with itself and with the business that the customers did."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from orchestration.sampledata.conform import arrow_type, stored
from orchestration.sampledata.customer_people import (
    ADVOCATE,
    CUSTOMER,
    INACTIVE,
    LEAD,
    PROSPECT,
    lifecycle_stage,
)
from orchestration.sampledata.generate import domain_frames
from orchestration.sampledata.plan import make_plan
from orchestration.schema.record import load_record
from tests.frames import by_id, exact_frame, per

PLAN = make_plan("demo", 7, "2026-06-30")
OPS = {
    "eq", "ne", "gt", "gte", "lt", "lte", "between", "in", "not_in", "is_null", "contains",
    "starts_with", "within_days", "older_than_days",
}  # fmt: skip
Frames = dict[str, pd.DataFrame]


@pytest.fixture(scope="module")
def tables() -> dict[str, pa.Table]:
    return domain_frames(PLAN, "customer")


@pytest.fixture(scope="module")
def customer(tables: dict[str, pa.Table]) -> Frames:
    return {name: exact_frame(table) for name, table in tables.items()}


@pytest.fixture(scope="module")
def orders() -> pd.DataFrame:
    return exact_frame(domain_frames(PLAN, "business")["service_orders"])


def half_up(above: pd.Series, below: pd.Series) -> pd.Series:
    return (above * 2 + below) // (below * 2).clip(lower=1)


def test_every_table_has_the_records_columns_and_keys(tables: dict[str, pa.Table]) -> None:
    record = [t for t in load_record().application_tables() if t.domain == "customer"]
    assert set(tables) == {t.name for t in record}
    for table in record:
        found = tables[table.name]
        assert found.column_names == [c.name for c in stored(table)]
        for column in stored(table):
            kind = found.schema.field(column.name).type
            text = pa.types.is_dictionary(kind) and arrow_type(column) == pa.string()
            assert text or kind == arrow_type(column), (table.name, column.name)
            assert column.nullable or not found[column.name].null_count, (table.name, column.name)
            if column.base_type == "json":
                for value in found[column.name].unique().drop_null()[:500]:
                    json.loads(value.as_py())
        for key in (table.primary_key, *table.unique):
            rows = exact_frame(found.select(list(key))).dropna()
            assert not rows.duplicated().any(), (table.name, key)


def test_references_exist_and_stay_in_the_tenant(customer: Frames) -> None:
    for table in load_record().application_tables():
        if table.domain != "customer":
            continue
        rows = customer[table.name]
        for reference in table.references:
            tenant = by_id(customer[reference.table]).tenant_id
            held = rows.dropna(subset=reference.column)
            where = (table.name, reference.column)
            assert held[reference.column].isin(tenant.index).all(), where
            assert (tenant[held[reference.column]].values == held.tenant_id.values).all(), where
    customers = by_id(customer["customers"])
    behaviors = by_id(customer["customer_behavior_definitions"])
    events = customer["customer_behavior_events"]
    assert (customers.tenant_id[events.customer_id].values == events.tenant_id.values).all()
    assert (behaviors.tenant_id[events.behavior_id].values == events.tenant_id.values).all()


def test_nothing_happens_before_its_customer_or_after_the_end(customer: Frames) -> None:
    born = customer["customers"].set_index("id").created_at
    for name, column in (
        ("customer_contacts", "created_at"),
        ("customer_lifecycle_history", "created_at"),
        ("customer_tags", "assigned_at"),
        ("customer_segment_members", "joined_at"),
        ("customer_behavior_events", "event_time"),
    ):
        rows = customer[name]
        assert (rows[column] >= born[rows.customer_id].values).all(), name
        assert rows[column].max() <= PLAN.end, name
    for name, column in (
        ("customer_behavior_events", "event_time"),
        ("tag_rule_execution_logs", "created_at"),
        ("segment_calculation_history", "started_at"),
    ):
        assert customer[name][column].min() >= PLAN.since(name), name
        assert customer[name][column].max() <= PLAN.end, name


def test_customers_totals_are_their_orders(customer: Frames, orders: pd.DataFrame) -> None:
    customers = by_id(customer["customers"])
    kept = orders[orders.order_status != "cancelled"].sort_values("order_time")
    theirs = kept.groupby("customer_id")
    index = customers.index
    assert set(theirs.groups) <= set(index)
    assert (customers.total_orders == per(theirs.size(), index)).all()
    assert (customers.total_amount == per(theirs.total_amount.sum(), index)).all()
    assert (customers.last_order_amount == per(theirs.total_amount.last(), index)).all()
    mean = half_up(customers.total_amount, customers.total_orders)
    assert (customers.avg_order_amount == mean.where(customers.total_orders > 0, 0)).all()
    days = theirs.order_time.agg(["min", "max"])
    bought = customers[customers.total_orders > 0]
    assert (days["min"].dt.date[bought.index] == bought.first_order_date).all()
    assert (days["max"].dt.date[bought.index] == bought.last_order_date).all()
    assert customers.first_order_date.notna().sum() == len(bought)


def test_the_first_lifecycle_rule_that_holds_decides() -> None:
    cases = [
        # orders, cents, first days ago, last days ago -> stage
        (9, 900_000, 400, 181, INACTIVE),
        (9, 900_000, 400, 180, ADVOCATE),
        (5, 500_000, 90, 0, ADVOCATE),
        (5, 499_999, 90, 90, CUSTOMER),
        (2, 1, 200, 91, PROSPECT),
        (1, 1, 30, 30, PROSPECT),
        (0, 0, 10**6, 10**6, LEAD),
    ]
    columns = [np.array(c) for c in zip(*cases, strict=True)]
    before = np.full(len(cases), PROSPECT)
    assert lifecycle_stage(*columns[:2], *columns[2:4], before).tolist() == columns[4].tolist()


def test_most_stages_follow_the_rules_and_some_are_stale(customer: Frames) -> None:
    rows = customer["customers"]
    rows = rows[rows.status == "active"]
    no_orders = rows[rows.total_orders == 0].lifecycle_stage
    assert 0.9 < (no_orders == "lead").mean() < 1
    rich = rows[(rows.total_orders >= 5) & (rows.total_amount >= 500_000)]
    assert (rich.lifecycle_stage == "advocate").mean() > 0.7
    assert set(customer["customers"].lifecycle_stage) == {
        "lead", "prospect", "customer", "advocate", "inactive",
    }  # fmt: skip


def test_histories_are_chains_that_end_in_the_stage(customer: Frames) -> None:
    customers = by_id(customer["customers"])
    history = customer["customer_lifecycle_history"].sort_values(["customer_id", "created_at"])
    assert not history.duplicated(["customer_id", "created_at"]).any()
    chain = history.groupby("customer_id")
    assert (history.old_stage.fillna("") == chain.new_stage.shift().fillna("")).all()
    assert (history.old_stage.fillna("") != history.new_stage).all()
    last = chain.new_stage.last()
    assert (last == customers.lifecycle_stage[last.index]).all()
    without = customers[~customers.index.isin(last.index)]
    assert len(without) and (without.lifecycle_stage == "lead").all()
    days = (history.created_at - chain.created_at.shift()).dt.days
    later = history.old_stage.notna()
    assert (history.stage_duration_days[later] == days[later]).all()
    assert history.stage_duration_days[~later].isna().all()


def leaves(rule: dict) -> list[dict]:
    if "not" in rule:
        return leaves(rule["not"])
    for key in ("all", "any"):
        if key in rule:
            return [leaf for part in rule[key] for leaf in leaves(part)]
    assert set(rule) == {"field", "op", "value"}
    return [rule]


def test_rules_are_of_the_rule_language(customer: Frames) -> None:
    columns = {c.name for c in load_record().table("customers").columns}
    for name in ("customer_tag_definitions", "customer_segments"):
        rules = customer[name].rule_config.dropna().unique()
        assert len(rules) >= 4
        for rule in rules:
            for leaf in leaves(json.loads(rule)):
                assert leaf["field"] in columns and leaf["op"] in OPS
    tags, segments = customer["customer_tag_definitions"], customer["customer_segments"]
    assert (tags.rule_config.notna() == tags.auto_assign).all() and not tags.auto_assign.all()
    assert (segments.rule_config.notna() == (segments.segment_type == "dynamic")).all()
    assert tags.tag_name.str.contains(",").any(), "a comma in a name"


def test_tags_mostly_follow_their_rule(customer: Frames) -> None:
    tags, customers = customer["customer_tag_definitions"], customer["customers"]
    ours = tags[tags.tag_code.str.startswith("repeat_buyer")]
    held = customer["customer_tags"]
    active = held[(held.status == "active") & held.tag_id.isin(ours.id)]
    tagged = by_id(customers).total_orders[active.customer_id]
    assert len(tagged) and (tagged >= 3).mean() > 0.7


def test_tag_figures_are_the_assignments(customer: Frames) -> None:
    tags, held = by_id(customer["customer_tag_definitions"]), customer["customer_tags"]
    active = held[held.status == "active"].groupby("tag_id").size()
    assert (tags.customer_count == per(active, tags.index)).all()
    logs = customer["tag_rule_execution_logs"]
    assert set(logs.tag_id) <= set(tags.index[tags.auto_assign])
    good = logs[logs.execution_status == "success"]
    assert (logs.added_tags + logs.removed_tags <= logs.processed_customers).all()
    bad = logs[logs.execution_status != "success"]
    assert len(bad) and not (bad.added_tags + bad.removed_tags).any()
    assert (logs.error_message.notna() == (logs.execution_status != "success")).all()
    added = held.groupby(["tag_id", "assigned_at"]).size()
    runs = good.set_index(["tag_id", "created_at"])
    assert (runs.added_tags == per(added, runs.index)).all() and runs.added_tags.any()
    removed = held[(held.status == "removed") & held.tag_id.isin(tags.index[tags.auto_remove])]
    assert runs.removed_tags.sum() <= len(removed) and runs.removed_tags.any()
    keeps = tags.index[~tags.auto_remove]
    assert not logs[logs.tag_id.isin(keeps)].removed_tags.any()
    last = good.groupby("tag_id").created_at.max()
    known = tags.last_calculated_at.dropna()
    assert (known == last[known.index]).all() and len(known) == len(last)


def test_segment_runs_agree_with_the_members(customer: Frames) -> None:
    segments, members = by_id(customer["customer_segments"]), customer["customer_segment_members"]
    active = members[members.status == "active"]
    size = per(active.groupby("segment_id").size(), segments.index)
    assert (segments.customer_count == size).all()
    runs = customer["segment_calculation_history"].sort_values(["segment_id", "started_at"])
    assert (segments.segment_type[runs.segment_id] == "dynamic").all()
    good = runs[runs.calculation_status == "success"]
    assert (good.groupby("segment_id").final_count.last() == size[good.segment_id.unique()]).all()
    before = runs.groupby("segment_id").final_count.shift()
    later = before.notna()
    change = runs.added_customers - runs.removed_customers
    assert (runs.final_count - before == change)[later].all()
    first = runs[~later]
    assert (first.final_count >= first.added_customers).all()
    joined = members.groupby(["segment_id", "joined_at"]).size()
    at = good.set_index(["segment_id", "started_at"])
    assert (at.added_customers == per(joined, at.index)).all() and at.added_customers.any()
    gone = members[members.status == "removed"]
    gone = gone[gone.segment_id.isin(good.segment_id)].groupby("segment_id").size()
    removed = runs.groupby("segment_id").removed_customers.sum()
    assert (removed == per(gone, removed.index)).all() and removed.any()
    bad = runs[runs.calculation_status != "success"]
    assert not (bad.added_customers + bad.removed_customers).any()
    assert (good.total_customers >= good.final_count).all()
    assert set(runs.calculation_status) >= {"success", "failed", "running"}
    assert (runs.completed_at.isna() == (runs.calculation_status == "running")).all()
    assert (members.last_matched_at >= members.joined_at).all()


def test_segment_figures_are_the_members(customer: Frames) -> None:
    segments, customers = by_id(customer["customer_segments"]), by_id(customer["customers"])
    members = customer["customer_segment_members"]
    active = members[members.status == "active"]
    who = customers.loc[active.customer_id].assign(segment=active.segment_id.values)
    sums = who.groupby("segment")[["total_orders", "total_amount"]].sum()
    sums = sums.reindex(segments.index, fill_value=0)
    assert (segments.total_revenue == sums.total_amount).all()
    assert (segments.avg_order_amount == half_up(sums.total_amount, sums.total_orders)).all()
    buyers = per(who[who.total_orders > 0].groupby("segment").size(), segments.index)
    rate = half_up(buyers * 10_000, segments.customer_count)
    assert (segments.conversion_rate == rate).all()


def test_customers_are_in_none_and_in_many_groups(customer: Frames) -> None:
    ids = customer["customers"].id
    for name in ("customer_tags", "customer_segment_members"):
        rows = customer[name]
        count = per(rows[rows.status == "active"].groupby("customer_id").size(), ids)
        assert (count == 0).any() and count.max() >= 4, name


def test_behaviours_are_defined_for_every_tenant(customer: Frames) -> None:
    definitions = customer["customer_behavior_definitions"]
    assert set(definitions.tenant_id) == set(customer["customers"].tenant_id)
    assert {"page_view", "order_paid"} <= set(definitions.behavior_code)
    assert not definitions.enable_statistics.all()
    assert (definitions.score_impact < 0).any()


def test_events_come_in_sessions(customer: Frames) -> None:
    events = customer["customer_behavior_events"]
    assert events.event_time.is_monotonic_increasing
    tracked = events.dropna(subset="session_id")
    assert 0.4 < len(tracked) / len(events) < 0.8
    assert set(tracked.event_source) == {"web", "app"}
    sessions = tracked.groupby("session_id")
    assert (sessions.customer_id.nunique() == 1).all()
    span = sessions.event_time.agg(["min", "max"])
    assert (span["min"].dt.date < span["max"].dt.date).any(), "a session over midnight"
    months = span["min"].dt.to_period("M") < span["max"].dt.to_period("M")
    assert months.any(), "a session over the end of a month"
    purchases = events[events.event_name.isin(["order_submit", "order_pay"])]
    assert purchases.event_value.isna().any() and purchases.event_value.notna().any()
    assert events[events.event_name == "page_view"].event_value.isna().all()
    assert events.duration_seconds.isna().any()
    wait = events.processed_at - events.event_time
    assert (wait.dropna() >= pd.Timedelta(0)).all() and (wait > pd.Timedelta(hours=1)).any()
    assert (events.processed_at.dropna() <= PLAN.end).all()


def test_visits_are_the_sessions_on_web_and_app(customer: Frames) -> None:
    customers, events = by_id(customer["customers"]), customer["customer_behavior_events"]
    online = events[events.event_source.isin(["web", "app"])]
    pages = online[online.event_name == "page_view"].groupby("customer_id").size()
    assert (customers.total_page_views == per(pages, customers.index)).all()
    last = online.groupby("customer_id").event_time.max().dt.date
    assert (customers.last_visit_date.dropna() == last.reindex(customers.index).dropna()).all()
    tracked = online.groupby("customer_id").session_id.nunique()
    assert (customers.total_visits >= per(tracked, customers.index)).all()
    assert (customers.total_visits <= customers.total_page_views).mean() > 0.99
