"""What a site file says of a Redback account, and what is wrong with one."""

from __future__ import annotations

from pathlib import Path

import pytest

from sunhelm.devices.site import SiteError, load_site

RIGHT = "{family: redback, client_id: a, client_secret_file: s}"
DEVICE = "{family: redback, account: mine}"


def mistakes(tmp_path: Path, account: str, device: str = DEVICE) -> list[str]:
    file = tmp_path / "sunhelm.yml"
    site = "site: {name: home, zone: Australia/Sydney}"
    file.write_text(f"{site}\naccounts:\n  mine: {account}\ndevices:\n  roof: {device}\n")
    try:
        load_site(file)
    except SiteError as error:
        return [str(mistake).partition(": ")[2] for mistake in error.mistakes]
    return []


def test_an_account_and_a_device_of_it_are_enough(tmp_path: Path) -> None:
    assert mistakes(tmp_path, RIGHT) == []
    assert mistakes(tmp_path, RIGHT, "{family: redback, account: mine, serial: RB21011500000071}") == []


@pytest.mark.parametrize(
    ("account", "device", "words"),
    [
        ("{family: redback, client_secret_file: s}", DEVICE, "client_id: is missing; an account of family"),
        ("{family: redback, client_id: a}", DEVICE, "client_secret: is missing"),
        (f"{RIGHT[:-1]}, username: me}}", DEVICE, "password: is missing; it goes with username"),
        (f"{RIGHT[:-1]}, token_file: t}}", DEVICE, "token_file: is of no use to family redback; client_id, "),
        ("{family: redback, client_id: a, client_secret: b}", DEVICE, "holds a secret; keep it in a file"),
        (f"{RIGHT[:-1]}, url: ftp://x}}", DEVICE, "is not the address of a service"),
        (RIGHT, "{family: redback}", "account: is missing; family redback needs it"),
        (
            RIGHT,
            "{family: redback, account: mine, host: 192.0.2.1}",
            "host: family redback is reached",
        ),
        (RIGHT, "{family: redback, account: mine, refresh: 5s}", "refresh: "),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, account: str, device: str, words: str) -> None:
    (one,) = mistakes(tmp_path, account, device)
    assert words in one
