"""Victron GX devices: every service that the Modbus TCP server of Venus OS lists."""
