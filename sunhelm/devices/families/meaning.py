"""What the words of one register mean, worked out when they change."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from typing import TYPE_CHECKING, Final

from sunhelm.devices.guards import Bounds
from sunhelm.devices.reading import Guard, Held, Sample
from sunhelm.devices.registers import codec
from sunhelm.devices.registers.register import Register

if TYPE_CHECKING:
    from sunhelm.devices.device_config import DeviceConfig

_FIGURE: Final = re.compile(r"(-?)(rated_power|capacity)(?:\*([0-9.]+))?")


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a register says: samples, values that a guard held back, and what it is to sums and identity.

    `value` is a number in its base unit, or text; None when the device has none there.
    """

    samples: tuple[Sample, ...] = ()
    held: tuple[Held, ...] = ()
    value: float | str | None = None


class Interpreter:
    """Tells what the words of one register mean.

    Most registers hold the same from read to read: the same words give the same objects again, which
    whoever comes after can tell apart from changed ones at no cost.
    """

    def __init__(
        self, register: Register, labels: Mapping[str, str], *, zone: tzinfo, group: str, bounds: Bounds
    ) -> None:
        """`labels` are those of the part, `group` is the name that the register's group has outside."""
        self._register = register
        self._decode = codec.Decoder(register, labels, zone=zone, group=group)
        self._bounds = bounds
        self._last: tuple[tuple[int, ...], int] | None = None
        self._meaning = Meaning()
        self.group = group

    def __call__(self, words: tuple[int, ...], exponent: int) -> Meaning:
        """Return what these words mean; `exponent` is that of the register's scale register."""
        if self._last != (words, exponent):
            register = self._register
            if register.quantity is None and register.code is None:
                self._meaning = Meaning(value=codec.plain_value(register, words, exponent=exponent))
            else:
                self._meaning = self._guarded(self._decode(words, exponent))
            self._last = words, exponent
        return self._meaning

    def _guarded(self, results: Iterable[Sample | Held]) -> Meaning:
        """Sort what the codec made of the words, and hold back what is out of bounds."""
        samples: list[Sample] = []
        held: list[Held] = []
        value: float | str | None = None
        for result in results:
            if isinstance(result, Held):
                held.append(result)
                continue
            if result.quantity.kind != "state":
                if not self._bounds.allow(result.value):
                    detail = f"{result.value:g} is not within {self._bounds}"
                    held.append(Held(Guard.BOUNDS, self.group, result.source, detail))
                    continue
                value = result.labels[-1] if self._register.type.is_text else result.value
            samples.append(result)
        return Meaning(tuple(samples), tuple(held), value)


def bounds_of(register: Register, config: DeviceConfig) -> Bounds:
    """Return what the register's value may be on this device, in base units."""
    return Bounds(_bound(register, register.minimum, config), _bound(register, register.maximum, config))


def _bound(register: Register, bound: float | str | None, config: DeviceConfig) -> float | None:
    """Return a bound in base units; None where the owner has not told the device's own figure."""
    if bound is None:
        return None
    if not isinstance(bound, str):
        return float(bound * float(register.factor) + float(register.shift))
    match = _FIGURE.fullmatch(bound)
    assert match is not None, "the map loader checks this"
    figure: float | None = getattr(config, match[2])
    return None if figure is None else float(f"{match[1]}1") * figure * float(match[3] or 1)
