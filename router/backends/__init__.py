"""What answers: a local server that speaks OpenAI's dialect, and Claude.

`base` is the seam; `local` and `claude` build requests for it, `http` sends them.
"""
