"""Secrets: where one is to be found, never what it is.

A configuration file does not hold secrets. It names a file, `password_file: redback_password`, or, when
the process was told to expand environment variables, a variable, `password: ${REDBACK_PASSWORD}`. The
value is read when it is needed, by the process that needs it, and each time anew, so that a rotated
secret needs no reload.
"""

from __future__ import annotations

import os
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import GetCoreSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, core_schema

from sunhelm.configuration.document import Document

CREDENTIALS_DIRECTORY: Final = "CREDENTIALS_DIRECTORY"
"""Where systemd puts what a unit's `LoadCredential=` names."""

_MOST_BYTES: Final = 64 * 1024
_REFERENCE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


class SecretUnavailable(Exception):
    """A secret cannot be had now. The text says where it was looked for."""


class Secret(ABC):
    """Where a secret is; what `repr` and `str` show is that place."""

    @abstractmethod
    def reveal(self) -> str:
        """Return the secret as it is now. Reads a small file at most. Raises SecretUnavailable."""


@dataclass(frozen=True, slots=True)
class SecretFile(Secret):
    """A secret in a file of its own, less the line end that editors add.

    `credential`, when not empty, is looked for among systemd's credentials first.
    """

    path: Path
    credential: str = ""

    def reveal(self) -> str:
        path = self._found()
        try:
            with path.open("rb") as file:
                content = file.read(_MOST_BYTES + 1)
        except OSError as error:
            raise SecretUnavailable(f"{path} cannot be read: {error.strerror}") from error
        if len(content) > _MOST_BYTES:
            raise SecretUnavailable(f"{path} is larger than {_MOST_BYTES} bytes")
        try:
            secret = content.decode().rstrip("\r\n")
        except UnicodeDecodeError:
            raise SecretUnavailable(f"{path} is not UTF-8") from None
        if not secret:
            raise SecretUnavailable(f"{path} is empty")
        return secret

    def _found(self) -> Path:
        directory = os.environ.get(CREDENTIALS_DIRECTORY)
        if directory and self.credential and (path := Path(directory, self.credential)).is_file():
            return path
        return self.path

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        del source, handler
        return core_schema.with_info_plain_validator_function(_secret_file)


@dataclass(frozen=True, slots=True)
class SecretVariable(Secret):
    """A secret in an environment variable."""

    name: str

    def reveal(self) -> str:
        secret = os.environ.get(self.name)
        if not secret:
            raise SecretUnavailable(f"the environment variable {self.name} is not set")
        return secret

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        del source, handler
        return core_schema.with_info_plain_validator_function(_secret_variable)


def _secret_file(value: object, info: ValidationInfo) -> SecretFile:
    if isinstance(value, SecretFile):
        return value
    if not isinstance(value, str) or not value or "\0" in value:
        raise ValueError("is not the name of a file")
    path = Path(value)
    if isinstance(info.context, Document):
        path = info.context.path.parent / path
    return SecretFile(path, credential=value if path.name == value else "")


def _secret_variable(value: object, info: ValidationInfo) -> SecretVariable:
    if isinstance(value, SecretVariable):
        return value
    reference = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
    expand = isinstance(info.context, Document) and info.context.expand_environment
    if reference and expand:
        return SecretVariable(reference[1])
    if reference:
        raise ValueError("is taken from the environment only with --config.expand-environment-variables")
    raise ValueError(
        f"holds a secret; keep it in a file and write {info.field_name}_file, or in the environment and write"
        " ${NAME} with --config.expand-environment-variables"
    )
