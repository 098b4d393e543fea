"""What suites are made of: data products, and expectations that say what they protect.

Expectations are SQL that both engines accept. A query's rows are the damage: it selects keys only,
and nothing but their number leaves the database.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import great_expectations.expectations as gxe
from great_expectations.expectations.expectation import Expectation

# Closed days that a daily check judges, and the weeks before them that they are held against.
CHECKED_DAYS = 7
BASELINE_WEEKS = 4
HISTORY_DAYS = CHECKED_DAYS + 7 * BASELINE_WEEKS
# Every incremental build rebuilds these closed days (dbt_project.yml, lookback_days): only they are
# as new in one relation as in another.
REBUILT_DAYS = 3


@dataclass(frozen=True)
class Scope:
    """Where and when: `relation(database, name)` gives the installation's quoted identifier.

    `today` is the business day of as_of. It is still running, so volumes judge the days before it.
    """

    today: date
    relation: Callable[[str, str], str]

    def day(self, days_ago: int) -> str:
        """The day so many days before today (negative: after it), as a SQL literal."""
        return f"date '{self.today - timedelta(days=days_ago)}'"

    def instant(self, days_ago: int) -> str:
        """Midnight at the beginning of that day, as a SQL literal."""
        return f"timestamp '{self.today - timedelta(days=days_ago)} 00:00:00'"


@dataclass(frozen=True)
class Product:
    """A relation, the part of it that is checked (`where`, SQL), and what is expected of that."""

    database: str
    name: str
    expectations: Sequence[Expectation]
    where: str = "true"

    def batch(self, scope: Scope) -> str:
        """The query whose rows are checked."""
        return f"select * from {scope.relation(self.database, self.name)} where {self.where}"

    def look(self, scope: Scope, expectation: Expectation) -> str:
        """A query to paste: its rows are the ones that this expectation of the product counts."""
        if damage := expectation.meta.get("damage"):
            return f"{self.batch(scope)} and ({damage})"
        query = expectation.unexpected_rows_query.replace("{batch} as batch_rows", "{batch}")
        return query.replace("{batch}", f"({self.batch(scope)}) as batch_rows")


def no_rows(name: str, columns: Sequence[str], protects: str, query: str) -> Expectation:
    """An expectation that `query` finds nothing.

    The query reads the product as `checked` and selects the keys of damaged rows. It may begin with
    further common table expressions (`, daily as (…) select …`).
    """
    # Great Expectations names the batch itself, unless a join makes it leave that to the query.
    text = _one_line(query)
    alias = " as batch_rows" if " join " in text else ""
    return gxe.UnexpectedRowsExpectation(
        unexpected_rows_query=f"with recursive checked as (select * from {{batch}}{alias}){text}",
        notes=protects,
        meta={"name": name, "columns": list(columns)},
    )


def within(name: str, column: str, low: float, high: float, protects: str) -> Expectation:
    """An expectation that a column's values, where it has any, lie in [low, high]."""
    return gxe.ExpectColumnValuesToBeBetween(
        column=column,
        min_value=low,
        max_value=high,
        notes=protects,
        meta={
            "name": name,
            "columns": [column],
            "damage": f"{column} < {low} or {column} > {high}",
        },
    )


def at_most(name: str, part: str, whole: str, protects: str) -> Expectation:
    """An expectation that `part` never exceeds `whole` in the same row; NULLs are not judged."""
    return gxe.ExpectColumnPairValuesAToBeGreaterThanB(
        column_A=whole,
        column_B=part,
        or_equal=True,
        ignore_row_if="either_value_is_missing",
        notes=protects,
        meta={"name": name, "columns": [part, whole], "damage": f"{part} > {whole}"},
    )


def fresh(name: str, scope: Scope, column: str, protects: str) -> Expectation:
    """An expectation that the newest day is as_of's or the day before it, and none lies ahead."""
    return no_rows(
        name,
        [column],
        protects,
        f"""
        , newest as (select max({column}) as newest_day from checked)
        select newest_day from newest
        where newest_day is null or newest_day < {scope.day(1)} or newest_day > {scope.day(0)}
        """,
    )


def steady_volume(
    name: str,
    scope: Scope,
    amount: str,
    protects: str,
    *,
    day: str = "stat_date",
    low: float = 0.5,
    high: float = 1.6,
    least: int = 100,
) -> Expectation:
    """An expectation that each closed day's sum resembles the same weekday of the weeks before.

    Held against the mean of those weeks without their least and greatest one, so that neither a
    quiet Sunday nor one odd week in the past is an alarm. A day may lie `low` to `high` times that
    mean, and three standard deviations of a count beyond, as small numbers scatter more. `high` is
    well below 2: a day loaded twice must show. Days that usually have fewer than `least` are not
    judged, nor are days with fewer than three weeks behind them.
    """
    weeks = ", ".join(f"d.{day} - interval '{7 * w}' day" for w in range(1, BASELINE_WEEKS + 1))
    return no_rows(
        name,
        [amount],
        protects,
        f"""
        , daily as (
            select {day}, sum({amount}) as amount from checked
            where {day} < {scope.day(0)} group by {day}
        ), compared as (
            select d.{day}, d.amount, 1.0 * (sum(w.amount) - min(w.amount) - max(w.amount))
                / nullif(count(*) - 2, 0) as usual
            from daily as d join daily as w on w.{day} in ({weeks})
            where d.{day} >= {scope.day(CHECKED_DAYS)}
            group by d.{day}, d.amount having count(*) >= 3
        )
        select {day} from compared
        where usual >= {least} and (amount < {low} * usual - 3 * sqrt(usual)
            or amount > {high} * usual + 3 * sqrt(usual))
        """,
    )


def steady_ratio(
    name: str,
    scope: Scope,
    part: str,
    whole: str,
    protects: str,
    *,
    day: str = "stat_date",
    low: float = 0.0,
    high: float = 3.0,
    slack: float = 0.0,
    least: int = 100,
) -> Expectation:
    """An expectation that part / whole of each closed day resembles that of the weeks before.

    A day fails below `low` times or above `high` times plus `slack` the usual ratio, which is that
    of the four weeks before the checked days. Days whose `whole` is below `least` are not judged.
    """
    return no_rows(
        name,
        [part, whole],
        protects,
        f"""
        , daily as (
            select {day}, 1.0 * sum({part}) as part, 1.0 * sum({whole}) as whole from checked
            where {day} < {scope.day(0)} group by {day}
        ), usual as (
            select sum(part) as part, sum(whole) as whole, count(*) as days from daily
            where {day} < {scope.day(CHECKED_DAYS)}
        )
        select d.{day} from daily as d cross join usual as u
        where d.{day} >= {scope.day(CHECKED_DAYS)} and d.whole >= {least} and u.days >= 14
            and u.whole > 0 and (d.part * u.whole < {low} * u.part * d.whole
                or d.part * u.whole > ({high} * u.part + {slack} * u.whole) * d.whole)
        """,
    )


def _one_line(query: str) -> str:
    text = " ".join(query.split())
    return text if text.startswith(",") else f" {text}"
