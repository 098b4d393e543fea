"""Jobs: what a schedule starts, or a person in the UI. Operations run as ops, builds as assets."""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from orchestration.assets.dbt import wanted_nodes
from orchestration.assets.write_back import key_of
from orchestration.checks import CHECK, suite_relations
from orchestration.docs import write_docs
from orchestration.late_data import witnesses
from orchestration.manifest import Manifest
from orchestration.operating import Choice, operate
from orchestration.operations.register import OPERATIONS
from orchestration.operations.running import Operation
from orchestration.operations.write_back import WRITE_BACKS
from orchestration.partitions import OWN_WINDOWS
from orchestration.resources import DUCKDB_POOL, pool_of
from orchestration.retention.jobs import build_retention_jobs
from orchestration.schedules import (
    DAILY_BUILD,
    HOURLY_FRESHNESS,
    LAKE_SYNC,
    SCHEDULES,
    WEEKLY_DOCS,
    Row,
    schedule_rows,
)
from orchestration.settings import PLATFORM, Settings
from orchestration.translator import WarehouseTranslator, is_daily


def build_jobs(
    settings: Settings,
    groups: Sequence[str],
    sources: Sequence[dg.AssetsDefinition],
    freshness: Sequence[dg.AssetChecksDefinition],
    lake: Sequence[dg.AssetsDefinition],
) -> list[Any]:
    """One job a domain, one an operation, and one for each schedule of its own kind.

    `groups` are those of the assets that dbt builds.
    """
    observed = dg.AssetSelection.assets(*sources).without_checks()
    return [
        *_domain_jobs(groups, settings),
        *_operation_jobs(settings),
        *(_build_job(settings, row) for row in schedule_rows(settings) if row.builds),
        dg.define_asset_job(
            DAILY_BUILD,
            # with what the applications wrote meanwhile held against the suites of sources
            selection=dg.AssetSelection.groups(*groups) | _suite_checks(settings, "sources"),
            description=_described(DAILY_BUILD),
        ),
        dg.define_asset_job(
            HOURLY_FRESHNESS,
            selection=observed | dg.AssetSelection.checks(*freshness),
            description=_described(HOURLY_FRESHNESS),
        ),
        dg.define_asset_job(
            LAKE_SYNC,
            selection=dg.AssetSelection.assets(*lake),
            description=_described(LAKE_SYNC),
        ),
        _docs_job(settings),
        *build_retention_jobs(settings),
    ]


def _described(name: str) -> str:
    return next(row.description for row in SCHEDULES if row.name == name)


def _operation_jobs(settings: Settings) -> list[dg.JobDefinition]:
    """Jobs with one op each; write-backs are assets, since dbt builds what they read."""
    return [
        _operation_job(settings, operation)
        for operation in OPERATIONS
        if operation.domain in settings.domains and operation.name not in WRITE_BACKS
    ]


def _operation_job(settings: Settings, operation: Operation) -> dg.JobDefinition:
    # On MySQL operations do not wait for builds: their own named lock is enough.
    pool = None if settings.is_mysql else DUCKDB_POOL

    @dg.op(name=f"run_{operation.name}", description=operation.sentence, pool=pool)
    def perform(
        context: dg.OpExecutionContext, config: Choice, settings: dg.ResourceParam[Settings]
    ) -> None:
        context.add_output_metadata(operate(operation, settings, config))

    return _job_of(perform, operation.name, operation.sentence, {"domain": operation.domain})


def _job_of(
    op: dg.OpDefinition, name: str, description: str, tags: Mapping[str, str]
) -> dg.JobDefinition:
    @dg.job(name=name, description=description, tags=dict(tags))
    def only() -> None:
        op()

    return only


def _build_job(settings: Settings, row: Row) -> Any:
    """What the row builds, and the write-back behind it.

    Without tests: some hold a table against others that are built with it at four o'clock only.
    What is written back is held against its suite first, which stops it.
    """
    built = dg.AssetSelection.assets(*(dg.AssetKey(key) for key in row.builds))
    selection = built.without_checks()
    if row.name in WRITE_BACKS:
        selection |= dg.AssetSelection.assets(key_of(row.name))
        selection |= _suite_checks(settings, "outputs", WRITE_BACKS[row.name].model)
    return dg.define_asset_job(
        row.name, selection=selection, description=row.description, tags={"domain": row.domain}
    )


def _suite_checks(settings: Settings, kind: str, relation: str = "") -> dg.AssetSelection:
    """The quality suites' checks of one kind, on all relations or on that one."""
    return dg.AssetSelection.checks(
        *(
            dg.AssetCheckKey(dg.AssetKey(found), CHECK)
            for domain in (*settings.domains, PLATFORM)
            for found in suite_relations(settings, domain, kind)
            if relation in ("", found[1])
        )
    )


def _domain_jobs(groups: Sequence[str], settings: Settings) -> list[Any]:
    """One job a domain: all that dbt builds of it, with its checks, for any days.

    Staging views of other domains that it reads are part of it; they cost next to nothing. Their
    checks are not: some of them look at views that this domain does not read.
    """
    staging = dg.AssetSelection.groups(*(g for g in groups if g.endswith("_staging")))
    jobs = []
    for domain in settings.domains:
        if names := [group for group in groups if group.startswith(f"{domain}_")]:
            own = dg.AssetSelection.groups(*names)
            jobs.append(
                dg.define_asset_job(
                    domain,
                    selection=own | (own.upstream() & staging).without_checks(),
                    description=(
                        f"Builds and tests all of {domain}: staging, daily tables of the chosen "
                        f"days (with the tag {OWN_WINDOWS} of each one's own window), marts."
                    ),
                    tags={"domain": domain},
                )
            )
    return jobs


def build_late_jobs(settings: Settings, manifest: Manifest) -> list[Any]:
    """One job a source that can be late: all that is built by days of it, for any days."""
    wanted = {node["unique_id"] for node in wanted_nodes(manifest, settings.domains)}
    translator = WarehouseTranslator(settings.database_prefix)
    jobs = []
    for witness in witnesses(settings):
        [source] = [
            key
            for key, node in manifest["sources"].items()
            if (node["source_name"], node["name"]) == (witness.domain, witness.source)
        ]
        readers = [manifest["nodes"][key] for key in sorted(wanted & _behind(source, manifest))]
        keys = [translator.get_asset_key(node) for node in readers if is_daily(node)]
        jobs.append(
            dg.define_asset_job(
                witness.job,
                # without tests, which look at the last days only
                selection=dg.AssetSelection.assets(*keys).without_checks(),
                description=(
                    f"Builds all daily tables behind {witness.source}, for days on which it was "
                    "late."
                ),
                tags={"domain": witness.domain},
            )
        )
    return jobs


def _behind(unique_id: str, manifest: Manifest) -> set[str]:
    """All that reads it, at first or at second hand."""
    found: set[str] = set()
    pending = [unique_id]
    while pending:
        new = set(manifest["child_map"].get(pending.pop(), ())) - found
        found |= new
        pending += new
    return found


def _docs_job(settings: Settings) -> dg.JobDefinition:
    @dg.op(name="write_docs", pool=pool_of(settings))
    def write(context: dg.OpExecutionContext, settings: dg.ResourceParam[Settings]) -> None:
        lines = write_docs(settings.reading, progress=context.log.info)
        context.add_output_metadata({"pages": dg.MetadataValue.md("\n\n".join(lines))})

    return _job_of(write, WEEKLY_DOCS, _described(WEEKLY_DOCS), {})
