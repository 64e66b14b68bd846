"""A configuration file as it was read: plain values, with the place of each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from sunhelm.configuration.mistakes import ConfigurationError, Mistake
from sunhelm.configuration.nodes import Nodes
from sunhelm.configuration.places import KeyPath, Place, dotted

MOST_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Document:
    """One configuration file as it was read.

    `values` is what it says: mappings are dicts with text keys, in the order of the file. `mistakes` are
    those of its form that left the rest readable, such as a key given twice; who validates the file adds
    them to its own. `refused` are the values that such a mistake has made unknown.
    `expand_environment` allows `${NAME}` in values.
    """

    path: Path
    values: dict[str, object]
    places: dict[KeyPath, Place]
    key_places: dict[KeyPath, Place]
    mistakes: tuple[Mistake, ...] = ()
    refused: frozenset[KeyPath] = frozenset()
    expand_environment: bool = False

    def value(self, path: KeyPath) -> object:
        """Return the value at `path`; None when there is none."""
        value: object = self.values
        for key in path:
            match value:
                case dict():
                    value = value.get(key)
                case list() if isinstance(key, int) and key < len(value):
                    value = value[key]
                case _:
                    return None
        return value

    def mapping(self, path: KeyPath) -> dict[str, object]:
        """Return the mapping at `path`; an empty one when something else or nothing is there."""
        value = self.value(path)
        return value if isinstance(value, dict) else {}

    def mistake(self, path: KeyPath, message: str, *, at_key: bool = False) -> Mistake:
        """Return a mistake about `path`, at its value or its key.

        What does not stand in the file is placed at the nearest key around it.
        """
        place = (self.key_places if at_key else self.places).get(path)
        around = path
        while place is None and around:
            around = around[:-1]
            place = self.key_places.get(around) or (self.places.get(around) if around else None)
        line, column = place or Place(1, 1)
        return Mistake(str(self.path), line, column, dotted(path), message)


def read_document(path: Path | str, *, expand_environment: bool = False) -> Document:
    """Read the file. Raises ConfigurationError when it cannot be read or is not YAML."""
    path = Path(path)
    text = _read(path)
    nodes = Nodes(str(path))
    try:
        values = nodes.build(yaml.parse(text, Loader=yaml.SafeLoader))
    except yaml.MarkedYAMLError as error:
        # Not chained: the parser's text quotes the file, and so perhaps a secret in the wrong place.
        raise ConfigurationError([*nodes.mistakes, _not_yaml(str(path), error)]) from None
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        place = Place(before.count("\n") + 1, error.position - before.rfind("\n"))
        message = f"not YAML: the character U+{ord(text[error.position]):04X} is not allowed"
        raise ConfigurationError([Mistake(str(path), *place, "", message)]) from error
    return Document(
        path=path,
        values=values,
        places=nodes.places,
        key_places=nodes.key_places,
        mistakes=tuple(nodes.mistakes),
        refused=frozenset(nodes.refused),
        expand_environment=expand_environment,
    )


def _read(path: Path) -> str:
    def refuse(message: str) -> ConfigurationError:
        return ConfigurationError([Mistake(str(path), 0, 0, "", message)])

    try:
        if path.exists() and not path.is_file():
            raise refuse("is not a regular file")
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise refuse(f"cannot be read: {reason}") from error
    if len(content) > MOST_BYTES:
        raise refuse(f"is larger than {MOST_BYTES} bytes")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        raise ConfigurationError([Mistake(str(path), line, column, "", "is not UTF-8")]) from error


def _not_yaml(file: str, error: yaml.MarkedYAMLError) -> Mistake:
    place = Place.of(error.problem_mark or error.context_mark)
    problem = error.problem or "cannot be parsed"
    if "'\\t'" in problem:
        problem = "a tab; YAML is indented with spaces"
    if error.context and error.context_mark:
        problem += f" ({error.context} that began in line {error.context_mark.line + 1})"
    return Mistake(file, *place, "", f"not YAML: {problem}")
