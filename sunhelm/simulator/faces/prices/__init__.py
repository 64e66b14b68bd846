"""Servers of energy prices, in the formats of four markets."""

from sunhelm.simulator.faces.prices.market import Market
from sunhelm.simulator.faces.prices.server import PriceServer

__all__ = ["Market", "PriceServer"]
