"""What a local model can do, measured on tasks whose answers a program can check."""

from router.labelling.probes.load import Probe, load_probes

__all__ = ["Probe", "load_probes"]
