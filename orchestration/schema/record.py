"""The schema of record, read from the dbt YAML that declares it.

Every table of the six databases stands once: as a dbt source under `models/staging`, or, where dbt
itself fills it, as an incremental (`window`) model with `meta.primary_key` under `models/marts`; a
source under `models/marts` is a table that Dagster fills from the marts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import yaml

from orchestration.errors import WarehouseError
from orchestration.settings import DATABASES, DOMAINS, PLATFORM, PROJECT_ROOT

WAREHOUSE_DATABASES = ("warehouse_staging", "warehouse", "warehouse_audit")
# What of a domain's marts stands in its own database (dbt_project.yml, models).
OWN_DATABASE_FOLDERS = ("rollups", "views")
_ENUM_VALUE = re.compile(r"'([^']*)'")


@dataclass(frozen=True)
class Column:
    """One column. `data_type` is MySQL's; `default` is text, number, bool or None."""

    name: str
    data_type: str
    description: str
    classification: str
    nullable: bool = True
    default: Any = None
    on_update: bool = False
    generated: str | None = None
    derived: str | None = None
    is_state: bool = False

    @property
    def is_stored(self) -> bool:
        """False for the few columns that staging computes and no database holds."""
        return self.derived is None

    @property
    def base_type(self) -> str:
        """The type's name without its length: varchar, decimal, enum, tinyint, …"""
        return self.data_type.split("(", 1)[0]

    @property
    def is_boolean(self) -> bool:
        """MySQL says tinyint(1) where it means a boolean."""
        return self.data_type == "tinyint(1)"

    @property
    def enum_values(self) -> tuple[str, ...]:
        """The allowed values of an enum column, in order; empty for other types."""
        return tuple(_ENUM_VALUE.findall(self.data_type)) if self.base_type == "enum" else ()

    @property
    def type_arguments(self) -> tuple[int, ...]:
        """Length, or precision and scale; empty for enum and for types without any."""
        if self.base_type == "enum" or "(" not in self.data_type:
            return ()
        return tuple(int(n) for n in self.data_type.split("(", 1)[1].rstrip(")").split(","))


@dataclass(frozen=True)
class Reference:
    """A foreign key inside one database."""

    column: str
    table: str
    target_column: str
    cascades: bool = False


@dataclass(frozen=True)
class Retention:
    """How long rows stay online, the least that policy allows, and whether they are archived.

    By `column`, and of the rows that have the values of `only` where it names columns.
    """

    months: int
    minimum_months: int
    archive: bool
    column: str = ""
    only: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Table:
    """One table of a database; `database` comes without the installation's prefix."""

    name: str
    domain: str
    database: str
    description: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...]
    unique: tuple[tuple[str, ...], ...] = ()
    indexes: tuple[tuple[str, ...], ...] = ()
    references: tuple[Reference, ...] = ()
    partition_by_month: str | None = None
    retention: Retention | None = None
    built_by_dbt: bool = False  # or by Dagster, from what dbt built
    label_zh: str = ""
    layer: str = ""
    rows_expected: int = 0

    @cached_property
    def stored_columns(self) -> tuple[Column, ...]:
        """The columns that the database holds, in order."""
        return tuple(c for c in self.columns if c.is_stored)

    def column(self, name: str) -> Column:
        """The column of that name; KeyError names the table too."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"{self.name}.{name}")


@dataclass(frozen=True)
class Record:
    """All tables, in deployment order: core first, parents before children within a domain."""

    tables: tuple[Table, ...]
    # (database, name) of what dbt makes anew at every build: not deployed, and no stranger either.
    rebuilt: frozenset[tuple[str, str]] = frozenset()

    @cached_property
    def _by_name(self) -> Mapping[str, Table]:
        return {table.name: table for table in self.tables}

    def __iter__(self) -> Iterator[Table]:
        """Iterate over the tables in deployment order."""
        return iter(self.tables)

    def table(self, name: str) -> Table:
        """The table of that name; WarehouseError when the record has none."""
        if name not in self._by_name:
            raise WarehouseError(
                f"No table {name!r} in the schema of record.",
                fix="look it up under models/staging/<domain>/_<domain>__sources.yml.",
            )
        return self._by_name[name]

    def application_tables(self) -> tuple[Table, ...]:
        """What applications write: everything that dbt does not build."""
        return tuple(t for t in self.tables if not t.built_by_dbt)

    def of_domains(self, domains: Sequence[str]) -> Record:
        """The part of the record that belongs to these domains, and what joins all domains."""
        kept = (*domains, PLATFORM)
        return Record(tuple(t for t in self.tables if t.domain in kept), self.rebuilt)


def load_record(domains: Sequence[str] = DOMAINS, root: Path = PROJECT_ROOT) -> Record:
    """Read the YAML below `root`; raises WarehouseError that names the file and the entry."""
    record = _load(root)
    return record if tuple(domains) == DOMAINS else record.of_domains(domains)


@lru_cache(maxsize=4)
def _load(root: Path) -> Record:
    tables: list[Table] = []
    rebuilt: set[tuple[str, str]] = set()
    for domain, database in DATABASES.items():
        found: list[Table] = []
        for file in sorted((root / "models" / "staging" / domain).glob("_*sources.yml")):
            for source in _read(file).get("sources", []):
                found += [_table(entry, domain, database, file) for entry in source["tables"]]
        found += _built_tables(root, domain, database, rebuilt)
        tables += _parents_first(found)
    tables += _built_tables(root, PLATFORM, "warehouse", rebuilt)
    return Record(tuple(tables), frozenset(rebuilt))


def _built_tables(
    root: Path, domain: str, database: str, rebuilt: set[tuple[str, str]]
) -> list[Table]:
    """What dbt fills but deploy makes, by the folder's YAML; `rebuilt` gets the other names."""
    found = []
    for file in sorted((root / "models" / "marts" / domain).rglob("_*.yml")):
        home = database if file.parent.name in OWN_DATABASE_FOLDERS else "warehouse"
        content = _read(file)
        # A source among the marts is what Dagster computes from them: dbt only describes it.
        for source in content.get("sources") or []:
            found += [_table(e, domain, home, file, built_by_dbt=True) for e in source["tables"]]
        for entry in content.get("models") or []:
            if "primary_key" in (entry.get("meta") or {}):
                found.append(_table(entry, domain, home, file, built_by_dbt=True))
            else:
                rebuilt.add((home, entry["name"]))
    return found


