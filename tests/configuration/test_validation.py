from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import BeforeValidator, Field

from sunhelm.configuration.document import Document, read_document
from sunhelm.configuration.mistakes import found
from sunhelm.configuration.secrets import SecretFile, SecretVariable
from sunhelm.configuration.validation import Section, validate_at, validate_section


def whole(value: object) -> object:
    if value == "odd":
        raise ValueError(f"{found(value)} is odd")
    return value


class Inner(Section):
    size: int = Field(default=1, ge=1, le=9)
    word: Annotated[str, BeforeValidator(whole)] = "even"


class Outer(Section):
    host: str
    mode: Literal["fast", "slow"] = "fast"
    inner: Inner = Inner()
    many: Mapping[str, Inner] = Field(default_factory=dict)
    row: tuple[int, ...] = ()
    flag: bool = False
    ratio: float = 0.5
    token: SecretVariable | None = None
    token_file: SecretFile | None = None


OUTER_KEYS = "is not known here; allowed are host, mode, inner, many, row, flag, ratio, token, token_file."
INNER_KEYS = "is not known here; allowed are size, word."


def document_of(tmp_path: Path, content: str, *, expand_environment: bool = False) -> Document:
    path = tmp_path / "file.yml"
    path.write_text(content)
    return read_document(path, expand_environment=expand_environment)


def said(tmp_path: Path, content: str, *, expand_environment: bool = False) -> list[str]:
    document = document_of(tmp_path, content, expand_environment=expand_environment)
    _, mistakes = validate_section(document, "outer", Outer)
    return [str(mistake).removeprefix(f"{tmp_path}/") for mistake in sorted(mistakes)]


@pytest.mark.parametrize(
    ("content", "mistake"),
    [
        ("outer: {hst: x, host: y}", f'9: outer.hst: {OUTER_KEYS} Did you mean "host"?'),
        ("outer: {}", "1: outer.host: is missing"),
        ("{}", "1: outer.host: is missing"),
        ("outer: {host: 5}", "15: outer.host: 5 is not text; write it in quotes"),
        ("outer: {host: x, mode: fst}", '24: outer.mode: "fst" is not fast or slow. Did you mean "fast"?'),
        ("outer: {host: x, mode: 7}", "24: outer.mode: 7 is not fast or slow"),
        (
            "outer: {host: x, inner: {size: 10}}",
            "32: outer.inner.size: 10 is too large; it must be at most 9",
        ),
        ("outer: {host: x, inner: {size: many}}", '32: outer.inner.size: "many" is not a whole number'),
        ("outer: {host: x, inner: {sise: 1}}", f'26: outer.inner.sise: {INNER_KEYS} Did you mean "size"?'),
        ("outer: {host: x, inner: {word: odd}}", '32: outer.inner.word: "odd" is odd'),
        (
            "outer: {host: x, many: {a: {size: 0}}}",
            "35: outer.many.a.size: 0 is too small; it must be at least 1",
        ),
        (
            "outer: {host: x, many: {a: {szie: 1}}}",
            f'29: outer.many.a.szie: {INNER_KEYS} Did you mean "size"?',
        ),
        ("outer: {host: x, many: [1]}", "24: outer.many: is a list, not a mapping"),
        ("outer: {host: x, row: [1, x]}", '27: outer.row[1]: "x" is not a whole number'),
        ("outer: {host: x, row: 1}", "23: outer.row: is a number, not a list"),
        ("outer: {host: x, flag: maybe}", '24: outer.flag: "maybe" is not true or false'),
        ("outer: {host: x, ratio: half}", '25: outer.ratio: "half" is not a number'),
        ("outer: hunter2", "8: outer: is text, not a mapping"),
    ],
)
def test_each_mistake_says_its_place_what_was_found_and_what_is_allowed(
    tmp_path: Path, content: str, mistake: str
) -> None:
    assert said(tmp_path, content) == [f"file.yml:1:{mistake}"]


def test_all_mistakes_come_at_once(tmp_path: Path) -> None:
    content = "outer:\n  mode: fst\n  inner: {size: 0, word: odd}\n  many: {a: {size: x}}\n  extra: 1\n"
    assert len(said(tmp_path, content)) == 6


def test_what_is_right_is_there_for_further_checks(tmp_path: Path) -> None:
    document = document_of(tmp_path, "outer: {host: x, mode: fst, inner: {size: 3}}")
    value, mistakes = validate_section(document, "outer", Outer)
    assert len(mistakes) == 1
    assert value is not None
    assert (value.host, value.mode, value.inner.size) == ("x", "fast", 3)


