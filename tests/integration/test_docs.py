"""`dbt docs generate` on both engines: every relation, with the columns that its YAML has."""

from __future__ import annotations

import json

import pytest
import warehouses
from warehouses import ENGINES, Demo

from orchestration.dbt_project import target_path


@pytest.mark.parametrize("engine", ENGINES)
def test_the_catalog_knows_what_the_yaml_describes(demo: Demo, engine: str) -> None:
    """What was built and what is described are the same, column by column."""
    settings = demo.on(engine)
    warehouses.generate_docs(settings)
    folder = target_path(settings)
    catalog = json.loads((folder / "catalog.json").read_text(encoding="utf-8"))
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert catalog["errors"] is None
    wanted = {**manifest["nodes"], **manifest["sources"]}
    found = {**catalog["nodes"], **catalog["sources"]}
    wrong = []
    for key, node in wanted.items():
        if node["resource_type"] not in ("model", "source", "seed", "snapshot"):
            continue
        if node.get("source_name", settings.domains[0]) not in settings.domains:
            continue
        described = {n for n, c in node["columns"].items() if not c["meta"].get("derived")}
        built = set(found[key]["columns"]) if key in found else set()
        if described != built:
            wrong.append(f"{node['name']}: {sorted(described ^ built)}")
        unsaid = [n for n, c in node["columns"].items() if not c["description"]]
        if unsaid or not node["description"]:
            wrong.append(f"{node['name']}: no description of {unsaid or 'itself'}")
    assert not wrong, "\n".join(wrong)


def test_every_mart_has_a_reader(demo: Demo) -> None:
    """Each dimension, fact, wide table and view feeds an exposure, or a model that does."""
    manifest = json.loads((target_path(demo.on("embedded")) / "manifest.json").read_text("utf-8"))
    reached, pending = set(), list(manifest["exposures"])
    while pending:
        for parent in manifest["parent_map"][pending.pop()]:
            if parent not in reached:
                reached.add(parent)
                pending.append(parent)
    marts = {
        k for k, n in manifest["nodes"].items() if "marts" in n["fqn"] and k.startswith("model")
    }
    assert sorted(marts - reached) == []
