"""Dongles of Sessy: what they answer, who may ask, and what they do when they are told to.

The answers are written down here by themselves, in the small whole numbers of the interface.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

from sunhelm.simulator.clock import MACHINE_CLOCK, Clock
from sunhelm.simulator.faces.spoiling import forgetful, spoilt
from sunhelm.simulator.faults import ExceptionReply, Faults
from sunhelm.simulator.faults.cloud import Maintenance, Refusal, WrongCredentials
from sunhelm.simulator.http_server import HttpRequest, HttpResponse, HttpServer
from sunhelm.simulator.plant import Plant
from sunhelm.simulator.request_log import HTTP_GET, HTTP_OTHER
from sunhelm.simulator.steering import Mode

BATTERY_SERIAL: Final = "DSIMU1"
P1_SERIAL: Final = "PSIMU1"
PASSWORD: Final = "STICKER1"  # noqa: S105 - of a simulated device
MOST_W: Final = 2200
_PREFIX: Final = "POWER_STRATEGY_"
_STRATEGIES: Final = ("NOM", "ROI", "API", "IDLE", "SESSY_CONNECT", "ECO")
_QUARTER_S: Final = 900
_COUNTER: Final = "_wh"
_RANGES: Final = {
    "min_power": (50, 2000),
    "max_power": (50, 2200),
    "eco_charge_power": (50, 2200),
    "eco_charge_hours": (0, 24),
    "min_soc": (0, 100),
}


class _Dongle(HttpServer):
    """What every dongle has: a sticker with name and password, and a JSON answer at each path.

    `answers` tell what stands at a path, `orders` take what is posted there; a ValueError refuses it.
    """

    def __init__(
        self,
        serial: str,
        answers: Mapping[str, Callable[[], dict[str, Any]]],
        orders: Mapping[str, Callable[[Mapping[str, Any]], None]],
        *,
        plant: Plant,
        faults: Faults | None,
        clock: Clock,
    ) -> None:
        self.serial = serial
        self.plant = plant
        self.restarts = 0
        every = {
            "/api/v1/system/info": self._info,
            "/api/v1/ota/status": self._firmware,
            "/api/v1/network/status": self._network,
        }
        self._answers = {**every, **answers}
        self._orders = {"/api/v1/system/restart": self._restart, **orders}
        super().__init__(
            self._answered,
            now=lambda: plant.state.time,
            kind_of=lambda request: HTTP_GET if request.method == "GET" else HTTP_OTHER,
            faults=faults or Faults(),
            clock=clock,
        )

    def update(self) -> None:
        """Nothing happens by itself."""

    def _answered(self, request: HttpRequest) -> HttpResponse:
        faults = self.faults
        if (refusal := faults.strikes(Refusal)) is not None:
            return HttpResponse("no", refusal.status, refusal.headers)
        if faults.strikes(Maintenance):
            return HttpResponse("<html><body><h1>Updating</h1></body></html>")
        word = b64encode(f"{self.serial}:{PASSWORD}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {word}" or faults.on(WrongCredentials):
            return HttpResponse("Unauthorized", 401)
        fault = faults.strikes(ExceptionReply)
        if fault is not None and fault.on in ("read" if request.method == "GET" else "write", "any"):
            return HttpResponse("no", 503 if fault.code in (5, 6) else 400)
        return self._obeyed(request)

    def _obeyed(self, request: HttpRequest) -> HttpResponse:
        if request.method == "GET" and request.path in self._answers:
            return HttpResponse(self._spoilt({"status": "ok", **self._answers[request.path]()}))
        if request.method != "POST" or request.path not in self._orders:
            return HttpResponse("Nothing matches the given URI", 404)
        if request.headers.get("content-type") != "application/json":
            return HttpResponse({"status": "error", "error": "content type"}, 500)
        try:
            self._orders[request.path](cast("Mapping[str, Any]", request.json or {}))
        except (KeyError, TypeError, ValueError) as error:
            return HttpResponse({"status": "error", "error": str(error)}, 500)
        return HttpResponse({"status": "ok"})

    def _spoilt(self, content: object) -> object:
        if self.faults.zero_reads_left and _COUNTER in str(content):
            self.faults.zero_reads_left -= 1
            content = forgetful(content, lambda name: name.endswith(_COUNTER))
        return spoilt(content, self.faults, lambda seconds: f"{seconds:g}", time="date_time")

    def _info(self) -> dict[str, Any]:
        return {
            "version": "v5.1.1",
            "cores": 2,
            "internal_mem_available": 51_000,
            "external_mem_available": 3_400_000,
            "internal_mem_min": 44_000,
            "external_mem_min": 2_500_000,
            "system_state": [0] * 32,
            "state_last_changed": [-1] * 8,
            "self_serial": self.serial,
        }

    @staticmethod
    def _firmware() -> dict[str, Any]:
        done = {
            "installed_firmware": {"version": "1.9.2"},
            "available_firmware": {"version": ""},
            "state": "OTA_UP_TO_DATE",
            "update_progress": 0,
        }
        return {"self": done, "serial": dict(done)}

    @staticmethod
    def _network() -> dict[str, Any]:
        return {
            "network_status": ["unknown", "WIFI_STA_IS_CONNECTED", "WIFI_STA_HAS_CLIENT_IP"],
            "wifi_sta": {"ip": [192, 0, 2, 20], "rssi": -61, "ssid": "example"},
            "eth": {"ip": [0, 0, 0, 0]},
        }

    def _restart(self, told: Mapping[str, Any]) -> None:
        del told
        self.restarts += 1


class BatteryDongle(_Dongle):
    """The dongle of the house's battery. The setpoint acts only under the strategy API."""

    def __init__(self, plant: Plant, *, faults: Faults | None = None, clock: Clock = MACHINE_CLOCK) -> None:
        self.strategy = "NOM"
        self.setpoint_w = 0
        self.overridden = False
        self.config: dict[str, Any] = {
            "p1_hostname": "192.0.2.10",
            "pv_hostname": "192.0.2.11",
            "group_current": 16,
            "phase_current": 25,
            "group_sessys": 1,
            "phase_sessys": 1,
            "total_sessys": 1,
            "active_phase": 1,
            "min_power": 50,
            "max_power": MOST_W,
            "disable_noise_level": True,
            "allowed_noise_level": 101,
            "enabled_time": "00:00-23:59",
            "sessy_enabled": True,
            "cloud_enabled": True,
            "eco_charge_hours": 3,
            "eco_charge_power": 1200,
            "eco_nom_charge": False,
            "min_soc": 5,
            "pack_temp_limit_enabled": False,
        }
        answers = {
            "/api/v1/power/status": self._status,
            "/api/v1/power/active_strategy": lambda: {"strategy": f"{_PREFIX}{self.strategy}"},
            "/api/v1/energy/status": self._energy,
            "/api/v2/dynamic/schedule": self._schedule,
            "/api/v1/system/settings": lambda: dict(self.config),
        }
        orders = {
            "/api/v1/power/active_strategy": self._take_strategy,
            "/api/v1/power/setpoint": self._take_setpoint,
            "/api/v1/system/settings": self._take_settings,
        }
        super().__init__(BATTERY_SERIAL, answers, orders, plant=plant, faults=faults, clock=clock)

    def _status(self) -> dict[str, Any]:
        state = self.plant.state
        battery, pv = state.battery, state.pv_inverter
        phases = {
            f"renewable_energy_phase{number}": {
                "voltage_rms": round(1000 * voltage),
                "current_rms": round(1000 * pv.power_w / 3 / voltage),
                "power": round(pv.power_w / 3),
            }
            for number, voltage in enumerate(state.grid.voltage_by_phase, 1)
        }
        return {
            "sessy": {
                "state_of_charge": battery.soc,
                "power": round(battery.power_w),
                "power_setpoint": self.setpoint_w if self.strategy == "API" else round(battery.power_w),
                "system_state": "SYSTEM_STATE_RUNNING_SAFE",
                "system_state_details": "",
                "frequency": round(1000 * state.grid.frequency_hz),
                "inverter_current_ma": round(1000 * battery.power_w / state.grid.voltage_by_phase[0]),
                "pack_voltage": round(1000 * battery.voltage_v),
                "external_power": 0,
                "strategy_overridden": self.overridden,
            },
            **phases,
        }

    def _energy(self) -> dict[str, Any]:
        counted = self.plant.energy
        phases = {f"energy_phase{number}": {"import_wh": 0, "export_wh": 0} for number in (1, 2, 3)}
        charged, discharged = (
            joules / 3600 for joules in (counted.battery_charge, counted.battery_discharge)
        )
        return {"sessy_energy": {"import_wh": round(charged), "export_wh": round(discharged)}, **phases}

    def _schedule(self) -> dict[str, Any]:
        begin = int(self.plant.state.time) // _QUARTER_S * _QUARTER_S
        quarters = [(begin + index * _QUARTER_S, begin + (index + 1) * _QUARTER_S) for index in range(96)]
        return {
            "dynamic_schedule": [
                {"start_time": start, "end_time": end, "power": -MOST_W if index % 8 == 0 else 0}
                for index, (start, end) in enumerate(quarters)
            ],
            "energy_prices": [
                {"start_time": start, "end_time": end, "price": 5000 + 10 * index}
                for index, (start, end) in enumerate(quarters)
            ],
        }

    def _take_strategy(self, told: Mapping[str, Any]) -> None:
        name = str(told["strategy"])
        if name.removeprefix(_PREFIX) not in _STRATEGIES or not name.startswith(_PREFIX):
            raise ValueError(name)
        self.strategy = name.removeprefix(_PREFIX)
        self._apply()

    def _take_setpoint(self, told: Mapping[str, Any]) -> None:
        setpoint = told["setpoint"]
        if not isinstance(setpoint, int) or not -MOST_W <= setpoint <= MOST_W:
            raise ValueError("setpoint")
        if self.strategy == "API":
            self.setpoint_w = setpoint
            self._apply()

    def _take_settings(self, told: Mapping[str, Any]) -> None:
        if set(told) - {"status"} != set(self.config):
            raise ValueError("not the whole object")
        for key, (low, high) in _RANGES.items():
            if not low <= told[key] <= high:
                raise ValueError(key)
        self.config = {key: value for key, value in told.items() if key != "status"}

    def _apply(self) -> None:
        steering = self.plant.steering
        steering.battery_w = float(self.setpoint_w)
        steering.mode = {"API": Mode.BATTERY, "IDLE": Mode.IDLE}.get(self.strategy, Mode.SELF_CONSUMPTION)


