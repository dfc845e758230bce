"""The outcome log: one row per decision, the feedback on it, and what was spent.

`tables` has the form, `log` the writer, `budget` the caps, `export` and `savings` read it.
"""
