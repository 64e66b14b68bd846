"""What can be commanded on an SMA device, put together."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Final

from sunhelm.devices.clock import Deadline
from sunhelm.devices.control import Handle, Task
from sunhelm.devices.families.base import Family, RegisterFamily, Surroundings
from sunhelm.devices.families.control import (
    CommandedDevice,
    NotControllable,
    by_key,
    export_promise,
    known_serial,
    promise,
)
from sunhelm.devices.families.register_board import RegisterBoard, open_board
from sunhelm.devices.families.register_task import RegisterTask
from sunhelm.devices.families.setting import settings
from sunhelm.devices.families.sma.battery import Battery, BatteryMode, Ways
from sunhelm.devices.families.sma.grid_guard import GridGuard
from sunhelm.devices.families.sma.limits import ExportLimit, PlantLimit, ProductionLimit
from sunhelm.devices.families.sma.panel import Panel
from sunhelm.devices.families.sma.tasks import SetClock
from sunhelm.devices.families.sma.ways import LimitsWay, SetpointWay, WindowWay
from sunhelm.devices.families.spec import FamilySpec

if TYPE_CHECKING:
    from sunhelm.devices.device_config import DeviceConfig

HOME_MANAGER: Final = "Home Manager 2.0"
"""The model of the site file that stands at unit id 2 and limits the whole plant."""

_RESTART: Final = 1146


def open_control(family: Family, config: DeviceConfig, surroundings: Surroundings) -> CommandedDevice:
    """Return the device, opened for control. What it is, is asked when it is commanded."""
    assert isinstance(family, RegisterFamily)
    spec = family.spec
    is_plant = config.model == HOME_MANAGER
    if is_plant and config.rated_power is None:
        raise NotControllable(f"devices.{config.name}: a Home Manager needs the `rated_power` of the plant")
    board = open_board(family, config, surroundings)
    handles = _of_plant(spec, board) if is_plant else _of_device(spec, board, surroundings)
    return CommandedDevice(
        name=config.name,
        link=board.link,
        serial=partial(_place if is_plant else _serial, board),
        handles=by_key(handles),
        tasks={} if is_plant else by_key(_tasks(spec, board, surroundings)),
    )


def _of_plant(spec: FamilySpec, board: RegisterBoard) -> Iterator[Handle]:
    whole = board.config.rated_power or 0.0
    yield PlantLimit(promise("export_limit", spec.controls["plant_export_limit"]), board, whole)


def _of_device(spec: FamilySpec, board: RegisterBoard, surroundings: Surroundings) -> Iterator[Handle]:
    panel, controls = Panel(board), spec.controls
    ways = Ways(panel, SetpointWay(panel, surroundings.clock), LimitsWay(panel), WindowWay(panel))
    yield ExportLimit(export_promise(controls["export_limit"], board.config), panel)
    yield ProductionLimit(promise("production_limit", controls["production_limit"]), panel)
    yield Battery(promise("battery", controls["battery"]), ways)
    yield BatteryMode(promise("mode", controls["mode"]), ways)
    name = board.config.account
    account = None if name is None else surroundings.accounts[name]
    yield GridGuard(promise("setting:grid_guard", controls["grid_guard"]), board, account)
    yield from settings(board, spec)


def _tasks(spec: FamilySpec, board: RegisterBoard, surroundings: Surroundings) -> Iterator[Task]:
    yield RegisterTask(promise("restart", spec.tasks["restart"]), board, "control.restart", _RESTART)
    yield SetClock(promise("set_clock", spec.tasks["set_clock"]), board, surroundings.clock)


async def _serial(board: RegisterBoard, deadline: Deadline) -> str:
    """Return the serial number. Raises Rejected when the site file names another one."""
    return known_serial(board.config, str(await board.read("control.serial_number", deadline)))


async def _place(board: RegisterBoard, deadline: Deadline) -> str:
    """Return what stands for the serial number that a Home Manager does not tell at unit id 2."""
    await board.read("plant.grid_import_power", deadline)
    config = board.config
    return config.serial or f"home manager at {config.host}:{config.port}"
