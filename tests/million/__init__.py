"""What the commands take on a log of a million requests."""
