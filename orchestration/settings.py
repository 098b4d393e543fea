"""Everything that the environment decides, read once into one frozen object."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from functools import cached_property
from pathlib import Path

import yaml

from orchestration.errors import WarehouseError

PROJECT_ROOT = Path(__file__).resolve().parent.parent
# Each domain and its database, in deployment order; dbt and Python share the one list.
DATABASES: Mapping[str, str] = yaml.safe_load(
    (PROJECT_ROOT / "dbt_project.yml").read_text("utf-8")
)["vars"]["databases"]
DOMAINS = tuple(DATABASES)
SECRETS = ("MYSQL_PASSWORD", "WAREHOUSE_MASK_KEY", "WAREHOUSE_ARCHIVE_KEY")
# What joins several domains stands in models/marts/platform, in the database `warehouse`.
PLATFORM = "platform"
TARGETS = ("embedded", "mysql")
# What may build the models in place of the target's own engine.
SPARK = "spark"
TIME_ZONE = "Asia/Shanghai"
UTC_OFFSET = "+08:00"
# What is said to these does not leave the machine; to all others it goes encrypted.
LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")
# What both engines take unquoted, and what a server with lower_case_table_names gives back as it
# was; the longest name behind it must stay within MySQL's 64.
PREFIX = re.compile(r"[a-z0-9_]{0,32}")
# The years that a MySQL timestamp holds on either side of any time zone.
FIRST_YEAR, LAST_YEAR = 1971, 2037


@dataclass(frozen=True)
class MySQLConnection:
    """Where the MySQL server is and how to log in; the password never shows in a repr."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    # "environment" (MYSQL_* variables) or "private" (the server that `warehouse mysql up` runs)
    origin: str = "environment"
    # Whether the server must prove by a certificate that it is the one that `host` names.
    tls_verified: bool = False
    # Who signed that certificate; empty asks the system's store.
    ca_file: str = ""


@dataclass(frozen=True)
class Settings:
    """The environment, checked. Paths are absolute; `as_of` is business wall clock or None."""

    target: str = "embedded"
    duckdb_path: Path = PROJECT_ROOT / ".local" / "saas_warehouse.duckdb"
    local_dir: Path = PROJECT_ROOT / ".local"
    database_prefix: str = ""
    domains: tuple[str, ...] = DOMAINS
    as_of: datetime | None = None
    # Who builds the models: empty for the target itself, or SPARK, on the target's lake.
    engine: str = ""
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def is_mysql(self) -> bool:
        """Whether the chosen engine is MySQL."""
        return self.target == "mysql"

    @property
    def dialect(self) -> str:
        """The chosen engine by SQLAlchemy's name: mysql or duckdb."""
        return "mysql" if self.is_mysql else "duckdb"

    @property
    def on_spark(self) -> bool:
        """Whether Spark builds the models."""
        return self.engine == SPARK

    @property
    def built_on(self) -> str:
        """The engine that builds the models, by the name that --target knows."""
        return self.engine or self.target

    @property
    def spark_dir(self) -> Path:
        """Where Spark keeps its tables, its catalog, what it opened, and the file that reads it."""
        own = self.environment.get("WAREHOUSE_SPARK_DIR")
        return Path(own).absolute() if own else self.local_dir / SPARK

    @property
    def reading(self) -> Settings:
        """The settings of who reads what was built: on Spark, a DuckDB file of views over it."""
        if not self.on_spark:
            return self
        lake = (
            self.environment.get("WAREHOUSE_ARCHIVE_URL")
            or self.local_dir / "archive" / self.target
        )
        return replace(
            self,
            target="embedded",
            # The same name, which is the catalog's in dbt's relations: both are parsed as one.
            duckdb_path=self.spark_dir / "reader" / self.duckdb_path.name,
            environment={**self.environment, "WAREHOUSE_ARCHIVE_URL": str(lake)},
        )

    @cached_property
    def mysql(self) -> MySQLConnection:
        """The MySQL server from MYSQL_* or, without MYSQL_HOST, the private one.

        Raises WarehouseError when neither is there or a variable is missing.
        """
        return mysql_connection(self.environment, self.local_dir)

    @cached_property
    def mask_key(self) -> str:
        """The secret behind every keyed hash: WAREHOUSE_MASK_KEY, else a development key.

        A server named by MYSQL_HOST holds real people, so there the key must be given.
        """
        if key := self.environment.get("WAREHOUSE_MASK_KEY"):
            return key
        if self.is_mysql and self.environment.get("MYSQL_HOST"):
            raise WarehouseError(
                "WAREHOUSE_MASK_KEY is not set, and masked columns on the server named by "
                "MYSQL_HOST need it.",
                fix="export WAREHOUSE_MASK_KEY with the company's masking key (32+ characters).",
            )
        return development_mask_key(self.local_dir)

    def with_target(self, target: str) -> Settings:
        """The same settings for another engine."""
        return replace(self, target=one_of("target", target, TARGETS))

    def child_environment(self) -> dict[str, str]:
        """The environment for a dbt or Dagster process: what it had, plus these settings."""
        child = dict(self.environment)
        child |= {
            "WAREHOUSE_TARGET": self.target,
            "WAREHOUSE_DUCKDB_PATH": str(self.duckdb_path),
            "WAREHOUSE_LOCAL_DIR": str(self.local_dir),
            "WAREHOUSE_DATABASE_PREFIX": self.database_prefix,
            "WAREHOUSE_DOMAINS": ",".join(self.domains),
            "WAREHOUSE_AS_OF": self.as_of.isoformat(" ") if self.as_of else "",
            "WAREHOUSE_ENGINE": self.engine,
        }
        if self.is_mysql:
            child |= {
                "MYSQL_HOST": self.mysql.host,
                "MYSQL_PORT": str(self.mysql.port),
                "MYSQL_USER": self.mysql.user,
                "MYSQL_PASSWORD": self.mysql.password,
                "WAREHOUSE_MASK_KEY": self.mask_key,
            }
        return child


