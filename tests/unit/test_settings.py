"""The environment, read once: defaults, what is refused, and what never shows."""

from __future__ import annotations

import json
import stat
import threading
from datetime import datetime
from pathlib import Path

import pytest

from orchestration.database import DUCKDB_WAIT_SECONDS, duckdb_wait_seconds
from orchestration.errors import WarehouseError
from orchestration.settings import (
    DOMAINS,
    PROJECT_ROOT,
    Settings,
    development_mask_key,
    load_settings,
    mysql_connection,
)

NAMED = {
    "MYSQL_HOST": "db.example",
    "MYSQL_USER": "analyst",
    "MYSQL_PASSWORD": "hush-hush",
}
PRIVATE = {
    "host": "127.0.0.1", "port": 4406, "user": "warehouse", "password": "hush-hush",
    "socket": "/run/mysqld.sock", "pid": 1,
}  # fmt: skip


def test_nothing_set_means_duckdb_with_all_domains_on_the_servers_clock():
    settings = load_settings({})
    assert settings == Settings()
    assert settings.duckdb_path == PROJECT_ROOT / ".local" / "saas_warehouse.duckdb"
    assert settings.domains == DOMAINS
    assert settings.as_of is None
    assert not settings.is_mysql


def test_empty_variables_count_as_unset():
    names = (
        "WAREHOUSE_TARGET", "WAREHOUSE_DUCKDB_PATH", "WAREHOUSE_DATABASE_PREFIX",
        "WAREHOUSE_DOMAINS", "WAREHOUSE_AS_OF", "WAREHOUSE_LOCAL_DIR", "MYSQL_HOST",
        "WAREHOUSE_DUCKDB_WAIT_SECONDS",
    )  # fmt: skip
    settings = load_settings(dict.fromkeys(names, ""))
    assert settings == Settings(environment=settings.environment)
    assert duckdb_wait_seconds(settings) == DUCKDB_WAIT_SECONDS


def test_paths_follow_the_local_directory_and_are_absolute(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    settings = load_settings({"WAREHOUSE_LOCAL_DIR": "here"})
    assert settings.local_dir == tmp_path / "here"
    assert settings.duckdb_path == tmp_path / "here" / "saas_warehouse.duckdb"


def test_options_win_over_variables():
    environment = {
        "WAREHOUSE_TARGET": "mysql", "WAREHOUSE_DOMAINS": "ai", "WAREHOUSE_AS_OF": "2026-01-01",
    }  # fmt: skip
    settings = load_settings(environment, target="embedded", domains="wework", as_of="2026-02-02")
    assert (settings.target, settings.domains) == ("embedded", ("wework",))
    assert settings.as_of == datetime(2026, 2, 2, 23, 59, 59)
    assert load_settings(environment).target == "mysql"


@pytest.mark.parametrize(
    ("given", "domains"),
    [
        ("wework", ("wework",)),
        ("wework,core", ("core", "wework")),
        (" customer , core,core ", ("core", "customer")),
        (["wework", "core"], ("core", "wework")),
        (("ai",), ("ai",)),
    ],
)
def test_domains_come_in_the_order_of_deployment(given, domains):
    assert load_settings({}, domains=given).domains == domains


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-06-30", datetime(2026, 6, 30, 23, 59, 59)),
        ("20260630", datetime(2026, 6, 30, 23, 59, 59)),
        (" 2026-06-30 12:00 ", datetime(2026, 6, 30, 12)),
        ("2026-06-30T12:00:01.999999", datetime(2026, 6, 30, 12, 0, 1)),
        ("2024-02-29", datetime(2024, 2, 29, 23, 59, 59)),
    ],
)
def test_as_of_is_business_wall_clock_and_a_date_its_last_second(text, moment):
    assert load_settings({"WAREHOUSE_AS_OF": text}).as_of == moment


