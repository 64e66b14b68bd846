"""GoodWe SEC1000 and SEC1000S."""