def test_what_a_mistake_of_form_made_unknown_is_not_blamed_again(tmp_path: Path) -> None:
    document = document_of(tmp_path, "outer: {host: *name, inner: !tag {size: 99}}")
    _, mistakes = validate_section(document, "outer", Outer)
    assert mistakes == []
    assert len(document.mistakes) == 2


def test_one_entry_can_be_validated_alone(tmp_path: Path) -> None:
    document = document_of(tmp_path, "things: {a: {size: 2}, b: {size: 99}}")
    a, none = validate_at(document, ("things", "a"), Inner)
    b, one = validate_at(document, ("things", "b"), Inner)
    assert a == Inner(size=2)
    assert none == []
    assert b == Inner()
    assert [mistake.path for mistake in one] == ["things.b.size"]


def test_variables_are_expanded_when_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAME", "gx")
    monkeypatch.setenv("SIZE", "7")
    content = "outer: {host: '${NAME}.lan costs $$5', inner: {size: '${SIZE}'}}"
    value, mistakes = validate_section(
        document_of(tmp_path, content, expand_environment=True), "outer", Outer
    )
    assert mistakes == []
    assert value is not None
    assert (value.host, value.inner.size) == ("gx.lan costs $5", 7)
    value, _ = validate_section(document_of(tmp_path, "outer: {host: '${NAME}'}"), "outer", Outer)
    assert value is not None
    assert value.host == "${NAME}"


def test_a_variable_that_is_not_set_is_a_mistake_of_the_section_that_is_used(tmp_path: Path) -> None:
    content = "outer: {host: '${SUNHELM_NOT_SET}'}\nother: {host: '${SUNHELM_NEITHER}'}\n"
    assert said(tmp_path, content, expand_environment=True) == [
        "file.yml:1:15: outer.host: the environment variable SUNHELM_NOT_SET is not set"
    ]


def test_an_expanded_value_is_never_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEAK", "hunter2hunter2")
    monkeypatch.setenv("WORD", "odd")
    content = (
        "outer: {host: h, mode: '${LEAK}', inner: {size: '${LEAK}', word: '${WORD}'}, flag: 'a${LEAK}b'}"
    )
    mistakes = said(tmp_path, content, expand_environment=True)
    assert len(mistakes) == 4
    assert not any("hunter2" in mistake or '"odd"' in mistake for mistake in mistakes)
    assert "file.yml:1:49: outer.inner.size: (hidden) is not a whole number" in mistakes


@pytest.mark.parametrize(
    "value",
    [
        "hunter2",
        "[hunter2]",
        "{hunter2: 1}",
        "'${X}hunter2'",
        "hunter2${X}",
        "!x hunter2",
        "|\n    hunter2\n",
    ],
)
@pytest.mark.parametrize("expand", [False, True])
def test_a_secret_in_the_file_is_refused_and_never_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str, expand: bool
) -> None:
    monkeypatch.setenv("X", "y")
    document = document_of(tmp_path, f"outer:\n  host: x\n  token: {value}\n", expand_environment=expand)
    _, mistakes = validate_section(document, "outer", Outer)
    everything = "\n".join(map(str, [*mistakes, *document.mistakes]))
    assert "outer.token" in everything
    assert "hunter2" not in everything


def test_a_secret_given_in_two_ways_is_a_mistake(tmp_path: Path) -> None:
    assert said(tmp_path, "outer: {host: x, token: '${T}', token_file: t}", expand_environment=True) == [
        "file.yml:1:18: outer.token: token and token_file are both given; one of them is enough"
    ]


def test_a_secret_is_found_where_the_file_says_when_it_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = document_of(tmp_path, "outer: {host: x, token_file: token}")
    value, mistakes = validate_section(document, "outer", Outer)
    assert mistakes == []
    assert value is not None
    secret = value.secret("token")
    assert secret is not None
    (tmp_path / "token").write_text("hunter2\n")
    assert secret.reveal() == "hunter2"
    document = document_of(tmp_path, "outer: {host: x, token: '${TOKEN_OF_TEST}'}", expand_environment=True)
    value, mistakes = validate_section(document, "outer", Outer)
    assert mistakes == []
    assert value is not None
    secret = value.secret("token")
    assert secret is not None
    monkeypatch.setenv("TOKEN_OF_TEST", "hunter3")
    assert secret.reveal() == "hunter3"
    assert "hunter" not in repr(value)
    assert Outer(host="x").secret("token") is None
