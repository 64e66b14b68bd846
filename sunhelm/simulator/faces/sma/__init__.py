"""SMA devices as their Modbus servers show them: a Sunny Island, a storage, a hybrid, an inverter."""

from __future__ import annotations

from sunhelm.simulator.faces.sma.face import SmaFace
from sunhelm.simulator.faces.sma.home_manager import HomeManagerFace

__all__ = ["HomeManagerFace", "SmaFace"]
