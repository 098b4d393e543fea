"""WeCom contacts, groups, conversations and messages, as integers; text is made per chunk later.

A *target* is the other side of a conversation: one number over all contacts, then all groups, then
one system notifier per account.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np

from orchestration.sampledata.plan import Plan
from orchestration.sampledata.random import (
    DAY,
    Bools,
    Indexes,
    Rhythm,
    apportion,
    chance,
    choice_index,
    log_normal_int,
    rhythm,
    seconds_of,
    stream,
)
from orchestration.sampledata.wework_accounts import Accounts
from orchestration.sampledata.world import World

MESSAGES = "wework_message_records"
TYPES = ("text", "image", "file", "voice", "video", "location", "card", "system")
_TYPE_SHARES = (72, 10, 4, 5, 2, 1, 6)
SYSTEM = len(TYPES) - 1
SEND_STATUSES = ("pending", "sending", "sent", "delivered", "read", "failed", "recalled")
PENDING, SENDING, SENT, DELIVERED, READ, FAILED, RECALLED = range(7)
CONTACT, GROUP, NOTICE = range(3)
# Seconds; larger than any time, so (group, time) sorts as one number.
_FAR = 2**34


@dataclass(frozen=True)
class Members:
    """Contacts or groups: which account they belong to (sorted) and since when (seconds)."""

    account: Indexes
    created: Indexes

    def first_of(self, accounts: int) -> Indexes:
        """`first_of(n)[a]` is account a's first row; one entry more than accounts."""
        return np.searchsorted(self.account, np.arange(accounts + 1))


@dataclass(frozen=True)
class Conversations:
    """Conversations by number: `target` counts within contacts, groups or accounts by `kind`."""

    account: Indexes
    kind: Indexes
    target: Indexes
    created: Indexes


@dataclass(frozen=True)
class Messages:
    """All messages in order of `created` (written). Times in seconds, 0 = NULL."""

    conversation: Indexes
    created: Indexes
    send: Bools
    kind: Indexes
    status: Indexes
    scheduled: Indexes
    sent: Indexes
    delivered: Indexes
    read: Indexes
    recalled: Indexes
    response_ms: Indexes  # -1 = NULL

    def __len__(self) -> int:
        """How many messages there are."""
        return len(self.created)


def plan_members(plan: Plan, accounts: Accounts, table: str, later: int) -> Members:
    """`plan.rows(table)` contacts or groups over the accounts that were ever ONLINE.

    An account's first ones come from the address book at its first login, the rest one by one.
    """
    rng = stream(plan, table)
    ever = np.flatnonzero(accounts.online_until > 0)
    # The silent tenant has contacts too, it just does not write to them.
    weight = np.maximum(accounts.weight[ever], accounts.weight.max() / 40) ** 0.8
    total = plan.rows(table)
    counts = apportion(total, weight, least=1 if total >= 2 * len(ever) else 0)
    account = np.repeat(ever, counts)
    low = accounts.online_from[account] + later
    share = np.where(chance(rng, total, 0.3), 0.0, rng.random(total) ** 0.8)
    span = np.maximum(accounts.online_until[account] - 1 - low, 0)
    created = low + np.floor(share * span).astype(np.int64)
    created = np.minimum(created + rng.integers(0, 600, total), seconds_of(plan.end))
    created = np.sort(account * _FAR + created) - account * _FAR
    return Members(account, created)


