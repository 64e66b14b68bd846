from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from controllers.claims.limits import loosens
from controllers.states.curtailment import (
    Adopt,
    Forget,
    Purpose,
    Rest,
    StandBack,
    State,
    Step,
    Write,
    decide,
    hand_back,
    owners,
)
from sunhelm.devices.control import (
    UNKNOWN,
    UNLIMITED,
    Charge,
    CurrentLimits,
    Discharge,
    Limit,
    Mode,
    SelfConsumption,
    Unknown,
    Value,
)

NOTHING = State(asked=None, baseline=None, written=(), observed=UNLIMITED)
CURTAILED = State(asked=Limit(0), baseline=UNLIMITED, written=(Limit(0),), observed=Limit(0))


def equal(wanted: Value, observed: Value) -> bool:
    return wanted == observed


def step(state: State, **changes: object) -> Step:
    return decide(replace(state, **changes), equal)


@pytest.mark.parametrize("found", [UNLIMITED, Limit(7000), UNKNOWN])
def test_a_start_writes_nothing(found: Value | Unknown) -> None:  # S1
    assert step(NOTHING, observed=found) == Rest()


def test_the_owners_value_is_kept_before_the_first_write() -> None:  # S10
    assert step(NOTHING, asked=Limit(0), observed=Limit(7000)) == Adopt(Limit(7000))


def test_then_the_stricter_value_is_written() -> None:
    assert step(NOTHING, asked=Limit(0), baseline=Limit(7000), observed=Limit(7000)) == Write(
        Limit(0), Limit(7000), Purpose.BEGIN
    )


def test_a_claim_never_loosens_the_owners_own_limit() -> None:  # S1
    assert step(NOTHING, asked=Limit(5000), baseline=Limit(3000), observed=Limit(3000)) == Rest()


def test_what_holds_already_is_not_written_again() -> None:  # S17
    assert step(CURTAILED) == Rest()


def test_the_owners_value_returns_when_nobody_asks_any_more() -> None:  # S10
    owed = replace(CURTAILED, asked=None, baseline=Limit(7000))

    assert decide(owed, equal) == Write(Limit(7000), Limit(0), Purpose.RESTORE)
    assert step(owed, observed=Limit(7000), written=(Limit(7000),)) == Forget()


def test_another_demand_is_written_in_place_of_the_first() -> None:
    assert step(CURTAILED, asked=Limit(900)) == Write(Limit(900), Limit(0), Purpose.CHANGE)


def test_what_cannot_be_read_is_left_alone() -> None:  # S15
    assert step(CURTAILED, observed=UNKNOWN, asked=None) == StandBack("unreadable")


def test_a_write_whose_fate_is_unknown_is_ours_whichever_value_is_found() -> None:  # S9
    doubtful = replace(CURTAILED, written=(Limit(500), Limit(0)))

    assert decide(doubtful, equal) == Rest()
    assert step(doubtful, observed=Limit(500)) == Write(Limit(0), Limit(500), Purpose.CHANGE)


def test_a_stricter_foreign_value_becomes_the_owners_and_nothing_is_written() -> None:  # S24
    asked = replace(CURTAILED, asked=Limit(500), written=(Limit(500),), observed=Limit(200))

    assert decide(asked, equal) == Adopt(Limit(200), foreign=True)
    assert step(asked, baseline=Limit(200), foreign=1) == Rest()


def test_a_looser_foreign_value_becomes_the_owners_and_ours_is_written_once_more() -> None:  # S24
    assert step(CURTAILED, observed=Limit(800)) == Adopt(Limit(800), foreign=True)
    assert step(CURTAILED, observed=Limit(800), baseline=Limit(800), foreign=1) == Write(
        Limit(0), Limit(800), Purpose.REPEAT
    )


def test_a_second_foreign_change_within_an_hour_is_not_fought() -> None:  # S2, S24
    assert step(CURTAILED, observed=Limit(900), foreign=1) == StandBack("changed_by_someone_else")


def test_whoever_stands_back_waits_for_a_person() -> None:
    assert step(
        CURTAILED, observed=Limit(900), asked=None, stood_back="changed_by_someone_else"
    ) == StandBack("changed_by_someone_else")


def test_a_device_that_forgot_is_told_again() -> None:  # S27
    assert step(CURTAILED, observed=UNLIMITED) == Write(Limit(0), UNLIMITED, Purpose.REPEAT)


def test_a_device_that_keeps_forgetting_is_not_told_for_ever() -> None:  # S18
    assert step(CURTAILED, observed=UNLIMITED, written=(Limit(0),), forgotten=3) == StandBack(
        "keeps_forgetting"
    )


