"""Pictures of the pages, as people see them: `make screens` leaves them in .local/screens."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import sync_playwright

from orchestration.docs import site_folder
from orchestration.settings import PROJECT_ROOT, load_settings

FLAGS = ("--no-sandbox", "--disable-gpu")
WIDTHS = (1280, 390)
# By its name, a page of the site and what is typed into its search field.
PAGES: Mapping[str, tuple[str, str]] = {
    "docs": ("index.html", ""),
    "dictionary": ("dictionary/index.html", "online"),
    "dictionary-wework": ("dictionary/wework.html#wework_tenant_usage", ""),
    "report": ("reports/en/index.html", ""),
    "report-zh": ("reports/index.html", ""),
    **{f"report-{domain}": (f"reports/{domain}.html", "") for domain in ("health", "wework")},
}


@dataclass(frozen=True)
class Picture:
    """One screen: the file, whether the page ran over its width, and what the console said."""

    file: Path
    is_too_wide: bool
    said: tuple[str, ...]


def chromium() -> str | None:
    """Debian's Chromium, if it is installed."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)


def take(site: Path, out: Path, pages: Mapping[str, tuple[str, str]] = PAGES) -> list[Picture]:
    """Every page at each width, in light and in dark, and as it would be printed."""
    out.mkdir(parents=True, exist_ok=True)
    taken = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(FLAGS))
        for name, (path, words) in pages.items():
            for width in WIDTHS:
                for scheme in ("light", "dark"):
                    page = browser.new_page(
                        viewport={"width": width, "height": 900}, color_scheme=scheme
                    )
                    said: list[str] = []
                    page.on("console", lambda message, said=said: said.append(message.text))
                    page.on("pageerror", lambda error, said=said: said.append(str(error)))
                    page.goto(f"file://{site}/{path}")
                    if words:
                        page.fill("#find", words)
                    file = out / f"{name}-{width}-{scheme}.png"
                    page.screenshot(path=file, full_page=not words and "#" not in path)
                    wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
                    taken.append(Picture(file, bool(wide), tuple(said)))
                    page.close()
            page = browser.new_page()
            page.goto(f"file://{site}/{path}")
            page.pdf(path=out / f"{name}.pdf", format="A4", print_background=True)
            page.close()
        browser.close()
    return taken


def main() -> int:
    """Take them of the site that `warehouse docs` wrote; 1 where a page is not as it should be."""
    site = site_folder(load_settings())
    if chromium() is None or not (site / "index.html").exists():
        print("no Chromium (`make browser`), or no site (`make docs`)", file=sys.stderr)
        return 1
    pictures = take(site, PROJECT_ROOT / ".local" / "screens" / "pages")
    for picture in pictures:
        note = "  runs over its width" * picture.is_too_wide + "".join(
            f"  {s}" for s in picture.said
        )
        print(f"{picture.file}{note}")
    return int(any(picture.is_too_wide or picture.said for picture in pictures))


if __name__ == "__main__":
    sys.exit(main())
