"""Callback logs: what WeCom told the platform about messages, states, contacts and groups."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from orchestration.sampledata import wework_text
from orchestration.sampledata.conform import conform
from orchestration.sampledata.plan import Plan
from orchestration.sampledata.random import (
    Indexes,
    chance,
    choice,
    choice_index,
    hex_text,
    ids_of,
    join,
    json_choice,
    json_object,
    log_normal_int,
    nullable,
    nullify,
    seconds_of,
    stream,
    take,
    text,
    urls,
)
from orchestration.sampledata.wework_accounts import STATES, Accounts
from orchestration.sampledata.wework_text import Entities
from orchestration.sampledata.wework_traffic import Conversations, Members, Messages

NAME = "wework_callback_logs"
FAMILIES = ("message", "status", "contact", "group", "system", "error")
MESSAGE, STATUS, CONTACT, GROUP, SYSTEM, ERROR = range(6)
_EVENTS = (
    "receive_message",
    "message_status",
    "account_status",
    "add_external_contact",
    "change_external_chat",
    "verify_url",
    "connector_error",
)


def chunks(
    plan: Plan,
    accounts: Accounts,
    contacts: Members,
    groups: Members,
    messages: Messages,
    conversations: Conversations,
    people: Entities,
) -> Iterator[tuple[str, pa.Table]]:
    """Every status change and new contact or group since the table's start, then messages."""
    family, source, at = _sources(plan, accounts, contacts, groups, messages)
    history = accounts.history
    owner = (conversations.account[messages.conversation], history.account,
             contacts.account, groups.account)  # fmt: skip
    everyone = np.flatnonzero(accounts.online_until > 0)
    hook = urls("hooks", "wework", hex_text(stream(plan, f"{NAME}/url"), 256, 20), "?key=sample")
    for number, part in enumerate(plan.chunks(len(at))):
        rng = stream(plan, f"{NAME}/columns", number)
        kind, index, created = family[part], source[part], at[part]
        n = len(kind)
        account = everyone[rng.integers(0, len(everyone), n)]
        for which in (MESSAGE, STATUS, CONTACT, GROUP):
            mine = kind == which
            account[mine] = owner[which][index[mine]]
        sent = (kind == MESSAGE) & messages.send[np.where(kind == MESSAGE, index, 0)]
        event = np.array([0, 2, 3, 4, 5, 6])[kind] + sent
        subject = _subjects(plan, kind, index, messages, history.new, people)
        outcome = choice_index(rng, n, (95, 2.5, 0.8, 1.7))
        outcome[kind == ERROR] = 1
        answered = outcome != 2
        wait = log_normal_int(rng, n, 35, 0.9, 1, 9_000)
        unmatched = chance(rng, n, 0.01)
        body = json_object(event=take(_EVENTS, event), subject=subject)
        yield (
            NAME,
            conform(
                NAME,
                {
                    "id": ids_of(plan, NAME, np.arange(part.start, part.stop)),
                    "tenant_id": accounts.rows.tenant_ids(account),
                    "account_id": accounts.rows.pooled_ids(np.where(unmatched, -1, account)),
                    "callback_type": take(FAMILIES, kind),
                    "event_type": take(_EVENTS, event),
                    "callback_url": take(hook, account % 256),
                    "request_method": take(("POST", "GET"), np.where(kind == SYSTEM, 1, 0)),
                    "request_headers": json_choice(
                        rng, n, [{"x-signature": "sample", "user-agent": "WeCom"}], null=0.05
                    ),
                    "request_body": nullify(
                        join("<xml><![CDATA[", body, "]]></xml>"), kind != SYSTEM
                    ),
                    "response_status": nullable(
                        np.where(outcome == 1, 500, 200).astype(np.int32), answered
                    ),
                    "response_headers": json_choice(
                        rng, n, [{"content-type": "text/plain"}], null=0.5
                    ),
                    "response_body": nullify(choice(rng, n, {"success": 9, "": 1}), answered),
                    "response_time": nullable(wait, answered),
                    "processing_status": take(("success", "failed", "timeout", "ignored"), outcome),
                    "error_message": take(wework_text.ERROR_TEXTS, np.where(outcome == 1, 1, -1)),
                    "retry_count": np.where(outcome == 1, rng.integers(0, 4, n), 0),
                    "business_data": nullify(body, chance(rng, n, 0.9)),
                    "created_at": created.view("datetime64[s]"),
                },
            ),
        )


def _sources(
    plan: Plan, accounts: Accounts, contacts: Members, groups: Members, messages: Messages
) -> tuple[Indexes, Indexes, Indexes]:
    """Family, number of the row it is about (-1 none), and time, in order of time."""
    rng = stream(plan, NAME)
    since, end, total = seconds_of(plan.since(NAME)), seconds_of(plan.end), plan.rows(NAME)
    odd = max(total // 200, 4)  # system and error callbacks each
    budget = total - 2 * odd
    parts: list[tuple[int, Indexes, Indexes]] = []
    for family, times in (
        (STATUS, accounts.history.at),
        (CONTACT, contacts.created),
        (GROUP, groups.created),
    ):
        index = np.flatnonzero(times >= since)
        index = np.sort(rng.permutation(index)[: budget // 5])
        budget -= len(index)
        parts.append((family, index, times[index]))
    index = np.flatnonzero(messages.created >= since)
    index = np.sort(rng.permutation(index)[:budget])
    parts.append((MESSAGE, index, messages.created[index]))
    for family in (SYSTEM, ERROR):
        parts.append((family, np.full(odd, -1), rng.integers(since, end, odd)))
    family = np.concatenate([np.full(len(i), f) for f, i, _ in parts])
    source = np.concatenate([i for _, i, _ in parts])
    at = np.concatenate([t for _, _, t in parts])
    at = np.minimum(at + (rng.random(len(at)) < 0.2), end)  # a second's delay at most
    order = np.argsort(at, kind="stable")
    return family[order], source[order], at[order]


def _subjects(
    plan: Plan,
    kind: Indexes,
    index: Indexes,
    messages: Messages,
    states: Indexes,
    people: Entities,
) -> pa.Array:
    """What a callback is about: a message's id, a state, a contact or group; NULL for the rest."""
    pool = pa.concat_arrays([people.contact_ids(), people.group_ids(), pa.array(STATES)])
    safe = np.maximum(index, 0)
    key = np.full(len(kind), -1)
    key = np.where(kind == CONTACT, safe, key)
    key = np.where(kind == GROUP, people.contacts + safe, key)
    state = states[np.minimum(safe, len(states) - 1)]
    key = np.where(kind == STATUS, people.contacts + people.groups + state, key)
    ids = wework_text.message_ids(plan, np.where(kind == MESSAGE, index, 0))
    return pc.if_else(pa.array(kind == MESSAGE), ids, text(take(pool, key)))
