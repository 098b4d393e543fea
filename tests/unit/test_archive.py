"""Where the archive and the lake lie: addresses that cannot be opened, or would tell a secret."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from orchestration.errors import WarehouseError
from orchestration.retention.archive import Archive
from orchestration.settings import load_settings

WORD = "hidden-word"


def opened(url: str) -> Archive:
    return Archive(load_settings({"WAREHOUSE_ARCHIVE_URL": url}))


def test_a_scheme_that_nobody_knows_is_refused() -> None:
    with pytest.raises(WarehouseError, match="nowhere://lake cannot be opened: Protocol not known"):
        opened("nowhere://lake")


@pytest.mark.skipif(find_spec("s3fs") is not None, reason="s3fs is installed")
def test_it_is_said_which_package_a_scheme_needs() -> None:
    with pytest.raises(WarehouseError, match="Install s3fs to access S3") as said:
        opened("s3://bucket/lake")
    assert "pip install s3fs" in said.value.fix


def test_a_password_is_refused_and_not_shown() -> None:
    with pytest.raises(WarehouseError, match="has a password in it") as said:
        opened(f"ftp://writer:{WORD}@files.example/lake")
    assert "FSSPEC_FTP_PASSWORD" in said.value.fix
    assert WORD not in f"{said.value.message} {said.value.fix}"
    assert opened("memory://lake@home/one").root == "/lake@home/one"