def load_settings(environment: Mapping[str, str] | None = None, **overrides: object) -> Settings:
    """Read and check the environment; `overrides` are the command line's answers.

    Overrides: target, engine, domains (comma-separated or a sequence), as_of, database_prefix.
    An empty variable counts as unset; an empty override of `domains` is an error. Raises
    WarehouseError that names the variable or option and its allowed values.
    """
    env = with_secrets(os.environ if environment is None else environment)

    def pick(option: str, variable: str, default: str = "") -> str:
        value = overrides.get(option)
        return str(value) if value is not None else env.get(variable) or default

    local_dir = Path(env.get("WAREHOUSE_LOCAL_DIR") or PROJECT_ROOT / ".local").absolute()
    target = one_of("target", pick("target", "WAREHOUSE_TARGET", "embedded"), TARGETS)
    engine = one_of("WAREHOUSE_ENGINE", pick("engine", "WAREHOUSE_ENGINE", target), (target, SPARK))
    return Settings(
        target=target,
        duckdb_path=Path(
            env.get("WAREHOUSE_DUCKDB_PATH") or local_dir / "saas_warehouse.duckdb"
        ).absolute(),
        local_dir=local_dir,
        database_prefix=parse_prefix(pick("database_prefix", "WAREHOUSE_DATABASE_PREFIX")),
        domains=_domains(overrides.get("domains"), env),
        as_of=parse_as_of(pick("as_of", "WAREHOUSE_AS_OF")),
        engine="" if engine == target else engine,
        environment=env,
    )


def with_secrets(env: Mapping[str, str]) -> dict[str, str]:
    """The environment; a secret that is not set comes from the file that <NAME>_FILE names."""
    read = {}
    for name in SECRETS:
        file = env.get(f"{name}_FILE")
        if file and not env.get(name):
            try:
                read[name] = Path(file).read_text(encoding="utf-8").strip()
            except OSError as error:
                raise WarehouseError(
                    f"{name}_FILE {file!r} cannot be read: {error.strerror}.",
                    fix="name a file that this user may read, or unset it.",
                ) from error
    return {**env, **read}


def one_of(what: str, value: str, allowed: tuple[str, ...]) -> str:
    """`value` if it is allowed; else an error that lists what is."""
    if value not in allowed:
        raise WarehouseError(
            f"Unknown {what} {value!r}.", fix=f"choose one of: {', '.join(allowed)}."
        )
    return value


def parse_domains(text: str) -> tuple[str, ...]:
    """Comma-separated domains in deployment order (core first); empty means all six."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        one_of("domain", name, DOMAINS)
    return tuple(d for d in DOMAINS if d in names) if names else DOMAINS


def _domains(override: object, env: Mapping[str, str]) -> tuple[str, ...]:
    if override is None:
        return parse_domains(env.get("WAREHOUSE_DOMAINS", ""))
    names = override if isinstance(override, str) else ",".join(override)  # type: ignore[arg-type]
    if not names.strip(" ,"):  # an empty shell variable must not mean everything
        one_of("domain", names, DOMAINS)
    return parse_domains(names)


def parse_prefix(text: str) -> str:
    """What goes before every database's name: small letters, digits and underscores, at most 32."""
    if not PREFIX.fullmatch(text):
        raise WarehouseError(
            f"WAREHOUSE_DATABASE_PREFIX {text!r} cannot begin a database's name.",
            fix="use at most 32 small letters, digits and underscores, as in test_.",
        )
    return text


