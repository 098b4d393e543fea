"""Least-privilege roles on MySQL, rendered from the schema of record: `warehouse grants`.

A role is what may be done; the account that logs in gets it as its default role, from the hosts
that its pattern names. Accounts are made locked: only an administrator gives a password, so none
passes through here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from orchestration import database
from orchestration.errors import WarehouseError
from orchestration.governance.lineage import CLASSIFIED
from orchestration.operations.writes import WRITES
from orchestration.schema.record import WAREHOUSE_DATABASES, Record, Table, load_record
from orchestration.settings import DATABASES, Settings

ROLES = ("deployer", "transformer", "operator", "analyst", "tenant_analyst", "monitor")
# MySQL's user names are short, and a prefix comes before them.
SHORT = {"tenant_analyst": "tenant"}
DEFINER = "tenant_views"
TENANT_DATABASE = "warehouse_tenant"
ACCESS_DATABASE = "warehouse_access"
LONGEST_USER = 32
HOST = re.compile(r"[A-Za-z0-9.:%/_-]{1,255}")
BUILDS = (
    "select, insert, update, delete, create, alter, drop, index, references, create view, show view"
)
# What dbt calls a table while it takes another's place.
TWINS = ("", "__dbt_tmp", "__dbt_backup")
MONITORED = ("saas_health_checks", "saas_unified_alerts", "saas_system_metrics")


@dataclass(frozen=True)
class Names:
    """How this installation calls its databases and roles."""

    prefix: str
    host: str

    def db(self, name: str) -> str:
        """A database, quoted."""
        return f"`{self.prefix}{name}`"

    def role(self, name: str) -> str:
        """A role, quoted, with its host part."""
        return f"`{self.user(name)}`@`%`"

    def account(self, name: str) -> str:
        """The account that logs in with a role, from the hosts of the pattern."""
        return f"`{self.login(name)}`@`{self.host}`"

    def user(self, name: str) -> str:
        """The name without a host."""
        return f"{self.prefix}wh_{SHORT.get(name, name)}"

    def login(self, name: str) -> str:
        """The user name of the role's account."""
        return f"{self.user(name)}_u"


def names(settings: Settings, host: str) -> Names:
    """Checked names; WarehouseError when the prefix leaves MySQL's 32 characters no room."""
    if not HOST.fullmatch(host):
        raise WarehouseError(
            f"{host!r} is no host pattern.", fix="give one like 10.20.0.% or localhost."
        )
    found = Names(settings.database_prefix, host)
    longest = max(len(found.login(role)) for role in ROLES)
    if longest > LONGEST_USER:
        raise WarehouseError(
            f"With the prefix {settings.database_prefix!r} a user's name has {longest} characters.",
            fix=f"shorten WAREHOUSE_DATABASE_PREFIX: MySQL takes {LONGEST_USER}.",
        )
    return found


def render(
    names: Names,
    record: Record,
    tenant_relations: Mapping[str, Iterable[str]],
    built: Iterable[tuple[str, str]],
) -> list[str]:
    """All statements, in order; each can be run again.

    `tenant_relations` are those of `warehouse` with a tenant_id, each with its columns; `built`
    what dbt builds in the applications' databases (database, relation).
    """
    statements = [f"create database if not exists {names.db(ACCESS_DATABASE)}"]
    statements += [f"create database if not exists {names.db(TENANT_DATABASE)}"]
    statements += [
        f"create table if not exists {names.db(ACCESS_DATABASE)}.`tenant_accounts` (\n"
        "    `account` varchar(32) not null comment 'user name that logs in, without its host',\n"
        "    `tenant_id` varchar(36) not null comment 'a tenant whose rows it may read',\n"
        "    primary key (`account`, `tenant_id`)\n)"
    ]
    for role in ROLES:
        statements.append(f"create role if not exists {names.role(role)}")
    statements.append(f"create user if not exists `{names.user(DEFINER)}`@`localhost` account lock")
    for role, grants in _grants(names, record, built).items():
        statements += [f"grant {what} to {names.role(role)}" for what in grants]
    statements += _tenant_views(names, tenant_relations)
    for role in ROLES:
        statements.append(
            f"create user if not exists {names.account(role)} require ssl account lock"
        )
        statements.append(f"grant {names.role(role)} to {names.account(role)}")
        statements.append(f"alter user {names.account(role)} default role {names.role(role)}")
    return statements


