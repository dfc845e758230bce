"""Learns the models that `router` serves; imports `router`, never the reverse."""
