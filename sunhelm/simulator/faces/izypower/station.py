"""A station as the cloud holds it: its devices, their settings, and what orders do to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sunhelm.simulator.plant import Plant
from sunhelm.simulator.steering import Mode

STATION: Final = 41001
INVERTER: Final = "YZM0000000001"
METER: Final = "YZC0000000002"
MASTER: Final = "YZB0000000003"
SLAVE: Final = "YZB0000000004"
CHARGER: Final = "YZE0000000005"
LINKS: Final = ("YZL0000000011", "YZL0000000012")
METER_ID: Final = 9002
MOST_W: Final = 2400

_NUMBERS: Final = {
    "led": ("lights", 0, 1, 1),
    "min_soc": ("min_soc", 5, 100, 5),
    "offGrid": ("outlet_mode", 1, 3, 1),
    "fullChargeDays": ("calibration_days", 5, 60, 1),
}
_SWITCHES: Final = {"toggleOffGrid": "outlet_on", "toggleFullChargeDays": "calibrates"}

Json = dict[str, Any]


class Refused(Exception):
    """The cloud does not take an order."""


@dataclass(slots=True)
class Battery:
    """The settings of the cluster, which its master has."""

    min_soc: int = 10
    ctr_mode: int = 0
    manual_mode: int = 0
    manual_power: int = 0
    max_in_power: int = MOST_W
    max_out_power: int = 800
    cluster_max_out_power: int = 1600
    outlet_on: bool = True
    outlet_mode: int = 3
    calibrates: bool = True
    calibration_days: int = 14
    calibration_time: str = "02:30"
    lights: int = 1


@dataclass(slots=True)
class Charger:
    """The settings of the EV charger."""

    started: bool = False
    mode: int = 1
    power: int = 3600
    grid: bool = False
    battery: bool = True
    derate: int = 9000
    priority: bool = True


@dataclass
class House:
    """What the owner has. `offline` are serial numbers of devices that tell the cloud nothing.

    `records` are devices that came later. `faux_pas` are orders that no client should have sent.
    """

    plant: Plant
    battery: Battery = field(default_factory=Battery)
    charger: Charger = field(default_factory=Charger)
    blocking: bool = False
    threshold: int = -300
    has_meter: bool = True
    offline: set[str] = field(default_factory=set)
    records: list[Json] = field(default_factory=list)
    faux_pas: list[str] = field(default_factory=list)
    live_until: dict[str, float] = field(default_factory=dict)

    def order(self, what: str, serial: str, body: Mapping[str, Any]) -> None:
        """Carry out what was posted. Raises Refused, KeyError, TypeError or ValueError for nonsense."""
        if what.startswith("meter/"):
            self._control_injection(serial, body)
        elif what.startswith("yz/battery/"):
            self._command_battery(what.removeprefix("yz/battery/"), serial, body)
        else:
            self._command_charger(what.removeprefix("ev/"), serial, body)

    def _control_injection(self, serial: str, body: Mapping[str, Any]) -> None:
        _only(serial, METER)
        threshold = _whole(body["feedThreshold"], -36_000, 36_000)
        if threshold > 0:
            self.faux_pas.append(f"feedThreshold {threshold}: a limit is a negative number")
        self.blocking, self.threshold = _flag(body["isControl"]), threshold
        self.plant.steering.feed_in_limit_w = abs(float(threshold)) if self.blocking else None

    def _command_battery(self, what: str, serial: str, body: Mapping[str, Any]) -> None:
        if serial == SLAVE:
            self.faux_pas.append(f"{what} to a slave")
        _only(serial, MASTER)
        battery = self.battery
        if what in _NUMBERS:
            name, low, high, step = _NUMBERS[what]
            if what == "offGrid" and not battery.outlet_on:
                raise Refused("the outlet is off")
            setattr(battery, name, _whole(body["value"], low, high, step))
        elif what in _SWITCHES:
            setattr(battery, _SWITCHES[what], _flag(body["value"]))
        elif what == "fullChargeTime":
            hour, minute = str(body["value"]).split(":")
            _whole(int(hour), 0, 23)
            _whole(int(minute), 0, 55, 5)
            battery.calibration_time = str(body["value"])
        elif what == "power":
            self._limit_battery(body)
        else:
            self._choose_mode(what, body)
        self._steer()

    def _choose_mode(self, what: str, body: Mapping[str, Any]) -> None:
        battery = self.battery
        if what == "mode":
            mode = _whole(body["ctr_mode"], 0, 2)
            if mode == 0 and not self.has_meter:
                raise Refused("intelligent without a meter")
            battery.ctr_mode = mode
        elif what == "manual_mode_value":
            mode, power = _whole(body["mode"], 0, 2), _whole(body["power"], 0, 2 * MOST_W, 50)
            if mode == 0 and power:
                raise Refused("standby with a power")
            battery.manual_mode, battery.manual_power = mode, power
        else:
            raise Refused(what)

    def _limit_battery(self, body: Mapping[str, Any]) -> None:
        battery, most = self.battery, 2 * MOST_W
        charge = _whole(body["max_in_power"], 0, most, 50)
        discharge = _whole(body["max_out_power"], 0, most, 50)
        if body["isCluster"] is not True:
            raise Refused("the battery is the master of a cluster")
        if body["type"] == "in":
            battery.max_in_power = charge
            self.plant.steering.charge_limit_w = float(charge)
        elif body["type"] == "out":
            battery.cluster_max_out_power = discharge
            self.plant.steering.discharge_limit_w = float(discharge)
        else:
            raise Refused("type")

    def _steer(self) -> None:
        battery, steering = self.battery, self.plant.steering
        steering.minimum_soc = battery.min_soc / 100
        if battery.ctr_mode != 1:
            steering.mode = Mode.SELF_CONSUMPTION
        elif battery.manual_mode == 0:
            steering.mode = Mode.IDLE
        else:
            steering.mode = Mode.BATTERY
            steering.battery_w = float(battery.manual_power * (-1 if battery.manual_mode == 1 else 1))

    def _command_charger(self, what: str, serial: str, body: Mapping[str, Any]) -> None:
        charger = self.charger
        _only(serial, str(STATION) if what == "priority/V2" else CHARGER)
        match what:
            case "chargePower":
                charger.power = _whole(body["value"], 1400, 7400, 100)
            case "mode":
                charger.mode = _whole(body["value"], 0, 2)
            case "intelligentValue/V2":
                charger.grid, charger.battery = _flag(body["enableGrid"]), _flag(body["enableBattery"])
            case "powerDerate":
                charger.derate = _whole(body["value"], 0, 64_000, 10)
            case "state":
                charger.started = _flag(body["value"])
            case "priority/V2":
                charger.priority = _flag(body["value"])
            case _:
                raise Refused(what)
        self.plant.steering.vehicle_w = float(charger.power) if charger.started else 0.0


def _only(serial: str, taken: str) -> None:
    if serial != taken:
        raise Refused(f"{serial} takes no orders")


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise Refused(f"{value} is no true or false")
    return value


def _whole(value: object, low: int, high: int, step: int = 1) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high or value % step:
        raise Refused(f"{value} is not {low} to {high} in steps of {step}")
    return value
