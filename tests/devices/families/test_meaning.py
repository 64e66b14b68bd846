"""What the words of one register mean is worked out when they change, and only then."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from sunhelm.devices.families.meaning import Interpreter
from sunhelm.devices.guards import Bounds
from sunhelm.devices.quantities import Quantity
from sunhelm.devices.reading import Guard
from sunhelm.devices.registers import codec
from sunhelm.devices.registers.figures import Share
from sunhelm.devices.registers.register import Register

_POWER = Quantity("test_power", "watts", "gauge", "Power.", ("phase",))
_MOST = Share("rated_power", 1.3)


@pytest.fixture
def interpret() -> Interpreter:
    register = Register(address=10, type=codec.parse_type("i16"), name="power", quantity=_POWER)
    return Interpreter(
        register, {"phase": "L1"}, zone=ZoneInfo("UTC"), group="grid_live", bounds=Bounds(-500.0, 500.0)
    )


def test_the_same_words_give_the_same_samples_again(interpret: Interpreter) -> None:
    first = interpret((230,), 0)

    assert interpret((230,), 0) is first
    assert [(sample.value, sample.group) for sample in first.samples] == [(230.0, "grid_live")]


def test_other_words_or_another_exponent_give_other_values(interpret: Interpreter) -> None:
    values = [interpret((words,), exponent).value for words, exponent in [(23, 0), (24, 0), (24, 1), (23, 0)]]

    assert values == [23.0, 24.0, 240.0, 23.0]


def test_a_value_out_of_bounds_is_held_each_time_and_forgotten_when_it_is_back(
    interpret: Interpreter,
) -> None:
    for _ in range(2):
        held = interpret((501,), 0)
        assert held.samples == ()
        assert held.value is None
        assert [each.guard for each in held.held] == [Guard.BOUNDS]

    assert interpret((500,), 0).held == ()


def split(bounds: Bounds, kind: str = "i16", high: Share | None = _MOST) -> Interpreter:
    """A power whose high word stands elsewhere, bounded by a figure of the device."""
    register = Register(
        address=625, type=codec.parse_type(kind), name="power", quantity=_POWER, high="other", maximum=high
    )
    return Interpreter(register, {"phase": "L1"}, zone=ZoneInfo("UTC"), group="live", bounds=bounds)


@pytest.mark.parametrize(
    ("low", "high", "watts"),
    [(0xFF38, 0xFFFF, -200.0), (0xFF38, 0, -200.0), (0x9C40, 0, 40_000.0), (0x63C0, 0xFFFF, -40_000.0)],
)
def test_words_apart_are_joined_where_the_device_can_have_so_much(low: int, high: int, watts: float) -> None:
    assert split(Bounds(-65_000.0, 65_000.0))((low, high), 0).value == watts


def test_words_apart_are_not_joined_while_nobody_knows_what_the_device_can_have() -> None:
    assert split(Bounds())((0xFF38, 0), 0).value == -200.0
    assert split(Bounds())((0xFF38, 0), 0).held == ()


def test_words_apart_without_bounds_are_always_joined() -> None:
    assert split(Bounds(), "u16", None)((1234, 2), 0).value == 132_306.0
