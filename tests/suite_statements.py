"""What a check says of a relation's rows, in one wording, so that two nets can be held together.

`statements` reads the SELECT of a dbt test or of an expectation, whose rows are the damage, and
gives what makes a row one: each alternative of its condition, its doubled key, its missing parent.
Names of relations and columns are the sources' own where a staging view only renames them. Joins,
sums over rows and window functions are not compared: two ways to count the same thing are no copy.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import sqlglot
from sqlglot import exp

Relation = tuple[str, str]
Statement = tuple[Relation, str]
_TURNED = {exp.GT: exp.LT, exp.GTE: exp.LTE}
_SIDES_ALIKE = (exp.EQ, exp.NEQ, exp.Add, exp.Mul)


@dataclass(frozen=True)
class Rows:
    """A relation as a query reads it: what each of its columns is, in the relation's own words."""

    relation: Relation
    columns: Mapping[str, exp.Expression] | None = None

    def told(self, condition: exp.Expression) -> exp.Expression:
        """The condition in the relation's words."""

        def own(node: exp.Expression) -> exp.Expression:
            if not isinstance(node, exp.Column):
                return node
            known = (self.columns or {}).get(node.name.lower())
            return known.copy() if known is not None else exp.column(node.name.lower())

        return condition.copy().transform(own)


@dataclass
class Renamed:
    """Staging views, each of which is one source's rows under other names."""

    views: dict[Relation, Rows] = field(default_factory=dict)

    def add(self, view: Relation, sql: str) -> None:
        """Read a staging model's compiled SQL."""
        tree = sqlglot.parse_one(sql, dialect="duckdb")
        if isinstance(tree, exp.Select) and (found := self._rows(tree, _ctes(tree))):
            self.views[view] = found

    def statements(self, sql: str) -> set[Statement]:
        """What makes a row of a single relation one of the query's; of a union's parts, each."""
        tree = sqlglot.parse_one(sql, dialect="duckdb")
        ctes = _ctes(tree)
        return {found for select in _parts(tree) for found in self._of(select, ctes)}

    def resolved(self, relation: Relation, column: str) -> Statement:
        """A relation's column by the source's name."""
        rows = self.views.get(relation, Rows(relation))
        return rows.relation, _text(rows.told(exp.column(column)))

    def _of(self, select: exp.Select, ctes: Mapping[str, exp.Expression]) -> Iterator[Statement]:
        source = select.args.get("from_") or select.args.get("from")
        rows = self._read(source.this, ctes) if source else None
        if rows is None:
            return
        where, joins = select.args.get("where"), select.args.get("joins") or []
        if len(joins) == 1:
            yield from self._orphans(select, rows, joins[0], ctes)
        if joins:
            return
        having, group = select.args.get("having"), select.args.get("group")
        if group and having and "COUNT(*) > 1" in having.sql():
            keys = sorted(_text(rows.told(key)) for key in group.expressions)
            yield rows.relation, f"twice {', '.join(keys)}"
        elif where and not group and not select.find(exp.AggFunc, exp.Window):
            for text in _alternatives(rows.told(where.this)):
                yield rows.relation, text

    def _orphans(
        self,
        select: exp.Select,
        rows: Rows,
        join: exp.Join,
        ctes: Mapping[str, exp.Expression],
    ) -> Iterator[Statement]:
        """`left join parent on key = column where parent's key is null`."""
        parent = self._read(join.this, ctes)
        on, where = join.args.get("on"), select.args.get("where")
        if join.side != "LEFT" or parent is None or not isinstance(on, exp.EQ) or not where:
            return
        alias = join.this.alias_or_name
        keys = {side.table == alias: side for side in (on.left, on.right)}
        if len(keys) < 2 or not any(
            isinstance(part, exp.Is) and part.this == keys[True] for part in where.find_all(exp.Is)
        ):
            return
        column, key = _text(rows.told(keys[False])), _text(parent.told(keys[True]))
        yield rows.relation, orphans(column, parent.relation, key)

    def _read(self, source: exp.Expression, ctes: Mapping[str, exp.Expression]) -> Rows | None:
        """What a FROM reads, where that is the rows of one relation."""
        if isinstance(source, exp.Subquery) and isinstance(source.this, exp.Select):
            return self._rows(source.this, ctes | _ctes(source.this))
        if not isinstance(source, exp.Table):
            return None
        if not source.db:
            inner = ctes.get(source.name)
            return self._rows(inner, ctes) if isinstance(inner, exp.Select) else None
        relation = (source.db, source.name)
        return self.views.get(relation, Rows(relation))

    def _rows(self, select: exp.Select, ctes: Mapping[str, exp.Expression]) -> Rows | None:
        """A select that only leaves rows out and renames columns; None for any other."""
        source = select.args.get("from_") or select.args.get("from")
        busy = ("joins", "group", "having", "distinct", "qualify")
        if source is None or any(select.args.get(part) for part in busy):
            return None
        rows = self._read(source.this, ctes | _ctes(select))
        if rows is None:
            return None
        columns = dict(rows.columns or {})
        for each in select.expressions:
            if not each.find(exp.Star, exp.AggFunc, exp.Window) and each.alias_or_name:
                bare = each.this if isinstance(each, exp.Alias) else each
                columns[each.alias_or_name.lower()] = rows.told(bare)
        return Rows(rows.relation, columns)


