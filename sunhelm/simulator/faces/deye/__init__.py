"""Deye inverters as their registers show them: hybrids of one and three phases, string, micro."""

from __future__ import annotations

from sunhelm.simulator.faces.deye.face import DeyeFace

__all__ = ["DeyeFace"]
