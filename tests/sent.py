"""What operations, bookings and reports really send, held to what operations/writes.py declares.

Every statement of every test is looked at, so an undeclared write fails the test that makes it.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlglot import exp, parse_one

from orchestration.operations.writes import WRITES
from orchestration.schema.record import load_record

SENDERS = ("orchestration.operations.", "orchestration.reports.", "orchestration.run_alerts")
# What a long list of values says is no other statement than a short one.
_PLACES = re.compile(r"\((?:\s*(?:%\(\w+\)s|%s|\$\d+|\?)\s*,?)+\)")
# (what is done, table, column), the column empty for whole rows.
Sent = tuple[str, str, str]
SENT: set[Sent] = set()


def listen() -> None:
    """Take down what all engines of this process send on behalf of operations."""
    sa.event.listen(sa.Engine, "before_cursor_execute", _take_down)


def _take_down(connection: sa.Connection, _cursor: Any, statement: str, *_: Any) -> None:
    if _is_theirs():
        dialect = connection.dialect.name
        SENT.update(parts(_PLACES.sub("(null)", statement), dialect))


def _is_theirs() -> bool:
    """Whether the code that asked SQLAlchemy is theirs: tests have operations of their own."""
    frame = sys._getframe(2)
    while frame is not None and frame.f_globals.get("__name__", "").startswith("sqlalchemy."):
        frame = frame.f_back
    return frame is not None and frame.f_globals.get("__name__", "").startswith(SENDERS)


@cache
def parts(statement: str, dialect: str) -> frozenset[Sent]:
    """What the statement does to recorded tables, and the secret columns that it names."""
    if not re.match(r"\s*(insert|update|delete|select|with)\b", statement, re.IGNORECASE):
        return frozenset()
    query = parse_one(re.sub(r"%\(\w+\)s|%s", "null", statement), dialect=dialect)
    return frozenset(part for part in _parts(query) if part[1] in _recorded())


def _parts(query: exp.Expression) -> Iterator[Sent]:
    if isinstance(query, exp.Insert):
        into = query.this.this if isinstance(query.this, exp.Schema) else query.this
        yield "insert", into.name, ""
        for change in query.find_all(exp.OnConflict):
            yield from (("update", into.name, c) for c in _set(change.expressions))
    elif isinstance(query, exp.Update):
        yield from (("update", query.this.name, c) for c in _set(query.expressions))
    elif isinstance(query, exp.Delete):
        yield "delete", query.this.name, ""
    named = {column.name for column in query.find_all(exp.Column)}
    for table in query.find_all(exp.Table):
        if table.name in _recorded():
            yield from (("read", table.name, c) for c in named & _secrets(table.name))


def _set(changes: list[exp.Expression]) -> Iterator[str]:
    yield from (change.this.name for change in changes if isinstance(change, exp.EQ))


@cache
def _recorded() -> frozenset[str]:
    return frozenset(table.name for table in load_record())


@cache
def _secrets(table: str) -> frozenset[str]:
    columns = load_record().table(table).stored_columns
    return frozenset(c.name for c in columns if c.classification == "secret")


@cache
def declared() -> set[Sent]:
    """The same by the declaration; of secrets only which tables may be read whole."""
    found: set[Sent] = set()
    for table, writes in WRITES.items():
        found |= {("update", table, column) for column in writes.columns}
        found |= {("insert", table, "")} if writes.inserts else set()
        found |= {("delete", table, "")} if writes.deletes else set()
        found |= {("read", table, c) for c in _secrets(table)} if writes.reads_secrets else set()
    return found


def undeclared() -> set[Sent]:
    """What was sent and is not declared."""
    return {s for s in SENT - declared() if s[0] != "read" or not _is_archived(s[1])}


def _is_archived(table: str) -> bool:
    return load_record().table(table).retention is not None


def pytest_sessionfinish() -> None:
    """As a plugin of pytest (`-p sent`): leave all that was sent in a file."""
    if file := os.environ.get("WAREHOUSE_TEST_SENT"):
        Path(file).write_text(json.dumps(sorted(SENT)))
