"""Staging models read as text: which source column each one shows, under which name.

The staging YAML (`_<domain>__models.yml`) says what the schema of record says, under staging's
names, so it is written from the two by `warehouse staging-docs` and never by hand.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from orchestration.errors import WarehouseError
from orchestration.schema.record import Column, Record, Table
from orchestration.settings import DOMAINS, PROJECT_ROOT

WIDTH = 100
_SOURCE = re.compile(r"source\('(\w+)', '(\w+)'\)")
_SELECT = re.compile(r"\n    select\n(.*?)\n    from source\n", re.DOTALL)
_COLUMN = re.compile(r"^(?P<expression>.+?)(?: as (?P<name>\w+))?,?$")


@dataclass(frozen=True)
class StagedColumn:
    """One column of a staging model; `source` is None where staging computes it."""

    name: str
    source: str | None


@dataclass(frozen=True)
class StagingModel:
    """One staging model: its file's name, its source table and its columns in order."""

    name: str
    domain: str
    table: str
    columns: tuple[StagedColumn, ...]


def staging_models(root: Path = PROJECT_ROOT, domain: str | None = None) -> Iterator[StagingModel]:
    """Every staging model below `root`, in file order; WarehouseError names an odd file."""
    for one in DOMAINS if domain is None else (domain,):
        for file in sorted((root / "models" / "staging" / one).glob("stg_*.sql")):
            yield read_staging_model(file.stem, one, file.read_text(encoding="utf-8"))


def read_staging_model(name: str, domain: str, sql: str) -> StagingModel:
    """Parse one staging model's text."""
    source, select = _SOURCE.search(sql), _SELECT.search(sql)
    if not source or not select:
        raise WarehouseError(
            f"{name}.sql does not read like a staging model.",
            fix="write it like its neighbours: a source CTE, a renamed CTE, one column a line.",
        )
    columns = []
    for line in select[1].splitlines():
        line = line.strip()
        if not line or line.startswith("--"):
            continue
        match = _COLUMN.match(line)
        assert match is not None
        expression, alias = match["expression"], match["name"]
        is_plain = re.fullmatch(r"\w+", expression) is not None
        columns.append(StagedColumn(alias or expression, expression if is_plain else None))
    return StagingModel(name, domain, source[2], tuple(columns))


def staging_docs(record: Record, domain: str, root: Path = PROJECT_ROOT) -> str:
    """The text of `models/staging/<domain>/_<domain>__models.yml`."""
    lines = [
        "# Written by `warehouse staging-docs` from the schema of record and the models beside it.",
        "version: 2",
        "",
        "models:",
    ]
    for model in staging_models(root, domain):
        lines += _model_docs(model, record.table(model.table))
    return "\n".join(lines) + "\n"


def docs_path(domain: str, root: Path = PROJECT_ROOT) -> Path:
    """Where a domain's staging docs stand."""
    return root / "models" / "staging" / domain / f"_{domain}__models.yml"


def key_of(model: StagingModel, table: Table) -> str:
    """The staging name of the table's identifying column (`id`, always the key's first)."""
    return next(c.name for c in model.columns if c.source == table.primary_key[0])


def _model_docs(model: StagingModel, table: Table) -> list[str]:
    lines = [f"  - name: {model.name}", f"    description: {_text(table.description, 4)}"]
    derived = {c.name: c for c in table.columns if not c.is_stored}
    key = key_of(model, table)
    # A partitioned table is too large to test in full on every build.
    growing = next(
        (c.name for c in model.columns if c.source and c.source == table.partition_by_month), None
    )
    lines.append("    columns:")
    for staged in model.columns:
        column = table.column(staged.source) if staged.source else derived[staged.name]
        lines += [
            f"      - name: {staged.name}",
            f"        data_type: {_data_type(column)}",
            f"        description: {_text(column.description, 8)}",
            f"        meta: {{classification: {column.classification}}}",
        ]
        lines += _tests(staged, column, key, growing)
    return lines


def _data_type(column: Column) -> str:
    """What the view shows: an enum is text there, a derived column a number or a boolean."""
    if column.enum_values:
        return f"varchar({max(len(value) for value in column.enum_values)})"
    if not column.is_stored:
        return "tinyint(1)" if column.name.startswith("needs_") else "int"
    return column.data_type


def _tests(staged: StagedColumn, column: Column, key: str, growing: str | None) -> list[str]:
    """Keys and states: what staging vouches for. Growing tables are tested where they grow."""
    config = f'{{where: "{growing} >= __window_start__"}}' if growing else None
    tests: list[str] = []
    if staged.name == key:
        if config:
            tests += [f"          - not_null: {{config: {config}}}"]
            tests += [f"          - unique: {{config: {config}}}"]
        else:
            tests += ["          - not_null", "          - unique"]
    if column.is_state:
        values = ", ".join(f"'{value}'" for value in column.enum_values)
        tests += ["          - accepted_values:"]
        tests += [f"              values: {_flow(values, 14)}"]
        if config:
            tests += [f"              config: {config}"]
    return ["        tests:", *tests] if tests else []


def _flow(values: str, indent: int) -> str:
    one_line = f"[{values}]"
    if len(one_line) + indent + len("values: ") <= WIDTH:
        return one_line
    lines = textwrap.wrap(values, WIDTH - indent - 4)
    pad = " " * (indent + 2)
    return "\n".join(["[", *(pad + line for line in lines), " " * indent + "]"])


def _text(text: str, indent: int) -> str:
    """A YAML scalar: plain if it may be, quoted if it must, folded if it is long."""
    text = " ".join(text.split())
    if len(text) + indent + len("description: ") > WIDTH:
        pad = " " * (indent + 2)
        folded = textwrap.wrap(text, WIDTH - indent - 2, break_on_hyphens=False)
        return "\n".join([">-", *(pad + line for line in folded)])
    if re.search(r"[:#{}\[\]&*!|>%@`\"]|^[\s?'-]", text):
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return text