def orphans(column: str, parent: Relation, key: str) -> str:
    """The statement that a column names a row of a parent that is not there."""
    return f"{column} not among {'.'.join(parent)}.{key}"


def not_in(column: str, values: list[Any]) -> str:
    """The statement that a column has another value than these."""
    listed = sorted(exp.convert(value).sql("duckdb") for value in values)
    return f"NOT {column} IN ({', '.join(listed)})"


def _parts(tree: exp.Expression) -> Iterator[exp.Select]:
    if isinstance(tree, exp.SetOperation):
        yield from _parts(tree.left.unnest())
        yield from _parts(tree.right.unnest())
    elif isinstance(tree, exp.Select):
        yield tree


def _ctes(tree: exp.Expression) -> dict[str, exp.Expression]:
    found = tree.args.get("with_") or tree.args.get("with")
    return {cte.alias: cte.this for cte in found.expressions} if found else {}


def _alternatives(condition: exp.Expression) -> Iterator[str]:
    """The condition's alternatives; what only says which days are looked at does not count."""
    parts = [p.unnest() for p in condition.unnest().flatten()] if _is(condition, exp.And) else None
    parts = [p for p in parts or [condition.unnest()] if not _is_window(p)]
    choices = [[c.unnest() for c in p.flatten()] if isinstance(p, exp.Or) else [p] for p in parts]
    for chosen in product(*choices) if choices else ():
        if len(chosen) == 1 and _is(chosen[0], exp.And) and chosen[0] is not condition.unnest():
            yield from _alternatives(chosen[0])
        else:
            yield " AND ".join(sorted(_text(c) for c in chosen))


def _is(node: exp.Expression, kind: type[exp.Expression]) -> bool:
    return isinstance(node.unnest(), kind)


def _is_window(part: exp.Expression) -> bool:
    """A column, or its day, on one side of a comparison, and a moment on the other."""
    if not isinstance(part, exp.GT | exp.GTE | exp.LT | exp.LTE):
        return False
    moments = [side for side in (part.left, part.right) if not side.find(exp.Column)]
    return len(moments) == 1 and bool(moments[0].find(exp.Cast, exp.DataType))


def _text(node: exp.Expression) -> str:
    """One wording: the smaller side of a comparison first, brackets only where they matter."""

    def plain(each: exp.Expression) -> exp.Expression:
        each = each.unnest() if isinstance(each, exp.Paren) else each
        if turned := _TURNED.get(type(each)):
            return turned(this=each.right, expression=each.left)
        if isinstance(each, exp.In) and each.expressions:
            each.set("expressions", sorted(each.expressions, key=lambda value: value.sql()))
        if isinstance(each, _SIDES_ALIKE) and each.right.sql() < each.left.sql():
            return type(each)(this=each.right, expression=each.left)
        return each

    return node.copy().transform(plain).sql("duckdb", normalize=True)
