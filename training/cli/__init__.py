"""`python -m training`, a file for each group of commands."""
