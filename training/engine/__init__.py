"""How work on pieces of data is spread and brought together; not what the work is."""
