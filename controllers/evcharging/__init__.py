"""EV chargers, regulated: from the grid, from excess PV, or both, with caps on energy and import."""
