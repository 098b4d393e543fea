"""What suites are made of: data products, and expectations that say what they protect.

A module `expectations/<domain>.py` has `sources(scope)`, what the applications wrote, and
`outputs(scope)`, what was built from it; each returns Products in a fixed order. That is all:
`warehouse validate`, the asset checks and the pages find them by the file's name.

Expectations are SQL that both engines accept. A query's rows are the damage. It may name the
columns `tenant_id`, `day`, `expected` and `got`, which a message shows (the last two are figures of
many rows, never one row's value); every other column is a key, and shown as a pseudonym.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

# Closed days that a daily check judges, and the weeks before them that they are held against.
CHECKED_DAYS = 7
BASELINE_WEEKS = 4
# One week more tells growth from a day that was loaded twice.
HISTORY_DAYS = CHECKED_DAYS + 7 + 7 * BASELINE_WEEKS
# A day's volume within so many standard deviations is chance: bursts have longer tails than a bell.
SIGMAS = 6
# A day without any of so many bursts that there usually are happens once in a million (e^-14).
BURSTS = 14
# Past days that a scatter leaves out, the farthest from their weekday's usual.
STRAY_DAYS = 2
# Every incremental build rebuilds these closed days (dbt_project.yml, lookback_days): only they are
# as new in one relation as in another.
REBUILT_DAYS = 3
# Clocks of servers differ by seconds, and rows arrive while a suite runs.
CLOCK_SKEW = timedelta(minutes=10)
# What is left of characters that were cut or decoded twice: U+FFFD, that read as Latin-1 or as GBK,
# and Chinese read as Latin-1.
GARBLED = r"\x{FFFD}|ï¿½|锟斤拷|[äåæçèé][\x{80}-\x{BF}]"


@dataclass(frozen=True)
class Scope:
    """Where and when: `relation(database, name)` gives the installation's quoted identifier.

    `today` is the business day of `now`. It is still running, so volumes judge the days before it.
    `odd_days` are festivals and the working days that make up for them: they follow no weekday's
    rhythm.
    """

    now: datetime
    relation: Callable[[str, str], str]
    is_mysql: bool = False
    odd_days: frozenset[date] = frozenset()
    # Whose databases there are; None for all.
    domains: tuple[str, ...] | None = None
    # The quoted columns that are no secrets, of relations that hold some: whoever runs suites may
    # read no others.
    open_columns: Mapping[tuple[str, str], Sequence[str]] = field(default_factory=dict)

    def has(self, domain: str) -> bool:
        """Whether the domain is switched on, so that its relations may be read."""
        return self.domains is None or domain in self.domains

    @property
    def today(self) -> date:
        """The business day that is running."""
        return self.now.date()

    def day(self, days_ago: int) -> str:
        """The day so many days before today (negative: after it), as a SQL literal."""
        return f"date '{self.today - timedelta(days=days_ago)}'"

    def instant(self, days_ago: int) -> str:
        """Midnight at the beginning of that day, as a SQL literal."""
        return f"timestamp '{self.today - timedelta(days=days_ago)} 00:00:00'"

    def since(self, column: str, days: int = HISTORY_DAYS) -> str:
        """SQL for a product's `where`: instants from so many days ago on, into the future."""
        return f"{column} >= {self.instant(days)}"

    def soon(self) -> str:
        """The moment after which nothing can have happened yet, as a SQL literal."""
        return f"timestamp '{(self.now + CLOCK_SKEW).replace(microsecond=0)}'"

    def matches(self, column: str, pattern: str) -> str:
        """SQL: whether the text fits a regular expression (ASCII, case counts); NULL for NULL."""
        literal = pattern.replace("'", "''")
        if self.is_mysql:
            literal = literal.replace("\\", "\\\\")
            return f"regexp_like({column}, '{literal}', 'c')"
        return f"regexp_matches({column}, '{literal}')"

    def is_usual(self, day: str) -> str:
        """SQL: whether the day follows its weekday's rhythm."""
        near = sorted(d for d in self.odd_days if 0 <= (self.today - d).days <= HISTORY_DAYS)
        days = ", ".join(f"date '{each}'" for each in near)
        return f"{day} not in ({days})" if near else "true"


