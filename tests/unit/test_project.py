"""The tree is a rule: layers, names, descriptions and staging are what the documents say."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestration.manifest import prepare_manifest
from orchestration.retention.policy import sealed_columns
from orchestration.schema.record import DATABASES, load_record
from orchestration.schema.staging import (
    StagingModel,
    docs_path,
    read_staging_model,
    staging_docs,
    staging_models,
)
from orchestration.settings import DOMAINS, PROJECT_ROOT, load_settings
from tests.conftest import _own_environment

NAMING = (PROJECT_ROOT / "docs" / "naming.md").read_text(encoding="utf-8")
SEED_STATISTICS = (
    "saas_usage_statistics",
    "saas_quota_usage_realtime",
    "ai_platform_metrics",
    "wework_tenant_usage",
    "health_statistics",
    "customer_behavior_statistics",
    "customer_behavior_sequences",
)
TYPE_OF_SUFFIX = {
    "_id": ("varchar", "text"),
    "_code": ("varchar", "text", "int"),
    "_at": ("timestamp",),
    "_date": ("date",),
    "_time": ("time",),
    "_seconds": ("int", "bigint", "decimal"),
    "_ms": ("int", "bigint", "decimal"),
    "_minutes": ("int", "bigint", "decimal"),
    "_hours": ("int", "bigint", "decimal"),
    "_pct": ("int", "decimal"),
    "_cny": ("decimal",),
    "_gb": ("decimal",),
    "_count": ("int", "bigint"),
}


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("manifest")
    path = prepare_manifest(load_settings(_own_environment(folder)))
    return json.loads(path.read_text(encoding="utf-8"))


def models(manifest: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for node in manifest["nodes"].values():
        if node["resource_type"] == "model":
            yield node


def layer(node: dict[str, Any]) -> str:
    return node["path"].split("/")[0]


def test_staging_reads_sources_and_marts_read_models(manifest: dict[str, Any]) -> None:
    for node in models(manifest):
        parents = node["depends_on"]["nodes"]
        kinds = {parent.split(".")[0] for parent in parents}
        if layer(node) == "staging":
            assert kinds == {"source"} and len(parents) == 1, f"{node['name']} reads {parents}"
        else:
            assert "source" not in kinds, f"{node['name']} reads a source, not its staging model"
            assert kinds, f"{node['name']} reads nothing"


def test_folders_say_where_a_model_lives(manifest: dict[str, Any]) -> None:
    for node in models(manifest):
        top, domain, *folders = node["path"].split("/")
        if top == "staging":
            expected = "warehouse_staging"
            assert re.fullmatch(rf"stg_{domain}__[a-z_]+", node["name"]), node["name"]
        elif folders[0] in ("views", "rollups"):
            expected = DATABASES[domain]
            assert node["name"].startswith("v_") == (folders[0] == "views"), node["name"]
        else:
            expected = "warehouse"
        assert node["schema"] == expected, f"{node['name']} lives in {node['schema']}"


def test_models_never_ask_for_the_engine(manifest: dict[str, Any]) -> None:
    for node in models(manifest):
        assert "target." not in node["raw_code"], f"{node['name']} asks for the target"


def test_everything_is_described(manifest: dict[str, Any]) -> None:
    for node in [*models(manifest), *manifest["sources"].values()]:
        assert len(node["description"]) > 40, f"{node['name']} is hardly described"
        assert node["columns"], f"{node['name']} declares no columns"
        for column in node["columns"].values():
            where = f"{node['name']}.{column['name']}"
            assert len(column["description"].split()) >= 4, f"{where}: {column['description']!r}"
            assert column["data_type"] or "derived" in column["meta"], f"{where} has no type"


def test_marts_open_with_their_grain_and_test_it(manifest: dict[str, Any]) -> None:
    tested = {
        node["attached_node"]
        for node in manifest["nodes"].values()
        if node["resource_type"] == "test"
        and (node.get("test_metadata") or {}).get("name", "").startswith("unique")
    }
    for node in models(manifest):
        if layer(node) == "marts":
            first = node["description"].split(".")[0]
            assert re.match(r"(One row|Exactly one row)", first), f"{node['name']}: {first}"
            assert node["unique_id"] in tested, f"{node['name']}: no test that its grain is unique"


def test_marts_columns_follow_the_naming_rules(manifest: dict[str, Any]) -> None:
    seeds_own_names = {"views", "rollups"}
    for node in models(manifest):
        path = node["path"].split("/")
        if path[0] == "marts" and path[2] in seeds_own_names:
            continue
        for column in node["columns"].values():
            name = column["name"]
            where = f"{node['name']}.{name}"
            assert re.fullmatch(r"[a-z][a-z0-9_]*", name), where
            base = (column["data_type"] or "").split("(")[0]
            # A question's prefix comes before what it asks about: is_on_time is no time of day.
            is_question = re.match(r"(is|has|needs)_", name)
            for suffix, allowed in TYPE_OF_SUFFIX.items():
                if name.endswith(suffix) and base and not is_question:
                    assert base in allowed, f"{where} is {column['data_type']}"
            if column["data_type"] in ("tinyint(1)", "boolean"):
                assert is_question, f"{where} is a boolean"


def test_suffixes_are_the_documents() -> None:
    for suffix in TYPE_OF_SUFFIX:
        assert f"`{suffix}`" in NAMING, f"docs/naming.md does not name {suffix}"


@pytest.mark.parametrize("domain", DOMAINS)
def test_staging_shows_every_column_but_the_secret_ones(domain: str) -> None:
    """Both ways: no column is forgotten, and none is shown that the record does not have."""
    record = load_record()
    staged = {model.table: model for model in staging_models(domain=domain)}
    tables = {t.name for t in record.application_tables() if t.domain == domain}
    assert staged.keys() == tables
    for name, model in staged.items():
        table = record.table(name)
        dropped = {c.name for c in table.columns if c.classification == "secret"}
        shown = {c.source for c in model.columns if c.source}
        assert shown == {c.name for c in table.stored_columns} - dropped, name
        derived = {c.name for c in table.columns if not c.is_stored}
        assert {c.name for c in model.columns if c.source is None} == derived, name
        assert len({c.name for c in model.columns}) == len(model.columns), name


def test_staging_puts_its_columns_in_sections() -> None:
    order = ["-- ids", "-- text", "-- numbers", "-- booleans", "-- dates and times"]
    for model in staging_models():
        text = sql_file(model).read_text(encoding="utf-8")
        found = re.findall(r"-- [a-z ]+", text)
        assert found == [section for section in order if section in found], model.name


def sql_file(model: StagingModel) -> Path:
    return PROJECT_ROOT / "models" / "staging" / model.domain / f"{model.name}.sql"


@pytest.mark.parametrize("domain", DOMAINS)
def test_staging_docs_are_fresh(domain: str) -> None:
    fresh = docs_path(domain).read_text(encoding="utf-8") == staging_docs(load_record(), domain)
    assert fresh, "run `warehouse staging-docs`"


def test_what_is_read_of_the_lake_is_the_record_s(manifest: dict[str, Any]) -> None:
    """Open columns of archived tables, under the names that the tables' own staging gives them."""
    sources = [s for s in manifest["sources"].values() if s["source_name"] == "lake"]
    assert sources
    staged = {model.table: model for model in staging_models()}
    for source in sources:
        table = load_record().table(source["name"])
        assert table.retention and table.retention.archive
        for column in source["columns"].values():
            known = table.column(column["name"])
            assert column["data_type"] == known.data_type, known.name
            assert column["meta"]["classification"] == known.classification
            assert known.name not in sealed_columns(table)
        own = staged[table.name]
        names = {column.source: column.name for column in own.columns}
        name = own.name.replace("__", "_").replace("stg_", "stg_lake__")
        view = manifest["nodes"][f"model.saas_warehouse.{name}"]
        shown = read_staging_model(view["name"], table.domain, view["raw_code"]).columns
        assert {c.source: c.name for c in shown}.items() <= names.items()
        assert {c.source for c in shown} == source["columns"].keys()
        assert view["meta"]["row_key"] == [names[part] for part in table.primary_key]


