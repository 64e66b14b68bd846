from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from controllers.claims.claims import Claim, End, resolved
from controllers.intake.heartbeat import Heartbeat
from controllers.journal import records
from controllers.journal.journal import FILE, Journal, JournalError
from controllers.journal.records import Kept
from controllers.journal.schema import KEPT_S, SCHEMA, VERSION, retention
from controllers.states.curtailment import Purpose, Write
from sunhelm.devices.control import UNKNOWN, UNLIMITED, Charge, Limit

HOLD = "INSERT INTO holds (device, until) VALUES (?, ?)"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state"


async def test_a_time_that_is_none_is_told_as_damage(folder: Path) -> None:
    journal = Journal(folder)
    await journal.commit((HOLD, ("roof", "soon")))
    with pytest.raises(JournalError, match="'soon' stands where a time should"):
        records.all_holds(journal)
    journal.close()


async def test_what_was_committed_is_there_after_a_restart(folder: Path) -> None:
    journal = Journal(folder)
    assert journal.fresh
    await journal.commit(records.put_hold("roof", 5.0), records.put_hold("shed", 6.0))
    journal.close()

    journal = Journal(folder)
    assert not journal.fresh
    assert records.all_holds(journal) == {"roof": 5.0, "shed": 6.0}
    journal.close()


async def test_a_commit_is_whole_or_not_at_all_and_harms_no_other(folder: Path) -> None:
    journal = Journal(folder)
    wrong = journal.commit((HOLD, ("roof", 1.0)), ("INSERT INTO nowhere VALUES (1)", ()))
    results = await asyncio.gather(
        journal.commit((HOLD, ("shed", 1.0))),
        wrong,
        journal.commit((HOLD, ("barn", 1.0))),
        return_exceptions=True,
    )

    assert [type(result) for result in results] == [type(None), JournalError, type(None)]
    assert set(records.all_holds(journal)) == {"shed", "barn"}
    journal.close()


async def test_many_commits_at_once_are_all_kept(folder: Path) -> None:
    journal = Journal(folder)
    await asyncio.gather(*(journal.commit((HOLD, (f"d{n}", float(n)))) for n in range(2000)))

    assert len(records.all_holds(journal)) == 2000
    journal.close()


def test_one_controller_at_a_time_owns_a_journal(folder: Path) -> None:
    journal = Journal(folder)

    with pytest.raises(JournalError, match="in use by another controller"):
        Journal(folder)
    journal.close()
    Journal(folder).close()


def test_every_commit_reaches_the_disk_before_it_is_told(folder: Path) -> None:
    journal = Journal(folder)
    database = journal._database

    assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert database.execute("PRAGMA synchronous").fetchone() == (2,)
    journal.close()


def test_a_journal_of_a_later_version_is_refused_and_left_as_it_is(folder: Path) -> None:
    Journal(folder).close()
    with sqlite3.connect(folder / FILE) as database:
        database.execute(f"PRAGMA user_version = {VERSION + 1}")
    database.close()

    with pytest.raises(JournalError, match=f"version {VERSION + 1}"):
        Journal(folder)


def test_an_older_journal_is_upgraded_step_by_step(folder: Path) -> None:
    folder.mkdir()
    database = sqlite3.connect(folder / FILE)
    for version in range(VERSION + 1):
        database.execute(f"PRAGMA user_version = {version}")
        database.commit()
        if version < VERSION:
            for statement in SCHEMA[version]:
                database.execute(statement)
    database.close()

    journal = Journal(folder)
    assert journal.read("PRAGMA user_version") == [(VERSION,)]
    journal.close()


def test_a_damaged_journal_is_refused(folder: Path) -> None:
    folder.mkdir()
    (folder / FILE).write_bytes(b"not a database" * 100)

    with pytest.raises(JournalError, match="cannot be used"):
        Journal(folder)


def test_a_directory_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(JournalError, match="cannot be used"):
        Journal(tmp_path / "file" / "state")


async def test_claims_come_back_as_they_were(folder: Path, claim_of: Callable[..., Claim]) -> None:
    journal = Journal(folder)
    live = claim_of(Limit(0), min_life_s=1.0, priority=3, dry_run=True)
    told = resolved(claim_of(Charge(5), fingerprint="f2"), 0.0, 9.0, 10.0)
    over = replace(told, order=replace(told.order, key=told.key._replace(device="shed")), ended=End.EXPIRED)
    await journal.commit(*(records.put_claim(claim, 1.0) for claim in (live, told, over)))

    assert records.all_claims(journal) == {claim.key: claim for claim in (live, told, over)}
    journal.close()


