"""What the journal holds, as objects: claims, what is kept of a device's states, acts, the heartbeat."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Final

from controllers.claims.claims import Claim, ClaimKey, End, Order, Terms
from controllers.intake.heartbeat import Heartbeat
from controllers.journal.journal import Journal, Statement, moment
from controllers.journal.values import decode, decode_value, encode
from controllers.states.budget import DAY_S
from controllers.states.curtailment import Purpose, Write
from sunhelm.devices.control import Action, Promise, Storage, Unknown, Value

HOUR_S: Final = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What is kept of one state of a device; nothing of it matters once the device is the owner's again.

    `written` holds what may be on the device by our hand; `proven` says that it is one value, read back at
    `written_at`. `foreign` and `forgotten` are the times of changes that were not ours.
    """

    baseline: Value | Unknown | None = None
    written: tuple[Value, ...] = ()
    proven: bool = False
    written_at: float | None = None
    foreign: tuple[float, ...] = ()
    forgotten: tuple[float, ...] = ()
    stood_back: str = ""

    @property
    def value(self) -> Value | None:
        """The owner's own value; None where none is kept, or it is not known."""
        return None if isinstance(self.baseline, Unknown) else self.baseline

    def since(self, now: float) -> Kept:
        """Return it with the changes of the last hour only."""
        return replace(
            self,
            foreign=tuple(at for at in self.foreign if now - at < HOUR_S),
            forgotten=tuple(at for at in self.forgotten if now - at < HOUR_S),
        )

    def not_after(self, now: float) -> Kept:
        """Return it with no time in the future: a clock set back must not put off what is due.

        When something was written in the future, nobody knows when that was.
        """
        return replace(
            self,
            written_at=None if self.written_at is None or self.written_at > now else self.written_at,
            foreign=tuple(min(at, now) for at in self.foreign),
            forgotten=tuple(min(at, now) for at in self.forgotten),
        )


def put_kept(serial: str, state: str, kept: Kept) -> Statement:
    """Return the statement that keeps this of a device's state."""
    document = {
        "baseline": None if kept.baseline is None else encode(kept.baseline),
        "written": [encode(value) for value in kept.written],
        "proven": kept.proven,
        "written_at": kept.written_at,
        "foreign": kept.foreign,
        "forgotten": kept.forgotten,
        "stood_back": kept.stood_back,
    }
    sql = "INSERT OR REPLACE INTO handles (serial, state, document) VALUES (?, ?, ?)"
    return sql, (serial, state, json.dumps(document))


def kept_of(journal: Journal, serial: str) -> dict[str, Kept]:
    """Return what is kept of the states of the device with this serial number."""
    rows = journal.read("SELECT state, document FROM handles WHERE serial = ?", (serial,))
    return {str(state): _kept(str(document)) for state, document in rows}


def put_serial(serial: str, device: str, now: float) -> Statement:
    """Return the statement that notes that this device was seen, and what it is called now."""
    sql = (
        "INSERT INTO serials (serial, device, first_at) VALUES (?, ?, ?)"
        " ON CONFLICT DO UPDATE SET device = excluded.device"
    )
    return sql, (serial, device, now)


def owes(journal: Journal) -> set[str]:
    """Return the devices of which something is kept that may still have to be restored."""
    rows = journal.read(
        "SELECT DISTINCT serials.device FROM handles JOIN serials ON serials.serial = handles.serial"
        " WHERE json_array_length(handles.document, '$.written') > 0"
    )
    return {str(device) for (device,) in rows}


def wears(promise: Promise, purpose: Purpose) -> bool:
    """Return whether a write changes what survives a power cut; a renewal writes what is there already."""
    return promise.storage is not Storage.VOLATILE and purpose is not Purpose.RENEW


def put_act(act: str, device: str, serial: str, promise: Promise, *, write: Write, now: float) -> Statement:
    """Return the statement that notes a write before it is sent."""
    sql = (
        "INSERT INTO acts (id, at, device, serial, state, value, replacing, purpose, persistent)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
    )
    value, replacing = json.dumps(encode(write.value)), json.dumps(encode(write.replacing))
    persistent = int(wears(promise, write.purpose))
    return sql, (act, now, device, serial, promise.key, value, replacing, write.purpose.value, persistent)


def end_act(act: str, outcome: str, reason: str, now: float) -> Statement:
    """Return the statement that notes what became of a write."""
    return "UPDATE acts SET outcome = ?, reason = ?, ended_at = ? WHERE id = ?", (outcome, reason, now, act)


def changes_within_a_day(journal: Journal, device: str, now: float) -> list[float]:
    """Return when settings that survive a power cut were changed on a device within 24 hours.

    No time is after `now`: a clock set back must not keep the changes of a day for longer.
    """
    rows = journal.read(
        "SELECT at FROM acts WHERE device = ? AND persistent = 1 AND at > ? ORDER BY at",
        (device, now - DAY_S),
    )
    return [min(moment(at), now) for (at,) in rows]


def newest(journal: Journal) -> float:
    """Return the last time that the journal knows, by the clock that there was then."""
    rows = journal.read(
        "SELECT max(at) FROM (SELECT max(at) AS at FROM transitions UNION ALL SELECT max(at) FROM acts"
        " UNION ALL SELECT seen_at FROM heartbeat)"
    )
    return next((moment(at) for (at,) in rows if at is not None), float("-inf"))


