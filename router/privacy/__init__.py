"""The privacy filter: what is private stays on the machine.

`detectors` find, `views` undo disguises, `filter` scans whole requests and clears those that may
leave. Only what the privacy filter has cleared can be sent by the cloud backend.
"""

from router.privacy.filter import Clearance, PrivacyFilter, Screening

__all__ = ["Clearance", "PrivacyFilter", "Screening"]
