"""Links: one file a transport. Third-party clients stay here."""
