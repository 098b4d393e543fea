"""ab_test_results: how each arm of an A/B test did against its control.

dbt prepares the counts (ab_test_arms); the statistics need the normal distribution, which MySQL
does not have, so they are computed here and replace the table's rows in one transaction.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import sqlalchemy as sa

from orchestration import database
from orchestration.schema.metadata import metadata_of, table_named
from orchestration.settings import Settings

if TYPE_CHECKING:
    import pandas as pd

DOMAIN = "business"
ARMS, RESULTS = "ab_test_arms", "ab_test_results"
CONFIDENCE = 0.95
LEAST_PARTICIPANTS = 100
LEAST_OUTCOMES = 10  # conversions, and participants without one: below, z is not normal
# What is copied from ab_test_arms; the rest is computed.
COPIED = (
    "ab_test_arm_id", "ab_test_id", "tenant_id", "arm_name", "is_control", "participants",
    "conversions", "control_arm_name", "control_participants", "control_conversions",
)  # fmt: skip
COMPUTED = (
    "lift_ratio", "rate_difference", "z_score", "p_value", "difference_low", "difference_high",
    "has_enough_sample",
)  # fmt: skip


# --- statistics ----------------------------------------------------------------------------------


def compare_arms(arms: pd.DataFrame) -> pd.DataFrame:
    """Rows of ab_test_arms with what the comparison with the control gives, NULL where nothing.

    The control itself is compared with nobody.
    """
    import pandas as pd

    figures = [
        compare(arm["conversions"], arm["participants"],
                arm["control_conversions"], arm["control_participants"])
        if not arm["is_control"] else dict.fromkeys(COMPUTED)
        for arm in arms.to_dict("records")
    ]  # fmt: skip
    computed = pd.DataFrame(figures, columns=list(COMPUTED), dtype=object, index=arms.index)
    return arms[list(COPIED)].join(computed)


def compare(
    conversions: int | None,
    participants: int | None,
    control_conversions: int | None,
    control_participants: int | None,
) -> dict[str, float | bool | None]:
    """An arm against its control: pooled two-proportion z test, unpooled interval.

    All None for an arm, or a control, that is empty or whose counts contradict each other; lift
    also without a conversion of the control, z and p also where everybody did the same.
    """
    from scipy.special import ndtr, ndtri  # a second that loading the definitions does not need

    nothing: dict[str, float | bool | None] = dict.fromkeys(COMPUTED)
    one = _counts(conversions, participants)
    other = _counts(control_conversions, control_participants)
    if one is None or other is None:
        return nothing
    (won, seen), (control_won, control_seen) = one, other
    rate, control_rate = won / seen, control_won / control_seen
    difference = rate - control_rate
    pooled = (won + control_won) / (seen + control_seen)
    pooled_error = math.sqrt(pooled * (1 - pooled) * (1 / seen + 1 / control_seen))
    error = math.sqrt(rate * (1 - rate) / seen + control_rate * (1 - control_rate) / control_seen)
    z_score = difference / pooled_error if pooled_error else None
    reach = float(ndtri((1 + CONFIDENCE) / 2)) * error
    return {
        # one quotient of whole numbers, so that equal rates are no lift at all
        "lift_ratio": (won * control_seen - control_won * seen) / (control_won * seen)
        if control_won
        else None,
        "rate_difference": difference,
        "z_score": z_score,
        "p_value": None if z_score is None else float(2 * ndtr(-abs(z_score))),
        "difference_low": difference - reach,
        "difference_high": difference + reach,
        "has_enough_sample": _is_enough(won, seen) and _is_enough(control_won, control_seen),
    }


def _counts(conversions: int | None, participants: int | None) -> tuple[int, int] | None:
    """Both as whole numbers; None where a rate cannot be had of them."""
    if conversions is None or participants is None:
        return None
    if not 0 <= conversions <= participants or participants == 0:
        return None
    return int(conversions), int(participants)


def _is_enough(conversions: int, participants: int) -> bool:
    """Whether an arm is large enough for the normal approximation."""
    return (
        participants >= LEAST_PARTICIPANTS
        and conversions >= LEAST_OUTCOMES
        and participants - conversions >= LEAST_OUTCOMES
    )


# --- the table -----------------------------------------------------------------------------------


def refresh_ab_test_results(settings: Settings) -> int:
    """Compute ab_test_results anew from ab_test_arms; its rows. Readers see the old or the new.

    Without its domain there is no such table, and nothing to do. WarehouseError when ab_test_arms
    was not built or the table is not deployed.
    """
    if DOMAIN not in settings.domains:
        return 0
    import pandas as pd

    home = database.database_name(settings, "warehouse")
    arms = sa.table(ARMS, *(sa.column(name) for name in COPIED), schema=home)
    results = table_named(metadata_of(settings), RESULTS)
    if settings.on_spark:
        return _refresh_on_spark(settings, results)
    with database.begin(settings) as connection:
        found = [dict(row) for row in connection.execute(sa.select(arms)).mappings()]
        # Objects: a whole number beside a NULL must not become a float.
        rows = compare_arms(pd.DataFrame(found, columns=list(COPIED), dtype=object))
        connection.execute(sa.delete(results))
        if len(rows):
            connection.execute(sa.insert(results), rows.to_dict("records"))
    return len(rows)


def _refresh_on_spark(settings: Settings, results: sa.Table) -> int:
    """The same from Spark's table to a Parquet file, in the types that DuckDB stores."""
    import duckdb
    import pandas as pd

    from orchestration.schema.metadata import duckdb_type
    from orchestration.schema.record import load_record
    from orchestration.spark.reader import computed_folder

    arms = settings.spark_dir / "warehouse" / f"{results.schema}.db" / ARMS
    if not arms.exists():
        return 0
    columns = load_record().table(RESULTS).stored_columns
    file = computed_folder(settings, RESULTS) / "data.parquet"
    file.parent.mkdir(parents=True, exist_ok=True)
    aside = file.with_suffix(".next")
    with duckdb.connect() as connection:
        asked = connection.execute(
            f"select {', '.join(COPIED)} from read_parquet(?)", [f"{arms}/*.parquet"]
        )
        rows = compare_arms(pd.DataFrame(asked.fetchall(), columns=list(COPIED), dtype=object))
        typed = ", ".join(f"{column.name} {duckdb_type(column)}" for column in columns)
        connection.execute(f"create table results ({typed})")
        if len(rows):
            names, marks = ", ".join(rows.columns), ", ".join("?" * len(rows.columns))
            connection.executemany(
                f"insert into results ({names}) values ({marks})", rows.values.tolist()
            )
        connection.execute(
            f"copy results to '{str(aside).replace(chr(39), chr(39) * 2)}' (format parquet)"
        )
    aside.replace(file)
    return len(rows)
