"""What both programs do with their command line."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import pytest

from sunhelm.configuration.mistakes import ConfigurationError, Mistake
from sunhelm.service.flags import ServiceFlags, service_parser
from sunhelm.service.program import run_program


class Unusable(Exception):
    """An address or a directory that cannot be used."""


class Wrong(Exception):
    """Flags that contradict each other."""


def load(file: Path, *, expand_environment: bool) -> str:
    if "wrong" in file.name:
        raise ConfigurationError([Mistake(str(file), 3, 1, "site", "is wrong")])
    return file.name


@pytest.fixture
def run() -> Callable[..., int]:
    def run(*arguments: str, error: Exception | None = None) -> int:
        async def serve(flags: ServiceFlags, parsed: argparse.Namespace) -> None:
            if error is not None:
                raise error

        parser = service_parser("sunhelm-thing", "Does things.", listen="127.0.0.1:1")
        return run_program(parser, arguments, load, serve, wrong=Wrong, unusable=Unusable)

    return run


@pytest.mark.parametrize(
    ("error", "status", "told"),
    [
        (None, 0, ""),
        (Wrong("no door"), 2, "sunhelm-thing: no door\n"),
        (Unusable("no address"), 1, "sunhelm-thing: no address\n"),
    ],
)
def test_the_exit_status_tells_how_it_ended(
    run: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
    error: Exception | None,
    status: int,
    told: str,
) -> None:
    assert run(error=error) == status
    assert capsys.readouterr().err == told


def test_a_fault_of_ours_is_not_taken_for_a_wrong_configuration(run: Callable[..., int]) -> None:
    with pytest.raises(KeyError):
        run(error=KeyError("a fault of ours"))


def test_a_check_tells_the_mistakes_of_both_files(
    run: Callable[..., int], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    web = tmp_path / "web.yml"
    web.write_text("tls_server_konfig: {}\n")
    status = run("--config.check", "--config.file", "wrong.yml", "--web.config.file", str(web))

    told = capsys.readouterr().out
    assert status == 2
    assert "wrong.yml:3:1: site: is wrong" in told
    assert "tls_server_konfig" in told


def test_a_check_without_mistakes_names_the_file(
    run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--config.check", "--config.file", "right.yml") == 0
    assert capsys.readouterr().out == "right.yml: no mistakes\n"


def test_json_is_for_checks_only(run: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run("--json")
    assert ended.value.code == 2
    assert "--json needs --config.check" in capsys.readouterr().err
