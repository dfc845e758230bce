"""An answer to numbers: what it says in the end, its form, and how far two agree."""