def parse_as_of(text: str) -> datetime | None:
    """An instant of business wall clock; a bare date means the last second of that day."""
    text = text.strip()
    if not text:
        return None
    try:
        moment = _day_end(text) or datetime.fromisoformat(text)
    except ValueError:
        raise WarehouseError(
            f"as_of {text!r} is not a date or a time.",
            fix="write it as 2026-06-30 or '2026-06-30 23:59:59' (business wall clock).",
        ) from None
    if moment.tzinfo is not None:
        raise WarehouseError(
            f"as_of {text!r} carries a time zone.",
            fix=f"give {TIME_ZONE} wall clock without an offset.",
        )
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise WarehouseError(
            f"as_of {text!r} is outside what a MySQL timestamp holds.",
            fix=f"choose a year from {FIRST_YEAR} to {LAST_YEAR}.",
        )
    return moment.replace(microsecond=0)


def _day_end(text: str) -> datetime | None:
    try:
        return datetime.combine(date.fromisoformat(text), time(23, 59, 59))
    except ValueError:
        return None


def mysql_connection(env: Mapping[str, str], local_dir: Path) -> MySQLConnection:
    """The server that MYSQL_* name, else the private one that `warehouse mysql up` left running."""
    if env.get("MYSQL_HOST"):
        missing = [name for name in ("MYSQL_USER", "MYSQL_PASSWORD") if not env.get(name)]
        if missing:
            raise WarehouseError(
                f"MYSQL_HOST is set, but {' and '.join(missing)} "
                f"{'is' if len(missing) == 1 else 'are'} not.",
                fix="export MYSQL_HOST, MYSQL_PORT, MYSQL_USER and MYSQL_PASSWORD together, "
                "or unset MYSQL_HOST to use the private server.",
            )
        port = env.get("MYSQL_PORT") or "3306"
        if not re.fullmatch(r"[0-9]{1,5}", port) or not 1 <= int(port) <= 65535:
            raise WarehouseError(
                f"MYSQL_PORT {port!r} is not a port number.",
                fix="export a number from 1 to 65535, as in MYSQL_PORT=3306.",
            )
        default = "off" if env["MYSQL_HOST"] in LOCAL_HOSTS else "verified"
        tls = one_of("MYSQL_TLS", env.get("MYSQL_TLS") or default, ("verified", "off"))
        ca_file = env.get("MYSQL_SSL_CA", "")
        if ca_file and not Path(ca_file).is_file():
            raise WarehouseError(
                f"MYSQL_SSL_CA {ca_file!r} is no file.",
                fix="name the PEM file of the authority that signed the server's certificate.",
            )
        return MySQLConnection(
            env["MYSQL_HOST"],
            int(port),
            env["MYSQL_USER"],
            env["MYSQL_PASSWORD"],
            tls_verified=tls == "verified",
            ca_file=ca_file,
        )
    file = local_dir / "mysql" / "connection.json"
    if not file.exists():
        raise WarehouseError(
            "No MySQL server: MYSQL_HOST is not set and no private server was made.",
            fix="run `make mysql-up`, or export MYSQL_HOST, MYSQL_PORT, MYSQL_USER and "
            "MYSQL_PASSWORD.",
        )
    try:
        saved = json.loads(file.read_text())
        return MySQLConnection(
            saved["host"], int(saved["port"]), saved["user"], saved["password"], origin="private"
        )
    except (ValueError, TypeError, KeyError):
        raise WarehouseError(
            f"{file} is damaged.", fix="run `make mysql-up`, which writes it anew."
        ) from None


def development_archive_key(local_dir: Path) -> str:
    """A random key for development archives, as WAREHOUSE_ARCHIVE_KEY wants it."""
    return base64.b64encode(bytes.fromhex(development_mask_key(local_dir, "archive_key"))).decode()


def development_mask_key(local_dir: Path, name: str = "mask_key") -> str:
    """A random key for development data, made on first use, readable by its owner only."""
    file = local_dir / name
    if not file.exists():
        local_dir.mkdir(parents=True, exist_ok=True)
        # Written aside and linked: of two processes that come at once, one key wins, whole.
        fresh = local_dir / f".{name}.{os.getpid()}.{secrets.token_hex(4)}"
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as handle:
            handle.write(secrets.token_hex(32) + "\n")
        with contextlib.suppress(FileExistsError):
            os.link(fresh, file)
        fresh.unlink()
    return file.read_text().strip()
