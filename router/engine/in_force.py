"""Everything that decides about requests and can be exchanged while some are under way."""

import hashlib
from dataclasses import dataclass

from router.decide.router import Router
from router.engine.batch import Batcher
from router.privacy import PrivacyFilter
from router.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Everything that can be exchanged while requests are under way.

    `version` names the settings, the operating point and the model together, 8 hexadecimal digits.
    """

    settings: Settings
    router: Router
    privacy_filter: PrivacyFilter
    version: str
    batcher: Batcher
    challenger: Router | None = None  # decides in shadow

    @classmethod
    def of(
        cls,
        settings: Settings,
        router: Router,
        privacy_filter: PrivacyFilter,
        challenger: Router | None = None,
    ) -> "Policy":
        """The policy that these make."""
        parts = (
            router.version,
            router.local_model,
            router.cloud_model,
            router.operating_point.words(),
            repr(router.operating_point),
            router.confidence,
            router.look_price,
            settings.cascade,
            settings.stream_wait,
            settings.exploration,
            settings.second_model,
            settings.failover,
        )
        version = hashlib.sha256(repr(parts).encode()).hexdigest()[:8]
        return cls(
            settings=settings,
            router=router,
            privacy_filter=privacy_filter,
            version=version,
            batcher=Batcher(router.decide_batch),
            challenger=challenger,
        )
