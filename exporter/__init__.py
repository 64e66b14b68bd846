"""The exporter: readings out, to Prometheus and InfluxDB."""
