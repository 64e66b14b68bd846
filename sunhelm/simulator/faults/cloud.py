"""What goes wrong at a cloud, beyond what goes wrong on every wire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sunhelm.simulator.faults.kinds import CloudFault


@dataclass(frozen=True, kw_only=True)
class Refusal(CloudFault):
    """Requests are answered with a status, 429 or 503 with how long to wait."""

    name = "refusal"
    status: int = 500
    retry_after_s: float | None = None

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """What says how long to wait, where that is said."""
        return () if self.retry_after_s is None else (("Retry-After", f"{self.retry_after_s:.0f}"),)


@dataclass(frozen=True, kw_only=True)
class Maintenance(CloudFault):
    """Every request is answered with status 200 and a page for people."""

    name = "maintenance"


@dataclass(frozen=True, kw_only=True)
class ExpiredTokens(CloudFault):
    """What the sign-in gave is not accepted; `always` not even when it was given just now."""

    name = "expired_tokens"
    always: bool = False


@dataclass(frozen=True, kw_only=True)
class WrongCredentials(CloudFault):
    """The sign-in refuses; with `status` 400 for who one is, with 401 for the secret."""

    name = "wrong_credentials"
    status: int = 401


@dataclass(frozen=True, kw_only=True)
class ClockSkew(CloudFault):
    """The times in the data are off by `seconds`; the cloud's own clock is right."""

    name = "clock_skew"
    seconds: float = 3600.0


@dataclass(frozen=True, kw_only=True)
class RenamedField(CloudFault):
    """A member of every object is called otherwise."""

    name = "renamed_field"
    field: str = "TimestampUtc"


@dataclass(frozen=True, kw_only=True)
class NulledField(CloudFault):
    """A member of every object is null."""

    name = "nulled_field"
    field: str = "Battery"


CLOUD_FAULTS: Mapping[str, type[CloudFault]] = MappingProxyType(
    {kind.name: kind for kind in CloudFault.__subclasses__()}
)
"""Every kind of fault that only clouds have, by its name."""
