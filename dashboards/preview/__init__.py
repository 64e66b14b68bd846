"""The dashboards tried on simulated houses, in a real Prometheus and as a picture.

`life` lets simulated devices and a real exporter live through a span of time, `history` keeps what they
told, `houses` says which devices and what happens to them, `server` puts it into a Prometheus, and
`picture` draws a dashboard from it.
"""
