"""The schema of `family.yaml`: all of a family that is data and not a register.

Its fields are documented here and nowhere else; `make docs` prints them for each family.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import reduce
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from sunhelm.devices.amounts import Seconds
from sunhelm.devices.links.base import Table

_Key = TypeVar("_Key", bound=str)
_Told = TypeVar("_Told")

LinkKind = Literal["modbus_tcp", "rtu_over_tcp", "solarman_v5", "givenergy", "sec1000", "http", "none"]


def _period(value: object) -> object:
    return "0s" if value == "every scrape" else value


Period = Annotated[Seconds, BeforeValidator(_period)]
"""How often a tier is read: "every scrape" (0) or an amount of time."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Read(_Model):
    """Limits of a read request.

    `words` is the most registers that one request may ask. `holes` says whether registers that no map
    lists may be read over: "readable", or "refused" when one of them spoils the whole request.
    `gap` is the widest hole worth considering; the plan decides by cost.
    With `pages`, by table, a request asks for a whole page and for nothing else: its first register and how
    many there are. A page that is refused is one that the device does not have. One that had something in it
    and is all zeros now was lost on its way.
    """

    words: int = Field(default=125, ge=1, le=125)
    holes: Literal["readable", "refused"] = "refused"
    gap: int = Field(default=125, ge=0)
    pages: Mapping[Table, tuple[tuple[int, int], ...]] = Field(default_factory=dict)


class Write(_Model):
    """How registers are written: one by the function `single`, several by function 16 always.

    With `cut_echo`, answers to function 16 may lack the number of registers, over Modbus TCP.
    """

    single: Literal[6, 16] = 6
    cut_echo: bool = False


class Pacing(_Model):
    """What the device needs between requests.

    `pause` passes between an answer and the next request, `settle` between connecting and the first.
    `timeout` is the longest wait for one answer. `request_cost` and `word_cost` are what the read plan
    minimises: the time of a request, and of each register in it, on a usual device of this family.
    `between` is the least time from one request to the next of the same kind, by the kind's name.
    `after_write` passes between a sequence of writes and whatever comes after it.
    """

    pause: Seconds = 0.0
    settle: Seconds = 0.0
    timeout: Seconds = 3.0
    request_cost: Seconds = 0.05
    word_cost: Seconds = 0.0001
    between: Mapping[str, Seconds] = Field(default_factory=dict)
    after_write: Seconds = 0.0


class Probe(_Model):
    """How to find out whether a part is there: read `count` words at `address`.

    An answer means that it is there, an exception that it is not; with `nonzero`, an answer of zeros
    means that it is not there either. With `values`, only words that make one of these numbers, the high
    word first, mean that it is there. With `expects`, each of these registers has to be in one of its ranges,
    both ends included; with `text`, these registers, from the first to the last, hold letters and digits.
    `patience` is the longest wait for the answer of a part that may well be missing. With `begins`, the words
    are text that begins with one of these. `unit` is the unit id that is asked, where not the part's own.
    """

    unit: int | None = None
    address: int
    count: int = 1
    table: Table = Table.HOLDING
    nonzero: bool = False
    values: tuple[int, ...] = ()
    expects: Mapping[int, tuple[tuple[int, int], ...]] = Field(default_factory=dict)
    text: tuple[int, int] | None = None
    patience: Seconds | None = None
    begins: tuple[str, ...] = ()

    def is_there(self, words: Sequence[int]) -> bool:
        """Whether an answer means that the part is there."""
        if self.begins and not b"".join(word.to_bytes(2) for word in words).startswith(
            tuple(text.encode("latin-1") for text in self.begins)
        ):
            return False
        for address, ranges in self.expects.items():
            if not any(low <= words[address - self.address] <= high for low, high in ranges):
                return False
        if self.text is not None:
            first, last = self.text
            letters = words[first - self.address : last - self.address + 1]
            if not b"".join(word.to_bytes(2) for word in letters).isalnum():
                return False
        number = reduce(lambda high, low: high << 16 | low, words, 0)
        return number in self.values if self.values else bool(number) or not self.nonzero


