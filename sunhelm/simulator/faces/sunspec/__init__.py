"""A hybrid inverter with its meter, as SunSpec's models show them."""

from __future__ import annotations

from sunhelm.simulator.faces.sunspec.face import SunSpecFace

__all__ = ["SunSpecFace"]
