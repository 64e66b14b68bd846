"""A simulated SUN2000 at midday whose time stands still; prints its port."""

from __future__ import annotations

import asyncio

from sunhelm.simulator.site import SimulatedSite

MIDDAY = 1_782_036_000.0  # 21 June 2026, 12:00 in Amsterdam


async def main() -> None:
    async with SimulatedSite(faces=["huawei"], start=MIDDAY, live=False) as site:
        print(site.endpoints["huawei"].port, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
