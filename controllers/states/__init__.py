"""The state of one device: observed, compared with what is demanded, written within its budget, proven."""
