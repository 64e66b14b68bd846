"""An adapter that puts the pages of two batteries together, through the whole driver and on the wire."""

from __future__ import annotations

from typing import Any

import pytest

from sunhelm.devices.errors import Reason
from sunhelm.devices.reading import Guard, Reading
from sunhelm.simulator.faces.face import Table
from sunhelm.simulator.faces.givenergy import HYBRID, Dongle, GivEnergyFace
from sunhelm.simulator.plant import Plant

SECOND = 0x33


class Spliced:
    """Answers of `face`, but those of the second battery end as those of another one, from word `cut` on."""

    def __init__(self, face: GivEnergyFace, cut: int) -> None:
        self.true = face.read
        other = GivEnergyFace(Plant(seed=3, start=1_750_240_800.0, soc=0.08, warm_up=False), HYBRID)
        self.other = other.read(SECOND, Table.INPUT, 60, 60)
        self.cut = cut
        self.on = False

    def read(self, unit: int, table: Table, address: int, count: int) -> list[int]:
        words = list(self.true(unit, table, address, count))
        if self.on and (unit, table, address) == (SECOND, Table.INPUT, 60):
            words[self.cut :] = self.other[self.cut : count]
        return words


def held(reading: Reading) -> list[str]:
    return [one.source for one in reading.held if one.guard is Guard.SPLICE]


def units(reading: Reading) -> set[str]:
    """The batteries of which a state of charge is shown."""
    return {
        sample.labels[0]
        for sample in reading.samples
        if sample.quantity.name == "battery_unit_state_of_charge"
    }


@pytest.mark.parametrize("cut", [1, 12, 20, 29])
def test_a_page_of_two_batteries_costs_that_battery_and_nobody_else(
    cut: int, open_bench: Any, virtually: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def program() -> None:
        async with open_bench("givenergy") as bench:
            assert isinstance(bench.endpoint, Dongle)
            assert isinstance(bench.endpoint.face, GivEnergyFace)
            spliced = Spliced(bench.endpoint.face, cut)
            monkeypatch.setattr(bench.endpoint.face, "read", spliced.read)
            for _ in range(2):
                reading = await bench.scrape()
                assert units(reading) == {"1", "2"}
                assert held(reading) == []
                await bench.pass_time(15.0)
            spliced.on = True
            for _ in range(10):  # what is shown is held against the truth by the bench
                reading = await bench.scrape()
                assert units(reading) == {"1"}
                assert len(held(reading)) > 1
                failed = {name: one.reason for name, one in reading.groups.items() if not one.ok}
                assert failed == {"battery_51_live": Reason.MALFORMED}
                await bench.pass_time(15.0)
            spliced.on = False
            reading = await bench.scrape()
            assert units(reading) == {"1", "2"}
            assert held(reading) == []
            assert all(one.ok for one in reading.groups.values())

    virtually(program())


def test_one_value_of_another_battery_is_held_back_once(
    open_bench: Any, virtually: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """State of charge alone: a management that counts anew does that too, and is believed one read later."""

    async def program() -> None:
        async with open_bench("givenergy") as bench:
            face = bench.endpoint.face
            true = face.read
            await bench.scrape()
            await bench.pass_time(15.0)

            def recounted(unit: int, table: Table, address: int, count: int) -> list[int]:
                words = list(true(unit, table, address, count))
                if (unit, table, address) == (SECOND, Table.INPUT, 60):
                    words[40] = max(1, words[40] - 30)
                return words

            monkeypatch.setattr(face, "read", recounted)
            reading = await bench.scrape()
            assert units(reading) == {"1"}
            assert held(reading) == ["input 100 state_of_charge"]
            assert all(one.ok for one in reading.groups.values())

    virtually(program())
