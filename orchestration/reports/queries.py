"""What the overview pages ask of the marts: one way to ask, the same on both engines.

The database counts and sums; what is divided is divided here, exactly, so that both show
the same figure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from orchestration import database
from orchestration.errors import WarehouseError
from orchestration.settings import DATABASES, Settings

Row = tuple[Any, ...]
Where = Sequence[sa.ColumnElement[bool]]


def col(name: str) -> sa.ColumnClause[Any]:
    """A column by its name; marts are described by dbt, not by the schema of record."""
    return sa.column(name)


def count_if(condition: Any) -> sa.ColumnElement[int]:
    """How many rows meet a condition."""
    return sa.func.coalesce(sa.func.sum(sa.case((condition, 1), else_=0)), 0)


@dataclass(frozen=True)
class Marts:
    """An open connection, and whose rows are read: one tenant's, or everybody's."""

    connection: sa.Connection
    settings: Settings
    tenant_id: str | None = None

    def table(self, relation: str, alias: str | None = None) -> Any:
        """`database.relation` in this installation."""
        home, name = relation.split(".")
        if home not in ("warehouse", *(DATABASES[domain] for domain in self.settings.domains)):
            home = "warehouse"  # where it is built, empty, while its domain is switched off
        found = sa.table(name, schema=database.database_name(self.settings, home))
        return found.alias(alias) if alias else found

    def rows(
        self,
        relation: str,
        by: Mapping[str, Any],
        measures: Mapping[str, Any],
        where: Where = (),
        *,
        has_tenant: bool = True,
    ) -> list[Row]:
        """Measures of a relation by some expressions, ordered by these."""
        keys = [expression.label(name) for name, expression in by.items()]
        shown = [expression.label(name) for name, expression in measures.items()]
        query = sa.select(*keys, *shown).select_from(self.table(relation)).where(*where)
        if self.tenant_id and has_tenant:
            query = query.where(col("tenant_id") == self.tenant_id)
        if keys:
            query = query.group_by(*by.values())
        return sorted(self.ask(query), key=lambda row: [str(part) for part in row[: len(keys)]])

    def ask(self, query: sa.Select[Any]) -> list[Row]:
        """The rows with plain numbers; WarehouseError where a mart was not built yet."""
        try:
            return [tuple(plain(value) for value in row) for row in self.connection.execute(query)]
        except DBAPIError as error:
            if database.explain(error.orig, self.settings):
                raise
            raise WarehouseError(
                f"The marts could not be read: {str(error.orig).splitlines()[0]}",
                fix="build them first: dbt build.",
            ) from error

    def tenant(self, wanted: str) -> str:
        """The id of the tenant with that id or code."""
        query = sa.select(col("tenant_id")).select_from(self.table("warehouse.dim_tenants"))
        query = query.where(sa.or_(col("tenant_id") == wanted, col("tenant_code") == wanted))
        found = self.ask(query)
        if not found:
            raise WarehouseError(
                f"There is no tenant {wanted!r}.",
                fix='warehouse query "select tenant_code, tenant_id from warehouse.dim_tenants"',
            )
        return str(found[0][0])


def plain(value: Any) -> Any:
    """MySQL sums whole numbers as decimals."""
    if isinstance(value, Decimal) and value.as_tuple().exponent == 0:
        return int(value)
    return value


def ratio(part: Any, whole: Any, scale: int = 1, factor: int = 1) -> Decimal | None:
    """`factor * part / whole`, rounded half up once; None over nothing."""
    if not whole or part is None:
        return None
    exact = Fraction(part) * factor / Fraction(whole)
    digits = Decimal(exact.numerator) / Decimal(exact.denominator)
    return digits.quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP)


def percent(part: Any, whole: Any) -> Decimal | None:
    """A share of a hundred, to a tenth."""
    return ratio(part, whole, 1, 100)
