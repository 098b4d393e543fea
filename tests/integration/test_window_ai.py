"""What a build of the AI domain's incremental tables does, and leaves, on both engines.

One tenant's calls, dispatches and conversations on every other day since 16 June, and two
conversations on either side of the cohort's thirty-five days. Five builds, one after the other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from window_warehouse import WindowWarehouse

from orchestration.settings import Settings

FIRST_BUILD = datetime(2026, 6, 30, 12)
HOUR = timedelta(hours=1)
OUTSIDE, INSIDE = date(2026, 5, 25), date(2026, 5, 26)  # of the cohort that a build touches
BY_AGENT = ("tenant_id", "agent_id", "stat_date")
RELATIONS = {
    "ai_agent_platform.ai_agent_daily": BY_AGENT,
    "ai_agent_platform.ai_platform_daily": ("tenant_id", "platform_id", "stat_date"),
    "ai_agent_platform.ai_platform_metrics": (
        "tenant_id",
        "platform_id",
        "metric_type",
        "time_window",
        "recorded_at",
    ),
    "ai_agent_platform.ai_dispatch_daily": ("tenant_id", "strategy_type", "stat_date"),
    "ai_agent_platform.ai_conversation_daily": BY_AGENT,
}
NAMES = tuple(relation.split(".")[1] for relation in RELATIONS)
COMMON = {"tenant_id": "t1", "agent_id": "a1"}
NEW, GONE = {"+"}, {"-"}


@dataclass
class Talk:
    """Inserts raw rows, each with a number of its own."""

    warehouse: WindowWarehouse
    made: int = 0

    def _insert(self, table: str, moment: datetime, **values: Any) -> str:
        self.made += 1
        name = f"r{self.made}"
        self.warehouse.insert(table, {"id": name, "created_at": moment, **values})
        return name

    def agent(self, moment: datetime) -> None:
        """The tenant's agent and its two platforms."""
        owned = {"tenant_id": "t1", "created_at": moment}
        agent = {"id": "a1", "agent_name": "导诊", "config": {}, "created_by": "u1"}
        self.warehouse.insert("ai_agents", {**owned, **agent})
        for name in ("p1", "p2"):
            platform = {"platform_name": name, "platform_type": "dify", "base_url": "x"}
            secret = {"auth_type": "bearer", "auth_config": {}}
            self.warehouse.insert("ai_platforms", {**owned, "id": name, **platform, **secret})

    def call(self, moment: datetime, **values: Any) -> None:
        """A good call to p1."""
        call = {
            "request_id": "q", "platform_id": "p1", "api_endpoint": "/v1/chat",
            "request_method": "POST", "status_code": 200, "response_time": 1, "cost": "0.01",
        }  # fmt: skip
        self._insert("ai_call_logs", moment, **COMMON, **{**call, **values})

    def dispatch(self, moment: datetime, final: str = "p1") -> None:
        """A dispatch to p1 that ends on `final`."""
        self._insert(
            "ai_dispatch_logs", moment, **COMMON, request_id="q", available_platforms=[],
            selected_platform_id="p1", final_platform_id=final, dispatch_time_ms=1,
            dispatch_status="success",
        )  # fmt: skip

    def conversation(self, moment: datetime) -> str:
        """A conversation that is going on; its id."""
        name = f"c{self.made}"
        return self._insert(
            "ai_conversations", moment, **COMMON, conversation_id=name, user_id="x",
            status="active", last_message_at=moment,
        )  # fmt: skip

    def message(self, conversation: str, moment: datetime) -> None:
        """An answer that somebody liked."""
        self._insert(
            "ai_messages", moment, tenant_id="t1", message_id=f"m{self.made}", role="assistant",
            conversation_id=conversation, content="你好", user_feedback="positive",
        )  # fmt: skip

    def all_on(self, day: date, hour: int = 10) -> None:
        """A call, a dispatch and a conversation."""
        moment = datetime(day.year, day.month, day.day, hour)
        self.call(moment)
        self.dispatch(moment)
        self.conversation(moment)


def june(*numbers: int) -> list[date]:
    """Days of June 2026."""
    return [date(2026, 6, number) for number in numbers]


def days(keys: Iterable[tuple[Any, ...]]) -> list[date]:
    """The days, or the windows' starts, that keys end with; each once."""
    found = {key[-1] for key in keys}
    return sorted({day.date() if isinstance(day, datetime) else day for day in found})


