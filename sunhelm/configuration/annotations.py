"""What a pydantic model expects at a place of a document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import NoneType, UnionType
from typing import Annotated, Union, get_args, get_origin

from pydantic import BaseModel, RootModel

from sunhelm.configuration.places import KeyPath


def types_at(annotation: object, path: KeyPath) -> Iterator[object]:
    """Yield every type that the value at `path` below `annotation` may have; none when it is unknown."""
    for kind in _members(annotation):
        if not path:
            yield kind
        else:
            for below in _below(kind, path[0]):
                yield from types_at(below, path[1:])


def models_at(annotation: object, path: KeyPath) -> list[type[BaseModel]]:
    """Return the models among `types_at`."""
    return [
        kind for kind in types_at(annotation, path) if isinstance(kind, type) and issubclass(kind, BaseModel)
    ]


def keys_of(model: type[BaseModel]) -> list[str]:
    """Return the keys that the model allows, as the file spells them.

    A key with `exclude` is known only to be refused with its reason.
    """
    return [field.alias or name for name, field in model.model_fields.items() if not field.exclude]


def _members(annotation: object) -> Iterator[object]:
    """Yield the types that `annotation` stands for, without Annotated, unions, None and root models."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        yield from _members(arguments[0])
    elif origin in (Union, UnionType):
        for member in arguments:
            yield from _members(member)
    elif isinstance(annotation, type) and issubclass(annotation, RootModel):
        yield from _members(annotation.model_fields["root"].annotation)
    elif annotation is not NoneType:
        yield annotation


def _below(kind: object, key: str | int) -> Iterator[object]:
    origin, arguments = get_origin(kind), get_args(kind)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        for name, field in kind.model_fields.items():
            if key == (field.alias or name):
                yield field.annotation
    elif isinstance(origin, type) and issubclass(origin, Mapping):
        yield arguments[1]
    elif isinstance(origin, type) and issubclass(origin, Sequence):
        yield arguments[0]
