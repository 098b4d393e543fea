"""Write a dataset: `<database>/<table>.parquet` and a manifest. Same plan, same bytes."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import importlib
import json
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from orchestration import clock
from orchestration.errors import WarehouseError
from orchestration.sampledata.conform import DICTIONARY, TEXT, stored
from orchestration.sampledata.dirt import Damage, damage, ledger_lines
from orchestration.sampledata.plan import Plan, make_plan
from orchestration.sampledata.progress import Advance, Say, track
from orchestration.sampledata.world import World, build_world
from orchestration.schema.record import Table, load_record
from orchestration.settings import DOMAINS, PROJECT_ROOT, Settings

# Whose `prepare(plan, world)` has to run before a domain's `generate`, wanted itself or not.
_CONTRIBUTORS = {"business": ("business",), "customer": ("business",)}
MANIFEST = "manifest.json"
_ROW_GROUP = 250_000  # a chunk: dictionaries are written once per row group
_MAX_CHUNK = 500_000


@dataclass(frozen=True)
class GenerateReport:
    """What a run left behind; `rows` by table, `written` the domains made by this very run."""

    directory: Path
    plan: Plan
    rows: dict[str, int]
    written: tuple[str, ...]
    seconds: float
    dirty_rows: int = 0

    @property
    def total_rows(self) -> int:
        """Rows of all tables asked for."""
        return sum(self.rows.values())

    def summary(self) -> str:
        """What was made, where, and how long it took; one line."""
        what = f"{self.total_rows:,} rows in {len(self.rows)} tables up to {self.plan.end_date}"
        if not self.written:
            return f"nothing to do: {what} are already in {self.directory}"
        dirt = f", {self.dirty_rows:,} damages in ledger.jsonl" if self.dirty_rows else ""
        return f"generated {what}{dirt} in {self.seconds:.1f} s: {self.directory}"

    def to_json(self) -> str:
        """The same for programs, with the rows of each table."""
        told = {"directory": str(self.directory), "end_date": str(self.plan.end_date)}
        names = ("rows", "written", "dirty_rows", "seconds")
        return json.dumps(told | {name: getattr(self, name) for name in names})


def generate(
    settings: Settings,
    scale: str,
    seed: int,
    end_date: str | date | None = None,
    directory: Path | None = None,
    domains: Sequence[str] | None = None,
    dirt: float = 0.0,
    progress: Say | None = None,
) -> GenerateReport:
    """Generate the tables of `domains` (default: the settings') into `directory`.

    Defaults: today as the last day, `<local>/data/<scale>` as the directory. Domains that are
    there, complete and from the same arguments and code are left alone. Raises WarehouseError for
    bad arguments, a directory that is in use, not writable or not ours, and a full disk.
    """
    began = time.monotonic()
    plan = make_plan(scale, seed, end_date or clock.today(settings))
    if not 0 <= dirt <= 0.5:
        raise WarehouseError(f"Dirt rate {dirt} makes no sense.", fix="give a share from 0 to 0.5.")
    wanted = tuple(d for d in DOMAINS if d in (domains or settings.domains))
    directory = (directory or default_directory(settings, plan, dirt)).absolute()
    with _held(directory):
        manifest = _reusable(directory, _arguments(plan, dirt))
        missing = [d for d in wanted if d not in manifest["domains"]]
        if missing:
            _write_domains(directory, plan, missing, dirt, manifest, progress)
    rows = {t.name: manifest["tables"][t.name]["rows"] for t in _tables(wanted)}
    dirty = sum(manifest["tables"][name]["damaged"] for name in rows)
    return GenerateReport(directory, plan, rows, tuple(missing), time.monotonic() - began, dirty)


def default_directory(settings: Settings, plan: Plan, dirt: float = 0.0) -> Path:
    """Where a dataset goes unless the caller says otherwise."""
    return settings.local_dir / "data" / (f"{plan.scale}-dirt" if dirt else plan.scale)


def read_manifest(directory: Path) -> dict[str, Any]:
    """The manifest of a complete dataset; WarehouseError when there is none."""
    file = directory / MANIFEST
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise WarehouseError(
            f"{directory} holds no complete sample data (no {MANIFEST}).",
            fix="run `warehouse generate`, or name the directory it wrote.",
        ) from None
    except (OSError, ValueError) as error:
        raise WarehouseError(
            f"{file} cannot be read: {error}.", fix="delete it and run `warehouse generate` again."
        ) from None


def tables_of(plan: Plan, world: World, domain: str) -> Iterator[tuple[str, pa.Table]]:
    """The domain's chunks as its module yields them; `world` must be prepared."""
    return _module(domain).generate(plan, world)


def domain_frames(plan: Plan, domain: str) -> dict[str, pa.Table]:
    """All tables of one domain in memory, text as plain text: for tests and for looking."""
    chunks: dict[str, list[pa.Table]] = {}
    for name, chunk in tables_of(plan, prepared_world(plan, [domain]), domain):
        plain = pa.schema(
            [field.with_type(TEXT) if field.type == DICTIONARY else field for field in chunk.schema]
        )
        chunks.setdefault(name, []).append(chunk.cast(plain))
    return {name: pa.concat_tables(parts) for name, parts in chunks.items()}


def prepared_world(plan: Plan, domains: Sequence[str] = DOMAINS) -> World:
    """The shared facts, with what the modules of other domains contribute to these `domains`."""
    world = build_world(plan)
    for contributor in dict.fromkeys(c for d in domains for c in _CONTRIBUTORS.get(d, ())):
        _module(contributor).prepare(plan, world)
    return world


def _module(domain: str) -> ModuleType:
    return importlib.import_module(f"orchestration.sampledata.{domain}")


def _tables(domains: Sequence[str]) -> list[Table]:
    return [t for t in load_record().application_tables() if t.domain in domains]


def _arguments(plan: Plan, dirt: float) -> dict[str, Any]:
    return {
        "scale": plan.scale,
        "seed": plan.seed,
        "end_date": plan.end_date.isoformat(),
        "dirt": dirt,
        "generator": _generator_version(),
    }


def _generator_version() -> str:
    """A hash of the code and the schema that decide the bytes, so that a change makes them anew."""
    digest = hashlib.sha256(pa.__version__.encode())
    sources = (PROJECT_ROOT / "models" / "staging").glob("*/_*sources.yml")
    for file in [*sorted(Path(__file__).parent.glob("*.py")), *sorted(sources)]:
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]


