"""What relations show under a masking key: their rows, with the raw value for each pseudonym."""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from orchestration import database
from orchestration.schema.record import load_record
from orchestration.settings import Settings

# All that dbt makes; what is in warehouse_audit are keys of rows.
HOMES = ("warehouse", "warehouse_staging", "warehouse_audit")


def with_key(settings: Settings, key: str) -> Settings:
    """The settings, once the key is in place."""
    return replace(settings, environment={**settings.environment, "WAREHOUSE_MASK_KEY": key})


@dataclass(frozen=True)
class Shown:
    """Rows by relation, raw values in them; how many pseudonyms stood in which columns."""

    rows: Mapping[str, Counter[tuple[str, ...]]]
    masked: Mapping[str, Counter[str]]

    @property
    def columns(self) -> dict[str, set[str]]:
        """The columns with pseudonyms, by relation."""
        return {name: set(found) for name, found in self.masked.items() if found}


def shown(settings: Settings, key: str, other: str) -> Shown:
    """All rows by this key; AssertionError where there is a pseudonym of the other one."""
    raw = _raw_values(settings)
    known, foreign = ({_hashed(k, value): value for value in raw} for k in (key, other))
    rows: dict[str, Counter[tuple[str, ...]]] = {}
    masked: dict[str, Counter[str]] = {}
    for name, columns, found in _relations(settings):
        rows[name], masked[name] = Counter(), Counter()
        for row in found:
            texts = [str(value) for value in row]
            assert not foreign.keys() & set(texts), f"{name} has the other key's: {texts}"
            rows[name][tuple(known.get(text, text) for text in texts)] += 1
            masked[name].update(c for c, text in zip(columns, texts, strict=True) if text in known)
    return Shown(rows, masked)


def _hashed(key: str, value: str) -> str:
    return hmac.new(key.encode(), value.encode(), hashlib.sha256).hexdigest()


def _raw_values(settings: Settings) -> set[str]:
    """All short texts of the applications' tables, and what fct_messages makes of three."""
    there, found = set(_there(settings)), set()
    messages = ["account_id", "from_type", "from_id", "to_type", "to_id"]
    with database.connect(settings, read_only=True) as connection:
        for table in load_record(settings.domains).application_tables():
            columns = [c.name for c in table.stored_columns if c.base_type in ("varchar", "char")]
            if columns and (table.database, table.name) in there:
                for row in _read(connection, settings, table.database, table.name, columns):
                    found |= {value for value in row if value}
        home, name = "wework_platform", "wework_message_records"
        for account, *sides in _read(connection, settings, home, name, messages):
            found |= {f"{account}:{kind}:{who}" for kind, who in (sides[:2], sides[2:])}
    return found


def _relations(settings: Settings) -> Iterator[tuple[str, list[str], list[Any]]]:
    with database.connect(settings, read_only=True) as connection:
        for home, name in sorted(_there(settings)):
            if home in HOMES:
                found = _read(connection, settings, home, name, ["*"])
                yield f"{home}.{name}", list(found.keys()), list(found.all())


def _read(
    connection: sa.Connection, settings: Settings, home: str, name: str, columns: list[str]
) -> sa.CursorResult[Any]:
    quoted = connection.dialect.identifier_preparer.quote
    wanted = ", ".join(column if column == "*" else quoted(column) for column in columns)
    place = database.database_name(settings, home)
    return connection.exec_driver_sql(f"select {wanted} from {place}.{name}")


def _there(settings: Settings) -> list[tuple[str, str]]:
    prefix = settings.database_prefix
    query = "select table_schema, table_name from information_schema.tables"
    with database.connect(settings, read_only=True) as connection:
        rows = connection.exec_driver_sql(query).all()
    return [(home.removeprefix(prefix), name) for home, name in rows if home.startswith(prefix)]
