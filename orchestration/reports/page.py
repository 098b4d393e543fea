"""A health report as one HTML file to read and print: no script, nothing to fetch."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from orchestration.reports.charts import trend
from orchestration.reports.health import HealthReport
from orchestration.reports.measures import SOURCES, Figures
from orchestration.reports.words import Words

TEMPLATE = "health_report.html.jinja"
PATIENTS = "health_patients"
# Two signs in one chart, because they are read together.
PRESSURES = ("systolic_pressure", "diastolic_pressure")
# The masked patient's bands have labels of their own.
LABELLED = {
    "gender": PATIENTS,
    "blood_type": PATIENTS,
    "rh_factor": PATIENTS,
    "smoking_status": PATIENTS,
    "drinking_status": PATIENTS,
    "exercise_frequency": PATIENTS,
    "status": PATIENTS,
    "bmi_band": "dim_patients",
}
# Nobody reads a report by its tenant's UUID.
UNSHOWN = ("tenant_id", "patient_id")


@dataclass(frozen=True)
class Chart:
    """A panel of the page: its heading, and the signs drawn in it with their names."""

    title: str
    unit: str
    svg: Markup
    signs: tuple[tuple[str, Figures], ...]


def render(report: HealthReport, language: str) -> str:
    """The page in one of LANGUAGES."""
    words = Words(language)
    return template(TEMPLATE).render(
        report=report,
        say=words,
        label=words.label,
        name_of=words.measure,
        language="zh-CN" if language == "zh" else "en",
        facts=_facts(report, words),
        charts=_charts(report, words),
        sources=_sources(report.signs),
    )


@cache
def template(name: str) -> Any:
    """A template of this folder, which escapes what it is given."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["moment"] = lambda at: f"{at:%Y-%m-%d %H:%M}"
    return environment.get_template(name)


def _facts(report: HealthReport, words: Words) -> list[tuple[str, str]]:
    """What is said of the patient, each with its word; what is not known is left out."""
    found = []
    for key, value in asdict(report.patient).items():
        if value is None or key in UNSHOWN:
            continue
        if key in LABELLED:
            shown = words.label(LABELLED[key], key, value)
        elif isinstance(value, tuple):
            shown = ("、" if words.language == "zh" else ", ").join(value) or words("no_entries")
        else:
            shown = str(value)
        found.append((words("weight_kg" if key == "weight" else key), shown))
    return found


def _charts(report: HealthReport, words: Words) -> list[Chart]:
    panels: dict[str, list[Figures]] = {}
    for sign in report.signs:
        panel = "blood_pressure" if sign.measure in PRESSURES else sign.measure
        panels.setdefault(panel, []).append(sign)
    charts = []
    for panel, signs in panels.items():
        title = words(panel) if panel == "blood_pressure" else words.measure(panel)
        label = f"{title}, {report.start} {words('until')} {report.end}"
        charts.append(
            Chart(
                title,
                signs[0].unit,
                trend(signs, report.start, report.end, label),
                tuple((words.measure(sign.measure), sign) for sign in signs),
            )
        )
    return charts


def _sources(signs: Sequence[Figures]) -> list[str]:
    """Where the ranges come from that the page shows, in the order of the signs."""
    used = dict.fromkeys(sign.reference.source for sign in signs if sign.reference)
    return [SOURCES[source] for source in used]


def write_private(file: Path, text: str) -> None:
    """The whole file or none, readable by its owner only."""
    handle, name = tempfile.mkstemp(dir=file.absolute().parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
