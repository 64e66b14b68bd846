"""SunSpec: data alone."""
