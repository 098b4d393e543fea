"""A deployed engine for tests of what a window build does: insert raw rows, build, see changes.

warehouse = WindowWarehouse(settings, {"wework_platform.wework_account_daily": ("account_id",
    "stat_date")}, domains=("core", "wework"))
warehouse.insert("wework_accounts", {...})
assert warehouse.build(as_of) == ()                     # first build
warehouse.mark()
assert warehouse.build(later, start_date="2026-06-17", end_date="2026-06-23") == ()
assert warehouse.changes("wework_account_daily") == {("a1", date(2026, 6, 18)): {"sent_count"}}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from harness import clean_environment

from orchestration import database
from orchestration.dbt_project import dbt_arguments, run_dbt, summarise, target_path
from orchestration.schema.deploy import deploy
from orchestration.schema.metadata import metadata_of, table_named
from orchestration.settings import DOMAINS, Settings

Row = dict[str, Any]
# No seeds and no tests.
_MODELS = ("--resource-type", "model", "--resource-type", "snapshot")


# By engine and prefix. dbt would parse everything again for each set of vars.
_MANIFESTS: dict[tuple[str, str], Any] = {}


def _manifest(settings: Settings) -> Any:
    """All domains' nodes, parsed once; what reads no domain that is switched off may be built."""
    key = settings.target, settings.database_prefix
    if key not in _MANIFESTS:
        whole = replace(settings, domains=DOMAINS)
        _MANIFESTS[key] = run_dbt(whole, _arguments(whole, ["parse", "--quiet"]))
    return _MANIFESTS[key]


def _arguments(settings: Settings, command: Sequence[str], **more: Any) -> list[str]:
    return dbt_arguments(command, target=settings.target, target_path=target_path(settings), **more)


@dataclass
class WindowWarehouse:
    """One engine, the relations under test (`database.name` -> grain), and their last state."""

    settings: Settings
    relations: Mapping[str, Sequence[str]]
    domains: tuple[str, ...]
    before: dict[str, dict[Any, Row]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Keep to the domains."""
        self.settings = replace(self.settings, domains=self.domains)

    def deploy(self, as_of: datetime, oldest: date) -> None:
        """Make the tables, with partitions from `oldest` to as_of's."""
        settings = replace(self.settings, as_of=as_of)
        deploy(settings, oldest=oldest, progress=lambda _: None)

    def insert(self, table: str, *rows: Row) -> None:
        """Insert raw rows."""
        target = table_named(metadata_of(self.settings), table)
        with database.begin(self.settings) as connection:
            connection.execute(sa.insert(target), list(rows))

    def execute(self, statement: str, **parameters: Any) -> None:
        """One statement that names its tables as {prefix}database.table."""
        text = sa.text(statement.format(prefix=self.settings.database_prefix))
        with database.begin(self.settings) as connection:
            connection.execute(text, parameters)

    def build(
        self, as_of: datetime, *options: str, parents: bool = True, **variables: str
    ) -> tuple[str, ...]:
        """Build the relations and, of `parents`, all that they read; what failed."""
        settings = replace(self.settings, as_of=as_of)
        arguments = _arguments(
            settings,
            ["build", "--quiet", "--no-write-json", *_MODELS, *options],
            select=" ".join("+" * parents + name.split(".")[1] for name in self.relations),
            variables=variables,
        )
        with clean_environment():
            outcome = run_dbt(settings, arguments, manifest=_manifest(settings))
            return summarise(outcome.results, 0.0).failures

    def check(self, as_of: datetime, *tests: str) -> tuple[str, ...]:
        """Run these of dbt's tests; the names of those that failed."""
        settings = replace(self.settings, as_of=as_of)
        arguments = _arguments(
            settings, ["test", "--quiet", "--no-write-json"], select=" ".join(tests)
        )
        with clean_environment():
            outcome = run_dbt(settings, arguments, manifest=_manifest(settings))
        assert len(outcome.results) == len(tests)
        return tuple(r.node.name for r in outcome.results if r.status == "fail")

    def read(self, name: str) -> dict[Any, Row]:
        """A relation's rows by grain."""
        home, grain = next(
            (relation.split(".")[0], grain)
            for relation, grain in self.relations.items()
            if relation.endswith(f".{name}")
        )
        source = f"{self.settings.database_prefix}{home}.{name}"
        with database.connect(self.settings) as connection:
            rows = [
                dict(r) for r in connection.execute(sa.text(f"select * from {source}")).mappings()
            ]
        keyed = {tuple(row[part] for part in grain): row for row in rows}
        assert len(keyed) == len(rows), f"{name}: its grain occurs twice"
        return keyed

    def mark(self) -> None:
        """Take every relation's state as the one that `changes` speaks of."""
        self.before = {r.split(".")[1]: self.read(r.split(".")[1]) for r in self.relations}

    def changes(self, name: str) -> dict[Any, set[str]]:
        """Since `mark` or the last call: columns that differ, by row; {"+"} is new, {"-"} gone."""
        before, after = self.before[name], self.read(name)
        self.before[name] = after
        return {
            **{key: {"-"} for key in before.keys() - after.keys()},
            **{key: {"+"} for key in after.keys() - before.keys()},
            **{
                key: {
                    column for column, value in after[key].items() if value != before[key][column]
                }
                for key in before.keys() & after.keys()
                if after[key] != before[key]
            },
        }