class P1Dongle(_Dongle):
    """The dongle at the smart meter."""

    def __init__(self, plant: Plant, *, faults: Faults | None = None, clock: Clock = MACHINE_CLOCK) -> None:
        self.grid_target_w = 0
        answers = {
            "/api/v2/p1/details": self._details,
            "/api/v1/meter/grid_target": lambda: {"grid_target": self.grid_target_w},
        }
        orders = {"/api/v1/meter/grid_target": self._take_target}
        super().__init__(P1_SERIAL, answers, orders, plant=plant, faults=faults, clock=clock)

    def _details(self) -> dict[str, Any]:
        state, energy = self.plant.state, self.plant.energy
        power = round(state.grid.power_w)
        clock = datetime.fromtimestamp(state.time, UTC) + timedelta(hours=2)
        phases: dict[str, int] = {}
        for number in (1, 2, 3):
            own = round(state.grid.power_by_phase[number - 1])
            phases |= {
                f"voltage_l{number}": round(1000 * state.grid.voltage_by_phase[number - 1]),
                f"current_l{number}": round(1000 * abs(state.grid.current_by_phase[number - 1])),
                f"power_consumed_l{number}": max(own, 0),
                f"power_produced_l{number}": max(-own, 0),
                f"voltage_sag_count_l{number}": 0,
                f"voltage_swell_count_l{number}": 0,
            }
        return {
            "state": "P1_OK",
            "dsmr_version": 50,
            "header_info": "XMX5LGBBLB0000000000",
            "equipment_identifier": "4530303030303030303030303030303030",
            "date_time": clock.strftime("%y%m%d%H%M%SS"),
            "power_consumed_tariff1": round(energy.grid_import / 3600),
            "power_produced_tariff1": round(energy.grid_export / 3600),
            "power_consumed_tariff2": 900_210,
            "power_produced_tariff2": 800_330,
            "tariff_indicator": 2,
            "power_consumed": max(power, 0),
            "power_produced": max(-power, 0),
            "power_total": power,
            "power_failure_any_phase": 3,
            "long_power_failure_any_phase": 1,
            **phases,
            "gas_meter_equipment_identifier": "4730303030303030303030303030303030",
            "gas_meter_value_time": clock.strftime("%y%m%d%H%M00S"),
            "gas_meter_value": 1_234_567,
        }

    def _take_target(self, told: Mapping[str, Any]) -> None:
        target = told["grid_target"]
        if not isinstance(target, int) or not -20_000 <= target <= 20_000:
            raise ValueError("grid_target")
        self.grid_target_w = target
        self.plant.steering.grid_setpoint_w = float(target)
