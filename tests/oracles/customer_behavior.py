"""Customer behaviour computed a second time: each period from its own events, session by session.

Where the models build longer periods from shorter ones and sessions from pieces, everything here
goes back to the raw events.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from oracles.base import DAY, Keyed, Raw, Row, half_up, ratio

EVER = date(1970, 1, 1)
PERIODS = ("day", "week", "month", "quarter", "year", "all_time")
PAUSE = timedelta(minutes=30)
MOST = Decimal("999.99")
Events = list[Row]


def known_events(raw: Raw) -> Events:
    """Events until the end of as_of's day whose customer and behaviour exist, with both rows."""
    customers = {row["id"]: row for row in raw.rows("customers")}
    behaviors = {row["id"]: row for row in raw.rows("customer_behavior_definitions")}
    return [
        {**event, "customer": customers[who], "behavior": behaviors[what]}
        for event in raw.rows("customer_behavior_events")
        if event["event_time"].date() <= raw.today
        and (who := event["customer_id"]) in customers
        and (what := event["behavior_id"]) in behaviors
    ]


# --- statistics --------------------------------------------------------------------------------


def first_day(period: str, day: date) -> date:
    """The first day of the period that a day lies in."""
    return {
        "day": day,
        "week": date.fromordinal(day.toordinal() - (day.toordinal() - 1) % 7),
        "month": date(day.year, day.month, 1),
        "quarter": date(day.year, {1: 1, 2: 4, 3: 7, 4: 10}[(day.month + 2) // 3], 1),
        "year": date(day.year, 1, 1),
        "all_time": EVER,
    }[period]


def behavior_statistics(raw: Raw) -> Keyed:
    """customer_behavior_statistics: every period counted from the events in it."""
    groups: dict[tuple[Any, ...], Events] = defaultdict(list)
    for event in known_events(raw):
        if event["behavior"]["enable_statistics"]:
            for period in PERIODS:
                start = first_day(period, event["event_time"].date())
                groups[event["customer_id"], event["behavior_id"], period, start].append(event)
    return {key: {**_figures(events), **_growth(key, groups)} for key, events in groups.items()}


def _figures(events: Events) -> Row:
    values = [e["event_value"] for e in events if e["event_value"] is not None]
    seconds = sum(e["duration_seconds"] or 0 for e in events)
    moments = [e["event_time"] for e in events]
    return {
        "tenant_id": events[0]["customer"]["tenant_id"],
        "event_count": len(events),
        "total_value": sum(values, Decimal(0)),
        "avg_value": ratio(sum(values, Decimal(0)), len(events), 2),
        "max_value": max(values, default=None),
        "total_duration_seconds": seconds,
        "avg_duration_seconds": ratio(seconds, len(events), 0),
        "first_event_time": min(moments),
        "last_event_time": max(moments),
    }


def _growth(key: tuple[Any, ...], groups: dict[tuple[Any, ...], Events]) -> Row:
    """Against the period that the day before belongs to."""
    *who, period, start = key
    before = groups.get((*who, period, first_day(period, start - DAY)), [])
    if period == "all_time" or not before:
        return {"growth_rate": None, "trend_direction": None}
    exact = Fraction(100 * (len(groups[key]) - len(before)), len(before))
    trend = "up" if exact > 5 else "down" if exact < -5 else "stable"
    return {"growth_rate": max(min(half_up(exact, 2), MOST), -MOST), "trend_direction": trend}


# --- sessions ----------------------------------------------------------------------------------


def sessions(raw: Raw) -> Iterator[tuple[str, Events]]:
    """Every session's id and events in order."""
    tracked: dict[tuple[str, ...], Events] = defaultdict(list)
    loose: dict[tuple[str, ...], Events] = defaultdict(list)
    for event in known_events(raw):
        who = (event["tenant_id"], event["customer_id"])
        if event["session_id"]:
            tracked[*who, event["session_id"]].append(event)
        else:
            loose[who].append(event)
    for key, events in tracked.items():
        yield key[-1], in_order(events)
    for (_, customer), events in loose.items():
        for run in runs(in_order(events)):
            yield "auto-" + digest(customer, run[0]["id"]), run


def in_order(events: Events) -> Events:
    """By time, then id."""
    return sorted(events, key=lambda event: (event["event_time"], event["id"]))


def runs(events: Events) -> list[Events]:
    """Ordered events, cut wherever more than half an hour passes."""
    found: list[Events] = []
    for event in events:
        if found and event["event_time"] - found[-1][-1]["event_time"] <= PAUSE:
            found[-1].append(event)
        else:
            found.append([event])
    return found


def digest(*parts: str) -> str:
    """A deterministic id: lengths keep shifted separators apart."""
    text = ";".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def behavior_sequences(raw: Raw) -> Keyed:
    """customer_behavior_sequences: events by id."""
    placed: Keyed = {}
    for session, events in sessions(raw):
        codes = [None, *(event["behavior"]["behavior_code"] for event in events), None]
        for number, event in enumerate(events, start=1):
            pause = None
            if number > 1:
                pause = event["event_time"] - events[number - 2]["event_time"]
            placed[event["id"],] = {
                "id": digest(event["id"], f"{event['event_time']:%Y-%m-%d %H:%M:%S}"),
                "tenant_id": event["tenant_id"],
                "customer_id": event["customer_id"],
                "session_id": session,
                "sequence_number": number,
                "behavior_id": event["behavior_id"],
                "path_context": {"previous": codes[number - 1], "next": codes[number + 1]},
                "transition_time_seconds": None if pause is None else int(pause.total_seconds()),
                "event_time": event["event_time"],
            }
    return placed


def behavior_paths(raw: Raw) -> Keyed:
    """behavior_paths: what a tenant's sessions of thirty days begin with."""
    since = raw.today - timedelta(days=29)
    walks: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for _, events in sessions(raw):
        if since <= events[0]["event_time"].date() <= raw.today:
            path = " > ".join(event["behavior"]["behavior_code"] for event in events[:5])
            walks[events[0]["tenant_id"]][path].append(events[0]["customer_id"])
    rows: Keyed = {}
    for tenant, paths in walks.items():
        total = sum(map(len, paths.values()))
        ranked = sorted(paths.items(), key=lambda walked: (-len(walked[1]), walked[0]))
        for rank, (path, customers) in enumerate(ranked[:50], start=1):
            rows[tenant, rank] = {
                "path": path,
                "step_count": path.count(" > ") + 1,
                "sessions": len(customers),
                "sessions_pct": ratio(100 * len(customers), total, 2),
                "customers": len(set(customers)),
            }
    return rows


# --- events ------------------------------------------------------------------------------------


def behavior_heatmap(raw: Raw) -> Keyed:
    """v_behavior_heatmap: a week's events by hour."""
    since = datetime.combine(raw.today - timedelta(days=6), time())
    behaviors = {row["id"]: row for row in raw.rows("customer_behavior_definitions")}
    hours: dict[tuple[Any, ...], Events] = defaultdict(list)
    for event in raw.rows("customer_behavior_events"):
        behavior, moment = behaviors.get(event["behavior_id"]), event["event_time"]
        if behavior and since <= moment < since + 7 * DAY:
            name = behavior["behavior_name"]
            hours[event["tenant_id"], name, moment.date(), moment.hour].append(event)
    return {key: _hour(events, behaviors) for key, events in hours.items()}


def _hour(events: Events, behaviors: dict[str, Row]) -> Row:
    values = [e["event_value"] for e in events if e["event_value"] is not None]
    return {
        "behavior_category": min(behaviors[e["behavior_id"]]["behavior_category"] for e in events),
        "unique_customers": len({e["customer_id"] for e in events}),
        "total_events": len(events),
        "avg_event_value": ratio(sum(values, Decimal(0)), len(values), 2),
        "total_event_value": sum(values, Decimal(0)),
    }


def behavior_events(raw: Raw) -> Keyed:
    """fct_behavior_events: every event until the end of as_of's day."""
    behaviors = {row["id"]: row for row in raw.rows("customer_behavior_definitions")}
    return {
        (event["id"],): _fact(event, behaviors.get(event["behavior_id"], {}))
        for event in raw.rows("customer_behavior_events")
        if event["event_time"].date() <= raw.today
    }


def _fact(event: Row, behavior: Row) -> Row:
    passed_on = (
        "tenant_id", "customer_id", "behavior_id", "event_name", "event_source", "event_value",
        "related_object_type", "related_object_id", "duration_seconds", "processed_at",
    )  # fmt: skip
    described = ("behavior_code", "behavior_name", "behavior_category", "behavior_type")
    taken, moment = event["processed_at"], event["event_time"]
    positive = behavior.get("is_positive")
    return {
        **{name: event[name] for name in passed_on},
        **{name: behavior.get(name) for name in described},
        "is_positive_behavior": None if positive is None else bool(positive),
        "tracker_session_id": event["session_id"],
        "event_date": moment.date(),
        "ip_network": network(event["ip_address"]),
        "province": json.loads(event["location_info"] or "{}").get("province"),
        "processing_delay_seconds": taken and int((taken - moment).total_seconds()),
        "occurred_at": moment,
    }


def network(text: str | None) -> str | None:
    """The /24 of an IPv4 address; the /48 of an IPv6 one, its three groups written out."""
    if text is None:
        return None
    address = ipaddress.ip_address(text)
    if address.version == 4:
        return str(ipaddress.ip_network(f"{address}/24", strict=False))
    groups = [f"{int(group, 16):x}" for group in address.exploded.split(":")[:3]]
    return ":".join(groups) + "::/48"


# --- what the sample data must offer, so that a comparison says something ------------------------


def traits(raw: Raw) -> Counter[str]:
    """How often the sample data holds what the models could get wrong."""
    found: Counter[str] = Counter()
    for session, events in sessions(raw):
        first, last = events[0]["event_time"], events[-1]["event_time"]
        found["auto"] += session.startswith("auto-")
        found["over midnight"] += first.date() != last.date()
        found["over a month's end"] += first.month != last.month
        found["beyond five steps"] += len(events) > 5
    found.update(_trends(behavior_statistics(raw).values()))
    return found


def _trends(rows: Iterable[Row]) -> Iterator[str]:
    for row in rows:
        yield row["trend_direction"] or "no trend"
        if row["growth_rate"] == MOST:
            yield "clamped"
