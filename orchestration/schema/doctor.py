"""Examine a server or a DuckDB file, line by line, with the command that mends each problem."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Literal

import sqlalchemy as sa

from orchestration import clock, database
from orchestration.database import COLLATION, GROUP_CONCAT_BYTES
from orchestration.errors import WarehouseError
from orchestration.schema.deploy import record_databases
from orchestration.schema.inspect import (
    DeployedTable,
    TableKey,
    differences,
    read_databases,
    read_deployed,
)
from orchestration.schema.partitions import (
    CATCH_ALL,
    MONTHS_AHEAD,
    add_months,
    month_of,
)
from orchestration.schema.record import Record, load_record
from orchestration.settings import DATABASES, UTC_OFFSET, Settings

Level = Literal["ok", "warning", "problem"]
DEPLOY = "warehouse deploy"
FREE_BYTES = 1 << 30

# The MySQL events whose work Dagster's schedules do now: both at once would do it twice.
REPLACED_EVENTS = {
    "core": ("cleanup_expired_data",),
    "ai": (
        "cleanup_expired_conversations",
        "mark_idle_conversations",
        "update_all_agent_statistics",
    ),
    "wework": (
        "auto_status_check",
        "update_health_scores",
        "update_account_statistics",
        "generate_daily_reports",
    ),
    "health": ("generate_daily_health_stats", "check_device_status"),
    "business": (
        "check_low_capacity_services",
        "cleanup_expired_coupons",
        "handle_timeout_service_orders",
    ),
    "customer": (
        "update_customer_lifecycle",
        "auto_assign_tags",
        "update_dynamic_segments",
    ),
}
# What deployment, dbt and the operations need in the databases.
PRIVILEGES = (
    "SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "ALTER", "INDEX", "REFERENCES",
    "CREATE VIEW", "SHOW VIEW",
)  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """One line of the examination; `fix` is the command that mends it, empty when all is well."""

    check: str
    level: Level
    detail: str
    fix: str = ""


def examine(settings: Settings) -> list[Finding]:
    """Everything that is worth knowing about the chosen engine; never raises for what it finds."""
    if not settings.is_mysql and not settings.duckdb_path.exists():
        return [
            Finding("file", "problem", f"{settings.duckdb_path} does not exist.", DEPLOY),
        ]
    try:
        with database.connect(settings, read_only=True) as connection:
            return list(
                _mysql(connection, settings) if settings.is_mysql else _duckdb(connection, settings)
            )
    except WarehouseError as error:
        check = "connection" if settings.is_mysql else "file"
        return [Finding(check, "problem", error.message, error.fix)]


def exit_code(findings: Sequence[Finding]) -> int:
    """0: all well; 1: warnings; 2: problems."""
    levels = {finding.level for finding in findings}
    return 2 if "problem" in levels else 1 if "warning" in levels else 0


def render(findings: Sequence[Finding]) -> str:
    """A line per finding, the fix below it where there is one; then how many of each."""
    width = max((len(finding.check) for finding in findings), default=0)
    lines = []
    for finding in findings:
        detail = finding.detail.replace("\n", "\n" + " " * (width + 11))
        lines.append(f"{finding.level:<8} {finding.check:<{width}}  {detail}")
        if finding.fix:
            lines.append(f"{'':<{width + 11}}fix: {finding.fix}")
    counts = [
        f"{n} {level}{'s'[: n > 1 and level != 'ok']}"
        for level in ("ok", "warning", "problem")
        if (n := sum(finding.level == level for finding in findings))
    ]
    return "\n".join([*lines, ", ".join(counts)])


def to_json(findings: Sequence[Finding]) -> str:
    """`{"exit_code": …, "findings": [{check, level, detail, fix}, …]}`."""
    return json.dumps(
        {"exit_code": exit_code(findings), "findings": [asdict(f) for f in findings]},
        ensure_ascii=False,
        indent=2,
    )


# --- MySQL -----------------------------------------------------------------------------------


def _mysql(connection: sa.Connection, settings: Settings) -> Iterator[Finding]:
    server = settings.mysql
    record = load_record(settings.domains)
    version = str(connection.scalar(sa.text("select version()")))
    yield Finding("connection", "ok", f"{server.user} at {server.host}:{server.port}")
    yield Finding("version", "ok", f"MySQL {version}")  # older ones and MariaDB do not get here
    grants = _grants(connection)
    yield from _server_settings(connection, may_set=may_set_variables(grants))
    yield from _what_it_refuses(connection)
    prefix = settings.database_prefix
    present = read_databases(connection, prefix)
    yield from _collations(
        connection, [d for d in record_databases(record) if d in present], prefix
    )
    yield _privileges(connection, record, prefix, grants)
    yield _events(connection, settings)
    deployed = read_deployed(
        connection, [d for d in record_databases(record) if d in present], prefix
    )
    yield from _drift(record, deployed, "mysql")
    today = clock.today(settings)
    yield _horizon(record, deployed, today)
    yield _future_rows(connection, record, deployed, prefix, today)


def _grants(connection: sa.Connection) -> Sequence[str]:
    """What SHOW GRANTS says of this user and the roles in force."""
    roles = connection.scalar(sa.text("select current_role()"))
    using = "" if roles in (None, "NONE") else f" for current_user() using {roles}"
    # a role's host is %, which the driver takes for a placeholder
    asked = f"show grants{using}".replace("%", "%%")
    return connection.exec_driver_sql(asked).scalars().all()


def may_set_variables(grants: Sequence[str]) -> bool:
    """Whether the lines of SHOW GRANTS allow `set persist`; on managed servers nobody may."""
    powers = re.compile(r"GRANT .*\b(SYSTEM_VARIABLES_ADMIN|SUPER|ALL PRIVILEGES)\b.* ON \*\.\* TO")
    return any(powers.match(line) for line in grants)


def _set(name: str, value: str, may_set: bool) -> str:
    """How to set a variable of the server for good."""
    if may_set:
        return f"mysql> set persist {name} = {value};"
    return (
        f"{name} = {value.strip(chr(39))} in the server's own configuration (of a managed server: "
        "its parameter group); this user may not set it"
    )


def _what_it_refuses(connection: sa.Connection) -> Iterator[Finding]:
    """Two settings of servers, silent where they are as usual, with which no build can end."""
    row = connection.execute(
        sa.text(
            "select @@global.read_only or @@global.super_read_only as read_only, "
            "@@session.sql_require_primary_key as require_key"
        )
    ).one()
    if row.read_only:
        yield Finding(
            "read_only",
            "problem",
            "on, as on a replica: nothing can be deployed, built or written back here",
            "name the server that it follows, or see docs/existing-mysql.md",
        )
    if row.require_key:
        yield Finding(
            "sql_require_primary_key",
            "problem",
            "on: snapshots and the temporary tables of a build have no primary key",
            "sql_require_primary_key = off in the server's own configuration",
        )


def _server_settings(connection: sa.Connection, *, may_set: bool) -> Iterator[Finding]:
    row = connection.execute(
        sa.text(
            "select @@session.time_zone as session_zone, @@global.time_zone as global_zone, "
            "timestampdiff(minute, utc_timestamp(), "
            "convert_tz(utc_timestamp(), '+00:00', @@global.time_zone)) as global_minutes, "
            "@@session.sql_mode as sql_mode, @@global.local_infile as local_infile, "
            "@@global.group_concat_max_len as group_concat, "
            "@@global.log_bin and @@global.binlog_format = 'STATEMENT' as logs_statements"
        )
    ).one()
    if row.session_zone != UTC_OFFSET:
        yield Finding(
            "time zone",
            "problem",
            f"sessions run in {row.session_zone}, so days and partitions would begin at the wrong "
            "hour",
            "let this user set time_zone (orchestration.database does so at each connection)",
        )
    elif row.global_minutes != 480:
        yield Finding(
            "time zone",
            "warning",
            f"our sessions run at {UTC_OFFSET}, but others start in {row.global_zone}: what "
            "applications write with current_timestamp is right only if they set it too",
            _set("time_zone", f"'{UTC_OFFSET}'", may_set),
        )
    else:
        yield Finding("time zone", "ok", f"{row.global_zone}, sessions {row.session_zone}")
    if not re.search(r"STRICT_(TRANS|ALL)_TABLES", row.sql_mode):
        yield Finding(
            "sql_mode",
            "problem",
            f"not strict ({row.sql_mode or 'empty'}): values that do not fit are cut silently",
            "mysql> set persist sql_mode = concat(@@global.sql_mode, ',STRICT_TRANS_TABLES');",
        )
    else:
        yield Finding("sql_mode", "ok", "strict")
    if row.local_infile:
        yield Finding("local_infile", "ok", "on")
    else:
        yield Finding(
            "local_infile",
            "warning",
            "off: `warehouse load` and `warehouse retention restore` cannot bulk-load",
            _set("local_infile", "on", may_set),
        )
    if int(row.group_concat) < GROUP_CONCAT_BYTES:
        yield Finding(
            "group_concat_max_len",
            "warning",
            f"{row.group_concat} bytes: lists in v_* views are cut silently for clients that do "
            "not raise it",
            _set("group_concat_max_len", str(GROUP_CONCAT_BYTES), may_set),
        )
    else:
        yield Finding("group_concat_max_len", "ok", f"{row.group_concat} bytes")
    if row.logs_statements:
        yield Finding(
            "binlog_format",
            "problem",
            "STATEMENT: a build reads without locking, which MySQL then refuses to write (1665)",
            _set("binlog_format", "'ROW'", may_set),
        )


def _collations(
    connection: sa.Connection, databases: Sequence[str], prefix: str
) -> Iterator[Finding]:
    rows = connection.execute(
        sa.text(
            "select schema_name, default_collation_name from information_schema.schemata "
            "where schema_name in :names and default_collation_name <> :wanted order by 1"
        ).bindparams(sa.bindparam("names", expanding=True)),
        {"names": [prefix + name for name in databases], "wanted": COLLATION},
    ).all()
    if not rows:
        yield Finding("charset", "ok", f"databases default to {COLLATION}")
    for name, collation in rows:
        yield Finding(
            "charset",
            "warning",
            f"{name} defaults to {collation}: new tables in it would not join with ours",
            f"mysql> alter database `{name}` character set utf8mb4 collate {COLLATION};",
        )


def _privileges(
    connection: sa.Connection, record: Record, prefix: str, grants: Sequence[str]
) -> Finding:
    roles = connection.scalar(sa.text("select current_role()"))
    lacking = {
        prefix + name: missing
        for name in record_databases(record)
        if (missing := missing_privileges(grants, prefix + name))
    }
    user = connection.scalar(sa.text("select current_user()"))
    if lacking and (role := re.fullmatch(rf"`{re.escape(prefix)}(wh_\w+)`@`%`", str(roles))):
        return Finding(
            "privileges",
            "ok",
            f"{user} has the role {role[1]} and no more; `warehouse grants --check` compares it",
        )
    if not lacking:
        return Finding("privileges", "ok", f"{user} may do all that is needed")
    account = "@".join(f"'{part}'" for part in str(user).rsplit("@", 1))
    return Finding(
        "privileges",
        "problem",
        f"{user} lacks "
        + "; ".join(f"{', '.join(sorted(what))} on {name}" for name, what in lacking.items()),
        "mysql> "
        + " ".join(
            f"grant {', '.join(sorted(what)).lower()} on `{name}`.* to {account};"
            for name, what in lacking.items()
        ),
    )


def missing_privileges(grants: Sequence[str], database_name: str) -> set[str]:
    """Which of PRIVILEGES the lines of SHOW GRANTS do not give on the whole of a database."""
    held: set[str] = set()
    for line in grants:
        match = re.match(r"GRANT (.+?) ON (?:TABLE )?(\*|`(?:[^`]|``)+`)\.\* TO ", line)
        if not match:
            continue
        if match[2] != "*":
            # In a grant _ and % are wildcards unless escaped.
            name = match[2].strip("`").replace("``", "`")
            parts = re.findall(r"\\.|.", name)
            pattern = "".join(
                {"_": ".", "%": ".*"}.get(p) or re.escape(p.removeprefix("\\")) for p in parts
            )
            if not re.fullmatch(pattern, database_name, re.IGNORECASE):
                continue
        what = [word.strip() for word in match[1].split(",")]
        held |= set(PRIVILEGES) if "ALL PRIVILEGES" in what or "ALL" in what else set(what)
    return set(PRIVILEGES) - held


def _events(connection: sa.Connection, settings: Settings) -> Finding:
    scheduler = str(connection.scalar(sa.text("select @@global.event_scheduler"))).upper()
    names = [
        (settings.database_prefix + DATABASES[domain], event)
        for domain in settings.domains
        for event in REPLACED_EVENTS.get(domain, ())
    ] or [("", "")]
    rows = connection.execute(
        sa.text(
            "select event_schema, event_name from information_schema.events "
            "where (event_schema, event_name) in :names and status = 'ENABLED' order by 1, 2"
        ).bindparams(sa.bindparam("names", expanding=True)),
        {"names": names},
    ).all()
    if not rows:
        return Finding(
            "events", "ok", f"scheduler {scheduler}, none of the replaced events enabled"
        )
    listed = ", ".join(f"{schema}.{name}" for schema, name in rows)
    running = scheduler == "ON"
    return Finding(
        "events",
        "problem" if running else "warning",
        f"enabled events do what Dagster's schedules do{' at the same time' if running else ''} "
        f"(scheduler {scheduler}): {listed}",
        "mysql> " + " ".join(f"alter event `{s}`.`{n}` disable;" for s, n in rows),
    )


def _horizon(record: Record, deployed: dict[TableKey, DeployedTable], today: date) -> Finding:
    short: list[str] = []
    late = False
    tables = 0
    for table in record:
        there = deployed.get((table.database, table.name))
        if table.partition_by_month is None or there is None or not there.partitions:
            continue
        tables += 1
        months = [m for m in (month_of(p.name) for p in there.partitions) if m]
        last = max(months, default=date.min)
        has_catch_all = any(p.before is None for p in there.partitions)
        if last < add_months(today, MONTHS_AHEAD) or not has_catch_all:
            ends = f"ends with {last:%Y-%m}" if months else "has no month"
            short.append(f"{table.name} {ends}{'' if has_catch_all else f', no {CATCH_ALL}'}")
            late = late or last < add_months(today, 1) or not has_catch_all
    if not short:
        return Finding(
            "partition horizon",
            "ok",
            f"{tables} tables have months through {add_months(today, MONTHS_AHEAD):%Y-%m}",
        )
    return Finding("partition horizon", "problem" if late else "warning", "; ".join(short), DEPLOY)


def _future_rows(
    connection: sa.Connection,
    record: Record,
    deployed: dict[TableKey, DeployedTable],
    prefix: str,
    today: date,
) -> Finding:
    found: list[str] = []
    beyond = False
    for table in record:
        there = deployed.get((table.database, table.name))
        column = table.partition_by_month
        if not there or not column or CATCH_ALL not in [p.name for p in there.partitions]:
            continue
        name = f"`{prefix}{table.database}`.`{table.name}`"
        rows, first, last = connection.exec_driver_sql(
            f"select count(*), min(`{column}`), max(`{column}`) "
            f"from {name} partition (`{CATCH_ALL}`)"
        ).one()
        if rows:
            found.append(f"{rows} in {table.name}, {first} to {last}")
            beyond = beyond or last.date() >= add_months(today, MONTHS_AHEAD + 1)
    if not found:
        return Finding(CATCH_ALL, "ok", "empty")
    return Finding(
        CATCH_ALL,
        "problem",
        "; ".join(found),
        f"{DEPLOY} (moves them to their months)"
        if not beyond
        else f"{DEPLOY}; rows dated more than {MONTHS_AHEAD} months ahead stay: correct their "
        "clock at the source",
    )


# --- DuckDB ----------------------------------------------------------------------------------


def _duckdb(connection: sa.Connection, settings: Settings) -> Iterator[Finding]:
    path = settings.duckdb_path
    record = load_record(settings.domains)
    yield Finding("file", "ok", f"{path}, {path.stat().st_size / 1e6:,.1f} MB, not locked")
    yield Finding("version", "ok", f"DuckDB {connection.scalar(sa.text('select version()'))}")
    free = shutil.disk_usage(path.parent).free
    if free < FREE_BYTES:
        yield Finding(
            "disk",
            "warning",
            f"{free / 1e6:,.0f} MB free beside the file",
            "free some space, or set WAREHOUSE_DUCKDB_PATH to a place on another disk",
        )
    else:
        yield Finding("disk", "ok", f"{free / 1e9:,.0f} GB free")
    prefix = settings.database_prefix
    present = read_databases(connection, prefix)
    deployed = read_deployed(
        connection, [d for d in record_databases(record) if d in present], prefix
    )
    yield from _drift(record, deployed, "duckdb")


# --- both ------------------------------------------------------------------------------------


def _drift(
    record: Record, deployed: dict[TableKey, DeployedTable], dialect: str
) -> Iterator[Finding]:
    found = differences(record, deployed, dialect)
    missing = [d for d in found if d.kind == "missing table"]
    if missing:
        whole = len(missing) == len(record.tables)
        names = "all of them" if whole else ", ".join(f"{d.database}.{d.table}" for d in missing)
        yield Finding(
            "tables",
            "problem",
            f"{len(missing)} of {len(record.tables)} tables are missing: {names}",
            DEPLOY,
        )
    else:
        yield Finding("tables", "ok", f"all {len(record.tables)} are there")
    changed = [d for d in found if d.kind != "missing table"]
    for difference in changed:
        if difference.remedy == "deploy":
            yield Finding("schema", "problem", str(difference), DEPLOY)
        elif difference.remedy == "by hand":
            yield Finding(
                "schema",
                "problem",
                str(difference),
                "alter the table by hand or correct the schema of record (deploy leaves it "
                "alone: data might be lost)",
            )
    if all(d.remedy == "note" for d in changed) and len(missing) < len(record.tables):
        extras = f"; besides: {', '.join(str(d) for d in changed)}" if changed else ""
        yield Finding("schema", "ok", f"as the schema of record says{extras}")
