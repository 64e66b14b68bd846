from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from exporter.spool import Spool, SpoolDamaged, SpoolError

pytestmark = pytest.mark.real_time

ROOM = 1_000_000


@contextmanager
def opened(directory: Path, most_bytes: int = ROOM) -> Iterator[Spool]:
    spool = Spool(directory, most_bytes)
    try:
        yield spool
    finally:
        spool.close()


def drained(spool: Spool) -> list[str]:
    lines: list[str] = []
    while (batch := spool.head(1)) is not None:
        lines += batch.lines
        assert spool.take(batch)
    return lines


def content(directory: Path, most_bytes: int = ROOM) -> list[str]:
    with opened(directory, most_bytes) as spool:
        return drained(spool)


def newest(directory: Path) -> Path:
    return max(directory.glob("*.points"))


def test_lines_come_out_in_order_and_once(tmp_path: Path) -> None:
    with opened(tmp_path) as spool:
        spool.append(["a 1", "b 2"], 10.0)
        spool.append(["c 3"], 20.0)
        assert (spool.points, spool.oldest) == (3, 10.0)
        first = spool.head(1)
        assert first is not None
        assert first.lines == ("a 1", "b 2")
        assert spool.take(first)
        assert not spool.take(first)
        assert (spool.points, spool.oldest) == (1, 20.0)
        assert drained(spool) == ["c 3"]
        assert (spool.points, spool.oldest, spool.head(1)) == (0, None, None)


def test_a_batch_is_as_large_as_asked_for(tmp_path: Path) -> None:
    with opened(tmp_path) as spool:
        for number in range(10):
            spool.append([f"{number:010}"], 0.0)
        batch = spool.head(35)
        assert batch is not None
        assert len(batch.lines) == 4


def test_what_was_not_taken_is_there_after_a_restart(tmp_path: Path) -> None:
    with opened(tmp_path) as spool:
        for text in ("a", "b", "c"):
            spool.append([text], 5.0)
        batch = spool.head(1)
        assert batch is not None
        spool.take(batch)
    with opened(tmp_path) as spool:
        assert (spool.points, spool.oldest, spool.damaged) == (2, 5.0, 0)
        spool.append(["d"], 6.0)
    assert content(tmp_path) == ["b", "c", "d"]
    assert content(tmp_path) == []


def test_a_crash_at_any_byte_loses_no_record_before_it_and_invents_none(tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    ends: list[tuple[int, list[str]]] = [(0, [])]
    with opened(whole) as spool:
        expected: list[str] = []
        for number in range(4):
            spool.append([f"point {number} a", f"point {number} b"], 1.0)
            expected = [*expected, f"point {number} a", f"point {number} b"]
            ends.append((spool.size, expected))
            if number == 1:
                batch = spool.head(1)
                assert batch is not None
                spool.take(batch)
                expected = expected[2:]
                ends.append((spool.size, expected))
    file = newest(whole)
    text = file.read_bytes()
    for cut in range(len(text) + 1):
        crashed = tmp_path / f"crashed{cut}"
        shutil.copytree(whole, crashed)
        (crashed / file.name).write_bytes(text[:cut])
        safe = [lines for end, lines in ends if end <= cut][-1]
        with opened(crashed) as spool:
            assert spool.damaged == (cut not in [end for end, _ in ends])
            spool.append(["after"], 2.0)
            assert drained(spool) == [*safe, "after"]


def test_any_changed_byte_is_noticed(tmp_path: Path) -> None:
    with opened(tmp_path / "whole") as spool:
        spool.append(["first"], 1.0)
        end = spool.size
        spool.append(["second"], 1.0)
    text = newest(tmp_path / "whole").read_bytes()
    for place in range(end, len(text)):
        damaged = tmp_path / f"damaged{place}"
        shutil.copytree(tmp_path / "whole", damaged)
        newest(damaged).write_bytes(text[:place] + bytes([text[place] ^ 0x10]) + text[place + 1 :])
        assert content(damaged) == ["first"]


def test_when_it_is_full_the_oldest_go_and_are_counted(tmp_path: Path) -> None:
    written = dropped = 0
    with opened(tmp_path, 20_000) as spool:
        for number in range(400):
            dropped += spool.append([f"{number} {'x' * 90}"], float(number))
            written += 1
            assert spool.size <= 20_000
        assert dropped > 0
        assert spool.points == written - dropped
        assert spool.oldest == float(dropped)
        left = [int(text.split()[0]) for text in drained(spool)]
    assert left == list(range(dropped, written))


def test_a_batch_that_went_meanwhile_is_not_taken_again(tmp_path: Path) -> None:
    with opened(tmp_path, 20_000) as spool:
        spool.append(["first"], 0.0)
        batch = spool.head(1)
        assert batch is not None
        for number in range(400):
            spool.append([f"{number} {'x' * 90}"], 0.0)
        before = spool.points
        assert not spool.take(batch)
        assert spool.points == before


def test_more_than_fits_is_refused(tmp_path: Path) -> None:
    with opened(tmp_path, 20_000) as spool:
        spool.append(["kept"], 0.0)
        with pytest.raises(ValueError, match="do not fit"):
            spool.append(["x" * 20_000], 0.0)
        assert drained(spool) == ["kept"]


def test_taken_files_are_deleted(tmp_path: Path) -> None:
    with opened(tmp_path, 20_000) as spool:
        for number in range(2000):
            spool.append([f"{number} {'x' * 90}"], 0.0)
            drained(spool)
        assert len(list(tmp_path.glob("*.points"))) <= 2
    assert content(tmp_path, 20_000) == []
    assert len(list(tmp_path.glob("*.points"))) == 0


def test_a_directory_has_one_user(tmp_path: Path) -> None:
    with opened(tmp_path), pytest.raises(SpoolError, match="in use by another process"):
        Spool(tmp_path, ROOM)
    assert content(tmp_path) == []


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SpoolError, match="file/spool cannot be used"):
        Spool(tmp_path / "file" / "spool", ROOM)


