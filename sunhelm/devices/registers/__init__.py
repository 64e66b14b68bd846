"""Registers: what words mean, and which to read together. Pure; no input or output."""
