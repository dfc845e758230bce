"""The first minute: what is on this machine, the settings file, the key's place, the service."""