def _grants(names: Names, record: Record, built: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    sources = [t for t in record if not t.built_by_dbt]
    rollups = [t for t in record if t.built_by_dbt and t.database != "warehouse"]
    homes = [names.db(name) for name in DATABASES.values()]
    own = [names.db(name) for name in WAREHOUSE_DATABASES]
    deployer = "select, insert, create, alter, drop, index, references, create view, show view"
    transformer = [f"{BUILDS}, create temporary tables, lock tables on {db}.*" for db in own]
    transformer += [_select(names, table, hidden=("secret",)) for table in sources]
    transformer += [f"create view, show view on {home}.*" for home in homes]
    for home, relation in sorted(set(built) | {(t.database, t.name) for t in rollups}):
        transformer += [f"{BUILDS} on {names.db(home)}.`{relation}{twin}`" for twin in TWINS]
    open_rollups = [
        t for t in rollups if not any(c.classification in CLASSIFIED for c in t.columns)
    ]
    return {
        "deployer": [f"{deployer} on {db}.*" for db in (*homes, *own)],
        "transformer": transformer,
        "operator": [*_operator(names, sources), *(_select(names, t) for t in rollups)],
        "analyst": [
            f"select on {names.db('warehouse')}.*",
            *(_select(names, table) for table in open_rollups),
        ],
        "tenant_analyst": [f"select on {names.db(TENANT_DATABASE)}.*"],
        "monitor": [
            _select(names, table, hidden=CLASSIFIED) for table in sources if table.name in MONITORED
        ],
    }


def _operator(names: Names, sources: Iterable[Table]) -> Iterator[str]:
    for table in sources:
        writes = WRITES.get(table.name)
        secrets = () if writes and writes.reads_secrets else ("secret",)
        yield _select(names, table, hidden=secrets)
        if writes is None:
            continue
        at = f"{names.db(table.database)}.`{table.name}`"
        if writes.columns:
            yield f"update ({_list(writes.columns)}) on {at}"
        if writes.inserts:
            yield f"insert on {at}"
        if writes.deletes:
            yield f"delete on {at}"
    # the months of partitioned tables come and go
    for table in sources:
        if table.partition_by_month:
            yield f"alter, drop on {names.db(table.database)}.`{table.name}`"


def _select(names: Names, table: Table, hidden: Iterable[str] = ()) -> str:
    shown = [c.name for c in table.stored_columns if c.classification not in hidden]
    at = f"{names.db(table.database)}.`{table.name}`"
    everything = len(shown) == len(table.stored_columns)
    return f"select on {at}" if everything else f"select ({_list(shown)}) on {at}"


def _list(columns: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in columns)


def _tenant_views(names: Names, relations: Mapping[str, Iterable[str]]) -> Iterator[str]:
    """A view for each relation with a tenant_id, whose definer alone reads the relation."""
    definer = f"`{names.user(DEFINER)}`@`localhost`"
    accounts = f"{names.db(ACCESS_DATABASE)}.`tenant_accounts`"
    yield f"grant select on {accounts} to {definer}"
    yield f"grant select on {names.db('warehouse')}.* to {definer}"
    for name, columns in sorted(relations.items()):
        # user() is who logged in; current_user() would be the definer. No condition passes a
        # limit: inside, one that fails over a foreign row would show that row in its error.
        yield (
            f"create or replace definer = {definer} sql security definer "
            f"view {names.db(TENANT_DATABASE)}.`{name}` as\n"
            f"select {_list(columns)}\nfrom {names.db('warehouse')}.`{name}`\n"
            f"where `tenant_id` in (\n    select `tenant_id` from {accounts}\n"
            "    where cast(`account` as binary)"
            " = cast(substring_index(user(), '@', 1) as binary)\n)\n"
            f"limit {2**64 - 1}"
        )


# --- on a server -----------------------------------------------------------------------------


def statements(settings: Settings, host: str) -> list[str]:
    """What `--print` shows and `--apply` runs, for what is built now."""
    _require_mysql(settings)
    with database.connect(settings) as connection:
        return _statements(connection, settings, host)


def apply(settings: Settings, host: str) -> int:
    """Run them all; the number of statements. Needs an administrator, once."""
    _require_mysql(settings)
    with database.connect(settings) as connection:
        todo = _statements(connection, settings, host)
        for statement in todo:
            connection.exec_driver_sql(statement.replace("%", "%%"))
    return len(todo)


def check(settings: Settings) -> list[str]:
    """Where the server's roles differ from the record's: what is missing, what is too much."""
    _require_mysql(settings)
    found: list[str] = []
    with database.connect(settings) as connection:
        named = names(settings, "%")
        record, tables = load_record(settings.domains), _built(connection, settings)
        for role, grants in _grants(named, record, tables).items():
            wanted = {key for grant in grants for key in _privileges(grant)}
            try:
                rows = connection.exec_driver_sql(
                    f"show grants for {named.role(role)}".replace("%", "%%")
                )
            except sa.exc.DBAPIError:
                found.append(f"{role}: there is no role {named.user(role)}")
                continue
            has = {key for (row,) in rows for key in _privileges(_granted(row))}
            found += [f"{role}: lacks {' on '.join(key)}" for key in sorted(wanted - has)]
            found += [f"{role}: has {' on '.join(key)} too much" for key in sorted(has - wanted)]
    return found


def _statements(connection: sa.Connection, settings: Settings, host: str) -> list[str]:
    return render(
        names(settings, host),
        load_record(settings.domains),
        _tenant_relations(connection, settings),
        _built(connection, settings),
    )


def _require_mysql(settings: Settings) -> None:
    if not settings.is_mysql:
        raise WarehouseError(
            "DuckDB has no users: who may read the file may read all of it.",
            fix="add `--target mysql`; for DuckDB set the file's permissions.",
        )


def _columns(connection: sa.Connection, schema: str) -> dict[str, list[str]]:
    asked = sa.text(
        "select table_name, column_name from information_schema.columns "
        "where table_schema = :schema order by table_name, ordinal_position"
    )
    found: dict[str, list[str]] = {}
    for table, column in connection.execute(asked, {"schema": schema}):
        found.setdefault(table, []).append(column)
    return found


def _tenant_relations(connection: sa.Connection, settings: Settings) -> dict[str, list[str]]:
    found = _columns(connection, database.database_name(settings, "warehouse"))
    return {name: columns for name, columns in found.items() if "tenant_id" in columns}


def _built(connection: sa.Connection, settings: Settings) -> list[tuple[str, str]]:
    """The views of the applications' databases."""
    asked = sa.text("select table_name from information_schema.views where table_schema = :schema")
    return [
        (home, name)
        for home in DATABASES.values()
        for name in connection.scalars(asked, {"schema": database.database_name(settings, home)})
    ]


def _granted(row: str) -> str:
    """A line of SHOW GRANTS without its beginning and its end."""
    return row.removeprefix("GRANT ").rsplit(" TO ", 1)[0]


def _privileges(grant: str) -> Iterator[tuple[str, str]]:
    """Each privilege, or privilege and column, with what it is on."""
    what, on, where = grant.replace(" ON ", " on ").partition(" on ")
    if not on or what.lower() == "usage":
        return
    for item in re.findall(r"[A-Za-z ]+(?:\([^)]*\))?", what):
        kind, _, columns = item.partition("(")
        kind = " ".join(kind.split()).lower()
        if not kind:
            continue
        for column in columns.rstrip(")").split(",") if columns else [""]:
            yield f"{kind} {column.strip()}".strip(), where
