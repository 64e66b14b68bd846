"""How the controller is reached, and what shows who asks."""

from __future__ import annotations

import argparse
import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sunhelm.cli.control.connection import ConnectionMistake, add_connection_flags, connection
from sunhelm.cli.main import main

Run = Callable[..., tuple[int, str, str]]
SECRET = "correct horse"


def flags(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_connection_flags(parser)
    return parser.parse_args(words)


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text(f"{SECRET}\n", encoding="utf-8")
    return path


def test_a_token_of_a_file_is_shown(run: Run, controller: Any, secret: Path) -> None:
    status, out, err = run("claims", f"--controller.token-file={secret}")

    assert (status, err) == (0, "")
    assert controller.headers["Authorization"] == f"Bearer {SECRET}"
    assert SECRET not in out


def test_a_user_of_a_file_is_shown(run: Run, controller: Any, secret: Path) -> None:
    config = secret.with_name("http.yml")
    config.write_text("basic_auth: {username: anna, password_file: secret}\n", encoding="utf-8")
    run("claims", f"--controller.config-file={config}")
    shown = controller.headers["Authorization"].removeprefix("Basic ")

    assert base64.b64decode(shown).decode() == f"anna:{SECRET}"


def test_variables_stand_in_for_flags(
    run: Run, controller: Any, secret: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUNHELM_CONTROLLER_TOKEN_FILE", str(secret))
    run("claims")

    assert controller.headers["Authorization"] == f"Bearer {SECRET}"


def test_a_redirect_is_not_followed_with_the_token(run: Run, controller: Any, secret: Path) -> None:
    controller.answers["GET", "/claims"] = (302, b"")
    status, _, err = run("claims", f"--controller.token-file={secret}")

    assert status == 1
    assert "it answers 302 and no JSON" in err


@pytest.mark.parametrize(
    "url", ["", "roof:10481", "ftp://roof", "http://", "http://a:b@roof", "http://roof:99999", "http://r?x=1"]
)
def test_an_address_that_is_none_is_refused(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["claims", f"--controller.url={url}"]) == 2
    assert "is no address of a controller" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("basic_auth: {username: anna}", "password_file: is missing"),
        ("basic_auth: {username: 'a:b', password_file: secret}", "is not a user's name"),
        ("basic_auth: {username: anna, password: hunter2}", "password: is not known here"),
        ("bearer: x", "bearer: is not known here"),
        ("authorization: {credentials_file: nothing}", "nothing cannot be read"),
        (
            "{basic_auth: {username: a, password_file: secret}, authorization: {credentials_file: secret}}",
            "basic_auth and authorization are both given",
        ),
    ],
)
def test_a_wrong_file_is_refused_with_its_place_and_without_its_secrets(
    secret: Path, text: str, mistake: str
) -> None:
    config = secret.with_name("http.yml")
    config.write_text(f"{text}\n", encoding="utf-8")
    with pytest.raises(ConnectionMistake) as refused:
        connection(flags(f"--controller.config-file={config}"))

    assert mistake in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_both_files_are_one_too_many(secret: Path) -> None:
    with pytest.raises(ConnectionMistake, match="one of them is enough"):
        connection(flags(f"--controller.token-file={secret}", f"--controller.config-file={secret}"))


def test_a_certificate_that_is_not_there_is_told(secret: Path) -> None:
    config = secret.with_name("http.yml")
    config.write_text("tls_config: {ca_file: nothing.pem}\n", encoding="utf-8")
    with pytest.raises(ConnectionMistake, match="tls_config: No such file"):
        connection(flags("--controller.url=https://roof", f"--controller.config-file={config}"))


@pytest.mark.parametrize(
    ("url", "shows"),
    [
        ("http://roof:1", True),
        ("http://127.0.0.1:1", False),
        ("http://[::1]:1", False),
        ("https://r:1", False),
    ],
)
def test_a_secret_in_the_open_is_warned_of(secret: Path, url: str, shows: bool) -> None:
    reached = connection(flags(f"--controller.url={url}", f"--controller.token-file={secret}"))

    assert reached.shows_secrets is shows
