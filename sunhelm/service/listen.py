"""Where a process listens, in the notation of Prometheus: HOST:PORT, [IPv6]:PORT, or :PORT for all."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Final, Self

_ADDRESS: Final = re.compile(
    r"(?:\[(?P<six>[0-9A-Fa-f:.%a-z]+)\]|(?P<host>[A-Za-z0-9_.-]*)):(?P<port>[0-9]{1,5})"
)


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """One address to listen on; `host` is empty for every interface, `port` 0 for any free port."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the address that `text` means. Raises ValueError, which says what is allowed."""
        match = _ADDRESS.fullmatch(text)
        if match is None or int(match["port"]) > 65535:
            raise ValueError(
                f"{text!r} is not an address to listen on; write HOST:PORT, [IPv6]:PORT, or :PORT for all"
                " interfaces"
            )
        if match["six"]:
            ipaddress.IPv6Address(match["six"])
        return cls(match["six"] or match["host"], int(match["port"]))

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"
