"""Where classified columns go: a walk over compiled SQL, from the sources to every relation.

A column's value travels through aliases, functions, aggregates, windows, JSON, unions and
subqueries; it ends at a mask (macros/governance), at a count, and where it only decides: in a
comparison, a condition, an order. What is not known to end it lets it through.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, build_scope
from sqlglot.schema import MappingSchema

from orchestration.errors import WarehouseError

CLASSIFIED = ("secret", "pii", "phi")
# Four characters at either end of a text are a partial mask, more are not.
LONGEST_SHOWN = 4
_DECIDES = (
    exp.Predicate, exp.Not, exp.And, exp.Or, exp.Xor, exp.Exists, exp.RegexpLike, exp.StartsWith,
    exp.Contains, exp.JSONExists, exp.JSONArrayContains,
)  # fmt: skip
_COUNTS = (
    exp.Count, exp.CountIf, exp.ApproxDistinct, exp.RowNumber, exp.Rank, exp.DenseRank,
    exp.Length, exp.ArraySize, exp.LogicalOr, exp.LogicalAnd,
)  # fmt: skip
_COUNTING_NAMES = {"json_length", "json_array_length", "json_valid", "json_contains", "row_number"}
_NETWORKS = (".0/24", "::/48", ":/48")


@dataclass(frozen=True, order=True)
class Origin:
    """A classified source column, and the columns that its value went through, source first."""

    classification: str
    path: tuple[str, ...]

    @property
    def source(self) -> str:
        """The source column: database.table.column."""
        return self.path[0]

    def __str__(self) -> str:
        """The class, then the whole way."""
        return f"{self.classification}: {' -> '.join(self.path)}"


Taints = Mapping[str, frozenset[Origin]]


@dataclass
class Lineage:
    """What arrives in each column of each relation; `add` relations in order of dependency."""

    dialect: str
    _taints: dict[tuple[str, str], Taints] = field(default_factory=dict)
    _schema: MappingSchema = field(init=False)

    def __post_init__(self) -> None:
        """Start without any relation."""
        self._schema = MappingSchema(dialect=self.dialect)

    def add_source(self, database: str, table: str, columns: Mapping[str, str]) -> None:
        """A table with the classification of each of its columns."""
        self._store(
            database,
            table,
            {
                name: frozenset(
                    [Origin(kind, (f"{database}.{table}.{name}",))] if kind in CLASSIFIED else []
                )
                for name, kind in columns.items()
            },
        )

    def add(self, database: str, name: str, sql: str, added: Iterable[str] = ()) -> Taints:
        """A relation by its query; what arrives in each of its columns.

        `added` are columns that the materialization adds to those of the query.

        WarehouseError, naming the relation, when the query cannot be understood.
        """
        try:
            parsed = parse_one(sql, dialect=self.dialect)
            query = qualify(parsed, dialect=self.dialect, schema=self._schema)
            scope = build_scope(query)
            if scope is None:
                raise SqlglotError("this is no query")
            found = _Walk(self._taints).outputs(scope)
        except SqlglotError as error:
            raise WarehouseError(
                f"The lineage of {database}.{name} cannot be read: {str(error).splitlines()[0]}",
                fix="write the query so that sqlglot resolves it, or teach "
                "orchestration/governance/lineage.py the construct.",
            ) from error
        step = f"{database}.{name}"
        taints = {
            column: frozenset(
                Origin(origin.classification, (*origin.path, f"{step}.{column}"))
                for origin in _shortest(origins)
            )
            for column, origins in found.items()
        }
        self._store(database, name, {**taints, **dict.fromkeys(added, frozenset())})
        return taints

    def arrived(self, name: str) -> Taints:
        """What arrived in each column of the relation of that name, whatever its database."""
        found = [taints for (_, relation), taints in self._taints.items() if relation == name]
        if len(found) != 1:
            raise WarehouseError(
                f"The lineage knows {len(found)} relations {name}.",
                fix="correct the name; every relation has its own.",
            )
        return found[0]

    def release(self, database: str, name: str, column: str) -> None:
        """Let the column's value go on as one that is about nobody."""
        self._taints[database, name] = {**self._taints[database, name], column: frozenset()}

    def _store(self, database: str, name: str, taints: Taints) -> None:
        self._taints[database, name] = taints
        # The types do not matter; sqlglot wants one.
        self._schema.add_table(exp.table_(name, db=database), dict.fromkeys(taints, "text"))


def _shortest(origins: Iterable[Origin]) -> Iterator[Origin]:
    """One path for each source column is enough to name, and keeps their number from growing."""
    by_source: dict[str, Origin] = {}
    for origin in sorted(origins, key=lambda origin: (len(origin.path), origin)):
        by_source.setdefault(origin.source, origin)
    yield from by_source.values()


