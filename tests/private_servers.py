"""Private MySQL servers in directories of their own, beside the one that all tests share."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestration import mysql_server
from orchestration.settings import Settings, load_settings


def project_tree() -> Path | None:
    """The project's unpacked server, fetched if need be; None when the PATH has a mysqld."""
    if os.environ.get("WAREHOUSE_TEST_ENGINES") == "embedded":
        pytest.skip("WAREHOUSE_TEST_ENGINES=embedded: no MySQL by the developer's choice")
    local_dir = load_settings().local_dir
    if shutil.which("mysqld"):
        return None
    tree = local_dir / "mysql" / "server"
    if not tree.is_dir():
        project = Settings(local_dir=local_dir)
        was_running = mysql_server.status(project)
        mysql_server.up(project)
        if not was_running:
            mysql_server.down(project)
    return tree if tree.is_dir() else None


@contextlib.contextmanager
def checkout(parent: Path, unpacked: Path | None) -> Iterator[Settings]:
    """Settings with a local directory of their own; its server and files go at the end."""
    settings = Settings(local_dir=parent / ".local")
    base = settings.local_dir / "mysql"
    base.mkdir(parents=True)
    if unpacked:
        (base / "server").symlink_to(unpacked)
    try:
        yield settings
    finally:
        homes = mysql_server._homes(base.resolve())
        mysql_server.down(settings)
        for home in homes:
            shutil.rmtree(home, ignore_errors=True)
