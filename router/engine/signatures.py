"""Which model signed which thinking: a signature is valid for that model alone."""

import hashlib
from collections import OrderedDict
from collections.abc import Iterable

from router.engine.constants import SIGNATURES_REMEMBERED


class Signatures:
    """Remembers, by hash, the model of every signature that passed by.

    >>> known = Signatures()
    >>> known.remember(["EqQB"], "claude-sonnet-5-5")
    >>> known.written_by("EqQB"), known.written_by("other")
    ('claude-sonnet-5-5', None)
    """

    def __init__(self) -> None:
        self._models: OrderedDict[bytes, str] = OrderedDict()

    def remember(self, signatures: Iterable[str], model: str) -> None:
        """Note who wrote them."""
        for signature in signatures:
            if signature:
                self._models[_hash(signature)] = model
        while len(self._models) > SIGNATURES_REMEMBERED:
            self._models.popitem(last=False)

    def written_by(self, signature: str) -> str | None:
        """The model, or None for a signature that was not made through this gateway."""
        return self._models.get(_hash(signature)) if signature else None


def _hash(signature: str) -> bytes:
    return hashlib.blake2b(signature.encode("utf-8", "replace"), digest_size=16).digest()
