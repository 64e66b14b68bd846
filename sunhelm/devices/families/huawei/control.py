"""What can be commanded on a SUN2000, or on the EMMA above it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from sunhelm.configuration.secrets import SecretUnavailable
from sunhelm.devices.clock import Deadline
from sunhelm.devices.control import Handle, Task
from sunhelm.devices.errors import AuthFailed, Rejected
from sunhelm.devices.families.base import Family, RegisterFamily, Surroundings, line_to
from sunhelm.devices.families.control import (
    CommandedDevice,
    NotControllable,
    by_key,
    export_promise,
    known_serial,
    promise,
)
from sunhelm.devices.families.huawei.battery import ForcedBattery, PeakShaving, SocRange, WorkingMode
from sunhelm.devices.families.huawei.limits import ExportLimit, ProductionLimit
from sunhelm.devices.families.huawei.local_time import LocalTime, SetClock
from sunhelm.devices.families.huawei.regulator import Regulator
from sunhelm.devices.families.huawei.schedules import TimeOfUse
from sunhelm.devices.families.register_board import RegisterBoard
from sunhelm.devices.families.register_task import RegisterTask
from sunhelm.devices.families.setting import settings
from sunhelm.devices.links.private_control import Credentials, PrivateControlLink

if TYPE_CHECKING:
    from sunhelm.devices.device_config import DeviceConfig

INSTALLER: Final = "installer"
"""Who signs in when the account names nobody."""

_SERIALS: Final = ("inverter.serial", "inverter_v2.serial", "logger.serial")
_PEAK_SHAVING: Final = "setting:battery.peak_shaving_power"


def open_control(family: Family, config: DeviceConfig, surroundings: Surroundings) -> CommandedDevice:
    """Return the device, opened for control; its parts are looked for when they are used."""
    assert isinstance(family, RegisterFamily)
    spec = family.spec
    kind, line = line_to(config, spec, surroundings)
    assert kind in ("modbus_tcp", "rtu_over_tcp")
    link = PrivateControlLink(kind, line, credentials=_credentials(config, surroundings))
    board = RegisterBoard(link, config, spec.parts, family.map_of)
    regulator = Regulator(board)
    local = LocalTime(regulator)
    controls, tasks = spec.controls, spec.tasks
    export = export_promise(controls["export_limit"], config)
    handles: tuple[Handle, ...] = (
        ExportLimit(export, regulator),
        ProductionLimit(promise("production_limit", controls["production_limit"]), regulator),
        ForcedBattery(promise("battery", controls["battery"]), regulator),
        SocRange(promise("soc_limits", controls["soc_limits"]), regulator),
        WorkingMode(promise("mode", controls["mode"]), regulator),
        PeakShaving(promise(_PEAK_SHAVING, controls[_PEAK_SHAVING]), regulator),
        *settings(board, spec),
    )
    done: tuple[Task, ...] = (
        SetClock(promise("set_clock", tasks["set_clock"]), local, surroundings.clock, surroundings.zone),
        RegisterTask(promise("restart", tasks["restart"]), board, "inverter.reset", 0),
    )
    return CommandedDevice(
        name=config.name,
        link=link,
        serial=partial(_serial, board),
        handles=by_key(handles),
        tasks=by_key(done),
        schedules=TimeOfUse(
            promise("schedules", controls["schedules"]),
            regulator,
            surroundings.clock,
            surroundings.zone,
            local,
        ),
    )


def _credentials(config: DeviceConfig, surroundings: Surroundings) -> partial[Credentials] | None:
    """Return what reads the password when it is needed. Raises NotControllable for an account without one."""
    if config.account is None:
        return None
    account = surroundings.accounts[config.account]
    secret = account.password_file or account.password
    if secret is None:
        raise NotControllable(
            f"accounts.{config.account}.password_file: is missing; devices.{config.name} signs in with it"
        )

    def read() -> Credentials:
        try:
            return Credentials(account.username or INSTALLER, secret.reveal())
        except SecretUnavailable as error:
            raise AuthFailed(f"{config.name}: {error}") from error

    return partial(read)


async def _serial(board: RegisterBoard, deadline: Deadline) -> str:
    """Return the serial number. Raises Rejected when the site file names another one."""
    for place in _SERIALS:
        try:
            serial = await board.read_text(place, deadline)
        except Rejected:
            continue
        return known_serial(board.config, serial)
    raise Rejected(f"{board.config.name}: tells no serial number")
