"""Groups of devices that a policy limits together: who of them gets which part."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from controllers.policy.parameters import LimitParameters, Parameters, Share
from sunhelm.configuration.document import Document
from sunhelm.configuration.mistakes import Mistake, found, listed, with_guess
from sunhelm.devices.control import Action, Limit, Promise, Value
from sunhelm.devices.device_config import DeviceConfig
from sunhelm.devices.sections import NAME, NO_NAME
from sunhelm.devices.site import Site

GROUPS: Final = "groups"
GROUPABLE: Final = frozenset({Action.LIMIT_EXPORT, Action.LIMIT_PRODUCTION})
"""What can be asked of a group."""

Groups = Mapping[str, tuple[str, ...]]
"""The names of the devices of each group."""


class Unshared(ValueError):
    """A limit that cannot be shared; `key` is what is wrong in the policy."""

    def __init__(self, key: str, text: str) -> None:
        super().__init__(text)
        self.key = key


def check_groups(document: Document, site: Site | None) -> tuple[Groups, list[Mistake]]:
    """Return the groups of the site file, and all that is wrong with them."""
    groups: dict[str, tuple[str, ...]] = {}
    mistakes: list[Mistake] = []
    written = document.value((GROUPS,))
    if written is not None and not isinstance(written, dict):
        return {}, [document.mistake((GROUPS,), "is not a mapping from names to lists of devices")]
    devices = () if site is None else site.devices
    for name, members in document.mapping((GROUPS,)).items():
        if not NAME.fullmatch(name):
            mistakes.append(document.mistake((GROUPS, name), NO_NAME, at_key=True))
        if not isinstance(members, list) or not members:
            mistakes.append(document.mistake((GROUPS, name), "is not a list of devices"))
            continue
        for index, member in enumerate(members):
            if site is not None and member not in document.mapping(("devices",)):
                message = with_guess(f"{found(member)} is not one of the devices", member, devices)
                mistakes.append(document.mistake((GROUPS, name, index), message))
            elif members.index(member) != index:
                mistakes.append(document.mistake((GROUPS, name, index), f"{found(member)} is there twice"))
        groups[name] = tuple(str(member) for member in members)
    return groups, mistakes


def shared(
    action: Action, parameters: Parameters, members: Sequence[tuple[DeviceConfig, Promise | None]]
) -> Iterator[tuple[DeviceConfig, Value]]:
    """Return the limit of each member of a group. Raises Unshared.

    The export is limited at one point that all share: in full by each member whose limiter measures there.
    The production is shared by rated power. Neither is a closed loop: nobody adds up what they do.
    """
    assert isinstance(parameters, LimitParameters)
    devices = [device for device, _ in members]
    total = _total(devices, needed=action is Action.LIMIT_PRODUCTION or isinstance(parameters.limit, Share))
    watts = parameters.limit.ratio * total if isinstance(parameters.limit, Share) else parameters.limit
    if action is Action.LIMIT_PRODUCTION:
        return iter([(device, Limit(watts * (device.rated_power or 0.0) / total)) for device in devices])
    metering = [device for device, promise in members if promise is not None and promise.meters_grid]
    if not metering:
        names = listed([device.name for device in devices])
        raise Unshared("group", f"no limiter of {names} measures at the grid point")
    return iter([(device, Limit(watts)) for device in metering])


def _total(devices: Sequence[DeviceConfig], *, needed: bool) -> float:
    without = [device.name for device in devices if device.rated_power is None]
    if needed and without:
        raise Unshared("group", f"is shared by rated power, and there is no rated_power of {listed(without)}")
    return sum(device.rated_power or 0.0 for device in devices)
