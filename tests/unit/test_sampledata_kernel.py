"""The generator's building blocks: determinism, bounds, and what conform refuses."""

from __future__ import annotations

import json
import re
from datetime import date, datetime
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from orchestration.errors import WarehouseError
from orchestration.sampledata import random as r
from orchestration.sampledata.conform import conform
from orchestration.sampledata.plan import make_plan
from orchestration.sampledata.world import build_world
from orchestration.schema.record import load_record

PLAN = make_plan("demo", 1, "2026-06-30")
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("tiny", 1, "2026-06-30"), "tiny"),
        (("demo", -1, "2026-06-30"), "-1"),
        (("demo", 1, "30.06.2026"), "30.06.2026"),
        (("demo", 1, "2038-02-01"), "2038-02-01"),
    ],
)
def test_a_bad_argument_is_named(arguments, named):
    with pytest.raises(WarehouseError) as caught:
        make_plan(*arguments)
    assert named in caught.value.message and caught.value.fix


@pytest.mark.parametrize(("scale", "low", "high"), [
    ("demo", 270_000, 330_000), ("small", 2_700_000, 3_300_000), ("bench", 20_000_000, 23_000_000),
])  # fmt: skip
def test_scales_have_their_size_and_leave_no_table_empty(scale, low, high):
    plan = make_plan(scale, 1, "2026-06-30")
    rows = {t.name: plan.rows(t.name) for t in load_record().application_tables()}
    assert low <= sum(rows.values()) <= high
    assert min(rows.values()) > 0
    assert rows["saas_tenants"] >= 20 and rows["wework_accounts"] >= 60


def test_a_table_starts_no_earlier_than_its_retention_keeps():
    bench = make_plan("bench", 1, "2026-06-30")
    assert bench.since("wework_callback_logs") == datetime(2026, 3, 31)
    assert bench.since("wework_contacts") == bench.start
    assert make_plan("small", 1, date(2026, 5, 31)).since("ai_call_logs").month == 12


def test_streams_depend_on_seed_scale_name_and_chunk_only():
    def first(plan, name="x", chunk=0):
        return int(r.stream(plan, name, chunk).integers(2**63))

    again = make_plan("demo", 1, "2025-01-01")
    assert first(PLAN) == first(again)
    others = [first(make_plan("demo", 2, "2026-06-30")), first(make_plan("small", 1, "2026-06-30"))]
    others += [first(PLAN, "y"), first(PLAN, "x", 1)]
    assert len({first(PLAN), *others}) == 5


def test_ids_are_uuids_stay_the_same_and_never_collide():
    ids = r.ids_of(PLAN, "customers", np.arange(200_000)).to_pylist()
    assert len(set(ids)) == len(ids)
    assert all(UUID.fullmatch(i) for i in ids[:500])
    assert r.ids_of(PLAN, "customers", np.array([7, -1])).to_pylist() == [ids[7], None]
    assert r.ids_of(PLAN, "saas_users", np.array([7]))[0].as_py() != ids[7]
    assert all(UUID.fullmatch(i) for i in r.uuids(r.stream(PLAN, "u"), 100).to_pylist())


def test_apportion_sums_up_and_keeps_the_least():
    parts = r.apportion(101, r.zipf_weights(10), least=2)
    assert parts.sum() == 101 and parts.min() >= 2 and (np.diff(parts) <= 0).all()
    with pytest.raises(ValueError, match="cannot give"):
        r.apportion(5, r.zipf_weights(10), least=1)


def test_rhythm_keeps_bounds_prefers_office_hours_and_skips_quiet_days():
    beat = r.rhythm(PLAN.start, PLAN.end, growth=2.0, quiet=[date(2026, 4, 7)])
    times = beat.times(r.stream(PLAN, "t"), 40_000)
    assert times.min() >= np.datetime64(PLAN.start) and times.max() <= np.datetime64(PLAN.end)
    assert not (times.astype("datetime64[D]") == np.datetime64("2026-04-07")).any()
    hour = times.astype("datetime64[h]").astype(int) % 24
    assert (hour == 10).sum() > 10 * (hour == 3).sum() > 0
    weekday = (times.astype("datetime64[D]").astype(int) + 3) % 7
    assert (weekday == 1).sum() > 1.5 * (weekday == 6).sum()
    middle = np.datetime64("2026-05-01")
    assert (times > middle).sum() > 1.2 * (times < middle).sum()
    low = np.array(["2026-04-07T01:00", "2026-05-04T09:00"], "datetime64[s]")
    between = beat.between(r.stream(PLAN, "b"), low, low + np.timedelta64(3600, "s"))
    assert between[0] == low[0]
    assert low[1] <= between[1] <= low[1] + np.timedelta64(3600, "s")


