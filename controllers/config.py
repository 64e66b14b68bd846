"""What the controller reads of the site file: the site, and its own sections."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from controllers.evcharging.mode_handle import EV_MODE, PROMISE
from controllers.evcharging.section import Chargers, check_chargers
from controllers.policy.groups import check_groups
from controllers.policy.policies import AlertmanagerSection, Policies
from controllers.policy.policy_check import PoliciesCheck, Promises
from controllers.schedules.means import schedule_promise
from sunhelm.configuration.document import read_document
from sunhelm.configuration.mistakes import ConfigurationError
from sunhelm.configuration.validation import validate_section
from sunhelm.devices.control import Action, Promise
from sunhelm.devices.controlled import open_controlled
from sunhelm.devices.device_config import DeviceConfig
from sunhelm.devices.site import Site, validate_site

ALERTMANAGER: Final = "alertmanager"


@dataclass(frozen=True, slots=True)
class Configuration:
    """The site file as the controller needs it."""

    site: Site
    policies: Policies
    chargers: Chargers = field(default_factory=dict)


def promises_of(config: DeviceConfig, site: Site) -> Mapping[str, Promise]:
    """Return what a device of ours promises; nothing is sent to it. Raises NotControllable."""
    device = open_controlled(config, site)
    promises = {key: handle.promise for key, handle in device.handles.items()}
    promises |= {f"task:{key}": task.promise for key, task in device.tasks.items()}
    for each in (device.watchdog, device.envelopes):
        if each is not None:
            promises[f"task:{each.promise.key}"] = each.promise
    if device.charger is not None:
        promises[EV_MODE] = PROMISE
    schedules = schedule_promise(device)
    if schedules is not None:
        actions = (Action.CREATE_SCHEDULE, Action.DELETE_SCHEDULE)
        promises["schedules"] = replace(schedules, key="schedules", actions=actions)
    return promises


def load_configuration(
    path: Path, *, expand_environment: bool = False, promises: Promises = promises_of
) -> Configuration:
    """Read and validate the site file. Raises ConfigurationError with every mistake of all sections."""
    document = read_document(path, expand_environment=expand_environment)
    site, mistakes = validate_site(document)
    section, wrong = validate_section(document, ALERTMANAGER, AlertmanagerSection)
    alertmanager = section or AlertmanagerSection()
    groups, wrong_groups = check_groups(document, site)
    check = PoliciesCheck(document, site, alertmanager, groups, promises)
    chargers, wrong_chargers = check_chargers(document, site, check.regulable)
    check.regulated(chargers)
    policies, tasks = check.policies()
    mistakes += [*wrong, *wrong_groups, *wrong_chargers, *check.mistakes]
    if site is None or mistakes:
        raise ConfigurationError(mistakes)
    rules = Policies(policies=policies, tasks=tasks, alertmanager=alertmanager)
    return Configuration(site, rules, chargers)
