"""Faces: one simulated system a file, on its own wire protocol."""
