"""From a request to an answer: decide, ask, look, escalate or fall back, and write it down.

`call` is a request as it came, `record` the same on its way. `rules` decides (pure), `plan` gathers
what it needs, `dispatcher` acts, `cascade` and `second_opinion` judge local answers, `aside` asks a
tier outside of any request. `in_force` is what can be exchanged meanwhile.
"""
