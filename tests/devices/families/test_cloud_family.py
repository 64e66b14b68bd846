"""What the devices of one account of a cloud share, and what they do not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sunhelm.devices.families import Surroundings, load_family
from sunhelm.devices.families.accounts import Accounts
from sunhelm.devices.families.cloud_family import CloudFamily
from sunhelm.devices.links.control import HttpControlLink
from sunhelm.devices.links.http import HttpLink
from sunhelm.devices.site import Site, load_site

OWNER = "username: me@example.invalid, password_file: secret"
FAMILIES = {"redback": f"client_id: id, client_secret_file: secret, {OWNER}", "izypower": OWNER}


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest) -> CloudFamily:
    family = load_family(request.param)
    assert isinstance(family, CloudFamily)
    return family


@pytest.fixture
def site(tmp_path: Path, family: CloudFamily) -> Site:
    (tmp_path / "secret").write_text("s3cret")
    (tmp_path / "sunhelm.yml").write_text(
        "site: {name: home, zone: Europe/Paris}\n"
        f"accounts:\n  mine: {{family: {family.name}, {FAMILIES[family.name]}}}\n"
        f"devices:\n  roof: {{family: {family.name}, account: mine}}\n"
    )
    return load_site(tmp_path / "sunhelm.yml").site


@pytest.fixture
def surroundings(site: Site) -> Surroundings:
    return Surroundings(site.zone, accounts=Accounts(site.accounts))


def links(cloud: object) -> list[HttpLink]:
    return [value for value in vars(cloud).values() if isinstance(value, HttpLink)]


async def test_devices_in_the_same_role_share_an_account(
    family: CloudFamily, surroundings: Surroundings
) -> None:
    one, two = family.share("mine", surroundings), family.share("mine", surroundings)
    control = family.share("mine", surroundings, link_class=HttpControlLink, role="control")
    assert one.shared is two.shared
    assert one.shared is not control.shared
    for lease in (one, two, control):
        await lease.close()


async def test_only_who_commands_gets_links_that_can_write(
    family: CloudFamily, surroundings: Surroundings
) -> None:
    reader = family.share("mine", surroundings)
    control = family.share("mine", surroundings, link_class=HttpControlLink, role="control")
    assert {type(link) for link in links(reader.shared)} == {HttpLink}
    assert {type(link) for link in links(control.shared)} == {HttpControlLink}
    for lease in (reader, control):
        await lease.close()


async def test_a_device_without_an_account_is_refused(
    family: CloudFamily, site: Site, surroundings: Surroundings
) -> None:
    config = replace(site.devices["roof"], account=None)
    with pytest.raises(ValueError, match="roof has no account"):
        family.open(config, surroundings)
