"""Izypower's cloud before a simulated house."""

from sunhelm.simulator.faces.izypower.cloud import EMAIL, PASSWORD, IzypowerCloud

__all__ = ["EMAIL", "PASSWORD", "IzypowerCloud"]
