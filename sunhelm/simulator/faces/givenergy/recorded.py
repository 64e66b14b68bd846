"""An inverter that answers what another one answered once: for recordings and dumps."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence

from sunhelm.simulator.faces.face import ModbusException, Table

Pages = Mapping[tuple[int, Table], Mapping[int, int]]
"""Words by address, by slave and table."""


class RecordedFace:
    """Answers from `pages`; zeros for what a page has no words of, as adapters do.

    What stands at no slave and table of the recording is refused, or zeros with `generous`. It can be
    written.
    """

    def __init__(self, pages: Pages, *, generous: bool = False) -> None:
        self.pages = {place: dict(words) for place, words in pages.items()}
        self._generous = generous

    def read(self, unit: int, table: Table, address: int, count: int) -> Sequence[int]:
        page = self.pages.get((unit, table), {})
        if not self._generous and not any(place in page for place in range(address, address + count)):
            raise ModbusException(2)
        return [page.get(place, 0) for place in range(address, address + count)]

    def write(self, unit: int, address: int, words: Sequence[int]) -> None:
        page = self.pages.setdefault((unit, Table.HOLDING), {})
        page.update(enumerate(words, address))

    def identification(self, unit: int) -> Mapping[int, str] | None:
        del unit
        return None

    def counters(self, unit: int, table: Table) -> Container[int]:
        del unit, table
        return ()

    def update(self) -> None:
        """Nothing happens by itself."""
