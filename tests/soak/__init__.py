"""A siege of the gateway: mixed traffic while everything around it fails; see `__main__`."""
