"""One at a time has a directory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sunhelm.service.directory_lock import lock_directory

TAKE = (
    "import pathlib, sys; from sunhelm.service.directory_lock import lock_directory; "
    "lock = lock_directory(pathlib.Path(sys.argv[1])); print('has it')"
)


def test_a_directory_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    with lock_directory(tmp_path / "var" / "state"):
        assert (tmp_path / "var" / "state").stat().st_mode & 0o777 == 0o700


def test_who_comes_second_is_told_so_until_the_first_lets_go(tmp_path: Path) -> None:
    with lock_directory(tmp_path), pytest.raises(BlockingIOError):
        lock_directory(tmp_path)
    lock_directory(tmp_path).close()


def test_another_process_is_kept_out_and_lets_go_by_ending(tmp_path: Path) -> None:
    take = [sys.executable, "-c", TAKE, str(tmp_path)]
    with lock_directory(tmp_path):
        refused = subprocess.run(take, capture_output=True, text=True, check=False)
    assert "BlockingIOError" in refused.stderr
    assert subprocess.run(take, capture_output=True, text=True, check=True).stdout == "has it\n"
    lock_directory(tmp_path).close()


def test_a_directory_that_cannot_be_made_is_no_blocked_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError):
        lock_directory(tmp_path / "file" / "state")
