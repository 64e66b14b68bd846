"""Devices and clouds: how they are found, read and understood. Knows no Prometheus, InfluxDB or alert."""
