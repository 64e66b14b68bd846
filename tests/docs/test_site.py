"""The built site: it needs nothing from elsewhere, and every page of it can be found.

`make site`, and so `make check`, builds it strictly: a link that leads nowhere has failed there.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

FETCHES = {
    "audio": ("src",),
    "embed": ("src",),
    "form": ("action",),
    "iframe": ("src",),
    "img": ("src", "srcset"),
    "input": ("src",),
    "link": ("href",),
    "object": ("data",),
    "script": ("src",),
    "source": ("src", "srcset"),
    "video": ("src", "poster"),
}
"""What a browser asks for by itself; a link to elsewhere is asked for by nobody but the reader."""

ROOMS = ("alerts", "dashboards", "deploy", "docs")
ELSEWHERE = re.compile(r"(?:[a-z]+:)?//", re.IGNORECASE)
STYLE_ELSEWHERE = re.compile(r"""(?:url\(\s*|@import\s+)["']?(?:[a-z]+:)?//""", re.IGNORECASE)
ASKING = re.compile(r"""(?:fetch|importScripts|WebSocket|EventSource|sendBeacon|\.open)\(\s*["'`][^"'`]*//""")


class Fetched(HTMLParser):
    """Collects what a page asks for."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value for name, value in attrs if value and name in FETCHES.get(tag, ())]


@pytest.fixture(scope="module")
def site(root: Path) -> Path:
    folder = root / "build" / "docs"
    if not (folder / "index.html").exists():
        pytest.skip("the site is not built (make site)")
    return folder


@pytest.mark.integration
def test_no_page_asks_for_anything_from_elsewhere(site: Path) -> None:
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 60
    for path in pages:
        page = Fetched()
        page.feed(path.read_text(encoding="utf-8"))
        assert page.addresses
        assert [each for each in page.addresses if ELSEWHERE.match(each)] == [], path.name


@pytest.mark.integration
def test_no_style_and_no_script_asks_for_anything_from_elsewhere(site: Path) -> None:
    for path in [*site.rglob("*.css"), *site.rglob("*.html")]:
        assert not STYLE_ELSEWHERE.search(path.read_text(encoding="utf-8")), path.name
    for path in site.rglob("*.js"):
        assert not ASKING.search(path.read_text(encoding="utf-8")), path.name


def test_a_link_between_files_of_the_repository_leads_to_a_file(root: Path) -> None:
    texts = [*root.glob("*.md"), *(path for room in ROOMS for path in (root / room).rglob("*.md"))]
    assert len(texts) > 60
    for path in texts:
        written = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
        for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", written)):
            file, _, _ = target.partition("#")
            if file and not ELSEWHERE.match(file) and not file.startswith("mailto:"):
                assert (path.parent / file).exists(), f"{path.relative_to(root)} links to {target}"
