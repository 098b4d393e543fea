"""What write-backs and rules read of Spark's tables, copied into either engine's database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa
from rows import insert, make_tables, rows, table
from spark_files import begun, manifest_of, node, write

from orchestration import database
from orchestration.errors import WarehouseError
from orchestration.operations.register import OPERATIONS
from orchestration.operations.running import run_operation
from orchestration.operations.write_back import WRITE_BACKS
from orchestration.rules import context
from orchestration.schema.record import load_record
from orchestration.settings import Settings
from orchestration.spark import delivery, reader
from orchestration.spark.delivery import DELIVERED, batches, deliver

AS_OF = datetime(2026, 6, 30, 12)
HOME, CUSTOMERS = "ai_agent_platform", "customer_management"
STATISTICS, DAYS = "ai_agent_statistics", "customer_behavior_statistics"
MODEL_KINDS = {
    "tenant_id": "varchar(36)",
    "agent_id": "varchar(36)",
    "total_cost": "decimal(18,4)",
    "last_used_at": "timestamp",
}


@pytest.fixture
def settings(engine_settings: Settings) -> Settings:
    """The applications' side with an agent and no statistics; Spark is to build."""
    make_tables(engine_settings, ["ai_agents", "saas_unified_audit_logs", DAYS])
    return replace(engine_settings, engine="spark", as_of=AS_OF)


def statistics(
    settings: Settings, costs: Sequence[str], more: str = "", names: Sequence[str] = ()
) -> Any:
    """Spark's table, an agent a cost, and the manifest that has it."""
    rows = {
        "tenant_id": ["t1"] * len(costs),
        "agent_id": list(names) or [f"a{n}" for n in range(len(costs))],
        "total_cost": pa.array([Decimal(c) for c in costs], pa.decimal128(18, 4)),
        "last_used_at": pa.array([AS_OF] * len(costs), pa.timestamp("us")),
    }
    kinds = MODEL_KINDS | ({more: "int"} if more else {})
    home = database.database_name(settings, HOME)
    model = node(
        STATISTICS, kinds, home=home, primary_key=["agent_id"], indexes=[["tenant_id", "agent_id"]]
    )
    write(settings, STATISTICS, pa.table(rows), home=home)
    reader.publish(settings, begun(settings, model))
    return manifest_of(model)


def stored(settings: Settings, home: str, name: str, *columns: str) -> list[tuple[Any, ...]]:
    table = sa.table(name, *map(sa.column, columns), schema=database.database_name(settings, home))
    with database.connect(settings) as connection:
        return sorted(tuple(row) for row in connection.execute(sa.select(table)))


def test_a_table_of_a_model_is_made_filled_and_renewed(settings: Settings) -> None:
    def told() -> list[tuple[Any, ...]]:
        return stored(settings, HOME, STATISTICS, "agent_id", "total_cost", "last_used_at")

    manifest = statistics(settings, ["1.5", "2"])
    [said] = deliver(settings, manifest, {STATISTICS})
    assert said.startswith(f"{STATISTICS}: 2 rows into {settings.target}'s")
    assert told() == [("a0", Decimal("1.5"), AS_OF), ("a1", Decimal("2"), AS_OF)]
    with database.connect(settings) as connection:
        home = database.database_name(settings, HOME)
        [index] = sa.inspect(connection).get_indexes(STATISTICS, schema=home) or [None]
    # DuckDB does not tell
    assert index is None or index["column_names"] == ["tenant_id", "agent_id"]
    [said] = deliver(settings, manifest, {STATISTICS})
    assert said.startswith(f"{STATISTICS}: 0 rows"), "nothing differs"
    list(deliver(settings, statistics(settings, ["7"]), {STATISTICS}))
    assert told() == [("a0", Decimal("7"), AS_OF)]
    # a column that the model gained
    list(deliver(settings, statistics(settings, ["7"], more="extra"), {STATISTICS}))
    assert stored(settings, HOME, STATISTICS, "agent_id", "extra") == [("a0", None)]


class Stopped(Exception):
    """Instead of a process that is killed."""


@contextmanager
def stopped_at(settings: Settings, number: int) -> Iterator[list[int]]:
    """Before its commit of that number the work ends; how many it came to."""
    commits = [0]

    def count(_: Any) -> None:
        commits[0] += 1
        if commits[0] == number:
            raise Stopped

    engine = database.connect_engine(settings)
    sa.event.listen(engine, "commit", count)
    try:
        yield commits
    finally:
        sa.event.remove(engine, "commit", count)


