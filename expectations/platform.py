"""What joins all domains: tenants in daily figures, as a whole, and over all of them.

Figures of the same thing in two domains must agree: each is built on its own, and a tenant sees
both. Those of the last closed days are compared, which every build makes anew.
"""

from __future__ import annotations

from expectations.base import (
    HISTORY_DAYS,
    REBUILT_DAYS,
    Expectation,
    Product,
    Scope,
    fresh,
    no_rows,
    not_negative,
    rule,
    steady_ratio,
    steady_volume,
)

AI = "ai_agent_platform"


def outputs(scope: Scope) -> list[Product]:
    """The platform's tables, in a fixed order; without core there are no tenants to fill them."""
    if not scope.has("core"):
        return []
    return [tenant_daily(scope), tenant_360(scope), executive_summary(scope)]


def tenant_daily(scope: Scope) -> Product:
    """One row per tenant and day over all domains."""
    return Product(
        "warehouse",
        "tenant_daily",
        where=f"stat_date >= {scope.day(HISTORY_DAYS)}",
        day="stat_date",
        expectations=[
            fresh(
                "tenants_figures_are_fresh",
                scope,
                "stat_date",
                "A build that silently stopped: every domain would stand still at once.",
            ),
            steady_volume(
                "tenants_sign_in_steadily",
                scope,
                "active_users",
                "A partial, missing or doubled day of people at work.",
                least=40,
                low=0.4,
                high=2.5,
            ),
            steady_volume(
                "tenants_are_served_steadily",
                scope,
                "api_calls",
                "A partial, missing or doubled day of requests.",
                least=60,
                low=0.4,
                high=2.5,
            ),
            not_negative(
                "tenants_figures_are_not_negative",
                [
                    "active_users",
                    "api_calls",
                    "storage_used_gb",
                    "ai_requests",
                    "ai_cost_cny",
                    "sent_messages",
                    "received_messages",
                    "placed_orders",
                    "revenue_cny",
                    "behavior_events",
                ],
                "A figure that wrapped round in one of the domains.",
            ),
            rule(
                "tenants_fail_less_than_they_do",
                ["failed_messages", "sent_messages", "cancelled_orders"],
                "failed_messages > sent_messages",
                "Columns of two domains joined out of step.",
            ),
            rule(
                "tenants_ai_figures_go_together",
                ["ai_requests", "ai_tokens", "ai_cost_cny"],
                "ai_requests = 0 and (ai_tokens > 0 or ai_cost_cny > 0)",
                "Costs of another tenant or day: a join on too little.",
            ),
            no_rows(
                "tenants_have_every_day",
                ["tenant_id", "stat_date"],
                "A tenant's day that is gone from the last weeks: every sum over days hides it.",
                f"""
                , days as (
                    select {scope.day(HISTORY_DAYS)} as day
                    union all
                    select cast(day + interval '1' day as date) from days where day < {scope.day(1)}
                )
                select t.id as tenant_id, d.day, 1 as expected, 0 as got
                from {scope.relation("saas_unified_core", "saas_tenants")} as t
                join days as d on d.day >= cast(t.created_at as date)
                left join checked as c on c.tenant_id = t.id and c.stat_date = d.day
                where c.tenant_id is null
                """,
                "a row of every tenant on every day",
            ),
            *_other_figures(scope),
        ],
    )


def _other_figures(scope: Scope) -> list[Expectation]:
    """What must agree with tables of the domains that are switched on."""
    found = [
        _agrees(
            "failed_logins_agree_with_security",
            scope,
            "failed_logins",
            (
                "saas_unified_core",
                "saas_security_daily",
                "failed_attempts + blocked_attempts + suspended_attempts",
            ),
            "Sign-ins refused that a tenant sees and those that security looks at.",
        ),
    ]
    if scope.has("ai"):
        found += [
            _agrees(
                "tokens_are_those_billed",
                scope,
                "ai_tokens",
                ("saas_unified_core", "saas_usage_statistics", "ai_tokens_consumed"),
                "More or fewer tokens than the tenant is billed for: a day counted twice.",
                day="usage_date",
            ),
            _agrees(
                "requests_cover_those_of_platforms",
                scope,
                "ai_requests",
                (AI, "ai_platform_daily", "calls"),
                "AI requests counted by tenant and by platform: one of two tables is not rebuilt, "
                "or a platform's calls are on another tenant.",
                covers=True,
            ),
            _agrees(
                "requests_cover_those_of_agents",
                scope,
                "ai_requests",
                (AI, "ai_agent_daily", "calls"),
                "AI requests counted by tenant and by agent: one of two tables is not rebuilt, or "
                "an agent's calls are on another tenant.",
                covers=True,
            ),
            _agrees(
                "costs_cover_those_of_agents",
                scope,
                "ai_cost_cny",
                (AI, "ai_agent_daily", "cost_cny"),
                "Costs that a tenant sees and those of its agents: the invoice would be short.",
                covers=True,
                slack=0.01,
            ),
        ]
    if scope.has("wework"):
        found += [
            _agrees(
                "messages_cover_those_billed",
                scope,
                "sent_messages",
                ("saas_unified_core", "saas_usage_statistics", "wework_messages_sent"),
                "More messages billed than the tenant sees in WeCom: another tenant's, or a day "
                "counted twice.",
                day="usage_date",
                covers=True,
            ),
        ]
    return found


