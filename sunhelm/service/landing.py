"""The page at `/`: what this process is, and where to go from here."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from aiohttp import web

from sunhelm import __version__

_STYLE: Final = (
    ":root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}"
    "body{max-width:44rem;margin:3rem auto;padding:0 1rem}"
    "h1{margin-bottom:0}h1 small{font-size:1rem;font-weight:400;opacity:.7}"
    "dl{margin-top:2rem}dt{font-weight:600}dd{margin:0 0 1rem}"
)
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'"
)


@dataclass(frozen=True, slots=True)
class LandingLink:
    """One place to go: a path below this server or an address, what it is called and what it is for."""

    address: str
    title: str
    text: str = ""


def landing_page(name: str, description: str, links: Sequence[LandingLink]) -> web.Response:
    """Return the page. Everything is escaped here."""
    entries = "".join(
        f'<dt><a href="{escape(link.address)}">{escape(link.title)}</a></dt><dd>{escape(link.text)}</dd>'
        for link in links
    )
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(name)}</title><style>{_STYLE}</style></head>"
        f"<body><h1>{escape(name)} <small>{escape(__version__)}</small></h1>"
        f"<p>{escape(description)}</p><dl>{entries}</dl></body></html>\n"
    )
    return web.Response(text=page, content_type="text/html", headers={"Content-Security-Policy": _POLICY})
