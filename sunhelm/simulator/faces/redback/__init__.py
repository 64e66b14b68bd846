"""Redback's cloud: the API, its sign-in and the owners' portal, before a simulated house."""

from sunhelm.simulator.faces.redback.cloud import CLIENT_ID, EMAIL, PASSWORD, SECRET, RedbackCloud

__all__ = ["CLIENT_ID", "EMAIL", "PASSWORD", "SECRET", "RedbackCloud"]