def test_a_value_of_ours_without_a_journal_is_no_baseline() -> None:
    found = replace(NOTHING, asked=Limit(0), observed=Limit(0), ours=(Limit(0),))

    assert decide(found, equal) == Adopt(UNKNOWN)
    assert step(found, baseline=UNKNOWN) == Rest()
    assert step(found, baseline=UNKNOWN, asked=None, written=(Limit(0),)) == StandBack("baseline_unknown")


def test_without_a_baseline_only_a_stricter_limit_is_written() -> None:
    lost = replace(CURTAILED, baseline=UNKNOWN, written=(), observed=Limit(500))

    assert decide(lost, equal) == Write(Limit(0), Limit(500), Purpose.BEGIN)
    assert step(lost, asked=Limit(900)) == StandBack("baseline_unknown")
    assert step(lost, asked=Mode("backup"), observed=Mode("idle")) == StandBack("baseline_unknown")


def test_a_device_with_a_timer_is_renewed_only_while_somebody_asks() -> None:  # S6, S20
    timed = replace(CURTAILED, renew=True)

    assert decide(timed, equal) == Write(Limit(0), Limit(0), Purpose.RENEW)
    assert step(timed, asked=None) == Write(UNLIMITED, Limit(0), Purpose.RESTORE)


def test_what_cannot_be_read_at_all_is_handed_back() -> None:
    blind = State(asked=Charge(500), baseline=None, written=(), observed=UNKNOWN, blind=True)
    written = replace(blind, written=(Charge(500),))

    assert decide(blind, equal) == Write(Charge(500), UNKNOWN, Purpose.BEGIN)
    assert decide(written, equal) == Rest()
    assert step(written, renew=True) == Write(Charge(500), UNKNOWN, Purpose.RENEW)
    assert step(written, asked=None) == Write(SelfConsumption(), UNKNOWN, Purpose.RESTORE)
    assert step(written, asked=None, written=(SelfConsumption(),)) == Forget()
    assert step(written, asked=None, written=()) == Rest()
    back = Mode("self_consumption")
    assert step(written, asked=None, written=(Mode("idle"),)) == Write(back, UNKNOWN, Purpose.RESTORE)
    assert step(written, asked=None, written=(CurrentLimits(5.0),)) == StandBack("cannot_be_handed_back")
    assert hand_back(Limit(0)) is UNLIMITED


def test_what_was_found_goes_before_a_hand_back_where_it_is_the_owners_to_restore() -> None:
    found = SelfConsumption("phases_alone")
    blind = State(asked=None, baseline=found, written=(Charge(500),), observed=UNKNOWN, blind=True)

    assert decide(blind, equal) == Write(found, UNKNOWN, Purpose.RESTORE)
    assert step(blind, written=(found,)) == Forget()
    assert step(blind, baseline=UNKNOWN) == Write(SelfConsumption(), UNKNOWN, Purpose.RESTORE)
    assert step(blind, hands_back=True) == Write(SelfConsumption(), UNKNOWN, Purpose.RESTORE)


def test_what_cannot_be_read_is_not_made_looser_than_its_owner_wants_it() -> None:  # S13
    blind = State(asked=Limit(8000), baseline=Limit(5000), written=(), observed=UNKNOWN, blind=True)

    assert decide(blind, equal) == Write(Limit(5000), UNKNOWN, Purpose.BEGIN)
    assert step(blind, written=(Limit(5000),)) == Rest()


limits = st.one_of(st.just(UNLIMITED), st.builds(Limit, st.sampled_from([0.0, 100.0, 500.0, 7000.0])))
currents = st.builds(CurrentLimits, st.sampled_from([None, 5.0, 10.0]), st.sampled_from([None, 5.0]))
orders = st.one_of(st.just(SelfConsumption()), st.builds(Charge, st.sampled_from([500.0, 900.0])))


def states(values: st.SearchStrategy[Value]) -> st.SearchStrategy[State]:
    return st.builds(
        State,
        asked=st.none() | values,
        baseline=st.none() | st.just(UNKNOWN) | values,
        written=st.lists(values, max_size=2, unique=True).map(tuple),
        observed=st.just(UNKNOWN) | values,
        ours=st.lists(values, max_size=1).map(tuple),
        foreign=st.integers(0, 2),
        forgotten=st.integers(0, 4),
        renew=st.booleans(),
    )


any_states = st.one_of(states(limits), states(currents), states(orders))


@given(any_states)
def test_nothing_is_written_without_somebody_who_asks_or_a_value_to_restore(state: State) -> None:
    if isinstance(step := decide(state, equal), Write):
        assert state.asked is not None or (state.written and step.value == state.baseline)
        found = isinstance(state.observed, Charge) and not state.written and step.purpose is Purpose.BEGIN
        assert step.purpose is Purpose.RENEW or step.value != state.observed or found


