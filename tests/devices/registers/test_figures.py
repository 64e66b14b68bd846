"""Bounds that are a share of a figure of the device."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from sunhelm.devices.registers.figures import Share


@dataclass(frozen=True)
class Owner:
    """What an owner says of a device, in watts and joules."""

    rated_power: float | None = None
    capacity: float | None = None


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("rated_power", Share("rated_power", 1.0)),
        ("-rated_power", Share("rated_power", -1.0)),
        ("capacity*1.3", Share("capacity", 1.3)),
        ("-capacity*2", Share("capacity", -2.0)),
    ],
)
def test_a_share_is_what_its_text_says(text: str, share: Share) -> None:
    assert Share.parse(text) == share
    assert str(share) == text


@pytest.mark.parametrize("text", ["", "12", "power", "rated_power*", "rated_power*.", "rated_power*-1"])
def test_what_is_in_another_form_is_no_share(text: str) -> None:
    assert Share.parse(text) is None


def test_the_figure_of_the_owner_counts_more_than_that_of_the_device() -> None:
    told = {"rated_power": 4_000.0, "capacity": 3.6e7}
    assert Share("rated_power", -1.3).of(Owner(rated_power=5_000.0), told) == -6_500.0
    assert Share("rated_power", 0.5).of(Owner(capacity=1.0), told) == 2_000.0
    assert Share("capacity").of(Owner(rated_power=5_000.0), told) == 3.6e7


def test_a_figure_that_nobody_tells_is_no_bound() -> None:
    assert Share("capacity").of(Owner(rated_power=5_000.0)) is None
    assert Share("rated_power").of(Owner(), {"capacity": 1.0}) is None
