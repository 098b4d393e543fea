"""The booking business agrees with itself: orders with paths, lines, money, slots and capacity."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from orchestration.sampledata.business_capacity import one_at_a_time
from orchestration.sampledata.conform import arrow_type, stored
from orchestration.sampledata.generate import domain_frames, prepared_world
from orchestration.sampledata.plan import make_plan
from orchestration.schema.record import load_record
from tests.frames import by_id, exact_frame, per

PLAN = make_plan("demo", 7, "2026-06-30")
TRANSITIONS = {
    "pending_payment": {"paid", "cancelled"},
    "paid": {"confirmed", "cancelled", "refunded"},
    "confirmed": {"assigned", "rescheduled", "cancelled"},
    "assigned": {"preparing", "in_progress", "rescheduled", "cancelled"},
    "preparing": {"in_progress", "cancelled"},
    "in_progress": {"completed"},
    "rescheduled": {"confirmed", "assigned", "cancelled"},
    "completed": {"refunded"},
    "cancelled": {"refunded"},
}
STAGE_TIMES = {
    "pending_payment": "order_time",
    "paid": "payment_time",
    "confirmed": "confirm_time",
    "assigned": "assigned_time",
    "in_progress": "service_start_time",
    "completed": "complete_time",
    "cancelled": "cancel_time",
}
RECEIVED = ["success", "refunded", "partial_refunded"]
Frames = dict[str, pd.DataFrame]


@pytest.fixture(scope="module")
def tables() -> dict[str, pa.Table]:
    return domain_frames(PLAN, "business")


@pytest.fixture(scope="module")
def business(tables: dict[str, pa.Table]) -> Frames:
    return {name: exact_frame(table) for name, table in tables.items()}


def test_every_table_has_the_records_columns_and_keys(tables: dict[str, pa.Table]) -> None:
    record = [t for t in load_record().application_tables() if t.domain == "business"]
    assert set(tables) == {t.name for t in record}
    for table in record:
        found = tables[table.name]
        assert found.column_names == [c.name for c in stored(table)]
        for column in stored(table):
            kind = found.schema.field(column.name).type
            text = pa.types.is_dictionary(kind) and arrow_type(column) == pa.string()
            assert text or kind == arrow_type(column), (table.name, column.name)
            assert column.nullable or not found[column.name].null_count, (table.name, column.name)
        for key in (table.primary_key, *table.unique):
            rows = exact_frame(found.select(list(key))).dropna()
            assert not rows.duplicated().any(), (table.name, key)


def test_references_exist_and_stay_in_the_tenant(business: Frames) -> None:
    for table in load_record().application_tables():
        if table.domain != "business":
            continue
        rows = business[table.name]
        for reference in table.references:
            held = rows.dropna(subset=reference.column)
            tenant = by_id(business[reference.table]).tenant_id
            where = (table.name, reference.column)
            assert held[reference.column].isin(tenant.index).all(), where
            assert (tenant[held[reference.column]].values == held.tenant_id.values).all(), where


def test_json_is_json_and_nothing_happens_after_the_end(tables: dict[str, pa.Table]) -> None:
    for table in load_record().application_tables():
        if table.domain != "business":
            continue
        for column in stored(table):
            values = tables[table.name][column.name]
            if column.base_type == "json":
                for value in values.unique().drop_null():
                    json.loads(value.as_py())
            elif column.name in ("created_at", "updated_at") or (
                column.base_type == "timestamp" and table.name.startswith("service_order")
            ):
                latest = pa.compute.max(values).as_py()
                assert latest is None or latest <= PLAN.end, (table.name, column.name)


def test_history_walks_the_state_machine_and_ends_in_the_orders_status(business: Frames) -> None:
    orders = by_id(business["service_orders"])
    history = business["service_order_status_history"].sort_values(["order_id", "created_at"])
    assert not history.duplicated(["order_id", "created_at"]).any()
    steps = history.groupby("order_id")
    before = steps.new_status.shift()
    assert (history.old_status.fillna("") == before.fillna("")).all()
    assert (steps.new_status.first() == "pending_payment").all()
    moves = history.dropna(subset="old_status")
    for old, new in moves[["old_status", "new_status"]].drop_duplicates().values:
        assert new in TRANSITIONS[old], (old, new)
    assert (steps.new_status.last()[orders.index] == orders.order_status).all()
    assert set(orders.order_status) >= {"rescheduled", "refunded", "pending_payment", "completed"}
    assert set(orders.order_status) >= set(TRANSITIONS) - {"paid", "preparing", "rescheduled"}
    assert set(history.new_status) == {*TRANSITIONS, "refunded"}


def test_history_agrees_with_the_orders_times_and_moves(business: Frames) -> None:
    orders = by_id(business["service_orders"])
    history = business["service_order_status_history"].sort_values("created_at")
    for state, column in STAGE_TIMES.items():
        reached = history[history.new_status == state].groupby("order_id").created_at.min()
        pd.testing.assert_series_equal(
            orders[column].sort_index(), reached.reindex(orders.index).sort_index(),
            check_names=False,
        )  # fmt: skip
    moved = history[history.new_status == "rescheduled"].groupby("order_id").size()
    assert (orders.reschedule_count == per(moved, orders.index)).all()
    assert orders.reschedule_count.max() == 2
    assert (orders.rescheduled_from_date.notna() == (orders.reschedule_count > 0)).all()
    last = history.groupby("order_id").last().loc[orders.index]
    assert (last.service_date == orders.service_date).all()
    assert (last.service_time == orders.service_time_start).all()
    worked = orders.dropna(subset="service_end_time")
    assert (worked.service_end_time >= worked.service_start_time).all()
    assert (orders.service_end_time.notna() == orders.complete_time.notna()).all()
    assert (orders.cancelled_by.notna() == orders.cancel_time.notna()).all()
    assert (orders.assigned_provider_id.notna() == orders.assigned_time.notna()).all()


def test_lines_add_up_to_their_order(business: Frames) -> None:
    orders, items = by_id(business["service_orders"]), business["service_order_items"]
    sums = items.groupby("order_id").sum(numeric_only=True).loc[orders.index]
    assert (sums.subtotal == orders.subtotal).all()
    assert (sums.base_service_fee == orders.service_fee).all()
    assert (sums.travel_fee == orders.travel_fee).all()
    assert (sums.material_fee == orders.material_fee).all()
    assert (sums.discount_amount == orders.discount_amount).all()
    assert (sums.final_price + orders.tax_amount == orders.total_amount).all()
    assert (orders.travel_fee == 5000 * (orders.service_location_type == "onsite")).all()
    assert (orders.total_amount > 0).all() and (items.final_price >= 0).all()
    pricing = by_id(business["services"]).pricing_model[items.service_id].values
    hourly = (items.unit_price * items.duration_minutes / 60).where(
        pricing == "hourly", items.unit_price
    )
    assert (items.subtotal == hourly * items.quantity).all()
    assert items.variant_id.isna().any() and items.variant_id.notna().any()
    variants = by_id(business["service_variants"])
    sold = items.dropna(subset="variant_id")
    assert (variants.service_id[sold.variant_id].values == sold.service_id.values).all()
    assert (variants.price[sold.variant_id].values == sold.unit_price.values).all()


def test_discounts_are_explained(business: Frames) -> None:
    orders = business["service_orders"]
    parts = orders.discount_details.dropna().map(json.loads)
    amounts = parts.map(lambda rows: round(sum(row["amount"] for row in rows) * 100))
    assert (amounts == orders.discount_amount[parts.index]).all()
    assert (orders.discount_amount[orders.discount_details.isna()] == 0).all()
    codes = orders.coupon_codes.dropna().map(json.loads)
    named = parts[codes.index].map(lambda rows: [r["coupon"] for r in rows if "coupon" in r])
    assert (named == codes).all()
    assert (codes.map(len) > 1).any() and orders.promotion_ids.notna().any()


def test_payments_add_up_to_their_order(business: Frames) -> None:
    orders, payments = by_id(business["service_orders"]), business["service_order_payments"]
    good = payments[payments.payment_status.isin(RECEIVED)]
    paid = per(good.groupby("order_id").payment_amount.sum(), orders.index)
    assert (paid == orders.paid_amount).all() and (paid <= orders.total_amount).all()
    refunds = payments.groupby("order_id").refund_amount.sum()
    assert (per(refunds, orders.index) == orders.refund_amount).all()
    assert (payments.refund_amount <= payments.payment_amount).all()
    assert (payments.platform_fee + payments.provider_amount == payments.settlement_amount).all()
    settled = payments[payments.settlement_status != "pending"]
    assert (settled.settlement_amount == settled.payment_amount - settled.refund_amount).all()
    assert (payments.payment_time.notna() == payments.payment_status.isin(RECEIVED)).all()
    was_paid = orders.payment_time.notna()
    assert (orders.paid_amount == orders.total_amount)[was_paid].all()
    back = orders.order_status == "refunded"
    fee = orders.cancellation_fee
    assert (orders.refund_amount == orders.paid_amount - fee)[back].all()
    state = orders.payment_status
    assert ((orders.refund_amount == 0) | state.isin(["refunded", "partial_refunded"])).all()
    assert ((state == "unpaid") == (orders.paid_amount == 0)).all()
    assert set(state) == {"unpaid", "partial_paid", "paid", "refunded", "partial_refunded"}
    several = payments[payments.refund_amount > 0].groupby("order_id").size()
    assert (several > 1).any(), "a refund over several payments"
    assert {"processing", "failed"} <= set(payments.payment_status)


def test_slots_hold_the_bookings_they_say(business: Frames) -> None:
    slots, items = by_id(business["service_time_slots"]), business["service_order_items"]
    orders = by_id(business["service_orders"])
    held = items.dropna(subset="time_slot_id")
    order = orders.loc[held.order_id]
    never_done = order.complete_time.isna().values
    released = order.cancel_time.notna().values | (
        (order.order_status == "refunded").values & never_done
    )
    counted = held[~released].groupby("time_slot_id").size()
    assert (slots.current_bookings == per(counted, slots.index)).all()
    assert (slots.current_bookings <= slots.max_bookings).all()
    slot = slots.loc[held.time_slot_id]
    assert (slot.slot_date.values == order.service_date.values).all()
    assert (slot.start_time.values == order.service_time_start.values).all()
    assert (slot.service_id.values == held.service_id.values).all()
    assert (slots.end_time > slots.start_time).all()
    assert ((slots.status != "booked") | (slots.current_bookings == slots.max_bookings)).all()
    assert (slots.created_at <= slots.updated_at).all()


def test_capacity_log_is_an_unbroken_chain(business: Frames) -> None:
    log = business["service_capacity_logs"].sort_values(["capacity_id", "created_at"])
    assert not log.duplicated(["capacity_id", "created_at"]).any()
    assert (log.before_capacity >= 0).all() and (log.after_capacity >= 0).all()
    chain = log.groupby("capacity_id")
    before = chain.after_capacity.shift()
    assert (log.before_capacity[before.notna()] == before.dropna()).all()
    effect = log.after_capacity - log.before_capacity
    amount = log.change_quantity
    slot, variant = log.capacity_type == "time_slot", log.capacity_type == "variant"
    change = log.change_type
    assert (effect == -amount)[change == "book"].all()
    assert (effect == amount)[change.isin(["cancel", "adjust"])].all()
    assert (effect == amount)[(change == "complete") & variant].all()
    assert (effect == 0)[(change == "complete") & ~variant].all()
    assert (effect == -amount)[(change == "block") & ~slot].all()
    notice = (change == "adjust") & (amount == 0)
    assert notice.any(), "notices of the low-capacity check"
    last = chain.after_capacity.last()
    services, variants = by_id(business["services"]), by_id(business["service_variants"])
    slots = by_id(business["service_time_slots"])
    for free in (
        services.available_slots,
        variants.capacity - variants.booked_capacity,
        slots.max_bookings - slots.current_bookings,
    ):
        known = free[free.index.isin(last.index)]
        assert len(known) and (last[known.index] == known).all()
    low = services.min_capacity_threshold[log.capacity_id[notice]].values
    assert (log.after_capacity[notice] <= low).all()


def test_changes_of_one_second_are_told_apart() -> None:
    thing, at = np.array([0, 0, 0, 0, 3, 3]), np.array([5, 5, 5, 6, 5, 9])
    assert one_at_a_time(thing, at).tolist() == [5, 6, 7, 8, 5, 9]


def test_bookings_in_the_log_are_the_orders_lines(business: Frames) -> None:
    log, items = business["service_capacity_logs"], business["service_order_items"]
    booked = log[(log.change_type == "book") & (log.capacity_type == "service")]
    theirs = booked.set_index(["booking_id", "capacity_id"]).change_quantity.sort_index()
    ours = items.set_index(["order_id", "service_id"]).quantity.sort_index()
    assert len(ours) and (theirs.values == ours.values).all()
    assert list(theirs.index) == list(ours.index)
    for kind, column in (("service", "booked_slots"), ("variant", "booked_capacity")):
        rows = log[log.capacity_type == kind]
        sign = rows.change_type.map({"book": 1, "cancel": -1, "complete": -1}).fillna(0)
        open_ = (rows.change_quantity * sign).groupby(rows.capacity_id).sum()
        table = "services" if kind == "service" else "service_variants"
        things = by_id(business[table])
        assert (things[column] == per(open_, things.index)).all(), kind


def test_catalogue_figures_are_the_orders(business: Frames) -> None:
    orders, items = by_id(business["service_orders"]), business["service_order_items"]
    order = orders.loc[items.order_id]
    done = order.complete_time.notna().values
    earned = ~order.order_status.isin(["cancelled", "refunded"]).values
    for table, key in (("services", "service_id"), ("service_variants", "variant_id")):
        things = by_id(business[table])
        index = things.index
        assert (things.booking_count == per(items.groupby(key).size(), index)).all()
        assert (things.completed_count == per(items[done].groupby(key).size(), index)).all()
        revenue = items[earned].groupby(key).final_price.sum()
        assert (things.revenue == per(revenue, index)).all()
    providers = by_id(business["service_providers"])
    carried = orders[orders.complete_time.notna()].groupby("assigned_provider_id").size()
    assert (providers.service_count == per(carried, providers.index)).all()
    categories = by_id(business["service_categories"])
    parent = categories.dropna(subset="parent_id")
    assert (categories.level[parent.parent_id].values + 1 == parent.level.values).all()
    assert (categories.level[categories.parent_id.isna()] == 1).all() and len(parent)
    assert (categories.level == categories.category_path.str.count("/")).all()


def test_campaigns_are_their_participations(business: Frames) -> None:
    campaigns, orders = by_id(business["marketing_campaigns"]), by_id(business["service_orders"])
    parts = business["marketing_participations"]
    assert (
        campaigns.total_participants == per(parts.groupby("campaign_id").size(), campaigns.index)
    ).all()
    bought = parts[parts.has_placed_order]
    assert (parts.order_id.notna() == parts.has_placed_order).all() and len(bought)
    totals = bought.groupby("campaign_id")
    assert (campaigns.total_orders == per(totals.size(), campaigns.index)).all()
    assert (campaigns.total_revenue == per(totals.order_amount.sum(), campaigns.index)).all()
    order = orders.loc[bought.order_id]
    assert (order.total_amount.values == bought.order_amount.values).all()
    assert (order.customer_id.fillna("").values == bought.participant_id.fillna("").values).all()
    discount = order.discount_amount.groupby(bought.campaign_id.values).sum()
    assert (campaigns.total_discount == per(discount, campaigns.index)).all()
    assert (parts.participation_time.values <= campaigns.end_time[parts.campaign_id].values).all()
    assert (parts.participation_time.values >= campaigns.start_time[parts.campaign_id].values).all()
    ran = campaigns[campaigns.status.isin(["active", "ended", "paused"])]
    assert (ran.total_participants == 0).any(), "a campaign that nobody took part in"


def test_coupons_count_redemptions_that_were_not_cancelled(business: Frames) -> None:
    coupons, orders = business["marketing_coupons"], business["service_orders"]
    coupons = coupons.set_index("coupon_code")
    uses = orders.assign(code=orders.coupon_codes.map(json.loads, na_action="ignore"))
    uses = uses.explode("code").dropna(subset="code").sort_values("order_time")
    kept = uses[uses.cancel_time.isna()]
    assert len(kept) < len(uses), "a coupon on a cancelled order"
    assert (coupons.used_count == per(kept.groupby("code").size(), coupons.index)).all()
    assert (coupons.used_count <= coupons.usage_limit).all()
    used = coupons.loc[uses.code]
    assert (used.start_time.values <= uses.order_time.values).all()
    assert (used.end_time.values >= uses.order_time.values).all()
    assert (used.min_order_amount.values <= uses.subtotal.values).all()
    last = kept.groupby("code").id.last().reindex(coupons.index)
    assert (coupons.used_order_id.fillna("") == last.fillna("")).all()
    own = coupons[~coupons.is_transferable].dropna(subset=["issued_to_user", "used_by_user"])
    assert len(own) and (own.issued_to_user == own.used_by_user).all()


def test_ab_tests_count_by_arm(business: Frames) -> None:
    tests = business["marketing_ab_tests"].dropna(subset="variant_stats")
    stats = tests.variant_stats.map(json.loads)
    people = stats.map(lambda arms: [arm["participants"] for arm in arms.values()])
    assert (people.map(sum) == tests.total_participants).all()
    assert people.map(lambda counts: 0 in counts and sum(counts) > 0).any(), "an empty arm"
    arms = tests.variant_configs.map(lambda text: list(json.loads(text)))
    assert (arms == stats.map(list)).all()


def test_customers_totals_are_their_orders(business: Frames) -> None:
    world = prepared_world(PLAN)
    orders = business["service_orders"]
    assert orders.customer_id.isna().any(), "orders of guests"
    kept = orders[orders.order_status != "cancelled"].sort_values("order_time")
    ours = kept.groupby("customer_id")
    index = world.customers.ids().to_pylist()
    assert (per(ours.size(), index).values == world.orders.orders).all()
    assert (per(ours.total_amount.sum(), index).values == world.orders.amount).all()
    assert (per(ours.total_amount.last(), index).values == world.orders.last_amount).all()
    first = pd.Series(world.orders.first_day, index=index).dropna()
    assert (first.dt.date == ours.order_time.min().dt.date[first.index]).all()
    last = pd.Series(world.orders.last_day, index=index).dropna()
    assert len(first) == len(last) == len(ours)
    assert (last.dt.date == ours.order_time.max().dt.date[last.index]).all()
