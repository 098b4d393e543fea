"""A small tenant whose customers stand on every edge that a rule can ask about, on one engine.

Values come from the same pools as the rules', so that equality, boundaries, wildcards and NULLs
meet. A second tenant has the same codes, so that what leaks over is seen.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from oracles.rules import Subject

from orchestration import database
from orchestration.rules.context import Context, built_marts
from orchestration.rules.fields import Kind, fields_of
from orchestration.schema.deploy import deploy
from orchestration.schema.metadata import metadata_of
from orchestration.settings import Settings

AS_OF = datetime(2026, 6, 30, 23, 59, 59)
TODAY = AS_OF.date()
DOMAINS = ("core", "customer")
TENANT = "10000000-0000-4000-8000-000000000001"
OTHER = "10000000-0000-4000-8000-000000000002"
TEXTS = (
    "", " ", "a", "A", "á", "a ", " a", "ab", "a_b", "a%b", "axb", "100%", "50_off", "back\\slash",
    "/", "a/b", "'", "'; drop table customers; --", '"', "`", ":name", "%s", "%(x)s", "{x}", "?",
    "é", "e\u0301", "ß", "ss", "ſ", "陈", "陈晨", "😀", "😁", "😀陈", "👨‍👩‍👧", "İ", "i", "I", "ﬁ",
    "\t", "a\nb", "\\", "\\%", "_", "%", "*", "0", "0.0", "NULL", "true", "\ufeff", "１",
)  # fmt: skip
NUMBERS = (
    0, 1, 2, 3, 5, 10, -1, 4.5, 4.49, 4.51, 0.01, 0.1, 0.3, 99.99, 100, 1999.99, 5000, 5000.01,
    10000, 2147483647, 0.333333, -5,
)  # fmt: skip
_AGO = (36500, 7000, 731, 365, 91, 90, 89, 31, 30, 29, 7, 1, 0, -1, -2, -400)
DATES = (
    *(TODAY - timedelta(days=days) for days in _AGO),
    date(2024, 2, 29), date(2000, 2, 29), date(1990, 7, 1), date(1990, 6, 30), date(1990, 6, 29),
)  # fmt: skip
TIMES = tuple(
    datetime(day.year, day.month, day.day) + offset
    for day in DATES
    if 1971 < day.year < 2037
    for offset in (timedelta(), timedelta(seconds=1), timedelta(hours=12),
                   timedelta(hours=23, minutes=59, seconds=59))
)  # fmt: skip
TAGS = ("vip", "VIP", "vïp", "a_b", "😀", "😁", "'; --")
BEHAVIORS = ("page_view", "Page_View", "buy.now", "😀")
DAYS = (1, 2, 7, 30, 90, 731)
MARTS = ("customer_lifetime_value", "customer_rfm")


@dataclass
class RuleWorld:
    """A deployed engine with customers in it, and the same customers for the oracle."""

    settings: Settings
    subjects: dict[str, Subject] = field(default_factory=dict)

    @classmethod
    def build(cls, settings: Settings, customers: int, seed: int = 1) -> RuleWorld:
        """Deploy core and customer, make the marts by hand, and fill both tenants."""
        world = cls(replace(settings, as_of=AS_OF, domains=DOMAINS))
        deploy(world.settings, oldest=date(2026, 6, 1), progress=lambda _: None)
        world._make_marts()
        if settings.is_mysql:
            world._allow_codes_alike()
        for tenant, subjects in ((TENANT, world.subjects), (OTHER, {})):
            world._fill(tenant, random.Random(f"{seed} {tenant}"), customers, subjects)
        return world

    def context(self, tenant_id: str = TENANT) -> Context:
        """The tenant's tables as of AS_OF."""
        with database.connect(self.settings) as connection:
            built = built_marts(connection, self.settings.database_prefix)
        return Context(
            metadata_of(self.settings), self.settings.database_prefix, self.settings.dialect,
            tenant_id, AS_OF, built,
        )  # fmt: skip

    def insert(self, table: str, rows: Sequence[dict[str, Any]]) -> None:
        """Insert rows into a table of the record or a mart."""
        target: Any = self._mart(table) if table in MARTS else self.context().table(table)
        with database.begin(self.settings) as connection:
            connection.execute(sa.insert(target), list(rows))

    def rows(self, table: str) -> list[dict[str, Any]]:
        """All rows of a table of the record."""
        with database.connect(self.settings) as connection:
            found = connection.execute(sa.select(self.context().table(table)))
            return [dict(row) for row in found.mappings()]

    def _mart(self, name: str) -> sa.Table:
        return next(t for t in self._mart_tables.tables.values() if t.name == name)

    @property
    def _mart_tables(self) -> sa.MetaData:
        metadata, prefix = sa.MetaData(), self.settings.database_prefix
        number = {"autoincrement": False}
        sa.Table(
            "customer_lifetime_value", metadata,
            sa.Column("customer_id", sa.String(36), primary_key=True),
            sa.Column("lifetime_value_cny", sa.Numeric(18, 2)),
            sa.Column("lifespan_months", sa.Integer, **number),
            sa.Column("orders_per_month", sa.Numeric(12, 2)),
            schema=f"{prefix}customer_management",
        )  # fmt: skip
        sa.Table(
            "customer_rfm", metadata,
            sa.Column("customer_id", sa.String(36), primary_key=True),
            *(sa.Column(name, sa.Integer, **number) for name in
              ("rfm_score", "recency_score", "frequency_score", "monetary_score")),
            sa.Column("rfm_code", sa.String(3)),
            schema=f"{prefix}warehouse",
        )  # fmt: skip
        return metadata

    def _make_marts(self) -> None:
        with database.begin(self.settings) as connection:
            self._mart_tables.create_all(connection)

    def _fill(
        self, tenant: str, rng: random.Random, customers: int, subjects: dict[str, Subject]
    ) -> None:
        tags = {code: f"{tenant[-1]}-tag-{n}" for n, code in enumerate(TAGS)}
        kinds = {code: f"{tenant[-1]}-behavior-{n}" for n, code in enumerate(BEHAVIORS)}
        self.insert(
            "customer_tag_definitions",
            [
                {"id": key, "tenant_id": tenant, "tag_name": code, "tag_code": code,
                 "category": "x", "tag_type": "manual"}
                for code, key in tags.items()
            ],
        )  # fmt: skip
        self.insert(
            "customer_behavior_definitions",
            [
                {"id": key, "tenant_id": tenant, "behavior_name": code, "behavior_code": code,
                 "behavior_category": "visit", "behavior_type": "event"}
                for code, key in kinds.items()
            ],
        )  # fmt: skip
        people, values, scores, held, days = [], [], [], [], []
        for number in range(customers):
            key = f"{tenant[-1]}-customer-{number:05}"
            known = _columns(rng, number)
            known |= {"customer_code": str(number), **_unique(rng, number)}
            people.append({"id": key, "tenant_id": tenant, **known})
            figures = dict.fromkeys(("clv", "lifespan_months", "orders_per_month"))
            if rng.random() < 0.7:
                figures = {
                    "clv": _maybe(
                        rng, [Decimal(str(n)).quantize(Decimal("0.01")) for n in NUMBERS]
                    ),
                    "lifespan_months": _maybe(rng, (1, 2, 12)),
                    "orders_per_month": _maybe(rng, (Decimal("0.30"), Decimal("4.50"))),
                }
                values.append(
                    {"customer_id": key, "lifetime_value_cny": figures["clv"],
                     "lifespan_months": figures["lifespan_months"],
                     "orders_per_month": figures["orders_per_month"]}
                )  # fmt: skip
            names = ("recency_score", "frequency_score", "monetary_score", "rfm_score")
            rfm: dict[str, Any] = dict.fromkeys((*names, "rfm_code"))
            if rng.random() < 0.7:
                rfm = {name: rng.randint(1, 5) for name in names}
                rfm["rfm_code"] = rng.choice(("555", "111", "3_3"))
                scores.append({"customer_id": key, **rfm})
            carried = {code for code in TAGS if rng.random() < 0.3}
            for code in TAGS:
                lapsed = rng.choice(("removed", "expired", "past", None))
                if code in carried or lapsed:
                    status = "active" if code in carried or lapsed == "past" else lapsed
                    end = AS_OF + timedelta(seconds=1) if rng.random() < 0.5 else None
                    held.append(
                        {"id": f"{key}-{tags[code][-1]}", "tenant_id": tenant, "customer_id": key,
                         "tag_id": tags[code], "assign_type": "manual", "status": status,
                         "expires_at": end if code in carried else AS_OF}
                    )  # fmt: skip
            acted: dict[tuple[str, date], tuple[int, Any]] = {}
            for code in BEHAVIORS:
                for ago in (-1, 0, 1, 6, 7, 29, 30, 89, 90, 730, 731):
                    if rng.random() < 0.15:
                        day = TODAY - timedelta(days=ago)
                        acted[code, day] = (
                            rng.randint(1, 3),
                            Decimal(rng.choice(("0.10", "4.50"))),
                        )
                        for period in ("day", "month"):
                            days.append(
                                {"id": f"{len(days)}-{tenant[-1]}", "tenant_id": tenant,
                                 "customer_id": key, "behavior_id": kinds[code],
                                 "stat_period": period, "stat_date": day,
                                 "event_count": acted[code, day][0],
                                 "total_value": acted[code, day][1]}
                            )  # fmt: skip
            subjects[key] = Subject(known | figures | rfm, frozenset(carried), acted)
        for table, found in (
            ("customers", people), ("customer_lifetime_value", values), ("customer_rfm", scores),
            ("customer_tags", held), ("customer_behavior_statistics", days),
        ):  # fmt: skip
            self.insert(table, found)

    def _allow_codes_alike(self) -> None:
        """Drop the unique keys by which MySQL takes vip for VIP and any two emoji for equal."""
        schema = f"{self.settings.database_prefix}customer_management"
        with database.begin(self.settings) as connection:
            for table in ("customer_tag_definitions", "customer_behavior_definitions"):
                for key in sa.inspect(connection).get_unique_constraints(table, schema=schema):
                    connection.exec_driver_sql(
                        f"alter table `{schema}`.`{table}` drop index `{key['name']}`"
                    )


