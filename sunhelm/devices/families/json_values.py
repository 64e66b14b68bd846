"""Values in answers of JSON, as data: a CSV file says where each stands and what it becomes.

Columns: `path, type, unit, scale, group, profile, name, quantity, labels, min, max, names, vendor, note`.

- `path`: keys parted by points. `Phases[phase=Id].Voltage` is one value for each member of a list, labelled
  by what the member says under `Id`; `PVs[string].Power` by its number, from 1.
- `type`: `number` (the default), `amount` (a number, or text of one that may bear its unit), `state` (one of
  the texts in `names`), `text`, `time` (ISO 8601), `flag`.
- `unit` and `scale` make the vendor's unit, and from that ours; `min` and `max` are in the vendor's, or a
  name: `rated_power`, `-rated_power`, `capacity`, optionally `*1.3`.
- `quantity`: a name of the catalogue; empty for one of the vendor called `name`; `~other` for one that
  several rows share; with `!counter` behind it, it only grows. `-` is read only for others.
- `labels`: fixed ones, `phase=L1;string=2`. `names`: `OK=ok;Offline=offline`.
- `group`, `profile`, `vendor` and `note` are as in register maps.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, cast, get_args

from sunhelm.devices.families.amount_texts import amount, says_nothing
from sunhelm.devices.guards import Bounds
from sunhelm.devices.links.answers import utc
from sunhelm.devices.quantities import CATALOGUE, Quantity
from sunhelm.devices.reading import Guard, Held, Sample
from sunhelm.devices.registers.vendor import Shape, quantities
from sunhelm.devices.units import BASE_UNITS, Conversion

if TYPE_CHECKING:
    from sunhelm.devices.device_config import DeviceConfig

Type = Literal["number", "amount", "state", "text", "time", "flag"]
Renames = Mapping[str, Mapping[str, str]]
"""For a label, our word for each word of the vendor's: {"phase": {"A": "L1"}}."""

_COLUMNS: Final = (
    *("path", "type", "unit", "scale", "group", "profile", "name", "quantity", "labels"),
    *("min", "max", "names", "vendor", "note"),
)
_STEP: Final = re.compile(r"([A-Za-z0-9_]+)(?:\[([a-z_]+)(?:=([A-Za-z0-9_]+))?\])?")
_FIGURE: Final = re.compile(r"(-?)(rated_power|capacity)(?:\*([0-9.]+))?")
NO_RENAMES: Final[Renames] = MappingProxyType({})


class JsonMapError(Exception):
    """The file is wrong; `mistakes` says all that is, each with its line."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = tuple(mistakes)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a path: a key, and for a list the label of its members and the key that tells it."""

    key: str
    label: str = ""
    told_by: str = ""


@dataclass(frozen=True, slots=True)
class JsonValue:
    """One row: where a value stands, and what it becomes."""

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
    low: str
    high: str

    def bounds(self, config: DeviceConfig) -> Bounds:
        """Return what the value may be on this device, in its base unit."""
        return Bounds(self._bound(self.low, config), self._bound(self.high, config))

    def in_base_unit(self, number: float) -> float:
        """Return what a number of the vendor's is in our unit, in one rounding."""
        exact = Fraction(number) if isinstance(number, int) else Fraction(repr(number))
        return float(exact * self.scale * self.conversion.factor + self.conversion.offset)

    def _bound(self, text: str, config: DeviceConfig) -> float | None:
        if not text:
            return None
        figure = _FIGURE.fullmatch(text)
        if figure is None:
            return float(Fraction(text) * self.conversion.factor + self.conversion.offset)
        own: float | None = getattr(config, figure[2])
        return None if own is None else float(f"{figure[1]}1") * own * float(figure[3] or 1)


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