class Derived(_Model):
    """A total that the device does not tell: the sum of registers, only when every one of them was read.

    A register's name may be preceded by "-"; that of a repeated register stands for all its repetitions.
    `labels` are those of the quantity, beyond the part's own. A `partial` sum is that of the registers that
    have a value, one at least. With `instead_of`, only where the device has none of these parts (in a chain).
    """

    quantity: str
    sum: tuple[str, ...] = Field(min_length=1)
    group: str = "live"
    labels: Mapping[str, str] = Field(default_factory=dict)
    partial: bool = False
    instead_of: tuple[str, ...] = ()


class Chain(_Model):
    """Models that stand one behind the other, each headed by its id and its length in words.

    The chain begins behind the text `mark` at one of the `bases`, in the order of trying, and ends with the
    id `end`. The addresses of a model's map count from its id. `maker` names the text, as "part.register",
    that says who made the device.
    """

    mark: str
    bases: tuple[int, ...] = Field(min_length=1)
    end: int = 0xFFFF
    maker: str


class Repeat(_Model):
    """Registers that stand several times one behind the other, `words` apart.

    The map lists them once, from the address `start` on to its end, with the value of `label` for the first.
    `count` names the register that says how many there are; there are never more than fit into the model.
    `tail` names, by the maker, the last repetitions where they are something else, `tail_with` the part that
    the device must have for it. Their registers bear that name in place of a number, and are no quantities of
    the catalogue: only for `derived`.
    """

    start: int
    words: int = Field(ge=1)
    count: str
    label: str
    tail: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    tail_with: str = ""


class Quirk(_Model):
    """Registers that some devices of a part tell in another unit: their scale there is `times` the map's.

    Those are the devices whose register `when` holds `at_least` so much, raw. `why` is for the docs page.
    """

    name: str
    when: str
    at_least: int
    times: int
    registers: tuple[str, ...] = Field(min_length=1)
    why: str


class Part(_Model):
    """One register map at one place of the device: a service, a battery, a meter.

    `units` are the unit ids where it may stand, in the order of trying; the site file's
    `units: {NAME: [..]}` replaces them. With `every`, all that answer are parts of the device, else the
    first. A part that is `required` makes the device unreachable when it does not answer.
    One that stands `beside` another one has the unit ids that the site file gives that one, and stands where
    that one was found.
    `label` is the label of a sub-device; its value is the unit id, or the number of the part.
    `prefix` comes after the family in the names of the vendor's own metrics.
    `derived` are tried in order: of two for the same quantity, the first that can be summed counts.
    `witness` names registers that never change (a serial number): a block in which they did is refused.
    `companions` are for devices that answer 0 for what they do not have: a register that cannot be 0 (the
    voltage of a phase), and those that are left out while it reads 0 (current and power of the phase).
    One with `instead_of` is there only where the device has none of these parts.
    `counted` names, by a label, the register that says how many of them there are: registers whose label has
    a higher number are not there. `only_while` names registers that are read first, and for each the raw
    values with which the others are read at all: for devices that do not bear it otherwise.
    With `given`, only where one of these probes is answered so: a part may depend on what another one tells.
    With `consecutive`, nothing is looked for behind the first unit id that does not answer. With `numbering`,
    the value of the label is this text with the number of the unit id, from 1, in the place of "{}".
    `sane` names registers, and from where to where, in the vendor's unit, they can be: a block in which one
    is not is refused whole.
    `steps` says how far, in the vendor's unit, registers move at most from one read to the next; "*" in a
    name stands for any text. One alone that moved further is held back until the next read confirms it; a
    block in which two or more did is refused whole, as one that is put together of two. What is older than
    five minutes is not compared with. In a family of pages, one of zeros where something was is refused as
    well, unless the part `empties` when all is well.

    `figures` names the registers that tell what bounds its values where the owner does not say it. `quirks`
    are decided when the part is found. In a family of `alternatives`, `series` are texts in the names of the
    models that the part describes, and it may be that only some `sleeps` without sun.

    In a family with a `chain`, `models` are the ids of the models that the map describes. A `sole` part is
    there only where the device has exactly one of them. Parts with a `label` are numbered in the order of the
    chain. `turned` names, by the maker, registers that its devices tell with the other sign.
    """

    name: str
    map: str
    units: tuple[int, ...] = (1,)
    beside: str = ""
    every: bool = False
    consecutive: bool = False
    required: bool = False
    given: tuple[Probe, ...] = ()
    probe: Probe | None = None
    label: str = ""
    numbering: str = ""
    prefix: str = ""
    derived: tuple[Derived, ...] = ()
    witness: tuple[str, ...] = ()
    sane: Mapping[str, tuple[float, float]] = Field(default_factory=dict)
    steps: Mapping[str, float] = Field(default_factory=dict)
    empties: bool = False
    counted: Mapping[str, str] = Field(default_factory=dict)
    only_while: Mapping[str, tuple[int, ...]] = Field(default_factory=dict)
    companions: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    series: tuple[str, ...] = ()
    sleeps: bool = False
    quirks: tuple[Quirk, ...] = ()
    figures: Mapping[Literal["rated_power", "capacity"], str] = Field(default_factory=dict)
    models: tuple[int, ...] = ()
    sole: bool = False
    instead_of: tuple[str, ...] = ()
    repeat: Repeat | None = None
    turned: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)

    def step_of(self, register: str) -> float | None:
        """Return how far a register moves at most from one read to the next; None where nobody knows."""
        return next((step for names, step in self.steps.items() if fnmatchcase(register, names)), None)

    def within(self, names: Collection[str]) -> Part:
        """Return what this tells of registers of these names: the map of an owner may lack others."""

        def among(told: Mapping[str, _Told]) -> Mapping[str, _Told]:
            return {name: each for name, each in told.items() if name in names}

        def leading(told: Mapping[_Key, str]) -> Mapping[_Key, str]:
            return {key: name for key, name in told.items() if name in names}

        kept = {
            "witness": tuple(name for name in self.witness if name in names),
            "sane": among(self.sane),
            "counted": leading(self.counted),
            "only_while": among(self.only_while),
            "companions": among(self.companions),
            "quirks": tuple(quirk for quirk in self.quirks if quirk.when in names),
            "figures": leading(self.figures),
        }
        lacking = any(len(getattr(self, key)) > len(each) for key, each in kept.items())
        return self.model_copy(update=kept) if lacking else self

    def candidates(self, configured: Mapping[str, tuple[int, ...]]) -> tuple[int, ...]:
        """Return the unit ids where the part may stand, when the site file gives these to parts."""
        return configured.get(self.name) or configured.get(self.beside) or self.units


