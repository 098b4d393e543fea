"""README.zh-CN.md says what README.md says: the same headings, commands, settings and files."""

from __future__ import annotations

import re

import pytest

from orchestration.database import DUCKDB_WAIT_SECONDS
from orchestration.partitions import FIRST_DAY
from orchestration.settings import DOMAINS, PROJECT_ROOT, load_settings

ENGLISH, CHINESE = (
    (PROJECT_ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.zh-CN.md")
)


def headings(text: str) -> list[int]:
    """The depth of every heading, in order."""
    return [len(mark) for mark in re.findall(r"^(#+) ", without_blocks(text), re.MULTILINE)]


def without_blocks(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)


def blocks(text: str) -> list[str]:
    return re.findall(r"^```.*?^```", text, re.DOTALL | re.MULTILINE)


def sections(text: str) -> list[str]:
    return re.split(r"^## ", without_blocks(text), flags=re.MULTILINE)


def code(text: str) -> list[str]:
    """What stands in backticks, whatever the order of words around it."""
    return sorted(" ".join(span.split()) for span in re.findall(r"`([^`]+)`", text))


def links(text: str) -> list[str]:
    """Where it leads, except to the other language."""
    return sorted(re.findall(r"\]\((?!README)([^)]+)\)", text))


def test_both_have_the_same_headings_and_blocks() -> None:
    assert headings(CHINESE) == headings(ENGLISH)
    assert blocks(CHINESE) == blocks(ENGLISH)
    assert blocks(ENGLISH)


@pytest.mark.parametrize("number", range(len(sections(ENGLISH))))
def test_a_section_names_the_same_commands_settings_and_files(number: int) -> None:
    english, chinese = sections(ENGLISH)[number], sections(CHINESE)[number]
    assert code(chinese) == code(english)
    assert links(chinese) == links(english)
    assert chinese.count("\n|") == english.count("\n|")


def test_the_chinese_one_is_chinese() -> None:
    for section in sections(CHINESE):
        assert len(re.findall(r"[一-鿿]", section)) > 20


def test_the_settings_table_says_the_defaults() -> None:
    """Of an environment in which nothing is set."""
    rows = re.findall(r"^\| `((?:WAREHOUSE|MYSQL)_\w+)`[^|]*\| ([^|]*) \|", ENGLISH, re.MULTILINE)
    said = {name: default.strip("`") for name, default in rows}
    settings = load_settings({})
    assert said["WAREHOUSE_TARGET"] == settings.target
    assert PROJECT_ROOT / said["WAREHOUSE_DUCKDB_PATH"] == settings.duckdb_path
    assert PROJECT_ROOT / said["WAREHOUSE_LOCAL_DIR"] == settings.local_dir
    assert said["WAREHOUSE_DOMAINS"] == "all six" and settings.domains == DOMAINS
    assert ", ".join(DOMAINS) in ENGLISH
    assert said["WAREHOUSE_AS_OF"] == "the server's clock" and settings.as_of is None
    assert said["WAREHOUSE_DATABASE_PREFIX"] == "empty" and settings.database_prefix == ""
    assert float(said["WAREHOUSE_DUCKDB_WAIT_SECONDS"]) == DUCKDB_WAIT_SECONDS
    assert said["WAREHOUSE_FIRST_DAY"] == FIRST_DAY
