"""The text of a page is what the encoder makes of it, and only what has changed is written again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.registry import Collector

from exporter.exposition import Format, negotiate
from exporter.metrics import Page, Scrape
from exporter.texts import Texts
from sunhelm.devices.quantities import Quantity
from sunhelm.devices.reading import Outcome, Reading, Sample

QUANTITIES = [
    Quantity("test_power", "watts", "gauge", "Power.", ("phase",)),
    Quantity("test_energy", "joules", "counter", "Energy.", ("phase",)),
    Quantity("test_serial", "", "info", "Serial number.", ("serial",)),
]
SAMPLES = st.builds(
    Sample,
    st.sampled_from(QUANTITIES),
    st.sampled_from([0.0, 1.0, 2.5]),
    st.sampled_from([("L1",), ("L2",), ('"\n\\',)]),
    st.sampled_from(["", "holding 1 a", "holding 2 b"]),
)
FORMATS = [negotiate(accept) for accept in ("", "text/plain;version=1.0.0", "application/openmetrics-text")]


def page_of(*samples: Sample) -> Page:
    page = Page()
    page.add(Reading("gx", 1e9, samples, {"live": Outcome(taken_at=1e9)}), Scrape(0.1, 10.0))
    return page


@given(st.lists(st.lists(SAMPLES, max_size=6), max_size=8))
def test_pages_are_written_as_the_encoder_writes_them(readings: list[list[Sample]]) -> None:
    texts = Texts()
    for samples in readings:
        for form in FORMATS:
            assert texts.write(page_of(*samples), form) == form.encode(page_of(*samples))


def test_only_the_family_that_changed_is_written_again() -> None:
    written: list[str] = []

    def encode(collector: Collector) -> bytes:
        names = [metric.name for metric in collector.collect()]
        written.extend(names)
        return " ".join(names).encode()

    texts, form = Texts(), Format("test", encode)
    power, energy = (Sample(quantity, 1.0, ("L1",)) for quantity in QUANTITIES[:2])
    texts.write(page_of(power, energy), form)
    written.clear()

    texts.write(page_of(Sample(QUANTITIES[0], 2.0, ("L1",)), energy), form)

    assert written == [QUANTITIES[0].metric]


def test_a_large_page_is_written_at_once_and_its_text_is_not_kept() -> None:
    encoded: list[Collector] = []

    def encode(collector: Collector) -> bytes:
        encoded.append(collector)
        return b""

    page = page_of(*(Sample(QUANTITIES[0], 1.0, (str(number),)) for number in range(1_001)))
    Texts().write(page, Format("test", encode))

    assert encoded == [page]
