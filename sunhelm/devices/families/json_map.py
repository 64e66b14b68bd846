"""Maps of JSON values: a CSV file says where each value stands in an answer, and what it becomes.

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
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from importlib.resources.abc import Traversable
from typing import Final, get_args

from sunhelm.devices.families.json_values import NO_RENAMES, JsonMap, JsonValue, Renames, Step, Type
from sunhelm.devices.quantities import CATALOGUE, Quantity
from sunhelm.devices.registers.figures import UNITS_OF_FIGURES, Share
from sunhelm.devices.registers.register import Profile
from sunhelm.devices.registers.vendor import Shape, quantities
from sunhelm.devices.units import BASE_UNITS, Conversion

_COLUMNS: Final = (
    *("path", "type", "unit", "scale", "group", "profile", "name", "quantity", "labels"),
    *("min", "max", "names", "vendor", "note"),
)
_TYPES: Final[Sequence[Type]] = get_args(Type)
_STEP: Final = re.compile(r"([A-Za-z0-9_]+)(?:\[([a-z_]+)(?:=([A-Za-z0-9_]+))?\])?")


class JsonMapError(ValueError):
    """The file is wrong; `mistakes` says all that is, each with its line."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = tuple(mistakes)


def load_json_map(file: Traversable, *, family: str, renames: Renames = NO_RENAMES) -> JsonMap:
    """Return what a CSV file says. Raises JsonMapError with all its mistakes."""
    rows = list(csv.DictReader(file.read_text(encoding="utf-8").splitlines(), strict=True))
    mistakes: list[str] = []
    values: list[JsonValue] = []
    for line, row in enumerate(rows, 2):
        try:
            values.append(_value(row, family))
        except (ValueError, ZeroDivisionError) as error:
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
    """Return what one row says. Raises ValueError, and ZeroDivisionError for 1/0."""
    if unknown := [column for column in row if column not in _COLUMNS]:
        raise ValueError(f"unknown columns {unknown}")
    cells = {column: (row.get(column) or "").strip() for column in _COLUMNS}
    kind = _type(cells["type"] or "number")
    steps = tuple(_steps(cells["path"]))
    names = dict(entry.split("=") for entry in cells["names"].split(";") if entry)
    if bool(names) != (kind == "state"):
        raise ValueError("a state has names, and nothing else has")
    labels = dict(entry.split("=") for entry in cells["labels"].split(";") if entry)
    if cells["unit"] not in BASE_UNITS:
        raise ValueError(f'"{cells["unit"]}" is no unit')
    conversion = BASE_UNITS[cells["unit"]]
    if cells["profile"] not in ("", *get_args(Profile)):
        raise ValueError(f'"{cells["profile"]}" is no profile')
    all_labels = (*(step.label for step in steps if step.label), *labels)
    return JsonValue(
        path=cells["path"],
        steps=steps,
        type=kind,
        quantity=_quantity(cells, family, kind, conversion.base, all_labels),
        conversion=conversion,
        scale=Fraction(cells["scale"] or 1),
        group=cells["group"] or "live",
        profile=cells["profile"] or "core",
        name=cells["name"],
        names=names,
        labels=labels,
        low=_bound(cells["min"], conversion),
        high=_bound(cells["max"], conversion),
    )


def _type(text: str) -> Type:
    for kind in _TYPES:
        if text == kind:
            return kind
    raise ValueError(f'"{text}" is no type')


def _steps(path: str) -> Iterator[Step]:
    for part in path.split("."):
        match = _STEP.fullmatch(part)
        if match is None:
            raise ValueError(f'"{part}" is no step of a path')
        yield Step(match[1], match[2] or "", match[3] or "")


def _bound(text: str, conversion: Conversion) -> float | Share | None:
    """Return a bound, of the vendor's unit in text, in the base unit."""
    share = Share.parse(text)
    if share is None:
        return float(Fraction(text) * conversion.factor + conversion.offset) if text else None
    if conversion.base not in UNITS_OF_FIGURES[share.figure]:
        raise ValueError(f"{share.figure} does not bound what is in {conversion.base or 'no unit'}")
    return share


def _quantity(
    cells: Mapping[str, str], family: str, kind: Type, unit: str, labels: tuple[str, ...]
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
