"""Rollups against events and procedures, on MySQL: `python benchmarks/procedures_speed.py`.

What most teams write first, as well as it can be written: a procedure that recomputes one account's
figures from the raw messages and is called in a cursor for each account (once by the account alone,
once with its tenant, so that an index helps); a daily report that asks DATE(created_at); a view
over raw messages. Beside each the model that replaces it, run by dbt, without dbt's own start.
"""

from __future__ import annotations

import argparse
from datetime import timedelta
from functools import partial

from measure import Row, Timing, exponent, in_turn, publish, ratio, seconds
from sqlalchemy.engine import Connection
from traffic import ACCOUNTS, AS_OF, arguments, pool_of, run_model, warehouse

from orchestration import database
from orchestration.dbt_project import run_dbt
from orchestration.settings import Settings

MODELS = ("v_wework_message_stats", "wework_tenant_usage", "wework_account_statistics")
FIGURES = """
    select
        count(*),
        sum(direction = 'send' and send_status in ('sent', 'delivered', 'read')),
        sum(direction = 'send' and send_status = 'failed'),
        avg(if(direction = 'send', response_time_ms, null)) / 1000
    into @total, @successful, @failed, @response
    from {messages}
    where {condition};
    update {accounts}
    set total_messages = @total, successful_messages = coalesce(@successful, 0),
        failed_messages = coalesce(@failed, 0), avg_message_response_time = @response
    where id = account;
"""
CONDITIONS = {
    "by_account": "account_id = account",
    "by_tenant_and_account": "tenant_id = (select tenant_id from {accounts} where id = account) "
    "and account_id = account",
}
REPORT = """
    select tenant_id, count(*), sum(direction = 'send'), sum(direction = 'receive'),
        sum(direction = 'send' and send_status = 'failed'),
        avg(if(direction = 'send', response_time_ms, null)) / 1000,
        count(distinct account_id)
    from {messages}
    where date(created_at) = date('{day}')
    group by tenant_id
"""
VIEW = """
    create or replace view {view} as
    select tenant_id, account_id, date(created_at) as message_date, direction, message_type,
        send_status, count(*) as message_count, avg(processing_time_ms) as avg_processing_time,
        avg(response_time_ms) as avg_response_time
    from {messages}
    where date(created_at) > date('{day}') - interval 30 day
    group by tenant_id, account_id, date(created_at), direction, message_type, send_status
"""
# Whose thirty days people ask a view for.
ASKED = {"a tenant": "where tenant_id = 'tenant-0007'", "all tenants": ""}


def main() -> None:
    """Measure at each size and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 3_000_000, 10_000_000])
    parser.add_argument("--calls", type=int, default=20, help="accounts that the procedures do")
    parser.add_argument("--rounds", type=int, default=3, help="counted rounds")
    given = parser.parse_args()
    found: dict[int, dict[str, Timing]] = {}
    pool = ""
    for size in given.rows:
        print(f"{size:,} messages", flush=True)
        with warehouse("mysql", size) as settings:
            pool = pool_of(settings)
            found[size] = compared(settings, given.calls, given.rounds)
    publish(
        "procedures",
        ("messages", "what", "the old way", "takes", "here", "takes", "ratio", "growth here"),
        [row for size in found for row in _rows(found, size, given.calls)],
        f"{pool} Cursors are extrapolated from {given.calls} of {ACCOUNTS:,} accounts. Growth: "
        "from the smallest size to this one.",
    )


def compared(settings: Settings, calls: int, rounds: int) -> dict[str, Timing]:
    """What each contender takes at one size."""
    home = f"`{settings.database_prefix}wework_platform`"
    names = {
        "messages": f"{home}.wework_message_records",
        "accounts": f"{home}.wework_accounts",
        "view": f"{home}.bench_message_stats",
    }
    run_dbt(settings, arguments(settings, ["run"], " ".join(f"+{name}" for name in MODELS)))
    manifest = run_dbt(settings, arguments(settings, ["parse"]))

    def model(name: str) -> float:
        return float(run_model(settings, manifest, name).execution_time)

    with database.connect(settings) as connection:
        for name, condition in CONDITIONS.items():
            body = FIGURES.format(**names, condition=condition.format(**names))
            connection.exec_driver_sql(
                f"create procedure {home}.{name} (account varchar(36)) begin {body} end"
            )
        connection.exec_driver_sql(VIEW.format(**names, day=AS_OF.date()))
        report = REPORT.format(**names, day=AS_OF.date() - timedelta(days=1))
        ask = partial(_ask, connection)
        views = {"old": names["view"], "our": f"{home}.v_wework_message_stats"}
        return in_turn(
            {
                **{name: partial(_calls, connection, home, name, calls) for name in CONDITIONS},
                "statistics": lambda: model("wework_account_statistics"),
                "report": lambda: ask(report),
                "usage": lambda: model("wework_tenant_usage"),
                **{
                    f"{whose} view, {of}": partial(ask, summed(view, condition))
                    for of, condition in ASKED.items()
                    for whose, view in views.items()
                },
            },
            rounds,
        )


def _rows(found: dict[int, dict[str, Timing]], size: int, calls: int) -> list[Row]:
    """A size's rows of the table."""
    here = found[size]

    def row(what: str, way: str, spent: float, model: str, name: str) -> Row:
        by_size = {one: timings[name] for one, timings in found.items() if one <= size}
        growth = exponent(by_size) if len(by_size) > 1 else "-"
        ours = here[name]
        return f"{size:,}", what, way, seconds(spent), model, str(ours), ratio(spent, ours), growth

    return [
        *(
            row("figures of all accounts", f"cursor, {name.replace('_', ' ')}",
                here[name].median / calls * ACCOUNTS, "wework_account_statistics", "statistics")
            for name in CONDITIONS
        ),
        row("daily usage", "DATE(created_at) = one day", here["report"].median,
            "wework_tenant_usage, four days", "usage"),
        *(
            row(f"30 days of {of}", "view over raw messages", here[f"old view, {of}"].median,
                "v_wework_message_stats", f"our view, {of}")
            for of in ASKED
        ),
    ]  # fmt: skip


def summed(view: str, condition: str) -> str:
    """A query that has the server make every row of the view, and sends one: its time alone."""
    return (
        "select count(*), sum(message_count), sum(avg_processing_time), sum(avg_response_time) "
        f"from {view} {condition}"
    )


def _calls(connection: Connection, home: str, name: str, calls: int) -> None:
    """Accounts from the busiest to the quietest, evenly: what an average account costs."""
    for number in range(0, ACCOUNTS, ACCOUNTS // calls):
        connection.exec_driver_sql(f"call {home}.{name}('account-{number:05d}')")
        connection.commit()


def _ask(connection: Connection, sql: str) -> None:
    connection.exec_driver_sql(sql.replace("%", "%%")).fetchall()


if __name__ == "__main__":
    main()
