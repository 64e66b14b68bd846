"""A Victron GX device and all that hangs behind it, as its Modbus TCP server shows them."""

from __future__ import annotations

from sunhelm.simulator.faces.victron.face import VictronFace
from sunhelm.simulator.faces.victron.layout import HOUSE

__all__ = ["HOUSE", "VictronFace"]