Hazard = Literal["automatic", "opt-in", "person", "never"]


class Writable(_Model):
    """What the family promises of one thing that can be commanded: `sunhelm.devices.control.Promise`.

    `title` says what it is. `low`, `high`, `resolution` and `tolerance` are in base units. `hazards` are
    those of single values that are other ones. `settle` passes before a read back can be believed, `prove`
    until it must be equal. After `reverts` the device lets go by itself; every `renew` it has to be written
    again.
    What is `blind` cannot be read at all, only seen to work once it was told.
    `registers` are those that it commands, as "part.register": they are no settings of their own.
    `unit` is the base unit of a number that is `set`, empty where it has none.
    `in_steps` is whether a command is a sequence that may be cut short.
    `meters_grid` is whether a limiter of the export measures at the grid point itself, `limits` whether what
    is `set` is a limit in watts and no mere number.
    `doubts` is what sources leave open.
    """

    title: str
    actions: tuple[str, ...]
    hazard: Hazard
    hazards: Mapping[str, Hazard] = Field(default_factory=dict)
    rung: Literal["A", "B", "C"]
    storage: Literal["volatile", "persistent", "unknown"]
    proof: Literal["read_back", "effect", "none"]
    low: float | None = None
    high: float | None = None
    resolution: float = 0.0
    tolerance: float = 0.0
    settle: Seconds = 0.0
    prove: Seconds = 30.0
    reverts: Seconds | None = None
    renew: Seconds | None = None
    blind: bool = False
    registers: tuple[str, ...] = ()
    meters_grid: bool = True
    in_steps: bool = False
    limits: bool = False
    unit: str | None = None
    doubts: str = ""


class Scrape(_Model):
    """What `/sd` recommends to Prometheus for a device of this family."""

    interval: Seconds = 15.0
    timeout: Seconds = 10.0


