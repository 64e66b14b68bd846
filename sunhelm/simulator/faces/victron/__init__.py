"""A Victron GX device and all that hangs behind it, as its Modbus TCP server shows them."""

from __future__ import annotations

from sunhelm.simulator.faces.victron.face import VictronFace

__all__ = ["VictronFace"]
