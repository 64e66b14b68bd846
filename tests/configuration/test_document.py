from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunhelm.configuration.document import MOST_BYTES, Document, read_document
from sunhelm.configuration.mistakes import ConfigurationError
from sunhelm.configuration.nodes import DEEPEST

Write = Callable[[str | bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(content: str | bytes) -> Path:
        path = tmp_path / "sunhelm.yml"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def mistakes(path: Path) -> list[str]:
    """What is said about the file, without the folder that it happens to be in."""
    try:
        found = read_document(path).mistakes
    except ConfigurationError as error:
        found = error.mistakes
    return [str(mistake).removeprefix(f"{path.parent}/") for mistake in found]


def test_every_value_has_its_place(write: Write) -> None:
    document = read_document(write("site:\n  name: home\ndevices:\n  gx: {units: [1, 225]}\n"))
    assert document.values == {"site": {"name": "home"}, "devices": {"gx": {"units": [1, 225]}}}
    assert document.places["site", "name"] == (2, 9)
    assert document.key_places["site", "name"] == (2, 3)
    assert document.places["devices", "gx", "units", 1] == (4, 19)
    assert document.value(("devices", "gx", "units", 1)) == 225
    assert document.value(("devices", "gx", "units", 2)) is None
    assert document.value(("site", "name", "deeper")) is None


def test_a_mistake_about_what_is_not_there_is_placed_at_the_key_around_it(write: Write) -> None:
    document = read_document(write("site:\n  name: home\n"))
    mistake = document.mistake(("site", "zone"), "is missing")
    assert (mistake.line, mistake.column, mistake.path) == (1, 1, "site.zone")
    assert document.mistake(("devices",), "is missing").line == 1


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("12", 12),
        ("-3", -3),
        ("0x1f", 31),
        ("1.50", 1.5),
        ("1e3", 1000.0),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("'12'", "12"),
        ("0123456789", "0123456789"),
        ("yes", "yes"),
        ("off", "off"),
        ("12:30", "12:30"),
        ("2026-06-03", "2026-06-03"),
        ("1_000", "1_000"),
        (".inf", ".inf"),
        ("9" * 31, int("9" * 31)),
        ("9" * 5000, "9" * 5000),
        ("1e999", "1e999"),
    ],
)
def test_scalars_mean_what_they_look_like(write: Write, written: str, value: object) -> None:
    read = read_document(write(f"key: {written}\n")).values["key"]
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a: 1\na: 2\n", "sunhelm.yml:2:1: a: is given twice; it stands already in line 1"),
        ("1: x\n", "sunhelm.yml:1:1: the key 1 is not text; write it in quotes"),
        ("true: x\n", "sunhelm.yml:1:1: the key true is not text; write it in quotes"),
        ("? [a]\n: x\nb: 1\n", "sunhelm.yml:1:3: a key is not text"),
        (
            "a: &x 1\n",
            "sunhelm.yml:1:4: a: anchors (&) are not supported; write the value out where it is used",
        ),
        ("a: *x\n", "sunhelm.yml:1:4: a: aliases (*) are not supported; write the value out"),
        ("a: {<<: {b: 1}}\n", "sunhelm.yml:1:5: a: merge keys (<<) are not supported; write the keys out"),
        ("a: !secret b\n", "sunhelm.yml:1:4: a: tags (!) are not supported"),
        ("!!str a: b\n", "sunhelm.yml:1:1: a key cannot have an anchor (&) or a tag (!)"),
        ("a: !!python/object/apply:os.system [x]\n", "sunhelm.yml:1:4: a: tags (!) are not supported"),
        ('a: "\\ud800"\n', "sunhelm.yml:1:4: a: half a surrogate pair is no character"),
        ("a: 1\n---\nb: 2\n", "sunhelm.yml:2:1: a second YAML document begins; one file is one document"),
        ("", "sunhelm.yml:1:1: holds nothing, not a mapping"),
        ("- a\n", "sunhelm.yml:1:1: holds a list, not a mapping"),
        ("a:\n\tb: 1\n", "sunhelm.yml:2:1: not YAML: a tab; YAML is indented with spaces"),
        ("a: [1\nb: 2\n", "sunhelm.yml:2:2: not YAML: expected ',' or ']', but got ':' "),
        ("a: \0\n", "sunhelm.yml:1:4: not YAML: the character U+0000 is not allowed"),
        (b"a: 1\nb: \xff\n", "sunhelm.yml:2:4: is not UTF-8"),
    ],
)
def test_what_cannot_be_read_is_said_with_its_place(write: Write, content: str | bytes, said: str) -> None:
    (first, *_) = mistakes(write(content))
    assert first.startswith(said)


def test_mistakes_of_form_are_found_together(write: Write) -> None:
    assert len(mistakes(write("a: &x 1\nb: *x\na: 3\n4: 5\n"))) == 4


def test_a_value_given_twice_keeps_the_first(write: Write) -> None:
    document = read_document(write("a: {b: 1}\na: {c: [2, {d: 3}]}\ne: 4\n"))
    assert document.values == {"a": {"b": 1}, "e": 4}


def test_nesting_has_a_limit(write: Write) -> None:
    (said,) = mistakes(write("a: " + "[" * 10_000))
    assert f"nested deeper than {DEEPEST} levels" in said


def test_a_bomb_of_aliases_is_refused_at_once(write: Write) -> None:
    lines = ["a0: &a0 [x, x]", *(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 40))]
    assert len(mistakes(write("\n".join(lines)))) == 40 + 78


def test_a_file_too_large_is_not_read(write: Write) -> None:
    (said,) = mistakes(write(b"#" * (MOST_BYTES + 1)))
    assert "is larger than 1048576 bytes" in said


def test_what_is_no_file_is_said(tmp_path: Path) -> None:
    assert mistakes(tmp_path) == [f"{tmp_path.name}: is not a regular file"]
    assert mistakes(tmp_path / "none.yml") == ["none.yml: cannot be read: No such file or directory"]
    os.mkfifo(tmp_path / "pipe")
    assert mistakes(tmp_path / "pipe") == ["pipe: is not a regular file"]


PIECES = [
    "a",
    "b",
    ":",
    "-",
    "[",
    "]",
    "{",
    "}",
    ",",
    "&x",
    "*x",
    "<<",
    "?",
    "!t",
    "'",
    '"',
    "#",
    "12",
    "0x",
    "%YAML",
    "\\ud800",
    "\u2028",
    "\ufeff",
    "é",
    "\x07",
]
YAML_PIECES = st.lists(
    st.sampled_from([*PIECES, ": ", "- ", "? ", "\n", "  ", "\t", "|\n", ">\n", "---\n", "...\n"]),
    max_size=40,
).map("".join)


@given(st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode), YAML_PIECES.map(str.encode)))
def test_no_bytes_make_anything_but_values_or_mistakes(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "garbage.yml"
    path.write_bytes(content)
    try:
        document = read_document(path)
    except ConfigurationError as error:
        said = [str(mistake).encode() for mistake in error.mistakes]
        assert said
        assert all(len(str(mistake).splitlines()) == 1 for mistake in error.mistakes)  # noqa: PT017 - either outcome is right
    else:
        assert isinstance(document, Document)
        check_places(document, document.values, ())


def check_places(document: Document, value: object, path: tuple[str | int, ...]) -> None:
    place = document.places[path]
    assert place.line >= 1
    assert place.column >= 1
    match value:
        case dict():
            for key, item in value.items():
                assert (*path, key) in document.key_places
                check_places(document, item, (*path, key))
        case list():
            for index, item in enumerate(value):
                check_places(document, item, (*path, index))
