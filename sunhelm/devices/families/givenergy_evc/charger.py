"""What whoever regulates the charger has to see of it: two requests, held against what can be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sunhelm.devices.charging import LEAST_A, ChargerState, Order, Stage
from sunhelm.devices.clock import Deadline
from sunhelm.devices.errors import Malformed
from sunhelm.devices.families.givenergy_evc.family import PART, amperes, greatest
from sunhelm.devices.families.register_board import RegisterBoard

_PHASES: Final = ("l1", "l2", "l3")
_CURRENTS: Final = tuple(f"current_{phase}" for phase in _PHASES)
_VOLTAGES: Final = tuple(f"voltage_{phase}" for phase in _PHASES)
_FIRST: Final = (
    "charging_state",
    "vehicle",
    "fault",
    *_CURRENTS,
    "power",
    "hardware_maximum",
    "hardware_minimum",
    "charge_limit",
)
_SECOND: Final = ("session", "charge_control", *_VOLTAGES)

_STAGES: Final = {
    1: Stage.FREE,
    2: Stage.CONNECTED,
    3: Stage.CONNECTED,
    4: Stage.CHARGING,
    5: Stage.FAULTY,
    6: Stage.ENDED,
    7: Stage.FAULTY,
    8: Stage.CONNECTED,
    9: Stage.FAULTY,
    10: Stage.FAULTY,
}
_ORDERS: Final = {0: Order.READY, 1: Order.START, 2: Order.STOP}
_CONNECTED_V: Final = 100.0


@dataclass(frozen=True, slots=True)
class BoardCharger:
    """The charger by its registers; implements `EvCharger`."""

    board: RegisterBoard

    async def look(self, deadline: Deadline) -> ChargerState:
        first = await self.board.read_over(PART, _FIRST, deadline)
        second = await self.board.read_over(PART, _SECOND, deadline)
        told = {**first, **second}
        for name in (*_CURRENTS, "power", "charge_limit", *_VOLTAGES):
            most = self.board.bounds(f"{PART}.{name}").high
            if most is not None and told[name] > most:
                raise Malformed(f"{self.board.config.name}: {name} is {told[name]:g}, which cannot be")
        return ChargerState(
            stage=_stage(told),
            order=_ORDERS.get(round(told["charge_control"])),
            limit_a=told["charge_limit"],
            power_w=told["power"],
            session_j=told["session"],
            least_a=max(LEAST_A, amperes(told["hardware_minimum"])),
            most_a=greatest(told["hardware_maximum"]),
            volts=tuple(told[name] for name in _VOLTAGES if told[name] >= _CONNECTED_V),
            amperes=max(told[name] for name in _CURRENTS),
        )


def _stage(told: Mapping[str, float]) -> Stage:
    """Return what the charger does; with a fault nothing can be asked of one that does not charge."""
    stage = _STAGES.get(round(told["charging_state"]), Stage.UNKNOWN)
    if stage is Stage.CHARGING:
        return stage
    if told["fault"]:
        return Stage.FAULTY
    return Stage.CONNECTED if stage is Stage.FREE and told["vehicle"] else stage