def test_the_record_is_complete() -> None:
    """At least the 86 tables and 2,077 columns, 8 tables partitioned, that the seed names."""
    record = load_record()
    statistics = [record.table(name) for name in SEED_STATISTICS]
    assert all(t.built_by_dbt for t in statistics)
    named = [*record.application_tables(), *statistics]
    assert len(named) >= 86
    assert sum(len(t.columns) for t in named) >= 2077
    assert sum(t.partition_by_month is not None for t in named) >= 8
    assert all(t.label_zh and t.layer and t.rows_expected for t in named)
    for table in named:
        keys = [table.primary_key, *table.unique]
        if table.partition_by_month:
            assert not table.references, f"{table.name}: MySQL refuses foreign keys here"
            assert all(table.partition_by_month in key for key in keys), table.name
        for index in table.indexes:
            others = [*keys, *(other for other in table.indexes if other != index)]
            assert not any(k[: len(index)] == index for k in others), f"{table.name} {index}"
        for column in table.columns:
            assert column.classification in ("public", "internal", "pii", "phi", "secret")


def test_the_record_knows_where_dbt_builds(manifest: dict[str, Any]) -> None:
    record = load_record()
    built = {(node["schema"], node["name"]) for node in models(manifest) if layer(node) == "marts"}
    deployed = {(table.database, table.name) for table in record if table.built_by_dbt}
    assert built <= record.rebuilt | deployed
    assert record.rebuilt <= built


def test_no_addresses_of_registries_and_no_paths_of_a_machine() -> None:
    """Hashes and markers lock the requirements; where they come from is the machine's business."""
    lock = (PROJECT_ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "--hash=sha256:" in lock and "python_full_version" in lock
    assert not re.search(r"https?://|--index-url|--find-links", lock)
    files = subprocess.run(
        ["git", "ls-files"], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    for name in files:
        path = PROJECT_ROOT / name
        if path.suffix in (".py", ".sql", ".yml", ".md", ".toml", ".csv", "") and path.exists():
            text = path.read_text(encoding="utf-8", errors="ignore")
            assert not re.search(r"(?<![\w.])/(home|root|Users)/\w", text), name