@contextmanager
def _held(directory: Path) -> Iterator[None]:
    """Create the directory and keep it to ourselves."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock = (directory / ".lock").open("w")
    except OSError as error:
        raise _disk_error(error, directory) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise WarehouseError(
                f"Another command is writing sample data into {directory}.",
                fix="wait for it, or name another directory.",
            ) from None
        yield


def _reusable(directory: Path, arguments: dict[str, Any]) -> dict[str, Any]:
    """What is already there for these arguments: a manifest, or an empty one."""
    empty: dict[str, Any] = {"arguments": arguments, "domains": [], "tables": {}}
    if not (directory / MANIFEST).exists():
        strangers = [p.name for p in directory.iterdir() if not _ours(p)]
        if strangers:
            raise WarehouseError(
                f"{directory} holds other things ({', '.join(sorted(strangers)[:3])}).",
                fix="name an empty or new directory for sample data.",
            )
        return empty
    manifest = read_manifest(directory)
    if manifest.get("arguments") != arguments:
        return empty
    for name, facts in manifest["tables"].items():
        file = directory / facts["file"]
        if not file.exists() or file.stat().st_size != facts["bytes"]:
            domain = load_record().table(name).domain
            manifest["domains"] = [d for d in manifest["domains"] if d != domain]
    return manifest


def _ours(path: Path) -> bool:
    databases = {t.database for t in load_record()}
    return path.name in (".lock", "ledger.jsonl", MANIFEST) or path.name in databases


def _write_domains(
    directory: Path,
    plan: Plan,
    domains: Sequence[str],
    dirt: float,
    manifest: dict[str, Any],
    progress: Say | None,
) -> None:
    total = sum(plan.rows(t.name) for t in _tables(domains))
    try:
        # Without a manifest nothing counts as there, so an interrupted run is simply redone.
        (directory / MANIFEST).unlink(missing_ok=True)
        with track("Generating", total, progress) as advance:
            world = prepared_world(plan, domains)
            for domain in domains:
                _write_domain(directory, plan, world, domain, dirt, manifest, advance)
        manifest["domains"] = [d for d in DOMAINS if d in {*manifest["domains"], *domains}]
        manifest["tables"] = dict(sorted(manifest["tables"].items()))
        _collect_ledgers(directory)
        part = directory / f"{MANIFEST}.part"
        part.write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
        part.rename(directory / MANIFEST)
    except OSError as error:
        raise _disk_error(error, directory) from None


def _collect_ledgers(directory: Path) -> None:
    parts = sorted(directory.glob("*/*.ledger.jsonl"))
    (directory / "ledger.jsonl").unlink(missing_ok=True)
    if parts:
        with (directory / "ledger.jsonl").open("wb") as ledger:
            for part in parts:
                ledger.write(part.read_bytes())


def _write_domain(
    directory: Path,
    plan: Plan,
    world: World,
    domain: str,
    dirt: float,
    manifest: dict[str, Any],
    advance: Advance,
) -> None:
    expected = {t.name: t for t in _tables([domain])}
    sink: Sink | None = None
    done: set[str] = set()
    try:
        for name, chunk in tables_of(plan, world, domain):
            if sink is None or sink.table.name != name:
                if sink is not None:
                    manifest["tables"][sink.table.name] = sink.close()
                if name in done or name not in expected:
                    raise ValueError(f"{domain}: {name} again, or not a table of this domain")
                done.add(name)
                sink = Sink(directory, expected[name])
            advance(name, len(chunk))
            if dirt:
                chunk, damages = damage(plan, name, chunk, dirt, sink.chunks)
                sink.record(damages)
            sink.write(chunk)
        if sink is not None:
            manifest["tables"][sink.table.name] = sink.close()
    finally:
        if sink is not None:
            sink.abandon()
    if absent := sorted(set(expected) - done):
        raise ValueError(f"{domain}: nothing generated for {', '.join(absent)}")


@dataclass
class Sink:
    """One table's file: written under a temporary name by a thread of its own, then renamed."""

    directory: Path
    table: Table
    rows: int = 0
    chunks: int = 0
    damages: list[Damage] = field(default_factory=list)
    _writer: pq.ParquetWriter | None = None
    _pending: Future[None] | None = None
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1))

    @property
    def file(self) -> Path:
        """The finished file."""
        return self.directory / self.table.database / f"{self.table.name}.parquet"

    @property
    def part(self) -> Path:
        """The file while it is written."""
        return self.file.with_suffix(".parquet.part")

    @property
    def ledger(self) -> Path:
        """What was damaged in this table; `ledger.jsonl` collects those of all tables."""
        return self.file.with_suffix(".ledger.jsonl")

    def record(self, damages: list[Damage]) -> None:
        """Note damage for the ledger."""
        self.damages += damages

    def write(self, chunk: pa.Table) -> None:
        """Queue a chunk of the record's columns; waits for the one before."""
        if len(chunk) > _MAX_CHUNK:
            raise ValueError(f"{self.table.name}: a chunk of {len(chunk)} rows is too large")
        names = [c.name for c in stored(self.table)]
        if chunk.column_names != names:
            raise ValueError(f"{self.table.name}: columns are not the record's; use conform()")
        self._wait()
        self.rows += len(chunk)
        self.chunks += 1
        # Arrow and zstd release the interpreter, so the next chunk is made meanwhile.
        self._pending = self._pool.submit(self._put, chunk)

    def _put(self, chunk: pa.Table) -> None:
        if self._writer is None:
            self.part.parent.mkdir(parents=True, exist_ok=True)
            self._writer = pq.ParquetWriter(
                self.part,
                chunk.schema,
                compression="zstd",
                compression_level=1,
                use_dictionary=[f.name for f in chunk.schema if f.type == DICTIONARY],
                dictionary_pagesize_limit=16 * 2**20,
                store_schema=False,
                write_statistics=True,
            )
        if chunk.schema != self._writer.schema:
            chunk = chunk.cast(self._writer.schema)
        self._writer.write_table(_clean_dictionaries(chunk), row_group_size=_ROW_GROUP)

    def _wait(self) -> None:
        if self._pending is not None:
            self._pending.result()
            self._pending = None

    def close(self) -> dict[str, Any]:
        """Finish the file; what the manifest says about it."""
        self._wait()
        self._pool.shutdown()
        if self._writer is None:
            raise ValueError(f"{self.table.name}: no chunk, not even an empty one")
        self._writer.close()
        self._writer = None
        self.part.rename(self.file)
        self.ledger.unlink(missing_ok=True)
        if self.damages:
            self.ledger.write_text("".join(ledger_lines(self.damages)), encoding="utf-8")
        digest = hashlib.sha256()
        with self.file.open("rb") as handle:
            while block := handle.read(2**20):
                digest.update(block)
        return {
            "file": str(self.file.relative_to(self.directory)),
            "rows": self.rows,
            "bytes": self.file.stat().st_size,
            "sha256": digest.hexdigest(),
            "damaged": len(self.damages),
        }

    def abandon(self) -> None:
        """Leave nothing half-written behind; does nothing after `close`."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        if self._writer is not None:
            # Arrow ends a write on Ctrl-C too, and then complains that the rest is missing.
            with suppress(OSError, pa.ArrowException):
                self._writer.close()
            self._writer = None
        self.part.unlink(missing_ok=True)


def _clean_dictionaries(chunk: pa.Table) -> pa.Table:
    """Dictionaries without repetitions, and without much that no row uses.

    A dictionary with repetitions makes Arrow's Parquet writer fall back to plain pages, behind a
    dictionary page that ends in uninitialised memory: other bytes at every run.
    """
    for position, name in enumerate(chunk.column_names):
        column = chunk.column(position)
        if column.type != DICTIONARY:
            continue
        arrays = [_clean_dictionary(array) for array in column.chunks]
        chunk = chunk.set_column(position, name, pa.chunked_array(arrays, DICTIONARY))
    return chunk


def _clean_dictionary(array: pa.DictionaryArray) -> pa.DictionaryArray:
    if len(array.dictionary) > len(array):
        return array.dictionary_decode().dictionary_encode()
    unique = array.dictionary.dictionary_encode()
    if len(unique.dictionary) == len(array.dictionary):
        return array
    return pa.DictionaryArray.from_arrays(unique.indices.take(array.indices), unique.dictionary)


def _disk_error(error: OSError, directory: Path) -> WarehouseError:
    if error.errno == errno.ENOSPC:
        return WarehouseError(
            f"The disk that holds {directory} is full.",
            fix="free some space, or name a directory on another disk.",
        )
    return WarehouseError(
        f"{directory} cannot be written: {error.strerror or error}.",
        fix="name a directory you may write to.",
    )
