"""Izypower (Isypower): micro-inverters, meters, batteries and EV chargers, as their cloud tells."""
