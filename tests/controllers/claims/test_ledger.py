from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from controllers.claims.claims import ClaimKey, End, Terms
from controllers.claims.judgement import after_alerts, after_hold, after_listing, after_release, after_time
from controllers.claims.ledger import Ledger, difference, rebound, recall
from controllers.intake.alerts import Alert, Status
from controllers.journal.journal import Journal
from controllers.policy.policies import AlertmanagerSection, HeartbeatSection, Policies, Policy, TaskPolicy
from controllers.tasks.tasks import TaskOutcome
from sunhelm.devices.control import Action, Limit
from sunhelm.devices.device_config import DeviceConfig

PRICE = Policy(
    name="price",
    match={"alertname": "Price"},
    action=Action.LIMIT_EXPORT,
    values={"roof": Limit(0)},
    terms=Terms(lease_s=600, max_life_s=86_400, min_life_s=0),
)
POLICIES = Policies(
    policies={"price": PRICE},
    alertmanager=AlertmanagerSection(
        resend="5s", heartbeat=HeartbeatSection(match={"alertname": "Watchdog"})
    ),
)
LISTED = replace(
    POLICIES,
    alertmanager=AlertmanagerSection(
        url=urlsplit("http://127.0.0.1:9093"), heartbeat=HeartbeatSection(match={"alertname": "Watchdog"})
    ),
)
KEY = ClaimKey("price", "f1", "roof")
ROOF = DeviceConfig(name="roof", family="sec1000s")


def price(status: Status = Status.FIRING, now: float = 100.0, **more: float) -> Alert:
    times = {"starts_at": 50.0, "ends_at": 0.0, "stamp": now, "seen_at": now, **more}
    return Alert(fingerprint="f1", status=status, labels={"alertname": "Price", "x": "y"}, **times)


def watchdog(status: Status = Status.FIRING, now: float = 100.0, **more: float) -> Alert:
    times = {"starts_at": 1.0, "stamp": now, "seen_at": now, **more}
    return Alert(fingerprint="w", status=status, labels={"alertname": "Watchdog"}, **times)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    journal = Journal(tmp_path / "state")
    ledger = recall(journal, POLICIES, 0.0)
    journal.close()
    return ledger


@pytest.fixture
def curtailed(ledger: Ledger) -> Ledger:
    """With a heartbeat and a claim, both seen at 100."""
    return after_alerts(ledger, POLICIES, [watchdog(), price()])


@pytest.fixture
def listed(ledger: Ledger) -> Ledger:
    """The same where Alertmanager is asked."""
    return after_listing(rebound(ledger, LISTED, 0.0), LISTED, [watchdog(), price()], asked_at=100.0)


def ended(ledger: Ledger) -> End | None:
    return ledger.claims[KEY].ended


def asked(ledger: Ledger, now: float) -> object:
    return ledger.demands(ROOF, ["export_limit"], now)["export_limit"].value


def test_an_alert_asks_for_what_its_policy_declares(curtailed: Ledger) -> None:
    assert asked(curtailed, 100.0) == Limit(0)


def test_a_resolved_alert_makes_no_claim(ledger: Ledger) -> None:  # W1
    after = after_alerts(ledger, POLICIES, [watchdog(), price(Status.RESOLVED, ends_at=90.0)])

    assert after.claims == {}


def test_an_alert_that_no_policy_names_means_nothing(ledger: Ledger) -> None:
    other = replace(price(), labels={"alertname": "Prices"})

    assert after_alerts(ledger, POLICIES, [other]) == ledger
    assert not POLICIES.concern(other.labels)


def test_deliveries_are_never_counted(curtailed: Ledger) -> None:  # W4
    again = after_alerts(curtailed, POLICIES, [price(), price()])

    assert again == curtailed


def test_a_resolved_alert_with_a_later_heartbeat_ends_the_claim(curtailed: Ledger) -> None:  # W2
    told = after_alerts(curtailed, POLICIES, [price(Status.RESOLVED, 160.0, ends_at=150.0)])
    assert ended(after_time(told, 161.0)) is None

    early = after_time(after_alerts(told, POLICIES, [watchdog(now=170.0)]), 170.0)
    assert ended(early) is None, "it may have been sent before the end, and delivered by Alertmanager alone"

    proven = after_time(after_alerts(early, POLICIES, [watchdog(now=171.0)]), 171.0)
    assert ended(proven) is End.RESOLVED
    assert asked(proven, 171.0) is None


def test_a_killed_prometheus_resolves_everything_and_loosens_nothing(curtailed: Ledger) -> None:  # S14
    gone = [price(Status.RESOLVED, 400.0, ends_at=390.0), watchdog(Status.RESOLVED, 400.0, ends_at=390.0)]
    after = after_time(after_alerts(curtailed, POLICIES, gone), 400.0)

    assert ended(after) is End.EXPIRED
    assert asked(after_time(after, 1e6), 1e6) == Limit(0)


