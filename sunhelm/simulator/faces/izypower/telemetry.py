"""What the cloud tells of a station, typed from the samples of the interface apart from the driver's map."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any, Final

from sunhelm.simulator.faces.izypower.station import (
    CHARGER,
    INVERTER,
    LINKS,
    MASTER,
    METER,
    METER_ID,
    SLAVE,
    STATION,
    House,
)
from sunhelm.simulator.plant import Plant

Json = dict[str, Any]
KWH: Final = 3_600_000.0
PERIODS: Final = ("day", "month", "year", "all")
_EARLIER_KWH: Final = {"day": 0.0, "month": 96.0, "year": 1840.0}
"""What the present month and year had seen before today, of each energy, as far as anybody remembers."""

_SHARES: Final = {"pv": 1.0, "load": 1.07, "import": 0.4, "export": 0.3, "charge": 0.35, "discharge": 0.32}


def moment(unix_time: float) -> str:
    """Return a time as the cloud writes it: local, with its offset behind."""
    local = datetime.fromtimestamp(int(unix_time), timezone(timedelta(hours=2)))
    return f"{local:%Y-%m-%d %H:%M:%S} UTC+02:00"


def powers(house: House) -> Json:
    """Return the powers of now, which balance: power + grid_power = consumption + battery_power."""
    now = house.plant.state
    pv, grid, battery = round(now.pv_power_w), round(now.grid.power_w), -round(now.battery.power_w)
    return {
        "power": pv,
        "grid_power": grid,
        "consumption": pv + grid - battery,
        "battery_power": battery,
        "battery_pv_power": round(now.charger.input_w),
        "battery_soc": round(100 * now.battery.soc),
        "ev_power": house.charger.power if house.charger.started else 0,
    }


def energies(plant: Plant, period: str) -> dict[str, float]:
    """Return the energies of a period in kWh, by words of our own."""
    now, begin = plant.energy, plant.today.begin
    told = {}
    for word, member in (
        ("pv", "pv"),
        ("import", "grid_import"),
        ("export", "grid_export"),
        ("charge", "battery_charge"),
        ("discharge", "battery_discharge"),
    ):
        joules = getattr(now, member) - (0.0 if period == "all" else getattr(begin, member))
        told[word] = round(joules / KWH + _EARLIER_KWH.get(period, 0.0) * _SHARES[word], 2)
    used = now.load + now.losses - (0.0 if period == "all" else begin.load + begin.losses)
    told["load"] = round(used / KWH + _EARLIER_KWH.get(period, 0.0) * _SHARES["load"], 2)
    return told


def info(house: House, reported: Json, unix_time: float) -> Json:
    """Return the station info."""
    told = {period: energies(house.plant, period) for period in PERIODS}
    return {
        **reported,
        "lastUpdate": moment(unix_time),
        "deviceTypes": [
            {"value": "vm", "name": "Micro-inverter"},
            {"value": "meter", "name": "Smart meter"},
            {"value": "battery", "name": "Battery"},
            {"value": "evse", "name": "Charging station"},
        ],
        "extraData": {
            "production": {period: told[period]["pv"] for period in PERIODS},
            "consumption": {period: told[period]["load"] for period in PERIODS},
            "grid": {
                f"{period}{number}": told[period][word]
                for period in PERIODS
                for number, word in ((1, "export"), (2, "import"))
            },
            "battery": {
                f"{period}_{way}": told[period][word]
                for period in PERIODS
                for way, word in (("in", "charge"), ("out", "discharge"))
            },
        },
        "data": {"installedCapacity": 7790, "deviceCount": 5, "status": "1"},
    }


def report(plant: Plant, period: str) -> Json:
    """Return the report of a period; rates are text, a number or null."""
    told = energies(plant, period)
    own = round(told["load"] - told["discharge"] - told["import"], 2)
    produced, used = max(told["pv"], 0.01), max(told["load"], 0.01)
    return {
        "energy": told["pv"],
        "total_consumption": told["load"],
        "consumption": max(0.0, own),
        "meter_energy_p": told["import"],
        "meter_energy_n": told["export"],
        "storage_in": told["charge"],
        "storage_out": told["discharge"],
        "ev": 0,
        "consumption_rate": f"{100 * own / produced:.2f}%",
        "storage_in_rate": f"{100 * told['charge'] / produced:.2f}%",
        "meter_energy_n_rate": f"{100 * told['export'] / produced:.2f}%",
        "cover_rate": round(100 * (1 - told["import"] / used), 2),
        "energy_self_rate": f"{100 * (1 - told['export'] / produced):.2f}%",
        "storage_out_rate": f"{100 * told['discharge'] / used:.2f}%",
        "meter_energy_p_rate": f"{100 * told['import'] / used:.2f}%",
        "ev_rate": None if period == "year" else "0.00%",
        "data": [],
    }


def devices(house: House) -> list[Json]:
    """Return the records of the list of devices."""
    plant, soc = house.plant, f"{100 * house.plant.state.battery.soc:.1f}%"
    counted, grid = plant.energy, plant.state.grid

    def record(number: int, serial: str, name: str, kind: str, **more: object) -> Json:
        key = "serialNumber" if kind == "evse" else "sn"
        return {
            "deviceId": number,
            key: serial,
            "deviceName": name,
            "deviceType": kind,
            "onlineState": 0 if serial in house.offline else 1,
            "softwareVersion": "3.4.5",
            "clusterMode": 0,
            "dataDtos": [],
            **more,
        }

    read = [
        {"key": "v_ac_all", "value": f"{grid.voltage_by_phase[0]:.1f}V"},
        {"key": "freq", "value": f"{grid.frequency_hz:.2f}Hz"},
        {"key": "energy_p_all", "value": f"{counted.grid_import / KWH:.2f}kWh"},
        {"key": "energy_n_all", "value": f"{counted.grid_export / KWH:.2f}kWh"},
    ]
    mean = [{"key": "6002", "value": soc}]
    return [
        record(9001, INVERTER, "Micro 1", "vm"),
        record(METER_ID, METER, "Meter", "meter", dataDtos=read),
        record(
            9003,
            MASTER,
            "Titan master",
            "battery",
            clusterMode=1000,
            connectInfoJson={"clusterMode": "1000"},
            dataDtos=mean,
        ),
        record(
            9004,
            SLAVE,
            "Titan slave",
            "battery",
            clusterMode=1001,
            connectInfoJson={"clusterMode": 1001},
            dataDtos=mean,
        ),
        record(9005, CHARGER, "Wallbox", "evse", softwareVersion=None),
        *house.records,
    ]


def strings(plant: Plant) -> Json:
    """Return the strings of the micro-inverter, then that of the master. At night the cloud says null."""
    told = plant.state.strings
    owners = [*((INVERTER, f"pv{number}") for number in range(1, len(told))), (MASTER, "PV1")]
    return {
        "pvData": [
            {"sn": serial, "pv": name, "pvPower": round(string.power_w, 1) or None}
            for (serial, name), string in zip(owners, told, strict=True)
        ]
    }


def battery(house: House, serial: str) -> Json:
    """Return the detail of one of the two batteries, each of which does half."""
    now = house.plant.state
    half = round(now.battery.power_w / 2)
    direct = round(min(now.charger.input_w, max(0, -half)))
    soc, stored = round(100 * now.battery.soc), house.plant.battery.stored_j / KWH
    links = LINKS if serial == MASTER else ()
    left = round(60 * 1000 * stored / max(1, half))
    return {
        "soc": soc,
        "socKwh": round(stored / 4, 2),
        "socTemp": round(now.battery.temperature_c, 1),
        "avgSoc": soc,
        "avgSocKwh": round(stored / 4, 2),
        "onlineState": 1000 if half == 0 else 1001 if half < 0 else 1002,
        "batteryPower": half,
        "consumptionPower": round(now.load.power_w),
        "solarPower": max(0, -round(now.grid.power_w)),
        "pvPower": round(now.charger.input_w) if serial == MASTER else 0,
        "offGridPower": 0,
        "chargeData": {
            "power1": max(0, -half) - direct,
            "power2": direct,
            "remainingTime": "95" if half < 0 else "-",
        },
        "dischargeData": {
            "power1": max(0, half),
            "power2": 0,
            "remainingTime": left if half > 0 else "-",
        },
        "pvList": [],
        "items": [
            {"sn": link, "soc": soc, "kwh": round(stored / 4, 2), "temp": round(now.battery.temperature_c, 1)}
            for link in links
        ],
    }


def channels(plant: Plant) -> list[Json]:
    """Return the three clamps of the meter."""
    grid = plant.state.grid
    return [
        {
            "power": round(power),
            "apparent_power": round(abs(current) * voltage),
            "current": round(abs(current), 2),
            "voltage": round(voltage, 1),
            "mode": 0,
        }
        for power, voltage, current in zip(
            grid.power_by_phase, grid.voltage_by_phase, grid.current_by_phase, strict=True
        )
    ]


def curve(plant: Plant) -> Json:
    """Return the old way of telling two of the clamps: rows of the day, the last ones without any."""
    second, third = (round(power) for power in plant.state.grid.power_by_phase[1:])
    return {
        "data": [
            {"extra": [{"pv": "ct2", "deviceSn": METER, "dataVal": 1}]},
            {
                "extra": [
                    {"pv": "ct2", "deviceSn": METER, "dataVal": second},
                    {"pv": "ct3", "deviceSN": METER, "dataVal": third},
                ]
            },
            {"extra": []},
            {},
        ]
    }


def battery_settings(house: House) -> Json:
    """Return the settings of the cluster."""
    battery = house.battery
    return {
        "min_soc": battery.min_soc,
        "hasMeter": house.has_meter,
        "mode": {"ctr_mode": battery.ctr_mode},
        "manual": {"mode": battery.manual_mode, "power": battery.manual_power},
        "power": {
            "max_in_power": battery.max_in_power,
            "max_out_power": battery.max_out_power,
            "cluster_max_out_power": battery.cluster_max_out_power,
        },
        "offGrid": {"open": battery.outlet_on, "value": battery.outlet_mode},
        "fullCharge": {
            "open": battery.calibrates,
            "days": battery.calibration_days,
            "time": battery.calibration_time,
        },
        "allBatteries": [{"sn": MASTER}, {"sn": SLAVE}],
    }


def charger_settings(house: House) -> Json:
    """Return the settings of the charger."""
    charger = house.charger
    return {
        "open": charger.started,
        "controlMode": charger.mode,
        "hasMeter": house.has_meter,
        "power": charger.power,
        "min_power": 1400,
        "max_power": 7400,
        "interval": 100,
    }


def stations() -> list[Json]:
    """Return the record of the station."""
    return [
        {
            "stationsId": STATION,
            "stationName": "Demo roof",
            "address": "1 rue de l'Exemple",
            "installedCapacity": 7790,
        }
    ]


def neighbour(plant: Plant, unix_time: float) -> Json:
    """Return the info of a second station of the same name: one micro-inverter and no battery."""
    power = round(plant.state.pv_inverter.power_w / 4)
    used = 323
    pv = round(plant.energy.pv_inverter / KWH / 4, 1)
    return {
        "power": power,
        "grid_power": used - power,
        "consumption": used,
        "battery_soc": None,
        "lastUpdate": moment(unix_time),
        "deviceTypes": [{"value": "vm", "name": "Micro-inverter"}],
        "extraData": {
            "production": {"day": 2.1, "month": 60.2, "year": 300.5, "all": pv},
            "consumption": {"day": 5.0, "month": 150.1, "year": 900.3, "all": 2100.7},
            "grid": {
                "day1": 0.3,
                "day2": 3.2,
                "month1": 9.0,
                "month2": 98.9,
                "year1": 40.2,
                "year2": 640.0,
                "all1": 100.1,
                "all2": 1388.4,
            },
        },
        "data": {"installedCapacity": 800, "deviceCount": 1, "status": "1"},
    }
