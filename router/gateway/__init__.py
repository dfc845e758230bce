"""The gateway: one address for every tool on the machine.

`service` holds the parts together, `app` and `endpoints` speak HTTP, `serve` runs it.
"""
