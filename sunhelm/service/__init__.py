"""What both processes share: flags, logs, TLS and authentication, health, reload."""