@pytest.mark.parametrize("baseline", [None, UNKNOWN, UNLIMITED, Limit(0)])
async def test_what_is_kept_of_a_device_comes_back_by_its_serial_number(
    folder: Path, baseline: object
) -> None:
    kept = Kept(
        baseline=baseline, written=(Limit(1), Limit(2)), written_at=4.0, foreign=(1.0,), stood_back="why"
    )
    journal = Journal(folder)
    await journal.commit(
        records.put_serial("SN1", "roof", 0.0), records.put_kept("SN1", "export_limit", kept)
    )

    assert records.kept_of(journal, "SN1") == {"export_limit": kept}
    assert records.kept_of(journal, "SN2") == {}
    assert records.owes(journal) == {"roof"}
    journal.close()


async def test_the_heartbeat_comes_back_but_never_from_the_future(folder: Path) -> None:
    journal = Journal(folder)
    assert records.last_heartbeat(journal, 300.0, 0.0) == Heartbeat(300.0)
    await journal.commit(records.put_heartbeat(Heartbeat(300.0)))
    assert records.last_heartbeat(journal, 300.0, 0.0) == Heartbeat(300.0)
    await journal.commit(records.put_heartbeat(Heartbeat(300.0).seen(300.0, 310.0).seen(500.0, 510.0)))

    again = Heartbeat(200.0, 500.0, 510.0, began_at=300.0, began_stamp=310.0)
    assert records.last_heartbeat(journal, 200.0, 1000.0) == again
    assert records.last_heartbeat(journal, 200.0, 400.0).late(600.0)
    journal.close()


async def test_what_is_long_over_is_dropped_and_what_is_live_or_owed_is_not(
    folder: Path, claim_of: Callable[..., Claim]
) -> None:
    journal = Journal(folder)
    live, expired = claim_of(), replace(claim_of(fingerprint="f2"), ended=End.EXPIRED)
    over = replace(claim_of(fingerprint="f3"), ended=End.RESOLVED)
    await journal.commit(
        *(records.put_claim(claim, 0.0) for claim in (live, expired, over)),
        records.put_transition(over, "made", 0.0),
        records.put_serial("SN1", "roof", 0.0),
        records.put_kept("SN1", "export_limit", Kept(baseline=UNLIMITED, written=(Limit(0),))),
    )
    await journal.commit(*retention(KEPT_S + 1))

    assert set(records.all_claims(journal)) == {live.key, expired.key}
    assert journal.read("SELECT * FROM transitions") == []
    assert records.owes(journal) == {"roof"}
    journal.close()


async def test_renewals_that_went_well_are_kept_for_a_day(folder: Path, device: Any) -> None:
    journal = Journal(folder)
    for number, purpose in enumerate((Purpose.RENEW, Purpose.RENEW, Purpose.BEGIN)):
        write = Write(Charge(500), Charge(500), purpose)
        promise = device.battery.promise
        await journal.commit(
            records.put_act(str(number), "roof", "SN1", promise, write=write, now=0.0),
            records.end_act(str(number), "failed" if number == 1 else "verified", "", 1.0),
        )
    await journal.commit(*retention(86_399.0))
    assert len(journal.read("SELECT * FROM acts")) == 3
    await journal.commit(*retention(86_401.0))

    assert journal.read("SELECT id FROM acts ORDER BY id") == [("1",), ("2",)]
    journal.close()


async def test_only_what_survives_a_power_cut_counts_as_a_change(folder: Path, device: Any) -> None:
    journal = Journal(folder)
    write = Write(Limit(0), UNLIMITED, Purpose.BEGIN)
    for number, handle in enumerate((device.export, device.battery, device.export)):
        await journal.commit(
            records.put_act(str(number), "roof", "SN1", handle.promise, write=write, now=100_000.0 * number)
        )

    assert records.changes_within_a_day(journal, "roof", 200_001.0) == [200_000.0]
    assert records.changes_within_a_day(journal, "shed", 200_001.0) == []
    journal.close()
