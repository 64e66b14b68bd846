"""What is asked, owed and done, on the disk before a device hears of it."""
