"""Passwords that nobody else has, and the search for them in all that a run leaves or shows."""

from __future__ import annotations

import base64
import gzip
import os
import secrets
import sqlite3
import threading
import zlib
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path


def fresh(role: str) -> str:
    """A password that no two runs share, with signs that addresses and templates trip over."""
    return f"{role}@/:%{{Zq{secrets.token_hex(8)}"


def forms(password: str) -> tuple[bytes, ...]:
    """Its own part as it stands in texts, encoded addresses, Base64 and hexadecimal."""
    own = password[-16:].encode()
    coded = [base64.b64encode(b"-" * skip + own) for skip in range(3)]
    # the first and the last letters hang on what stands beside it
    return (own, own.hex().encode(), *(text[4:-4] for text in coded))


def in_files(folders: Iterable[Path], passwords: Collection[str], since: float = 0) -> list[str]:
    """The files with a password in them, of those that changed since then."""
    wanted = [form for password in passwords for form in forms(password)]
    found = []
    for file in (file for folder in folders for file in folder.rglob("*")):
        with suppress(FileNotFoundError):  # others work here too
            if not file.is_file() or file.is_symlink() or file.stat().st_mtime < since:
                continue
            if any(form in content for content in _contents(file) for form in wanted):
                found.append(str(file))
    return found


def _contents(file: Path) -> Iterator[bytes]:
    """The bytes, and what is packed in them."""
    yield file.read_bytes()
    if file.suffix == ".gz":
        yield gzip.decompress(file.read_bytes())
    elif file.suffix == ".db":
        # A row's text may be cut by a page, and Dagster packs snapshots of jobs.
        with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as connection:
            tables = connection.execute("select name from sqlite_master where type = 'table'")
            for (table,) in tables.fetchall():
                for row in connection.execute(f'select * from "{table}"'):
                    yield str(row).encode()
                    for value in row:
                        if isinstance(value, bytes):
                            with suppress(zlib.error):
                                yield zlib.decompress(value)


@dataclass
class Watch:
    """Command lines of all processes, seen several times a second."""

    passwords: Collection[str]
    seen: set[bytes] = field(default_factory=set)

    @property
    def shown(self) -> list[str]:
        """Those with a password in them."""
        wanted = [form for password in self.passwords for form in forms(password)]
        return [str(line) for line in self.seen if any(form in line for form in wanted)]

    def look(self) -> None:
        """Once."""
        for entry in os.scandir("/proc"):
            if entry.name.isdigit():
                with suppress(OSError):
                    self.seen.add(Path(entry.path, "cmdline").read_bytes())


@contextmanager
def watched(passwords: Collection[str]) -> Iterator[Watch]:
    """Look while the body runs."""
    watch, over = Watch(passwords), threading.Event()

    def work() -> None:
        while not over.wait(0.1):
            watch.look()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        over.set()
        thread.join()
