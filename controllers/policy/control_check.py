"""The section `control` of a device, held against what the device can do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from controllers.claims.demand import LIMITING, state_of
from controllers.policy.refusals import Promises, not_possible, range_refusal, task_refusal
from sunhelm.configuration.complaints import not_among
from sunhelm.configuration.document import Document
from sunhelm.configuration.mistakes import Mistake, listed, with_guess
from sunhelm.configuration.places import KeyPath
from sunhelm.devices.control import Action, Limit
from sunhelm.devices.device_config import DeviceConfig
from sunhelm.devices.families import load_family
from sunhelm.devices.sections import FailSafeLimit

_LIMITING: Final = sorted(action.value for action in LIMITING)


def control_mistakes(
    document: Document, device: DeviceConfig, promises: Promises | None
) -> Iterator[Mistake]:
    """Yield what is wrong in the section; `promises` are None where nobody knows what the device can do."""
    path: KeyPath = ("devices", device.name, "control")
    names = [action.value for action in Action]
    permissions = [*names, *load_family(device.family).spec.permissions]
    for index, name in enumerate(device.control.allow):
        if name not in permissions:
            yield document.mistake((*path, "allow", index), not_among(name, permissions))
    if device.control.clock_sync is not None and promises is not None:
        refusal = task_refusal(device, Action.SET_CLOCK, promises)
        if refusal is not None:
            yield document.mistake((*path, "clock_sync"), refusal)
    yield from _default_mistakes(document, device, path)
    yield from _fail_safe_mistakes(document, device, path, promises)


def _default_mistakes(document: Document, device: DeviceConfig, path: KeyPath) -> Iterator[Mistake]:
    for name in device.control.default:
        if name not in _LIMITING:
            message = with_guess(f"is not one of {listed(_LIMITING)}", name, _LIMITING)
            yield document.mistake((*path, "default", name), message, at_key=True)


def _fail_safe_mistakes(
    document: Document, device: DeviceConfig, path: KeyPath, promises: Promises | None
) -> Iterator[Mistake]:
    names = [action.value for action in Action]
    for name, fail_safe in device.control.fail_safe.items():
        where: KeyPath = (*path, "fail_safe", name)
        if name not in names:
            message = with_guess("is not an action", name, names)
            yield document.mistake(where, message, at_key=True)
        elif isinstance(fail_safe, FailSafeLimit) and Action(name) not in LIMITING:
            message = f"a limit in watts is a fail-safe of {listed(_LIMITING)} only; write hold or baseline"
            yield document.mistake(where, message)
        elif isinstance(fail_safe, FailSafeLimit) and promises is not None:
            refusal = _limit_refusal(device, Action(name), fail_safe, promises)
            if refusal is not None:
                yield document.mistake((*where, "limit"), refusal)


def _limit_refusal(
    device: DeviceConfig, action: Action, fail_safe: FailSafeLimit, promises: Promises
) -> str | None:
    """Return why a device would not take this limit, which would be found out only when it counts."""
    promise = promises.get(state_of(action))
    if promise is None:
        return not_possible(action, device.name, promises.values())
    return range_refusal(device, promise, Limit(fail_safe.limit))