@pytest.fixture(scope="module")
def talk(module_engine_settings: Settings) -> Talk:
    """Deployed, filled and built for the first time."""
    warehouse = WindowWarehouse(module_engine_settings, RELATIONS, domains=("core", "ai"))
    warehouse.deploy(FIRST_BUILD, oldest=OUTSIDE)
    talk = Talk(warehouse)
    talk.agent(datetime(2026, 1, 1))
    for day in june(*range(16, 31, 2)):
        talk.all_on(day)
    for day in (OUTSIDE, INSIDE):
        talk.conversation(datetime(day.year, day.month, day.day, 23, 59, 59))
    assert warehouse.build(FIRST_BUILD) == ()
    return talk


def test_first_build_takes_everything_and_a_replay_changes_nothing(talk: Talk) -> None:
    even = june(*range(16, 31, 2))
    found = {name: talk.warehouse.read(name) for name in NAMES}
    assert days(found["ai_agent_daily"]) == even
    assert days(found["ai_platform_daily"]) == even
    assert days(found["ai_dispatch_daily"]) == even
    assert days(found["ai_conversation_daily"]) == [OUTSIDE, INSIDE, *even]
    assert len(found["ai_platform_metrics"]) == len(even) * 2 * 6
    talk.warehouse.mark()
    assert talk.warehouse.build(FIRST_BUILD + HOUR) == ()
    assert {name: talk.warehouse.changes(name) for name in NAMES} == {name: {} for name in NAMES}


def test_late_rows_show_within_each_window_and_no_further(talk: Talk) -> None:
    """Three days for calls and dispatches, thirty-five for what became of conversations."""
    for day in june(26, 27):
        talk.call(datetime(2026, 6, day.day, 20))
        talk.dispatch(datetime(2026, 6, day.day, 20), final="p2")
    talk.call(datetime(2026, 6, 28, 23, 59, 59), status_code=503, response_time=9)
    talk.warehouse.execute(
        "delete from {prefix}ai_agent_platform.ai_call_logs where created_at >= '2026-06-30'"
    )
    talk.warehouse.execute(
        "update {prefix}ai_agent_platform.ai_conversations set status = 'archived' "
        "where created_at < '2026-06-01'"
    )
    assert talk.warehouse.build(FIRST_BUILD + 2 * HOUR) == ()
    changes = {name: talk.warehouse.changes(name) for name in NAMES}
    at = {day.day: ("t1", "a1", day) for day in june(27, 28, 30)}
    seen = changes["ai_agent_daily"]
    assert seen.keys() == set(at.values())
    assert (seen[at[27]], seen[at[30]]) == (NEW, GONE)
    assert seen[at[28]] == {
        "calls", "failed_calls", "success_rate_pct", "response_seconds_sum",
        "p95_response_seconds", "cost_cny",
    }  # fmt: skip
    (new,) = june(27)
    assert changes["ai_platform_daily"][("t1", "p1", new)] == NEW
    assert changes["ai_platform_daily"][("t1", "p2", new)] == NEW
    assert days(changes["ai_platform_daily"]) == june(27, 28, 30)
    assert days(changes["ai_platform_metrics"]) == june(27, 28, 30)
    assert changes["ai_dispatch_daily"] == {("t1", "none", new): NEW}
    assert changes["ai_conversation_daily"] == {("t1", "a1", INSIDE): {"archived_conversations"}}


def test_a_backfill_rebuilds_its_days_and_no_others(talk: Talk) -> None:
    """Start inclusive, end exclusive; also of a cohort."""
    for day in june(16, 17, 22, 23):
        talk.all_on(day, hour=20)
    window = {"start_date": "2026-06-17", "end_date": "2026-06-23"}
    assert talk.warehouse.build(FIRST_BUILD + 3 * HOUR, **window) == ()
    for name in NAMES:
        assert days(talk.warehouse.changes(name)) == june(17, 22), name


def test_a_full_refresh_finds_what_no_window_did(talk: Talk) -> None:
    """And a message that was written weeks after its conversation began counts on that day."""
    conversation = talk.conversation(datetime(2026, 5, 26, 8))
    talk.message(conversation, datetime(2026, 6, 30, 11))
    assert talk.warehouse.build(FIRST_BUILD + 4 * HOUR, "--full-refresh") == ()
    changes = {name: talk.warehouse.changes(name) for name in NAMES}
    assert days(changes["ai_agent_daily"]) == june(16, 23, 26)
    assert days(changes["ai_platform_metrics"]) == june(16, 23, 26)
    assert days(changes["ai_platform_daily"]) == june(16, 23, 26)
    assert days(changes["ai_dispatch_daily"]) == june(16, 23, 26)
    assert days(changes["ai_conversation_daily"]) == [OUTSIDE, INSIDE, *june(16, 23)]
    row = talk.warehouse.read("ai_conversation_daily")["t1", "a1", INSIDE]
    assert (row["started_conversations"], row["archived_conversations"]) == (2, 1)
    assert (row["messages"], row["positive_feedback_count"]) == (1, 1)