def _read(file: Path) -> dict[str, Any]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return yaml.load(file.read_text(encoding="utf-8"), Loader=loader) or {}
    except yaml.YAMLError as error:
        raise WarehouseError(f"{file} is not valid YAML: {error}", fix="mend the file.") from None


def _table(
    entry: Mapping[str, Any], domain: str, database: str, file: Path, built_by_dbt: bool = False
) -> Table:
    meta = entry.get("meta", {})
    try:
        retention = _retention(entry, meta)
        return Table(
            name=entry["name"],
            domain=domain,
            database=database,
            description=entry.get("description", "").strip(),
            columns=tuple(_column(c) for c in entry["columns"]),
            primary_key=tuple(meta["primary_key"]),
            unique=tuple(tuple(key) for key in meta.get("unique", ())),
            indexes=tuple(tuple(index) for index in meta.get("indexes", ())),
            references=tuple(_reference(c, t) for c, t in meta.get("references", {}).items()),
            partition_by_month=meta.get("partition_by_month"),
            retention=retention,
            built_by_dbt=built_by_dbt,
            label_zh=meta.get("label_zh", ""),
            layer=meta.get("layer", ""),
            rows_expected=meta.get("rows_expected", 0),
        )
    except (KeyError, TypeError) as error:
        raise WarehouseError(
            f"{file.name}: the entry {entry.get('name')!r} is incomplete or odd: {error!r}.",
            fix="give it meta.primary_key and columns with name, data_type and meta "
            "(CONTRIBUTING.md, 'Add a table').",
        ) from None


def _retention(entry: Mapping[str, Any], meta: Mapping[str, Any]) -> Retention | None:
    if not (policy := meta.get("retention")):
        return None
    column = meta.get("partition_by_month") or entry.get("loaded_at_field") or policy["column"]
    only = tuple(sorted(policy.get("only", {}).items()))
    return Retention(**{**policy, "column": column, "only": only})


def _column(entry: Mapping[str, Any]) -> Column:
    meta = entry.get("meta", {})
    return Column(
        name=entry["name"],
        data_type=entry.get("data_type", "").strip(),
        description=entry.get("description", "").strip(),
        classification=meta.get("classification", "internal"),
        nullable=meta.get("nullable", True),
        default=meta.get("default"),
        on_update=meta.get("on_update", False),
        generated=meta.get("generated"),
        derived=meta.get("derived"),
        is_state=meta.get("state", False),
    )


def _reference(column: str, target: str | Mapping[str, str]) -> Reference:
    rule = target if isinstance(target, Mapping) else {"to": target}
    table, target_column = rule["to"].split(".")
    return Reference(column, table, target_column, cascades=rule.get("on_delete") == "cascade")


def _parents_first(tables: Sequence[Table]) -> list[Table]:
    """Order so that a referenced table comes before those that reference it; itself is fine."""
    names = {table.name for table in tables}
    placed: list[Table] = []
    done: set[str] = set()
    waiting = list(tables)
    while waiting:
        ready = [
            t
            for t in waiting
            if {r.table for r in t.references if r.table in names} - {t.name} <= done
        ]
        if not ready:
            circle = ", ".join(sorted(t.name for t in waiting))
            raise WarehouseError(
                f"Tables reference each other in a circle: {circle}.",
                fix="drop one of the references from the schema of record.",
            )
        placed += ready
        done |= {t.name for t in ready}
        waiting = [t for t in waiting if t.name not in done]
    return placed
