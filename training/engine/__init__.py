"""How work on pieces of data is spread and its results are brought together; not what the work is."""
