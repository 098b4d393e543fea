"""The data dictionary as pages, one a domain, and the index of all that `warehouse docs` makes.

From dbt's manifest, which holds the schema of record, and from the labels of codes: names and
sentences, never a row. The pages open offline; a script of a few lines filters them.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestration.governance.lineage import CLASSIFIED
from orchestration.reports.overview_words import DOMAIN_LABELS
from orchestration.reports.page import template, write_private
from orchestration.reports.words import LABELS_FILE
from orchestration.settings import DATABASES, PLATFORM

# What stands in a domain's page, in this order.
KINDS: Mapping[str, tuple[str, str]] = {
    "source": ("Application tables", "应用表"),
    "rollup": ("Statistics tables", "统计表"),
    "view": ("Views of the applications", "应用视图"),
    "mart": ("Marts", "数据集市"),
    "snapshot": ("History of what is overwritten", "历史快照"),
    "seed": ("Tables of labels and holidays", "代码表与节假日"),
}


@dataclass(frozen=True)
class DictionaryColumn:
    """A column; `labels` are its codes, each with English and Chinese."""

    name: str
    data_type: str
    description: str
    classification: str
    labels: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True)
class Relation:
    """A table or view; `readers` are the exposures that it reaches, each with who owns it."""

    kind: str
    domain: str
    database: str
    name: str
    label_zh: str
    description: str
    columns: tuple[DictionaryColumn, ...]
    keys: tuple[str, ...] = ()
    staging: str = ""
    models: tuple[str, ...] = ()
    readers: tuple[tuple[str, str], ...] = ()

    @property
    def grain(self) -> str:
        """The description's first sentence, which says what a row is."""
        return self.description.split(". ")[0].rstrip(".") + "."

    @property
    def rest(self) -> str:
        """What else the description says."""
        return self.description[len(self.grain) :].strip()

    @property
    def for_analysts(self) -> bool:
        """Whether the analysts' role reads it: `warehouse`, and statistics and views of nobody."""
        if self.kind == "source":
            return False
        return self.kind not in ("rollup", "view") or not any(
            c.classification in CLASSIFIED for c in self.columns
        )

    @property
    def words(self) -> str:
        """What a search looks through."""
        columns = " ".join(f"{c.name} {c.description}" for c in self.columns)
        return f"{self.database}.{self.name} {self.label_zh} {self.description} {columns}".lower()


def relations(manifest: Mapping[str, Any], domains: Sequence[str]) -> list[Relation]:
    """What dbt reads and builds in these domains, and what joins them; staging is named beside."""
    labels = _labels()
    readers = _readers(manifest)
    found = []
    for key, node in {**manifest["sources"], **manifest["nodes"]}.items():
        if (kind := _kind(node)) is None:
            continue
        domain = PLATFORM if kind == "seed" else node["fqn"][1 if kind == "snapshot" else 2]
        if domain not in (*domains, PLATFORM):
            continue
        children = [manifest["nodes"].get(child) for child in manifest["child_map"].get(key, ())]
        models = [n for n in children if n and n["resource_type"] in ("model", "snapshot")]
        found.append(
            Relation(
                kind=kind,
                domain=domain,
                database=node["schema"],
                name=node["name"],
                label_zh=node["meta"].get("label_zh", ""),
                description=" ".join(node["description"].split()),
                columns=tuple(_columns(node, labels)),
                keys=tuple(node["meta"].get("primary_key", ())),
                staging=next((n["name"] for n in models if n["name"].startswith("stg_")), ""),
                models=tuple(sorted(n["name"] for n in models if not n["name"].startswith("stg_"))),
                readers=readers.get(key, ()),
            )
        )
    order = list(KINDS)
    return sorted(found, key=lambda r: (order.index(r.kind), r.name))


def write_dictionary(found: Sequence[Relation], folder: Path) -> list[Path]:
    """A page that finds any table or column, and a page a domain."""
    folder.mkdir(parents=True, exist_ok=True)
    domains = [d for d in (*DATABASES, PLATFORM) if any(r.domain == d for r in found)]
    files = []
    for domain in [None, *domains]:
        file = folder / (f"{domain}.html" if domain else "index.html")
        text = template("dictionary.html.jinja").render(
            domain=domain,
            domains=domains,
            labels=DOMAIN_LABELS,
            kinds=[
                (kind, names, some)
                for kind, names in KINDS.items()
                if (some := [r for r in found if r.kind == kind and domain in (None, r.domain)])
            ],
            columns=sum(len(r.columns) for r in found if domain in (None, r.domain)),
        )
        write_private(file, text)
        files.append(file)
    return files


def write_index(file: Path, target: str, as_of: str, parts: Iterable[tuple[str, str, str]]) -> None:
    """The page that says what is where: (link, what it is, the same in Chinese)."""
    page = template("docs_index.html.jinja")
    write_private(file, page.render(target=target, as_of=as_of, parts=list(parts)))


def _kind(node: Mapping[str, Any]) -> str | None:
    if node["resource_type"] in ("source", "seed", "snapshot"):
        # What Dagster computes from the marts is described as a source among them.
        among_marts = node["resource_type"] == "source" and node["fqn"][1] == "marts"
        return "rollup" if among_marts else str(node["resource_type"])
    if node["resource_type"] != "model" or node["fqn"][1] != "marts":
        return None
    return {"rollups": "rollup", "views": "view"}.get(node["fqn"][3], "mart")


def _columns(
    node: Mapping[str, Any], labels: Mapping[tuple[str, str], tuple[tuple[str, str, str], ...]]
) -> Iterator[DictionaryColumn]:
    for name, column in node["columns"].items():
        yield DictionaryColumn(
            name=name,
            data_type=column["data_type"] or "",
            description=" ".join(column["description"].split()),
            classification=column["meta"].get("classification", "internal"),
            labels=labels.get((node["name"], name), ()),
        )


def _labels() -> Mapping[tuple[str, str], tuple[tuple[str, str, str], ...]]:
    found: dict[tuple[str, str], list[tuple[str, str, str]]] = defaultdict(list)
    with LABELS_FILE.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            labels = (row["code"], row["label_en"], row["label_zh"])
            found[row["table_name"], row["column_name"]].append(labels)
    return {key: tuple(rows) for key, rows in found.items()}


def _readers(manifest: Mapping[str, Any]) -> dict[str, tuple[tuple[str, str], ...]]:
    """By node: the exposures that it reaches over any number of models."""
    found: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for key, exposure in manifest["exposures"].items():
        pending, seen = [key], {key}
        while pending:
            for parent in manifest["parent_map"].get(pending.pop(), ()):
                if parent not in seen:
                    seen.add(parent)
                    pending.append(parent)
        for node in seen:
            found[node].add((exposure["label"] or exposure["name"], exposure["owner"]["name"]))
    return {node: tuple(sorted(names)) for node, names in found.items()}
