"""A person's commands: they speak with the controller over its API, and with no device."""
