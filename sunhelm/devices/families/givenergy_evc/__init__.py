"""The EV charger of GivEnergy, over plain Modbus TCP."""