@dataclass(frozen=True)
class Expectation:
    """One thing that must hold; made by the functions below.

    `damage` is SQL that is true for a damaged row; without it, `query` finds the damage. `expected`
    says in words what is right.
    """

    name: str
    columns: tuple[str, ...]
    protects: str
    expected: str
    damage: str = ""
    query: str = ""
    # How Great Expectations knows it: the class's name, and what it takes.
    kind: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_rule(self) -> bool:
        """Whether the product's query marks the damaged rows in a column of this name."""
        return bool(self.damage) and not self.kind


@dataclass(frozen=True)
class Product:
    """A relation, the part of it that is checked (`where`, SQL), and what is expected of that.

    Give large tables a `where` of days: only these are read. `tenant` and `day` are SQL by which
    damaged rows are told apart in a message; empty where there is none.
    """

    database: str
    name: str
    expectations: Sequence[Expectation]
    where: str = "true"
    tenant: str = "tenant_id"
    day: str = ""

    def rows(self, scope: Scope) -> str:
        """The query whose rows are checked."""
        relation = scope.relation(self.database, self.name)
        return f"select {self._columns(scope)} from {relation} where {self.where}"

    def batch(self, scope: Scope) -> str:
        """The same with a column for each rule, 1 where it is broken: all are read in one go."""
        relation = scope.relation(self.database, self.name)
        rules = [e for e in self.expectations if e.is_rule]
        marks = "".join(f", case when {e.damage} then 1 end as {e.name}" for e in rules)
        columns = self._columns(scope, "checked_rows.")
        return f"select {columns}{marks} from {relation} as checked_rows where {self.where}"

    def _columns(self, scope: Scope, alias: str = "") -> str:
        """All columns but secrets."""
        named = scope.open_columns.get((self.database, self.name), "*")
        return ", ".join(f"{alias}{column}" for column in named)

    def look(self, scope: Scope, expectation: Expectation) -> str:
        """A query to paste: its rows are the ones that this expectation of the product counts."""
        if expectation.damage:
            return f"{self.rows(scope)} and ({expectation.damage})"
        query = expectation.query.replace("{batch} as batch_rows", "{batch}")
        return query.replace("{batch}", f"({self.rows(scope)}) as batch_rows")

    def sample(self, scope: Scope, expectation: Expectation, rows: int) -> str:
        """A query for a few findings: of rows, how many by tenant and day; else its own columns."""
        look = self.look(scope, expectation)
        if not expectation.damage:
            return f"select * from ({look}) as found limit {rows}"
        parts = {"tenant_id": self.tenant, "day": self.day}
        named = [f"{sql} as {name}" for name, sql in parts.items() if sql]
        numbers = ", ".join(str(n) for n in range(1, len(named) + 1))
        listed = ", ".join([*named, "count(*) as damaged_rows"])
        grouped = f" group by {numbers} order by damaged_rows desc, {numbers}" if named else ""
        return f"select {listed} from ({look}) as found{grouped} limit {rows}"


# --- one row at a time ---------------------------------------------------------------------------


def rule(
    name: str, columns: Sequence[str], damage: str, protects: str, expected: str = ""
) -> Expectation:
    """An expectation that no row meets `damage` (SQL over the row; NULL is no damage).

    All rules of a product are evaluated in one reading of it, so prefer them to `no_rows`.
    """
    damage = _squeezed(damage)
    return Expectation(
        name, tuple(columns), protects, expected or f"no row where {damage}", damage=damage
    )


def within(name: str, column: str, low: float, high: float, protects: str) -> Expectation:
    """An expectation that a column's values, where it has any, lie in [low, high]."""
    return Expectation(
        name,
        (column,),
        protects,
        f"{column} from {low:,} to {high:,}",
        damage=f"{column} < {low} or {column} > {high}",
        kind="ExpectColumnValuesToBeBetween",
        arguments={"column": column, "min_value": low, "max_value": high},
    )


