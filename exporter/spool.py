"""What InfluxDB has not taken yet: a queue on disk that survives a kill.

Points are appended to a file, flushed to the disk, and only then acknowledged. The files are numbered
segments; the queue's beginning is a record too ("taken up to here"), appended where the points go. A
segment whose points are all taken is deleted, the oldest first. A process never appends to a file of an
earlier one, so that a record torn by a crash stays the last of its file, where it is recognised by its
check sum and left out: nobody was told that it is safe.

Nothing here is asynchronous or shared between threads.
"""

from __future__ import annotations

import errno
import os
import struct
import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from sunhelm.service.directory_lock import lock_directory

_CHECK: Final = struct.Struct(">I")
_HEADER: Final = struct.Struct(">cQdII")
_PREFIX: Final = _CHECK.size + _HEADER.size
_POINTS: Final = b"P"
_TAKEN: Final = b"T"

_SUFFIX: Final = ".points"
_SEGMENTS: Final = 16
"""How many segments share the room; when it is full, the oldest of them goes."""


class SpoolError(Exception):
    """The directory cannot be used; the text says why."""


class SpoolDamaged(SpoolError):
    """Points that were waiting cannot be read any more; `points` of them are given up."""

    def __init__(self, path: Path, points: int) -> None:
        super().__init__(f"{path} is damaged: {points} points cannot be read")
        self.points = points


class _Record(NamedTuple):
    """A record of a file. `sequence` is its own, or up to which all are taken; `end` is where it ends."""

    kind: bytes
    sequence: int
    unix_time: float
    points: int
    payload: bytes
    end: int


@dataclass(slots=True)
class _Segment:
    """One file. `points` are not taken yet; the first of them may begin at `offset`, none before it."""

    number: int
    path: Path
    size: int = 0
    points: int = 0
    offset: int = 0
    oldest: float | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """Points to send: the oldest that are not taken yet."""

    lines: tuple[str, ...]
    segment: int
    sequence: int
    end: int


