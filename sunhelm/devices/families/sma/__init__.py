"""SMA inverters, batteries and Home Managers."""
