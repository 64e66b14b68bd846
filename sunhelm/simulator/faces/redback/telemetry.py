"""What an inverter tells its cloud, typed from the vendor's samples apart from the driver's map."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from sunhelm.simulator.noise import chance
from sunhelm.simulator.plant import Plant

_KWH: Final = 3_600_000.0
_MODULES: Final = 2
PANELS: Final = ((2.46, 6, "E"), (2.87, 7, "W"), (2.46, 6, "S"))
"""Size in kW, number and direction of the panels of each string, as the installer entered them."""

Json = dict[str, Any]


def moment(unix_time: float, digits: int = 0) -> str:
    """Return a time as the cloud writes it."""
    text = datetime.fromtimestamp(int(unix_time), UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{'1234567'[:digits]}Z" if digits else f"{text}Z"


def kilo(watts: float) -> float:
    """Return watts as kilowatts, to the watt."""
    return round(watts / 1000, 3) + 0.0


def live(plant: Plant, site: str, serial: str, mode: str, power_w: int) -> Json:
    """Return the live data of the hybrid inverter, as version 2.21 has them."""
    now, energy = plant.state, plant.energy
    battery, grid = now.battery, now.grid
    power = grid.power_by_phase
    each = battery.power_w / _MODULES
    return {
        "TimestampUtc": moment(now.time),
        "SiteId": site,
        "Phases": [
            {
                "Id": name,
                "ActiveExportedPowerInstantaneouskW": kilo(max(0.0, -power[index])),
                "ActiveImportedPowerInstantaneouskW": kilo(max(0.0, power[index])),
                "VoltageInstantaneousV": round(grid.voltage_by_phase[index], 1),
                "CurrentInstantaneousA": round(abs(grid.current_by_phase[index]), 2),
                "PowerFactorInstantaneousMinus1to1": round(abs(grid.power_factor_by_phase[index]), 3),
            }
            for index, name in enumerate("ABC")
        ],
        "FrequencyInstantaneousHz": round(grid.frequency_hz, 2),
        "BatterySoCInstantaneous0to1": round(battery.soc, 3),
        "PvPowerInstantaneouskW": kilo(now.pv_power_w),
        "InverterTemperatureC": round(battery.temperature_c + 12.0, 1),
        "BatteryPowerNegativeIsChargingkW": kilo(battery.power_w),
        "PvAllTimeEnergykWh": round(energy.pv / _KWH, 3),
        "ExportAllTimeEnergykWh": round(energy.grid_export / _KWH, 3),
        "ImportAllTimeEnergykWh": round(energy.grid_import / _KWH, 3),
        "LoadAllTimeEnergykWh": round(energy.load / _KWH, 3),
        "BatteryChargeAllTimeEnergykWh": round(energy.battery_charge / _KWH, 3),
        "BatteryDischargeAllTimeEnergykWh": round(energy.battery_discharge / _KWH, 3),
        "Status": "OK",
        "Inverters": [{"SerialNumber": serial, "PowerMode": {"InverterMode": mode, "PowerW": power_w}}],
        "PVs": [
            {
                "CurrentA": round(string.current_a, 2),
                "VoltageV": round(string.voltage_v, 1),
                "PowerkW": kilo(string.power_w),
            }
            for string in now.strings
        ],
        "Battery": {
            "CurrentNegativeIsChargingA": round(battery.current_a, 1),
            "VoltageV": round(battery.voltage_v, 1),
            "VoltageType": "LV",
            "NumberOfModules": _MODULES,
            "Cabinets": [{"TemperatureC": round(battery.temperature_c, 1), "FanState": "Off"}],
            "Modules": [
                {
                    "CurrentNegativeIsChargingA": round(battery.current_a / _MODULES, 1),
                    "VoltageV": round(battery.voltage_v, 1),
                    "PowerNegativeIsChargingkW": kilo(each),
                    "SoC0To1": round(battery.soc, 3),
                }
                for _ in range(_MODULES)
            ],
        },
    }


def live_of_grid_tie(plant: Plant, site: str, serial: str) -> Json:
    """Return the live data of a neighbour's grid-tie inverter of one phase: most of it is null."""
    now = plant.state
    pv = now.pv_inverter.power_w
    load = 300.0 + 400.0 * chance(plant.seed, "neighbour", int(now.time // 900))
    net = load - pv
    return {
        "TimestampUtc": moment(now.time),
        "SiteId": site,
        "Phases": [
            {
                "Id": "A",
                "ActiveExportedPowerInstantaneouskW": kilo(max(0.0, -net)),
                "ActiveImportedPowerInstantaneouskW": kilo(max(0.0, net)),
                "VoltageInstantaneousV": round(now.grid.voltage_by_phase[0], 1),
                "CurrentInstantaneousA": round(abs(net) / now.grid.voltage_by_phase[0], 2),
                "PowerFactorInstantaneousMinus1to1": 0.99,
            }
        ],
        "FrequencyInstantaneousHz": round(now.grid.frequency_hz, 2),
        "BatterySoCInstantaneous0to1": None,
        "PvPowerInstantaneouskW": kilo(pv),
        "InverterTemperatureC": 41.5,
        "BatteryPowerNegativeIsChargingkW": None,
        "PvAllTimeEnergykWh": round(plant.energy.pv_inverter / _KWH, 3),
        "ExportAllTimeEnergykWh": round(plant.energy.phase_export[0] / _KWH, 3),
        "ImportAllTimeEnergykWh": round(plant.energy.phase_import[0] / _KWH, 3),
        "LoadAllTimeEnergykWh": None,
        "BatteryChargeAllTimeEnergykWh": None,
        "BatteryDischargeAllTimeEnergykWh": None,
        "Status": "OK",
        "Inverters": [{"SerialNumber": serial, "PowerMode": {"InverterMode": "NoMode", "PowerW": 0}}],
        "PVs": [{"CurrentA": round(pv / 380, 2), "VoltageV": 380.0, "PowerkW": kilo(pv)}],
        "Battery": None,
    }


def static(plant: Plant, site: str, serial: str, *, hybrid: bool) -> Json:
    """Return the static data of a site and one inverter of it."""
    house = plant.house
    capacity = round(house.battery.capacity_j / _KWH, 2)
    latitude, longitude = house.location.latitude, house.location.longitude
    limits: Json = dict.fromkeys(
        (
            *("GenerationHardLimitVA", "GenerationSoftLimitVA", "ExportHardLimitkW", "ExportHardLimitW"),
            *("ExportSoftLimitkW", "ExportSoftLimitW", "SiteExportLimitkW", "BatteryMaxChargePowerkW"),
            *("BatteryMaxDischargePowerkW", "BatteryCapacitykWh", "UsableBatteryCapacitykWh"),
            "InverterMaxImportPowerkW",
        )
    )
    if hybrid:
        limits = {
            "GenerationHardLimitVA": 10_000,
            "GenerationSoftLimitVA": 10_000,
            "ExportHardLimitkW": 10,
            "ExportHardLimitW": 10,
            "ExportSoftLimitkW": 10,
            "ExportSoftLimitW": 10,
            "SiteExportLimitkW": 10,
            "BatteryMaxChargePowerkW": 5,
            "BatteryMaxDischargePowerkW": 5,
            "BatteryCapacitykWh": capacity,
            "UsableBatteryCapacitykWh": round(0.9 * capacity, 2),
            "InverterMaxImportPowerkW": 10,
        }
    return {
        "StaticData": {
            "TimestampUtc": moment(plant.time, digits=7),
            "Location": {
                "Latitude": latitude,
                "Longitude": longitude,
                "AddressLineOne": "1 Example Street",
                "AddressLineTwo": None,
                "Suburb": "Exampleville",
                "State": "NSW",
                "Country": "Australia",
                "PostCode": "2000",
            },
            "TechnologyProvider": "Redback",
            "RemoteAccessConnection": {"Type": "ETHERNET", "CustomerChoice": True},
            "ApprovedCapacityW": 10_000 if hybrid else None,
            "SolarRetailer": {"Name": "Example Solar", "ABN": "00000000000"},
            "SiteDetails": {
                **limits,
                "PanelModel": "Example 410",
                "PanelSizekW": round(house.peak_w / 1000, 2) if hybrid else 5.3,
                "SystemType": "Hybrid" if hybrid else "GridTie",
                "InverterMaxExportPowerkW": 10 if hybrid else 5,
            },
            "CommissioningDate": "2024-03-05",
            "NMI": "4103000001" if hybrid else None,
            "LatestDynamicDataUtc": moment(plant.time),
            "Status": "OK",
            "Id": site,
            "Type": "Site",
            "DynamicDataMetadata": {"FrequencyInstantaneousHzMetadata": {"Measured": True}},
        },
        "Nodes": [
            {
                "StaticData": {
                    "ModelName": "ST10000" if hybrid else "SI5000",
                    "BatteryCount": _MODULES if hybrid else 0,
                    "SoftwareVersion": "2.17.32305.4" if hybrid else "3.2.101.7",
                    "FirmwareVersion": "101218" if hybrid else "020305",
                    "BatteryModels": ["US3000", "Unknown"] if hybrid else [],
                    "Id": serial,
                    "Type": "Inverter",
                    "DynamicDataMetadata": None,
                },
                "Nodes": None,
            },
            {
                "StaticData": {"Id": "HouseLoad", "Type": "Houseload", "DynamicDataMetadata": None},
                "Nodes": None,
            },
        ],
    }


def configuration(plant: Plant, site: str, serial: str) -> Json:
    """Return the configuration of the hybrid inverter."""
    details = static(plant, site, serial, hybrid=True)["StaticData"]["SiteDetails"]
    kept = {key: value for key, value in details.items() if key[:5] != "Panel" and key[-6:] != "LimitW"}
    return {
        "SiteId": site,
        "Nmi": "4103000001",
        "SerialNumber": serial,
        **kept,
        "MinSoC0to1": round(plant.steering.minimum_soc, 3),
        "MinOffgridSoC0to1": 0.1,
    }
