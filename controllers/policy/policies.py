"""Policies: which alert asks for which state of which device, and on what terms.

An alert selects a declared policy by its labels and a configured device by exact match. Nothing that it
says is run, formatted, resolved or used as an address.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Final
from urllib.parse import SplitResult, urlsplit

from pydantic import BeforeValidator, Field

from controllers.claims.claims import ClaimKey, Order, Terms
from controllers.claims.demand import state_of
from sunhelm.configuration.mistakes import found
from sunhelm.configuration.validation import Section
from sunhelm.devices.amounts import Seconds
from sunhelm.devices.control import Action, Value

FROM_LABEL: Final = "from_label"
"""In place of a device's name: the alert's label `device` names it."""

DEVICE_LABEL: Final = "device"

_RESENDS_UNTIL_FORGOTTEN: Final = 4
"""Prometheus says with each alert that it is over unless it is sent again by then."""


def _labels(value: object) -> object:
    if isinstance(value, dict) and not value:
        raise ValueError("is empty; name at least one label, such as alertname")
    return value


def parse_url(value: object) -> SplitResult:
    """Return the address of a service. Raises ValueError with a sentence that says what is allowed."""
    if isinstance(value, SplitResult):
        return value
    url = urlsplit(value) if isinstance(value, str) else urlsplit("")
    try:
        sound = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
    except ValueError:
        sound = False
    if not sound or url.username is not None or url.query or url.fragment:
        raise ValueError(f"{found(value)} is not an address; write one like http://127.0.0.1:9093")
    return url


Labels = Annotated[Mapping[str, str], BeforeValidator(_labels)]


class HeartbeatSection(Section):
    """The alert that always fires. `late` is how long it may stay away."""

    match: Labels
    late: Annotated[Seconds, Field(gt=0)] = 300.0


class AlertmanagerSection(Section):
    """The section `alertmanager`.

    With `url`, its alerts are looked at regularly: they are the truth, and a delivery is only the wake-up.
    `repeat_interval` is what its route to us says. `resend` is how often Prometheus sends an alert that goes
    on: its `--rules.alert.resend-delay`, or its evaluation interval where that is longer.
    """

    url: Annotated[SplitResult, BeforeValidator(parse_url)] | None = None
    repeat_interval: Annotated[Seconds, Field(gt=0)] = 4 * 3600.0
    resend: Annotated[Seconds, Field(gt=0)] = 60.0
    heartbeat: HeartbeatSection | None = None

    @property
    def echo_s(self) -> float:
        """How long a heartbeat may still be delivered after Prometheus has died; the list tells better."""
        return 0.0 if self.url is not None else _RESENDS_UNTIL_FORGOTTEN * self.resend


class PolicySection(Section):
    """One entry of the section `policies`, but for what stands under `with`."""

    match: Labels
    device: str | None = None
    group: str | None = None
    action: Action
    parameters: Mapping[str, object] = Field(default_factory=dict, alias="with")
    lease: Annotated[Seconds, Field(gt=0)] | None = None
    min_life: Seconds = 600.0
    max_life: Annotated[Seconds, Field(gt=0)] = 86_400.0
    cooldown: Seconds = 0.0
    most_a_day: Annotated[int, Field(gt=0)] | None = None
    priority: int = 0
    dry_run: bool = False
    release_ramp: Seconds = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One policy. `values` is what it asks for on each device that it may be about, in base units."""

    name: str
    match: Mapping[str, str]
    action: Action
    values: Mapping[str, Value]
    terms: Terms
    setting: str = ""
    from_label: bool = False
    cooldown_s: float = 0.0
    most_a_day: int | None = None

    @property
    def state(self) -> str:
        """The state of the device that it is about."""
        return state_of(self.action, self.setting)

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Return whether an alert with these labels is meant."""
        return all(labels.get(name) == value for name, value in self.match.items())

    def orders(self, fingerprint: str, labels: Mapping[str, str]) -> list[Order]:
        """Return what the alert asks for, of each device that it is about."""
        devices = (labels.get(DEVICE_LABEL, ""),) if self.from_label else self.values
        return [self.order_on(device, fingerprint) for device in devices if device in self.values]

    def order_on(self, device: str, fingerprint: str) -> Order:
        """Return what it asks of one of its devices."""
        return Order(
            key=ClaimKey(self.name, fingerprint, device),
            action=self.action,
            state=self.state,
            value=self.values[device],
            terms=self.terms,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskPolicy:
    """One policy whose action is done once for each episode of its alert, on each of `devices`.

    `parameters` are as they were written, and checked.
    """

    name: str
    match: Mapping[str, str]
    action: Action
    devices: tuple[str, ...]
    parameters: Mapping[str, object] = field(default_factory=dict)
    from_label: bool = False
    cooldown_s: float = 0.0
    most_a_day: int | None = None
    dry_run: bool = False

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Return whether an alert with these labels is meant."""
        return all(labels.get(name) == value for name, value in self.match.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """All policies of a site, and what is needed to judge alerts by them."""

    policies: Mapping[str, Policy] = field(default_factory=dict)
    tasks: Mapping[str, TaskPolicy] = field(default_factory=dict)
    alertmanager: AlertmanagerSection = field(default_factory=AlertmanagerSection)

    def is_heartbeat(self, labels: Mapping[str, str]) -> bool:
        """Return whether an alert with these labels is the heartbeat."""
        heartbeat = self.alertmanager.heartbeat
        return heartbeat is not None and all(
            labels.get(name) == value for name, value in heartbeat.match.items()
        )

    def concern(self, labels: Mapping[str, str]) -> bool:
        """Return whether an alert with these labels means anything here."""
        if self.is_heartbeat(labels):
            return True
        policies: list[Policy | TaskPolicy] = [*self.policies.values(), *self.tasks.values()]
        return any(policy.matches(labels) for policy in policies)

    def tasks_for(self, labels: Mapping[str, str]) -> list[tuple[TaskPolicy, str]]:
        """Return all that an alert asks to be done once, each with its device."""
        asked: list[tuple[TaskPolicy, str]] = []
        for policy in self.tasks.values():
            if policy.matches(labels):
                devices = (labels.get(DEVICE_LABEL, ""),) if policy.from_label else policy.devices
                asked += [(policy, device) for device in devices if device in policy.devices]
        return asked

    def orders(self, fingerprint: str, labels: Mapping[str, str]) -> list[tuple[Policy, Order]]:
        """Return all that an alert asks for."""
        matching = [policy for policy in self.policies.values() if policy.matches(labels)]
        return [(policy, order) for policy in matching for order in policy.orders(fingerprint, labels)]

    def values(self, device: str) -> dict[str, tuple[Value, ...]]:
        """Return every value that any policy may ever ask of the states of a device."""
        values: dict[str, tuple[Value, ...]] = {}
        for policy in self.policies.values():
            if device in policy.values:
                values[policy.state] = (*values.get(policy.state, ()), policy.values[device])
        return values

    @property
    def poll_s(self) -> float | None:
        """How often Alertmanager is asked, in seconds: thrice a lease; None without its address."""
        if self.alertmanager.url is None:
            return None
        return min((policy.terms.lease_s for policy in self.policies.values()), default=600.0) / 3
