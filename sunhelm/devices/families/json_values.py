"""Values in answers of JSON: where each stands, and the samples that it becomes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

from sunhelm.devices.families.amount_texts import amount, says_nothing
from sunhelm.devices.guards import Bounds
from sunhelm.devices.links.answers import utc
from sunhelm.devices.quantities import Quantity
from sunhelm.devices.reading import Guard, Held, Sample
from sunhelm.devices.registers.figures import Figures, Share
from sunhelm.devices.units import Conversion, in_whole_numbers

if TYPE_CHECKING:
    from sunhelm.devices.device_config import DeviceConfig

Type = Literal["number", "amount", "state", "text", "time", "flag"]
Renames = Mapping[str, Mapping[str, str]]
"""For a label, our word for each word of the vendor's: {"phase": {"A": "L1"}}."""

NO_RENAMES: Final[Renames] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a path: a key, and for a list the label of its members and the key that tells it."""

    key: str
    label: str = ""
    told_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonValue:
    """One value: where it stands, and what it becomes.

    `scale` makes the vendor's unit of what is written, and `conversion` ours of that. `low` and `high` bound
    the value: in our unit, or as a share of a figure of the device.
    """

    path: str
    steps: tuple[Step, ...]
    type: Type
    quantity: Quantity | None
    conversion: Conversion
    scale: Fraction
    group: str
    profile: str
    name: str
    names: Mapping[str, str]
    labels: Mapping[str, str]
    low: float | Share | None
    high: float | Share | None

    _whole: tuple[int, int, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        whole = in_whole_numbers(self.scale * self.conversion.factor, self.conversion.offset)
        object.__setattr__(self, "_whole", whole)

    def bounds(self, owners: Figures) -> Bounds:
        """Return what the value may be on this device, in its base unit."""
        low, high = (
            bound.of(owners) if isinstance(bound, Share) else bound for bound in (self.low, self.high)
        )
        return Bounds(low, high)

    def in_base_unit(self, number: float) -> float:
        """Return what a number of the vendor's is in our unit, in one rounding.

        A float counts as the decimal that was written. Raises OverflowError for what is beyond all floats.
        """
        exact = number if isinstance(number, int) else Decimal(repr(number))
        numerator, denominator = exact.as_integer_ratio()
        multiplier, addend, divisor = self._whole
        return (numerator * multiplier + addend * denominator) / (denominator * divisor)


@dataclass(frozen=True, slots=True)
class JsonMap:
    """All values of one family, in the order of the file."""

    values: tuple[JsonValue, ...]
    renames: Renames = field(default_factory=dict)

    def offers(self) -> dict[str, list[Quantity]]:
        """Return what there is, by group."""
        offers: dict[str, list[Quantity]] = {}
        for value in self.values:
            if value.quantity is not None:
                group = offers.setdefault(value.group, [])
                if value.quantity not in group:
                    group.append(value.quantity)
        return offers

    def wanted(self, group: str, config: DeviceConfig) -> Iterator[tuple[JsonValue, Quantity]]:
        """Yield the values of a group that the device's profile wants, with what each is."""
        for value in self.values:
            if value.group == group and value.quantity and value.profile in ("core", config.profile):
                yield value, value.quantity

    def samples(self, group: str, document: object, config: DeviceConfig) -> Iterator[Sample | Held]:
        """Yield what a document says that holds the values of a group.

        What is null or missing, or cannot be, is a Held and no sample; unknown keys are passed over.
        """
        for value, quantity in self.wanted(group, config):
            for labels, found in _walk(value.steps, document, {}):
                named = {**labels, **value.labels}
                named = {label: self.renames.get(label, {}).get(text, text) for label, text in named.items()}
                yield from _told(value, quantity, named, found, config)


def _told(
    value: JsonValue, quantity: Quantity, labels: Mapping[str, str], found: object, config: DeviceConfig
) -> Iterator[Sample | Held]:
    """Yield what stands at one place."""
    known = tuple(labels[name] for name in quantity.labels if name in labels)

    def held(guard: Guard, detail: str) -> Held:
        return Held(guard, value.group, value.path, detail)

    if found is _MISSING:
        yield held(Guard.UNSUPPORTED, "is not in the answer")
    elif found is None:
        yield held(Guard.SENTINEL, "null means not available")
    elif value.type == "amount" and isinstance(found, str) and says_nothing(found):
        yield held(Guard.SENTINEL, "a text that means not available")
    elif value.type in ("text", "state"):
        yield from _worded(value, quantity, known, found)
    elif (number := _number(value, found)) is None:
        yield held(Guard.BOUNDS, f"{type(found).__name__}: no {value.type} that can be")
    elif not (bounds := value.bounds(config)).allow(number):
        yield held(Guard.BOUNDS, f"{number:g} is not within {bounds}")
    else:
        yield Sample(quantity, number, known, value.path, value.group)


def _worded(
    value: JsonValue, quantity: Quantity, known: tuple[str, ...], found: object
) -> Iterator[Sample | Held]:
    """Yield what a text says: itself, or the state that it names and all that it is not."""
    text = "" if isinstance(found, bool | dict | list) else str(found).strip()
    if not text or not text.isprintable():
        yield Held(Guard.SENTINEL, value.group, value.path, "is no text")
    elif value.type == "text":
        yield Sample(quantity, 1.0, (*known, text), value.path, value.group)
    else:
        for state in dict.fromkeys(value.names.values()):
            on = float(value.names.get(text) == state)
            yield Sample(quantity, on, (*known, state), value.path, value.group)
        if text not in value.names:
            yield Held(Guard.UNKNOWN_CODE, value.group, value.path, f'"{text[:40]}" has no name')


_MISSING: Final = object()


def _walk(
    steps: Sequence[Step], place: object, labels: Mapping[str, str]
) -> Iterator[tuple[Mapping[str, str], object]]:
    """Yield what stands at the end of the steps, None where a step is null, with the labels on the way."""
    for index, step in enumerate(steps):
        if place is None:
            break
        place = place.get(step.key, _MISSING) if isinstance(place, dict) else _MISSING
        if place is _MISSING:
            break
        if step.label and isinstance(place, list):
            for number, member in enumerate(place, 1):
                told = str(member.get(step.told_by, "")) if step.told_by and isinstance(member, dict) else ""
                if told or not step.told_by:
                    yield from _walk(steps[index + 1 :], member, {**labels, step.label: told or str(number)})
            return
        if step.label and place is not None:
            place = _MISSING
            break
    yield labels, place


def _number(value: JsonValue, found: object) -> float | None:
    """Return a finite number in the base unit; None for what is none."""
    if value.type == "time":
        return utc(found)
    if value.type == "flag":
        return float(found) if isinstance(found, bool) else None
    if value.type == "amount" and isinstance(found, str):
        return amount(found, value.conversion, value.scale)
    if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found):
        return None
    try:
        return value.in_base_unit(found)
    except OverflowError:
        return None
