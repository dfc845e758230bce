"""Each way of learning, from its data to a version."""