def at_most(name: str, part: str, whole: str, protects: str) -> Expectation:
    """An expectation that `part` never exceeds `whole` in the same row; NULLs are not judged."""
    return Expectation(
        name,
        (part, whole),
        protects,
        f"{part} at most {whole}",
        damage=f"{part} > {whole}",
        kind="ExpectColumnPairValuesAToBeGreaterThanB",
        arguments={
            "column_A": whole,
            "column_B": part,
            "or_equal": True,
            "ignore_row_if": "either_value_is_missing",
        },
    )


def in_order(name: str, columns: Sequence[str], protects: str) -> Expectation:
    """An expectation that times (or figures) never fall from one column to a later one.

    Where one is NULL, its neighbours are held against each other.
    """
    pairs = [(a, b) for n, a in enumerate(columns) for b in columns[n + 1 :]]
    damage = " or ".join(f"{a} > {b}" for a, b in pairs)
    return rule(name, columns, damage, protects, " <= ".join(columns))


def not_ahead(name: str, scope: Scope, columns: Sequence[str], protects: str) -> Expectation:
    """An expectation that nothing happened later than now."""
    damage = " or ".join(f"{column} > {scope.soon()}" for column in columns)
    return rule(name, columns, damage, protects, f"{' and '.join(columns)} not after now")


def not_negative(name: str, columns: Sequence[str], protects: str) -> Expectation:
    """An expectation that none of the figures is below 0."""
    damage = " or ".join(f"{column} < 0" for column in columns)
    return rule(name, columns, damage, protects, f"{', '.join(columns)} 0 or more")


def readable(name: str, scope: Scope, columns: Sequence[str], protects: str) -> Expectation:
    """An expectation that texts have no mark of a wrong or broken encoding."""
    damage = " or ".join(scope.matches(column, GARBLED) for column in columns)
    return rule(name, columns, damage, protects, f"{', '.join(columns)} in readable UTF-8")


# --- queries -------------------------------------------------------------------------------------


def no_rows(
    name: str, columns: Sequence[str], protects: str, query: str, expected: str = ""
) -> Expectation:
    """An expectation that `query` finds nothing.

    The query reads the product as `checked` and selects the keys of damaged rows. It may begin with
    further common table expressions (`, daily as (…) select …`).
    """
    # Great Expectations names the batch itself, unless a join makes it leave that to the query.
    text = _squeezed(query)
    text = text if text.startswith(",") else f" {text}"
    alias = " as batch_rows" if " join " in text else ""
    return Expectation(
        name,
        tuple(columns),
        protects,
        expected or "none such",
        query=f"with recursive checked as (select * from {{batch}}{alias}){text}",
    )


def fresh(name: str, scope: Scope, column: str, protects: str) -> Expectation:
    """An expectation that the newest day is as_of's or the day before it, and none lies ahead.

    `column` may be SQL that gives a day.
    """
    return no_rows(
        name,
        [column],
        protects,
        f"""
        , newest as (select max({column}) as day from checked)
        select day from newest
        where day is null or day < {scope.day(1)} or day > {scope.day(0)}
        """,
        f"newest day {scope.today - timedelta(days=1)} or {scope.today}",
    )


def same_tenant(
    name: str,
    scope: Scope,
    column: str,
    parent: tuple[str, str],
    protects: str,
    *,
    key: str = "id",
) -> Expectation:
    """An expectation that a row and the row of `parent` that its column names have one tenant."""
    return no_rows(
        name,
        ["tenant_id", column],
        protects,
        f"""
        select c.tenant_id, c.id as row_id
        from checked as c join {scope.relation(*parent)} as p on p.{key} = c.{column}
        where p.tenant_id <> c.tenant_id
        """,
        f"the tenant of its {column}",
    )


