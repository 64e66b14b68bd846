"""`sunhelm scan`: find devices of known families in a network, and write what the site file needs of them."""

from __future__ import annotations

import argparse
import asyncio
import ipaddress
import json
import math
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import Final

import yaml

from sunhelm.cli.survey import Address, Listener, Ports, Rate, Survey
from sunhelm.configuration.complaints import not_among
from sunhelm.devices.families import load_family
from sunhelm.devices.links.loggers import DISCOVERY_PORT, find_loggers
from sunhelm.devices.links.turns import RuntimeDirectoryError, Turns, runtime_directory
from sunhelm.devices.recognition import Recognised, usual_ports
from sunhelm.service.flags import add_runtime_flag
from sunhelm.service.logs import configure_logs

NAME: Final = "scan"
HELP: Final = "find devices of known families in a network"

_MOST_ADDRESSES: Final = 1 << 12
_NOTHING_FOUND: Final = 1
_WRONG_USE: Final = 2
_BAR: Final = 30

Network = IPv4Network | IPv6Network


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument(
        "network", type=_network, metavar="CIDR", help="the addresses to look at, such as 192.168.1.0/24"
    )
    parser.add_argument(
        "--port",
        action="append",
        default=[],
        type=_port,
        metavar="FAMILY=PORT",
        help="look for this family at another port than its usual one; may be repeated",
    )
    parser.add_argument(
        "--rate",
        type=_positive,
        default=50.0,
        metavar="N",
        help="the most connections that are made in a second (%(default)g)",
    )
    parser.add_argument(
        "--connect-timeout",
        type=_positive,
        default=1.0,
        metavar="SECONDS",
        help="how long to wait for a connection (%(default)g)",
    )
    parser.add_argument(
        "--timeout",
        type=_positive,
        default=3.0,
        metavar="SECONDS",
        help="how long a device may take to say what it is (%(default)g)",
    )
    parser.add_argument(
        "--logger-port",
        type=_udp_port,
        default=DISCOVERY_PORT,
        metavar="PORT",
        help="ask for Solarman loggers at this UDP port (%(default)s); 0 asks for none",
    )
    parser.add_argument("--json", action="store_true", help="print what was found as JSON")
    parser.add_argument(
        "--yes",
        action="store_true",
        help=f"look also at more than {_MOST_ADDRESSES} addresses (a /20), or at public ones",
    )
    add_runtime_flag(parser)


def run(arguments: argparse.Namespace) -> int:
    """Return 0 when a device was found, 1 when none, 2 for mistakes."""
    network: Network = arguments.network
    if not arguments.yes and (why := _objection(network)):
        print(f"{network}: {why}. Add --yes when that is what you want.", file=sys.stderr)
        return _WRONG_USE
    try:
        turns = Turns(runtime_directory(arguments.runtime_directory))
    except RuntimeDirectoryError as error:
        print(error, file=sys.stderr)
        return _NOTHING_FOUND
    configure_logs("error")  # what a device answers is the output here, not news for a log
    ports: Ports = usual_ports() | dict(arguments.port)
    progress = Progress(_count(network) * len({number for links in ports.values() for _, number in links}))

    async def look() -> list[Listener]:
        loggers = await _loggers(network, arguments.logger_port, arguments.connect_timeout)
        survey = Survey(
            ports,
            Rate(arguments.rate),
            loggers,
            connect_s=arguments.connect_timeout,
            answer_s=arguments.timeout,
            turns=turns,
            looked=progress.looked,
        )
        return await survey.look(_addresses(network))

    try:
        listeners = asyncio.run(look())
    finally:
        progress.clear()
    print(_as_json(network, listeners) if arguments.json else "\n".join(_as_text(listeners)))
    return 0 if any(listener.devices for listener in listeners) else _NOTHING_FOUND


async def _loggers(network: Network, port: int, wait_s: float) -> dict[str, int]:
    """Return the serial numbers of the Solarman loggers in a network, by their address."""
    if not port:
        return {}
    found = await find_loggers(map(str, _addresses(network)), port=port, wait_s=wait_s)
    return {logger.host: logger.serial for logger in found}


