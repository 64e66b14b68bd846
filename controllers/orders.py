"""What a person's words mean on a device: which state, which value, and who may ask for it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from pydantic import BaseModel, ValidationError

from controllers.people import Command, RefusalReason, Refused
from controllers.policy import refusals
from controllers.policy.parameters import PARAMETERS, NoRatedPower, Parameters, SetParameters
from sunhelm.configuration.complaints import complaint
from sunhelm.devices.control import UNLIMITED, Action, ControlledDevice, Handle, Hazard, Promise, Value
from sunhelm.devices.device_config import DeviceConfig

UNLIMITED_WORD: Final = "unlimited"

_LIMITS: Final = (Action.LIMIT_EXPORT, Action.LIMIT_PRODUCTION)

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A state that is asked for, on the handle that can be put there."""

    handle: Handle
    action: Action
    value: Value

    @property
    def state(self) -> str:
        """The key of the state."""
        return self.handle.promise.key


def read(model: type[Model], parameters: Mapping[str, object]) -> Model:
    """Return the parameters as a model has them. Raises Refused with every mistake."""
    try:
        return model.model_validate(dict(parameters))
    except ValidationError as error:
        mistakes = []
        for details in error.errors(include_url=False):
            path = tuple(details["loc"])
            known = tuple(model.model_fields)
            mistakes.append(f"{'.'.join(map(str, path))}: {complaint(details, known)}")
        raise Refused(RefusalReason.WRONG, "; ".join(mistakes), tuple(mistakes)) from None


def wanted(
    command: Command, config: DeviceConfig, device: ControlledDevice, *, owner: bool = False
) -> Wanted:
    """Return what a command asks for. Raises Refused.

    `owner` is whether the owner says what his own value is: a limit may be "unlimited" then.
    """
    model = PARAMETERS.get(command.action)
    if model is None:
        raise Refused(RefusalReason.NOT_POSSIBLE, f"{command.action.value} is not a state that can be kept")
    unlimited = owner and command.action in _LIMITS and command.parameters == {"limit": UNLIMITED_WORD}
    parameters = None if unlimited else read(model, command.parameters)
    handle = _handle(command, parameters, device)
    value: Value = UNLIMITED
    try:
        if parameters is not None:
            value = handle.promise.meant(parameters.value(config.rated_power))
        refusal = refusals.unit_refusal(handle.promise, parameters)
        if refusal is None:
            handle.check(value)
        if refusal is None and not owner:
            refusal = refusals.beyond_what_its_owner_wants(handle.promise, value, config.name)
    except NoRatedPower as error:
        raise Refused(RefusalReason.WRONG, f"limit: {error} ({config.name})") from None
    except ValueError as error:
        raise Refused(RefusalReason.WRONG, str(error)) from None
    if refusal is not None:
        raise Refused(RefusalReason.WRONG, refusal)
    return Wanted(handle, command.action, value)


def _handle(command: Command, parameters: Parameters | None, device: ControlledDevice) -> Handle:
    wanted_key = f"setting:{parameters.setting}" if isinstance(parameters, SetParameters) else None
    for key, handle in device.handles.items():
        if command.action in handle.promise.actions and wanted_key in (None, key):
            return handle
    if wanted_key is not None:
        raise Refused(RefusalReason.NOT_POSSIBLE, f"{device.name} has no setting {wanted_key[8:]}")
    raise Refused(RefusalReason.NOT_POSSIBLE, not_possible(command.action, device))


def not_possible(action: Action, device: ControlledDevice) -> str:
    """Return the sentence that says what the device can do instead."""
    promises = [handle.promise for handle in device.handles.values()]
    promises += [task.promise for task in device.tasks.values()]
    return refusals.not_possible(action, device.name, promises)


def needs_confirmation(hazard: Hazard, action: Action, allowed: Collection[str]) -> bool:
    """Return whether a person has to say that he knows what he asks for."""
    if hazard is Hazard.AUTOMATIC:
        return False
    return hazard is Hazard.PERSON or action.value not in allowed


def check_hazard(
    promise: Promise, hazard: Hazard, action: Action, *, config: DeviceConfig, confirmed: bool
) -> None:
    """Raise Refused unless a person may ask for this now."""
    if hazard is Hazard.NEVER:
        raise Refused(RefusalReason.FORBIDDEN, f"{action.value} on {config.name} is never done")
    if not confirmed and needs_confirmation(hazard, action, config.control.allow):
        why = promise.doubts or "it may be dangerous, or stay when the controller dies"
        raise Refused(
            RefusalReason.NEEDS_CONFIRMATION,
            f"{action.value} on {config.name} has to be confirmed: {why}",
        )