def test_more_rows_than_a_batch_come_in_several_transactions(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "BATCH_ROWS", 25)

    def costs() -> dict[str, Decimal]:
        return dict(stored(settings, HOME, STATISTICS, "agent_id", "total_cost"))  # type: ignore[arg-type]

    before = {f"a{n}": Decimal(n) for n in range(120)}
    manifest = statistics(settings, [str(cost) for cost in before.values()])
    with stopped_at(settings, 0) as commits:
        [said] = deliver(settings, manifest, {STATISTICS})
    assert said.startswith(f"{STATISTICS}: 120 rows")
    assert costs() == before
    assert commits[0] >= 5

    # some are gone, most are other ones, some come; the run ends amid that
    after = {f"a{n}": Decimal(n + (n > 20)) for n in range(110)} | {"a999": Decimal(1)}
    manifest = statistics(settings, [str(c) for c in after.values()], names=list(after))
    with stopped_at(settings, 3), pytest.raises(Stopped):
        list(deliver(settings, manifest, {STATISTICS}))
    amid = costs()
    assert amid not in (before, after)
    assert all(amid[agent] in (before.get(agent), after.get(agent)) for agent in amid)
    left = sum(amid.get(agent) != cost for agent, cost in after.items())
    [said] = deliver(settings, manifest, {STATISTICS})
    assert said.startswith(f"{STATISTICS}: {left} rows")
    assert costs() == after


def test_a_batch_has_so_many_rows_or_a_single_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "BATCH_ROWS", 10)
    sizes = {
        (None, digits): rows for digits, rows in zip("abcdef", (4, 6, 1, 30, 9, 1), strict=True)
    }
    found = [[digits for _, digits in batch] for batch in batches(sizes)]
    assert found == [["a", "b"], ["c"], ["d"], ["e", "f"]]


def test_what_the_run_did_not_build_stays(settings: Settings) -> None:
    assert list(deliver(settings, statistics(settings, ["1"]), {"ai_agent_daily"})) == []


def test_of_the_records_table_only_rows_that_differ_are_written(settings: Settings) -> None:
    home = database.database_name(settings, CUSTOMERS)
    columns = load_record().table(DAYS).stored_columns
    model = node(
        DAYS,
        {c.name: c.data_type for c in columns},
        "keyed_window",
        home=home,
        window_column="stat_date",
    )

    def built(counts: dict[date, int], key: str = "") -> int:
        for day, n in counts.items():
            row = {
                "id": [f"{day}{key}"], "tenant_id": ["t1"], "customer_id": ["c1"],
                "behavior_id": ["b1"], "stat_period": ["day"], "event_count": [n],
                "created_at": pa.array([AS_OF], pa.timestamp("us")),
                "updated_at": pa.array([AS_OF], pa.timestamp("us")),
            }  # fmt: skip
            must = {
                c.name: ["0"]
                for c in columns
                if not c.nullable and c.default is None and c.name not in ("stat_date", *row)
            }
            write(settings, DAYS, pa.table(must | row), f"stat_date={day}", home)
        reader.publish(settings, begun(settings, model))
        [said] = deliver(settings, manifest_of(model), {DAYS})
        return int(said.split(": ")[1].split()[0])

    first, second = date(2026, 6, 29), date(2026, 6, 30)
    assert built({first: 3, second: 4}) == 2
    assert built({first: 3, second: 5}) == 1
    assert stored(settings, CUSTOMERS, DAYS, "stat_date", "event_count") == [
        (first, 3),
        (second, 5),
    ]
    # what the record says to be unique has another id, and so may belong to another part
    assert built({first: 3, second: 5}, "b") == 2
    assert stored(settings, CUSTOMERS, DAYS, "id", "event_count") == [
        (f"{first}b", 3),
        (f"{second}b", 5),
    ]


def test_a_table_of_the_record_that_is_not_deployed_is_not_made(settings: Settings) -> None:
    home = database.database_name(settings, CUSTOMERS)
    model = node(DAYS, {"id": "varchar(36)"}, home=home)
    write(settings, DAYS, pa.table({"id": ["1"]}), home=home)
    reader.publish(settings, begun(settings, model))
    with database.begin(settings) as connection:
        connection.execute(sa.schema.DropTable(table(settings, DAYS)))
    with pytest.raises(WarehouseError, match=f"{DAYS} is not as the record has it") as said:
        list(deliver(settings, manifest_of(model), {DAYS}))
    assert said.value.fix == "run `warehouse deploy`."


def test_the_write_back_reads_what_was_delivered(settings: Settings) -> None:
    """The operation itself, after the delivery of figures that Spark has alone."""
    insert(settings, "ai_agents", {"id": "a0", "tenant_id": "t1"})
    [operation] = [o for o in OPERATIONS if o.name == "update_all_agent_statistics"]
    with pytest.raises(WarehouseError, match=f"{STATISTICS} is not built"):
        run_operation(operation, settings)
    figures = dict.fromkeys((of for of, _ in WRITE_BACKS[operation.name].pairs), "decimal(10,2)")
    home = database.database_name(settings, HOME)
    kinds = MODEL_KINDS | figures | {"last_used_at": "timestamp"}
    model = node(STATISTICS, kinds, home=home, primary_key=["agent_id"])
    write(settings, STATISTICS, pa.table({"agent_id": ["a0"], "message_count": ["12"]}), home=home)
    reader.publish(settings, begun(settings, model))
    list(deliver(settings, manifest_of(model), {STATISTICS}))
    run_operation(operation, settings)
    [agent] = rows(settings, "ai_agents")
    assert agent["message_count"] == 12


def test_all_that_operations_read_is_delivered() -> None:
    assert set(context.MARTS) <= DELIVERED
    assert DAYS in DELIVERED and STATISTICS in DELIVERED