@dataclass(slots=True)
class Progress:
    """A line on standard error that tells how far we are; only where somebody looks at it."""

    total: int
    done: int = 0
    devices: int = 0

    def looked(self, listener: Listener | None) -> None:
        """Count one more port, and what stands there."""
        self.done += 1
        self.devices += bool(listener and listener.devices)
        if sys.stderr.isatty():
            full = _BAR * self.done // self.total
            bar = "#" * full + "." * (_BAR - full)
            sys.stderr.write(f"\r[{bar}] {self.done} of {self.total} ports, {self.devices} devices ")
            sys.stderr.flush()

    def clear(self) -> None:
        """Take the line away."""
        if sys.stderr.isatty():
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def snippet(listeners: Iterable[Listener]) -> str:
    """Return the section `devices` of a site file with these devices, named after their families."""
    used: Counter[str] = Counter()
    devices: dict[str, dict[str, object]] = {}
    for listener in listeners:
        if listener.devices:
            family = listener.devices[0].family
            used[family] += 1
            name = family if used[family] == 1 else f"{family}_{used[family]}"
            devices[name] = _section(listener, listener.devices[0])
    text: str = yaml.safe_dump({"devices": devices}, sort_keys=False, allow_unicode=True)
    return text


def _section(listener: Listener, device: Recognised) -> dict[str, object]:
    """Return what the site file has to say of a device: nothing that its family has as a default."""
    links = load_family(device.family).spec.links
    section: dict[str, object] = {"family": device.family, "host": listener.host}
    if device.link != next(iter(links)):
        section["link"] = device.link
    if listener.port != links[device.link]:
        section["port"] = listener.port
    if device.logger_serial is not None:
        section["logger_serial"] = device.logger_serial
    return section


def _as_text(listeners: Sequence[Listener]) -> Iterator[str]:
    """Yield a line for each device and each port that nobody knows, then the snippet."""
    for listener in listeners:
        place = f"[{listener.host}]" if ":" in listener.host else listener.host
        told = [_about(device) for device in listener.devices] or ["no device of a known family"]
        if listener.logger_serial is not None:
            told.append(f"Solarman logger {listener.logger_serial}")
        yield f"{place}:{listener.port}  {'; also '.join(told)}"
    if any(listener.devices for listener in listeners):
        yield ""
        yield "For the site file:"
        yield ""
        yield snippet(listeners).rstrip()
    else:
        yield "No device was found."


def _about(device: Recognised) -> str:
    facts = [" ".join(filter(None, (device.vendor, device.model)))]
    facts += [f"serial number {device.serial}"] if device.serial else []
    facts += [f"firmware {device.firmware}"] if device.firmware else []
    return f"{device.family}: {', '.join(filter(None, facts))}"


def _as_json(network: Network, listeners: Sequence[Listener]) -> str:
    found = [
        {
            "host": listener.host,
            "port": listener.port,
            "logger_serial": listener.logger_serial,
            "devices": [asdict(device) for device in listener.devices],
            "not": {family: f"{why.reason}: {why.detail}" for family, why in listener.others.items()},
        }
        for listener in listeners
    ]
    return json.dumps({"network": str(network), "listeners": found}, indent=2)


def _objection(network: Network) -> str:
    if network.num_addresses > _MOST_ADDRESSES:
        return f"{network.num_addresses} addresses; {_MOST_ADDRESSES} are looked at without further ado"
    if not network.is_private:
        return "these are not addresses of a private network, and others may not like to be scanned"
    return ""


def _addresses(network: Network) -> Iterator[Address]:
    """Yield the addresses that a host can have."""
    yield from network.hosts()


def _count(network: Network) -> int:
    """Return how many addresses a host can have."""
    spare = {4: 2, 6: 1}[network.version] if network.max_prefixlen - network.prefixlen > 1 else 0
    return network.num_addresses - spare


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a network; write its addresses as 192.168.1.0/24, one address alone as it is"
        ) from None


def _port(text: str) -> tuple[str, tuple[tuple[str, int], ...]]:
    family, _, number = text.partition("=")
    ports = usual_ports()
    if family not in ports:
        raise argparse.ArgumentTypeError(f"family {not_among(family, list(ports))}")
    if not (number.isascii() and number.isdecimal() and 0 < int(number) < 1 << 16):
        raise argparse.ArgumentTypeError(f"{text!r}: {number!r} is not a port; 1 to 65535 is")
    return family, tuple((kind, int(number)) for kind, _ in ports[family])


def _udp_port(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text) < 1 << 16):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port; 0 to 65535 is")
    return int(text)


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return number
