"""Each alert has its page, each page its alert, and all pages have the same headings."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

HEADINGS = [
    "What it means",
    "Is anything in danger",
    "Look first",
    "Likely causes",
    "What to do",
    "Setting the device by hand",
    "What Sunhelm does meanwhile",
    "When it resolves",
]


@pytest.fixture(scope="module")
def pages(root: Path) -> dict[str, str]:
    return {path.stem: path.read_text() for path in (root / "docs" / "runbooks").glob("*.md")}


def _sections(page: str) -> dict[str, str]:
    parts = re.split(r"^## (.+)$", page, flags=re.MULTILINE)
    return dict(zip(parts[1::2], (text.strip() for text in parts[2::2]), strict=True))


def _numbers(section: str) -> list[int]:
    return [int(number) for number in re.findall(r"^(\d+)\. ", section, flags=re.MULTILINE)]


def test_each_alert_has_its_page_and_each_page_its_alert(
    pages: dict[str, str], alerts: list[dict[str, Any]]
) -> None:
    assert set(pages) == {rule["alert"] for rule in alerts}


def test_pages_have_the_same_headings_with_something_below_each(pages: dict[str, str]) -> None:
    for name, page in pages.items():
        sections = _sections(page)
        assert page.startswith(f"# {name}\n")
        assert list(sections) == HEADINGS, name
        assert all(sections.values()), name


def test_a_page_names_three_things_to_look_at_and_what_to_do_for_each_cause(pages: dict[str, str]) -> None:
    for name, page in pages.items():
        sections = _sections(page)
        assert _numbers(sections["Look first"]) == [1, 2, 3], name
        assert sections["Look first"].count("good is") >= 3, f"{name}: each look says what a good answer is"
        causes = _numbers(sections["Likely causes"])
        assert causes == list(range(1, len(causes) + 1)), name
        assert _numbers(sections["What to do"]) == causes, name


def test_links_between_pages_lead_somewhere(pages: dict[str, str], root: Path) -> None:
    for name, page in pages.items():
        for target in re.findall(r"\]\(([^)#]+)\)", page):
            assert (root / "docs" / "runbooks" / target).exists(), f"{name} links to {target}"
