"""Deye and Sunsynk inverters."""
