"""Private MySQL servers in directories of their own, beside the one that all tests share."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
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


@contextlib.contextmanager
def server_with(options: Sequence[str], **variables: str) -> Iterator[Settings]:
    """Settings of a server of its own that was started with options, gone at the end."""
    folder = Path(tempfile.mkdtemp(prefix="warehouse-server-"))
    folder.chmod(0o755)  # mysqld changes its user
    usual = mysql_server.SERVER_OPTIONS
    try:
        with checkout(folder, project_tree()) as place:
            mysql_server.SERVER_OPTIONS = (*usual, *options)
            info = mysql_server.up(place)
            yield load_settings(
                {
                    **{k: v for k, v in os.environ.items() if not k.startswith("MYSQL_")},
                    "WAREHOUSE_LOCAL_DIR": str(place.local_dir),
                    "WAREHOUSE_DATABASE_PREFIX": "",
                    "MYSQL_HOST": info.host, "MYSQL_PORT": str(info.port),
                    "MYSQL_USER": info.user, "MYSQL_PASSWORD": info.password,
                    **variables,
                },
                target="mysql",
            )  # fmt: skip
    finally:
        mysql_server.SERVER_OPTIONS = usual
        shutil.rmtree(folder, ignore_errors=True)
