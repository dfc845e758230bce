"""The outcome log: one row per decision, the feedback on it, and what was spent.

`tables` has the form, `writer` writes it, `budget` has the caps, `queries` what all others ask and
`counts` what they ask first; `export`, `savings`, `events` and `transfer` are asked by commands.
SQL stands nowhere else.
"""
