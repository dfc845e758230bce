"""From a request to an answer: decide, ask, look, escalate or fall back, and write it down.

`rules` decides (pure), `planner` gathers what it needs, `dispatcher` acts, `cascade` judges local
answers, `metered` pays, `record` keeps the row of the outcome log.
"""