class AccountKeys(_Model):
    """What an account of this family needs in the site file, and what it may have beyond that.

    Of a secret, `NAME` stands for `NAME_file` too. Keys in one of the `together` are given all or none.
    """

    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    together: tuple[tuple[str, ...], ...] = ()


class FamilySpec(_Model):
    """One `family.yaml`.

    `refresh` is how often the device itself renews its live values: asking faster brings nothing, and a
    reading younger than this is served again. `deadline` is the longest that one read may take.
    `link_pacing` is the pacing over a link that needs another one.
    `connection` "single" means that the device serves one client: we close after each read.
    `tiers` says for each group of registers how often it is read.
    `enums` are names of values that several registers share, for `@NAME` in a map.
    `identity` names the registers, as "part.register", that say what the device is.
    `chain` says where the parts are found that do not stand at fixed addresses. With `alternatives`, a device
    is one of the parts: the first that is there, of those whose `series` fits the model in the site file.
    `sleeps` devices switch themselves off without sun. `unsettled` is what no source settles.
    `needs` are keys that a device must have in the site file, and that those of other families cannot have;
    "account" only has to be there. `account` says what such an account consists of.
    `permissions` are words besides the actions that the owner may write to `control.allow`, and what each
    lets the controller do. `controls` is what can be commanded, by its key, and `tasks` what can be done
    once. Every other number that a map calls writable is a setting; `setting_hazards` says who may set it,
    by "part.register", "*.register" for the same one of every part, or "part.*" for all others of a part,
    where that is not a policy with the owner's leave ("opt-in").
    """

    title: str
    vendor: str
    links: Mapping[LinkKind, int]
    models: tuple[str, ...] = ()
    read: Read = Read()
    write: Write = Write()
    pacing: Pacing = Pacing()
    link_pacing: Mapping[LinkKind, Pacing] = Field(default_factory=dict)
    connection: Literal["shared", "single"] = "single"
    refresh: Seconds = 1.0
    deadline: Seconds = 30.0
    scrape: Scrape = Scrape()
    tiers: Mapping[str, Period] = Field(
        default_factory=lambda: {"live": 0.0, "energy": 0.0, "settings": 300.0, "identity": 3600.0}
    )
    parts: tuple[Part, ...] = ()
    chain: Chain | None = None
    alternatives: bool = False
    enums: Mapping[str, Mapping[int, str]] = Field(default_factory=dict)
    identity: Mapping[Literal["vendor", "model", "serial", "firmware"], str] = Field(default_factory=dict)
    sleeps: bool = False
    needs: tuple[Literal["tariff", "account"], ...] = ()
    account: AccountKeys | None = None
    unsettled: tuple[str, ...] = ()
    permissions: Mapping[str, str] = Field(default_factory=dict)
    controls: Mapping[str, Writable] = Field(default_factory=dict)
    tasks: Mapping[str, Writable] = Field(default_factory=dict)
    setting_hazards: Mapping[str, Hazard] = Field(default_factory=dict)

    def parts_of(self, model: str | None) -> tuple[Part, ...]:
        """Return the parts that a device of this model, as the site file calls it, may have."""
        if not self.alternatives or model is None:
            return self.parts
        fitting = tuple(part for part in self.parts if any(name in model for name in part.series))
        return fitting or self.parts

    def is_asleep_without_sun(self, model: str | None) -> bool:
        """Whether a device of this model, as the site file calls it, switches itself off without sun."""
        parts = self.parts_of(model)
        return self.sleeps or (bool(parts) and all(part.sleeps for part in parts))

    def reading(self, words: int | None) -> FamilySpec:
        """Return the family as a device reads it whose owner allows so many registers a request."""
        if words is None:
            return self
        return self.model_copy(update={"read": self.read.model_copy(update={"words": words})})

    def pacing_of(self, link: LinkKind) -> Pacing:
        """Return what the device needs between requests over this link."""
        return self.link_pacing.get(link, self.pacing)

    def hazard_of(self, place: str) -> Hazard:
        """Return who may set the register at "part.register"."""
        part, _, register = place.partition(".")
        written = (self.setting_hazards.get(key) for key in (place, f"*.{register}", f"{part}.*"))
        return next(filter(None, written), "opt-in")