def load_json_map(file: Traversable, *, family: str, renames: Renames = NO_RENAMES) -> JsonMap:
    """Return what a CSV file says. Raises JsonMapError with all its mistakes."""
    rows = list(csv.DictReader(file.read_text(encoding="utf-8").splitlines(), strict=True))
    mistakes: list[str] = []
    values: list[JsonValue] = []
    for line, row in enumerate(rows, 2):
        try:
            values.append(_value(row, family))
        except ValueError as error:
            mistakes.append(f"{file.name}:{line}: {error}")
    metrics: dict[str, Quantity] = {}
    for value in values:
        if value.quantity is not None:
            first = metrics.setdefault(value.quantity.metric, value.quantity)
            if (first.kind, first.labels) != (value.quantity.kind, value.quantity.labels):
                mistakes.append(f"{file.name}: {value.path}: {first.metric} has another shape elsewhere")
    if mistakes:
        raise JsonMapError(mistakes)
    values = [
        value if value.quantity is None else replace(value, quantity=metrics[value.quantity.metric])
        for value in values
    ]
    return JsonMap(tuple(values), renames)


def _value(row: Mapping[str, str], family: str) -> JsonValue:
    """Return one row. Raises ValueError."""
    if unknown := [column for column in row if column not in _COLUMNS]:
        raise ValueError(f"unknown columns {unknown}")
    cells = {column: (row.get(column) or "").strip() for column in _COLUMNS}
    kind = cells["type"] or "number"
    if kind not in get_args(Type):
        raise ValueError(f'"{kind}" is no type')
    steps = []
    for part in cells["path"].split("."):
        match = _STEP.fullmatch(part)
        if match is None:
            raise ValueError(f'"{part}" is no step of a path')
        steps.append(Step(match[1], match[2] or "", match[3] or ""))
    names = dict(entry.split("=") for entry in cells["names"].split(";") if entry)
    if bool(names) != (kind == "state"):
        raise ValueError("a state has names, and nothing else has")
    labels = dict(entry.split("=") for entry in cells["labels"].split(";") if entry)
    if cells["unit"] not in BASE_UNITS:
        raise ValueError(f'"{cells["unit"]}" is no unit')
    conversion = BASE_UNITS[cells["unit"]]
    for bound in (cells["min"], cells["max"]):
        if bound and not _FIGURE.fullmatch(bound):
            Fraction(bound)
    all_labels = (*(step.label for step in steps if step.label), *labels)
    return JsonValue(
        path=cells["path"],
        steps=tuple(steps),
        type=cast("Type", kind),
        quantity=_quantity(cells, family, kind, conversion.base, all_labels),
        conversion=conversion,
        scale=Fraction(cells["scale"] or 1),
        group=cells["group"] or "live",
        profile=cells["profile"] or "core",
        name=cells["name"],
        names=names,
        labels=labels,
        low=cells["min"],
        high=cells["max"],
    )


def _quantity(
    cells: Mapping[str, str], family: str, kind: str, unit: str, labels: tuple[str, ...]
) -> Quantity | None:
    text, mark, _ = cells["quantity"].partition("!")
    if text == "-":
        return None
    if text and not text.startswith("~"):
        if text not in CATALOGUE:
            raise ValueError(f'"{text}" is not in the catalogue')
        quantity = CATALOGUE[text]
        if quantity.unit != unit or sorted(quantity.labels) != sorted(labels):
            raise ValueError(f"{text} is in {quantity.unit} with the labels {quantity.labels}")
        return quantity
    name = text.removeprefix("~") or cells["name"]
    if not name:
        raise ValueError("has no name")
    shape = {
        **dict.fromkeys(("number", "amount"), Shape("counter" if mark else "gauge", unit, labels)),
        "flag": Shape("gauge", "", labels),
        "time": Shape("gauge", "timestamp_seconds", labels),
        "state": Shape("state", "", labels, "state"),
        "text": Shape("info", "", labels, name),
    }[kind]
    made, _ = quantities(f"{family}_{name}", shape, name, [cells["vendor"]], signed=False)
    return made