def _agrees(
    name: str,
    scope: Scope,
    column: str,
    other: tuple[str, str, str],
    protects: str,
    *,
    day: str = "stat_date",
    covers: bool = False,
    slack: float = 0,
) -> Expectation:
    """The column's sum by tenant and day is that of (database, relation, SQL), or `covers` it.

    `slack` is what rounding may take away.
    """
    database, relation, theirs = other
    # DuckDB gives a union of a number and a decimal the number's digits.
    nothing = "cast(0 as decimal(20, 6))"
    return no_rows(
        name,
        ["tenant_id", "stat_date", column],
        protects,
        f"""
        , pairs as (
            select tenant_id, stat_date as day, coalesce({column}, 0) as got, {nothing} as expected
            from checked
            where stat_date >= {scope.day(REBUILT_DAYS)} and stat_date < {scope.day(0)}
            union all
            select tenant_id, {day} as day, {nothing} as got, coalesce({theirs}, 0) as expected
            from {scope.relation(database, relation)}
            where {day} >= {scope.day(REBUILT_DAYS)} and {day} < {scope.day(0)}
        )
        select tenant_id, day, sum(expected) as expected, sum(got) as got from pairs
        group by tenant_id, day
        having sum(got) {"<" if covers else "<>"} sum(expected) - {slack}
        """,
        f"{'at least ' if covers else ''}the sum of {relation}: {theirs}",
    )


def tenant_360(scope: Scope) -> Product:
    """One row per tenant, as it is now."""
    return Product(
        "warehouse",
        "tenant_360",
        expectations=[
            rule(
                "tenants_rates_are_percentages",
                ["last_30_days_failed_messages_pct", "last_30_days_cancelled_orders_pct"],
                "last_30_days_failed_messages_pct < 0 or last_30_days_failed_messages_pct > 100 "
                "or last_30_days_cancelled_orders_pct < 0 "
                "or last_30_days_cancelled_orders_pct > 100",
                "A numerator of other days than its whole.",
                "percentages",
            ),
            rule(
                "tenants_parts_are_at_most_their_whole",
                ["online_accounts", "wework_accounts", "buyers", "customers"],
                "online_accounts > wework_accounts or buyers > customers",
                "Accounts or customers of another tenant counted in.",
            ),
            *_needs(scope),
            not_negative(
                "tenants_totals_are_not_negative",
                ["last_30_days_revenue_cny", "last_30_days_ai_cost_cny", "lifetime_value_cny"],
                "Refunds counted twice, or a sum that wrapped round.",
            ),
        ],
    )


def _needs(scope: Scope) -> list[Expectation]:
    """Use needs what is used, be it archived by now; of the domains that are switched on."""
    needs = {
        "ai": ("last_30_days_ai_conversations", (AI, "ai_agents")),
        "wework": ("last_30_days_sent_messages", ("wework_platform", "wework_accounts")),
    }
    return [
        no_rows(
            f"tenants_use_of_{domain}_needs_what_is_used",
            [column],
            "Use that belongs to another tenant: it never had anything to do it with.",
            f"""
            select c.tenant_id, 0 as expected, c.{column} as got from checked as c
            left join (select distinct tenant_id from {scope.relation(*used)}) as u
                on u.tenant_id = c.tenant_id
            where c.{column} > 0 and u.tenant_id is null
            """,
            f"no {column} of a tenant without {used[1]}",
        )
        for domain, (column, used) in needs.items()
        if scope.has(domain)
    ]


def executive_summary(scope: Scope) -> Product:
    """One row per day over all tenants and domains: what the management reads."""
    return Product(
        "warehouse",
        "executive_summary_daily",
        where=f"stat_date >= {scope.day(HISTORY_DAYS)}",
        tenant="",
        day="stat_date",
        expectations=[
            fresh(
                "summary_is_fresh",
                scope,
                "stat_date",
                "A build that silently stopped before the management's morning.",
            ),
            steady_ratio(
                "summary_revenue_per_order_is_usual",
                scope,
                "revenue_cny",
                "placed_orders",
                "Cents for yuan, or another currency, from one day on.",
                low=0.02,
                high=20,
                least=10,
            ),
            steady_ratio(
                "summary_tokens_per_request_are_usual",
                scope,
                "ai_tokens",
                "ai_requests",
                "Tokens counted twice or not at all.",
                low=0.2,
                high=5,
            ),
            rule(
                "summary_active_tenants_are_tenants",
                ["active_tenants", "tenants"],
                "active_tenants > tenants or tenants < 1",
                "Tenants counted once for each domain.",
            ),
            no_rows(
                "summary_tenants_do_not_vanish",
                ["tenants"],
                "A partial load of tenants: a stock that does not fall by a quarter in a day.",
                f"""
                select c.stat_date as day, b.tenants as expected, c.tenants as got
                from checked as c join checked as b
                    on b.stat_date = c.stat_date - interval '1' day
                where c.stat_date >= {scope.day(7)} and b.tenants >= 4
                    and c.tenants < 0.75 * b.tenants
                """,
                "at least three quarters of the day before's",
            ),
            no_rows(
                "summary_domains_do_not_fall_silent",
                ["ai_requests", "sent_messages"],
                "A domain that was not built: the others look as always, and the sums still add "
                "up.",
                f"""
                , base as (
                    select avg(ai_requests) as requests, avg(sent_messages) as messages
                    from checked where stat_date < {scope.day(7)}
                )
                select c.stat_date as day from checked as c cross join base as b
                where c.stat_date >= {scope.day(7)} and c.stat_date < {scope.day(0)}
                    and ((b.requests >= 50 and coalesce(c.ai_requests, 0) = 0)
                        or (b.messages >= 50 and coalesce(c.sent_messages, 0) = 0))
                """,
                "requests and messages on every day",
            ),
        ],
    )
