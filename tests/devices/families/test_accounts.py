"""What devices of one account share is opened once and closed after the last of them."""

from __future__ import annotations

from typing import Any

from sunhelm.devices.families.accounts import Accounts


class Cloud:
    """Counts how often it is closed."""

    def __init__(self, account: Any) -> None:
        self.account = account
        self.closed = 0

    async def close(self) -> None:
        self.closed += 1


async def test_the_last_who_lets_go_closes_it() -> None:
    accounts = Accounts({"mine": "section"})  # type: ignore[dict-item]
    one, two = accounts.share("mine", Cloud), accounts.share("mine", Cloud)
    assert one.shared is two.shared
    assert one.shared.account == "section"
    await one.close()
    await one.close()
    assert one.shared.closed == 0
    await two.close()
    assert one.shared.closed == 1
    assert accounts.share("mine", Cloud).shared is not one.shared


async def test_reading_and_commanding_share_nothing() -> None:
    accounts = Accounts({"mine": "section"})  # type: ignore[dict-item]
    assert accounts.share("mine", Cloud).shared is not accounts.share("mine", Cloud, use="control").shared
