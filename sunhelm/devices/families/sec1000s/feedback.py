"""How requests end, in the numbers that owners of these boxes know."""

from __future__ import annotations

from enum import IntFlag

from sunhelm.devices.errors import Busy, DeviceError, Malformed, Rejected, TimedOut, Unreachable
from sunhelm.devices.links.sec1000 import ChecksumError


class Feedback(IntFlag):
    """How a request ended; the numbers are those that owners of these boxes know from elsewhere."""

    OK = 1
    GENERAL_ERROR = 2
    UNKNOWN_ERROR = 4
    TIME_OUT = 8
    UNEXPECTED_PACKET = 16
    CHECKSUM_ERROR = 32
    SOCKET_ERROR = 64
    INVALID_INPUT = 128

    @classmethod
    def of(cls, error: DeviceError) -> Feedback:
        """Return how a request ended that raised this."""
        match error:
            case TimedOut():
                return cls.TIME_OUT
            case Malformed() if isinstance(error.__cause__, ChecksumError):
                return cls.CHECKSUM_ERROR
            case Malformed() | Busy() | Rejected():
                return cls.UNEXPECTED_PACKET
            case Unreachable():
                return cls.SOCKET_ERROR
            case _:
                return cls.UNKNOWN_ERROR
