"""The families that the simulator can play, and the ports they take."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, Protocol

from sunhelm.simulator.clock import Clock
from sunhelm.simulator.faces.deye import DeyeFace
from sunhelm.simulator.faces.givenergy import Dongle, GivEnergyFace
from sunhelm.simulator.faces.givenergy_evc import EvcFace
from sunhelm.simulator.faces.huawei import HuaweiFace, HuaweiServer
from sunhelm.simulator.faces.izypower import EMAIL as IZYPOWER_EMAIL
from sunhelm.simulator.faces.izypower import PASSWORD as IZYPOWER_PASSWORD
from sunhelm.simulator.faces.izypower import IzypowerCloud
from sunhelm.simulator.faces.prices import PriceServer
from sunhelm.simulator.faces.redback import CLIENT_ID, EMAIL, PASSWORD, SECRET, RedbackCloud
from sunhelm.simulator.faces.sec1000 import Sec1000Box
from sunhelm.simulator.faces.sessy import BatteryDongle
from sunhelm.simulator.faces.sessy.dongle import BATTERY_SERIAL
from sunhelm.simulator.faces.sessy.dongle import PASSWORD as STICKER
from sunhelm.simulator.faces.sma import SmaFace
from sunhelm.simulator.faces.sunspec import SunSpecFace
from sunhelm.simulator.faces.victron import HOUSE, VictronFace
from sunhelm.simulator.faults import Faults
from sunhelm.simulator.modbus_device import Limits
from sunhelm.simulator.modbus_server import ModbusServer
from sunhelm.simulator.plant import Plant
from sunhelm.simulator.request_log import RequestLog
from sunhelm.simulator.solarman import DEFAULT_SERIAL, SolarmanLogger


class Endpoint(Protocol):
    """One simulated system on its port, whatever it speaks."""

    faults: Faults
    log: RequestLog

    @property
    def port(self) -> int:
        """The number of the port, known once it was opened."""

    async def open(self, host: str, port: int) -> None:
        """Listen; port 0 takes any free one. Raises OSError when that cannot be."""

    async def close(self) -> None:
        """Stop listening and end every connection."""

    def update(self) -> None:
        """Let the device do what it does by itself once a step."""


def _address(host: str, port: int) -> dict[str, object]:
    return {"host": host, "port": port}


@dataclass(frozen=True, slots=True)
class SimulatedFamily:
    """A family that can be played: what it speaks, and how to put it before a plant.

    `device` returns what a site file says of it when it is played at a host and port, besides its family,
    which is `family`, or named as this where that is empty. `account` returns the account that the device
    names, for a cloud, and `secrets` are the files beside the site file where that finds its secrets. `cloud`
    says that it is reached over HTTP, where faults are others than on a wire.
    """

    protocol: str
    build: Callable[[Plant, Clock, Faults], Endpoint]
    device: Callable[[str, int], Mapping[str, object]] = _address
    account: Callable[[str, int], Mapping[str, object]] | None = None
    family: str = ""
    cloud: bool = False
    secrets: Mapping[str, str] = field(default_factory=dict)


PORT_OFFSETS: Mapping[str, int] = MappingProxyType(
    {
        "victron": 0,
        "sec1000s": 1,
        "sunspec": 2,
        "huawei": 3,
        "sma": 4,
        "deye": 5,
        "givenergy": 6,
        "givenergy_evc": 7,
        "redback": 8,
        "sessy": 9,
        "izypower": 10,
        "tariff": 11,
        "deye_solarman": 20,
    }
)
"""Where each family stands above the first port, so that it keeps its port whoever else is played."""


def _victron(plant: Plant, clock: Clock, faults: Faults) -> Endpoint:
    face = VictronFace(plant, units=HOUSE, clock=clock)
    # The GX takes as many words to write as to read, two more than the specification.
    limits = Limits(functions={3, 4, 6, 16}, write_words=125)
    return ModbusServer(face, limits=limits, faults=faults, clock=clock)


def _sec1000s(plant: Plant, clock: Clock, faults: Faults) -> Endpoint:
    return Sec1000Box(plant, faults=faults, clock=clock)


def _sunspec(plant: Plant, clock: Clock, faults: Faults) -> Endpoint:
    face = SunSpecFace(plant, clock=clock)
    return ModbusServer(face, limits=Limits(functions={3, 6, 16}), faults=faults, clock=clock)


def _sma(plant: Plant, clock: Clock, faults: Faults) -> Endpoint:
    face = SmaFace(plant, clock=clock)
    return ModbusServer(face, limits=Limits(functions={3, 4, 6, 16}), faults=faults, clock=clock)


def _huawei(plant: Plant, clock: Clock, faults: Faults) -> Endpoint:
    return HuaweiServer(HuaweiFace(plant, clock=clock), faults=faults, clock=clock)


_DEYE: Final = Limits(functions={3, 16})


def _deye(plant: Plant, clock: Clock, faults: Faults) -> Endpoint:
    face = DeyeFace(plant, clock=clock)
    return ModbusServer(face, limits=_DEYE, single=True, faults=faults, clock=clock)


def _deye_solarman(plant: Plant, clock: Clock, faults: Faults) -> Endpoint:
    return SolarmanLogger(DeyeFace(plant, clock=clock), limits=_DEYE, faults=faults, clock=clock)


def _hybrid(host: str, port: int) -> dict[str, object]:
    return {"model": "SUN-12K-SG04LP3", "host": host, "port": port}


def _behind_a_logger(host: str, port: int) -> dict[str, object]:
    return {**_hybrid(host, port), "link": "solarman_v5", "logger_serial": DEFAULT_SERIAL}


def _givenergy(plant: Plant, clock: Clock, faults: Faults) -> Endpoint:
    return Dongle(GivEnergyFace(plant), faults=faults, clock=clock)


def _givenergy_evc(plant: Plant, clock: Clock, faults: Faults) -> Endpoint:
    limits = Limits(functions={3, 6, 16})
    return ModbusServer(EvcFace(plant), limits=limits, faults=faults, clock=clock)


def _of_account(name: str) -> Callable[[str, int], Mapping[str, object]]:
    """Return how a device of an account is written: its host and port stand at the account."""
    return lambda _host, _port: {"account": name}


def _redback(plant: Plant, clock: Clock, faults: Faults) -> Endpoint:
    return RedbackCloud(plant, faults=faults, clock=clock)


def _owner(host: str, port: int) -> dict[str, object]:
    base = f"http://{host}:{port}"
    return {
        "family": "redback",
        "client_id": CLIENT_ID,
        "client_secret_file": "redback_secret",
        "username": EMAIL,
        "password_file": "redback_password",
        **dict.fromkeys(("url", "sign_in_url", "portal_url"), base),
    }


def _sessy(plant: Plant, clock: Clock, faults: Faults) -> Endpoint:
    return BatteryDongle(plant, faults=faults, clock=clock)


def _dongle(host: str, port: int) -> dict[str, object]:
    return {"host": host, "port": port, "account": "sessy"}


def _sticker(host: str, port: int) -> dict[str, object]:
    del host, port
    return {"family": "sessy", "username": BATTERY_SERIAL, "password_file": "sessy_password"}


def _izypower(plant: Plant, clock: Clock, faults: Faults) -> Endpoint:
    return IzypowerCloud(plant, faults=faults, clock=clock)


def _customer(host: str, port: int) -> dict[str, object]:
    url = f"http://{host}:{port}/photo_voltaic"
    return {
        "family": "izypower",
        "username": IZYPOWER_EMAIL,
        "password_file": "izypower_password",
        "url": url,
    }


def _tariff(plant: Plant, clock: Clock, faults: Faults) -> Endpoint:
    return PriceServer(plant, clock=clock, faults=faults)


def _prices(host: str, port: int) -> dict[str, object]:
    market = {"market": "energy_charts", "zone": "NL", "url": f"http://{host}:{port}"}
    taxed = {**market, "times": 1.21, "plus": 0.12}
    return {"tariff": {"currency": "EUR", "import": taxed, "feed_in": market}}


FAMILIES: Mapping[str, SimulatedFamily] = MappingProxyType(
    {
        "victron": SimulatedFamily("Modbus TCP", _victron),
        "sec1000s": SimulatedFamily("SEC1000 frames", _sec1000s),
        "sunspec": SimulatedFamily("Modbus TCP", _sunspec),
        "huawei": SimulatedFamily("Modbus TCP", _huawei),
        "sma": SimulatedFamily("Modbus TCP", _sma),
        "deye": SimulatedFamily("Modbus TCP", _deye, device=_hybrid),
        "givenergy": SimulatedFamily("GivEnergy frames", _givenergy),
        "givenergy_evc": SimulatedFamily("Modbus TCP", _givenergy_evc),
        "redback": SimulatedFamily(
            "HTTP",
            _redback,
            device=_of_account("redback"),
            account=_owner,
            cloud=True,
            secrets={"redback_secret": SECRET, "redback_password": PASSWORD},
        ),
        "sessy": SimulatedFamily(
            "HTTP",
            _sessy,
            device=_dongle,
            account=_sticker,
            secrets={"sessy_password": STICKER},
            cloud=True,
        ),
        "izypower": SimulatedFamily(
            "HTTP",
            _izypower,
            device=_of_account("izypower"),
            account=_customer,
            secrets={"izypower_password": IZYPOWER_PASSWORD},
            cloud=True,
        ),
        "tariff": SimulatedFamily("HTTP", _tariff, device=_prices, cloud=True),
        "deye_solarman": SimulatedFamily(
            "Solarman V5", _deye_solarman, device=_behind_a_logger, family="deye"
        ),
    }
)
"""What can be played, by name, in the order of the ports."""


def site_sections(name: str, host: str, port: int) -> dict[str, dict[str, dict[str, object]]]:
    """Return the sections of a site file for a family that is played there: its device, and its account."""
    played = FAMILIES[name]
    device = {"family": played.family or name, **played.device(host, port)}
    if played.account is None:
        return {"devices": {name: device}}
    return {"accounts": {name: dict(played.account(host, port))}, "devices": {name: device}}


def secret_files(names: Iterable[str]) -> dict[str, str]:
    """Return the content of the files, by name, that a site file for these families wants beside itself."""
    return {file: content for name in names for file, content in FAMILIES[name].secrets.items()}


def site_file(names: Iterable[str], host: str, ports: Mapping[str, int]) -> dict[str, Any]:
    """Return a whole site file for families that are played on a host, each on its port.

    It is of plain values, as YAML and JSON have them.
    """
    content: dict[str, Any] = {"site": {"name": "demo", "zone": "Europe/Amsterdam"}}
    for name in names:
        for section, entries in site_sections(name, host, ports[name]).items():
            content.setdefault(section, {}).update(entries)
    return content
