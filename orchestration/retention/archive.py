"""The archive: a Parquet file a table and month, its sealed columns apart, and a manifest.

    <url>/<table>/month=2026-05/data.parquet           everybody's columns: the lake
    <url>/<table>/month=2026-05/_manifest.json         rows, checksum, types, state
    <url>/_sealed/<table>/month=2026-05/data.parquet   pii, phi and secret columns, and the key

Sealed files are Parquet too, encrypted (AES-GCM, Parquet modular encryption) with a key of their
own, which HKDF derives from WAREHOUSE_ARCHIVE_KEY and the manifest's salt. Both files have the rows
in the same order. New files are written aside and read back; the manifest `_manifest.next.json`
then says that they are whole, and whoever comes next completes the renaming.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, time
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from orchestration.errors import WarehouseError
from orchestration.retention.policy import sealed_columns
from orchestration.retention.rows import CHUNK_ROWS, Digest, Values, row_hash
from orchestration.sampledata.conform import arrow_type
from orchestration.schema.record import Column, Table
from orchestration.settings import Settings

KEY_BYTES = 32
DATA, MANIFEST, NEXT = "data.parquet", "_manifest.json", "_manifest.next.json"
ASIDE = f".{DATA}.next"


class Damaged(WarehouseError):
    """An archived month does not read back as its manifest says."""


@dataclass(frozen=True)
class Manifest:
    """What stands beside a month's file. `expiring`: its rows may be gone online."""

    table: str
    month: str
    rows: int
    checksum: str
    written_at: str
    columns: Mapping[str, str]
    sealed: Sequence[str] = ()
    key_id: str = ""
    salt: str = ""
    expiring: bool = False
    keep_until: str = ""
    version: int = 1


def archive_url(settings: Settings) -> str:
    """WAREHOUSE_ARCHIVE_URL, a folder or any URL that fsspec knows; else each engine's own."""
    own = settings.local_dir / "archive" / settings.target
    url = settings.environment.get("WAREHOUSE_ARCHIVE_URL") or str(own)
    if urlsplit(url).password is not None:
        raise WarehouseError(
            "WAREHOUSE_ARCHIVE_URL has a password in it, which messages and catalogs would show.",
            fix="leave it out, and give it to fsspec: in ~/.config/fsspec/*.json, or as "
            f"FSSPEC_{urlsplit(url).scheme.upper()}_PASSWORD.",
        )
    return url


def _file_system(url: str) -> tuple[Any, str]:
    """What fsspec opens for the URL, and the path in it."""
    try:
        return fsspec.core.url_to_fs(url)
    except (ImportError, ValueError) as error:  # a package is missing, or nobody knows the scheme
        raise WarehouseError(
            f"WAREHOUSE_ARCHIVE_URL={url} cannot be opened: {error}.",
            fix="install what fsspec asks for (`.venv/bin/python -m pip install s3fs` for s3://), "
            "or set it to a folder.",
        ) from error


def archive_key(settings: Settings) -> bytes | None:
    """The 32 bytes that WAREHOUSE_ARCHIVE_KEY (or its _FILE) gives in base64; None without."""
    if not (text := settings.environment.get("WAREHOUSE_ARCHIVE_KEY")):
        return None
    with contextlib.suppress(binascii.Error, ValueError):
        if len(key := base64.b64decode(text, validate=True)) == KEY_BYTES:
            return key
    raise WarehouseError(
        "WAREHOUSE_ARCHIVE_KEY is not 32 bytes in base64.",
        fix="make one with `openssl rand -base64 32`, and keep it where backups are not.",
    )


def key_id(key: bytes) -> str:
    """What manifests say of the key, which does not give it away."""
    return _derive(key, b"", b"key id")[:8].hex()


def _derive(key: bytes, salt: bytes, purpose: bytes) -> bytes:
    return HKDF(hashes.SHA256(), KEY_BYTES, salt, b"saas-warehouse archive " + purpose).derive(key)


