"""The status page at `/`: what devices hold and why, readable on a phone, and without any script."""
