"""What follows from the values of the cloud, and what no row of `values.csv` can say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from sunhelm.devices.families.izypower.units import Unit, heads_of
from sunhelm.devices.quantities import CATALOGUE, Quantity
from sunhelm.devices.reading import Sample


def _gauge(name: str, unit: str, text: str, *labels: str) -> Quantity:
    return Quantity(f"izypower_{name}", unit, "gauge", text, labels)


DATA: Final = _gauge(
    "data", "timestamp_seconds", "When the station last told its cloud anything, as that says."
)
UNREAD: Final = _gauge(
    "unread_parts",
    "",
    "How many requests of a group failed in the last read, while others of it were answered.",
    "group",
)
UNIT: Final = Quantity(
    "izypower_unit",
    "",
    "info",
    "What the list of the station says of a device.",
    ("unit", "type", "name", "firmware", "role"),
)
LINK: Final = Quantity(
    "izypower_link", "", "info", "The battery that a Link module belongs to.", ("battery", "head")
)

OFFERS: Final[Mapping[str, Sequence[Quantity]]] = {
    "live": [CATALOGUE["device"]],
    "status": [DATA],
    "energy": [UNREAD],
    "devices": [UNIT, CATALOGUE["grid_frequency"]],
    "batteries": [LINK, UNREAD],
    "meters": [UNREAD],
    "chargers": [UNREAD],
    "settings": [
        UNREAD,
        *(
            CATALOGUE[name]
            for name in (
                "battery_minimum_state_of_charge",
                "battery_charge_power_limit",
                "battery_discharge_power_limit",
                "grid_export_limit",
            )
        ),
    ],
    "network": [UNREAD],
    "temperature": [UNREAD],
}

_OF_THE_ONLY_HEAD: Final = {
    "izypower_battery_minimum_state_of_charge": "battery_minimum_state_of_charge",
    "izypower_battery_charge_limit": "battery_charge_power_limit",
    "izypower_battery_discharge_limit": "battery_discharge_power_limit",
}


def unit_samples(units: Sequence[Unit]) -> Iterator[Sample]:
    """Yield what the devices are."""
    for unit in units:
        if unit.serial:
            words = (unit.kind, unit.name, unit.firmware, unit.role)
            labels = (unit.serial, *(word if word.isprintable() else "" for word in words))
            yield Sample(UNIT, 1.0, labels, "deviceType, deviceName, softwareVersion", "devices")


def link_samples(links: Sequence[Mapping[str, object]]) -> Iterator[Sample]:
    """Yield to which batteries the Links belong."""
    for link in links:
        serial, head = link.get("sn"), link.get("head")
        if isinstance(serial, str) and isinstance(head, str) and serial.isprintable() and serial:
            yield Sample(LINK, 1.0, (serial, head), "items[].sn", "batteries")


def derived(samples: Sequence[Sample], units: Sequence[Unit]) -> Iterator[Sample]:
    """Yield what there is one of in the whole station: of its only battery head, its only meter."""
    told: dict[str, list[Sample]] = {}
    for sample in samples:
        told.setdefault(sample.quantity.name, []).append(sample)

    def only(name: str) -> Sample | None:
        found = told.get(name, [])
        return found[0] if len(found) == 1 else None

    heads = [unit.serial for unit in heads_of(units)]
    if len(heads) == 1:
        for ours, name in _OF_THE_ONLY_HEAD.items():
            for sample in told.get(ours, []):
                if sample.labels == (heads[0],):
                    yield Sample(CATALOGUE[name], sample.value, (), sample.source, sample.group)
    frequency = only("meter_frequency")
    if frequency is not None:
        yield Sample(CATALOGUE["grid_frequency"], frequency.value, (), frequency.source, frequency.group)
    blocking, threshold = only("izypower_injection_blocking"), only("izypower_injection_threshold")
    if blocking is not None and threshold is not None and blocking.value == 1 and threshold.value <= 0:
        limit = -threshold.value + 0.0
        yield Sample(CATALOGUE["grid_export_limit"], limit, (), threshold.source, threshold.group)