@pytest.mark.parametrize(
    ("environment", "names", "fix"),
    [
        ({"WAREHOUSE_TARGET": "oracle"}, "Unknown target 'oracle'", "embedded, mysql"),
        ({"WAREHOUSE_DOMAINS": "core,crm"}, "Unknown domain 'crm'", "core, ai, wework"),
        ({"WAREHOUSE_AS_OF": "yesterday"}, "'yesterday' is not a date", "2026-06-30"),
        ({"WAREHOUSE_AS_OF": "2026-02-30"}, "'2026-02-30' is not a date", "2026-06-30"),
        ({"WAREHOUSE_AS_OF": "2026-06-30T12:00:00Z"}, "carries a time zone", "without an offset"),
        ({"WAREHOUSE_AS_OF": "2026-06-30 12:00+08:00"}, "carries a time zone", "Asia/Shanghai"),
        ({"WAREHOUSE_AS_OF": "0001-01-01"}, "outside what a MySQL timestamp", "1971 to 2037"),
        ({"WAREHOUSE_AS_OF": "2038-01-01"}, "outside what a MySQL timestamp", "1971 to 2037"),
        ({"WAREHOUSE_DATABASE_PREFIX": "a-b"}, "WAREHOUSE_DATABASE_PREFIX 'a-b'", "underscores"),
        ({"WAREHOUSE_DATABASE_PREFIX": "x`; --"}, "WAREHOUSE_DATABASE_PREFIX", "underscores"),
        ({"WAREHOUSE_DATABASE_PREFIX": "Test_"}, "WAREHOUSE_DATABASE_PREFIX", "small letters"),
        ({"WAREHOUSE_DATABASE_PREFIX": "p" * 33}, "WAREHOUSE_DATABASE_PREFIX", "at most 32"),
    ],
)
def test_what_is_refused_is_named_with_what_would_do(environment, names, fix):
    with pytest.raises(WarehouseError) as caught:
        load_settings(environment)
    assert names in caught.value.message
    assert fix in caught.value.fix


@pytest.mark.parametrize("domains", ["", " , ", ["bogus"], [""], []])
def test_an_option_without_a_domain_does_not_mean_all_of_them(domains):
    with pytest.raises(WarehouseError, match="Unknown domain"):
        load_settings({}, domains=domains)


@pytest.mark.parametrize("text", ["soon", "-1", "nan", "1,5"])
def test_a_wait_that_is_no_number_of_seconds_is_refused(text):
    settings = load_settings({"WAREHOUSE_DUCKDB_WAIT_SECONDS": text})
    with pytest.raises(WarehouseError, match="WAREHOUSE_DUCKDB_WAIT_SECONDS"):
        duckdb_wait_seconds(settings)


# --- the server ------------------------------------------------------------------------------


def test_the_server_of_the_environment(tmp_path):
    server = mysql_connection(NAMED, tmp_path)
    assert (server.host, server.port, server.user, server.origin) == (
        "db.example", 3306, "analyst", "environment",
    )  # fmt: skip
    assert mysql_connection(NAMED | {"MYSQL_PORT": "3399"}, tmp_path).port == 3399


@pytest.mark.parametrize(
    ("missing", "says"),
    [
        (["MYSQL_USER"], "MYSQL_USER is not"),
        (["MYSQL_PASSWORD"], "MYSQL_PASSWORD is not"),
        (["MYSQL_USER", "MYSQL_PASSWORD"], "MYSQL_USER and MYSQL_PASSWORD are not"),
    ],
)
def test_half_a_server_is_refused(missing, says, tmp_path):
    given = {name: value for name, value in NAMED.items() if name not in missing}
    with pytest.raises(WarehouseError, match=says) as caught:
        mysql_connection(given, tmp_path)
    assert "unset MYSQL_HOST" in caught.value.fix


@pytest.mark.parametrize("port", ["abc", "0", "65536", "99999", "-1", "3306.0", "²", "1" * 30])
def test_a_port_that_is_none_is_refused(port, tmp_path):
    with pytest.raises(WarehouseError, match="is not a port number"):
        mysql_connection(NAMED | {"MYSQL_PORT": port}, tmp_path)


def private(folder: Path, text: str) -> Path:
    (folder / "mysql").mkdir()
    (folder / "mysql" / "connection.json").write_text(text)
    return folder


def test_without_a_host_the_private_server_is_used(tmp_path):
    server = mysql_connection({"MYSQL_PORT": "9"}, private(tmp_path, json.dumps(PRIVATE)))
    assert (server.host, server.port, server.origin) == ("127.0.0.1", 4406, "private")


def test_without_any_server_the_fix_is_to_make_one(tmp_path):
    with pytest.raises(WarehouseError, match="No MySQL server") as caught:
        mysql_connection({}, tmp_path)
    assert "make mysql-up" in caught.value.fix


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"host": "x"}', '{"port": "many"}'])
def test_a_damaged_connection_file_is_named(text, tmp_path):
    with pytest.raises(WarehouseError, match=r"connection\.json is damaged") as caught:
        mysql_connection({}, private(tmp_path, text))
    assert "make mysql-up" in caught.value.fix


