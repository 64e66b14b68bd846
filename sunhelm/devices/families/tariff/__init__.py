"""Tables of prices from the site file."""
