from __future__ import annotations

from controllers.states.budget import Budget
from controllers.states.curtailment import Purpose
from controllers.states.leases import is_due, renewal_s
from sunhelm.devices.control import Action, Hazard, Promise, Proof, Rung, Storage

KEPT = Storage.PERSISTENT


def promise(rung: Rung, reverts_s: float | None) -> Promise:
    return Promise(
        key="battery",
        actions=(Action.CHARGE,),
        hazard=Hazard.AUTOMATIC,
        rung=rung,
        storage=Storage.VOLATILE,
        proof=Proof.READ_BACK,
        reverts_s=reverts_s,
    )


def test_a_beginning_reserves_the_change_of_its_end() -> None:  # S18
    assert Budget(used=18).allows(Purpose.BEGIN, KEPT)
    assert not Budget(used=19).allows(Purpose.BEGIN, KEPT)
    assert not Budget(used=17, owed=2).allows(Purpose.BEGIN, KEPT)


def test_what_ends_or_reduces_is_never_refused() -> None:
    spent = Budget(used=99)

    assert spent.left == 0
    assert all(spent.allows(each, KEPT) for each in (Purpose.RESTORE, Purpose.REPEAT, Purpose.RENEW))
    assert spent.allows(Purpose.CHANGE, KEPT, reduces=True)
    assert not spent.allows(Purpose.CHANGE, KEPT)


def test_what_wears_nothing_out_has_no_budget_and_what_is_unknown_has() -> None:  # S19
    assert Budget(used=99).allows(Purpose.BEGIN, Storage.VOLATILE)
    assert not Budget(used=99).allows(Purpose.BEGIN, Storage.UNKNOWN)


def test_a_devices_timer_is_renewed_at_a_third_so_that_one_loss_is_survived() -> None:  # S7, S8
    timed = promise(Rung.TIMER, 30.0)

    assert renewal_s(timed) == 10.0
    assert [is_due(timed, 100.0, now) for now in (109.0, 110.0)] == [False, True]
    assert is_due(timed, None, 0.0)


def test_what_stays_by_itself_is_not_renewed() -> None:
    assert renewal_s(promise(Rung.VOLATILE, None)) is None
    assert not is_due(promise(Rung.PERSISTENT, 30.0), 0.0, 1e9)
