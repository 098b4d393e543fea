"""The AI domain's operations: conversations that nobody goes on with."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from orchestration.operations.running import Run
from orchestration.operations.sweeping import Due, update_due

SILENCE = timedelta(minutes=30)
ENDED = ("expired", "completed")
KEPT_AFTER_THE_END = timedelta(days=30)


def mark_idle_conversations(run: Run) -> None:
    """Mark active conversations that were silent for 30 minutes as idle."""
    conversations = run.table("ai_conversations")
    update_due(run, conversations, silent(conversations, run.as_of), status="idle")


def cleanup_expired_conversations(run: Run) -> None:
    """Archive expired and completed conversations that were left untouched for 30 days."""
    conversations = run.table("ai_conversations")
    update_due(run, conversations, untouched(conversations, run.as_of), status="archived")


def silent(conversations: sa.Table, as_of: datetime) -> Due:
    """From the thirtieth minute on; before the first message it counts from the beginning."""
    c = conversations.c
    spoken = sa.func.coalesce(c.last_message_at, c.created_at)
    return c.status == "active", spoken <= as_of - SILENCE


def untouched(conversations: sa.Table, as_of: datetime) -> Due:
    """From the thirtieth day on that brought neither a message nor another change."""
    c, since = conversations.c, as_of - KEPT_AFTER_THE_END
    return (
        c.status.in_(ENDED),
        sa.func.coalesce(c.updated_at, c.last_message_at, c.created_at) <= since,
        sa.func.coalesce(c.last_message_at, c.updated_at, c.created_at) <= since,
    )
