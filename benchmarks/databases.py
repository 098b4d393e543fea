"""Throw-away databases of benchmarks on MySQL: all that stand behind a prefix."""

from __future__ import annotations

from orchestration import database
from orchestration.settings import Settings


def drop_databases(settings: Settings) -> None:
    """Drop every database behind the settings' prefix; on DuckDB there is none."""
    if not settings.is_mysql:
        return
    assert settings.database_prefix, "refusing to drop databases without a prefix"
    with database.connect(settings) as connection:
        for name in connection.exec_driver_sql("show databases").scalars().all():
            if name.startswith(settings.database_prefix):
                connection.exec_driver_sql(f"drop database `{name}`")
