"""Write deploy/platforms.csv: how each dependency comes to each platform of the image.

`pure` is one wheel for all, `wheel` one that its publisher has compiled, `source` what pip has to build. Asks
pip, with the index of its configuration, for every pin of requirements.txt: run by hand, after `make lock`.
"""

from __future__ import annotations

import csv
import re
import subprocess
import sys
import tempfile
from pathlib import Path

PYTHON = "3.13"
GLIBC = ("manylinux2014", "manylinux_2_17", "manylinux_2_28", "manylinux_2_31", "manylinux_2_36")
MACHINES = ("x86_64", "aarch64", "armv7l")


def kind(requirement: str, machine: str) -> str:
    """Return how pip gets a requirement for a machine."""
    platforms = [f"--platform={glibc}_{machine}" for glibc in GLIBC]
    chosen = ["--no-deps", "--only-binary=:all:", "--implementation=cp", f"--python-version={PYTHON}"]
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            *chosen,
            *platforms,
            f"--dest={folder}",
        ]
        subprocess.run([*command, requirement], capture_output=True, check=False)
        names = [path.name for path in Path(folder).iterdir()]
    if not names:
        return "source"
    return "pure" if names[0].endswith("-none-any.whl") else "wheel"


def main() -> None:
    """Write the table."""
    root = Path(__file__).parents[2]
    pins = re.findall(r"^[a-z0-9-]+==[^ ]+", (root / "requirements.txt").read_text(), re.MULTILINE)
    with (root / "deploy" / "platforms.csv").open("w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["package", *MACHINES])
        for pin in pins:
            table.writerow([pin.partition("==")[0], *(kind(pin, machine) for machine in MACHINES)])


if __name__ == "__main__":
    main()
