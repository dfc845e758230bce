"""From probabilities to a decision, before and after an answer is there."""
