"""The gateway's fixtures, for the tests of the loop."""

from tests.gateway.conftest import _loaded_once, cloud, llama, local, run

__all__ = ["_loaded_once", "cloud", "llama", "local", "run"]
