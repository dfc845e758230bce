"""`python -m training`, a file for each group of commands.

A command imports what it needs when it runs, so that `--help` and mistakes are answered at once.
"""
