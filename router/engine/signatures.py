"""Which model signed which thinking: a signature is valid for that model alone."""

from collections import OrderedDict
from collections.abc import Iterable

from router.engine.constants import SIGNATURES_REMEMBERED
from router.outcomes.shared import Note, Shared, hashed

SIGNATURE = "signature"


class Signatures:
    """Remembers, by hash, the model of every signature that passed by.

    `shared`: with other gateways, where there are some.

    >>> known = Signatures()
    >>> known.remember(["EqQB"], "claude-sonnet-5-5")
    >>> known.written_by("EqQB"), known.written_by("other")
    ('claude-sonnet-5-5', None)
    """

    def __init__(self) -> None:
        self.shared: Shared | None = None
        self._models: OrderedDict[str, str] = OrderedDict()

    def remember(self, signatures: Iterable[str], model: str) -> None:
        """Note who wrote them."""
        for signature in signatures:
            if signature:
                self.heard(name := _hash(signature), model)
                if self.shared is not None:
                    self.shared.put(Note(SIGNATURE, name, model))

    def written_by(self, signature: str) -> str | None:
        """The model, or None for a signature that was not made through these gateways."""
        return self._models.get(_hash(signature)) if signature else None

    async def look_up(self, signatures: Iterable[str]) -> None:
        """Ask the other gateways about those that are not known here."""
        if self.shared is None:
            return
        missing = {name for s in signatures if s and (name := _hash(s)) not in self._models}
        for name, model in (await self.shared.get(SIGNATURE, missing)).items():
            self.heard(name, model)

    def heard(self, name: str, model: str) -> None:
        """Note who wrote the signature with this hash."""
        self._models[name] = model
        while len(self._models) > SIGNATURES_REMEMBERED:
            self._models.popitem(last=False)


def _hash(signature: str) -> str:
    return hashed(signature.encode("utf-8", "replace"))
