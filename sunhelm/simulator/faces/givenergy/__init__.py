"""GivEnergy: a data adapter, and the inverters behind it."""

from __future__ import annotations

from sunhelm.simulator.faces.givenergy.dongle import Dongle
from sunhelm.simulator.faces.givenergy.face import GivEnergyFace
from sunhelm.simulator.faces.givenergy.kinds import ALL_IN_ONE, HYBRID, THREE_PHASE, Kind
from sunhelm.simulator.faces.givenergy.recorded import RecordedFace

__all__ = ["ALL_IN_ONE", "HYBRID", "THREE_PHASE", "Dongle", "GivEnergyFace", "Kind", "RecordedFace"]
