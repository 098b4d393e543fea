"""The roles of `warehouse grants`, each logged in on a real server: what it may do and may not."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import datetime

import commands
import pymysql
import pytest
from booking_world import AS_OF, BookingWorld
from booking_world import TENANT as BOOKED_AT

from orchestration import database
from orchestration.errors import WarehouseError
from orchestration.governance import grants
from orchestration.operations.writes import WRITES
from orchestration.schema.deploy import deploy
from orchestration.schema.record import load_record
from orchestration.settings import Settings

pytestmark = pytest.mark.mysql
PASSWORD = "only-for-this-test-7Fq"
DENIED = {1044, 1142, 1143, 1227, 1370, 1410, 1356, 1345, 3619, 4031, 1396, 1133}
NOW = datetime(2026, 6, 30)

CORE, WEWORK, CUSTOMER = "{p}saas_unified_core", "{p}wework_platform", "{p}customer_management"
BUSINESS, HEALTH, AI = "{p}core_business_platform", "{p}health_management", "{p}ai_agent_platform"
WAREHOUSE, STAGING = "{p}warehouse", "{p}warehouse_staging"
TENANT, ACCESS = "{p}warehouse_tenant", "{p}warehouse_access"

ALLOWED = {
    "deployer": (
        f"create table {CORE}.fresh (a int)",
        f"alter table {CORE}.fresh add column b int",
        f"drop table {CORE}.fresh",
        f"create index ix_fresh on {WAREHOUSE}.tenant_daily (tenant_id)",
        f"alter table {WAREHOUSE}.tenant_daily drop index ix_fresh",
        f"select count(*) from {CORE}.saas_tenants",
        f"create database if not exists {WAREHOUSE}",
    ),
    "transformer": (
        f"select id, email from {CORE}.saas_users",
        f"select id, name from {CUSTOMER}.customers",
        f"create table {WAREHOUSE}.mart (tenant_id varchar(36), figure int)",
        f"insert into {WAREHOUSE}.mart values ('a', 1), ('b', 2)",
        f"rename table {WAREHOUSE}.mart to {WAREHOUSE}.mart2",
        f"drop table {WAREHOUSE}.mart2",
        f"create or replace view {STAGING}.stg as select id, email from {CORE}.saas_users",
        f"select count(*) from {STAGING}.stg",
        f"delete from {WEWORK}.wework_tenant_usage",
        f"create table {WEWORK}.wework_tenant_usage__dbt_tmp like {WEWORK}.wework_tenant_usage",
        f"drop table {WEWORK}.wework_tenant_usage__dbt_tmp",
        f"create or replace view {CUSTOMER}.v_customer_360 as "
        f"select id, tenant_id, name from {CUSTOMER}.customers",
    ),
    "operator": (
        f"update {WEWORK}.wework_accounts set status = 'OFFLINE', updated_at = now()",
        f"update {CORE}.saas_unified_alerts set status = 'expired'",
        f"update {AI}.ai_conversations set status = 'idle', updated_at = now()",
        f"update {BUSINESS}.services set booked_slots = 1, available_slots = 0",
        f"select * from {BUSINESS}.service_orders where id = 'x' for update",
        f"select id from {BUSINESS}.services where id = 'x' for update",
        f"select id from {CORE}.saas_files where id = 'x' for update",
        f"delete from {CORE}.saas_user_sessions where expires_at < '2000-01-01'",
        f"select * from {WEWORK}.wework_account_monitor_rules",
        f"alter table {WEWORK}.wework_message_records check partition p_future",
        f"select id, name from {CUSTOMER}.customers",
        f"select count(*) from {WAREHOUSE}.tenant_daily",
        f"delete from {CORE}.saas_system_metrics where recorded_at < '2000-01-01'",
        f"select count(*) from {CORE}.v_user_permissions",
        f"select config_value from {CORE}.saas_unified_configs where config_key = 'x'",
        f"delete from {CUSTOMER}.customer_behavior_statistics where stat_date < '2000-01-01'",
        f"create table {AI}.ai_call_logs__retired like {AI}.ai_call_logs",
        f"drop table {AI}.ai_call_logs__retired",
    ),
    "analyst": (
        f"select count(*) from {WAREHOUSE}.tenant_daily",
        f"select tenant_id from {WAREHOUSE}.fct_quota_utilization_daily",
        f"select count(*) from {WEWORK}.wework_tenant_usage",
        f"select count(*) from {AI}.ai_agent_daily",
        f"select * from {CORE}.v_tenant_overview",
    ),
    "tenant_analyst": (
        f"select * from {TENANT}.tenant_daily",
        f"select count(*) from {TENANT}.fct_quota_utilization_daily",
        "select user()",
    ),
    "monitor": (
        f"select id, status from {CORE}.saas_health_checks",
        f"select id, status, created_at from {CORE}.saas_unified_alerts",
        f"select count(id) from {CORE}.saas_system_metrics",
        f"select max(created_at) from {WEWORK}.wework_message_records",
        f"select max(stat_date) from {HEALTH}.health_vital_signs_daily",
        f"select 1 from {WAREHOUSE}.fct_quota_utilization_daily",
        f"show create table {CORE}.saas_users",
    ),
}  # fmt: skip
FORBIDDEN = {
    "deployer": (
        f"update {CORE}.saas_users set email = 'x'",
        f"delete from {CORE}.saas_users",
        "create user 'someone'@'%' identified by 'x'",
        f"grant select on {CORE}.* to current_user()",
        "select * from mysql.user",
        "set global max_connections = 5",
        "create database somebody_elses",
    ),
    "transformer": (
        f"select password_hash from {CORE}.saas_users",
        f"select * from {CORE}.saas_users",
        f"select mfa_secret from {CORE}.saas_users where id = 'x'",
        f"select id from {CORE}.saas_users order by password_hash",
        f"select id from {CORE}.saas_users where password_hash like '$2%'",
        f"select login_token from {WEWORK}.wework_accounts",
        f"select secret_key_hash from {CORE}.saas_api_keys",
        f"create or replace view {STAGING}.leak as select password_hash from {CORE}.saas_users",
        f"update {CORE}.saas_users set email = 'x'",
        f"delete from {CUSTOMER}.customers",
        f"insert into {CORE}.saas_tenants (id) values ('x')",
        f"drop table {CUSTOMER}.customers",
        f"truncate table {WEWORK}.wework_message_records",
        f"alter table {CUSTOMER}.customers add column x int",
        f"select * from {ACCESS}.tenant_accounts",
        f"insert into {ACCESS}.tenant_accounts values ('x', 'y')",
    ),
    "operator": (
        f"update {WEWORK}.wework_accounts set phone = '1'",
        f"update {WEWORK}.wework_accounts set login_token = '1'",
        f"update {CORE}.saas_users set email = 'x'",
        f"update {CORE}.saas_unified_alerts set tenant_id = 'x'",
        f"update {BUSINESS}.services set base_price = 0",
        f"update {CUSTOMER}.customers set phone = '1'",
        f"delete from {CUSTOMER}.customers",
        f"delete from {CORE}.saas_unified_audit_logs",
        f"update {CORE}.saas_unified_audit_logs set action = 'read'",
        f"select password_hash from {CORE}.saas_users",
        f"select session_token from {CORE}.saas_user_sessions",
        f"update {CORE}.saas_unified_configs set config_value = '1'",
        f"delete from {WEWORK}.wework_message_records",
        f"drop table {CUSTOMER}.customers",
        f"create table {WAREHOUSE}.x (a int)",
    ),
    "analyst": (
        f"select email from {CORE}.saas_users",
        f"select 1 from {CUSTOMER}.customers",
        f"select * from {CUSTOMER}.v_customer_360",
        f"select * from {HEALTH}.v_patient_health_overview",
        f"select * from {CORE}.v_user_permissions",
        f"show create view {CORE}.v_tenant_overview",
        f"select id from {CORE}.saas_tenants",
        f"update {CORE}.v_tenant_overview set tenant_name = 'x'",
        f"select * from {HEALTH}.health_vital_signs_daily",
        f"select * from {HEALTH}.health_patient_risk",
        f"select * from {STAGING}.stg",
        f"insert into {WAREHOUSE}.tenant_daily (tenant_id) values ('x')",
        f"create table {WAREHOUSE}.x (a int)",
        f"create view {WAREHOUSE}.x as select 1",
        f"select * from {ACCESS}.tenant_accounts",
        f"select * from {TENANT}.tenant_daily",
        "select load_file('/etc/passwd') from mysql.user",
    ),
    "tenant_analyst": (
        f"select * from {WAREHOUSE}.tenant_daily",
        f"select * from {ACCESS}.tenant_accounts",
        f"insert into {ACCESS}.tenant_accounts values ('x', 'y')",
        f"select * from {CORE}.saas_tenants",
        f"create or replace view {TENANT}.tenant_daily as select * from {WAREHOUSE}.tenant_daily",
        f"update {TENANT}.tenant_daily set tenant_id = 'a'",
        f"delete from {TENANT}.tenant_daily",
        f"show create view {TENANT}.tenant_daily",
        f"select * from {CUSTOMER}.v_customer_360",
        f"explain select * from {TENANT}.tenant_daily",
    ),
    "monitor": (
        f"select check_config from {CORE}.saas_health_checks",
        f"select * from {CORE}.saas_health_checks",
        f"select alert_message from {CORE}.saas_unified_alerts",
        f"select email from {CORE}.saas_users",
        f"select * from {WAREHOUSE}.tenant_daily",
        f"update {CORE}.saas_unified_alerts set status = 'resolved'",
        f"select tenant_id, stat_date from {HEALTH}.health_vital_signs_daily",
        f"select percent_used from {WAREHOUSE}.fct_quota_utilization_daily",
    ),
}  # fmt: skip

VIEW = f"{TENANT}.fct_quota_utilization_daily"
HIDDEN = f"{WAREHOUSE}.fct_quota_utilization_daily"
EAGER = "optimizer_switch='derived_merge=on,derived_condition_pushdown=on'"
# Whose tenant a row is is then asked for each row, after what costs less.
ROW_BY_ROW = "set optimizer_switch = 'semijoin=off,materialization=off'; "
# What a tenant's analyst may try to hear of others; a semicolon parts statements of one session.
WAYS_AROUND = (
    f"select tenant_id from {VIEW}",
    f"select count(*), sum(limit_value), group_concat(tenant_id) from {VIEW}",
    f"select count(*) from {VIEW} where tenant_id like 'theirs%' or 1 = 1",
    # an error or a warning over a hidden row would tell of it
    f"select tenant_id from {VIEW} order by extractvalue(1, concat('~', tenant_id))",
    f"select 1 from {VIEW} where tenant_id <> 'mine' and uuid_to_bin(concat('x', tenant_id))",
    f"select 1 from {VIEW} where cast(tenant_id as signed) = 1",
    f"select 1 from {VIEW} where exp(length(tenant_id) * 100) > 1",
    f"select 1 from {VIEW} where tenant_id regexp repeat('(', length(tenant_id) - 4)",
    f"select 1 from {VIEW} where json_extract(tenant_id, '$') is null",
    f"select 1 from {VIEW} group by tenant_id having gtid_subset(tenant_id, tenant_id)",
    f"select 1 from {VIEW} where (select 1 union select 2 from dual where tenant_id <> 'mine')",
    f"select /*+ merge(v) */ 1 from {VIEW} as v where st_geomfromtext(tenant_id) is null",
    f"select /*+ set_var({EAGER}) */ 1 from {VIEW} where tenant_id <> 'mine' "
    "and updatexml('<a/>', concat('~', tenant_id), '') is not null",
    f"set {EAGER}; select 1 from {VIEW} where polygon(tenant_id) is null",
    # variables and other traces of a row that was read
    f"set @heard = ''; select 1 from {VIEW} where (@heard := concat(@heard, tenant_id)) = ''; "
    "select @heard",
    f"select 1 from {VIEW} where last_insert_id(length(tenant_id)) = 0; select last_insert_id()",
    f"select 1 from {VIEW} where tenant_id <> 'mine' and get_lock(tenant_id, 0); "
    "select is_used_lock('theirs1'), release_all_locks()",
    f"select sql_calc_found_rows 1 from {VIEW} limit 1; select found_rows()",
    f"set optimizer_trace = 'enabled=on'; select count(*) from {VIEW}; "
    "select trace from information_schema.optimizer_trace",
    # other ways to name the same rows
    f"select * from (select * from {VIEW}) as v union all select * from {HIDDEN}",
    f"with v as (select * from {HIDDEN}) select count(*) from v",
    f"with recursive v as (select 1 as n union all select n + 1 from v where n < "
    f"(select count(*) from {VIEW})) select count(*) from v",
    f"select v.tenant_id from {VIEW} as v, lateral (select * from {HIDDEN}) as h",
    f"select count(*) over (), rank() over (order by tenant_id) from {VIEW}",
    f"select coalesce(tenant_id, 'all'), count(*) from {VIEW} group by tenant_id with rollup",
    f"prepare p from 'select count(*) from {VIEW}'; execute p",
    f"prepare p from 'select count(*) from {HIDDEN}'; execute p",
    f"table {HIDDEN}",
    f"handler {HIDDEN} open",
    f"select * from {VIEW} for update",
    f"lock tables {HIDDEN} read",
    f"select * from {VIEW} into outfile '/tmp/x'",
    f"insert into {VIEW} (tenant_id) values ('theirs1')",
    f"create temporary table {TENANT}.mine select * from {HIDDEN}",
    f"create function {TENANT}.peep() returns int return (select count(*) from {HIDDEN})",
    # what the server says of tables
    f"explain select * from {VIEW}",
    f"explain analyze select * from {VIEW}",
    f"explain format = json select * from {VIEW} where tenant_id = 'theirs1'",
    f"show create view {VIEW}",
    f"show table status from {TENANT}",
    f"show table status from {WAREHOUSE}",
    f"show index from {HIDDEN}",
    f"show columns from {HIDDEN}",
    f"show full tables from {WAREHOUSE}",
    f"analyze table {HIDDEN}",
    f"checksum table {HIDDEN}",
    f"check table {VIEW}",
    "select table_name, table_rows, data_length, update_time from information_schema.tables "
    "where table_schema like '{p}%' and (table_type = 'BASE TABLE' or table_rows > 0)",
    "select table_name, view_definition from information_schema.views "
    "where view_definition > '' and table_schema like '{p}%'",
    "select * from information_schema.partitions where table_schema like '{p}warehouse'",
    "select * from information_schema.statistics where table_schema like '{p}%'",
    "select * from information_schema.column_statistics",
    "select * from information_schema.columns where table_schema = '{p}warehouse'",
    "select * from information_schema.table_privileges where table_schema like '{p}%'",
    "select * from information_schema.innodb_tablestats",
    "select * from information_schema.innodb_metrics",
    "select * from performance_schema.table_io_waits_summary_by_table",
    "select * from performance_schema.events_statements_history",
    "select * from mysql.innodb_table_stats",
    "select * from sys.schema_table_statistics",
    "show engine innodb status",
    "show binlog events",
    # becoming somebody else
    f"insert into {ACCESS}.tenant_accounts values (substring_index(user(), '@', 1), 'theirs1')",
    f"select * from {ACCESS}.tenant_accounts",
    "set role `{p}wh_analyst`",
    "set role all; select current_role() like '%tenant%'",
    "grant `{p}wh_analyst` to current_user()",
    "alter user current_user() default role `{p}wh_analyst`",
    "kill 1",
)


@pytest.fixture(scope="module")
def server(module_mysql_settings: Settings) -> Iterator[Settings]:
    settings = module_mysql_settings
    deploy(settings, progress=lambda _: None)
    prefix = settings.database_prefix
    named = grants.names(settings, "%")
    with database.connect(settings) as connection:
        run = connection.exec_driver_sql
        run(
            f"create sql security invoker view {prefix}health_management.v_patient_health_overview"
            f" as select id, name from {prefix}health_management.health_patients"
        )
        run(
            f"create sql security invoker view {prefix}saas_unified_core.v_user_permissions"
            f" as select id, username from {prefix}saas_unified_core.saas_users"
        )
        run(
            f"create sql security invoker view {prefix}customer_management.v_customer_360"
            f" as select id, tenant_id, name from {prefix}customer_management.customers"
        )
        run(
            f"create view {prefix}saas_unified_core.v_tenant_overview"
            f" as select id, tenant_name from {prefix}saas_unified_core.saas_tenants"
        )
        try:
            grants.apply(settings, "%")
            grants.apply(settings, "%")  # again, changing nothing
            for role in grants.ROLES:
                unlock = f"alter user {named.account(role)} identified by '{PASSWORD}'"
                run(f"{unlock} account unlock".replace("%", "%%"))
            yield settings
        finally:
            for role in grants.ROLES:
                run(f"drop user if exists {named.account(role)}".replace("%", "%%"))
                run(f"drop role if exists {named.role(role)}".replace("%", "%%"))
            run(f"drop user if exists `{named.user(grants.DEFINER)}`@`localhost`")


def log_in(settings: Settings, role: str, **more: object) -> pymysql.Connection:
    tls = more or {"ssl": {"check_hostname": False, "verify_mode": "none"}}
    return pymysql.connect(
        host=settings.mysql.host,
        port=settings.mysql.port,
        user=grants.names(settings, "%").login(role),
        password=PASSWORD,
        autocommit=True,
        **tls,
    )


def attempt(settings: Settings, role: str, statement: str) -> tuple[int, list]:
    """The error number (0: none) and the rows."""
    with closing(log_in(settings, role)) as connection, connection.cursor() as cursor:
        try:
            cursor.execute(statement.replace("{p}", settings.database_prefix))
            return 0, list(cursor.fetchall())
        except pymysql.MySQLError as error:
            return error.args[0], [error.args[1]]


@pytest.mark.parametrize("role", grants.ROLES)
def test_a_role_may_do_its_work_and_nothing_else(server: Settings, role: str) -> None:
    wrong = []
    for statement in ALLOWED[role]:
        code, said = attempt(server, role, statement)
        if code:
            wrong.append(f"refused: {statement}: {code} {said}")
    for statement in FORBIDDEN[role]:
        code, said = attempt(server, role, statement)
        if code not in DENIED:
            wrong.append(f"not refused: {statement}: {code} {said}")
    assert not wrong, "\n".join(wrong)


def test_who_may_name_no_definer_makes_all_else(server: Settings) -> None:
    """As an administrator of a managed server may; and is told what is missing."""
    user = f"{server.database_prefix}dba"
    login = {"MYSQL_USER": user, "MYSQL_PASSWORD": PASSWORD}
    with database.connect(server) as connection:
        run = connection.exec_driver_sql
        rights = connection.exec_driver_sql("show privileges").all()
        [right] = {"SET_ANY_DEFINER", "SET_USER_ID"} & {row[0].upper() for row in rights}
        run(f"create user '{user}'@'%%' identified by '{PASSWORD}'")
        try:
            run(f"grant all on *.* to '{user}'@'%%' with grant option")
            run(f"revoke super, {right} on *.* from '{user}'@'%%'")
            done = commands.run(server, "grants", "--apply", "--host", "%", **login)
            assert done.code == 1 and "Traceback" not in done.text, done.text
            assert re.search(r"(\d+) of \d+ statements ran, and all roles and accounts", done.err)
            assert f"grant set_any_definer on *.* to {user}@" in done.err
        finally:
            run(f"drop user '{user}'@'%%'")


def test_enough_statements_are_tried() -> None:
    allowed, forbidden = (sum(map(len, tried.values())) for tried in (ALLOWED, FORBIDDEN))
    # the figures of docs/security.md
    assert (allowed, forbidden, len(WAYS_AROUND)) == (52, 73, 69)


def test_a_tenant_analyst_hears_nothing_of_others(server: Settings) -> None:
    """All that is said is the same, whether other tenants have rows or not."""
    prefix = server.database_prefix
    account = grants.names(server, "%").login("tenant_analyst")
    given = needed(server)

    def fill(*tenants: str) -> None:
        with database.begin(server) as connection:
            for tenant in tenants:
                connection.exec_driver_sql(
                    f"insert into {prefix}warehouse.fct_quota_utilization_daily "
                    f"(tenant_id, {', '.join(given)}) "
                    f"values ('{tenant}', {', '.join(given.values())})"
                )

    with database.begin(server) as connection:
        for pair in (f"'{account}', 'mine'", "'x', 'theirs1'"):
            connection.exec_driver_sql(
                f"insert into {prefix}warehouse_access.tenant_accounts values ({pair})"
            )
    fill("mine")
    ways = [*WAYS_AROUND, *(ROW_BY_ROW + way for way in WAYS_AROUND if VIEW in way)]
    alone = said(server, "tenant_analyst", ways)
    assert alone[0] == [("mine",)], "or nothing below shows anything"
    fill(*(f"theirs{n}" for n in range(1, 40)))
    heard = []
    for way, before, now in zip(ways, alone, said(server, "tenant_analyst", ways), strict=True):
        if now != before or re.search("theirs[23]", str(now)):
            heard.append(f"{way}: {now}, alone {before}")
    assert not heard, "\n".join(heard)


def said(settings: Settings, role: str, scripts: Sequence[str]) -> list[list]:
    """For each script all rows, the warnings, and the error that ended it."""
    heard: list[list] = []
    with closing(log_in(settings, role)) as connection, connection.cursor() as cursor:
        for script in scripts:
            heard.append([])
            cursor.execute("set optimizer_switch = default, optimizer_trace = default")
            try:
                for statement in script.replace("{p}", settings.database_prefix).split("; "):
                    cursor.execute(statement)
                    heard[-1] += cursor.fetchall()
                    cursor.execute("show warnings")
                    heard[-1] += cursor.fetchall()
            except pymysql.MySQLError as error:
                heard[-1].append(error.args)
    return heard


def needed(settings: Settings) -> dict[str, str]:
    """Columns of fct_quota_utilization_daily that must be given, beside the tenant."""
    values = {}
    for column in load_record().table("fct_quota_utilization_daily").stored_columns:
        if column.name == "tenant_id" or column.nullable or column.default is not None:
            continue
        kind = column.base_type
        text = {"date": "'2026-06-30'", "timestamp": "'2026-06-30'", "varchar": "'x'"}
        values[column.name] = (
            f"'{column.enum_values[0]}'" if column.enum_values else text.get(kind, "1")
        )
    return values


def test_accounts_need_tls(server: Settings) -> None:
    with pytest.raises(pymysql.MySQLError, match=r"1045|3159|Access denied"):
        log_in(server, "analyst", ssl_disabled=True)


def test_the_operator_takes_an_order_of_a_variant_to_its_end(server: Settings) -> None:
    """All that a booking reads, locks, inserts and updates, column by column."""
    user = f"{server.database_prefix}booker"
    account = f"`{user}`@`{server.mysql.host}`"  # of this machine: its logins need no TLS
    role = grants.names(server, "%").role("operator")
    world = BookingWorld(replace(server, as_of=AS_OF))
    mine = {"MYSQL_HOST": server.mysql.host, "MYSQL_PORT": str(server.mysql.port),
            "MYSQL_USER": user, "MYSQL_PASSWORD": PASSWORD}  # fmt: skip
    logged_in = replace(world.settings, environment={**server.environment, **mine})
    operator = BookingWorld(logged_in)
    category = {"id": "category", "tenant_id": BOOKED_AT, "category_name": "x"}
    world.insert("service_categories", category | {"category_code": "C"})
    world.service()
    world.slot()
    world.variant()
    world.provider("p")
    with database.connect(server) as connection:
        for statement in (
            f"create user {account} identified by '{PASSWORD}'",
            f"grant {role} to {account}",
            f"alter user {account} default role {role}",
        ):
            connection.exec_driver_sql(statement.replace("%", "%%"))
    try:
        item = {"service_id": "service", "time_slot_id": "slot", "variant_id": "variant"}
        operator.create("A", items=[item])
        for new in ("paid", "confirmed", "assigned", "preparing", "in_progress", "completed"):
            operator.step("A", new)
        variant = world.row("service_variants", "variant")
        assert (variant["completed_count"], variant["booking_count"]) == (1, 1)
        with pytest.raises(WarehouseError, match="lacks a permission"):
            operator.update("service_variants", "variant", price=0)
    finally:
        database.connect_engine(logged_in).dispose()
        with database.connect(server) as connection:
            connection.exec_driver_sql(f"drop user {account}")


def test_check_says_what_differs(server: Settings) -> None:
    assert grants.check(server) == []
    role = grants.names(server, "%").role("analyst").replace("%", "%%")
    table = f"{server.database_prefix}saas_unified_core.saas_users"
    with database.connect(server) as connection:
        connection.exec_driver_sql(f"grant select (email) on {table} to {role}")
        (found,) = grants.check(server)
        assert re.search(r"analyst: has select `?email`? on .*saas_users.* too much", found)
        connection.exec_driver_sql(f"revoke select (email) on {table} from {role}")
    assert grants.check(server) == []


def test_what_operations_write_is_in_the_record() -> None:
    record = load_record()
    for name, writes in WRITES.items():
        known = {column.name for column in record.table(name).stored_columns}
        assert set(writes.columns) <= known, name


def test_duckdb_and_odd_hosts_are_refused(embedded_settings: Settings) -> None:
    with pytest.raises(WarehouseError, match="DuckDB has no users"):
        grants.check(embedded_settings)
    with pytest.raises(WarehouseError, match="no host pattern"):
        grants.names(embedded_settings, "%' or 1")
