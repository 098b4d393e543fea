"""Retention in Dagster: two jobs, of which `retention` has a step for each table with a policy."""

from dataclasses import asdict
from typing import Any

import dagster as dg

from orchestration.operating import Choice
from orchestration.resources import DUCKDB_POOL
from orchestration.retention.run import Outcome, extend_horizon, plan_all, run_all
from orchestration.schedules import PARTITION_HORIZON, RETENTION, SCHEDULES
from orchestration.schema.record import load_record
from orchestration.settings import Settings


def build_retention_jobs(settings: Settings) -> list[dg.JobDefinition]:
    """`partition_horizon` and `retention`, of the domains that are switched on."""
    steps = [_step(t.name, settings) for t in load_record(settings.domains) if t.retention]
    sentences = {row.name: row.description for row in SCHEDULES}

    @dg.job(name=RETENTION, description=sentences[RETENTION])
    def retention() -> None:
        for step in steps:
            step()

    ahead = _horizon(settings)

    @dg.job(name=PARTITION_HORIZON, description=sentences[PARTITION_HORIZON])
    def horizon() -> None:
        ahead()

    return [horizon, retention]


def _step(table: str, settings: Settings) -> dg.OpDefinition:
    @dg.op(
        name=f"retain_{table}",
        description=f"Archives closed months of {table}, and drops what its policy does not keep.",
        pool=None if settings.is_mysql else DUCKDB_POOL,
    )
    def retain(
        context: dg.OpExecutionContext, config: Choice, settings: dg.ResourceParam[Settings]
    ) -> None:
        work = plan_all if config.dry_run else run_all
        options: dict[str, Any] = {} if config.dry_run else {"progress": context.log.info}
        [outcome] = work(settings, [table], **options)
        context.add_output_metadata(metadata_of(outcome))
        if outcome.refused:
            why = outcome.failed or next(s.why for s in outcome.steps if s.action == "refuse")
            raise dg.Failure(f"{table}: {why}", metadata=metadata_of(outcome), allow_retries=False)

    return retain


def metadata_of(outcome: Outcome) -> dict[str, Any]:
    """What the run's page shows of a table."""
    rows = dict.fromkeys(("archive", "drop", "delete", "keep"), 0)
    for step in [*outcome.done, *(s for s in outcome.steps if s.action == "keep")]:
        rows[step.action] = rows.get(step.action, 0) + step.rows
    return {
        "kept from": outcome.cutoff,
        "rows archived": rows["archive"],
        "rows dropped": rows["drop"] + rows["delete"],
        "rows kept": rows["keep"],
        "plan": dg.MetadataValue.json([asdict(step) for step in outcome.steps]),
        "done": dg.MetadataValue.json([asdict(step) for step in outcome.done]),
        "seconds": outcome.seconds,
    }


def _horizon(settings: Settings) -> dg.OpDefinition:
    @dg.op(
        name="extend_partitions",
        description="Makes partitions three months ahead of today, and empties p_future.",
        pool=None if settings.is_mysql else DUCKDB_POOL,
    )
    def extend(context: dg.OpExecutionContext, settings: dg.ResourceParam[Settings]) -> None:
        found = extend_horizon(settings)
        context.add_output_metadata(
            {
                "partitions made": sum(each.made for each in found),
                "rows moved out of p_future": sum(each.moved for each in found),
                "rows left in p_future": sum(each.left for each in found),
                "tables": dg.MetadataValue.json([asdict(each) for each in found]),
            }
        )
        if broken := [f"{each.table}: {each.failed}" for each in found if each.failed]:
            raise dg.Failure("; ".join(broken), allow_retries=False)

    return extend
