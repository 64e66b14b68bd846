from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunhelm import __version__
from sunhelm.service.flags import ServiceFlags, service_parser
from sunhelm.service.listen import ListenAddress


def flags(*words: str) -> ServiceFlags:
    return ServiceFlags.of(
        service_parser("sunhelm-test", "Tests.", listen="127.0.0.1:10480").parse_args(words)
    )


def test_without_flags_the_defaults_hold() -> None:
    assert flags() == ServiceFlags(
        config_file=Path("sunhelm.yml"),
        config_check=False,
        json=False,
        expand_environment=False,
        listen_addresses=(ListenAddress("127.0.0.1", 10480),),
        web_config_file=None,
        log_level="info",
        log_format="logfmt",
        runtime_directory=None,
    )


def test_every_flag_is_heard() -> None:
    assert flags(
        "--config.file=a.yml", "--config.check", "--json", "--config.expand-environment-variables",
        "--web.listen-address=:80", "--web.listen-address=[::1]:0", "--web.config.file", "web.yml",
        "--log.level=debug", "--log.format=json", "--runtime.directory=run",
    ) == ServiceFlags(
        config_file=Path("a.yml"),
        config_check=True,
        json=True,
        expand_environment=True,
        listen_addresses=(ListenAddress("", 80), ListenAddress("::1", 0)),
        web_config_file=Path("web.yml"),
        log_level="debug",
        log_format="json",
        runtime_directory=Path("run"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("--web.listen-address=nonsense", "'nonsense' is not an address to listen on; write HOST:PORT"),
        ("--web.listen-address=:99999", "is not an address to listen on"),
        ("--log.level=loud", "invalid choice: 'loud'"),
        ("--config.fil=x", "unrecognized arguments"),
    ],
)
def test_a_wrong_flag_says_what_is_allowed(word: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        flags(word)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_the_version_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        flags("--version")
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(f"sunhelm-test, version {__version__} (Python 3.")


@pytest.mark.parametrize(
    "text", ["127.0.0.1:10480", "[::1]:0", ":10480", "localhost:65535", "[fe80::1%eth0]:80"]
)
def test_an_address_is_written_as_it_is_read(text: str) -> None:
    assert str(ListenAddress.parse(text)) == text


@given(st.text(alphabet="0123456789abcdef:[].%-", max_size=30))
def test_no_text_makes_anything_but_an_address_or_a_refusal(text: str) -> None:
    try:
        address = ListenAddress.parse(text)
    except ValueError:
        return
    assert 0 <= address.port <= 65535
