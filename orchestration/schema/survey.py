"""What of the six databases a MySQL server has already, and an environment file to begin with."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from orchestration import database
from orchestration.schema.doctor import Finding, exit_code
from orchestration.schema.inspect import differences, read_databases, read_deployed
from orchestration.schema.record import load_record
from orchestration.settings import DATABASES, DOMAINS, Settings


@dataclass(frozen=True)
class Survey:
    """One of the six databases: its application tables, and how they differ from the record."""

    domain: str
    database: str
    exists: bool
    tables: int = 0
    expected: int = 0
    missing: tuple[str, ...] = ()
    differences: tuple[str, ...] = ()
    additions: int = 0

    @property
    def is_in_use(self) -> bool:
        """Whether an application keeps anything there."""
        return self.tables > 0

    def sentence(self) -> str:
        """What is there, in a few words."""
        if not self.exists:
            return "not there"
        if not self.is_in_use:
            return f"there, with none of its {self.expected} tables"
        parts = [f"{self.tables} of {self.expected} tables"]
        if self.missing:
            parts.append(f"missing {', '.join(self.missing)}")
        if self.differences:
            s = "s"[: len(self.differences) != 1]
            parts.append(f"{len(self.differences)} difference{s}, named below")
        if self.additions:
            parts.append(f"{self.additions} harmless addition{'s'[: self.additions != 1]}")
        return "; ".join(parts if len(parts) > 1 else [*parts, "as the schema of record says"])


def survey(settings: Settings) -> list[Survey]:
    """Each of the six databases as the server has it; reads its catalogue only."""
    prefix = settings.database_prefix
    with database.connect(settings, read_only=True) as connection:
        there = read_databases(connection, prefix) & set(DATABASES.values())
        deployed = read_deployed(connection, sorted(there), prefix)
    record = load_record()
    ours = {(t.database, t.name) for t in record if t.built_by_dbt}
    found = [d for d in differences(record, deployed, "mysql") if (d.database, d.table) not in ours]
    result = []
    for domain in DOMAINS:
        name = DATABASES[domain]
        wanted = [t for t in record.application_tables() if t.domain == domain]
        here = [d for d in found if d.database == name]
        missing = tuple(d.table for d in here if d.kind == "missing table")
        result.append(
            Survey(
                domain,
                prefix + name,
                name in there,
                len(wanted) - len(missing),
                len(wanted),
                missing,
                tuple(str(d) for d in here if d.remedy != "note" and d.kind != "missing table"),
                sum(d.remedy == "note" for d in here),
            )
        )
    return result


def domains_in_use(surveys: Sequence[Survey]) -> tuple[str, ...]:
    """The domains to switch on: those whose databases are in use, on an empty server all six."""
    return tuple(s.domain for s in surveys if s.is_in_use) or DOMAINS


def render(surveys: Sequence[Survey]) -> str:
    """A line per database."""
    width = max(len(s.database) for s in surveys)
    return "\n".join(f"{s.database:<{width}}  {s.sentence()}" for s in surveys)


def to_json(surveys: Sequence[Survey], findings: Sequence[Finding], file: str) -> str:
    """`{"exit_code": …, "file": …, "databases": […], "findings": […]}`."""
    return json.dumps(
        {
            "exit_code": exit_code(findings),
            "file": file,
            "databases": [asdict(s) for s in surveys],
            "findings": [asdict(f) for f in findings],
        },
        ensure_ascii=False,
        indent=2,
    )


def environment_file(settings: Settings) -> str:
    """Lines NAME=value for this server and these domains: no password, no key."""
    server, given = settings.mysql, settings.environment
    values = {
        "WAREHOUSE_TARGET": "mysql",
        "WAREHOUSE_DOMAINS": "" if settings.domains == DOMAINS else ",".join(settings.domains),
        "WAREHOUSE_DATABASE_PREFIX": settings.database_prefix,
        "MYSQL_HOST": server.host,
        "MYSQL_PORT": str(server.port),
        "MYSQL_USER": server.user,
        "MYSQL_TLS": given.get("MYSQL_TLS", ""),
        "MYSQL_SSL_CA": given.get("MYSQL_SSL_CA", ""),
    }
    lines = [f"{name}={shlex.quote(value)}" for name, value in values.items() if value]
    return "\n".join(
        [
            "# An example by `warehouse init`: README.md, Settings, says what else there is.",
            "# A shell reads it by `set -a; . <this file>; set +a`, systemd as an EnvironmentFile.",
            *lines,
            "# Secrets stay out of it: name files that only you may read.",
            "# MYSQL_PASSWORD_FILE=",
            "# WAREHOUSE_MASK_KEY_FILE=",
            "",
        ]
    )
