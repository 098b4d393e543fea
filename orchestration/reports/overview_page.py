"""An overview as one HTML file: no script, nothing to fetch, light and dark by the reader."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from markupsafe import Markup

from orchestration.reports.charts import areas, lines
from orchestration.reports.overview import EXECUTIVE, Overview, Panel, overviews
from orchestration.reports.page import template, write_private
from orchestration.reports.words import Words
from orchestration.settings import Settings

TEMPLATE = "overview.html.jinja"


def render(page: Overview, language: str, others: Sequence[str] = ()) -> str:
    """The page in one of LANGUAGES; `others` are pages of the same folder, linked by name."""
    words = Words(language)
    return template(TEMPLATE).render(
        page=page,
        say=words,
        language="zh-CN" if language == "zh" else "en",
        others=others,
        file_of=file_of,
        shown=shown,
        signed=signed,
        weight=_weights,
        name_of=lambda panel, key: row_name(panel, key, words),
        heading=lambda panel, key: column_name(panel, key, words),
        chart=lambda panel: _chart(panel, words),
    )


def write_pages(
    settings: Settings,
    folder: Path,
    language: str,
    tenant: str | None = None,
    domains: Sequence[str] | None = None,
) -> list[Path]:
    """The executive page and one a domain that is switched on, or those asked for, linked."""
    wanted = list(domains or (EXECUTIVE, *settings.domains))
    pages = overviews(settings, wanted, tenant)
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for page in pages:
        file = folder / file_of(page.domain)
        write_private(file, render(page, language, wanted))
        files.append(file)
    return files


def file_of(domain: str) -> str:
    """A page's file beside the others; the executive page opens a folder."""
    return "index.html" if domain == EXECUTIVE else f"{domain}.html"


def shown(value: Any) -> str:
    """A figure as the page has it: thousands set off, a point for what is hidden or unknown."""
    if value is None:
        return "·"
    if isinstance(value, int | Decimal):
        short = value.quantize(Decimal("0.01")) if _is_long(value) else value
        return f"{short:,}"
    return str(value)


def _is_long(value: int | Decimal) -> bool:
    return isinstance(value, Decimal) and int(value.as_tuple().exponent) < -3


def signed(change: Decimal) -> str:
    """A change in percent with its sign, on one line."""
    return f"{change:+,}\N{NO-BREAK SPACE}%"


def row_name(panel: Panel, key: Any, words: Words) -> str:
    """A row's name: a code's label, a word, or as it stands."""
    if panel.codes:
        return words.label(*panel.codes, str(key))
    return words(key) if isinstance(key, str) and words.has(key) else str(key)


def column_name(panel: Panel, key: str, words: Words) -> str:
    """A column's heading: a word, else a code's label."""
    if panel.column_codes and key != panel.columns[0] and key != "other_states":
        return words.label(*panel.column_codes, key)
    return words(key) if words.has(key) else key


def _weights(panel: Panel) -> list[list[int]]:
    """How full each cell's colour or bar is, 0 to 100: by the panel's greatest figure."""
    width = 1 if panel.kind in ("bars", "funnel") else len(panel.columns) - 1
    figures = [[value or 0 for value in row[1 : 1 + width]] for row in panel.rows]
    # a limit that was passed tenfold must not pale all others
    most = max((value for row in figures for value in row), default=0)
    if panel.name == "quotas":
        most = min(most, 100)
    return [
        [min(100, round(100 * value / most)) if most else 0 for value in row] for row in figures
    ]


def _chart(panel: Panel, words: Words) -> Markup:
    days = [row[0] for row in panel.rows]
    figures = [[row[n] for row in panel.rows] for n in range(1, len(panel.columns))]
    label = f"{words(panel.name)}, {days[0]} {words('until')} {days[-1]}"
    draw = areas if panel.kind == "areas" else lines
    return draw(panel.name, days, figures, label)
