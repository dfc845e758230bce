"""The command line, a file for each group of commands.

A command imports what it needs when it runs: `--help` stays fast, and works without extras.
"""
