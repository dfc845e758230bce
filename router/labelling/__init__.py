"""The asking half of the loop: second opinions, probes, a judge, and watching over the model.

What is learned from it is `training`'s.
"""

from collections.abc import Callable

Progress = Callable[[int, int], None]  # how many are done, and of how many
