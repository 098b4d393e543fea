"""`make audit`: the locked packages held against a database of advisories that speaks OSV's API.

Exit code 1 with the advisories, 0 without any, and 0 with the reason where nobody answers: one can
work on a machine without the internet. WAREHOUSE_ADVISORIES_URL names a mirror.
"""

from __future__ import annotations

import json
import os
import re
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

LOCK = Path(__file__).resolve().parent.parent / "requirements.lock"
PUBLIC = "https://api.osv.dev"
SECONDS = 20
_PINNED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", re.MULTILINE)


def locked(text: str) -> list[tuple[str, str]]:
    """Packages and versions; some have one for each Python."""
    return _PINNED.findall(text)


def known(packages: Sequence[tuple[str, str]], url: str) -> dict[tuple[str, str], list[str]]:
    """The advisories by package and version; OSError or ValueError where there is no answer."""
    asked = [
        {"package": {"name": name, "ecosystem": "PyPI"}, "version": version}
        for name, version in packages
    ]
    request = urllib.request.Request(
        f"{url.rstrip('/')}/v1/querybatch",
        json.dumps({"queries": asked}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=SECONDS) as response:
        answers: list[dict[str, Any]] = json.load(response)["results"]
    if len(answers) != len(asked):
        raise ValueError(f"{len(answers)} answers to {len(asked)} questions")
    return {
        package: [advisory["id"] for advisory in answer["vulns"]]
        for package, answer in zip(packages, answers, strict=True)
        if answer.get("vulns")
    }


def main() -> int:
    """Say what is known, or why nothing is."""
    url = os.environ.get("WAREHOUSE_ADVISORIES_URL") or PUBLIC
    packages = locked(LOCK.read_text(encoding="utf-8"))
    try:
        found = known(packages, url)
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        print(f"skipped: {url} gives no answer ({reason}). fix: name a mirror of OSV's API in "
              "WAREHOUSE_ADVISORIES_URL.")  # fmt: skip
        return 0
    for (name, version), advisories in found.items():
        print(f"{name} {version}: {', '.join(advisories)}")
    print(f"{len(packages)} packages, {len(found)} with advisories ({url})")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
