"""One device of registers: which parts it has, what to read of them, what the words mean."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import astuple, dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Protocol
from zoneinfo import ZoneInfo

from sunhelm.devices.clock import Clock, Deadline
from sunhelm.devices.errors import DeviceError, Reason, Rejected
from sunhelm.devices.families import snapshot
from sunhelm.devices.families.blocks import BlockReader, Words
from sunhelm.devices.families.chain import ChainDiscovery
from sunhelm.devices.families.meaning import Interpreter, bounds_of
from sunhelm.devices.families.parts import Discovery, FoundPart
from sunhelm.devices.families.refusals import Place, Unsupported, place_of
from sunhelm.devices.families.silence import Silence
from sunhelm.devices.families.source import Fetched, Group, Setting
from sunhelm.devices.families.spec import FamilySpec, Part
from sunhelm.devices.families.totals import totals
from sunhelm.devices.links.base import RegisterLink
from sunhelm.devices.quantities import CATALOGUE
from sunhelm.devices.reading import Guard, Held, Outcome, Sample
from sunhelm.devices.registers import codec
from sunhelm.devices.registers.register import NEVER_READ, Register, RegisterMap

if TYPE_CHECKING:
    from sunhelm.devices.device_config import DeviceConfig

DISCOVERY: Final = "discovery"
"""The group that looks again, hourly, for parts that were added; it has no samples."""

_JUST_LOOKED_S: Final = 60.0
"""A look for parts that is younger than this is as good as a new one."""

_DOUBTFUL_S: Final = (60.0, 480.0)
"""A look that may have missed parts is repeated after so long, and then as usual."""

Values = Mapping[str, Mapping[str, float | str]]
"""What was last read, by part and register name: numbers in base units, and texts."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What a device says it is; empty where it does not say."""

    vendor: str = ""
    model: str = ""
    serial: str = ""
    firmware: str = ""


class _Family(Protocol):
    """What a source asks of its family."""

    name: str
    spec: FamilySpec

    def derive(self, samples: Sequence[Sample], values: Values) -> Iterable[Sample]: ...

    def identity(self, config: DeviceConfig, values: Values) -> Identity: ...


@dataclass(slots=True)
class _Decoded:
    """What the words of one part mean: samples and held values by group, values by register name."""

    samples: dict[str, list[Sample]] = field(default_factory=dict)
    held: dict[str, list[Held]] = field(default_factory=dict)
    values: dict[str, float | str] = field(default_factory=dict)


