"""Redback Technologies: inverters and batteries behind a cloud, and the portal of their owners."""
