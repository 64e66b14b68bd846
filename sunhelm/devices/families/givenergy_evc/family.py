"""What the registers of the charger do not say by themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from sunhelm.devices.charging import LEAST_A
from sunhelm.devices.families.base import RegisterFamily
from sunhelm.devices.families.register_source import Values
from sunhelm.devices.quantities import Quantity
from sunhelm.devices.reading import Sample

PART: Final = "charger"
_GROUP: Final = "settings"
_MOST_A: Final = 32.0
_TENTHS_FROM: Final = 60


def _limit(which: str, text: str) -> Quantity:
    return Quantity(f"givenergy_evc_hardware_{which}_current", "amperes", "gauge", text)


_QUANTITIES: Final = {
    "hardware_minimum": _limit("minimum", "The least current that the charger can offer."),
    "hardware_maximum": _limit("maximum", "The greatest current that the charger can offer."),
}


class Family(RegisterFamily):
    """The family `givenergy_evc`."""

    @property
    def offers(self) -> Mapping[str, Sequence[Quantity]]:
        offers = dict(super().offers)
        offers["settings"] = [*offers["settings"], *_QUANTITIES.values()]
        return offers

    def derive(self, samples: Sequence[Sample], values: Values) -> Iterable[Sample]:
        """Yield the limits of the hardware, which one program found in amperes and another in tenths."""
        told = values.get(PART, {}) if any(sample.group == _GROUP for sample in samples) else {}
        for name, quantity in _QUANTITIES.items():
            raw = told.get(name)
            if isinstance(raw, float | int) and raw:
                yield Sample(quantity, amperes(raw), (), name, _GROUP)


def amperes(raw: float) -> float:
    """Return the current that a limit of the hardware means: small numbers are amperes, others tenths."""
    return raw / 10 if raw >= _TENTHS_FROM else float(raw)


def greatest(raw: float) -> float:
    """Return the greatest limit that may be written; 32 A where the charger tells nothing that can be."""
    told = amperes(raw)
    return min(told, _MOST_A) if told >= LEAST_A else _MOST_A