def test_no_repr_shows_a_secret(tmp_path):
    environment = NAMED | {"WAREHOUSE_MASK_KEY": "keep-this-quiet", "WAREHOUSE_TARGET": "mysql"}
    settings = load_settings(environment)
    shown = repr(settings) + repr(settings.mysql) + str(settings)
    assert settings.mask_key == "keep-this-quiet"
    assert "hush-hush" not in shown
    assert "keep-this-quiet" not in shown


# --- the masking key -------------------------------------------------------------------------


def test_a_named_server_needs_a_key_of_its_own():
    settings = load_settings(NAMED | {"WAREHOUSE_TARGET": "mysql"})
    with pytest.raises(WarehouseError, match="WAREHOUSE_MASK_KEY is not set"):
        settings.mask_key  # noqa: B018


def test_the_development_key_is_made_once_and_readable_by_its_owner_only(tmp_path):
    settings = load_settings({"WAREHOUSE_LOCAL_DIR": str(tmp_path / "new")})
    key = settings.mask_key
    assert len(key) == 64
    assert load_settings(settings.environment).mask_key == key
    file = tmp_path / "new" / "mask_key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [entry.name for entry in file.parent.iterdir()] == ["mask_key"]


def test_threads_that_come_at_once_get_one_key(tmp_path):
    keys: list[str] = []
    start = threading.Barrier(8)

    def make() -> None:
        start.wait()
        keys.append(development_mask_key(tmp_path))

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 8
    assert len(set(keys)) == 1


# --- children --------------------------------------------------------------------------------


def test_a_child_process_reads_the_same_settings(tmp_path):
    settings = load_settings(
        {"WAREHOUSE_LOCAL_DIR": str(tmp_path), "WAREHOUSE_DATABASE_PREFIX": "t1_", "HOME": "/h"},
        domains="wework", as_of="2026-06-30",
    )  # fmt: skip
    child = load_settings(settings.child_environment())
    assert child.environment["HOME"] == "/h"
    assert child == Settings(
        **{name: getattr(settings, name) for name in Settings.__dataclass_fields__}
        | {"environment": child.environment}
    )


def test_a_child_process_gets_the_private_server_and_its_key(tmp_path):
    private(tmp_path, json.dumps(PRIVATE))
    settings = load_settings({"WAREHOUSE_LOCAL_DIR": str(tmp_path), "WAREHOUSE_TARGET": "mysql"})
    child = settings.child_environment()
    assert (child["MYSQL_PORT"], child["MYSQL_PASSWORD"]) == ("4406", "hush-hush")
    assert load_settings(child).mask_key == settings.mask_key


def test_a_secret_may_stand_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("from-the-file\n")
    env = {**NAMED, "WAREHOUSE_TARGET": "mysql", "MYSQL_PASSWORD_FILE": str(file)}
    env |= {"WAREHOUSE_MASK_KEY": "k" * 32, "WAREHOUSE_LOCAL_DIR": str(tmp_path)}
    assert load_settings(env).mysql.password == "hush-hush", "what is set goes before a file"
    del env["MYSQL_PASSWORD"]
    settings = load_settings(env)
    assert settings.mysql.password == "from-the-file"
    assert settings.child_environment()["MYSQL_PASSWORD"] == "from-the-file"
    with pytest.raises(WarehouseError, match=r"MYSQL_PASSWORD_FILE .* No such file"):
        load_settings({**env, "MYSQL_PASSWORD_FILE": str(tmp_path / "none")})


def test_a_server_elsewhere_must_prove_its_name_unless_named_otherwise(tmp_path):
    server = mysql_connection(NAMED, tmp_path)
    assert (server.tls_verified, server.ca_file) == (True, "")
    assert not mysql_connection(NAMED | {"MYSQL_TLS": "off"}, tmp_path).tls_verified
    here = NAMED | {"MYSQL_HOST": "127.0.0.1"}
    assert not mysql_connection(here, tmp_path).tls_verified
    assert mysql_connection(here | {"MYSQL_TLS": "verified"}, tmp_path).tls_verified
    with pytest.raises(WarehouseError, match="Unknown MYSQL_TLS 'preferred'"):
        mysql_connection(NAMED | {"MYSQL_TLS": "preferred"}, tmp_path)
    with pytest.raises(WarehouseError, match="MYSQL_SSL_CA 'nowhere' is no file"):
        mysql_connection(NAMED | {"MYSQL_SSL_CA": "nowhere"}, tmp_path)
