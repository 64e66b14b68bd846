"""The list of devices behind one address, from the device identification."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from sunhelm.devices.families.huawei.quantities import LISTED
from sunhelm.devices.reading import Sample

NUMBER_OF_DEVICES: Final = 0x87
_MODEL, _SOFTWARE, _SERIAL, _UNIT = "1", "2", "4", "5"


def listed_devices(objects: Mapping[int, bytes]) -> Iterator[Mapping[str, str]]:
    """Yield each device of an identification: what it says of itself, by the numbers of its keys."""
    for number, content in sorted(objects.items()):
        if number > NUMBER_OF_DEVICES:
            text = content.split(b"\0", 1)[0].decode("latin-1")
            yield {
                key.strip(): value.strip()
                for key, equals, value in (pair.partition("=") for pair in text.split(";"))
                if equals and value.isprintable()
            }


def device_samples(objects: Mapping[int, bytes], group: str) -> Iterator[Sample]:
    """Yield each device of the list that has a unit id."""
    seen: set[str] = set()
    for device in listed_devices(objects):
        unit = device.get(_UNIT, "")
        if unit and unit not in seen:
            seen.add(unit)
            labels = (unit, device.get(_MODEL, ""), device.get(_SOFTWARE, ""), device.get(_SERIAL, ""))
            yield Sample(LISTED, 1.0, labels, "identification 2B/0E", group)
