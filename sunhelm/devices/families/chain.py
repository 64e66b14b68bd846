"""Finding parts that stand in a chain of models, as SunSpec has it: each device has its own addresses."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Final

from sunhelm.devices.clock import Deadline
from sunhelm.devices.errors import Rejected
from sunhelm.devices.families.models import HEADER, Model, Place, fitted, moved
from sunhelm.devices.families.parts import FoundPart
from sunhelm.devices.families.spec import Chain, Part
from sunhelm.devices.links.base import RegisterLink, Span, Table
from sunhelm.devices.registers import codec
from sunhelm.devices.registers.register import Register, RegisterMap

_ADDRESSES: Final = 1 << 16
_MOST_MODELS: Final = 100
"""No device has so many; one that seems to does not speak of models."""

_Spot = tuple[int, Model]
"""The unit id and the model."""


@dataclass(frozen=True, slots=True)
class _Asker:
    """Reads a few words, until a deadline; `said` keeps them, by unit id and address."""

    link: RegisterLink
    deadline: Deadline
    said: dict[int, dict[int, int]]

    async def words(self, unit: int, address: int, count: int) -> tuple[int, ...]:
        """Return what stands there; nothing when the device refuses."""
        try:
            words = await self.link.read(Span(unit, Table.HOLDING, address, count), self.deadline)
        except Rejected:
            return ()
        self.said.setdefault(unit, {}).update(enumerate(words, address))
        return words


@dataclass(slots=True)
class _Walk:
    """How far the chain at one unit id is known.

    `tried` counts the bases without the mark. `next` is the address of the next header, None before the mark
    was found.
    """

    tried: int = 0
    next: int | None = None
    done: bool = False
    models: list[Model] = field(default_factory=list)


@dataclass(slots=True)
class ChainDiscovery:
    """Looks for the parts of one device, and goes on where it stopped when a deadline cut it short.

    `units` are the unit ids that the owner configured, by part; they replace those of the family. `bases` are
    the addresses where a chain may begin. A found part has a map of its own: with the addresses of this
    device, and only what the model is long enough for. `landmarks` are the words that led there, those of
    models that no part takes among them. A look is never `doubtful`: a chain is read to its end.
    """

    doubtful: ClassVar[bool] = False

    chain: Chain
    parts: Sequence[Part]
    units: Mapping[str, Sequence[int]]
    map_of: Callable[[Part], RegisterMap]
    bases: Sequence[int]
    landmarks: dict[int, dict[int, int]] = field(default_factory=dict)
    _walks: dict[int, _Walk] = field(default_factory=dict)
    _counts: dict[_Spot, int] = field(default_factory=dict)
    _maps: dict[tuple[str, Place], RegisterMap] = field(default_factory=dict)

    async def find(self, link: RegisterLink, deadline: Deadline) -> tuple[FoundPart, ...]:
        """Return the parts that the chains have, in the order of the family.

        Raises Rejected when a required part is missing, else what the link raises.
        """
        if not self._walks:
            self.landmarks.clear()
        asker = _Asker(link, deadline, self.landmarks)
        for unit in dict.fromkeys(unit for part in self.parts for unit in self._candidates(part)):
            await self._walk(unit, asker)
        spots: dict[str, Sequence[_Spot]] = {}
        for part in self.parts:
            own = () if spots.keys() & set(part.instead_of) else self._spots(part)
            if part.required and not own:
                missing = self._missing(part)
                self._walks.clear()
                raise Rejected(missing)
            if own:
                spots[part.name] = own
        for part in self.parts:
            for spot in spots.get(part.name, ()):
                await self._count(part, spot, asker)
        maker = await self._maker(spots, asker)
        found = tuple(
            self._found(part, number, spot, there=spots, maker=maker)
            for part in self.parts
            for number, spot in enumerate(spots.get(part.name, ()), 1)
        )
        self._walks.clear()
        self._counts.clear()
        return found

    def _candidates(self, part: Part) -> Sequence[int]:
        return self.units.get(part.name, part.units)

    def _spots(self, part: Part) -> Sequence[_Spot]:
        """Return where the part stands."""
        spots = [
            (unit, model)
            for unit in self._candidates(part)
            for model in self._walks[unit].models
            if model.id in part.models
        ]
        if part.sole and len(spots) > 1:
            return ()
        return spots if part.every else spots[:1]

    def _missing(self, part: Part) -> str:
        units = self._candidates(part)
        where = f"unit {' or '.join(map(str, units))}"
        met = sorted({model.id for unit in units for model in self._walks[unit].models})
        if met:
            wanted = " or ".join(map(str, part.models))
            return f"no {part.name} (model {wanted}) at {where}; its models are {', '.join(map(str, met))}"
        bases = " or ".join(map(str, self.bases))
        return f'no "{self.chain.mark}" at address {bases} of {where}'

    async def _walk(self, unit: int, asker: _Asker) -> None:
        """Read the headers of the chain at this unit id; no models when there is no chain."""
        walk = self._walks.setdefault(unit, _Walk())
        mark = tuple(self.chain.mark.encode("latin-1"))
        while walk.next is None and walk.tried < len(self.bases):
            base = self.bases[walk.tried]
            words = await asker.words(unit, base, len(mark) // 2)
            if tuple(byte for word in words for byte in divmod(word, 256)) == mark:
                walk.next = base + len(words)
            walk.tried += 1
        while walk.next is not None and not walk.done:
            header = await asker.words(unit, walk.next, HEADER)
            # A device without an end mark refuses the next header; a length of 0 would lead nowhere.
            walk.done = not header or header[0] == self.chain.end or not header[1]
            if not walk.done:
                model = Model(header[0], walk.next, header[1])
                walk.models.append(model)
                walk.next = model.end
                walk.done = model.end + HEADER > _ADDRESSES or len(walk.models) >= _MOST_MODELS

    async def _count(self, part: Part, spot: _Spot, asker: _Asker) -> None:
        """Find out how many repetitions the device says there are; as many as fit when it does not say."""
        if part.repeat is None or spot in self._counts:
            return
        unit, model = spot
        register: Register = self.map_of(part)[part.repeat.count]
        told = None
        if register.end <= model.end - model.base:
            words = await asker.words(unit, model.base + register.address, register.type.words)
            told = codec.plain_value(register, words) if words else None
        fitting = max(0, model.end - model.base - part.repeat.start) // part.repeat.words
        self._counts[spot] = min(fitting, int(told)) if isinstance(told, float) else fitting

    async def _maker(self, spots: Mapping[str, Sequence[_Spot]], asker: _Asker) -> str:
        """Return who made the device, when that matters to one of its parts."""
        name, _, text = self.chain.maker.partition(".")
        matters = any(
            part.name in spots and (part.turned or (part.repeat and part.repeat.tail)) for part in self.parts
        )
        if not matters or name not in spots:
            return ""
        unit, model = spots[name][0]
        register = self.map_of(next(part for part in self.parts if part.name == name))[text]
        words = await asker.words(unit, model.base + register.address, register.type.words)
        return str(codec.plain_value(register, words) or "") if words else ""

    def _found(
        self, part: Part, number: int, spot: _Spot, *, there: Collection[str], maker: str
    ) -> FoundPart:
        unit, model = spot
        written = self.map_of(part)
        tail = self._tail(part, spot, there, maker)
        numbers = range(1, self._counts.get(spot, 0) - len(tail) + 1)
        place = Place(model, (*map(str, numbers), *tail), len(tail), part.turned.get(maker, ()))
        key = (part.name, place)
        if key not in self._maps:
            self._maps[key] = moved(written, place, part.repeat)
        return FoundPart(
            name=f"{part.name}_{number}" if part.every or part.label else part.name,
            part=fitted(part, written, self._maps[key], there),
            unit=unit,
            map=self._maps[key],
            labels={part.label: str(number)} if part.label else {},
        )

    def _tail(self, part: Part, spot: _Spot, there: Collection[str], maker: str) -> tuple[str, ...]:
        """Return the names of the last repetitions that are something else."""
        if part.repeat is None or part.repeat.tail_with not in there:
            return ()
        tail = part.repeat.tail.get(maker, ())
        return tail if len(tail) < self._counts[spot] else ()