def steady_volume(
    name: str,
    scope: Scope,
    amount: str,
    protects: str,
    *,
    day: str = "stat_date",
    by: str = "",
    low: float = 0.5,
    high: float = 1.6,
    least: int = 100,
    stock: bool = False,
) -> Expectation:
    """An expectation that each closed day's sum resembles the same weekday of the weeks before.

    Held against the mean of those weeks without their least and greatest one, so that neither a
    quiet Sunday nor one odd week in the past is an alarm. A day fails where it lies outside `low`
    to `high` times that mean and chance does not explain it: SIGMAS standard deviations of a count
    that is as restless as the weeks before it (`scatter`, at least a Poisson's), which is much for
    small or bursty figures and next to nothing for large ones. Where the seven days before it were
    above their mean too, it may be so much more. `high` is well below 2: a day loaded twice must
    show. Days that usually have fewer than `least` are not judged, nor are festivals, nor days
    with fewer than three weeks behind them; a day without any row counts as 0.

    A `stock` (accounts online) is no count of arrivals: it scatters as it did, be it less.

    `amount` and `day` are SQL over a row ("1" counts rows); `by` (say "tenant_id") judges each of
    its values alone. The product's `where` must reach back HISTORY_DAYS.
    """
    return no_rows(
        name,
        [amount] if amount != "1" else [by or day],
        protects,
        f"""
        {_weekly(scope, amount, day, by)}
        select {_told(by)}day, {_rounded("case when amount < usual then usual else grown end")}
            as expected, {_rounded("amount")} as got
        from judged
        where usual >= {least}
            and (amount < least({low} * usual, usual - {_chance("usual", stock)})
            or amount > greatest({high} * grown, grown + {_chance("grown", stock)}))
        """,
        f"each day {low:g} to {high:g} times its weekday's usual, or within {SIGMAS} deviations",
    )


