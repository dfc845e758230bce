"""The asking half of the loop: second opinions, probes, a judge, and watching over the model.

What is learned from it is `training`'s.
"""
