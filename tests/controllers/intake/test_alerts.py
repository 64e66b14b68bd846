from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controllers.intake.alerts import Alert, BadAlerts, Status, parse_delivery, parse_listing

FIRING: dict[str, Any] = {
    "status": "firing",
    "labels": {"alertname": "A"},
    "annotations": {"summary": "{{ 1 }}"},
    "startsAt": "2026-05-28T20:26:40.123456789Z",
    "endsAt": "0001-01-01T00:00:00Z",
    "generatorURL": "http://prometheus/graph",
    "fingerprint": "0123456789abcdef",
}
RESOLVED = {**FIRING, "status": "resolved", "endsAt": "2026-05-28T22:26:41+02:00"}


def body(*alerts: dict[str, Any], **more: Any) -> bytes:
    whole = {"version": "4", "status": "firing", "receiver": "sunhelm", "alerts": list(alerts), **more}
    return json.dumps(whole).encode()


def parse(content: bytes) -> list[Alert]:
    return parse_delivery(content, stamp=7.0, seen_at=8.0)


def test_each_alert_has_its_own_status_whatever_the_group_has() -> None:  # W1
    firing, resolved = parse(body(FIRING, RESOLVED, groupKey="{}", truncatedAlerts=3))

    assert (firing.status, firing.starts_at, firing.ends_at) == (Status.FIRING, 1780000000.123456, 0.0)
    assert (resolved.status, resolved.ends_at) == (Status.RESOLVED, 1780000001.0)
    assert (firing.fingerprint, firing.labels) == ("0123456789abcdef", {"alertname": "A"})
    assert (firing.stamp, firing.seen_at) == (7.0, 8.0)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "Invalid JSON"),
        (b"{", "Invalid JSON"),
        (b"[]", "object"),
        (b"\xff", "Invalid JSON"),
        (b"[" * 100_000, "Invalid JSON"),
        (body(FIRING, version="3"), "version"),
        (body(FIRING, version=4), "version"),
        (b'{"version": "4"}', "alerts"),
        (body(FIRING, truncatedAlerts="1"), "truncatedAlerts"),
        (body({**FIRING, "status": "maybe"}), "alerts.0.status"),
        (body(FIRING, {**FIRING, "startsAt": "yesterday"}), "alerts.1.startsAt"),
        (body({**FIRING, "startsAt": "2026-05-28T20:26:40"}), "without an offset"),
        (body({**FIRING, "startsAt": 5}), "alerts.0.startsAt"),
        (body({**FIRING, "fingerprint": ""}), "fingerprint"),
        (body({**FIRING, "fingerprint": "f" * 65}), "fingerprint"),
        (body({**FIRING, "labels": {"a": 1}}), "labels.a"),
        (body({**FIRING, "labels": ["a"]}), "labels"),
    ],
)
def test_what_alertmanager_does_not_send_is_refused_in_one_line(content: bytes, words: str) -> None:
    with pytest.raises(BadAlerts, match=words) as caught:
        parse(content)

    assert str(caught.value).isprintable()


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
keys = st.sampled_from(["status", "labels", "startsAt", "endsAt", "fingerprint"])


def outcome(content: bytes) -> list[Alert] | str:
    try:
        return parse(content)
    except BadAlerts as error:
        return str(error)


@given(st.binary() | json_values.map(lambda value: json.dumps(value).encode()))
def test_whatever_comes_is_refused_in_one_line(content: bytes) -> None:
    refusal = outcome(content)

    assert isinstance(refusal, str)
    assert refusal.isprintable()


@given(keys, json_values)
def test_an_alert_with_anything_in_it_is_an_alert_or_refused(key: str, value: object) -> None:
    match outcome(body({**FIRING, key: value})):
        case str(refusal):
            assert refusal.isprintable()
        case [alert]:
            assert isinstance(alert.starts_at, float)


def test_the_api_tells_what_is_silenced_and_when_it_was_updated() -> None:
    listed = {**FIRING, "status": {"state": "active", "silencedBy": []}, "updatedAt": "2026-05-28T20:27:40Z"}
    quiet = {**listed, "status": {"state": "suppressed"}}
    first, second = parse_listing(json.dumps([listed, quiet]).encode(), seen_at=9.0)

    assert (first.status, first.stamp, first.seen_at) == (Status.FIRING, 1780000060.0, 9.0)
    assert second.status is Status.SILENCED
    with pytest.raises(BadAlerts):
        parse_listing(b"{}", seen_at=0.0)
