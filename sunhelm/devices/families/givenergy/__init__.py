"""GivEnergy inverters and batteries."""
