"""Who carries a schedule out: the device by itself where it can, else the controller at its time."""

from __future__ import annotations

from collections.abc import Iterator

from controllers.schedules.schedules import Kept, Planned
from sunhelm.devices.control import (
    Action,
    Charge,
    ControlledDevice,
    Discharge,
    Mode,
    Promise,
    Schedule,
    SelfConsumption,
    Value,
)


def planned(device: ControlledDevice, schedule: Schedule, name: str, cause: str = "") -> Planned:
    """Return how a schedule will be carried out. Raises ValueError when it cannot be, with all reasons."""
    reasons: list[str] = []
    native = device.schedules
    if native is not None:
        try:
            native.check(schedule)
        except ValueError as error:
            reasons.append(str(error))
        else:
            return Planned(
                id=name,
                device=device.name,
                schedule=schedule,
                cause=cause,
                placed_from=schedule.start - native.ahead_s if native.daily else 0.0,
                tidy=native.daily or native.capacity is not None,
            )
    if schedule.target_soc is not None and device.state_of_charge is None:
        reasons.append(f"{device.name} does not tell its state of charge, so that target_soc cannot be kept")
    else:
        for kept in _ways(device, schedule, reasons):
            return Planned(id=name, device=device.name, schedule=schedule, cause=cause, kept=kept)
    raise ValueError("; ".join(dict.fromkeys(reasons)))


def schedule_promise(device: ControlledDevice) -> Promise | None:
    """Return what is promised of its schedules: of its own, else of what we would keep them by."""
    if device.schedules is not None:
        return device.schedules.promise
    wanted = {Action.CHARGE, Action.DISCHARGE, Action.SET_MODE}
    handles = device.handles.values()
    return next((each.promise for each in handles if wanted.intersection(each.promise.actions)), None)


def _ways(device: ControlledDevice, schedule: Schedule, reasons: list[str]) -> Iterator[Kept]:
    """Yield every way in which we can keep the time, and note why the others are none."""
    for action, value in _wishes(device, schedule):
        handle = next((each for each in device.handles.values() if action in each.promise.actions), None)
        if handle is None:
            reasons.append(f"{schedule.mode} is not possible on {device.name}")
            continue
        try:
            handle.check(value)
        except ValueError as error:
            reasons.append(str(error))
        else:
            yield Kept(action=action, state=handle.promise.key, value=value)


def _wishes(device: ControlledDevice, schedule: Schedule) -> Iterator[tuple[Action, Value]]:
    """Yield what to ask for while the schedule runs, the best first."""
    match schedule.mode:
        case "force_charge":
            yield Action.CHARGE, Charge(_watts(device, schedule, Action.CHARGE))
        case "force_discharge":
            yield Action.DISCHARGE, Discharge(_watts(device, schedule, Action.DISCHARGE))
        case mode:
            yield Action.SET_MODE, Mode(mode)
            if mode == "idle":
                yield Action.CHARGE, Charge(0.0)
            elif mode == "self_consumption":
                yield Action.CHARGE, SelfConsumption()


def _watts(device: ControlledDevice, schedule: Schedule, action: Action) -> float:
    if schedule.watts is not None:
        return schedule.watts
    for handle in device.handles.values():
        if action in handle.promise.actions and handle.promise.high is not None:
            return handle.promise.high
    raise ValueError(f"{schedule.mode} on {device.name} needs a power: it does not say what it can do")