@dataclass
class _Walk:
    relations: Mapping[tuple[str, str], Taints]
    _done: dict[int, Taints] = field(default_factory=dict)

    def outputs(self, scope: Scope) -> Taints:
        """What arrives in each output column of a query."""
        key = id(scope)
        if key not in self._done:
            found = self._once(scope)
            if _is_recursive(scope):
                # its rows go round: whatever is in one column may come to be in another
                found = dict.fromkeys(found, frozenset().union(*found.values()))
            self._done[key] = found
        return self._done[key]

    def _once(self, scope: Scope) -> Taints:
        if scope.set_operation_scopes:
            left, right = (self.outputs(side) for side in scope.set_operation_scopes)
            return {
                name: mine | theirs
                for (name, mine), theirs in zip(left.items(), right.values(), strict=True)
            }
        query = scope.expression
        if not isinstance(query, exp.Query):
            return {"": self._all(query.iter_expressions(), scope)}
        names = scope.outer_columns or [select.alias_or_name for select in query.selects]
        return {
            name: self.value(select.unalias(), scope)
            for name, select in zip(names, query.selects, strict=True)
        }

    def value(self, node: exp.Expression, scope: Scope) -> frozenset[Origin]:
        """What the value of an expression carries."""
        if isinstance(node, exp.Column):
            return self._column(node, scope)
        if is_mask(node) or isinstance(node, (*_DECIDES, *_COUNTS)):
            return frozenset()
        if isinstance(node, exp.Anonymous) and node.name.lower() in _COUNTING_NAMES:
            return frozenset()
        if isinstance(node, exp.Query):
            return self._subquery(node, scope)
        if isinstance(node, exp.Window):
            return self.value(node.this, scope)
        if isinstance(node, exp.Case):
            branches = [part.args["true"] for part in node.args["ifs"]]
            return self._all([*branches, node.args.get("default")], scope)
        if isinstance(node, exp.If):
            return self._all([node.args.get("true"), node.args.get("false")], scope)
        if isinstance(node, (exp.Nullif, exp.Filter, exp.WithinGroup, exp.Order, exp.Ordered)):
            # the second part of each only decides, but an ordered aggregate shows what it orders
            return self._all([node.this, _ordered(node)], scope)
        return self._all(node.iter_expressions(), scope)

    def _all(self, nodes: Iterable[Any], scope: Scope) -> frozenset[Origin]:
        return frozenset().union(*(self.value(node, scope) for node in nodes if node is not None))

    def _subquery(self, node: exp.Query, scope: Scope) -> frozenset[Origin]:
        inner = node.unnest()
        for child in scope.traverse():
            if child.expression is inner or child.expression is node:
                return frozenset().union(*self.outputs(child).values())
        return self._all(node.iter_expressions(), scope)

    def _column(self, column: exp.Column, scope: Scope) -> frozenset[Origin]:
        where: Scope | None = scope
        while where is not None:
            if column.table in where.sources:
                source = where.sources[column.table]
                if isinstance(source, Scope):
                    return self._from_scope(source, column.name, where)
                return self._from_table(source, column.name, where)
            where = where.parent
        raise SqlglotError(f"nothing is known of {column.sql()}")

    def _from_scope(self, source: Scope, column: str, scope: Scope) -> frozenset[Origin]:
        if source.is_cte and isinstance(source.expression.parent, exp.SetOperation):
            return frozenset()  # a recursion meets itself: `outputs` mixes its columns
        found = self.outputs(source)
        if column in found:
            return found[column]
        # a table function's columns carry what it was given
        return frozenset().union(*found.values())

    def _from_table(self, table: Any, column: str, scope: Scope) -> frozenset[Origin]:
        if not isinstance(table.this, exp.Identifier):
            return self._all(table.iter_expressions(), scope)
        known = self.relations.get((table.db, table.name))
        if known is None or column not in known:
            raise SqlglotError(f"nothing is known of {table.db}.{table.name}.{column}")
        return known[column]


def _ordered(node: exp.Expression) -> exp.Expression | None:
    return node.args.get("expression") if isinstance(node, exp.WithinGroup) else None


def _is_recursive(scope: Scope) -> bool:
    cte = scope.expression.parent
    return (
        scope.is_cte
        and isinstance(cte, exp.CTE)
        and any(table.name == cte.alias for table in scope.expression.find_all(exp.Table))
    )


# --- masks -----------------------------------------------------------------------------------


def is_mask(node: exp.Expression) -> bool:
    """Whether this is what a macro of macros/governance renders: what stays hides the rest."""
    return _is_keyed_hash(node) or _is_partial(node) or _is_province(node)


def _is_keyed_hash(node: exp.Expression) -> bool:
    """sha256(outer pad, sha256(inner pad, value)): without the pads it is no mask."""
    if not isinstance(node, (exp.SHA2, exp.SHA2Digest)) and node.key != "sha256":
        name = node.name.lower() if isinstance(node, exp.Anonymous) else ""
        if name not in ("sha2", "sha256"):
            return False
    text = node.sql()
    return "warehouse_mask_outer" in text and "warehouse_mask_inner" in text


def _is_partial(node: exp.Expression) -> bool:
    """138****1234, a***@example.com, 10.0.0.0/24: few characters beside a literal that says so."""
    if not isinstance(node, (exp.Concat, exp.DPipe)):
        return False
    parts = list(node.flatten()) if isinstance(node, exp.DPipe) else node.expressions
    literals = [part.name for part in map(_bare, parts) if isinstance(part, exp.Literal)]
    others = [part for part in map(_bare, parts) if not isinstance(part, exp.Literal)]
    if literals and literals[-1].endswith(_NETWORKS):
        return True
    if not any("*" in literal for literal in literals):
        return False
    domain = any(literal.endswith("***@") for literal in literals)
    short = [part for part in others if _is_short_end(part)]
    return len(others) - len(short) <= int(domain)


def _bare(node: exp.Expression) -> exp.Expression:
    """Without the coalesce and cast that dialects put around what is concatenated."""
    while isinstance(node, (exp.Coalesce, exp.Cast, exp.Paren)):
        node = node.this
    return node


def _is_short_end(node: exp.Expression) -> bool:
    if not isinstance(node, (exp.Left, exp.Right)):
        return False
    size = node.expression
    return isinstance(size, exp.Literal) and size.is_int and int(size.name) <= LONGEST_SHOWN


def _is_province(node: exp.Expression) -> bool:
    """The member `province` of an address, and no other."""
    if not isinstance(node, (exp.JSONExtract, exp.JSONExtractScalar)):
        return False
    path = node.args.get("expression")
    keys = list(path.find_all(exp.JSONPathKey)) if isinstance(path, exp.JSONPath) else []
    return bool(keys) and keys[-1].this == "province"
