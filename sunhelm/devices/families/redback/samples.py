"""What the lists of the cloud say, and what follows from its values."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from math import fsum, sqrt
from typing import Final

from sunhelm.devices.families.redback.records import (
    LIMITS,
    MODES,
    EnvelopeRecord,
    ScheduleRecord,
    strictest,
)
from sunhelm.devices.quantities import CATALOGUE, Quantity
from sunhelm.devices.reading import Sample


def _gauge(name: str, unit: str, text: str, *labels: str) -> Quantity:
    return Quantity(f"redback_{name}", unit, "gauge", text, labels)


MODE_STATES: Final = {mode: re.sub(r"(?<!^)([A-Z])", r"_\1", mode).lower() for mode in MODES}
"""Our name for the state of each mode, as the map of values has it."""

_SCHEDULE = ("schedule",)
_ENVELOPE = ("event",)

SCHEDULES: Final = {
    "all": _gauge("schedules", "", "How many schedules the inverter has, running or to come."),
    "any": _gauge("any_schedule_active", "", "Whether a schedule is running now."),
    "obeyed": _gauge(
        "schedule_obeyed",
        "",
        "Whether the inverter does what a schedule that is running says; absent while none is.",
    ),
    "active": _gauge("schedule_active", "", "Whether this schedule is running now.", *_SCHEDULE),
    "start": _gauge("schedule_start", "timestamp_seconds", "When a schedule begins.", *_SCHEDULE),
    "end": _gauge("schedule_end", "timestamp_seconds", "When a schedule ends.", *_SCHEDULE),
    "duration": _gauge("schedule_duration", "seconds", "How long a schedule lasts.", *_SCHEDULE),
    "power": _gauge("schedule_power", "watts", "The power that a schedule asks for.", *_SCHEDULE),
    "info": Quantity(
        "redback_schedule",
        "",
        "info",
        "What a schedule asks for; a daily one shows the time it runs or comes next.",
        (*_SCHEDULE, "mode", "notes", "repeats"),
    ),
}
ENVELOPES: Final = {
    "all": _gauge("envelopes", "", "How many envelopes the site has, in force or to come."),
    "any": _gauge("any_envelope_active", "", "Whether an envelope is in force now."),
    "active": _gauge("envelope_active", "", "Whether this envelope is in force now.", *_ENVELOPE),
    "start": _gauge("envelope_start", "timestamp_seconds", "When an envelope begins.", *_ENVELOPE),
    "end": _gauge("envelope_end", "timestamp_seconds", "When an envelope ends.", *_ENVELOPE),
    "network": _gauge(
        "envelope_network_level", "", "Whether the grid operator made this envelope.", *_ENVELOPE
    ),
    "reported_start": _gauge(
        "envelope_reported_start", "timestamp_seconds", "When the inverter began to obey.", *_ENVELOPE
    ),
    "reported_finish": _gauge(
        "envelope_reported_finish", "timestamp_seconds", "When the inverter ceased to obey.", *_ENVELOPE
    ),
    "info": Quantity(
        "redback_envelope", "", "info", "What the cloud says of an envelope.", (*_ENVELOPE, "status", "nmi")
    ),
    **{
        limit: _gauge(
            f"envelope_{limit}_limit",
            "volt_amperes" if limit == "generation" else "watts",
            f"The most that an envelope allows for {limit}; absent where it says nothing.",
            *_ENVELOPE,
        )
        for limit in LIMITS
    },
}
BATTERY_MODEL: Final = Quantity(
    "redback_battery_model", "", "info", "Model of a battery module.", ("battery", "model")
)
DERIVED: Final = {
    name: _gauge(name, unit, text)
    for name, unit, text in (
        ("grid_exported_power", "watts", "Power sent to the grid by the phases that export."),
        ("grid_imported_power", "watts", "Power taken from the grid by the phases that import."),
        ("phase_current_sum", "amperes", "Sum of the currents of the phases."),
        ("phase_voltage_mean", "volts", "Mean voltage of the phases that have one."),
        ("line_voltage", "volts", "Mean voltage of the phases, times the root of their number."),
        ("pv_share_of_panels", "ratio", "Power of all PV as a share of the panels' size."),
        ("battery_stored", "joules", "Energy in the batteries: nominal capacity times state of charge."),
        ("battery_usable", "joules", "Energy in the batteries above the reserve that the owner has set."),
    )
}
STRING_SHARE: Final = Quantity(
    "redback_pv_string_share_of_panels",
    "ratio",
    "gauge",
    "Power of a string as a share of its panels' size.",
    ("string",),
)

OFFERS: Final[Mapping[str, Sequence[Quantity]]] = {
    "live": [
        *(CATALOGUE[name] for name in ("grid_phase_power", "grid_power", "load_power")),
        *DERIVED.values(),
        STRING_SHARE,
    ],
    "schedules": list(SCHEDULES.values()),
    "envelopes": [*ENVELOPES.values(), CATALOGUE["grid_export_limit"], CATALOGUE["grid_import_limit"]],
    "identity": [CATALOGUE["device"], BATTERY_MODEL],
}


def schedule_samples(records: Sequence[ScheduleRecord]) -> Iterator[Sample]:
    """Yield the calendar of an inverter."""

    def sample(what: str, value: float, source: str, *labels: str) -> Sample:
        return Sample(SCHEDULES[what], value, labels, source, "schedules")

    yield sample("all", float(len(records)), "Schedules")
    for record in records:
        source = "DailySchedules" if record.daily else "Schedules"
        yield sample("start", record.start, f"{source} StartTimeUtc", record.key)
        yield sample("end", record.end, f"{source} StartTimeUtc + Duration", record.key)
        yield sample("duration", record.end - record.start, f"{source} Duration", record.key)
        if record.watts is not None:
            yield sample("power", record.watts, f"{source} DesiredMode.ArgumentInWatts", record.key)
        repeats = "daily" if record.daily else ""
        yield sample("info", 1.0, source, record.key, record.mode, _printable(record.notes), repeats)


def schedules_now(records: Sequence[ScheduleRecord], now: float, mode: str) -> Iterator[Sample]:
    """Yield which schedules are running, and whether one of them is what the inverter does.

    `mode` is what it does, by our name for the state; empty where that is not known.
    """
    for record in records:
        on = float(record.active(now))
        yield Sample(SCHEDULES["active"], on, (record.key,), "the time of the schedule", "schedules")
    any_on = float(any(record.active(now) for record in records))
    yield Sample(SCHEDULES["any"], any_on, (), "the times of the schedules", "schedules")
    wanted = {MODE_STATES.get(record.mode) for record in records if record.active(now)}
    if wanted and mode:
        yield Sample(SCHEDULES["obeyed"], float(mode in wanted), (), "the mode of the inverter", "schedules")


def envelope_samples(records: Sequence[EnvelopeRecord]) -> Iterator[Sample]:
    """Yield the envelopes of a site."""

    def sample(what: str, value: float | None, source: str, *labels: str) -> Iterator[Sample]:
        if value is not None:
            yield Sample(ENVELOPES[what], value, labels, source, "envelopes")

    yield from sample("all", float(len(records)), "OperatingEnvelope")
    for name, record in named(records):
        yield from sample("start", record.start, "StartAtUtc", name)
        yield from sample("end", record.end, "EndAtUtc", name)
        yield from sample("network", float(record.network), "IsNetworkLevel", name)
        yield from sample("reported_start", record.reported_start, "ReportedStartUtc", name)
        yield from sample("reported_finish", record.reported_finish, "ReportedFinishUtc", name)
        for limit, bound in record.limits.items():
            yield from sample(limit, bound, LIMITS[limit], name)
        status, nmi = _printable(record.status), _printable(record.nmi)
        yield from sample("info", 1.0, "OperatingEnvelope", name, status, nmi)


def envelopes_now(records: Sequence[EnvelopeRecord], now: float, own_limit: float | None) -> Iterator[Sample]:
    """Yield which envelopes are in force, and the limits at the grid; `own_limit` is that of the site."""
    for name, record in named(records):
        on = float(record.active(now))
        yield Sample(ENVELOPES["active"], on, (name,), "Status, and the time of the envelope", "envelopes")
    any_on = float(any(record.active(now) for record in records))
    yield Sample(ENVELOPES["any"], any_on, (), "Status, and the times of the envelopes", "envelopes")
    bounds = {
        "export": [own_limit, strictest(records, "export", now)],
        "import": [strictest(records, "import", now)],
    }
    for limit, told in bounds.items():
        lowest = min((bound for bound in told if bound is not None), default=None)
        if lowest is not None:
            quantity = CATALOGUE[f"grid_{limit}_limit"]
            yield Sample(quantity, lowest, (), "the envelopes in force, and SiteExportLimitkW", "envelopes")


def named(records: Iterable[EnvelopeRecord]) -> Iterator[tuple[str, EnvelopeRecord]]:
    """Yield each envelope with a name of its own: several may share an event id."""
    seen: dict[str, int] = {}
    for record in records:
        event = _printable(record.event)
        seen[event] = seen.get(event, 0) + 1
        yield event if seen[event] == 1 else f"{event} ({seen[event]})", record


def battery_models(inverter: Mapping[str, object]) -> Iterator[Sample]:
    """Yield the model of each module; behind the last that is known the list is filled with "Unknown"."""
    listed, count = inverter.get("BatteryModels"), inverter.get("BatteryCount")
    if not isinstance(listed, list) or not isinstance(count, int):
        return
    known = ""
    for number in range(1, min(count, 64) + 1):
        told = listed[number - 1] if number <= len(listed) else None
        known = told if isinstance(told, str) and told and told != "Unknown" else known
        if known:
            labels = (str(number), _printable(known))
            yield Sample(BATTERY_MODEL, 1.0, labels, "BatteryModels", "identity")


class Told:
    """The samples of a reading, looked up by their quantity."""

    def __init__(self, samples: Iterable[Sample]) -> None:
        self._values: dict[str, dict[tuple[str, ...], float]] = {}
        for sample in samples:
            self._values.setdefault(sample.quantity.name, {})[sample.labels] = sample.value

    def one(self, name: str) -> float | None:
        """Return the value of a quantity without labels; None where it did not come."""
        return self._values.get(name, {}).get(())

    def all(self, name: str) -> Mapping[tuple[str, ...], float]:
        """Return the values of a quantity by their labels."""
        return self._values.get(name, {})


def derived(samples: Iterable[Sample], *, phases: int, has_battery: bool) -> Iterator[Sample]:
    """Yield what follows from a reading of an inverter with so many phases.

    Nothing follows from a value that did not come: a sum of the phases is one of all of them.
    """
    told = Told(samples)
    net = yield from _grid(told, phases)
    pv, battery = told.one("pv_power"), told.one("battery_power") if has_battery else 0.0
    if net is not None and pv is not None and battery is not None:
        yield _sample(CATALOGUE["load_power"], net + pv + battery, "grid + PV + battery")
    yield from _shares(told)
    if has_battery:
        yield from _stores(told)


def _sample(quantity: Quantity, value: float, source: str, *labels: str) -> Sample:
    return Sample(quantity, value, labels, source, "live")


def _grid(told: Told, phases: int) -> Generator[Sample, None, float | None]:
    """Yield what the phases make together; return the power at the grid, None when it is not known."""
    net: float | None = None
    exported, imported = told.all("redback_phase_exported_power"), told.all("redback_phase_imported_power")
    for phase in sorted(exported.keys() & imported.keys()):
        power = imported[phase] - exported[phase]
        yield _sample(CATALOGUE["grid_phase_power"], power, "imported - exported", *phase)
    if phases and len(exported) == len(imported) == phases:
        out, drawn = fsum(exported.values()), fsum(imported.values())
        net = drawn - out
        yield _sample(DERIVED["grid_exported_power"], out, "sum of the phases")
        yield _sample(DERIVED["grid_imported_power"], drawn, "sum of the phases")
        yield _sample(CATALOGUE["grid_power"], net, "sum of the phases, imported - exported")
    currents, voltages = told.all("grid_phase_current"), told.all("grid_phase_voltage")
    if phases and len(currents) == phases:
        yield _sample(DERIVED["phase_current_sum"], fsum(currents.values()), "sum of the phases")
    if voltages:
        mean = fsum(voltages.values()) / len(voltages)
        yield _sample(DERIVED["phase_voltage_mean"], mean, "mean of the phases")
        yield _sample(DERIVED["line_voltage"], mean * sqrt(len(voltages)), "mean of the phases x root")
    return net


def _shares(told: Told) -> Iterator[Sample]:
    pv, size = told.one("pv_power"), told.one("redback_pv_panel_size")
    if pv is not None and size:
        yield _sample(DERIVED["pv_share_of_panels"], pv / size, "PvPowerInstantaneouskW / PanelSizekW")
    sizes = told.all("redback_pv_string_size")
    for string, power in told.all("pv_string_power").items():
        if sizes.get(string):
            yield _sample(STRING_SHARE, power / sizes[string], "PowerkW / PVSize", *string)


def _stores(told: Told) -> Iterator[Sample]:
    charge, capacity = told.one("battery_state_of_charge"), told.one("redback_battery_nominal_capacity")
    reserve = told.one("battery_minimum_state_of_charge")
    if charge is not None and capacity is not None:
        yield _sample(DERIVED["battery_stored"], capacity * charge, "capacity x state of charge")
        if reserve is not None:
            usable = capacity * max(0.0, charge - reserve)
            yield _sample(DERIVED["battery_usable"], usable, "capacity x (state of charge - MinSoC0to1)")


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)[:200]
