"""Least-privilege roles on MySQL, rendered from the schema of record: `warehouse grants`.

A role is what may be done; the account that logs in gets it as its default role, from the hosts
that its pattern names. Accounts are made locked: only an administrator gives a password, so none
passes through here.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import sqlalchemy as sa
import yaml

from orchestration import database
from orchestration.errors import WarehouseError
from orchestration.governance.lineage import CLASSIFIED
from orchestration.operations.writes import (
    RETENTION_DATABASES,
    RETENTION_PARTITIONED,
    RETENTION_ROWS,
    WRITES,
    Writes,
)
from orchestration.retention.looking import TAKEN_OUT
from orchestration.schema.metadata import LONGEST_NAME
from orchestration.schema.record import (
    OWN_DATABASE_FOLDERS,
    WAREHOUSE_DATABASES,
    Table,
    load_record,
)
from orchestration.settings import DATABASES, LOCAL_HOSTS, PROJECT_ROOT, Settings

ROLES = ("deployer", "transformer", "operator", "analyst", "tenant_analyst", "monitor")
# MySQL's user names are short, and a prefix comes before them.
SHORT = {"tenant_analyst": "tenant"}
DEFINER = "tenant_views"
TENANT_DATABASE = "warehouse_tenant"
ACCESS_DATABASE = "warehouse_access"
LONGEST_USER = 32
# MySQL's number for an account that lacks a privilege of the whole server.
LACKS_PRIVILEGE = 1227
HOST = re.compile(r"[A-Za-z0-9.:%/_-]{1,255}")
BUILDS = (
    "select, insert, update, delete, create, alter, drop, index, references, create view, show view"
)
# What dbt calls a table while it takes another's place.
TWINS = ("", "__dbt_tmp", "__dbt_backup")
MONITORED = ("saas_health_checks", "saas_unified_alerts", "saas_system_metrics")
SUITE_HISTORY = "expectation_results"


@dataclass(frozen=True)
class Deployed:
    """What rights can be given on, as (database, name) without prefix.

    `makes` is what dbt makes anew in the applications' databases, whether it is there or not, and
    whether it shows nobody: no column of it is classified. `made` is what of it is there.
    `tenant_relations` are those of `warehouse` with a tenant_id, each with its columns.
    """

    tables: tuple[Table, ...] = ()
    makes: Mapping[tuple[str, str], bool] = field(default_factory=dict)
    made: frozenset[tuple[str, str]] = frozenset()
    tenant_relations: Mapping[str, Iterable[str]] = field(default_factory=dict)


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
    there: Deployed,
) -> list[str]:
    """All statements, in order; each can be run again, and grants what is there by then."""
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
    for role, grants in _grants(names, there).items():
        statements += [f"grant {what} to {names.role(role)}" for what in grants]
    for role in ROLES:
        tls = "" if names.host in LOCAL_HOSTS else " require ssl"
        statements.append(f"create user if not exists {names.account(role)}{tls} account lock")
        statements.append(f"grant {names.role(role)} to {names.account(role)}")
        statements.append(f"alter user {names.account(role)} default role {names.role(role)}")
    # Last: what makes them needs a right of its own, and all else stands without them.
    statements += _tenant_views(names, there.tenant_relations)
    return statements


def _grants(names: Names, there: Deployed) -> dict[str, list[str]]:
    sources = [t for t in there.tables if not t.built_by_dbt]
    rollups = [t for t in there.tables if t.built_by_dbt and t.database != "warehouse"]
    homes = [names.db(name) for name in DATABASES.values()]
    own = [names.db(name) for name in WAREHOUSE_DATABASES]
    deployer = "select, insert, create, alter, drop, index, references, create view, show view"
    transformer = [f"{BUILDS}, create temporary tables, lock tables on {db}.*" for db in own]
    transformer += [_select(names, table, hidden=("secret",)) for table in sources]
    transformer += [
        f"create view, show view, create temporary tables on {home}.*" for home in homes
    ]
    for home, relation in sorted({*there.makes, *((t.database, t.name) for t in rollups)}):
        transformer += [f"{BUILDS} on {names.db(home)}.`{relation}{twin}`" for twin in TWINS]
    shown = [t for t in rollups if not any(c.classification in CLASSIFIED for c in t.columns)]
    made = {key: f"select on {names.db(key[0])}.`{key[1]}`" for key in sorted(there.made)}
    return {
        "deployer": [f"{deployer} on {db}.*" for db in (*homes, *own)],
        "transformer": transformer,
        "operator": [
            *_operator(names, [*sources, *rollups]),
            *made.values(),
            # views of the applications read staging, with the rights of whoever asks
            *(f"select on {names.db(home)}.*" for home in ("warehouse", "warehouse_staging")),
            f"select, insert, delete, create on {names.db('warehouse_audit')}.`{SUITE_HISTORY}`",
        ],
        "analyst": [
            f"select on {names.db('warehouse')}.*",
            *(_select(names, table) for table in shown),
            *(grant for key, grant in made.items() if there.makes[key]),
        ],
        "tenant_analyst": [f"select on {names.db(TENANT_DATABASE)}.*"],
        "monitor": [
            *_monitor(names, (*homes, *own), [t for t in there.tables if t not in shown]),
            *(_select(names, table) for table in shown),
        ],
    }


def _operator(names: Names, tables: Collection[Table]) -> Iterator[str]:
    for table in tables:
        writes = WRITES.get(table.name, Writes())
        at = f"{names.db(table.database)}.`{table.name}`"
        # archives hold what restore must return: all of a row
        whole = writes.reads_secrets or table.retention is not None
        yield _select(names, table, hidden=() if whole else ("secret",))
        if writes.columns:
            yield f"update ({_list(writes.columns)}) on {at}"
        if writes.inserts:
            yield f"insert on {at}"
        if writes.deletes:
            yield f"delete on {at}"
        if table.partition_by_month:
            # the months of partitioned tables come and go, each for a while in a table of its own
            out = table.name[: LONGEST_NAME - len(TAKEN_OUT)] + TAKEN_OUT
            for name in (table.name, out):
                rights = ", ".join(RETENTION_PARTITIONED)
                yield f"{rights} on {names.db(table.database)}.`{name}`"
        elif table.retention:
            yield f"{', '.join(RETENTION_ROWS)} on {at}"
    for home in sorted({t.database for t in tables if t.partition_by_month}):
        yield f"{', '.join(RETENTION_DATABASES)} on {names.db(home)}.*"


def _monitor(names: Names, homes: Iterable[str], tables: Iterable[Table]) -> Iterator[str]:
    """What doctor, freshness and status look at: definitions, moments, how the checks stand."""
    # shows what a table is made of, and none of its rows
    for home in homes:
        yield f"references on {home}.*"
    for table in tables:
        at = f"{names.db(table.database)}.`{table.name}`"
        moments = [
            c.name
            for c in table.stored_columns
            if c.base_type in ("timestamp", "date") and c.classification not in CLASSIFIED
        ]
        if table.name in MONITORED:
            yield _select(names, table, hidden=CLASSIFIED)
        else:  # a key says, too, that there are rows
            yield f"select ({_list(moments or table.primary_key)}) on {at}"


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
        for done, statement in enumerate(todo):
            try:
                connection.exec_driver_sql(statement.replace("%", "%%"))
            except sa.exc.DBAPIError as error:
                if "definer = " in statement and error.orig.args[0] == LACKS_PRIVILEGE:
                    raise _no_definer(settings, f"{done} of {len(todo)}") from error
                raise
    return len(todo)


def _no_definer(settings: Settings, done: str) -> WarehouseError:
    user = settings.mysql.user
    return WarehouseError(
        f"User {user!r} may not make views that another account defines, as those of "
        f"{settings.database_prefix}{TENANT_DATABASE} are; {done} statements ran, and all roles "
        "and accounts stand.",
        fix=f"let an administrator run `grant set_any_definer on *.* to {user}@…` (before MySQL "
        "8.2 `set_user_id`) and run this again, or run the rest of `warehouse grants` themselves.",
    )


def check(settings: Settings) -> list[str]:
    """Where the server's roles differ from the record's: what is missing, what is too much."""
    _require_mysql(settings)
    found: list[str] = []
    with database.connect(settings) as connection:
        named = names(settings, "%")
        for role, grants in _grants(named, _deployed(connection, settings)).items():
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
    return render(names(settings, host), _deployed(connection, settings))


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


def _deployed(connection: sa.Connection, settings: Settings) -> Deployed:
    record = load_record(settings.domains)
    homes = {DATABASES[domain] for domain in settings.domains}
    asked = sa.text("select table_name from information_schema.tables where table_schema = :schema")
    there = {
        (home, name)
        for home in (*homes, *WAREHOUSE_DATABASES)
        for name in connection.scalars(asked, {"schema": database.database_name(settings, home)})
    }
    makes = _makes(settings.domains)
    columns = _columns(connection, database.database_name(settings, "warehouse"))
    return Deployed(
        tuple(table for table in record if (table.database, table.name) in there),
        makes,
        frozenset(there & makes.keys()),
        {name: found for name, found in columns.items() if "tenant_id" in found},
    )


def _makes(domains: Iterable[str]) -> dict[tuple[str, str], bool]:
    """What dbt makes anew in the applications' databases, and whether it shows nobody."""
    return {
        (DATABASES[domain], model["name"]): not {
            column["meta"]["classification"] for column in model["columns"]
        }.intersection(CLASSIFIED)
        for domain in domains
        for folder in OWN_DATABASE_FOLDERS
        for file in (PROJECT_ROOT / "models" / "marts" / domain / folder).rglob("_*.yml")
        for model in yaml.safe_load(file.read_text(encoding="utf-8")).get("models") or []
        if "primary_key" not in (model.get("meta") or {})
    }


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
