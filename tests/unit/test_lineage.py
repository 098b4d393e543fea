"""The walk over compiled SQL: what leaks is named with its path, what masks or counts is not."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from commands import run
from harness import compile_macros

from orchestration.errors import WarehouseError
from orchestration.governance.lineage import Lineage
from orchestration.governance.project import Report, examine
from orchestration.governance.readers import (
    TOLD,
    Reader,
    exposed_by,
    judged,
    written_back,
)
from orchestration.operations.write_back import WriteBack
from orchestration.settings import load_settings

DIALECTS = {"embedded": "duckdb", "mysql": "mysql"}
ENGINES = tuple(DIALECTS)

LEAKS = {
    "alias": "select phone as harmless from app.people",
    "star": "select * from app.people",
    "concat": "select concat('tel: ', phone, '!') as x from app.people",
    "concat with stars": "select concat('***', phone) as x from app.people",
    "mask that shows too much": "select concat(left(phone, 9), '****') as x from app.people",
    "hash without a key": "select sha2(phone, 256) as x from app.people",
    "JSON": "select json_object('a', phone) as x from app.people",
    "JSON member": "select json_extract(profile, '$.real_name') as x from app.people",
    "city of an address": "select json_extract(profile, '$.address.city') as x from app.people",
    "coalesce": "select coalesce(null, phone, 'none') as x from app.people",
    "case": "select case when id = 1 then phone end as x from app.people",
    "max": "select tenant_id, max(phone) as x from app.people group by tenant_id",
    "avg": "select avg(pressure) as x from app.people",
    "window": "select first_value(phone) over (partition by tenant_id order by id) as x "
    "from app.people",
    "lag": "select lag(phone) over (order by id) as x from app.people",
    "union": "select id as x from app.people union all select phone from app.people",
    "CTE": "with a as (select phone as p from app.people), b as (select p as q from a) "
    "select q as x from b",
    "CTE's column list": "with a (p) as (select phone from app.people) select p as x from a",
    "recursion": "with recursive a as (select id, phone from app.people union all "
    "select phone, id from a where id < 5) select id as x from a",
    "derived table": "select d.p as x from (select phone as p from app.people) as d",
    "scalar subquery": "select (select max(b.phone) from app.people as b) as x from app.people",
    "correlated subquery": "select (select a.phone) as x from app.people as a",
    "join": "select b.phone as x from app.people as a join app.people as b on a.id = b.id",
    "lateral": "select l.p as x from app.people as a cross join lateral (select a.phone as p) as l",
    "cast, trim, substring": "select trim(substring(cast(phone as char), 1, 9)) as x "
    "from app.people",
    "arithmetic": "select pressure * 1 + 0 as x from app.people",
    "nullif": "select nullif(phone, '') as x from app.people",
    "an unknown function": "select my_function(phone) as x from app.people",
    "case in max in window": "select max(case when id > 0 then upper(phone) end) over () as x "
    "from app.people",
}  # fmt: skip
HARMLESS = {
    "count": "select count(phone) as x, count(distinct phone) as y from app.people",
    "comparison": "select phone = '1' as x, phone is null as y, phone in ('1', '2') as z "
    "from app.people",
    "condition": "select case when phone like '1%' then 'a' else 'b' end as x from app.people",
    "counted by condition": "select sum(case when pressure > 140 then 1 else 0 end) as x "
    "from app.people",
    "filter": "select id from app.people where phone = '1'",
    "order": "select row_number() over (order by phone) as x from app.people",
    "length": "select length(phone) as x from app.people",
    "other column": "select id as phone from app.people",
}  # fmt: skip
MASKS = (
    "mask_hash('phone')", "mask_phone('phone')", "mask_name('phone')", "mask_email('phone')",
    "mask_id_card('phone')", "generalise_ip('phone')", "generalise_address('profile')",
    "age_band('birth_date', \"date '2026-06-30'\")", "is_small_cell('pressure')",
)  # fmt: skip


@pytest.fixture(params=ENGINES)
def lineage(request: pytest.FixtureRequest) -> Lineage:
    return a_lineage(request.param)


def a_lineage(engine: str) -> Lineage:
    lineage = Lineage(DIALECTS[engine])
    classes = {
        "id": "internal", "tenant_id": "internal", "phone": "pii", "profile": "pii",
        "pressure": "phi", "birth_date": "phi", "token": "secret",
    }  # fmt: skip
    lineage.add_source("app", "people", classes)
    return lineage


@pytest.mark.parametrize("leak", LEAKS)
def test_a_leak_is_named_with_its_path(lineage: Lineage, leak: str) -> None:
    lineage.add("staging", "stg", "select * from app.people")
    taints = lineage.add("warehouse", "mart", LEAKS[leak].replace("app.people", "staging.stg"))
    found = [origin for column in taints.values() for origin in column]
    assert found, f"{leak} went through unseen"
    for origin in found:
        first, second, third = origin.path
        assert first.startswith("app.people.")
        assert second.startswith("staging.stg.")
        assert third.startswith("warehouse.mart.")


@pytest.mark.parametrize("query", HARMLESS)
def test_what_counts_or_decides_is_no_leak(lineage: Lineage, query: str) -> None:
    taints = lineage.add("warehouse", "mart", HARMLESS[query])
    assert not any(taints.values()), taints


@pytest.mark.parametrize("engine", ENGINES)
def test_every_mask_is_known_as_one(engine: str, tmp_path: Path) -> None:
    queries = {
        f"m{number}": f"select {{{{ {mask} }}}} as x from app.people"
        for number, mask in enumerate(MASKS)
    }
    compiled = compile_macros(engine, queries, tmp_path / "project")
    assert not compiled.errors
    for number, mask in enumerate(MASKS):
        taints = a_lineage(engine).add("warehouse", "mart", compiled.sql[f"m{number}"])
        assert not any(taints.values()), mask


def test_what_cannot_be_read_fails(lineage: Lineage) -> None:
    for query in ("select nobody_knows from app.people", "select x from app.unknown", "select ("):
        with pytest.raises(WarehouseError, match=r"warehouse\.mart"):
            lineage.add("warehouse", "mart", query)


# What readers show of health_patients (`p`), and the column of it that is named as leaked.
SHOWN = {
    "a page's name": (Reader("report", "health 9", "select name from p"), "name"),
    "a page's latest phone": (Reader("report", "core 9", "select max(phone) as n from p"), "phone"),
    "a page's figure that nobody declared": (
        Reader("report", "health 9", "select avg(height) as systolic_pressure from p"), "height"),
    "an answer of the cookbook": (
        Reader("cookbook", "question 99", "select concat('a', email) as x from p"), "email"),
    "a finding's figure": (
        Reader("finding", "f", "select tenant_id, max(weight) as got from p group by 1"), "weight"),
    "a finding's expected text": (Reader("finding", "f", "select name as expected from p"), "name"),
    "a finding's day": (Reader("finding", "f", "select birth_date as day from p"), "birth_date"),
    "a finding's key that is a day": (
        Reader("finding", "f", "select birth_date as born from p"), "birth_date"),
    "what an experiment is computed from": (
        Reader("ab_test_results", "arms", "select id_card as arm from p"), "id_card"),
}  # fmt: skip
KEPT_IN = {
    "counts": Reader("report", "health 9", "select gender = 'male' as m, count(name) as n from p"),
    "a finding's key": Reader("finding", "f", "select phone, tenant_id, count(*) as got from p"),
}


def patients(engine: str) -> Lineage:
    lineage = Lineage(DIALECTS[engine])
    classes = {
        "id": "internal", "tenant_id": "internal", "name": "pii", "phone": "pii", "email": "pii",
        "id_card": "pii", "birth_date": "phi", "gender": "phi", "height": "phi", "weight": "phi",
    }  # fmt: skip
    lineage.add_source("health_management", "health_patients", classes)
    return lineage


def refused(found: object) -> list[str]:
    return [str(origin) for origin, allowed in found if not allowed]  # type: ignore[attr-defined]


def of_patients(reader: Reader) -> Reader:
    sql = re.sub(r"\bp\b", "health_management.health_patients as p", reader.sql)
    return Reader(reader.who, reader.name, sql)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("shown", SHOWN)
def test_what_a_reader_shows_of_somebody_is_a_leak(engine: str, shown: str) -> None:
    reader, column = SHOWN[shown]
    [path] = refused(judged(patients(engine), of_patients(reader)))
    assert f"health_management.health_patients.{column} -> {reader.who}.{reader.name}." in path


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kept", KEPT_IN)
def test_what_a_reader_counts_or_hides_is_none(engine: str, kept: str) -> None:
    assert not refused(judged(patients(engine), of_patients(KEPT_IN[kept])))


def test_what_is_written_back_or_exposed_is_followed() -> None:
    lineage = patients("embedded")
    lineage.add("warehouse", "m", "select id, name, gender from health_management.health_patients")
    back = {"b": WriteBack("m", "id", (("name", "total_messages"),), "wework_accounts")}
    [path] = refused(written_back(lineage, back))
    assert path.endswith("warehouse.m.name -> b: wework_platform.wework_accounts.total_messages")
    back = {"b": WriteBack("m", "id", (("name", "phone"),), "wework_accounts")}
    assert not refused(written_back(lineage, back)), "a column of people's data may hold it"
    page = {"name": "page", "type": "dashboard", "depends_on": ["ref('m')"]}
    [path] = refused(exposed_by(lineage, page))
    assert path.endswith("warehouse.m.name -> exposure page")
    assert not refused(exposed_by(lineage, {**page, "type": "application"}))


def test_rows_that_a_test_keeps_are_followed() -> None:
    node = SimpleNamespace(
        resource_type="test", unique_id="test.t", depends_on_nodes=[], columns={},
        schema="warehouse_audit", alias="t",
        compiled_code="select id, name from health_management.health_patients",
    )  # fmt: skip
    [leak] = examine([node], "embedded").leaks
    assert leak == "pii: health_management.health_patients.name -> warehouse_audit.t.name"


@pytest.fixture(scope="module", params=["embedded", pytest.param("mysql", marks=pytest.mark.slow)])
def report(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Report:
    """The whole project, parsed anew: what columns declare may have changed since."""
    nobody = {"MYSQL_HOST": "localhost", "MYSQL_USER": "nobody", "MYSQL_PASSWORD": "none"}
    places = {"WAREHOUSE_LOCAL_DIR": str(tmp_path_factory.mktemp("lineage"))}
    settings = load_settings(
        {**os.environ, "WAREHOUSE_TARGET": request.param, "WAREHOUSE_MASK_KEY": "a-key" * 8,
         **nobody, **places, "WAREHOUSE_DUCKDB_PATH": "", "WAREHOUSE_DATABASE_PREFIX": "",
         "WAREHOUSE_DOMAINS": ""}
    )  # fmt: skip
    done = run(settings, "lineage", "--json")
    assert done.code in (0, 1), done.text
    return Report(**json.loads(done.out[done.out.index("{") :]))


def test_no_classified_column_gets_out_unmasked(report: Report) -> None:
    assert not report.leaks, "\n" + report.summary()
    assert report.columns["secret"] == 50
    assert report.columns["pii"] > 200
    assert report.columns["phi"] > 70
    assert report.relations > 170
    assert report.readers > 400
    assert len(report.arrivals) > 300


def test_what_readers_may_tell_is_told(report: Report) -> None:
    ends = [arrival.rpartition(" -> ")[2] for arrival in report.arrivals]
    for place, _, reason in TOLD:
        assert any(re.fullmatch(place, end) for end in ends), f"no longer told: {place}, {reason}"
