"""A request's text to numbers: what routing reads of it, its tokens, structure and features."""
