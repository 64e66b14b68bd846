"""Devices and clouds: how they are found, read and understood. Knows no Prometheus, InfluxDB or alert.

A library of its own. `sunhelm.devices.device` shows the five lines that read a device.
"""
