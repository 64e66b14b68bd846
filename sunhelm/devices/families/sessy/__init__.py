"""Sessy home batteries and their meters, by the interface of each dongle."""
