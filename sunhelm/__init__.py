"""Watch and steer home-solar equipment: the library under the exporter and the controller."""

__version__ = "0.1.0"
