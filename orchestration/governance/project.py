"""The project's lineage: every compiled model and snapshot, judged by where it stands.

And who reads them: pages, cookbook, suites and write-backs, judged by what they show.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from orchestration.dbt_project import BUILT, dbt_arguments, run_dbt, target_path
from orchestration.governance.lineage import Lineage, Origin
from orchestration.governance.readers import Reader, exposed, judged, written_back
from orchestration.schema.record import load_record
from orchestration.settings import Settings

WAREHOUSE, STAGING = "warehouse", "warehouse_staging"
# Rows that a test found, where it keeps them: keys, and of no class at all.
KEEPS_ROWS = "config.store_failures:true"
SNAPSHOT_COLUMNS = ("dbt_scd_id", "dbt_updated_at", "dbt_valid_from", "dbt_valid_to")
DIALECTS = {"embedded": "duckdb", "mysql": "mysql"}


@dataclass(frozen=True)
class Report:
    """What was walked, where classified values arrived, and which of that must not be."""

    columns: Mapping[str, int]
    relations: int
    outputs: int
    readers: int
    arrivals: tuple[str, ...]
    leaks: tuple[str, ...]

    def summary(self) -> str:
        """Counts in a line, then every leak with its path."""
        classes = ", ".join(f"{count} {kind}" for kind, count in sorted(self.columns.items()))
        line = (
            f"{classes} source columns; {self.relations} relations with {self.outputs} columns, "
            f"{self.readers} queries that read them; {len(self.leaks)} leaks"
        )
        return "\n".join([line, *self.leaks])

    def to_json(self) -> str:
        """The same for programs, with every arrival that is allowed."""
        return json.dumps(asdict(self), ensure_ascii=False)


def compile_project(settings: Settings) -> list[Any]:
    """Have dbt compile all that it builds, without asking a server; its nodes."""
    command = [
        # parsed whole: what a column declares may have changed since dbt last looked
        "--no-partial-parse",
        "compile", "--quiet", "--no-introspect", "--no-populate-cache",
        "--indirect-selection", "empty",
    ]  # fmt: skip
    arguments = dbt_arguments(
        command,
        target=settings.target,
        target_path=target_path(settings),
        select=" ".join([*(f"resource_type:{kind}" for kind in BUILT), KEEPS_ROWS]),
    )
    return [result.node for result in run_dbt(settings, arguments).results]


def examine(
    nodes: Iterable[Any], target: str, prefix: str = "", readers: Iterable[Reader] = ()
) -> Report:
    """Walk dbt's compiled models, snapshots and seeds (its node objects, in any order).

    And then their readers; tests among the nodes are those that keep the rows that they find.
    """
    lineage = Lineage(DIALECTS[target])
    counts: Counter[str] = Counter()
    for table in load_record().tables:
        classes = {column.name: column.classification for column in table.stored_columns}
        lineage.add_source(prefix + table.database, table.name, classes)
        if not table.built_by_dbt:
            counts.update(classes.values())
    arrivals: list[str] = []
    leaks: list[str] = []
    walked = outputs = 0

    def note(found: Iterable[tuple[Origin, bool]]) -> None:
        for origin, allowed in found:
            (arrivals if allowed else leaks).append(str(origin))

    for node in _in_order(n for n in nodes if n.resource_type in (*BUILT, "test")):
        if node.resource_type == "seed":
            columns = dict.fromkeys(node.columns, "public")
            lineage.add_source(node.schema, node.alias, columns)
            continue
        added = SNAPSHOT_COLUMNS if node.resource_type == "snapshot" else ()
        taints = lineage.add(node.schema, node.alias, node.compiled_code, added)
        walked, outputs = walked + 1, outputs + len(taints)
        home = node.schema.removeprefix(prefix)
        for column, origins in taints.items():
            told = node.columns.get(column)
            meta = told.meta if told else {}
            note((o, _may_arrive(home, meta, o.classification)) for o in sorted(origins))
            if meta.get("released"):
                lineage.release(node.schema, node.alias, column)
    asked = list(readers)
    for reader in asked:
        note(judged(lineage, reader))
    if asked:
        note(written_back(lineage))
        note(exposed(lineage))
    return Report(dict(counts), walked, outputs, len(asked), tuple(arrivals), tuple(leaks))


def _may_arrive(home: str, meta: Mapping[str, Any], classification: str) -> bool:
    """Secrets stay in the sources; people's data stays out of `warehouse`.

    The exceptions are declared by the columns themselves: health figures of released patients by
    their class, and a part of a classified value that is about nobody by the reason under
    `released`. In the applications' own databases a column says what it shows.
    """
    if classification == "secret":
        return False
    if home == STAGING or meta.get("released"):
        return True
    declared = meta.get("classification")
    if home == WAREHOUSE:
        return classification == declared == "phi"
    return declared in ("pii", "phi")


def _in_order(nodes: Iterable[Any]) -> list[Any]:
    """Each after what it reads."""
    by_id = {node.unique_id: node for node in nodes}
    placed: dict[str, Any] = {}

    def place(key: str) -> None:
        if key in by_id and key not in placed:
            for parent in by_id[key].depends_on_nodes:
                place(parent)
            placed[key] = by_id[key]

    for key in by_id:
        place(key)
    return list(placed.values())
