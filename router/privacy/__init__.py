"""The privacy wall: what is private stays on the machine.

`detectors` find, `views` undo disguises, `wall` scans whole requests and clears those that may
leave. Only what the wall has cleared can be sent by the cloud backend.
"""

from router.privacy.wall import Clearance, Finding, Screening, Wall

__all__ = ["Clearance", "Finding", "Screening", "Wall"]
