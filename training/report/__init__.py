"""Results as tables for a person."""
