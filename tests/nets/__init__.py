"""Nets that hold behaviour still; `python -m tests.nets.decisions` knots them anew."""