def _unique(rng: random.Random, number: int) -> dict[str, Any]:
    """What no two customers of a tenant share."""
    return {"phone": _maybe(rng, [f"138{number:08}"]), "email": _maybe(rng, [f"{number}@x.cn"])}


def _maybe(rng: random.Random, values: Sequence[Any]) -> Any:
    return None if rng.random() < 0.15 else rng.choice(values)


def _columns(rng: random.Random, number: int) -> dict[str, Any]:
    """A customer's own columns, each NULL at times where the table allows it."""
    known: dict[str, Any] = {}
    for name, asked in fields_of("customer").items():
        if asked.source != "customers" or name == "age":
            continue
        match asked.kind:
            case Kind.CHOICE:
                known[name] = _maybe(rng, asked.choices)
            case Kind.TEXT:
                known[name] = _maybe(rng, [t for t in TEXTS if len(t) <= 20])
                if name == "nickname" and number < 2 * len(TEXTS):
                    known[name] = TEXTS[number % len(TEXTS)]
            case Kind.DATE:
                known[name] = _maybe(rng, DATES)
            case Kind.TIME:
                known[name] = _maybe(rng, TIMES)
            case Kind.NUMBER:
                known[name] = _maybe(rng, _fitting(name))
    known["source_channel"] = known["source_channel"] or "app"
    known["name"] = known["name"] or "a"
    return known


def _fitting(name: str) -> list[Any]:
    if name == "satisfaction_score":
        return [Decimal(n) for n in ("0.00", "4.49", "4.50", "4.51", "5.00", "9.99")]
    if "amount" in name:
        return [Decimal(str(n)).quantize(Decimal("0.01")) for n in NUMBERS if abs(n) < 10**8]
    return [n for n in NUMBERS if isinstance(n, int)]