def test_decimals_are_exact_below_zero_too():
    values = r.decimals(np.array([1234, -5, 0]), 10, 2, np.array([True, True, False]))
    assert values.to_pylist() == [Decimal("12.34"), Decimal("-0.05"), None]


def test_json_is_json_whatever_the_text_holds():
    pool = r.sentence_pool()
    made = r.json_object(
        text=pool, code=r.take(["a", "b"], np.arange(len(pool)) % 3 - 1), n=np.arange(len(pool)),
        flag=True, nested=r.Raw(r.addresses(r.stream(PLAN, "a"), len(pool))),
    )  # fmt: skip
    for raw, text in zip(made.to_pylist(), pool.to_pylist(), strict=True):
        parsed = json.loads(raw)
        assert parsed["text"] == text
    assert parsed["flag"] is True and set(parsed["nested"]) == {
        "province", "city", "district", "detail",
    }  # fmt: skip
    assert json.loads(made[0].as_py())["code"] is None
    assert any(ord(c) > 0xFFFF for text in pool.to_pylist() for c in text)
    assert any("\t" in t for t in pool.to_pylist()) and any("\\" in t for t in pool.to_pylist())


def test_unique_phones_and_emails_are_unique():
    index = np.arange(50_000)
    assert len(r.unique_phones(index).unique()) == len(index)
    assert len(r.unique_emails(r.stream(PLAN, "e"), index).unique()) == len(index)


def test_the_world_is_one_tenants_rows_after_another():
    world = build_world(PLAN)
    for table in ("saas_users", "customers", "ai_agents", "wework_accounts"):
        rows = world.rows(table)
        assert len(rows) == PLAN.rows(table)
        assert (np.diff(rows.tenant) >= 0).all()
        assert (rows.created_at >= world.created_at[rows.tenant]).all()
        assert (rows.created_at <= world.closed_at[rows.tenant]).all()
    picked = world.users.pick(
        r.stream(PLAN, "p"), np.arange(world.tenant_count), at=world.created_at
    )
    assert (world.users.tenant[picked] == np.arange(world.tenant_count)).all()
    assert (world.users.created_at[picked] == world.created_at).all()
    nobody = world.rows("ai_agents").pick(r.stream(PLAN, "p"), np.flatnonzero(~world.uses["ai"]))
    assert (nobody == -1).all() and not world.is_open.all()
    assert world.is_open[0] and all(used[0] for used in world.uses.values())


NOW = np.array(["2026-06-01T10:00:00"], "datetime64[s]")
ROLE = {"id": pa.array(["r"]), "tenant_id": pa.array(["t"]), "role_code": "x"}
ROLE |= {"role_name": "x", "created_at": NOW}


def test_conform_fills_defaults_nulls_and_updated_at():
    made = conform("saas_roles", ROLE)
    assert made.column_names == [c.name for c in load_record().table("saas_roles").stored_columns]
    assert made["updated_at"] == made["created_at"]
    row = made.to_pylist()[0]
    for column in load_record().table("saas_roles").columns:
        if column.name not in ROLE and column.default is None:
            assert row[column.name] is None


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"nonsense": "x"}, "no column nonsense"),
        ({"role_code": None}, "saas_roles.role_code must not be NULL"),
        ({"role_code": "x" * 60}, "saas_roles.role_code: 60 long"),
        ({"status": "nope"}, "saas_roles.status"),
        ({"tenant_id": pa.array(["a", "b"])}, "differ in length"),
        ({"created_at": None}, ""),
    ],
)
def test_conform_names_what_does_not_fit(more, message):
    if not message:
        columns = {k: v for k, v in ROLE.items() if k != "created_at"}
        message = "saas_roles.created_at has the moment of writing"
    else:
        columns = ROLE | more
    with pytest.raises(ValueError, match=re.escape(message)):
        conform("saas_roles", columns)
