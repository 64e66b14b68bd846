"""What redbacktechpy reads of an account, and with `command` what it makes there, as JSON.

python read_redback.py BASE_URL CLIENT_ID SECRET EMAIL PASSWORD [command]

Run by a Python that has the library. Its three hosts are all at the base URL.
"""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

from redbacktechpy import redbacktech_client


async def main(base: str, client_id: str, secret: str, email: str, password: str, *act: str) -> None:
    url = f"{base}/"
    redbacktech_client.BaseUrl = SimpleNamespace(OAUTH=url, API=url, PORTAL=url)
    client = redbacktech_client.RedbackTechClient(client_id, secret, email, password)
    data = await client.get_redback_data()
    if act:
        serial = client._serial_numbers[0]
        key = serial[-4:]  # as the library calls its devices
        site = client._redback_site_ids[0]
        now = datetime.now(UTC)
        start = now.strftime("%Y-%m-%dT%H:%M:%SZ")
        end = (now + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        await client.create_operating_envelope("Peer", start, end, site, 10000, 500, 10000, 10000, 10000)
        await client.create_schedule_service(f"{key}inv", "ChargeBattery", 1500, 25, start)
        await client.set_inverter_mode_portal(key, "Conserve", 0)
    told = {id_: entity.data for id_, entity in data.entities.items()}
    json.dump({"entities": told}, sys.stdout, default=str)
    await client.close_sessions()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
