"""Throw faults into clean data and say which net caught each: `python tests/faults.py`.

--faults my.yml tries faults of your own, --only PATTERN some of the catalogue, --tenth N a tenth,
--write-docs the whole of it for the table in docs/quality.md. --warehouse FOLDER keeps the clean
warehouse (DuckDB, demo scale) for the next time.
"""

from __future__ import annotations

import argparse
import fnmatch
import re
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import warehouses
from fault_catalogue import NETS, Fault, catalogue, read, tenth
from fault_nets import Verdict, throw
from fault_replay import copy_of, own_settings, record

from orchestration.errors import WarehouseError
from orchestration.sampledata.generate import generate
from orchestration.settings import PROJECT_ROOT, Settings

DOCS = PROJECT_ROOT / "docs" / "quality.md"
# These look at what the applications wrote.
EARLY = ("constraint", "doctor", "freshness", "late data", "suite")
BEGIN, END = "<!-- faults: begin -->", "<!-- faults: end -->"


def throw_all(
    clean: Settings,
    faults: Sequence[Fault],
    folder: Path,
    say: Callable[[str], None] = lambda _: None,
) -> list[Verdict]:
    """Each fault on its own, in a copy under `folder`.

    First those that a net can catch before anything is built; dbt's SQL is recorded for the rest.
    """
    found: dict[str, Verdict] = {}

    def tell(verdict: Verdict) -> None:
        found[verdict.fault.id] = verdict
        say(f"{len(found):4}/{len(faults)} {verdict}")

    waiting = []
    for fault in faults:
        verdict = throw(fault, clean, folder / "damaged", None) if fault.net in EARLY else None
        if verdict and (verdict.is_caught or verdict.problem):
            tell(verdict)
        else:
            waiting.append(fault)
    if waiting:
        changed = [fault.changed for fault in waiting]
        recording = record(copy_of(clean, folder / "recording"), changed)
        for fault in waiting:
            tell(throw(fault, clean, folder / "damaged", recording))
    return [found[fault.id] for fault in faults]


def clean_warehouse(folder: Path, seed: int = 1) -> Settings:
    """Demo data of a seed, deployed, loaded and built on DuckDB, unless the folder has it."""
    settings = own_settings(folder, warehouses.AS_OF)
    if not (folder / "built").exists():
        folder.mkdir(parents=True, exist_ok=True)
        sample = folder / "sample"
        generate(settings, warehouses.SCALE, seed, warehouses.AS_OF.date(), sample)
        warehouses.build(settings, sample)
        (folder / "built").touch()
    return settings


def table(verdicts: Sequence[Verdict]) -> str:
    """The report as Markdown."""
    lines = [
        "| fault | what happens | severity | net | caught by | s |",
        "|---|---|---|---|---|--:|",
    ]
    for v in verdicts:
        by = re.sub(r"[|\n]", " ", v.by)
        lines.append(
            f"| {v.fault.id} | {v.fault.happens} | {v.fault.severity} | {v.fault.net} "
            f"| {by} | {v.seconds:.1f} |"
        )
    caught = sum(v.is_caught for v in verdicts)
    nets = ", ".join(f"{sum(v.fault.net == n for v in verdicts)} by {n}" for n in NETS)
    seconds = sum(v.seconds for v in verdicts)
    lines += ["", f"{caught} of {len(verdicts)} caught by the net that must: {nets}."]
    lines += [f"Together they took {seconds:.0f} s, {seconds / len(verdicts):.1f} s a fault."]
    return "\n".join(lines)


def write_docs(verdicts: Sequence[Verdict]) -> None:
    """Put the report between the marks in docs/quality.md."""
    text = DOCS.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    DOCS.write_text(
        f"{before}{BEGIN}\n{table(verdicts)}\n{END}{rest.split(END)[1]}", encoding="utf-8"
    )


def main() -> int:
    """The command; 0 when every fault was caught by its net."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--faults", type=Path, nargs="+", help="fault files of your own")
    parser.add_argument("--only", default="*", help="ids, as in 'ai_*'")
    parser.add_argument("--tenth", type=int, help="0 to 9: every tenth fault")
    parser.add_argument("--warehouse", type=Path, help="where the clean warehouse is, or is built")
    parser.add_argument("--write-docs", action="store_true", help="write the table in the docs")
    given = parser.parse_args()
    try:
        faults = read(given.faults) if given.faults else catalogue()
        faults = faults if given.tenth is None else tenth(faults, given.tenth)
        faults = [fault for fault in faults if fnmatch.fnmatch(fault.id, given.only)]
        if not faults:
            raise WarehouseError(f"No fault is called {given.only}.", fix="see docs/quality.md.")
        with ExitStack() as stack:
            scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="faults-")))
            clean = clean_warehouse(given.warehouse or scratch / "clean")
            verdicts = throw_all(clean, faults, scratch, lambda line: print(line, flush=True))
    except WarehouseError as error:
        print(error, file=sys.stderr)
        return 2
    missed = [v.fault.id for v in verdicts if not v.is_caught]
    print(f"{len(verdicts) - len(missed)} of {len(verdicts)} caught by the net that must.")
    if missed:
        print(f"missed: {', '.join(missed)}")
    if given.write_docs:
        write_docs(verdicts)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
