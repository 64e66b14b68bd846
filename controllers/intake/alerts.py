"""Alerts as they reach us: of Alertmanager's webhook, version 4, and of its API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
)

from sunhelm.configuration.mistakes import one_line

MOST_ALERTS: Final = 10_000

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST: Final = 200


class Status(StrEnum):
    """What is said of an alert."""

    FIRING = "firing"
    RESOLVED = "resolved"
    SILENCED = "silenced"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert as it was seen. Times are Unix time as its sender stamps them; `ends_at` of firing ones is 0.

    `stamp` is when it was seen, by the same clock; `seen_at` by our own steady time.
    """

    fingerprint: str
    status: Status
    labels: Mapping[str, str]
    starts_at: float
    ends_at: float = 0.0
    stamp: float = 0.0
    seen_at: float = 0.0


class BadAlerts(ValueError):
    """What came is not what Alertmanager sends; the text is one line that says what is wrong."""


def _unix_time(value: object) -> float:
    if not isinstance(value, str):
        raise ValueError("is not a time")  # noqa: TRY004 - pydantic wants ValueError
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        raise ValueError("is a time without an offset")
    return (moment - _EPOCH).total_seconds()


def _whole(value: object) -> object:
    """Take 3.0 for the whole number that it is in JSON."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Time = Annotated[
    float, BeforeValidator(_unix_time), WithJsonSchema({"type": "string", "format": "date-time"})
]
Fingerprint = Annotated[str, Field(min_length=1, max_length=64)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)


class DeliveredAlert(_Model):
    """One alert of a delivery."""

    status: Literal["firing", "resolved"]
    labels: dict[str, str]
    starts_at: Time = Field(alias="startsAt")
    ends_at: Time = Field(alias="endsAt")
    fingerprint: Fingerprint


class Delivery(_Model):
    """What Alertmanager's webhook delivers, version 4; what else it holds is ignored."""

    version: Literal["4"]
    alerts: Annotated[list[DeliveredAlert], Field(max_length=MOST_ALERTS)]
    truncated: Annotated[int, Field(alias="truncatedAlerts", ge=0), BeforeValidator(_whole)] = 0


class _ListedStatus(_Model):
    state: Literal["unprocessed", "active", "suppressed"]


class _Listed(_Model):
    status: _ListedStatus
    labels: dict[str, str]
    starts_at: Time = Field(alias="startsAt")
    updated_at: Time = Field(alias="updatedAt")
    fingerprint: Fingerprint


_LIST: Final = TypeAdapter(list[_Listed])


def parse_delivery(body: bytes, *, stamp: float, seen_at: float) -> list[Alert]:
    """Return the alerts of one delivery, in its order. Raises BadAlerts.

    What the delivery says of the whole group is ignored: each alert has a status of its own, and one that
    was left out is unknown.
    """
    try:
        delivery = Delivery.model_validate_json(body)
    except ValidationError as error:
        raise BadAlerts(_first(error)) from None
    return [
        Alert(
            fingerprint=alert.fingerprint,
            status=Status(alert.status),
            labels=alert.labels,
            starts_at=alert.starts_at,
            ends_at=alert.ends_at if alert.status == "resolved" else 0.0,
            stamp=stamp,
            seen_at=seen_at,
        )
        for alert in delivery.alerts
    ]


def parse_listing(body: bytes, *, seen_at: float) -> list[Alert]:
    """Return the alerts that the API lists; their stamp is when they were last updated. Raises BadAlerts."""
    try:
        listed = _LIST.validate_json(body)
    except ValidationError as error:
        raise BadAlerts(_first(error)) from None
    return [
        Alert(
            fingerprint=alert.fingerprint,
            status=Status.SILENCED if alert.status.state == "suppressed" else Status.FIRING,
            labels=alert.labels,
            starts_at=alert.starts_at,
            stamp=alert.updated_at,
            seen_at=seen_at,
        )
        for alert in listed
    ]


def _first(error: ValidationError) -> str:
    details = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(str(step) for step in details["loc"])
    return one_line(f"{place}: {details['msg']}" if place else details["msg"])[:_LONGEST]