class Archive:
    """Months of tables under one URL."""

    def __init__(self, settings: Settings) -> None:
        """Look at nothing yet."""
        self.url = archive_url(settings)
        self.fs, self.root = _file_system(self.url)
        self._key = archive_key(settings)

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder of this machine."""
        return bool(self.fs.protocol[0] == "file")

    def address(self, path: str) -> str:
        """A path in it as a URL, for who reads it without fsspec."""
        # not as_uri(): Spark takes `day%3D2026-06-30` for a folder that is not there, and empty
        if self.is_folder:
            return f"file://{path}"
        # as it was given: fsspec's own form has no host, and s3:// where s3a:// was said
        return self.url.rstrip("/") + path.removeprefix(self.root)

    def obstacle(self, table: Table) -> str:
        """Why the table cannot be archived here; empty when it can."""
        if sealed_columns(table) and self._key is None:
            return "its archive must be encrypted, and WAREHOUSE_ARCHIVE_KEY is not set"
        return ""

    def manifest(self, table: Table, month: date) -> Manifest | None:
        """The month's manifest, once what a killed run left behind is settled; None without.

        For whoever holds the table's lock: what another run writes just now would be cleared away.
        """
        self._settle(table, month)
        return self.peek(table, month)

    def peek(self, table: Table, month: date) -> Manifest | None:
        """The month's manifest as it lies there, for whoever only looks."""
        folder = self._folder(table, month)
        try:
            return Manifest(**json.loads(self.fs.cat_file(f"{folder}/{MANIFEST}")))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError):
            raise Damaged(
                f"{folder}/{MANIFEST} is no manifest.",
                fix="restore it from the copy of the archive, or remove the month's folder if all "
                "of its rows are still online.",
            ) from None

    def settle(self, table: Table) -> None:
        """Complete or clear away what killed runs left of the table behind; needs its lock too."""
        for month in self.months(table):
            self._settle(table, month)

    def months(self, table: Table) -> list[date]:
        """The months with a folder, in order."""
        try:
            entries = self.fs.ls(f"{self.root}/{table.name}", detail=False)
        except FileNotFoundError:
            return []
        names = [str(entry).rstrip("/").rsplit("/", 1)[-1] for entry in entries]
        return sorted(
            date.fromisoformat(f"{name[6:]}-01") for name in names if name.startswith("month=")
        )

    def is_current(self, table: Table, manifest: Manifest) -> bool:
        """Whether the month has the record's columns, types and classification of today."""
        return (manifest.columns, list(manifest.sealed)) == (
            types_of(table),
            list(sealed_columns(table)),
        )

    def size(self, table: Table, month: date) -> tuple[int, int]:
        """The month's files, and their bytes."""
        files = [f"{self._folder(table, month, under)}/{DATA}" for under in ("", "/_sealed")]
        sizes = [self.fs.size(file) for file in files if self.fs.exists(file)]
        return len(sizes), sum(sizes)

    def write(
        self, table: Table, month: date, rows: Iterable[Values], now: datetime, expiring: bool
    ) -> Manifest:
        """Write the month anew, read it back, and only then put it in the old one's place."""
        sealed = sealed_columns(table)
        salt = secrets.token_bytes(16) if sealed else b""
        manifest = Manifest(
            table=table.name,
            month=f"{month:%Y-%m}",
            rows=0,
            checksum="",
            written_at=now.isoformat(sep=" "),
            columns=types_of(table),
            sealed=sealed,
            key_id=key_id(self._key) if sealed and self._key else "",
            salt=salt.hex(),
            expiring=expiring,
        )
        if old := self.manifest(table, month):
            manifest = replace(manifest, keep_until=old.keep_until)
        try:
            digest = self._write_aside(table, month, rows, manifest)
            manifest = replace(manifest, rows=digest.rows, checksum=digest.checksum)
            self._compare(manifest, self._read(table, month, manifest, ASIDE))
            self._put(self._folder(table, month), NEXT, manifest)
        except BaseException:
            with contextlib.suppress(OSError):
                self._clear_aside(table, month)
            raise
        self._settle(table, month)
        return manifest

    def change(self, table: Table, month: date, manifest: Manifest) -> None:
        """Put another state beside the same files."""
        folder = self._folder(table, month)
        self._put(folder, f".{MANIFEST}.new", manifest)
        self.fs.mv(f"{folder}/.{MANIFEST}.new", f"{folder}/{MANIFEST}")

    def rows(self, table: Table, month: date, manifest: Manifest) -> Iterator[Values]:
        """The month's rows; Damaged at their end unless count and checksum are the manifest's."""
        for _, values in self._hashed(table, month, manifest):
            yield values

    def hashes(self, table: Table, month: date, manifest: Manifest) -> set[int]:
        """The hashes of all rows, of a month that was found whole."""
        return {found for found, _ in self._hashed(table, month, manifest)}

    def _hashed(
        self, table: Table, month: date, manifest: Manifest
    ) -> Iterator[tuple[int, Values]]:
        """Rows by the record's columns of today; what came since the month was written is NULL."""
        digest = Digest()
        at = {name: position for position, name in enumerate(manifest.columns)}
        order = [at.get(column.name) for column in table.stored_columns]
        is_same = order == list(range(len(manifest.columns)))
        for values in self._read(table, month, manifest, DATA):
            found = digest.add(values)
            if not is_same:
                values = tuple(None if i is None else values[i] for i in order)
                found = row_hash(values)
            yield found, values
        self._judge(manifest, digest)

    def _compare(self, manifest: Manifest, rows: Iterable[Values]) -> None:
        digest = Digest()
        for values in rows:
            digest.add(values)
        self._judge(manifest, digest)

    def _judge(self, manifest: Manifest, digest: Digest) -> None:
        if (digest.rows, digest.checksum) != (manifest.rows, manifest.checksum):
            raise self._damaged(
                manifest, f"{digest.rows:,} of {manifest.rows:,} rows, another checksum"
            )

    def _damaged(self, manifest: Manifest, how: str) -> Damaged:
        return Damaged(
            f"The archive of {manifest.table} {manifest.month} under {self.url} does not read back "
            f"to what was written: {how}.",
            fix="restore its files from the copy of the archive"
            + (
                "."
                if manifest.expiring
                else ", or remove the month's folder: its rows are still online."
            ),
        )

    def _write_aside(
        self, table: Table, month: date, rows: Iterable[Values], manifest: Manifest
    ) -> Digest:
        digest, source = Digest(), iter(rows)
        times = [c.base_type == "time" for c in table.stored_columns]
        with contextlib.ExitStack() as stack:
            writers = []
            for file, names, key in self._files(table, month, manifest, ASIDE):
                self.fs.makedirs(file.rsplit("/", 1)[0], exist_ok=True)
                positions = [i for i, c in enumerate(table.stored_columns) if c.name in names]
                fields = [table.stored_columns[i] for i in positions]
                schema = pa.schema([(c.name, lake_type(c)) for c in fields])
                sink = stack.enter_context(self._synced(file))
                sealing = key and pe.create_encryption_properties(
                    key, aad_prefix=_place(manifest), store_aad_prefix=False
                )
                writer = pq.ParquetWriter(
                    sink, schema, compression="zstd", encryption_properties=sealing or None
                )
                writers.append((stack.enter_context(writer), positions, schema))
            while chunk := list(islice(source, CHUNK_ROWS)):
                for values in chunk:
                    digest.add(values)
                columns = list(zip(*chunk, strict=True))
                for writer, positions, schema in writers:
                    writer.write_batch(batch_of(columns, positions, times, schema))
        return digest

    def _read(self, table: Table, month: date, manifest: Manifest, name: str) -> Iterator[Values]:
        """Rows of both files side by side, as the record orders the columns."""
        times = {c.name for c in table.stored_columns if c.base_type == "time"}
        with contextlib.ExitStack() as stack:
            try:
                readers = []
                for file, _, key in self._files(table, month, manifest, name):
                    opening = key and pe.create_decryption_properties(
                        key, aad_prefix=_place(manifest)
                    )
                    source = stack.enter_context(self.fs.open(file, "rb"))
                    readers.append(pq.ParquetFile(source, decryption_properties=opening or None))
                batches = [reader.iter_batches(batch_size=CHUNK_ROWS) for reader in readers]
                for parts in zip(*batches, strict=True):
                    found: dict[str, list[Any]] = {}
                    for part in parts:
                        for column, values in part.to_pydict().items():
                            if column in times:
                                values = _as_times(values)
                            if found.setdefault(column, values) != values:
                                raise ValueError(f"{column} differs between the two files")
                    yield from zip(*(found[n] for n in manifest.columns), strict=True)
            except (pa.ArrowException, OSError, ValueError, KeyError) as error:
                if isinstance(error, OSError) and error.errno is not None:
                    if isinstance(error, FileNotFoundError):
                        raise self._damaged(manifest, f"{error.filename} is missing") from error
                    raise
                raise self._damaged(manifest, str(error).splitlines()[0][:200]) from error

    def _files(
        self, table: Table, month: date, manifest: Manifest, name: str
    ) -> list[tuple[str, set[str], bytes | None]]:
        """Each file with its columns and its key: the open one, and the sealed one if need be."""
        sealed = set(manifest.sealed)
        files: list[tuple[str, set[str], bytes | None]] = [
            (f"{self._folder(table, month)}/{name}", set(manifest.columns) - sealed, None)
        ]
        if sealed:
            if self._key is None or key_id(self._key) != manifest.key_id:
                raise WarehouseError(
                    f"The archive of {manifest.table} {manifest.month} is encrypted with the key "
                    f"{manifest.key_id}, which WAREHOUSE_ARCHIVE_KEY "
                    f"{'is not' if self._key else 'does not give'}.",
                    fix="set WAREHOUSE_ARCHIVE_KEY, or WAREHOUSE_ARCHIVE_KEY_FILE, to that key.",
                )
            key = _derive(self._key, bytes.fromhex(manifest.salt), _place(manifest))
            # The primary key too, so that a sealed file can be read by itself.
            columns = sealed | set(table.primary_key)
            files.append((f"{self._folder(table, month, '/_sealed')}/{name}", columns, key))
        return files

    def _folder(self, table: Table, month: date, under: str = "") -> str:
        return f"{self.root}{under}/{table.name}/month={month:%Y-%m}"

    def _settle(self, table: Table, month: date) -> None:
        """Complete a replacement that was announced; clear away one that was not."""
        folder = self._folder(table, month)
        if not self.fs.exists(f"{folder}/{NEXT}"):
            self._clear_aside(table, month)
            return
        for place in (folder, self._folder(table, month, "/_sealed")):
            if self.fs.exists(f"{place}/{ASIDE}"):
                self.fs.mv(f"{place}/{ASIDE}", f"{place}/{DATA}")
        self.fs.mv(f"{folder}/{NEXT}", f"{folder}/{MANIFEST}")

    def _clear_aside(self, table: Table, month: date) -> None:
        for under in ("", "/_sealed"):
            file = f"{self._folder(table, month, under)}/{ASIDE}"
            if self.fs.exists(file):
                self.fs.rm_file(file)

    def _put(self, folder: str, name: str, manifest: Manifest) -> None:
        self.put_text(f"{folder}/{name}", json.dumps(asdict(manifest), indent=1))

    def put_text(self, path: str, text: str) -> None:
        """Write a small file whole: under another name, then renamed."""
        self.fs.makedirs(path.rsplit("/", 1)[0], exist_ok=True)
        aside = f"{path}.{os.getpid()}.tmp"
        with self._synced(aside) as file:
            file.write(text.encode())
        self.fs.mv(aside, path)

    @contextlib.contextmanager
    def _synced(self, path: str) -> Iterator[Any]:
        """A file to write that is on the disk, not in the system's memory, when it is closed."""
        with self.fs.open(path, "wb") as file:
            yield file
            file.flush()
            with contextlib.suppress(OSError, AttributeError, ValueError):
                os.fsync(file.fileno())


def types_of(table: Table) -> dict[str, str]:
    """The type in Parquet of each stored column."""
    return {column.name: str(lake_type(column)) for column in table.stored_columns}


def lake_type(column: Column) -> pa.DataType:
    """As sample data has it, but for times of day: Spark stops at Parquet's own."""
    return pa.string() if column.base_type == "time" else arrow_type(column)


def batch_of(
    columns: Sequence[Sequence[Any]],
    positions: Sequence[int],
    times: Sequence[bool],
    schema: pa.Schema,
) -> pa.RecordBatch:
    """The columns at these positions as the lake stores them; `times` says which hold times."""
    arrays = [
        pa.array(_as_text(columns[i], times[i]), schema.field(n).type)
        for n, i in enumerate(positions)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _as_text(values: Sequence[Any], are_times: bool) -> Sequence[Any]:
    return [v if v is None else v.isoformat() for v in values] if are_times else values


def _as_times(values: Sequence[Any]) -> list[Any]:
    """Times of day again; older files have Parquet's own."""
    return [time.fromisoformat(v) if isinstance(v, str) else v for v in values]


def _place(manifest: Manifest) -> bytes:
    return f"{manifest.table}/{manifest.month}".encode()
