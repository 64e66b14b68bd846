"""The section `policies`, held against the devices that it speaks of and what they can do."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import combinations
from typing import Final

from controllers.claims.claims import Terms
from controllers.claims.limits import is_limit
from controllers.policy.control_check import control_mistakes
from controllers.policy.groups import GROUPABLE, Groups, Unshared, shared
from controllers.policy.parameters import PARAMETERS, NoRatedPower, Parameters, SetParameters
from controllers.policy.policies import FROM_LABEL, AlertmanagerSection, Policy, PolicySection, TaskPolicy
from controllers.policy.refusals import state_refusal, task_refusal
from controllers.schedules.spans import TASK_PARAMETERS
from sunhelm.configuration.document import Document
from sunhelm.configuration.mistakes import Mistake, found, listed, with_guess
from sunhelm.configuration.places import KeyPath
from sunhelm.configuration.validation import validate_at
from sunhelm.devices.control import Action, Promise, Value
from sunhelm.devices.controlled import NotControllable
from sunhelm.devices.device_config import DeviceConfig
from sunhelm.devices.sections import NAME, NO_NAME
from sunhelm.devices.site import Site

Promises = Callable[[DeviceConfig, Site], Mapping[str, Promise]]
"""What a configured device promises of each of its states and tasks. Raises NotControllable."""

POLICIES: Final = "policies"
_LEASE_S: Final = 600.0


class PoliciesCheck:
    """The section `policies` beside the devices that it speaks of."""

    def __init__(
        self,
        document: Document,
        site: Site | None,
        alertmanager: AlertmanagerSection,
        groups: Groups,
        promises: Promises,
    ) -> None:
        self.mistakes: list[Mistake] = []
        self._document = document
        self._devices = {} if site is None else site.devices
        self._alertmanager = alertmanager
        self._groups = groups
        self._promises = {} if site is None else dict(self._known(site, promises))

    def regulable(self, device: DeviceConfig) -> bool:
        """Return whether a device is a charger that can be regulated; who cannot tell lets it be one."""
        promises = self._promises.get(device.name)
        return promises is None or any(Action.EV_MODE in each.actions for each in promises.values())

    def regulated(self, chargers: Collection[str]) -> None:
        """Let only these chargers have a mode: nobody regulates the others."""
        self._promises = {
            name: promises
            if name in chargers
            else {key: each for key, each in promises.items() if Action.EV_MODE not in each.actions}
            for name, promises in self._promises.items()
        }

    def policies(self) -> tuple[dict[str, Policy], dict[str, TaskPolicy]]:
        """Return the policies without mistakes, those that ask for a state and those for a task.

        The mistakes of the others are in `mistakes`.
        """
        for device in self._devices.values():
            self.mistakes += control_mistakes(self._document, device, self._promises.get(device.name))
        written = self._document.value((POLICIES,))
        if written is not None and not isinstance(written, dict):
            message = "is not a mapping from names to policies"
            self.mistakes.append(self._document.mistake((POLICIES,), message))
        policies: dict[str, Policy] = {}
        tasks: dict[str, TaskPolicy] = {}
        for name in self._document.mapping((POLICIES,)):
            policy = self._policy(name)
            if isinstance(policy, Policy):
                policies[name] = policy
            elif policy is not None:
                tasks[name] = policy
        for first, second in combinations(policies.values(), 2):
            self._refuse_conflict(first, second)
        return policies, tasks

    def _known(self, site: Site, promises: Promises) -> Iterator[tuple[str, Mapping[str, Promise]]]:
        for device in site.devices.values():
            if device.control.enabled:
                try:
                    yield device.name, promises(device, site)
                except NotControllable as error:
                    where: KeyPath = ("devices", device.name, "control")
                    self.mistakes.append(self._document.mistake(where, str(error)))

    def _policy(self, name: str) -> Policy | TaskPolicy | None:
        path: KeyPath = (POLICIES, name)
        if not NAME.fullmatch(name):
            self.mistakes.append(self._document.mistake(path, NO_NAME, at_key=True))
        section, wrong = validate_at(self._document, path, PolicySection)
        self.mistakes += wrong
        if section is None:
            return None
        if section.action in TASK_PARAMETERS:
            return self._task(name, path, section)
        parameters, wrong = validate_at(self._document, (*path, "with"), PARAMETERS[section.action])
        self.mistakes += wrong
        terms = self._terms(path, section)
        if section.action is Action.LIMIT_EXPORT and self._alertmanager.heartbeat is None:
            message = "limits export, and there is no alertmanager.heartbeat to tell when nobody watches"
            self.mistakes.append(self._document.mistake((*path, "action"), message))
        if parameters is None:
            return None
        values = dict(self._values(path, section, parameters))
        if not values:
            return None
        return Policy(
            name=name,
            match=section.match,
            action=section.action,
            values=values,
            terms=terms,
            setting=parameters.setting if isinstance(parameters, SetParameters) else "",
            from_label=section.device == FROM_LABEL,
            cooldown_s=section.cooldown,
            most_a_day=section.most_a_day,
        )

    def _task(self, name: str, path: KeyPath, section: PolicySection) -> TaskPolicy | None:
        parameters, wrong = validate_at(self._document, (*path, "with"), TASK_PARAMETERS[section.action])
        self.mistakes += wrong
        if section.action is Action.RESET_WATCHDOG and self._alertmanager.heartbeat is None:
            message = (
                "lifts the export limit, without an alertmanager.heartbeat to tell whether anybody watches"
            )
            self.mistakes.append(self._document.mistake((*path, "action"), message))
        devices = []
        for device in self._meant(path, section):
            refusal = task_refusal(device, section.action, self._promises.get(device.name))
            if refusal is None:
                devices.append(device.name)
            elif section.device != FROM_LABEL:
                self.mistakes.append(self._document.mistake((*path, "action"), refusal))
        if parameters is None or not devices:
            return None
        return TaskPolicy(
            name=name,
            match=section.match,
            action=section.action,
            devices=tuple(devices),
            parameters=section.parameters,
            from_label=section.device == FROM_LABEL,
            cooldown_s=section.cooldown,
            most_a_day=section.most_a_day,
            dry_run=section.dry_run,
        )

    def _terms(self, path: KeyPath, section: PolicySection) -> Terms:
        least = 2 * self._alertmanager.repeat_interval
        pulled = self._alertmanager.url is not None
        lease = section.lease if section.lease is not None else (_LEASE_S if pulled else least)
        if section.min_life > section.max_life:
            message = f"{section.min_life:g}s is more than max_life, {section.max_life:g}s"
            self.mistakes.append(self._document.mistake((*path, "min_life"), message))
        if not pulled and lease < least:
            message = (
                f"{lease:g}s is shorter than twice alertmanager.repeat_interval, {least:g}s: the claim would"
                " lapse while its alert fires. Lengthen it, or give alertmanager.url"
            )
            self.mistakes.append(self._document.mistake((*path, "lease"), message))
        return Terms(
            lease_s=lease,
            max_life_s=section.max_life,
            min_life_s=section.min_life,
            priority=section.priority,
            dry_run=section.dry_run,
            release_ramp_s=section.release_ramp,
        )

    def _values(
        self, path: KeyPath, section: PolicySection, parameters: Parameters
    ) -> Iterator[tuple[str, Value]]:
        if section.group is not None and section.action in GROUPABLE:
            yield from self._shared(path, section, parameters)
            return
        for device in self._meant(path, section):
            try:
                value = parameters.value(device.rated_power)
            except NoRatedPower as error:
                if section.device != FROM_LABEL:
                    where = (*path, "with", "limit")
                    self.mistakes.append(self._document.mistake(where, f"{error} ({device.name})"))
                continue
            value = self._meant_by(device, parameters, value)
            refusal = state_refusal(
                device, section.action, parameters, value, self._promises.get(device.name)
            )
            if refusal is None:
                yield device.name, value
            elif section.device != FROM_LABEL:
                self.mistakes.append(self._document.mistake((*path, refusal[0]), refusal[1]))

    def _meant_by(self, device: DeviceConfig, parameters: Parameters, value: Value) -> Value:
        """Return what a number means to the setting that it is for."""
        if not isinstance(parameters, SetParameters):
            return value
        promise = self._promises.get(device.name, {}).get(f"setting:{parameters.setting}")
        return value if promise is None or parameters.to.number < 0 else promise.meant(value)

    def _shared(
        self, path: KeyPath, section: PolicySection, parameters: Parameters
    ) -> Iterator[tuple[str, Value]]:
        """Yield the part of each member of a group that has one."""
        members = [
            (device, self._promise_of(device, section.action)) for device in self._meant(path, section)
        ]
        if not members:
            return
        try:
            shares = shared(section.action, parameters, members)
        except Unshared as error:
            self.mistakes.append(self._document.mistake((*path, error.key), str(error)))
            return
        for device, value in shares:
            refusal = state_refusal(
                device, section.action, parameters, value, self._promises.get(device.name)
            )
            if refusal is None:
                yield device.name, value
            else:
                self.mistakes.append(self._document.mistake((*path, refusal[0]), refusal[1]))

    def _promise_of(self, device: DeviceConfig, action: Action) -> Promise | None:
        promises = self._promises.get(device.name, {}).values()
        return next((promise for promise in promises if action in promise.actions), None)

    def _meant(self, path: KeyPath, section: PolicySection) -> Iterable[DeviceConfig]:
        """Return the devices that a policy is about."""
        if (section.device is None) == (section.group is None):
            self.mistakes.append(self._document.mistake(path, "names either a device or a group"))
            return ()
        if section.group is not None:
            return self._members(path, section, section.group)
        assert section.device is not None
        enabled = [device for device in self._devices.values() if device.control.enabled]
        if section.device == FROM_LABEL:
            if not enabled and self._devices:
                message = "no device has control: {enabled: true}"
                self.mistakes.append(self._document.mistake((*path, "device"), message))
            return enabled
        device = self._devices.get(section.device)
        if device is None:
            if section.device not in self._document.mapping(("devices",)):
                what = f"{found(section.device)} is not one of the devices"
                message = with_guess(what, section.device, self._devices)
                self.mistakes.append(self._document.mistake((*path, "device"), message))
            return ()
        return self._controllable((*path, "device"), [device])

    def _members(self, path: KeyPath, section: PolicySection, group: str) -> Iterable[DeviceConfig]:
        where: KeyPath = (*path, "group")
        if section.action not in GROUPABLE:
            actions = listed(sorted(action.value for action in GROUPABLE))
            message = f"{section.action.value} is for one device; a group can be asked for {actions}"
            self.mistakes.append(self._document.mistake(where, message))
            return ()
        members = self._groups.get(group)
        if members is None:
            message = with_guess(f"{found(group)} is not one of the groups", group, self._groups)
            self.mistakes.append(self._document.mistake(where, message))
            return ()
        known = [self._devices[name] for name in members if name in self._devices]
        return self._controllable(where, known)

    def _controllable(self, where: KeyPath, devices: Iterable[DeviceConfig]) -> list[DeviceConfig]:
        able = []
        for device in devices:
            if device.control.enabled:
                able.append(device)
            else:
                message = f"{found(device.name)} may only be read; it needs control: {{enabled: true}}"
                self.mistakes.append(self._document.mistake(where, message))
        return able

    def _refuse_conflict(self, first: Policy, second: Policy) -> None:
        for device in first.values.keys() & second.values.keys():
            one, other = first.values[device], second.values[device]
            alike = first.state == second.state and first.terms.priority == second.terms.priority
            if alike and one != other and not is_limit(one):
                message = (
                    f"asks for another state of {device} than policies.{first.name}, with the same priority;"
                    " give one of them a larger one"
                )
                self.mistakes.append(self._document.mistake((POLICIES, second.name), message, at_key=True))