class Spool:
    """A queue of lines in a directory of its own, of at most `most_bytes`."""

    def __init__(self, directory: Path, most_bytes: int) -> None:
        """Open the queue and find what is in it. Raises SpoolError."""
        self.directory = directory
        self.most_bytes = most_bytes
        self.damaged = 0
        self._segments: deque[_Segment] = deque()
        self._file: BinaryIO | None = None
        self._number = 0
        self._sequence = 0
        self._taken = 0
        try:
            self._lock = lock_directory(directory)
        except BlockingIOError:
            raise SpoolError(f"{directory} is in use by another process") from None
        except OSError as error:
            raise SpoolError(f"{directory} cannot be used: {error.strerror}") from error
        try:
            self._recover()
        except OSError as error:
            self._lock.close()
            raise SpoolError(f"{directory} cannot be used: {error.strerror}") from error

    @property
    def points(self) -> int:
        """How many points are not taken yet."""
        return sum(segment.points for segment in self._segments)

    @property
    def size(self) -> int:
        """How many bytes the files have."""
        return sum(segment.size for segment in self._segments)

    @property
    def oldest(self) -> float | None:
        """When the oldest point was appended, as Unix time; None when there is none."""
        return next((segment.oldest for segment in self._segments if segment.points), None)

    def append(self, lines: Sequence[str], unix_time: float) -> int:
        """Add points: they are on the disk when this returns. Return how many old ones had to go.

        Raises OSError when the disk does not take them, and ValueError for more than fit at all: they
        are not in the queue then.
        """
        payload = "\n".join(lines).encode()
        # A number is never used again: one whose record failed may yet be found on the disk.
        self._sequence += 1
        record = _record(_POINTS, self._sequence, unix_time, len(lines), payload)
        if len(record) > self.most_bytes // 2:
            raise ValueError(f"{len(record)} bytes at once do not fit into {self.most_bytes}")
        dropped = self._make_room(len(record))
        segment = self._write(record, durable=True)
        segment.points += len(lines)
        if segment.oldest is None:
            segment.oldest = unix_time
        return dropped

    def head(self, enough_bytes: int) -> Batch | None:
        """Return the oldest points, at least as many bytes as asked for if there are; None without any.

        Raises OSError when they cannot be read, and SpoolDamaged, once, when they never will be.
        """
        for segment in self._segments:
            if segment.points:
                return self._read(segment, enough_bytes)
        return None

    def take(self, batch: Batch) -> bool:
        """Remove the batch that `head` gave last; False when it had to go meanwhile to make room.

        That it is taken is noted on the disk without a flush: after a crash of the machine, or when the
        disk refuses the note, the points come again.
        """
        segment = next((each for each in self._segments if each.number == batch.segment), None)
        if segment is None or batch.sequence <= self._taken:
            return False
        segment.points -= len(batch.lines)
        segment.offset = batch.end
        self._taken = batch.sequence
        self._find_oldest(segment)
        with suppress(OSError):
            self._write(_record(_TAKEN, batch.sequence, 0.0, 0, b""), durable=False)
        self._delete_taken()
        return True

    def close(self) -> None:
        """Close the files; what was not taken stays for the next process."""
        self._roll()
        self._lock.close()

    def _recover(self) -> None:
        numbered = sorted(
            (int(path.stem), path)
            for path in self.directory.glob(f"*{_SUFFIX}")
            if path.stem.isascii() and path.stem.isdigit()
        )
        waiting: list[tuple[_Segment, int, int, float]] = []
        for number, path in numbered:
            segment = _Segment(number, path, path.stat().st_size)
            self._segments.append(segment)
            self._number = number
            for record in self._records(segment):
                self._sequence = max(self._sequence, record.sequence)
                if record.kind == _TAKEN:
                    self._taken = max(self._taken, record.sequence)
                else:
                    waiting.append((segment, record.sequence, record.points, record.unix_time))
        for segment, sequence, points, unix_time in waiting:
            if sequence > self._taken:
                segment.points += points
                segment.oldest = unix_time if segment.oldest is None else segment.oldest
        self._delete_taken()

    def _records(self, segment: _Segment) -> Iterator[_Record]:
        """Read a file to its end, or to the first record that is not whole."""
        with segment.path.open("rb") as file:
            while (record := _next_record(file)) is not None:
                yield record
            if file.tell() < segment.size:
                self.damaged += 1

    def _read(self, segment: _Segment, enough_bytes: int) -> Batch:
        lines: list[str] = []
        size, sequence, end = 0, self._taken, segment.offset
        for record in self._waiting(segment):
            lines += record.payload.decode().split("\n")
            size += len(record.payload)
            sequence, end = record.sequence, record.end
            if size >= enough_bytes:
                break
        if not lines:
            lost, segment.points = segment.points, 0
            self._delete_taken()
            raise SpoolDamaged(segment.path, lost)
        return Batch(tuple(lines), segment.number, sequence, end)

    def _find_oldest(self, segment: _Segment) -> None:
        segment.oldest = None
        if segment.points:
            segment.oldest = next((record.unix_time for record in self._waiting(segment)), None)

    def _waiting(self, segment: _Segment) -> Iterator[_Record]:
        """Read the records of a file whose points are not taken yet."""
        with segment.path.open("rb") as file:
            file.seek(segment.offset)
            while (record := _next_record(file)) is not None and record.end <= segment.size:
                if record.kind == _POINTS and record.sequence > self._taken:
                    yield record

    def _make_room(self, wanted: int) -> int:
        dropped = 0
        while self._segments and self.size + wanted > self.most_bytes:
            if len(self._segments) == 1:
                self._roll()
            oldest = self._segments.popleft()
            dropped += oldest.points
            oldest.path.unlink(missing_ok=True)
        return dropped

    def _write(self, record: bytes, *, durable: bool) -> _Segment:
        if self._file is not None and self._segments[-1].size >= self.most_bytes // _SEGMENTS:
            self._roll()
        if self._file is None:
            self._begin()
        assert self._file is not None
        segment = self._segments[-1]
        try:
            _write_whole(self._file, record)
            if durable:
                os.fsync(self._file.fileno())
        except OSError:
            # Part of it may be written: nothing may follow it in this file.
            with suppress(OSError):
                self._file.truncate(segment.size)
            self._roll()
            raise
        segment.size += len(record)
        return segment

    def _begin(self) -> None:
        self._number += 1
        path = self.directory / f"{self._number:012}{_SUFFIX}"
        self._file = path.open("xb", buffering=0)
        self._segments.append(_Segment(self._number, path))
        _flush_directory(self.directory)

    def _roll(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _delete_taken(self) -> None:
        while self._segments and not self._segments[0].points:
            if self._file is not None and len(self._segments) == 1:
                return
            self._segments.popleft().path.unlink(missing_ok=True)


def _record(kind: bytes, sequence: int, unix_time: float, points: int, payload: bytes) -> bytes:
    content = _HEADER.pack(kind, sequence, unix_time, points, len(payload)) + payload
    return _CHECK.pack(zlib.crc32(content)) + content


def _next_record(file: BinaryIO) -> _Record | None:
    """Read the record that begins here; None, at the place where it began, when it is not whole."""
    begin = file.tell()
    prefix = file.read(_PREFIX)
    if len(prefix) == _PREFIX:
        kind, sequence, unix_time, points, length = _HEADER.unpack_from(prefix, _CHECK.size)
        payload = file.read(length)
        (check,) = _CHECK.unpack_from(prefix)
        if len(payload) == length and check == zlib.crc32(prefix[_CHECK.size :] + payload):
            return _Record(kind, sequence, unix_time, points, payload, begin + _PREFIX + length)
    file.seek(begin)
    return None


def _write_whole(file: BinaryIO, record: bytes) -> None:
    if file.write(record) != len(record):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _flush_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