def test_an_old_resolved_heartbeat_that_comes_late_is_no_alarm(curtailed: Ledger) -> None:  # W5
    after = after_alerts(curtailed, POLICIES, [watchdog(Status.RESOLVED, 110.0, ends_at=60.0)])

    assert not after.late(110.0)


def test_what_alertmanager_no_longer_lists_ends_with_the_next_heartbeat(listed: Ledger) -> None:
    once = after_time(after_listing(listed, LISTED, [watchdog(now=160.0)], asked_at=165.0), 165.0)
    again = after_time(after_listing(once, LISTED, [watchdog(now=160.0)], asked_at=170.0), 170.0)
    assert (ended(once), ended(again), again.unproven) == (None, None, True)

    after = after_time(after_listing(again, LISTED, [watchdog(now=166.0)], asked_at=175.0), 175.0)
    assert (ended(after), after.unproven) == (End.RESOLVED, False)


def test_an_alertmanager_that_was_started_anew_ends_nothing(listed: Ledger) -> None:  # S14
    """It knows no alert but those that Prometheus has sent since: the heartbeat may be the first of them."""
    for at in (165.0, 170.0, 180.0):
        listed = after_time(after_listing(listed, LISTED, [watchdog(now=160.0)], asked_at=at), at)
        assert ended(listed) is None

    after = after_listing(listed, LISTED, [price(now=215.0), watchdog(now=220.0)], asked_at=225.0)
    assert ended(after_time(after, 225.0)) is None
    assert after.claims[KEY].resolved_at is None


def test_where_alertmanager_lists_a_delivered_heartbeat_proves_nothing(listed: Ledger) -> None:  # S14
    """A killed Prometheus: the price is over by its own end, and its heartbeat is delivered once more."""
    told = after_alerts(listed, LISTED, [price(Status.RESOLVED, 260.0, ends_at=250.0), watchdog(now=260.0)])
    assert ended(after_time(told, 261.0)) is None

    proven = after_listing(told, LISTED, [watchdog(now=251.0, seen_at=262.0)], asked_at=262.0)
    assert ended(after_time(proven, 262.0)) is End.RESOLVED


def test_a_prometheus_that_comes_back_has_to_judge_before_it_ends_anything(curtailed: Ledger) -> None:
    gone = [price(Status.RESOLVED, 400.0, ends_at=390.0), watchdog(Status.RESOLVED, 400.0, ends_at=390.0)]
    back = after_time(after_alerts(curtailed, POLICIES, gone), 400.0)
    for now in range(1000, 1300, 60):
        back = after_time(after_alerts(back, POLICIES, [watchdog(now=float(now))]), float(now))
        assert ended(back) is End.EXPIRED
    assert ended(after_time(after_alerts(back, POLICIES, [watchdog(now=1300.0)]), 1300.0)) is End.RESOLVED


def test_an_empty_list_expires_and_keeps(curtailed: Ledger) -> None:  # S14
    after = after_time(after_listing(curtailed, POLICIES, [], asked_at=165.0), 165.0)

    assert ended(after) is End.EXPIRED
    assert asked(after, 165.0) == Limit(0)


def test_a_heartbeat_older_than_the_claim_proves_no_absence(curtailed: Ledger) -> None:
    after = after_listing(curtailed, POLICIES, [watchdog(now=99.0, seen_at=165.0)], asked_at=165.0)

    assert ended(after_time(after, 165.0)) is None


def test_a_delivery_that_overtook_the_list_is_not_undone_by_it(curtailed: Ledger) -> None:
    after = after_listing(curtailed, POLICIES, [watchdog(now=160.0)], asked_at=100.0)

    assert ended(after_time(after, 165.0)) is None


def test_a_silence_ends_the_claim_at_once_and_its_end_makes_it_again(curtailed: Ledger) -> None:
    quiet = [watchdog(Status.SILENCED, 160.0), price(Status.SILENCED, 160.0)]
    after = after_time(after_listing(curtailed, POLICIES, quiet, asked_at=160.0), 160.0)
    assert ended(after) is End.SILENCED
    assert not after.late(200.0)

    loud = [watchdog(now=220.0), price(now=220.0)]
    assert ended(after_listing(after, POLICIES, loud, asked_at=220.0)) is None


def test_a_person_releases_a_claim_and_what_it_left_behind(curtailed: Ledger) -> None:
    assert asked(after_release(curtailed, KEY, 110.0), 110.0) is None
    expired = after_time(curtailed, 5000.0)
    assert (asked(expired, 5000.0), asked(after_release(expired, KEY, 5001.0), 5001.0)) == (Limit(0), None)


