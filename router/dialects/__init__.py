"""What clients speak, over the two dialects that backends speak (`router.wire`).

`base` is the seam; every other file is one dialect, and `table` lists them. Pure, like `wire`.
"""
