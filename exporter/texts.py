"""The text of a device's pages, written family by family: one that has not changed is not written again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from exporter.exposition import Format
from exporter.metrics import Family, Page

_MOST_SAMPLES: Final = 1_000
"""A page with more samples is written in a thread, and its text is too large to be kept."""


@dataclass(frozen=True, slots=True)
class _Alone(Collector):
    """One family, as if it were all there is."""

    family: Family

    def collect(self) -> Iterator[Metric]:
        yield self.family.encodable()


@dataclass(slots=True)
class Texts:
    """Writes the pages of one device, and keeps the text of each family until its samples change.

    Most of them do not change between two scrapes. A text belongs to one device and one format, so many
    are kept as there are families. A zero that changes its sign is no change.
    """

    _kept: dict[tuple[str, str], tuple[object, bytes]] = field(default_factory=dict)

    def write(self, page: Page, form: Format) -> bytes:
        """Return the page in a format: the bytes are those that the format's own encoder makes of it."""
        if len(page) > _MOST_SAMPLES:
            return form.encode(page)
        return b"".join([*(self._text(family, form) for family in page.families()), form.ending])

    def _text(self, family: Family, form: Format) -> bytes:
        key = form.content_type, family.name
        samples, text = self._kept.get(key, (None, b""))
        if samples != family.samples:
            text = form.encode(_Alone(family)).removesuffix(form.ending)
            self._kept[key] = family.samples, text
        return text