def test_a_hold_keeps_alerts_from_a_device_for_a_time(curtailed: Ledger) -> None:
    held = after_hold(curtailed, "roof", 200.0)

    assert (asked(held, 150.0), asked(held, 200.0)) == (None, Limit(0))


def test_a_policy_begins_no_more_than_it_may(ledger: Ledger) -> None:  # W9
    rare = replace(PRICE, cooldown_s=100.0, most_a_day=2)
    policies = replace(POLICIES, policies={"price": rare})
    for n, now in enumerate((0.0, 50.0, 150.0, 400.0, 90_000.0)):
        alert = replace(price(now=now), fingerprint=f"n{n}", starts_at=now)
        ledger = after_alerts(ledger, policies, [alert])

    assert [key.fingerprint for key in ledger.claims] == ["n0", "n2", "n4"]
    assert ledger.refused == {("price", "cooldown"): 1, ("price", "most_a_day"): 1}


def test_a_policy_that_is_taken_away_releases_its_claims(curtailed: Ledger) -> None:
    assert asked(rebound(curtailed, replace(POLICIES, policies={}), 110.0), 110.0) is None


def test_a_policy_that_is_changed_changes_its_claims(curtailed: Ledger) -> None:
    milder = replace(PRICE, values={"roof": Limit(700)})

    assert asked(rebound(curtailed, replace(POLICIES, policies={"price": milder}), 110.0), 110.0) == Limit(
        700
    )


async def test_the_journal_brings_back_the_same_ledger(curtailed: Ledger, tmp_path: Path) -> None:
    journal = Journal(tmp_path / "other")
    held = after_hold(curtailed, "roof", 200.0)
    await journal.commit(*difference(Ledger(), held, 100.0))

    assert recall(journal, POLICIES, 150.0) == held
    assert journal.read("SELECT what FROM transitions") == [("made",)]
    journal.close()


def test_a_task_whose_alert_is_not_listed_any_more_is_called_off(ledger: Ledger) -> None:
    clock = TaskPolicy(name="clock", match={"alertname": "Price"}, action=Action.SET_CLOCK, devices=("roof",))
    policies = replace(POLICIES, tasks={"clock": clock})
    asked_for = after_alerts(ledger, policies, [watchdog(), price()])
    beating = after_listing(asked_for, policies, [watchdog(now=160.0)], asked_at=165.0)
    assert [task.reason for task in beating.tasks.values()] == ["resolved"]

    silent = after_listing(asked_for, policies, [], asked_at=165.0)
    assert [task.open for task in silent.tasks.values()] == [True]


def test_a_task_that_has_not_begun_goes_with_its_policy(ledger: Ledger) -> None:
    clock = TaskPolicy(name="clock", match={"alertname": "Price"}, action=Action.SET_CLOCK, devices=("roof",))
    policies = replace(POLICIES, tasks={"clock": clock})
    asked_for = after_alerts(ledger, policies, [price()])
    (task,) = asked_for.tasks.values()
    assert task.open
    assert rebound(asked_for, policies, 110.0).tasks == asked_for.tasks

    (gone,) = rebound(asked_for, POLICIES, 110.0).tasks.values()
    assert (gone.outcome, gone.reason) == (TaskOutcome.REFUSED, "policy_gone")


async def test_a_clock_set_back_before_a_restart_puts_nothing_off(ledger: Ledger, tmp_path: Path) -> None:
    """Else nobody would limit the export for as long as the clock was set back."""
    rare = replace(PRICE, cooldown_s=100.0)
    clock = TaskPolicy(
        name="clock",
        match={"alertname": "Price"},
        action=Action.SET_CLOCK,
        devices=("roof",),
        cooldown_s=100.0,
    )
    policies = replace(POLICIES, policies={"price": rare}, tasks={"clock": clock})
    then = after_alerts(ledger, policies, [watchdog(now=90_000.0), price(now=90_000.0, starts_at=90_000.0)])
    journal = Journal(tmp_path / "other")
    await journal.commit(*difference(Ledger(), after_hold(then, "roof", 90_600.0), 90_000.0))

    again = recall(journal, policies, 10_000.0)
    journal.close()
    (task,) = again.tasks.values()
    (began,) = again.beginnings.values()

    assert (task.asked_at, began) == (10_000.0, (10_000.0,))
    assert (again.held("roof", 10_599.0), again.held("roof", 10_600.0)) == (True, False)
    new = replace(price(now=10_101.0, starts_at=90_001.0), fingerprint="f2")
    assert len(after_alerts(again, policies, [new]).claims) == 2
