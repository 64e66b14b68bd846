"""What devices do from one moment to another, by themselves or because we keep the time."""
