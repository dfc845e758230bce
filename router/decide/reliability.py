"""How far a label from agreement can be relied on: by its kind of evidence, as was measured."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from router.answers.constants import LEAST_RELIABLE
from router.answers.kinds import EVIDENCE


@dataclass(frozen=True, slots=True)
class Reliability:
    """Brier skill of the verifier on rows it was not fitted on, LEAST_RELIABLE..1.

    The share of the outcomes' variance that its probabilities account for: `kinds`, by (index of
    the kind of evidence, number of other opinions), where that was measured, else `overall`, by the
    number of opinions.
    """

    overall: Mapping[int, float] = field(default_factory=dict)
    kinds: Mapping[tuple[int, int], float] = field(default_factory=dict)

    @classmethod
    def of_manifest(cls, verifier: Mapping[str, Any]) -> Self:
        """As a manifest's part `verifier` records it.

        >>> measured = {"prose": {"1 other opinions": {"brier_skill": 0.1}}}
        >>> known = {"metrics": {"1 other opinions": {"brier_skill": 0.4}}, "kinds": measured}
        >>> known = Reliability.of_manifest(known)
        >>> known.of(EVIDENCE.index("prose"), 1), known.of(EVIDENCE.index("call"), 1)
        (0.1, 0.4)
        """
        kinds = {
            (EVIDENCE.index(name), count): skill
            for name, measures in verifier.get("kinds", {}).items()
            if name in EVIDENCE
            for count, skill in _skills(measures).items()
        }
        return cls(_skills(verifier.get("metrics", {})), kinds)

    def of(self, kind: int, others: int, copied: float = 0.0) -> float:
        """Weight of a label by its kind of evidence and the number of opinions behind it.

        `copied`: the share of a voice, 0..1, by which the last opinion is none.
        """
        known = self._of(kind, others)
        if not others or not copied:
            return known
        return known + copied * (min(self._of(kind, others - 1), known) - known)

    def _of(self, kind: int, others: int) -> float:
        return self.kinds.get((kind, others), self.overall.get(others, LEAST_RELIABLE))


def _skills(measures: Mapping[str, Mapping[str, float]]) -> dict[int, float]:
    """Skill by the number of other opinions."""
    return {
        int(count.split()[0]): min(max(m["brier_skill"], LEAST_RELIABLE), 1.0)
        for count, m in measures.items()
    }
