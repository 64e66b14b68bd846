"""The dongle of a Sessy battery, and of the P1 meter beside it."""

from sunhelm.simulator.faces.sessy.dongle import BatteryDongle, P1Dongle

__all__ = ["BatteryDongle", "P1Dongle"]
