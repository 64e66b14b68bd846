from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_the_reference_pages_are_what_the_data_say(root: Path) -> None:
    run = subprocess.run(
        [sys.executable, root / "docs" / "generate.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
