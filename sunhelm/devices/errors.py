"""Everything that can go wrong with a device, as one tree.

    DeviceError
     ├─ Unreachable     no connection, or it broke
     │   └─ TimedOut    the deadline passed without an answer
     ├─ Busy            the device, or another process of ours that uses it, asks us to come back
     ├─ Asleep          no sun: the device has switched itself off, and that is as it should be
     ├─ Rejected        the device understood the request and refuses it
     ├─ Malformed       the answer breaks its own protocol, or the data cannot be true
     ├─ AuthFailed      the credentials are wrong
     └─ RateLimited     a cloud wants fewer requests

Every member has a `reason`, the word that metrics and logs use. Errors of the libraries below are
mapped to these where they are caught, in `sunhelm.devices.links`; the original is the `__cause__`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar


class Reason(StrEnum):
    """Why a group of readings is missing; the closed set of values of the `reason` label."""

    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    BUSY = "busy"
    ASLEEP = "asleep"
    REJECTED = "rejected"
    MALFORMED = "malformed"
    AUTH_FAILED = "auth_failed"
    RATE_LIMITED = "rate_limited"


class DeviceError(Exception):
    """Root of the tree; never raised itself. Its text is one sentence, free of secrets."""

    reason: ClassVar[Reason]


class Unreachable(DeviceError):
    """No connection to the device, or the connection broke before an answer was whole."""

    reason = Reason.UNREACHABLE


class TimedOut(Unreachable):
    """The deadline passed before an answer was whole. The connection has been closed."""

    reason = Reason.TIMEOUT


class Busy(DeviceError):
    """The device is busy (Modbus exceptions 5 and 6), or another process has its turn."""

    reason = Reason.BUSY


class Asleep(DeviceError):
    """The device does not answer and the sun is below the horizon."""

    reason = Reason.ASLEEP


class Rejected(DeviceError):
    """The device refuses the request.

    `code` is the protocol's own number (a Modbus exception code, an HTTP status); 0 when it has none.
    """

    reason = Reason.REJECTED

    def __init__(self, message: str, *, code: int = 0) -> None:
        super().__init__(message)
        self.code = code


class Malformed(DeviceError):
    """The answer breaks its protocol: wrong length, checksum, address, or content that cannot be."""

    reason = Reason.MALFORMED


class AuthFailed(DeviceError):
    """The device or cloud says that the credentials are wrong."""

    reason = Reason.AUTH_FAILED


class RateLimited(DeviceError):
    """The cloud wants fewer requests; `retry_after_s` is what it asked for, None when it did not say."""

    reason = Reason.RATE_LIMITED

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