def plan_conversations(
    plan: Plan, accounts: Accounts, contacts: Members, groups: Members
) -> Conversations:
    """One with the system per account, about a fifth with groups, the rest with contacts."""
    rng = stream(plan, "wework_conversations")
    total = plan.rows("wework_conversations")
    speaks = accounts.weight > 0
    system = np.flatnonzero(speaks)[:total]
    of_group = _some(rng, np.flatnonzero(speaks[groups.account]), (total - len(system)) // 5)
    rest = total - len(system) - len(of_group)
    of_contact = _some(rng, np.flatnonzero(speaks[contacts.account]), rest)
    account = np.concatenate([contacts.account[of_contact], groups.account[of_group], system])
    kind = np.repeat([CONTACT, GROUP, NOTICE], [len(of_contact), len(of_group), len(system)])
    target = np.concatenate([of_contact, of_group, system])
    born = np.concatenate(
        [contacts.created[of_contact], groups.created[of_group], accounts.online_from[system]]
    )
    created = np.minimum(born + rng.integers(0, 3 * DAY, total), seconds_of(plan.end))
    return Conversations(account, kind, target, np.maximum(created, born))


def _some(rng: np.random.Generator, candidates: Indexes, count: int) -> Indexes:
    return np.sort(rng.permutation(candidates)[:count])


def plan_messages(
    plan: Plan, world: World, accounts: Accounts, conversations: Conversations
) -> Messages:
    """`plan.rows` messages: whose, when, which way, of what kind, and what became of them."""
    rng = stream(plan, MESSAGES)
    conversation, created = _when(plan, rng, accounts, conversations)
    kind = conversations.kind[conversation]
    send = chance(rng, len(created), np.array([0.56, 0.38, 0.0])[kind])
    types = choice_index(rng, len(created), _TYPE_SHARES).astype(np.int8)
    types[kind == NOTICE] = SYSTEM
    notices = (kind == GROUP) & ~send & chance(rng, len(created), 0.03)  # "… joined the group"
    types[notices] = SYSTEM
    return _fates(plan, rng, accounts, conversations, conversation, created, send, types)


def _when(
    plan: Plan, rng: np.random.Generator, accounts: Accounts, conversations: Conversations
) -> tuple[Indexes, Indexes]:
    """Conversation and time of each message, by time; some conversations stay empty."""
    since = seconds_of(plan.since(MESSAGES))
    low = np.maximum(conversations.created, since)
    high = np.minimum(accounts.online_until[conversations.account] - 1, seconds_of(plan.end))
    # Talk dies down: two in five conversations end before the account does.
    life = np.where(chance(rng, len(low), 0.4), rng.random(len(low)) ** 2, 1.0)
    high = np.where(high > low, low + (life * (high - low)).astype(np.int64), high)
    weight = accounts.weight[conversations.account] * np.exp(1.1 * rng.standard_normal(len(low)))
    weight *= np.array([1.0, 4.0, 0.3])[conversations.kind] * np.maximum(high - low, 0)
    counts = apportion(plan.rows(MESSAGES), weight)
    conversation = np.repeat(np.arange(len(low), dtype=np.int32), counts)
    beat = _beat(plan)
    at = beat.between(
        rng, low[conversation].view("datetime64[s]"), high[conversation].view("datetime64[s]")
    ).astype(np.int64)
    order = np.argsort(at, kind="stable")
    return conversation[order], at[order]


def quiet_day(plan: Plan) -> Any:
    """The day on which the platform was down and nobody wrote anything."""
    return (plan.start + timedelta(days=40)).date()


def _beat(plan: Plan) -> Rhythm:
    return rhythm(plan.since(MESSAGES), plan.end, growth=1.8, quiet=[quiet_day(plan)])


def _fates(
    plan: Plan,
    rng: np.random.Generator,
    accounts: Accounts,
    conversations: Conversations,
    conversation: Indexes,
    created: Indexes,
    send: Bools,
    types: Indexes,
) -> Messages:
    rows, end = len(created), seconds_of(plan.end)
    account = conversations.account[conversation]
    # pending, sending, sent, delivered, read, failed, recalled
    status = choice_index(rng, rows, (0.3, 0.1, 18, 27, 50, 3.4, 1.2)).astype(np.int8)
    status[(status <= SENDING) & (created < end - 3600)] = SENT
    down = send & ~accounts.online_at(account, created)
    status[down] = FAILED
    status[~send] = PENDING  # the column's default; nothing is sent
    # Late rows: written hours or days after WeCom handled the message (a connector caught up).
    is_late = send & (status != FAILED) & chance(rng, rows, 0.012)
    lag = np.where(is_late, rng.integers(6 * 3600, 3 * DAY, rows), 0)
    happened = np.maximum(created - lag, np.minimum(conversations.created[conversation], created))
    # Some are written ahead and go out when they are due.
    ahead = send & ~is_late & (status != FAILED) & chance(rng, rows, 0.03)
    scheduled = np.where(ahead, created + 600 * rng.integers(1, 150, rows), 0)
    went = np.where(ahead, scheduled, happened) + rng.integers(0, 3, rows)
    status[(went > end) & send & (status != FAILED)] = PENDING
    newest = np.flatnonzero(send & ~down & ~ahead)[-3:]
    status[newest] = (PENDING, PENDING, SENDING)[-len(newest) :]

    reached = went + log_normal_int(rng, rows, 3, 1.0, 0, 3600)
    overnight = chance(rng, rows, 0.04)  # the phone was off until the next day
    reached = np.where(overnight, went + rng.integers(10 * 3600, 34 * 3600, rows), reached)
    opened = reached + log_normal_int(rng, rows, 900, 1.6, 1, 3 * DAY)
    took_back = went + rng.integers(3, 121, rows)
    status[(status == READ) & (opened > end)] = DELIVERED
    status[(status == DELIVERED) & (reached > end)] = SENT
    status[(status == RECALLED) & (took_back > end)] = SENT
    accepted = send & np.isin(status, (SENT, DELIVERED, READ, RECALLED))
    arrived = send & np.isin(status, (DELIVERED, READ))

    # Slow accounts are slow throughout; unanswered sends have no response time.
    slow = np.exp(0.4 * rng.standard_normal(len(accounts)))[account]
    response = log_normal_int(rng, rows, 320, 0.8, 20, 60_000) * slow
    answered = send & (status > SENDING) & ~down & chance(rng, rows, 0.96)
    return Messages(
        conversation=conversation,
        created=created,
        send=send,
        kind=types,
        status=status,
        scheduled=scheduled,
        sent=np.where(accepted, went, 0),
        delivered=np.where(arrived, reached, 0),
        read=np.where(send & (status == READ), opened, 0),
        recalled=np.where(send & (status == RECALLED), took_back, 0),
        response_ms=np.where(answered, np.minimum(response, 60_000), -1).astype(np.int32),
    )
