from __future__ import annotations

from pathlib import Path

import pytest

from sunhelm.configuration.secrets import (
    CREDENTIALS_DIRECTORY,
    SecretFile,
    SecretUnavailable,
    SecretVariable,
)


def test_a_rotated_secret_is_read_anew(tmp_path: Path) -> None:
    secret = SecretFile(tmp_path / "password")
    (tmp_path / "password").write_text("first\r\n")
    assert secret.reveal() == "first"
    (tmp_path / "password").write_text(" second ")
    assert secret.reveal() == " second "


def test_a_bare_name_is_one_of_systemds_credentials_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "password").write_text("from systemd")
    (tmp_path / "password").write_text("beside the file")
    bare = SecretFile(tmp_path / "password", credential="password")
    assert bare.reveal() == "beside the file"
    monkeypatch.setenv(CREDENTIALS_DIRECTORY, str(credentials))
    assert bare.reveal() == "from systemd"
    assert SecretFile(tmp_path / "password").reveal() == "beside the file"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "No such file"),
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"\xff", "not UTF-8"),
        (b"x" * 70_000, "larger"),
    ],
)
def test_a_secret_that_cannot_be_had_says_where_it_was_looked_for(
    tmp_path: Path, content: bytes | None, said: str
) -> None:
    path = tmp_path / "password"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SecretUnavailable, match=said) as caught:
        SecretFile(path).reveal()
    assert str(path) in str(caught.value)


def test_a_variable_is_looked_up_when_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = SecretVariable("SUNHELM_TEST_SECRET")
    with pytest.raises(SecretUnavailable, match="SUNHELM_TEST_SECRET is not set"):
        secret.reveal()
    monkeypatch.setenv("SUNHELM_TEST_SECRET", "hunter2")
    assert secret.reveal() == "hunter2"
    assert "hunter2" not in repr(secret) + str(secret)
