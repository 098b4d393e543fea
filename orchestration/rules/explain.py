"""How many customers each clause of a tag's or segment's rule keeps."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import sqlalchemy as sa

from orchestration import clock, database
from orchestration.errors import WarehouseError
from orchestration.rules.compile import compile_for_customers
from orchestration.rules.context import Context, built_marts
from orchestration.rules.grammar import Checked, Condition, parse
from orchestration.schema.metadata import metadata_of, table_named
from orchestration.settings import Settings


@dataclass(frozen=True)
class Clause:
    """A part of a rule, how deep it stands, and the customers that meet it by itself."""

    path: str
    depth: int
    words: str
    customers: int


@dataclass(frozen=True)
class Explanation:
    """A tag's or segment's rule over its tenant's customers as of now."""

    kind: str
    code: str
    name: str
    tenant_id: str
    customers: int
    clauses: tuple[Clause, ...]

    def render(self) -> str:
        """A line a clause, indented as the rule is nested."""
        width = max(2 * c.depth + len(c.words) for c in self.clauses)
        lines = [f"{'  ' * c.depth + c.words:<{width}}  {c.customers:>10,}" for c in self.clauses]
        head = f"{self.kind} {self.code} ({self.name}) of tenant {self.tenant_id}"
        return "\n".join([f"{head}: {self.customers:,} customers", *lines])

    def to_json(self) -> str:
        """The same for programs."""
        return json.dumps(asdict(self), ensure_ascii=False)


def explain(settings: Settings, name: str, tenant_id: str | None = None) -> Explanation:
    """Explain the tag or segment of that code or id; WarehouseError when there is none, or more."""
    metadata, prefix = metadata_of(settings), settings.database_prefix
    with database.connect(settings) as connection:
        kind, found = _find(connection, metadata, name, tenant_id)
        rule = parse(found.rule_config, "customer")
        dialect = connection.dialect.name
        context = Context(
            metadata, prefix, dialect, found.tenant_id, clock.now(settings),
            built_marts(connection, prefix),
        )  # fmt: skip
        compiled = compile_for_customers(rule, context)
        nodes = list(_walk(rule, 0))
        counts = [sa.func.count(sa.case((compiled.condition_of(node), 1))) for node, _ in nodes]
        row = connection.execute(
            sa.select(sa.func.count(), *counts)
            .select_from(compiled.source)
            .where(compiled.of_tenant)
        ).one()
    clauses = tuple(
        Clause(node.path, depth, _words(node), count)
        for (node, depth), count in zip(nodes, row[1:], strict=True)
    )
    return Explanation(kind, found.code, found.name, found.tenant_id, row[0], clauses)


def _find(
    connection: sa.Connection, metadata: sa.MetaData, name: str, tenant_id: str | None
) -> tuple[str, sa.Row[tuple[str, str, str, str]]]:
    found = []
    for kind, table in (("tag", "customer_tag_definitions"), ("segment", "customer_segments")):
        of = table_named(metadata, table).c
        asked = sa.select(
            of.tenant_id,
            of[f"{kind}_code"].label("code"),
            of[f"{kind}_name"].label("name"),
            sa.type_coerce(of.rule_config, sa.Text).label("rule_config"),
        ).where(sa.or_(of.id == name, of[f"{kind}_code"] == name))
        if tenant_id:
            asked = asked.where(of.tenant_id == tenant_id)
        found += [(kind, row) for row in connection.execute(asked.order_by(of.id))]
    if len(found) == 1:
        return found[0]
    if not found:
        raise WarehouseError(
            f"No tag or segment has the code or id {name!r}.",
            fix="look it up with `warehouse query`, and see whether --tenant is right.",
        )
    tenants = ", ".join(sorted({f"{row.tenant_id} ({kind})" for kind, row in found})[:5])
    raise WarehouseError(
        f"{len(found)} tags and segments have the code {name!r}: {tenants}.",
        fix="name one tenant with --tenant, or give the id.",
    )


def _walk(node: Checked, depth: int) -> Iterator[tuple[Checked, int]]:
    yield node, depth
    if not isinstance(node, Condition):
        for part in node.parts:
            yield from _walk(part, depth + 1)


_GROUPS = {"all": "all of", "any": "any of", "not": "not"}


def _words(node: Checked) -> str:
    if isinstance(node, Condition):
        return f"{node.field.name} {node.op} {json.dumps(node.written, ensure_ascii=False)}"
    return _GROUPS[node.op]
