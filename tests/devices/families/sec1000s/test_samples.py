"""SEC1000S replies as samples."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from sunhelm.devices.errors import Busy, Malformed, TimedOut, Unreachable
from sunhelm.devices.families.sec1000s.feedback import Feedback
from sunhelm.devices.families.sec1000s.messages import LimitState, Mode, Telemetry
from sunhelm.devices.families.sec1000s.samples import OFFERS, ZeroGuard, limit_samples, telemetry_samples
from sunhelm.devices.links.sec1000 import ChecksumError
from sunhelm.devices.reading import Guard, Held, Sample

# Recorded at a real box, and one built by hand for export.
IMPORTING = bytes.fromhex(
    "0000096A 00000964 00000969 000001E0 00000186 000001FC 00000127 FFFFFF8E FFFFFDEC FFFFFEA1 00000D3A"
)
AT_NIGHT = bytes.fromhex(
    "00000956 00000949 0000094D 00000870 00000AA6 0000097D FFFFEC12 FFFFE732 FFFFE964 FFFFBCA7 00000000"
)
EXPORTING = bytes.fromhex(
    "00000901 00000907 000008FA 00000519 0000050A 00000520 00000BB8 00000B86 00000BAE 000022EC 00002648"
)


def values(said: Iterable[Sample | Held]) -> dict[str, float]:
    return {
        " ".join((item.quantity.name, *item.labels)): item.value for item in said if isinstance(item, Sample)
    }


def telemetry(data: bytes, zero: ZeroGuard | None = None) -> dict[str, float]:
    return values(telemetry_samples(Telemetry.parse(data), zero=zero or ZeroGuard()))


def test_import_is_positive_and_the_load_follows() -> None:
    read = telemetry(IMPORTING)
    assert read["grid_power"] == 351
    assert read["inverter_power"] == 3386
    assert read["load_power"] == 3737
    assert read["grid_phase_power L1"] == -295
    assert read["grid_phase_power L3"] == 532
    assert read["grid_phase_voltage L1"] == 241.0
    assert read["grid_phase_current L3"] == 5.08


def test_a_house_at_night_imports_all_it_needs() -> None:
    read = telemetry(AT_NIGHT)
    assert (read["grid_power"], read["inverter_power"], read["load_power"]) == (17241, 0, 17241)


def test_export_is_negative() -> None:
    read = telemetry(EXPORTING)
    assert (read["grid_power"], read["inverter_power"], read["load_power"]) == (-8940, 9800, 860)


def packed(grid: int, inverters: int) -> Telemetry:
    return Telemetry((2300,) * 3, (0,) * 3, (grid // 3,) * 3, grid, inverters)


def test_a_zero_that_nothing_explains_is_held_for_two_polls() -> None:
    guard = ZeroGuard()
    guard.allow(packed(3000, 5000))
    assert [guard.allow(packed(3000, 0)) for _ in range(4)] == [False, False, True, True]


def test_a_zero_is_believed_when_the_meter_moved_with_it() -> None:
    guard = ZeroGuard()
    guard.allow(packed(3000, 5000))
    assert guard.allow(packed(-1900, 0))


def test_a_held_zero_takes_the_load_with_it() -> None:
    zero = ZeroGuard()
    list(telemetry_samples(packed(3000, 5000), zero=zero))
    said = list(telemetry_samples(packed(3000, 0), zero=zero))
    assert "load_power" not in values(said)
    assert values(said)["grid_power"] == -3000
    assert [item.guard for item in said if isinstance(item, Held)] == [Guard.ZERO]


def limit(text: str, minimum: float = 0.0) -> tuple[dict[str, float], list[Held]]:
    said = list(limit_samples(LimitState.parse(bytes.fromhex(text)), minimum=minimum))
    return values(said), [item for item in said if isinstance(item, Held)]


def test_a_limit_by_value_is_in_force() -> None:
    read, held = limit("03 00004E20 000000C8 00002062")
    assert read["grid_export_limit"] == 8290
    assert read["sec1000s_export_limit"] == 8290
    assert read["sec1000s_total_capacity"] == 20_000
    assert read["sec1000s_ct_ratio_code"] == 200
    assert read["sec1000s_control_mode value"] == 1
    assert read["sec1000s_export_enabled"] == 1
    assert held == []


def test_a_limit_that_is_switched_off_limits_nothing() -> None:
    read, _ = limit("00 000036B0 00000000 000009C4")
    assert "grid_export_limit" not in read
    assert read["sec1000s_control_mode deactivated"] == 1
    assert read["sec1000s_export_enabled"] == 1


@pytest.mark.parametrize(("limit_w", "enabled"), [(0, 0), (100, 0), (109, 0), (110, 1), (5000, 1)])
def test_export_is_off_at_the_owners_minimum(limit_w: int, enabled: int) -> None:
    read, _ = limit(f"03 00004E20 00000000 {limit_w:08X}", minimum=100.0)
    assert read["sec1000s_export_enabled"] == enabled


def test_a_negative_limit_is_shown_as_set_but_not_understood() -> None:
    read, _ = limit("03 00004E20 00000000 FFFFFC18")
    assert read["sec1000s_export_limit"] == -1000
    assert "grid_export_limit" not in read


def test_an_unknown_mode_is_no_mode() -> None:
    read, held = limit("07 00004E20 00000000 00001B58")
    assert sum(value for name, value in read.items() if name.startswith("sec1000s_control_mode ")) == 0
    assert read["sec1000s_control_mode_code"] == 7
    assert "grid_export_limit" not in read
    assert [item.guard for item in held] == [Guard.UNKNOWN_CODE]


def test_a_reply_of_another_length_is_malformed() -> None:
    with pytest.raises(Malformed, match="44 are right"):
        Telemetry.parse(IMPORTING[:-1])


def test_feedback_has_the_numbers_that_owners_know() -> None:
    checksum = Malformed("wrong")
    checksum.__cause__ = ChecksumError("sum")
    assert [Feedback.of(error).value for error in (TimedOut(""), Unreachable(""), Busy(""), checksum)] == [
        8, 64, 16, 32,
    ]  # fmt: skip


def test_modes_have_the_numbers_of_the_wire() -> None:
    assert [mode.value for mode in Mode] == [0, 1, 2, 3]


def test_nothing_is_brought_that_is_not_offered() -> None:
    said = [
        *telemetry_samples(Telemetry.parse(IMPORTING), zero=ZeroGuard()),
        *limit_samples(LimitState.parse(bytes.fromhex("03 00004E20 000000C8 00002062")), minimum=0.0),
    ]
    brought = {(item.group, item.quantity.name) for item in said if isinstance(item, Sample)}
    offered = {(group, quantity.name) for group in ("telemetry", "limit") for quantity in OFFERS[group]}
    assert brought == offered
