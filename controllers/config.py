"""What the controller reads of the site file: the site, and the sections `alertmanager` and `policies`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Final

from controllers.claims import Terms
from controllers.demand import LIMITING
from controllers.limits import is_limit
from controllers.parameters import PARAMETERS, NoRatedPower, Parameters, SetParameters
from controllers.policies import FROM_LABEL, AlertmanagerSection, Policies, Policy, PolicySection
from sunhelm.configuration.complaints import not_among
from sunhelm.configuration.document import Document, read_document
from sunhelm.configuration.mistakes import ConfigurationError, Mistake, did_you_mean, found, listed
from sunhelm.configuration.places import KeyPath
from sunhelm.configuration.validation import validate_at, validate_section
from sunhelm.devices.control import Action, Hazard, Promise, Value
from sunhelm.devices.controlled import NotControllable, open_controlled
from sunhelm.devices.device_config import DeviceConfig
from sunhelm.devices.families import load_family
from sunhelm.devices.sections import NAME, FailSafeLimit
from sunhelm.devices.site import Site, validate_site

Promises = Callable[[DeviceConfig, Site], Mapping[str, Promise]]
"""What a configured device promises of each of its states. Raises NotControllable."""

POLICIES: Final = "policies"
ALERTMANAGER: Final = "alertmanager"
_LEASE_S: Final = 600.0


@dataclass(frozen=True, slots=True)
class Configuration:
    """The site file as the controller needs it."""

    site: Site
    policies: Policies


def promises_of(config: DeviceConfig, site: Site) -> Mapping[str, Promise]:
    """Return what a device of ours promises; nothing is sent to it. Raises NotControllable."""
    handles = open_controlled(config, site).handles
    return {key: handle.promise for key, handle in handles.items()}


def load_configuration(
    path: Path, *, expand_environment: bool = False, promises: Promises = promises_of
) -> Configuration:
    """Read and validate the site file. Raises ConfigurationError with every mistake of all sections."""
    document = read_document(path, expand_environment=expand_environment)
    site, mistakes = validate_site(document)
    alertmanager, wrong = validate_section(document, ALERTMANAGER, AlertmanagerSection)
    mistakes += wrong
    check = _PoliciesCheck(document, site, alertmanager or AlertmanagerSection(), promises)
    policies = check.policies()
    mistakes += check.mistakes
    if site is None or mistakes:
        raise ConfigurationError(mistakes)
    return Configuration(
        site, Policies(policies=policies, alertmanager=alertmanager or AlertmanagerSection())
    )


class _PoliciesCheck:
    """The section `policies` beside the devices that it speaks of."""

    def __init__(
        self,
        document: Document,
        site: Site | None,
        alertmanager: AlertmanagerSection,
        promises: Promises,
    ) -> None:
        self.mistakes: list[Mistake] = []
        self._document = document
        self._devices = {} if site is None else site.devices
        self._alertmanager = alertmanager
        self._promises = {} if site is None else dict(self._known(site, promises))

    def policies(self) -> dict[str, Policy]:
        """Return the policies without mistakes; the mistakes of the others are in `mistakes`."""
        for device in self._devices.values():
            self.mistakes += self._about_control(device)
        written = self._document.value((POLICIES,))
        if written is not None and not isinstance(written, dict):
            message = "is not a mapping from names to policies"
            self.mistakes.append(self._document.mistake((POLICIES,), message))
        policies: dict[str, Policy] = {}
        for name in self._document.mapping((POLICIES,)):
            policy = self._policy(name)
            if policy is not None:
                policies[name] = policy
        for first, second in combinations(policies.values(), 2):
            self._refuse_conflict(first, second)
        return policies

    def _known(self, site: Site, promises: Promises) -> Iterator[tuple[str, Mapping[str, Promise]]]:
        for device in site.devices.values():
            if device.control.enabled:
                try:
                    yield device.name, promises(device, site)
                except NotControllable as error:
                    where: KeyPath = ("devices", device.name, "control")
                    self.mistakes.append(self._document.mistake(where, str(error)))

    def _policy(self, name: str) -> Policy | None:
        path: KeyPath = (POLICIES, name)
        if not NAME.fullmatch(name):
            message = "is not a name; use a-z, 0-9, _ and -, at most 63 of them"
            self.mistakes.append(self._document.mistake(path, message, at_key=True))
        section, wrong = validate_at(self._document, path, PolicySection)
        self.mistakes += wrong
        if section is None:
            return None
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
        )

    def _values(
        self, path: KeyPath, section: PolicySection, parameters: Parameters
    ) -> Iterator[tuple[str, Value]]:
        for device in self._meant(path, section):
            try:
                value = parameters.value(device.rated_power)
            except NoRatedPower as error:
                if section.device != FROM_LABEL:
                    where = (*path, "with", "limit")
                    self.mistakes.append(self._document.mistake(where, f"{error} ({device.name})"))
                continue
            refusal = self._refusal(device, section, parameters, value)
            if refusal is None:
                yield device.name, value
            elif section.device != FROM_LABEL:
                self.mistakes.append(self._document.mistake((*path, refusal[0]), refusal[1]))

    def _meant(self, path: KeyPath, section: PolicySection) -> Iterable[DeviceConfig]:
        enabled = [device for device in self._devices.values() if device.control.enabled]
        if section.device == FROM_LABEL:
            if not enabled and self._devices:
                message = "no device has control: {enabled: true}"
                self.mistakes.append(self._document.mistake((*path, "device"), message))
            return enabled
        device = self._devices.get(section.device)
        if device is None:
            if section.device not in self._document.mapping(("devices",)):
                guess = did_you_mean(section.device, self._devices)
                message = f"{found(section.device)} is not one of the devices.{guess}".removesuffix(".")
                self.mistakes.append(self._document.mistake((*path, "device"), message))
            return ()
        if not device.control.enabled:
            message = f"{found(section.device)} may only be read; it needs control: {{enabled: true}}"
            self.mistakes.append(self._document.mistake((*path, "device"), message))
            return ()
        return (device,)

    def _refusal(
        self, device: DeviceConfig, section: PolicySection, parameters: Parameters, value: Value
    ) -> tuple[str, str] | None:
        """Return the key and the reason why the device cannot or must not be asked for this."""
        promises = self._promises.get(device.name)
        if promises is None:
            return None
        policy_state = f"setting:{parameters.setting}" if isinstance(parameters, SetParameters) else None
        promise = next(
            (
                promise
                for key, promise in promises.items()
                if section.action in promise.actions and policy_state in (None, key)
            ),
            None,
        )
        if promise is None:
            actions = sorted({action.value for each in promises.values() for action in each.actions})
            able = f"it can {listed(actions)}" if actions else "nothing of it can be commanded"
            return "action", f"{section.action.value} is not possible on {device.name}; {able}"
        hazard = promise.hazard_of(value)
        return _hazard_refusal(device, section.action, hazard) or _range_refusal(device, promise, value)

    def _about_control(self, device: DeviceConfig) -> Iterator[Mistake]:
        path: KeyPath = ("devices", device.name, "control")
        names = [action.value for action in Action]
        permissions = [*names, *load_family(device.family).spec.permissions]
        for index, name in enumerate(device.control.allow):
            if name not in permissions:
                yield self._document.mistake((*path, "allow", index), not_among(name, permissions))
        for name, fail_safe in device.control.fail_safe.items():
            where: KeyPath = (*path, "fail_safe", name)
            if name not in names:
                message = f"is not an action.{did_you_mean(name, names)}".removesuffix(".")
                yield self._document.mistake(where, message, at_key=True)
            elif isinstance(fail_safe, FailSafeLimit) and Action(name) not in LIMITING:
                limiting = listed(sorted(action.value for action in LIMITING))
                message = f"a limit in watts is a fail-safe of {limiting} only; write hold or baseline"
                yield self._document.mistake(where, message)

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


def _hazard_refusal(device: DeviceConfig, action: Action, hazard: Hazard) -> tuple[str, str] | None:
    reason = None
    if hazard is Hazard.OPT_IN and action.value not in device.control.allow:
        reason = f"needs its owner's word: control: {{allow: [{action.value}]}}"
    elif hazard is Hazard.PERSON:
        reason = "is for a person only"
    elif hazard is Hazard.NEVER:
        reason = "is never done"
    return None if reason is None else ("action", f"{action.value} on {device.name} {reason}")


def _range_refusal(device: DeviceConfig, promise: Promise, value: Value) -> tuple[str, str] | None:
    number = getattr(value, "watts", getattr(value, "value", None))
    if not isinstance(number, float):
        return None
    low = float("-inf") if promise.low is None else promise.low
    high = float("inf") if promise.high is None else promise.high
    if low <= number <= high:
        return None
    return "with", f"{number:g} is out of the range of {device.name}, {low:g} to {high:g}"
