"""What is done once: tasks of alerts and people, the clocks of devices, the reset of a watchdog."""
