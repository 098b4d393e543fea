"""Dagster's SQLite storage, with the event log's files kept open: `storage` in dagster.yaml.

A daily build plans some 1,300 assets and checks before its first step, and tells of each again
afterwards. For each Dagster opens two or three files, waits for the disk, and closes them, upon
which SQLite writes its log back and waits again. Files that stay open and the log's own order
(`synchronous = normal`, which a killed process loses nothing by) need none of that.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import sqlalchemy as sa
from dagster import EventLogEntry
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClassData
from sqlalchemy.pool import StaticPool

# Of so many runs at once; one more lets go of the one that was asked for longest ago.
OPEN_FILES = 16


class OpenEventLog(SqliteEventLogStorage):
    """Dagster's event log in SQLite, a file a run and one over all, kept open."""

    def __init__(self, base_dir: str) -> None:
        """Open the folder `base_dir`, made if missing."""
        self._engines: OrderedDict[str, sa.Engine] = OrderedDict()
        super().__init__(base_dir)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[sa.Connection]:
        # The lock is the parent's, and held throughout: one thread at a time has the connection.
        with self._db_lock, self._engine(shard).begin() as connection:
            yield connection

    def store_event(self, event: EventLogEntry) -> None:
        """Write an event, and touch its run's file.

        Who watches a run (its page does) waits for that file to change, and what is written to a
        file that stays open grows beside it.
        """
        super().store_event(event)
        os.utime(self.path_for_shard(event.run_id))

    def _engine(self, shard: str) -> sa.Engine:
        if shard in self._engines and Path(self.path_for_shard(shard)).exists():
            self._engines.move_to_end(shard)
            return self._engines[shard]
        engine = sa.create_engine(
            self.conn_string_for_shard(shard),
            poolclass=StaticPool,
            connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
        )
        sa.event.listen(engine, "connect", _wait_for_no_disk)
        self._initdb(engine)
        self._engines[shard] = engine
        while len(self._engines) > OPEN_FILES:
            self._engines.popitem(last=False)[1].dispose()
        return engine

    def dispose(self) -> None:
        """Let go of all files."""
        with self._db_lock:
            while self._engines:
                self._engines.popitem()[1].dispose()
        super().dispose()


class OpenSqliteStorage(DagsterSqliteStorage):
    """Dagster's own storage in a folder, with the event log above."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        """Open the folder `base_dir`: history/ and schedules/ under it, as Dagster has them."""
        super().__init__(base_dir, inst_data)
        self._event_log_storage.dispose()
        self._event_log_storage = OpenEventLog(str(Path(base_dir) / "history" / "runs"))

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> Self:
        """As `storage` in dagster.yaml asks for it."""
        return cls(inst_data=inst_data, **config_value)


def _wait_for_no_disk(connection: Any, _: Any) -> None:
    connection.execute("pragma synchronous = normal")
