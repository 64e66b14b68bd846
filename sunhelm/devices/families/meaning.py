"""What the words of one register mean, worked out when they change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import tzinfo
from types import MappingProxyType
from typing import Final

from sunhelm.devices.guards import Bounds
from sunhelm.devices.reading import Guard, Held, Sample
from sunhelm.devices.registers import codec
from sunhelm.devices.registers.figures import Figures, Share
from sunhelm.devices.registers.register import Register
from sunhelm.devices.registers.words import WIDER

_NONE: Final[Mapping[str, float]] = MappingProxyType({})


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
        self.group = group
        self._both = self._joined(labels, zone)
        self._last: tuple[tuple[int, ...], int] | None = None
        self._meaning = Meaning()

    def _joined(self, labels: Mapping[str, str], zone: tzinfo) -> codec.Decoder | None:
        """Return what decodes the word together with the one above it.

        None where nobody could tell whether they belong together, because the device's own figure is unknown.
        """
        register = self._register
        told = (register.minimum is None or self._bounds.low is not None) and (
            register.maximum is None or self._bounds.high is not None
        )
        if not register.high or not told:
            return None
        both = replace(register, type=WIDER[register.type.name])
        return codec.Decoder(both, labels, zone=zone, group=self.group)

    def __call__(self, words: tuple[int, ...], exponent: int) -> Meaning:
        """Return what these words mean; `exponent` is that of the register's scale register.

        A register with a high word has two words here, the low one first.
        """
        if self._last != (words, exponent):
            register = self._register
            if register.high:
                self._meaning = self._with_high_word(words)
            elif register.quantity is None and register.code is None:
                self._meaning = Meaning(value=codec.plain_value(register, words, exponent=exponent))
            else:
                self._meaning = self._guarded(self._decode(words, exponent))
            self._last = words, exponent
        return self._meaning

    def _with_high_word(self, words: tuple[int, ...]) -> Meaning:
        """Return what both words mean where that can be, else what the low one means alone."""
        if self._both is not None:
            both = self._guarded(self._both(words))
            if not any(held.guard is Guard.BOUNDS for held in both.held):
                return both
        alone = self._decode(words[:1])
        samples = tuple(each for each in alone if isinstance(each, Sample))
        held = tuple(each for each in alone if isinstance(each, Held))
        return Meaning(samples, held, samples[0].value if samples else None)

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


def bounds_of(register: Register, owners: Figures, told: Mapping[str, float] = _NONE) -> Bounds:
    """Return what the register's value may be on this device, in base units.

    `told` are the figures that the device tells of itself; what the owner says counts more.
    """
    low, high = register.minimum, register.maximum
    return Bounds(_bound(register, low, owners, told), _bound(register, high, owners, told))


def _bound(
    register: Register, bound: float | Share | None, owners: Figures, told: Mapping[str, float]
) -> float | None:
    if isinstance(bound, Share):
        return bound.of(owners, told)
    return None if bound is None else float(bound * float(register.factor) + float(register.shift))
