"""The gateway: one address for every tool on the machine.

`routes` and `endpoints` speak HTTP, `serve` runs it; `router.app` holds the parts together.
"""
