"""A domain switched off stages typed, empty relations, and its database need not exist."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from harness import clean_environment
from warehouses import ENGINES_SPARINGLY

from orchestration import database
from orchestration.schema.deploy import deploy
from orchestration.settings import PROJECT_ROOT, Settings

DOMAIN, DATABASE = "wework", "wework_platform"


def _build(settings: Settings, folder: Path, domains: str) -> dict[str, tuple[str, ...]]:
    """Build the domain's staging views; (column, type) of each, by view."""
    from dbt.cli.main import dbtRunner

    arguments = [
        "run", "--quiet", "--select", f"staging.{DOMAIN}", "--project-dir", str(PROJECT_ROOT),
        "--profiles-dir", str(PROJECT_ROOT), "--target", settings.target,
        "--target-path", str(folder / "target"), "--log-path", str(folder / "logs"),
        "--vars", json.dumps({"domains": domains}),
    ]  # fmt: skip
    with clean_environment(**settings.child_environment()):
        outcome = dbtRunner().invoke(arguments)
    assert outcome.success, outcome.exception or [
        r.message for r in outcome.result if r.status != "success"
    ]
    schema = database.database_name(settings, "warehouse_staging")
    with database.connect(settings) as connection:
        rows = connection.exec_driver_sql(
            "select table_name, column_name, data_type from information_schema.columns "
            f"where table_schema = '{schema}' order by table_name, ordinal_position"
        ).all()
        views: dict[str, tuple[str, ...]] = {}
        for view, *column in rows:
            views[view] = (*views.get(view, ()), " ".join(column))
        for view in views if DOMAIN not in domains else ():
            assert not connection.exec_driver_sql(f"select count(*) from {schema}.{view}").scalar()
    return views


# What MySQL can cast NULL to, instead of the column's own type.
NEAREST = {
    "int": "bigint", "tinyint": "bigint", "smallint": "bigint", "enum": "varchar",
    "text": "longtext", "mediumtext": "longtext", "timestamp": "datetime",
}  # fmt: skip


@pytest.mark.parametrize("engine_settings", ENGINES_SPARINGLY, indirect=True)
def test_staging_builds_without_the_database(engine_settings: Settings, tmp_path: Path) -> None:
    off = _build(engine_settings, tmp_path / "off", "core,health")
    with database.connect(engine_settings) as connection:
        name = database.database_name(engine_settings, DATABASE)
        found = connection.exec_driver_sql(
            f"select count(*) from information_schema.tables where table_schema = '{name}'"
        ).scalar()
    assert not found, "the switched-off database was made"

    deploy(engine_settings, [DOMAIN], progress=lambda _: None)
    on = _build(engine_settings, tmp_path / "on", DOMAIN)
    assert len(on) >= 11
    if engine_settings.is_mysql:

        def near(columns: tuple[str, ...]) -> list[tuple[str, str]]:
            pairs = [column.split(" ") for column in columns]
            return [(name, NEAREST.get(kind, kind)) for name, kind in pairs]

        assert {v: near(c) for v, c in off.items()} == {v: near(c) for v, c in on.items()}
    else:
        assert off == on


@pytest.mark.parametrize("engine", ["embedded"])
def test_an_unknown_domain_is_refused(
    engine: str, embedded_settings: Settings, tmp_path: Path
) -> None:
    with pytest.raises(AssertionError, match="Unknown domain 'crm'"):
        _build(embedded_settings, tmp_path, "core,crm")
