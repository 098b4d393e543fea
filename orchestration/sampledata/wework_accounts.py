"""WeCom accounts and the history of their states, as integers.

The nine states are simulated for all accounts side by side: a Markov chain with a dwell time per
state. Everything else about an account follows from its history.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from orchestration.sampledata.plan import Plan
from orchestration.sampledata.random import (
    Bools,
    Indexes,
    choice_index,
    ids_of,
    rank_in_group,
    seconds_of,
    stream,
)
from orchestration.sampledata.world import Rows, World

STATES = (
    "CREATED",
    "INITIALIZING",
    "WAITING_QR",
    "WAITING_CONFIRM",
    "VERIFYING",
    "ONLINE",
    "OFFLINE",
    "ERROR",
    "RECOVERING",
)
(
    CREATED,
    INITIALIZING,
    WAITING_QR,
    WAITING_CONFIRM,
    VERIFYING,
    ONLINE,
    OFFLINE,
    ERROR,
    RECOVERING,
) = range(9)
# From a state: (next state, share, trigger, reason).
_MOVES: dict[int, tuple[tuple[int, float, str, str], ...]] = {
    CREATED: ((INITIALIZING, 1.0, "MANUAL", "管理员启动账号"),),
    INITIALIZING: (
        (WAITING_QR, 0.97, "AUTO", "实例初始化完成"),
        (ERROR, 0.03, "SYSTEM", "实例初始化失败"),
    ),
    WAITING_QR: (
        (WAITING_CONFIRM, 0.8, "CALLBACK", "二维码已扫描"),
        (OFFLINE, 0.2, "SYSTEM", "二维码过期"),
    ),
    WAITING_CONFIRM: (
        (VERIFYING, 0.9, "CALLBACK", "手机端已确认"),
        (WAITING_QR, 0.1, "AUTO", "用户取消登录"),
    ),
    VERIFYING: (
        (ONLINE, 0.93, "CALLBACK", "登录成功"),
        (ERROR, 0.07, "CALLBACK", "登录校验失败"),
    ),
    ONLINE: (
        (OFFLINE, 0.42, "HEARTBEAT_TIMEOUT", "心跳超时"),
        (OFFLINE, 0.13, "MANUAL", "管理员手动下线"),
        (OFFLINE, 0.15, "MONITOR", "监控检测到离线"),
        (ERROR, 0.3, "MONITOR", "连续错误超过阈值"),
    ),
    OFFLINE: (
        (RECOVERING, 0.6, "AUTO", "自动重连"),
        (ONLINE, 0.25, "CALLBACK", "客户端恢复连接"),
        (WAITING_QR, 0.15, "MANUAL", "重新扫码登录 🔄"),
    ),
    ERROR: (
        (RECOVERING, 0.8, "ERROR_RECOVERY", "错误后自动恢复"),
        (OFFLINE, 0.2, "SCHEDULED", "定时检查后下线"),
    ),
    RECOVERING: (
        (ONLINE, 0.85, "ERROR_RECOVERY", "恢复成功"),
        (ERROR, 0.15, "ERROR_RECOVERY", "恢复失败"),
    ),
}
_CLOSED = (OFFLINE, 0.0, "MANUAL", "租户停用")
MOVES = [move for state in range(9) for move in _MOVES[state]] + [_CLOSED]
_FIRST_MOVE = np.cumsum([0] + [len(_MOVES[s]) for s in range(9)])
# Seconds a state lasts: median and spread; ONLINE is set so that the history has its size.
_DWELL = (
    (600, 1.2),
    (2, 0.8),
    (45, 0.8),
    (15, 0.7),
    (5, 0.6),
    (0, 0.9),
    (1800, 1.3),
    (600, 1.0),
    (40, 0.8),
)
EXPECTED_SECONDS = (-1, 10, 120, 60, 30, -1, 3600, 1800, 120)


@dataclass(frozen=True)
class History:
    """Status changes, sorted by account and time. Times are wall-clock seconds.

    `move` indexes MOVES; `old` is -1 where the writer left it NULL; `duration` -1 likewise;
    `until` is when the next change came (the plan's end for the last). `id_index` numbers the ids
    so that of two changes in one second the later one has the greater id.
    """

    account: Indexes
    at: Indexes
    old: Indexes
    new: Indexes
    move: Indexes
    duration: Indexes
    until: Indexes
    id_index: Indexes

    def first_of(self, accounts: int) -> Indexes:
        """`first_of(n)[a]` is account a's first row; one entry more than accounts."""
        return np.searchsorted(self.account, np.arange(accounts + 1))


@dataclass(frozen=True)
class Accounts:
    """All accounts, their history, and what the traffic needs to know.

    `online_from`/`online_until` bound the time in which an account can have messages (0, 0 if
    it was never ONLINE); `weight` is 0 for accounts without any traffic.
    """

    rows: Rows
    history: History
    status: Indexes
    online_from: Indexes
    online_until: Indexes
    weight: np.ndarray[Any, Any]
    silent_tenant: int
    no_heartbeat: int

    def __len__(self) -> int:
        """How many accounts there are."""
        return len(self.rows)

    def online_at(self, account: Indexes, at: Indexes) -> Bools:
        """Whether each account was ONLINE at each time (seconds)."""
        history = self.history
        key = history.account * 2**34 + history.at
        position = np.searchsorted(key, account * 2**34 + at, side="right") - 1
        inside = (position >= 0) & (history.account[position] == account)
        return inside & (history.new[position] == ONLINE)


def plan_accounts(plan: Plan, world: World) -> Accounts:
    """Accounts with a history that fills wework_account_status_history to about its target."""
    rows = world.rows("wework_accounts")
    end = seconds_of(plan.end)
    born = rows.created_at.astype(np.int64)
    closed = world.closed_at.astype(np.int64)[rows.tenant]
    target = plan.rows("wework_account_status_history") / len(rows)
    life = float(np.mean(np.minimum(closed, end) - born))
    # A round trip away from ONLINE and back is a little over three changes.
    dwell = life / max((target - 6) / 3.2, 1.0)
    history = _simulate(plan, born, closed, dwell)
    history = _simulate(plan, born, closed, dwell * len(history.account) / len(rows) / target)
    silent = _silent_tenant(world, rows)
    history, special = _special(plan, world, rows, history, silent)

    first = history.first_of(len(rows))
    has_rows = first[1:] > first[:-1]
    last = np.maximum(first[1:] - 1, 0)
    status = np.where(has_rows, history.new[last], CREATED)
    online = np.flatnonzero(history.new == ONLINE)
    online_from = np.full(len(rows), 2**40)
    np.minimum.at(online_from, history.account[online], history.at[online])
    online_until = np.zeros(len(rows), dtype=np.int64)
    np.maximum.at(online_until, history.account[online], history.until[online])
    online_from[online_until == 0] = 0

    weight = world.weight[rows.tenant] * (rank_in_group(rows.tenant) + 1.0) ** -0.8
    weight[(rows.tenant == silent) | (online_until == 0)] = 0
    return Accounts(rows, history, status, online_from, online_until, weight, silent, special)


def _simulate(plan: Plan, born: Indexes, closed: Indexes, online_seconds: float) -> History:
    rng = stream(plan, "wework_account_status_history")
    account = np.arange(len(born))
    state = np.full(len(born), CREATED)
    now = born.copy()
    median = np.array([m for m, _ in _DWELL], dtype=float)
    spread = np.array([s for _, s in _DWELL])
    # The mean of a log-normal is its median × exp(σ²/2).
    median[ONLINE] = online_seconds / np.exp(spread[ONLINE] ** 2 / 2)
    steps: list[tuple[Indexes, ...]] = []
    while len(account):
        dwell = np.round(median[state] * np.exp(spread[state] * rng.standard_normal(len(account))))
        # Only an initialisation may be over within its second.
        dwell = np.maximum(dwell.astype(np.int64), np.where(state == INITIALIZING, 0, 1))
        move = np.empty(len(account), dtype=np.int64)
        for s in range(9):
            here = np.flatnonzero(state == s)
            shares = [m[1] for m in _MOVES[s]]
            move[here] = _FIRST_MOVE[s] + choice_index(rng, len(here), shares)
        at = now + dwell
        over = at > closed[account]
        # A tenant that leaves takes its accounts offline; one that stays is simply still there.
        leaving = over & (closed[account] < seconds_of(plan.end)) & (state == ONLINE)
        at = np.where(leaving, closed[account], at)
        move = np.where(leaving, len(MOVES) - 1, move)
        keep = ~over | leaving
        new = np.array([m[0] for m in MOVES])[move]
        steps.append(tuple(x[keep] for x in (account, at, state, new, move, at - now)))
        going = ~over
        account, state, now = account[going], new[going], at[going]
    account, at, old, new, move, duration = (np.concatenate(x) for x in zip(*steps, strict=True))
    order = np.lexsort((np.arange(len(at)), account))  # steps are in time order already
    return _finish(plan, *(x[order] for x in (account, at, old, new, move, duration)))


def _finish(
    plan: Plan,
    account: Indexes,
    at: Indexes,
    old: Indexes,
    new: Indexes,
    move: Indexes,
    duration: Indexes,
) -> History:
    following = np.r_[at[1:], 0]
    same = np.r_[account[1:] == account[:-1], False]
    until = np.where(same, following, seconds_of(plan.end) + 1)
    return History(account, at, old, new, move, duration, until, np.arange(len(at)))


def _silent_tenant(world: World, rows: Rows) -> int:
    """An open tenant with accounts whose accounts never get a message (not the largest)."""
    candidates = np.flatnonzero((rows.count() > 0) & world.is_open)
    return int(candidates[-1] if len(candidates) > 1 else -1)


def _special(
    plan: Plan, world: World, rows: Rows, history: History, silent: int
) -> tuple[History, int]:
    """Cut some histories, so that every state is somebody's present and odd accounts exist.

    Returns the history and the ONLINE account that never sent a heartbeat.
    """
    first = history.first_of(len(rows))
    # The last accounts of a tenant are its smallest; the first ones stay as they are.
    usable = world.is_open[rows.tenant] & (rows.tenant != silent) & (rank_in_group(rows.tenant) > 0)
    free = [int(a) for a in np.flatnonzero(usable)[::-1]]
    cut = np.zeros(len(history.at), dtype=bool)
    for account in free[:1]:  # an account without history, in CREATED for ever
        cut[first[account] : first[account + 1]] = True
    taken = set(free[:1])
    for state in (INITIALIZING, WAITING_QR, WAITING_CONFIRM, VERIFYING, OFFLINE, ERROR, RECOVERING):
        for account in free:
            own = slice(first[account], first[account + 1])
            hits = np.flatnonzero(history.new[own] == state)
            if account not in taken and len(hits):
                cut[first[account] + hits[-1] + 1 : first[account + 1]] = True
                taken.add(account)
                break
    keep = ~cut
    history = _finish(
        plan,
        *(
            x[keep]
            for x in (
                history.account,
                history.at,
                history.old,
                history.new,
                history.move,
                history.duration,
            )
        ),
    )
    old, duration = history.old.copy(), history.duration.copy()
    starts = history.first_of(len(rows))
    firsts = starts[:-1][starts[1:] > starts[:-1]]
    blank = firsts[firsts % 2 == 0]  # half of the writers did not say what came before
    old[blank], duration[blank] = -1, -1
    history = History(
        history.account,
        history.at,
        old,
        history.new,
        history.move,
        duration,
        history.until,
        _ordered_ids(plan, history),
    )
    last = np.maximum(starts[1:] - 1, 0)
    online_now = (starts[1:] > starts[:-1]) & (history.new[last] == ONLINE) & usable
    online = [int(a) for a in np.flatnonzero(online_now) if a not in taken]
    return history, (online[-1] if online else -1)


def _ordered_ids(plan: Plan, history: History) -> Indexes:
    """Ids for the rows, exchanged where two changes of one account share a second."""
    index = history.id_index.copy()
    tied = np.flatnonzero(
        (history.account[1:] == history.account[:-1]) & (history.at[1:] == history.at[:-1])
    )
    name = "wework_account_status_history"
    earlier = ids_of(plan, name, tied).to_pylist()
    later = ids_of(plan, name, tied + 1).to_pylist()
    for position, a, b in zip(tied, earlier, later, strict=True):
        if a > b:
            index[[position, position + 1]] = index[[position + 1, position]]
    return index
