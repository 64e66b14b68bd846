"""Policies of the site file: which alert asks for which state, checked against what devices can do."""
