"""Signals as a log of a few would have them: every silence among them, at what it is worth."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from router.labels.label import Signal
from router.labels.silence import told_by


def weighed(signals: Sequence[Signal], audited: Collection[str]) -> list[Signal]:
    """`signals` with silence at what the audited say of it; without it where they are few."""
    loud = [s for s in signals if s.source != "quiet"]
    silent = {(s.decision, s.tier) for s in signals if s.source == "quiet"}
    if (told := told_by(loud, audited, silent)) is None:
        return loud
    score, worth = told
    heard = [replace(s, score=score, worth=worth) for s in signals if s.source == "quiet"]
    return [*loud, *heard]
