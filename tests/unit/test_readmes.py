"""README.zh-CN.md says what README.md says: the same headings, commands, settings and files."""

from __future__ import annotations

import re

import pytest

from orchestration.settings import PROJECT_ROOT

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
