"""Validates what a document says against pydantic models, and says what is wrong as people need it said."""

from __future__ import annotations

import os
import re
from typing import Final, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from sunhelm.configuration.annotations import keys_of, models_at, types_at
from sunhelm.configuration.complaints import complaint
from sunhelm.configuration.document import Document
from sunhelm.configuration.mistakes import HIDDEN, Hidden, Mistake
from sunhelm.configuration.places import KeyPath
from sunhelm.configuration.secrets import Secret, SecretVariable

Model = TypeVar("Model", bound=BaseModel)

_VARIABLE: Final = re.compile(r"\$(?:\$|\{([A-Za-z_][A-Za-z0-9_]*)\})")
_SHORTEST_HIDDEN: Final = 3


class Section(BaseModel):
    """Base of the models of a section: unknown keys are mistakes, and nothing changes afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    def secret(self, name: str) -> Secret | None:
        """Return where the secret is that `NAME` or `NAME_file` names; None when neither is given."""
        secret = getattr(self, name) or getattr(self, f"{name}_file")
        return secret if isinstance(secret, Secret) else None


def validate_section(document: Document, name: str, model: type[Model]) -> tuple[Model | None, list[Mistake]]:
    """Validate one section of the file; see `validate_at`. A section that is not there is empty."""
    return validate_at(document, (name,), model)


def validate_at(document: Document, path: KeyPath, model: type[Model]) -> tuple[Model | None, list[Mistake]]:
    """Validate the value at `path` against `model`; what is not there counts as an empty mapping.

    Returns the model and all that is wrong at and below `path`. When something is wrong, the model is made
    of the keys that are right, so that further checks can find further mistakes; None when these do not
    suffice. The model's validators get the document as their context; what they raise as ValueError is a
    whole sentence that shows a value by `found` only. Environment variables are expanded here, so that a
    process needs only those of its own sections; secrets keep the name of theirs.
    """
    validation = _Validation(document, path, model)
    value = validation.prepare({} if (written := document.value(path)) is None else written, path)
    try:
        result = model.model_validate(value, context=document)
    except ValidationError as error:
        for details in error.errors(include_url=False):
            validation.complain(details)
        return _without(model, value, validation.wrong_keys, document), validation.mistakes
    return result, validation.mistakes


def _without(model: type[Model], value: object, wrong: set[str | int], document: Document) -> Model | None:
    if not isinstance(value, dict):
        return None
    try:
        return model.model_validate(
            {key: item for key, item in value.items() if key not in wrong}, context=document
        )
    except ValidationError:
        return None


class _Validation:
    """One value of a document on its way through a model."""

    def __init__(self, document: Document, root: KeyPath, model: type[BaseModel]) -> None:
        self.mistakes: list[Mistake] = []
        self.wrong_keys: set[str | int] = set()
        self._document = document
        self._root = root
        self._model = model
        self._unknown = set(document.refused)
        self._hidden: set[str] = set()

    def prepare(self, value: object, path: KeyPath) -> object:
        """Return the value with its environment variables, noting what no model can see."""
        match value:
            case dict():
                self._refuse_secrets_given_twice(value, path)
                return {key: self.prepare(item, (*path, key)) for key, item in value.items()}
            case list():
                return [self.prepare(item, (*path, index)) for index, item in enumerate(value)]
            case str() if self._document.expand_environment and "$" in value:
                return self._expanded(value, path)
            case _:
                return value

    def complain(self, details: ErrorDetails) -> None:
        """Add the mistake that pydantic found, unless its value is unknown because of another one."""
        path = self._path_of(details)
        self.wrong_keys.update(path[len(self._root) :][:1])
        if any(path[:length] in self._unknown for length in range(len(path) + 1)):
            return
        self._unknown.add(path)
        known = [key for model in self._models_at(path[:-1]) for key in keys_of(model)]
        message = complaint(details, known)
        for text in self._hidden:
            message = message.replace(text, HIDDEN)
        at_key = details["type"] == "extra_forbidden"
        self.mistakes.append(self._document.mistake(path, message, at_key=at_key))

    def _refuse_secrets_given_twice(self, value: dict[str, object], path: KeyPath) -> None:
        for model in self._models_at(path):
            for name in keys_of(model):
                if value.get(name) is not None and value.get(f"{name}_file") is not None:
                    message = f"{name} and {name}_file are both given; one of them is enough"
                    self.mistakes.append(self._document.mistake((*path, name), message, at_key=True))

    def _expanded(self, text: str, path: KeyPath) -> str:
        if SecretVariable in types_at(self._model, path[len(self._root) :]):
            return text
        missing: list[str] = []

        def replace(match: re.Match[str]) -> str:
            if match[1] is None:
                return "$"
            if match[1] not in os.environ:
                missing.append(match[1])
            return os.environ.get(match[1], "")

        expanded = _VARIABLE.sub(replace, text)
        for name in missing:
            message = f"the environment variable {name} is not set"
            self.mistakes.append(self._document.mistake(path, message))
        if missing:
            self._unknown.add(path)
        if len(expanded) >= _SHORTEST_HIDDEN:
            self._hidden.add(expanded)
        return Hidden(expanded)

    def _path_of(self, details: ErrorDetails) -> KeyPath:
        """Return where in the file an error is: its location without the steps that are only pydantic's."""
        path = self._root
        for index, step in enumerate(details["loc"]):
            around = self._document.value(path)
            is_missing_key = details["type"] == "missing" and index == len(details["loc"]) - 1
            if (
                (isinstance(around, dict) and step in around)
                or (isinstance(around, list) and isinstance(step, int))
                or is_missing_key
            ):
                path = (*path, step)
        return path

    def _models_at(self, path: KeyPath) -> list[type[BaseModel]]:
        return models_at(self._model, path[len(self._root) :])
