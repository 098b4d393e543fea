"""The WeCom sample data agree with themselves: counters, histories, receipts, correspondents."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from orchestration.sampledata.generate import domain_frames
from orchestration.sampledata.plan import make_plan
from orchestration.sampledata.wework_traffic import quiet_day
from orchestration.schema.record import load_record

PLAN = make_plan("demo", 1, "2026-06-30")
END = pd.Timestamp(PLAN.end)


@pytest.fixture(scope="module")
def frames():
    return {name: table.to_pandas() for name, table in domain_frames(PLAN, "wework").items()}


@pytest.fixture(scope="module")
def messages(frames):
    return frames["wework_message_records"]


def per(frame, key, **figures):
    return frame.groupby(key).agg(**figures)


def test_every_table_has_about_its_rows(frames):
    for table in load_record().of_domains(["wework"]).application_tables():
        assert len(frames[table.name]) == pytest.approx(PLAN.rows(table.name), rel=0.1)


def test_a_conversations_counters_are_those_of_its_messages(frames, messages):
    found = frames["wework_conversations"].set_index("conversation_id")
    sent = messages[messages.direction == "send"].groupby("conversation_id").size()
    every = messages.groupby("conversation_id").size()
    expected = pd.DataFrame({"total": every, "sent": sent}).reindex(found.index).fillna(0)
    assert (found.total_messages == expected.total).all()
    assert (found.sent_messages == expected.sent).all()
    assert (found.received_messages == expected.total - expected.sent).all()
    assert (found.unread_count <= found.received_messages).all()
    some = found[found.total_messages > 0]
    assert 0 < len(some) < len(found)
    newest = messages.groupby("conversation_id").created_at.agg(["min", "max"])
    assert (some.last_message_at == newest.loc[some.index, "max"]).all()
    assert (some.first_message_at == newest.loc[some.index, "min"]).all()
    last = messages.set_index("id").loc[some.last_message_id]
    assert (last.content.to_numpy() == some.last_message_content.to_numpy()).all()
    assert (last.conversation_id.to_numpy() == some.index.to_numpy()).all()
    assert (last.created_at.to_numpy() == some.last_message_at.to_numpy()).all()
    none = found[found.total_messages == 0]
    assert none.last_message_id.isna().all() and (none.last_message_at == none.created_at).all()


def test_an_accounts_totals_are_those_of_its_messages(frames, messages):
    found = frames["wework_accounts"].set_index("id")
    send = messages[messages.direction == "send"]
    good = send[send.send_status.isin(["sent", "delivered", "read"])]

    def count(rows):
        return rows.groupby("account_id").size().reindex(found.index).fillna(0)

    assert (found.total_messages == count(messages)).all()
    assert (found.successful_messages == count(good)).all()
    assert (found.failed_messages == count(send[send.send_status == "failed"])).all()
    rate = (100 * count(good) / count(send)).fillna(0)
    assert np.allclose(found.message_success_rate.astype(float), rate, atol=0.00501)
    mean = send.groupby("account_id").response_time_ms.mean().reindex(found.index)
    assert np.allclose(
        found.avg_message_response_time.astype(float), mean.fillna(0) / 1000, atol=0.000501
    )


def test_history_is_a_chain_that_ends_in_the_accounts_status(frames):
    history = frames["wework_account_status_history"].copy()
    history = history.sort_values(["account_id", "created_at", "id"])
    before = history.groupby("account_id").shift()
    later = before.new_status.notna()
    assert (history.old_status[later] == before.new_status[later]).all()
    seconds = (history.created_at - before.created_at).dt.total_seconds()
    assert (history.duration_seconds[later] == seconds[later]).all()
    first = history[~later]
    assert first.old_status.isna().any() and (first.old_status.dropna() == "CREATED").all()
    assert (history.old_status[later] != history.new_status[later]).all()
    ties = (history.created_at == before.created_at) & later
    assert ties.any(), "no two changes of an account in one second: the id decides there"

    accounts = frames["wework_accounts"].set_index("id")
    last = history.groupby("account_id").tail(1).set_index("account_id").new_status
    status = accounts.status
    assert (status.reindex(last.index) == last).all()
    without = status.drop(last.index)
    assert len(without) > 0 and (without == "CREATED").all()
    assert len(set(status)) == 9, "a state in which nobody is"
    born = accounts.created_at.reindex(history.account_id).to_numpy()
    assert (history.created_at.to_numpy() >= born).all() and history.created_at.max() <= END
    online = history.assign(until=history.groupby("account_id").created_at.shift(-1))
    online = online[online.new_status == "ONLINE"]
    hours = (online.until.fillna(END) - online.created_at).dt.total_seconds() / 3600
    total = hours.groupby(online.account_id).sum().reindex(accounts.index).fillna(0)
    assert np.allclose(accounts.online_duration_hours.astype(float), total, atol=0.00501)
    falls = (history.new_status == "OFFLINE").groupby(history.account_id).sum()
    assert (accounts.offline_count == falls.reindex(accounts.index).fillna(0)).all()


def test_odd_accounts_exist(frames, messages):
    accounts = frames["wework_accounts"]
    status = accounts.status
    assert ((status == "ONLINE") & accounts.last_heartbeat_time.isna()).sum() == 1
    stale = accounts.last_heartbeat_time < END - pd.Timedelta(minutes=2)
    assert ((status == "ONLINE") & stale).any()
    silent = set(accounts.tenant_id) - set(messages.tenant_id)
    online = set(accounts.tenant_id[status == "ONLINE"])
    assert silent & online, "no tenant whose accounts are up and write nothing"
    shares = messages.tenant_id.value_counts(normalize=True)
    assert shares.iloc[0] > 3 * shares.median()


def test_both_sides_of_a_message_are_the_accounts_own(frames, messages):
    accounts = frames["wework_accounts"].set_index("id")
    contacts, groups = frames["wework_contacts"], frames["wework_groups"]
    send = messages.direction == "send"
    assert (messages.from_type[send] == "user").all() and (messages.to_type[~send] == "user").all()
    own = messages.from_id.where(send, messages.to_id)
    user = accounts.wework_user_id.reindex(messages.account_id).to_numpy()
    assert (own.to_numpy() == user).all()
    other = messages.to_id.where(send, messages.from_id)
    kind = messages.to_type.where(send, messages.from_type)
    pairs = pd.Series(list(zip(messages.account_id, other, strict=True)))
    known = {
        "contact": set(zip(contacts.account_id, contacts.wework_contact_id,
                           strict=True)),
        "group": set(zip(groups.account_id, groups.wework_group_id, strict=True)),
    }  # fmt: skip
    for name, members in known.items():
        assert pairs[(kind == name).to_numpy()].isin(members).all()
    assert set(kind) == {"contact", "group", "system"}
    conversations = frames["wework_conversations"].set_index("conversation_id")
    target = conversations.target_id.reindex(messages.conversation_id)
    assert (target.to_numpy() == other.to_numpy()).all()
    tenant = accounts.tenant_id.reindex(messages.account_id)
    assert (tenant.to_numpy() == messages.tenant_id.to_numpy()).all()

    counted = per(messages[kind == "contact"].assign(other=other), ["account_id", "other"],
                  n=("id", "size"), last=("created_at", "max"))  # fmt: skip
    mine = contacts.set_index(["account_id", "wework_contact_id"])
    mine.index = mine.index.set_names(["account_id", "other"])
    joined = mine[["message_count", "last_message_at"]].join(counted)
    assert (joined.message_count == joined.n.fillna(0)).all()
    assert joined.last_message_at.equals(joined["last"])


def test_status_and_moments_of_messages_agree(messages):
    send = messages.direction == "send"
    status = messages.send_status
    assert (status[~send] == "pending").all()
    accepted = send & status.isin(["sent", "delivered", "read", "recalled"])
    assert messages.sent_at.notna().equals(accepted)
    assert messages.delivered_at.notna().equals(send & status.isin(["delivered", "read"]))
    assert messages.read_at.notna().equals(send & (status == "read"))
    assert messages.recalled_at.notna().equals(send & (status == "recalled"))
    assert messages.error_code.notna().equals(send & (status == "failed"))
    assert not (messages.delivered_at < messages.sent_at).any()
    assert not (messages.read_at < messages.delivered_at).any()
    assert not (messages.recalled_at < messages.sent_at).any()
    for column in ("created_at", "sent_at", "delivered_at", "read_at", "recalled_at"):
        assert messages[column].max() <= END
    assert set(status[send]) == {"pending", "sending", "sent", "delivered", "read", "failed",
                                 "recalled"}  # fmt: skip
    next_day = messages.delivered_at.dt.date > messages.sent_at.dt.date
    assert next_day.sum() > 100
    late = messages.created_at > messages.sent_at + pd.Timedelta(hours=5)
    assert 0.002 < late.sum() / accepted.sum() < 0.05
    assert messages.response_time_ms[~send].isna().all()
    assert messages.response_time_ms[accepted].isna().any()


def test_traffic_has_a_rhythm_growth_and_a_day_without_anything(messages):
    days = messages.groupby(messages.created_at.dt.date).size()
    assert quiet_day(PLAN) not in days.index
    assert len(days) == (PLAN.end - PLAN.start).days
    hour = messages.created_at.dt.hour
    assert (hour == 10).sum() > 5 * (hour == 4).sum() > 0
    half = PLAN.start + (PLAN.end - PLAN.start) / 2
    assert (messages.created_at > half).sum() > 1.2 * (messages.created_at < half).sum()


def test_groups_and_members_agree(frames):
    groups = frames["wework_groups"].set_index("id")
    members = frames["wework_group_members"]
    active = members.status == "active"
    assert members.left_at.isna().equals(active)
    assert not (members.left_at < members.joined_at).any()
    owners = members[(members.role == "owner") & active]
    assert (owners.groupby("group_id").size().reindex(groups.index) == 1).all()
    owner = owners.set_index("group_id").member_wework_id.reindex(groups.index)
    named = groups.owner_id.notna()
    assert (groups.owner_id[named] == owner[named]).all() and named.any()
    counted = members[active].groupby("group_id").size().reindex(groups.index)
    assert (counted == groups.member_count).mean() > 0.9
    wrote = members.groupby("group_id").message_count.sum()
    assert (wrote.reindex(groups.index) <= groups.message_count).all()
    contacts = set(frames["wework_contacts"].wework_contact_id)
    assert 0.1 < members.member_wework_id.isin(contacts).mean() < 0.9


def test_alerts_are_resolved_in_order_and_open_once(frames):
    alerts = frames["wework_account_alerts"]
    status = alerts.status
    assert alerts.resolved_at.notna().equals(status == "resolved")
    assert not (alerts.resolved_at < alerts.first_occurred_at).any()
    assert not (alerts.last_occurred_at < alerts.first_occurred_at).any()
    assert not (alerts.acknowledged_at < alerts.first_occurred_at).any()
    assert (
        (alerts.occurrence_count == 1) == (alerts.last_occurred_at == alerts.first_occurred_at)
    ).all()
    still = alerts[status != "resolved"]
    assert len(still) > 0 and not still.duplicated(["account_id", "alert_type"]).any()
    timeouts = frames["wework_account_status_history"]
    timeouts = timeouts[timeouts.trigger_type == "HEARTBEAT_TIMEOUT"]
    caused = set(zip(timeouts.account_id, timeouts.created_at, strict=True))
    raised = alerts[alerts.alert_type == "heartbeat_timeout"]
    pairs = pd.Series(list(zip(raised.account_id, raised.first_occurred_at, strict=True)))
    assert pairs.isin(caused).mean() > 0.5


def test_callbacks_mirror_messages_and_states(frames, messages):
    logs = frames["wework_callback_logs"]
    family = logs.callback_type
    assert set(family) == {"message", "status", "contact", "group", "system", "error"}
    assert logs.created_at.min() >= pd.Timestamp(PLAN.since("wework_callback_logs"))
    bodies = logs.business_data[(family == "message") & logs.business_data.notna()]
    subjects = bodies.map(lambda body: json.loads(body)["subject"])
    assert subjects.isin(set(messages.message_id)).all()
    states = logs.business_data[(family == "status") & logs.business_data.notna()]
    named = {json.loads(body)["subject"] for body in states}
    assert named <= set(frames["wework_account_status_history"].new_status)
    assert logs.account_id.isna().any()
    answered = logs.processing_status != "timeout"
    assert logs.response_status.notna().equals(answered)


def test_text_has_four_byte_characters_and_nullable_columns_have_nulls(frames, messages):
    assert messages.content.map(lambda t: any(ord(c) > 0xFFFF for c in t)).any()
    names = frames["wework_contacts"].contact_name
    assert names.map(lambda t: any(ord(c) > 0xFFFF for c in t)).any()
    never = {
        # the platform always knows them
        "from_id", "created_at", "updated_at", "callback_url", "health_score", "created_by",
    }  # fmt: skip
    for table in load_record().of_domains(["wework"]).application_tables():
        for column in table.stored_columns:
            if column.nullable and column.default is None and column.name not in never:
                values = frames[table.name][column.name]
                assert values.notna().any(), (table.name, column.name)
                if len(values) > 100:
                    assert values.isna().any(), (table.name, column.name)
