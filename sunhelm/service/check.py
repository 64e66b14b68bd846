"""The answer to `--config.check`: for a person, or as JSON for `sunhelm check`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from sunhelm.configuration.mistakes import Mistake

WRONG: Final = 2
"""Exit status of a process whose configuration is wrong."""


def check_answer(files: Sequence[Path], mistakes: Sequence[Mistake], *, as_json: bool) -> tuple[str, int]:
    """Return what to print on standard output, and the exit status: 0 when there are no mistakes, else 2."""
    ordered = sorted(set(mistakes))
    status = WRONG if ordered else 0
    if as_json:
        return json.dumps({"mistakes": [asdict(mistake) for mistake in ordered]}), status
    if ordered:
        return "\n".join(str(mistake) for mistake in ordered), status
    return f"{' and '.join(map(str, files))}: no mistakes", status


def mistakes_of(answer: str) -> list[Mistake]:
    """Return the mistakes in the JSON of `check_answer`. Raises ValueError when it is something else."""
    try:
        return [Mistake(**mistake) for mistake in json.loads(answer)["mistakes"]]
    except (KeyError, TypeError) as error:
        raise ValueError("not the answer of a check") from error
