"""Holding the first words of a stream until the verifier has judged its beginning."""

from dataclasses import dataclass, replace

from router.answers.constants import MARKS
from router.decide.router import Router
from router.engine.cascade import answer_of, head_read, spoken
from router.types import Decision
from router.wire.summary import Summary


@dataclass(frozen=True, slots=True)
class Held:
    """What was held of a stream: its first characters, for how many seconds, and until when.

    `until`: the beginning that decided ("120", "240" or "480" characters), "end" where the answer
    ended first, "time" where the time was up.
    """

    chars: int
    seconds: float
    until: str


class Hold:
    """How far one stream is read before its first word is given, and what its beginnings say.

    `reach`: characters that come in the time that a person is willing to wait; 0 holds nothing.
    """

    def __init__(self, router: Router, decision: Decision | None, model: str, reach: float) -> None:
        self._router, self._before, self._model = router, decision, model
        self._reach = reach
        self._at = 0  # beginnings that were read
        self._after: Decision | None = None
        self._reading = self.wanted = self._pays()

    @property
    def after(self) -> Decision | None:
        """What the longest beginning that was read says; None before there was one."""
        return self._after

    @property
    def poor(self) -> bool:
        """Whether the answer should be replaced, by its beginning."""
        return self._after is not None and self._after.tier == "cloud"

    def enough(self, so_far: Summary) -> bool:
        """Whether nothing more need be read before what there is may be given or replaced.

        Of a call nobody reads a half: with one in it, an answer is read to its end.
        """
        if so_far.calls:
            return False
        if self._reading:
            self._look(so_far)
        return not self._reading and (self.poor or head_read(so_far.text))

    def held(self, chars: int, seconds: float, over: bool) -> Held | None:
        """What was held, to be noted; None where nothing was for its beginning's sake."""
        if not self.wanted:
            return None
        until = "end" if over else "time" if self._reading else str(MARKS[self._at - 1])
        return Held(chars, seconds, until)

    def _look(self, so_far: Summary) -> None:
        """Judge a beginning, once it is there."""
        text = spoken(so_far.text)
        at = sum(len(text) >= chars for chars in MARKS)
        if at > self._at:
            self._at = at
            answer = replace(answer_of(so_far, self._model), text=text, so_far=True)
            self._after = self._router.predict_after(self._before, answer)
            self._reading = self._pays()

    def _pays(self) -> bool:
        known = self._after or self._before
        if known is None or not self._reach or self._at == len(MARKS):
            return False
        return self._router.reads_on(known, self._at, self._reach)