def put_claim(claim: Claim, now: float) -> Statement:
    """Return the statement that keeps a claim as it is now."""
    order, terms = claim.order, claim.order.terms
    document = {
        "action": order.action.value,
        "state": order.state,
        "value": encode(order.value),
        "lease_s": terms.lease_s,
        "max_life_s": terms.max_life_s,
        "min_life_s": terms.min_life_s,
        "priority": terms.priority,
        "dry_run": terms.dry_run,
        "release_ramp_s": terms.release_ramp_s,
        "starts_at": claim.starts_at,
        "made_at": claim.made_at,
        "renewed_at": claim.renewed_at,
        "resolved_at": claim.resolved_at,
        "told_at": claim.told_at,
        "ended": claim.ended,
        "ended_at": claim.ended_at,
    }
    sql = (
        "INSERT OR REPLACE INTO claims (policy, fingerprint, device, document, touched_at, live)"
        " VALUES (?, ?, ?, ?, ?, ?)"
    )
    lasting = claim.live or claim.ended is End.EXPIRED
    return sql, (*claim.key, json.dumps(document), now, int(lasting))


def all_claims(journal: Journal) -> dict[ClaimKey, Claim]:
    """Return every claim that is kept, also those that have ended."""
    rows = journal.read("SELECT policy, fingerprint, device, document FROM claims")
    claims = (_claim(ClaimKey(*map(str, key)), str(document)) for *key, document in rows)
    return {claim.key: claim for claim in claims}


def put_transition(claim: Claim, what: str, now: float) -> Statement:
    """Return the statement that notes that a claim began or ended."""
    sql = "INSERT INTO transitions (at, policy, fingerprint, device, what) VALUES (?, ?, ?, ?, ?)"
    return sql, (now, *claim.key, what)


def beginnings(journal: Journal, since: float) -> list[tuple[str, str, float]]:
    """Return policy, device and time of every claim that began since then, the oldest first."""
    rows = journal.read(
        "SELECT policy, device, at FROM transitions WHERE what = 'made' AND at > ? ORDER BY at", (since,)
    )
    return [(str(policy), str(device), moment(at)) for policy, device, at in rows]


def put_heartbeat(heartbeat: Heartbeat) -> Statement:
    """Return the statement that keeps when the heartbeat was seen."""
    sql = (
        "INSERT OR REPLACE INTO heartbeat (one, seen_at, stamp, lost, began_at, began_stamp)"
        " VALUES (1, ?, ?, ?, ?, ?)"
    )
    moments = (heartbeat.stamp, int(heartbeat.lost), heartbeat.began_at, heartbeat.began_stamp)
    return sql, (heartbeat.seen_at, *(moments if heartbeat.armed else (None, 0, None, None)))


def last_heartbeat(journal: Journal, late_s: float, now: float) -> Heartbeat:
    """Return the heartbeat as it was kept; unarmed when none was."""
    rows = journal.read(
        "SELECT seen_at, stamp, lost, began_at, began_stamp FROM heartbeat WHERE seen_at IS NOT NULL"
    )
    for seen_at, stamp, lost, began_at, began_stamp in rows:
        return Heartbeat(
            late_s,
            seen_at=min(moment(seen_at), now),
            stamp=moment(stamp),
            lost=bool(lost),
            began_at=min(moment(began_at), now),
            began_stamp=moment(began_stamp),
        )
    return Heartbeat(late_s)


def put_freed(device: str, at: float) -> Statement:
    """Return the statement that keeps when a person has ended the fail-safe of a device."""
    return "INSERT OR REPLACE INTO freed (device, at) VALUES (?, ?)", (device, at)


def all_freed(journal: Journal, now: float) -> dict[str, float]:
    """Return when a person has ended the fail-safe of each device; nothing is from the future."""
    rows = journal.read("SELECT device, at FROM freed")
    return {str(device): min(moment(at), now) for device, at in rows}


def put_hold(device: str, until: float) -> Statement:
    """Return the statement that keeps a hold."""
    return "INSERT OR REPLACE INTO holds (device, until) VALUES (?, ?)", (device, until)


def all_holds(journal: Journal) -> dict[str, float]:
    """Return until when each device is held."""
    return {str(device): moment(until) for device, until in journal.read("SELECT device, until FROM holds")}


def _kept(text: str) -> Kept:
    document = json.loads(text)
    return Kept(
        baseline=None if document["baseline"] is None else decode(document["baseline"]),
        written=tuple(decode_value(value) for value in document["written"]),
        proven=document["proven"],
        written_at=document["written_at"],
        foreign=tuple(document["foreign"]),
        forgotten=tuple(document["forgotten"]),
        stood_back=document["stood_back"],
    )


def _claim(key: ClaimKey, text: str) -> Claim:
    document = json.loads(text)
    terms = Terms(
        lease_s=document["lease_s"],
        max_life_s=document["max_life_s"],
        min_life_s=document["min_life_s"],
        priority=document["priority"],
        dry_run=document["dry_run"],
        release_ramp_s=document.get("release_ramp_s", 0.0),
    )
    order = Order(
        key=key,
        action=Action(document["action"]),
        state=document["state"],
        value=decode_value(document["value"]),
        terms=terms,
    )
    return Claim(
        order=order,
        starts_at=document["starts_at"],
        made_at=document["made_at"],
        renewed_at=document["renewed_at"],
        resolved_at=document["resolved_at"],
        told_at=document["told_at"],
        ended=None if document["ended"] is None else End(document["ended"]),
        ended_at=document["ended_at"],
    )
