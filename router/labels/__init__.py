"""What happened to an answer, and what that says of its quality."""
