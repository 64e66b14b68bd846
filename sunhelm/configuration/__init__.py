"""Configuration files: read with the place of every value, validated with every mistake at once."""
