"""Schedules and envelopes have a beginning, an end, and no more than a week between."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from controllers.schedules.spans import EnvelopeParameters, ScheduleParameters

NOW = 1_780_000_000.0
UTC = ZoneInfo("UTC")


def schedule(**span: str) -> ScheduleParameters:
    return ScheduleParameters.model_validate({"mode": "force_discharge", "power": "500W", **span})


@pytest.mark.parametrize(
    ("span", "refusal"),
    [
        ({"start": "now", "end": "2089-01-01T00:00"}, "22863.1 days; 7 are the most"),
        ({"start": "now", "duration": "169h"}, "7.0 days; 7 are the most"),
        ({"start": "2000-01-01T00:00", "end": "2001-01-01T00:00"}, "over already"),
        ({"start": "2000-01-01T00:00", "end": "2089-01-01T00:00"}, "7 are the most"),
    ],
)
def test_nothing_is_made_for_ever_by_a_slip_of_a_finger(span: dict[str, str], refusal: str) -> None:
    with pytest.raises(ValueError, match=refusal):
        schedule(**span).schedule(NOW, UTC)
    with pytest.raises(ValueError, match=refusal):
        EnvelopeParameters.model_validate({"generation": "0W", **span}).envelope(NOW, UTC)


def test_a_week_is_not_too_long() -> None:
    made = schedule(start="now", duration="7d").schedule(NOW, UTC)

    assert (made.start, made.end) == (NOW, NOW + 7 * 86_400)


@pytest.mark.parametrize(
    "span", [{}, {"duration": "1h", "end": "13:00"}, {"duration": "0s"}, {"duration": "-1h"}, {"end": "nan"}]
)
def test_it_has_one_end(span: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        schedule(start="12:00", **span)