@given(st.one_of(states(limits), states(currents)))
def test_a_write_never_loosens_the_owners_limit_nor_replaces_a_foreign_value(state: State) -> None:  # S13
    step = decide(state, equal)
    if not isinstance(step, Write):
        return
    if isinstance(state.baseline, Unknown):
        assert not isinstance(step.replacing, Unknown)
        assert not loosens(step.value, than=step.replacing)
    else:
        assert state.baseline is not None
        assert not loosens(step.value, than=state.baseline)
        assert step.replacing in {*state.written, state.baseline, step.value}
    assert state.asked is None or not loosens(step.value, than=state.asked)


@given(any_states)
def test_it_comes_to_rest(state: State) -> None:
    """On a device that does as told, a few steps lead to Rest, Forget or StandBack."""
    assume(not state.stood_back)
    for _ in range(4):
        match step := decide(state, equal):
            case Adopt():
                state = replace(state, baseline=step.value, foreign=state.foreign + step.foreign)
                assert not isinstance(state.observed, Unknown)
                if step.replaced:
                    state = replace(state, written=(*state.written, state.observed))
            case Write():
                state = replace(state, written=(step.value,), observed=step.value, renew=False)
            case _:
                return
    pytest.fail(f"it goes on: {state}")


@given(states(orders))
def test_an_order_for_the_battery_is_nobodys_own_value(state: State) -> None:
    """However it came there, and whatever an earlier journal says: it never comes back at the end."""
    step = decide(state, equal)
    if isinstance(step, Adopt):
        assert isinstance(step.value, SelfConsumption | Unknown)
    if isinstance(step, Write) and state.asked is None:
        assert isinstance(step.value, SelfConsumption)


FORCED = State(asked=Discharge(900), baseline=SelfConsumption(), written=(), observed=Charge(500))


def test_an_order_that_is_found_is_replaced_and_not_kept() -> None:
    assert step(FORCED, baseline=None) == Adopt(SelfConsumption())
    assert step(FORCED, baseline=None, ours=(Charge(500),)) == Adopt(SelfConsumption())
    assert decide(FORCED, equal) == Write(Discharge(900), Charge(500), Purpose.BEGIN)


def test_an_order_of_ours_of_which_no_journal_tells_is_given_again_so_that_it_ends() -> None:
    found = replace(FORCED, observed=Discharge(900), ours=(Discharge(900),))
    assert step(found, baseline=None) == Adopt(SelfConsumption())
    assert decide(found, equal) == Write(Discharge(900), Discharge(900), Purpose.BEGIN)
    ended = replace(found, asked=None, written=(Discharge(900),))
    assert decide(ended, equal) == Write(SelfConsumption(), Discharge(900), Purpose.RESTORE)


@pytest.mark.parametrize("baseline", [UNKNOWN, Charge(500), Discharge(900)])
def test_what_an_earlier_journal_kept_of_an_order_is_self_consumption(baseline: Any) -> None:
    assert step(FORCED, baseline=baseline) == Adopt(SelfConsumption())
    assert step(FORCED, baseline=baseline, asked=None, written=(Charge(500),)) == Adopt(SelfConsumption())


def test_an_order_of_somebody_else_is_replaced_once_and_left_alone_when_nobody_asks() -> None:
    other = replace(FORCED, written=(Discharge(900),))
    assert decide(other, equal) == Adopt(SelfConsumption(), foreign=True, replaced=True)
    again = replace(other, written=(Discharge(900), Charge(500)), foreign=1)
    assert decide(again, equal) == Write(Discharge(900), Charge(500), Purpose.CHANGE)
    assert step(again, written=(Discharge(900),)) == StandBack("changed_by_someone_else")
    assert step(other, asked=None) == Forget(foreign=True)


def test_a_person_cannot_make_an_order_his_own_value() -> None:
    assert owners(Charge(500)) == owners(Discharge(1)) == SelfConsumption()
    assert owners(SelfConsumption("eco")) == SelfConsumption("eco")
    assert owners(Limit(0)) == Limit(0)


TORN = State(
    asked=Charge(3000),
    baseline=SelfConsumption("owner"),
    written=(Charge(3000),),
    observed=SelfConsumption("half"),
    torn=True,
)


def test_a_sequence_that_was_cut_short_is_told_again() -> None:
    assert step(TORN) == Write(Charge(3000), SelfConsumption("half"), Purpose.REPEAT)


def test_or_taken_back_when_nobody_asks_any_more() -> None:
    assert step(TORN, asked=None) == Write(SelfConsumption("owner"), SelfConsumption("half"), Purpose.RESTORE)


def test_what_stands_there_whole_is_no_half_of_anything() -> None:
    assert step(TORN, observed=Charge(3000)) == Rest()
    assert step(TORN, asked=None, observed=SelfConsumption("owner")) == Forget()
    assert step(TORN, torn=False) == Adopt(SelfConsumption("half"), foreign=True)
