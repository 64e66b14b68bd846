"""The dashboards tried on days of a simulated house, in a real Prometheus and as a picture.

`history` makes the samples, `server` puts them into a Prometheus, `picture` draws a dashboard from it.
"""
