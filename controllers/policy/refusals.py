"""Why a device cannot, or must not, be asked for something: by a policy, or by anybody."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from controllers.policy.parameters import Parameters, SetParameters
from controllers.tasks.watchdog import LEAST_ALLOWED_S
from sunhelm.configuration.mistakes import listed
from sunhelm.devices.control import (
    Action,
    Charge,
    CurrentLimits,
    Discharge,
    Hazard,
    Limit,
    Number,
    Promise,
    SocLimits,
    Value,
)
from sunhelm.devices.device_config import DeviceConfig

Promises = Mapping[str, Promise]
"""What a device promises of each of its states and tasks, by their keys."""


def not_possible(action: Action, device: str, promises: Iterable[Promise]) -> str:
    """Return the sentence that says what a device can do instead."""
    actions = sorted({each.value for promise in promises for each in promise.actions})
    able = f"it can {listed(actions)}" if actions else "nothing of it can be commanded"
    return f"{action.value} is not possible on {device}; {able}"


def state_refusal(
    device: DeviceConfig, action: Action, parameters: Parameters, value: Value, promises: Promises | None
) -> tuple[str, str] | None:
    """Return the key of a policy, and the reason why it cannot or must not ask a device for this value.

    `promises` are None where nobody knows what the device can do.
    """
    if promises is None:
        return None
    state = f"setting:{parameters.setting}" if isinstance(parameters, SetParameters) else None
    promise = next(
        (each for key, each in promises.items() if action in each.actions and state in (None, key)), None
    )
    if promise is None:
        return "action", not_possible(action, device.name, promises.values())
    reason = _hazard_refusal(device, action, promise.hazard_of(value))
    if reason is not None:
        return "action", reason
    reason = unit_refusal(promise, parameters) or range_refusal(device, promise, value)
    return None if reason is None else ("with", reason)


def task_refusal(device: DeviceConfig, action: Action, promises: Promises | None) -> str | None:
    """Return why a device cannot or must not be asked to do this once; None where it may, or nobody knows."""
    if promises is None:
        return None
    promise = next((each for each in promises.values() if action in each.actions), None)
    if promise is None:
        return not_possible(action, device.name, promises.values())
    reason = _hazard_refusal(device, action, promise.hazard)
    if reason is not None:
        return reason
    lifted = device.control.allow_unlimited
    if action is Action.RESET_WATCHDOG and (lifted is None or lifted < LEAST_ALLOWED_S):
        return (
            f"{action.value} on {device.name} needs its owner's word:"
            f" control: {{allow_unlimited: {LEAST_ALLOWED_S:g}s}}"
        )
    return None


def _hazard_refusal(device: DeviceConfig, action: Action, hazard: Hazard) -> str | None:
    reason = None
    if hazard is Hazard.OPT_IN and action.value not in device.control.allow:
        reason = f"needs its owner's word: control: {{allow: [{action.value}]}}"
    elif hazard is Hazard.PERSON:
        reason = "is for a person only"
    elif hazard is Hazard.NEVER:
        reason = "is never done"
    return None if reason is None else f"{action.value} on {device.name} {reason}"


def unit_refusal(promise: Promise, parameters: Parameters | None) -> str | None:
    """Return why an amount means nothing to a setting: it is of another unit than the setting is."""
    if not isinstance(parameters, SetParameters) or promise.unit is None:
        return None
    given = parameters.to.unit
    if given is None or given == promise.unit:
        return None
    takes = promise.unit.replace("_", " ") or "a number without a unit"
    return f"{parameters.setting} is set in {takes}, not in {given.replace('_', ' ')}"


def range_refusal(device: DeviceConfig, promise: Promise, value: Value) -> str | None:
    """Return why a value is more, or less, than the device takes or its owner ever wants."""
    low = float("-inf") if promise.low is None else promise.low
    high = float("inf") if promise.high is None else promise.high
    for number in _numbers(value):
        if not low <= number <= high:
            return f"{number:g} is out of the range of {device.name}, {low:g} to {high:g}"
    return beyond_what_its_owner_wants(promise, value, device.name)


def _numbers(value: Value) -> list[float]:
    match value:
        case Limit(number) | Charge(number) | Discharge(number) | Number(number):
            numbers: list[float | None] = [number]
        case CurrentLimits():
            numbers = [value.charge, value.discharge]
        case SocLimits():
            numbers = [value.minimum, value.maximum]
        case _:
            numbers = []
    return [number for number in numbers if number is not None]


def beyond_what_its_owner_wants(promise: Promise, value: Value, device: str) -> str | None:
    """Return why a limit is outside of what the owner of a device ever wants; None where it is not."""
    if not isinstance(value, Limit):
        return None
    least, most = promise.owner_low, promise.owner_high
    if least is not None and value.watts < least:
        return f"{value.watts:g} is less than export_limit.minimum of {device}, {least:g}"
    if most is not None and value.watts > most:
        return f"{value.watts:g} is more than export_limit.maximum of {device}, {most:g}"
    return None
