"""The lock file excludes, tells who waits, and believes nothing that makes no sense."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunhelm.devices.links.lockfile import LockFile, Record


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "192.0.2.1:502.lock"


def test_a_turn_is_taken_once_even_within_one_process(path: Path) -> None:
    first, second = LockFile(path), LockFile(path)
    assert first.take()
    assert first.take()
    assert not second.take()
    first.close()
    assert second.take()
    second.close()


def test_several_may_wait_and_no_one_sees_only_himself(path: Path) -> None:
    reader, one, other = LockFile(path), LockFile(path), LockFile(path)
    assert reader.take()
    assert not reader.is_awaited()
    one.announce()
    other.announce()
    assert reader.is_awaited()
    one.close()
    assert reader.is_awaited()
    assert not other.is_awaited()
    other.close()
    assert not reader.is_awaited()
    reader.close()


def test_the_group_may_write_whatever_the_umask(path: Path) -> None:
    before = os.umask(0o077)
    try:
        LockFile(path).close()
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o660


def test_a_link_in_place_of_the_file_is_not_followed(path: Path, tmp_path: Path) -> None:
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic"):
        LockFile(path)
    assert not (tmp_path / "elsewhere").exists()


def test_a_removed_file_is_noticed(path: Path) -> None:
    file = LockFile(path)
    assert file.is_current()
    path.unlink()
    assert not file.is_current()
    newer = LockFile(path)
    assert newer.is_current()
    assert not file.is_current()
    file.close()
    newer.close()


@given(
    st.builds(
        Record, st.integers(1, 2**22), st.sampled_from(["reader", "control"]), st.none() | st.floats(0, 1e9)
    )
)
def test_a_record_comes_back_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, record: Record
) -> None:
    path = tmp_path_factory.getbasetemp() / "record.lock"
    path.write_bytes(b"x" * 1000)
    file = LockFile(path)
    file.write(record)
    assert file.read() == record
    file.close()


NEAR_MISSES = st.fixed_dictionaries(
    {},
    optional={
        "pid": st.none() | st.integers() | st.text(max_size=3),
        "role": st.none() | st.text(max_size=3) | st.integers(),
        "exchanged_at": st.none()
        | st.floats()
        | st.text(max_size=3)
        | st.lists(st.none(), max_size=1)
        | st.integers(),
    },
).map(lambda content: json.dumps(content).encode())


@given(
    st.binary(max_size=128)
    | NEAR_MISSES
    | st.builds(lambda text, cut: text[:cut], NEAR_MISSES, st.integers(0, 60))
)
def test_garbage_is_no_record(text: bytes) -> None:
    record = Record.parse(text)
    if record is not None:
        content = json.loads(text)
        assert (record.pid, record.role) == (content["pid"], content["role"])
        assert record.exchanged_at is None or abs(record.exchanged_at) < float("inf")


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\0" * 128,
        b"null",
        b"[]",
        b'{"pid": 1',
        b"9" * 5000,
        b"[" * 100_000,
        b'{"pid":1,"role":"reader"}',
    ],
)
def test_torn_text_is_no_record(text: bytes) -> None:
    assert Record.parse(text) is None


@pytest.mark.parametrize("at", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 400, '"now"', "{}"])
def test_a_time_that_is_none_is_no_record(at: str) -> None:
    assert Record.parse(f'{{"pid": 1, "role": "reader", "exchanged_at": {at}}}'.encode()) is None