def complete(
    name: str,
    scope: Scope,
    protects: str,
    *,
    day: str = "stat_date",
    by: str = "tenant_id",
    least: int = 10,
) -> Expectation:
    """An expectation that each tenant has rows on each closed day on which it always has some.

    Always: at least `least` on that weekday in every one of the weeks before, and, at the pace of
    the seven days before and of the last two, so many bursts of them (`scatter` is a burst's size)
    that chance leaves none without. Whose tenant has been suspended or has left since is silent by
    right.
    """
    gone = ""
    if scope.has("core") and by != "stat_type":
        gone = f"""
            and item not in (
                select {by} from checked join (
                    select id as gone_id from {scope.relation("saas_unified_core", "saas_tenants")}
                    where status in ('suspended', 'expired', 'deleted')
                ) as gone on gone_id = tenant_id
                where {by} is not null
            )"""
    return no_rows(
        name,
        [by, day],
        protects,
        f"""
        {_weekly(scope, "1", day, by)}
        select {_told(by)}day, {_rounded("usual")} as expected, 0 as got
        from judged
        where lowest >= {least} and faded >= {BURSTS} * scatter and amount = 0{gone}
        """,
        f"rows of every {by} on every day",
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
    With `whole` "1" it is the mean of `part` over rows.
    """
    return no_rows(
        name,
        [part, whole] if whole != "1" else [part],
        protects,
        f"""
        , daily as (
            select {day} as day, 1.0 * sum({part}) as part, 1.0 * sum({whole}) as whole
            from checked where {day} < {scope.day(0)} group by {day}
        ), base as (
            select sum(part) as part, sum(whole) as whole, count(*) as days from daily
            where day < {scope.day(CHECKED_DAYS)}
        )
        select d.day as day, round(cast(u.part / u.whole as decimal(24, 8)), 4) as expected,
            round(cast(d.part / d.whole as decimal(24, 8)), 4) as got
        from daily as d cross join base as u
        where d.day >= {scope.day(CHECKED_DAYS)} and d.whole >= {least} and u.days >= 14
            and u.whole > 0 and (d.part * u.whole < {low} * u.part * d.whole
                or d.part * u.whole > ({high} * u.part + {slack} * u.whole) * d.whole)
        """,
        f"each day {low:g} to {high:g} times the usual ratio",
    )


def steady_mix(
    name: str,
    scope: Scope,
    column: str,
    protects: str,
    *,
    day: str = "stat_date",
    amount: str = "1",
    moved: float = 0.25,
    least: int = 150,
) -> Expectation:
    """An expectation that a day's rows spread over a column's values as in the weeks before.

    A day fails where more than the share `moved` of its rows would have to change their value, and
    as many more as chance moves. For columns of few values; days below `least` are not judged.
    """
    return no_rows(
        name,
        [column],
        protects,
        f"""
        , counted as (
            select {day} as day, coalesce(cast({column} as char(64)), '') as item,
                1.0 * sum({amount}) as part
            from checked where {day} < {scope.day(0)} group by 1, 2
        ), items as (select distinct item from counted)
        , totals as (select day, sum(part) as whole from counted group by day)
        , base as (
            select item, sum(part) as part from counted
            where day < {scope.day(CHECKED_DAYS)} group by item
        ), base_total as (
            select sum(whole) as whole, count(*) as days from totals
            where day < {scope.day(CHECKED_DAYS)}
        ), spread as (
            select t.day, t.whole, count(*) as items,
                sum(abs(coalesce(c.part, 0) / t.whole - coalesce(b.part, 0) / u.whole)) / 2 as moved
            from totals as t cross join items as i cross join base_total as u
            left join counted as c on c.day = t.day and c.item = i.item
            left join base as b on b.item = i.item
            where t.day >= {scope.day(CHECKED_DAYS)} and u.days >= 14 and t.whole >= {least}
                and u.whole > 0
            group by t.day, t.whole
        )
        select day, {moved} as expected, round(cast(moved as decimal(12, 6)), 3) as got
        from spread where moved > {moved} + sqrt(items / whole)
        """,
        f"less than {moved:.0%} of a day's rows with another {column} than usual",
    )


def no_copies(
    name: str,
    scope: Scope,
    columns: Sequence[str],
    protects: str,
    *,
    day: str = "stat_date",
    share: float = 0.01,
    least: int = 5,
) -> Expectation:
    """An expectation that rows of the checked days are not there twice under another key.

    Rows are copies that agree in all `columns`. Up to the share of a day's rows may be, and fewer
    than `least`, as people do the same thing twice.
    """
    listed = ", ".join(columns)
    return no_rows(
        name,
        columns,
        protects,
        f"""
        , alike as (
            select {day} as day, count(*) as copies from checked
            where {day} >= {scope.day(CHECKED_DAYS)} group by {day}, {listed}
        ), daily as (
            select day, sum(copies) as written, sum(copies - 1) as extra from alike group by day
        )
        select day, round({share} * written, 0) as expected, extra as got from daily
        where extra >= {least} and extra > {share} * written
        """,
        f"at most {share:.0%} of a day's rows alike in {listed}",
    )


def quiet_nights(
    name: str,
    scope: Scope,
    column: str,
    protects: str,
    *,
    people: str = "true",
    least: int = 200,
    share: float = 0.5,
) -> Expectation:
    """An expectation that people sleep: few rows between two and six, against nine to six.

    Judged by day where it has `least` rows, and over all days together, for a tenant that writes
    little; a fixed shift of the clock (eight hours is the zone) fails. `people` is SQL that leaves
    out rows of programs, which work at any hour.
    """
    return no_rows(
        name,
        [column],
        protects,
        f"""
        , marked as (
            select cast({column} as date) as day, extract(hour from {column}) as hour_of_day
            from checked where {column} >= {scope.instant(CHECKED_DAYS)}
                and {column} < {scope.instant(0)} and {people}
        ), hours as (
            select day, count(*) as written,
                sum(case when hour_of_day between 2 and 5 then 1.0 else 0 end) / 4 as at_night,
                sum(case when hour_of_day between 9 and 17 then 1.0 else 0 end) / 9 as by_day
            from marked group by day
        ), judged as (
            select day, written, at_night, by_day from hours
            union all
            select null, sum(written), sum(at_night), sum(by_day) from hours
        )
        select day, round(cast({share} * by_day as decimal(20, 4)), 1) as expected,
            round(cast(at_night as decimal(20, 4)), 1) as got
        from judged where written >= {least} and at_night > {share} * by_day
        """,
        f"an hour of the night with at most {share:.0%} of an hour of the day",
    )


def _weekly(scope: Scope, amount: str, day: str, by: str) -> str:
    """CTEs up to `judged`: each checked day (of each `by`), its amount and its usual one.

    `grown` is the usual one, raised by what the seven days before the day had beyond theirs, and
    `faded` lowered by what they or the last two of them lacked. `scatter` is how restless the weeks
    before the checked days were: their variance by their mean (Pearson's dispersion of a
    quasi-Poisson count, less a degree of freedom a weekday; 1 for independent arrivals, more where
    they come in bursts), without the days that strayed most, for a fault of last month must not
    excuse today's.
    """
    weeks = ", ".join(f"d.day - interval '{7 * w}' day" for w in range(1, BASELINE_WEEKS + 1))
    item = by or "1"
    return f"""
        , days as (
            select {scope.day(HISTORY_DAYS)} as day
            union all
            select cast(day + interval '1' day as date) from days where day < {scope.day(1)}
        ), counted as (
            select {day} as day, {item} as item, sum({amount}) as amount from checked
            where {day} < {scope.day(0)} and {item} is not null group by 1, 2
        ), items as (select item, min(day) as since from counted group by item)
        , daily as (
            select i.item, d.day, coalesce(c.amount, 0) as amount
            from items as i join days as d on d.day >= i.since
            left join counted as c on c.item = i.item and c.day = d.day
            where {scope.is_usual("d.day")}
        ), compared as (
            select d.item, d.day, d.amount, min(w.amount) as lowest,
                1.0 * (sum(w.amount) - min(w.amount) - max(w.amount))
                    / nullif(count(*) - 2, 0) as usual
            from daily as d join daily as w on w.item = d.item and w.day in ({weeks})
            where d.day >= {scope.day(CHECKED_DAYS + 7)}
            group by d.item, d.day, d.amount having count(*) >= 3
        ), weekdays as (
            select item, dayofweek(day) as weekday,
                1.0 * (sum(amount) - min(amount) - max(amount)) / nullif(count(*) - 2, 0) as usual
            from daily where day < {scope.day(CHECKED_DAYS)} group by 1, 2
        ), strays as (
            select d.item, power(d.amount - u.usual, 2) / u.usual as stray,
                row_number() over (
                    partition by d.item order by power(d.amount - u.usual, 2) / u.usual desc
                ) as place
            from daily as d
            join weekdays as u on u.item = d.item and u.weekday = dayofweek(d.day)
            where d.day < {scope.day(CHECKED_DAYS)} and u.usual > 0
        ), restless as (
            select item, sum(stray) / nullif(count(*) - 7, 0) as scatter from strays
            where place > {STRAY_DAYS} group by item
        ), judged as (
            select c.item, c.day, c.amount, c.lowest, c.usual,
                coalesce(max(r.scatter), 1) as scatter,
                c.usual * greatest(1, least(2,
                    coalesce(sum(b.amount) / nullif(sum(b.usual), 0), 1))) as grown,
                c.usual * least(1,
                    coalesce(sum(b.amount) / nullif(sum(b.usual), 0), 1),
                    coalesce(sum(case when b.day >= c.day - interval '2' day then b.amount end)
                        / nullif(sum(case when b.day >= c.day - interval '2' day
                            then b.usual end), 0), 1)) as faded
            from compared as c left join compared as b on b.item = c.item
                and b.day < c.day and b.day >= c.day - interval '7' day
            left join restless as r on r.item = c.item
            where c.day >= {scope.day(CHECKED_DAYS)}
            group by c.item, c.day, c.amount, c.lowest, c.usual
        )"""


def _chance(usual: str, stock: bool) -> str:
    """How far a day lies from its usual amount by chance."""
    return f"{SIGMAS} * sqrt(greatest({0 if stock else 1}, scatter) * {usual})"


def _told(by: str) -> str:
    return f"item as {by}, " if by else ""


def _rounded(figure: str) -> str:
    return f"round(cast({figure} as decimal(24, 4)), 1)"


def _squeezed(query: str) -> str:
    return " ".join(query.split())
