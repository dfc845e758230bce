"""Fitting heads and verifier, calibrating them, and making arrays that serve."""
