from __future__ import annotations

from pathlib import Path

import pytest

from sunhelm.configuration.mistakes import Mistake
from sunhelm.service.check import check_answer, mistakes_of

FILES = [Path("sunhelm.yml"), Path("web.yml")]
LATE, EARLY = Mistake("sunhelm.yml", 10, 1, "b", "is wrong"), Mistake("sunhelm.yml", 9, 1, "a", "is wrong")


def test_a_person_reads_every_mistake_once_in_order() -> None:
    assert check_answer(FILES, [LATE, EARLY, LATE], as_json=False) == (f"{EARLY}\n{LATE}", 2)
    assert check_answer(FILES, [], as_json=False) == ("sunhelm.yml and web.yml: no mistakes", 0)


def test_json_brings_the_mistakes_back() -> None:
    answer, status = check_answer(FILES, [LATE, EARLY], as_json=True)
    assert status == 2
    assert mistakes_of(answer) == [EARLY, LATE]
    answer, status = check_answer(FILES, [], as_json=True)
    assert status == 0
    assert mistakes_of(answer) == []


@pytest.mark.parametrize("answer", ["", "x", "[]", "{}", '{"mistakes": 3}', '{"mistakes": [{"file": 1}]}'])
def test_what_is_no_answer_is_not_taken_for_one(answer: str) -> None:
    with pytest.raises(ValueError):
        mistakes_of(answer)
