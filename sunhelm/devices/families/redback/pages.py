"""The pages of the owners' portal: what a form holds, whatever stands around it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Final

ANTI_FORGERY: Final = "__RequestVerificationToken"
"""The name of the hidden field that every form of the portal carries."""

_PANEL: Final = re.compile(r"SolarPanels_(\d+)__(PVSize|NumberOfPanels|PanelDirection)")


@dataclass(slots=True)
class Form:
    """A form: its classes, its hidden fields in their order, and the value of each field by its id."""

    id: str
    classes: frozenset[str]
    hidden: list[tuple[str, str]] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=dict)


class _Forms(HTMLParser):
    """Collects forms; of a choice, the option that is selected."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.forms: list[Form] = []
        self._open: Form | None = None
        self._choice = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._open = Form(told.get("id", ""), frozenset(told.get("class", "").split()))
            self.forms.append(self._open)
        elif self._open is None:
            return
        elif tag == "input":
            if told.get("type", "").lower() == "hidden":
                self._open.hidden.append((told.get("name", ""), told.get("value", "")))
            if told.get("id"):
                self._open.values[told["id"]] = told.get("value", "")
        elif tag == "select":
            self._choice = told.get("id", "")
        elif tag == "option" and self._choice and "selected" in told:
            self._open.values[self._choice] = told.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = None
        elif tag == "select":
            self._choice = ""


def forms(page: str) -> list[Form]:
    """Return the forms of a page."""
    parser = _Forms()
    parser.feed(page)
    parser.close()
    return parser.forms


def is_login(page: str) -> bool:
    """Whether a page asks who one is."""
    return any("login-form" in form.classes for form in forms(page))


def login_token(page: str) -> str | None:
    """Return what a sign-in has to send back; None where the page has no such form."""
    for form in forms(page):
        if "login-form" in form.classes and form.hidden:
            return form.hidden[0][1]
    return None


def page_token(page: str) -> str | None:
    """Return what a form sent from this page has to carry; None where it has none, or nobody is signed in."""
    for form in forms(page):
        if form.id == "GlobalAntiForgeryToken":
            return next((value for name, value in form.hidden if name == ANTI_FORGERY and value), None)
    return None


def panels(page: str) -> Mapping[str, object] | None:
    """Return the strings as the installer described them, None where the page has no such form.

    They are paired by the number in their fields' ids. What is empty, or is no number, is None.
    """
    form = next((form for form in forms(page) if form.id == "form"), None)
    if form is None:
        return None
    told: dict[int, dict[str, object]] = {}
    for name, value in form.values.items():
        if match := _PANEL.fullmatch(name):
            is_text = match[2] == "PanelDirection"
            told.setdefault(int(match[1]), {})[match[2]] = (value or None) if is_text else _number(value)
    if not told:
        return {"Strings": []}
    empty: dict[str, object] = dict.fromkeys(("PVSize", "NumberOfPanels", "PanelDirection"))
    return {"Strings": [{**empty, **told.get(index, {})} for index in range(min(max(told), 63) + 1)]}


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 <= number < float("inf") else None