def test_strange_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.points").write_text("mine")
    assert content(tmp_path) == []
    assert (tmp_path / "notes.points").read_text() == "mine"


@pytest.mark.parametrize("how", ["fsync", "short"])
def test_a_disk_that_fails_loses_only_what_it_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    with opened(tmp_path) as spool:
        spool.append(["before"], 0.0)
        with monkeypatch.context() as patch:
            if how == "fsync":
                patch.setattr(os, "fsync", fail)
            else:
                patch.setattr("exporter.spool._write_whole", write_half)
            with pytest.raises(OSError, match="No space left"):
                spool.append(["refused"], 0.0)
        assert spool.points == 1
        spool.append(["after"], 0.0)
        assert drained(spool) == ["before", "after"]
    assert content(tmp_path) == []


def fail(*_: Any) -> None:
    raise OSError(28, "No space left on device")


def write_half(file: Any, record: bytes) -> None:
    file.write(record[: len(record) // 2])
    fail()


def test_a_disk_that_keeps_no_note_of_what_was_taken_brings_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path) as spool:
        spool.append(["a"], 0.0)
        spool.append(["b"], 0.0)
        monkeypatch.setattr("exporter.spool._write_whole", write_half)
        batch = spool.head(1)
        assert batch is not None
        assert spool.take(batch)
        assert spool.points == 1
    monkeypatch.undo()
    assert content(tmp_path) == ["a", "b"]


def test_points_that_rot_while_they_wait_are_given_up_once(tmp_path: Path) -> None:
    with opened(tmp_path) as spool:
        spool.append(["a", "b"], 0.0)
        file = newest(tmp_path)
        file.write_bytes(b"\0" * file.stat().st_size)
        with pytest.raises(SpoolDamaged) as damaged:
            spool.head(1)
        assert damaged.value.points == 2
        assert (spool.points, spool.head(1)) == (0, None)


def test_what_a_killed_process_was_told_is_safe(tmp_path: Path) -> None:
    """A process says each line on its output once it is in the spool, until it is killed."""
    code = (
        "import sys; from pathlib import Path; from exporter.spool import Spool\n"
        f"spool = Spool(Path({str(tmp_path)!r}), 10**8); number = 0\n"
        "while True: number += 1; spool.append([f'point {number}'], 0.0); print(number, flush=True)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = [int(process.stdout.readline()) for _ in range(50)]
        process.kill()
        told += [int(text) for text in process.stdout.read().split()]
    numbers = [int(text.split()[1]) for text in content(tmp_path, 10**8)]
    assert numbers[: len(told)] == told
    assert len(numbers) - len(told) in (0, 1)


class SpoolMachine(RuleBasedStateMachine):
    """The spool against a plain queue, with restarts, crashes in the middle of a write, and little room."""

    ROOM = 3_000

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp())
        self.spool = Spool(self.directory, self.ROOM)
        self.model: deque[tuple[str, float]] = deque()
        self.count = 0

    def teardown(self) -> None:
        self.spool.close()
        shutil.rmtree(self.directory)

    @rule(lines=st.integers(1, 4), width=st.integers(0, 100))
    def append(self, lines: int, width: int) -> None:
        self.count += 1
        record = [f"{self.count}.{index} {'x' * width}" for index in range(lines)]
        for _ in range(self.spool.append(record, float(self.count))):
            self.model.popleft()
        self.model += [(text, float(self.count)) for text in record]

    @rule(enough=st.integers(1, 500))
    def take(self, enough: int) -> None:
        batch = self.spool.head(enough)
        if batch is None:
            assert not self.model
            return
        assert list(batch.lines) == [self.model.popleft()[0] for _ in batch.lines]
        assert self.spool.take(batch)

    @rule()
    def restart(self) -> None:
        self.spool.close()
        self.spool = Spool(self.directory, self.ROOM)

    @precondition(lambda self: self.spool.size < self.ROOM - 300)
    @rule(lost=st.integers(1, 90))
    def crash_in_a_write(self, lost: int) -> None:
        before = {path: path.stat().st_size for path in self.directory.glob("*.points")}
        self.spool.append(["y" * 50], 0.0)
        file = newest(self.directory)
        size = file.stat().st_size
        assert size - before.get(file, 0) > 50
        self.spool.close()
        os.truncate(file, max(before.get(file, 0), size - lost))
        self.spool = Spool(self.directory, self.ROOM)

    @invariant()
    def counts_agree(self) -> None:
        assert self.spool.points == len(self.model)
        assert self.spool.oldest == (self.model[0][1] if self.model else None)
        assert self.spool.size == sum(path.stat().st_size for path in self.directory.glob("*.points"))
        assert self.spool.size <= self.ROOM + 500


SpoolMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40)
TestSpoolMachine = SpoolMachine.TestCase