class RegisterSource:
    """A device read through a `RegisterLink`; implements `Source`."""

    def __init__(
        self,
        family: _Family,
        config: DeviceConfig,
        link: RegisterLink,
        *,
        map_of: Callable[[Part], RegisterMap],
        zone: ZoneInfo,
        clock: Clock,
    ) -> None:
        self._family = family
        self._config = config
        self._zone = zone
        self._clock = clock
        self.link = link
        self.unsupported = Unsupported()
        self.parts: tuple[FoundPart, ...] = ()
        self._blocks = BlockReader(link, family.spec.reading(config.read_words), self.unsupported)
        spec = family.spec
        bases = () if config.base is None else (config.base,)
        self._discovery = (
            ChainDiscovery(spec.chain, spec.parts, config.units, map_of, bases or spec.chain.bases)
            if spec.chain
            else Discovery(spec.parts_of(config.model), config.units, map_of, alternatives=spec.alternatives)
        )
        self._select = lru_cache(maxsize=1024)(self._selection)
        self._groups = lru_cache(maxsize=16)(self._groups_of)
        self._interpreter = lru_cache(maxsize=None)(self._interpreter_of)
        self._values: dict[str, dict[str, float | str]] = {}
        self._told: set[Place] = set()
        self._missed: set[str] = set()
        self._looked_at: float | None = None
        self._looked_in_vain = False
        self._looks = 0

    @property
    def values(self) -> Values:
        """What was last read."""
        return self._values

    def turn(self, deadline: Deadline) -> AbstractAsyncContextManager[None]:
        return self.link.turn(deadline)

    async def prepare(self, deadline: Deadline) -> None:
        self._looked_at = None  # a look of an earlier read, which did not end well, tells too little
        if not self.parts:
            in_vain, self._looked_in_vain = self._looked_in_vain, True
            self.parts = await self._discovery.find(self.link, deadline)
            if not self.parts and self._family.spec.parts:
                raise Rejected(f"nothing that family {self._family.name} knows answers")
            # A look after one that failed builds on what that one learnt in the trouble of the device.
            self._looked_at = None if in_vain else self._clock.monotonic()
        self._blocks.begin(Silence(deadline.within(self._family.spec.scrape.timeout)))

    async def close(self) -> None:
        await self.link.close()

    def groups(self) -> Sequence[Group]:
        if not self.parts:
            return ()
        groups = self._groups(self.unsupported.current(self._clock.time()))
        if self._looks < len(_DOUBTFUL_S) and self._discovery.doubtful:
            soon = Group(DISCOVERY, _DOUBTFUL_S[self._looks])
            return [soon if group.name == DISCOVERY else group for group in groups]
        return groups

    def _groups_of(self, refused: frozenset[Place]) -> Sequence[Group]:
        """Return the groups that are left when these registers are refused."""
        tiers = self._family.spec.tiers
        groups = [
            Group(self._group_name(part, name), tiers.get(name, 0.0))
            for part in self.parts
            for name in dict.fromkeys(register.group for register in self._select(part.name, None, refused))
        ]
        probed = (part.probe and part.name not in self._config.units for part in self._family.spec.parts)
        if self._family.spec.chain or any(probed):
            groups.append(Group(DISCOVERY, tiers.get("identity", 3600.0)))
        return tuple(groups)

    def plan(self, groups: Iterable[str]) -> tuple[str, ...]:
        """Return the requests that a read of these groups takes, as text for a person."""
        return tuple(
            str(span)
            for part in self.parts
            for span in self._blocks.plan(
                part, _with_needs(part, self._wanted(part, frozenset(groups))), self._clock.time()
            )
        )

    async def fetch(self, groups: Sequence[str], deadline: Deadline) -> Mapping[str, Fetched]:
        started = self._clock.monotonic()
        fetched: dict[str, Fetched] = {}
        wave = frozenset(groups)
        if DISCOVERY in wave:
            fetched[DISCOVERY] = await self._discover(deadline)
        for part in self.parts:
            wanted = self._wanted(part, wave)
            if wanted:
                words = await self._blocks.read(part, _with_needs(part, wanted), deadline)
                fetched.update(self._results(part, wanted, words, started))
        return fetched

    def derive(self, samples: Sequence[Sample], groups: Collection[str]) -> Iterator[Sample]:
        for part in self.parts:
            names = {derived.group: self._group_name(part, derived.group) for derived in part.part.derived}
            yield from totals(part, self._values.get(part.name, {}), names, groups)
        doubtful = self._doubtful()
        for sample in self._family.derive(samples, self._values):
            if sample.group not in doubtful:
                yield sample
        identity = self._family.identity(self._config, self._values)
        awaited = "serial" in self._family.spec.identity and not identity.serial
        if awaited and not any(group.endswith("identity") for group in groups):
            return  # it would be shown without its serial number now, and as another device later
        yield Sample(CATALOGUE["device"], 1.0, astuple(identity), "what the device says of itself")

    def _doubtful(self) -> frozenset[str]:
        """Return the groups that lack a register which the device has told before, and refuses since shortly.

        A total of such a group would be that of what is left.
        """
        refused = self.unsupported.current(self._clock.time())
        return frozenset(
            self._group_name(part, register.group)
            for part in self.parts
            for register in (part.map.registers if refused else ())
            if (place := place_of(part, register)) in refused
            and place in self._told
            and not self.unsupported.is_settled(place)
        )

    def remarks(self) -> Iterable[Sample]:
        return ()

    async def dump(self, deadline: Deadline) -> Mapping[str, object]:
        return await snapshot.dump(self._blocks, self.parts, self._discovery.landmarks, deadline)

    async def settings(self, deadline: Deadline) -> Mapping[str, Setting]:
        return await snapshot.settings(self._blocks, self.parts, deadline)

    async def _discover(self, deadline: Deadline) -> Fetched:
        started = self._clock.monotonic()
        requests = self.link.statistics.requests
        looked_at, self._looked_at = self._looked_at, None
        if looked_at is not None and started - looked_at < _JUST_LOOKED_S:
            return Fetched(Outcome(taken_at=self._clock.time()))
        self._looks += 1
        try:
            found = await self._discovery.find(self.link, deadline)
            missed = {part.name for part in self.parts} - {part.name for part in found}
            if not missed <= self._missed:
                # Trouble during a look must not cost a part its values until the next one.
                self._missed = missed
                names = ", ".join(sorted(missed))
                return Fetched(Outcome(Reason.REJECTED, f"{names} not found any more; looked for once more"))
            self.parts, self._missed = found, set()
            self._select.cache_clear()
            self._groups.cache_clear()
            self._interpreter.cache_clear()
            there = {part.name for part in self.parts}
            self._values = {name: values for name, values in self._values.items() if name in there}
        except DeviceError as error:
            return Fetched(Outcome(error.reason, str(error)))
        return Fetched(
            Outcome(
                taken_at=self._clock.time(),
                requests=self.link.statistics.requests - requests,
                waited_s=self._clock.monotonic() - started,
            )
        )

    def _group_name(self, part: FoundPart, group: str) -> str:
        spec = self._family.spec
        return group if spec.alternatives or len(spec.parts) == 1 else f"{part.name}_{group}"

    def _wanted(self, part: FoundPart, groups: frozenset[str] | None) -> tuple[Register, ...]:
        """Return the registers of these groups that are read: in the profile, and not refused."""
        return self._select(part.name, groups, self.unsupported.current(self._clock.time()))

    def _selection(
        self, part_name: str, groups: frozenset[str] | None, refused: frozenset[Place]
    ) -> tuple[Register, ...]:
        part = next(part for part in self.parts if part.name == part_name)
        full = self._config.profile == "full"

        def is_read(register: Register) -> bool:
            return (
                register.access != "w"
                and register.group != NEVER_READ
                and (full or register.profile == "core")
                and (groups is None or self._group_name(part, register.group) in groups)
                and place_of(part, register) not in refused
                and (not register.instead_of or place_of(part, part.map[register.instead_of]) in refused)
            )

        return tuple(register for register in part.map.registers if is_read(register))

    def _results(
        self, part: FoundPart, wanted: Sequence[Register], words: Words, started: float
    ) -> Iterator[tuple[str, Fetched]]:
        doubtful = {doubt.register.name for doubt in words.doubts}
        believed = [r for r in wanted if r.group not in words.errors and r.name not in doubtful]
        decoded = self._decode(part, believed, words)
        values = self._values.setdefault(part.name, {})
        for register in wanted:
            values.pop(register.name, None)
        values.update(decoded.values)
        self._told.update(place_of(part, register) for register in wanted if register.name in decoded.values)
        for register in words.refused:
            name = self._group_name(part, register.group)
            decoded.held.setdefault(name, []).append(
                Held(Guard.UNSUPPORTED, name, register.place, f"the device refuses it at unit {part.unit}")
            )
        groups = dict.fromkeys(register.group for register in wanted)
        for doubt in words.doubts:  # a serial number may stand between the registers of another group
            group = doubt.register.group if doubt.register.group in groups else next(iter(groups))
            name = self._group_name(part, group)
            held = Held(doubt.guard, name, doubt.register.place, doubt.detail)
            decoded.held.setdefault(name, []).append(held)
        for group in groups:
            name = self._group_name(part, group)
            error = words.errors.get(group)
            outcome = Outcome(
                reason=error.reason if error else None,
                detail=str(error) if error else "",
                taken_at=words.taken_at.get(group, self._clock.time()),
                requests=words.requests.get(group, 0),
                waited_s=self._clock.monotonic() - started,
            )
            samples = () if error else tuple(decoded.samples.get(name, ()))
            yield name, Fetched(outcome, samples, tuple(decoded.held.get(name, ())))

    def _decode(self, part: FoundPart, registers: Sequence[Register], words: Words) -> _Decoded:
        decoded = _Decoded()
        left_out = _without_companion(part, words)
        for register in registers:
            own = _own_words(part, register, words)
            exponent = self._exponent(part, register, words)
            if own is None or exponent is None:
                continue
            interpreter = self._interpreter(part.name, register)
            group = interpreter.group
            if register.name in left_out:
                detail = f"not there while {left_out[register.name]} is 0"
                decoded.held.setdefault(group, []).append(Held(Guard.SENTINEL, group, register.place, detail))
                continue
            meaning = interpreter(own, exponent)
            decoded.samples.setdefault(group, []).extend(meaning.samples)
            decoded.held.setdefault(group, []).extend(meaning.held)
            if meaning.value is not None:
                decoded.values[register.name] = meaning.value
        return decoded

    def _interpreter_of(self, part_name: str, register: Register) -> Interpreter:
        part = next(part for part in self.parts if part.name == part_name)
        group = self._group_name(part, register.group)
        bounds = bounds_of(register, self._config, part.figures)
        return Interpreter(register, part.labels, zone=self._zone, group=group, bounds=bounds)

    @staticmethod
    def _exponent(part: FoundPart, register: Register, words: Words) -> int | None:
        """Return the decimal exponent of a register; None when it has one that was not read."""
        if not register.scale_register:
            return 0
        scale = part.map[register.scale_register]
        own = words.of(scale)
        return None if own is None else codec.exponent_of(scale, own)


def _own_words(part: FoundPart, register: Register, words: Words) -> tuple[int, ...] | None:
    """Return the words of a register, with its high word where that stands apart; None when not all came."""
    own = words.of(register)
    if own is None or not register.high:
        return own
    high = words.of(part.map[register.high])
    return None if high is None else own + high


def _with_needs(part: FoundPart, wanted: Sequence[Register]) -> list[Register]:
    """Return the registers, and those without which they tell nothing."""
    needed = {name for register in wanted for name in register.needs}
    missing = needed - {register.name for register in wanted}
    return [*wanted, *(part.map[name] for name in sorted(missing))]


def _without_companion(part: FoundPart, words: Words) -> Mapping[str, str]:
    """Return the registers to leave out, each with the companion that reads 0."""
    return {
        name: companion
        for companion, names in part.part.companions.items()
        if (own := words.of(part.map[companion])) is not None and not any(own)
        for name in names
    }
