"""Labels from agreement among models that err alike: what anchors find, and what stands without."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from router.decide.dependence import pair_name
from router.labels.label import Label
from router.types import FloatArray
from training.data.log import OF_PAIR, Window
from training.evaluate import metrics
from training.pipelines.dependence import Independent, independent

LOCAL, SECOND = "llama3.1:8b", "qwen2.5:7b"
COUNT, RIGHT, WRONG = 4000, 0.8, 0.2  # answers, and how often a stranger agrees


def window(copied: float, seed: int = 0) -> tuple[Window, FloatArray]:
    """Answers, half of them good, with opinions that repeat some mistakes; and the truth."""
    rng = np.random.default_rng(seed)
    good = rng.random(COUNT) < 0.5
    agrees = rng.random(COUNT) < np.where(good, RIGHT, WRONG)
    agrees |= ~good & (rng.random(COUNT) < copied)
    read = 1 / (1 + np.exp(-np.where(good, 0.5, -0.5) - rng.normal(0, 1, COUNT)))
    odds = np.where(agrees, RIGHT / WRONG, (1 - RIGHT) / (1 - WRONG)) * read / (1 - read)
    with_opinion = odds / (1 + odds)
    ids = [f"d{i}" for i in range(COUNT)]
    p = np.column_stack([with_opinion, np.full(COUNT, 0.9)])
    of_pair = np.column_stack([read, np.full(COUNT, 0.9), p])
    soft = pd.DataFrame(
        {"decision": ids, "local_model": LOCAL, "second_model": SECOND, "weight": 0.3}
        | {"p_local": p[:, 0], "p_cloud": p[:, 1]}
        | dict(zip(OF_PAIR, of_pair.T, strict=True))
    )
    frame = pd.DataFrame({"id": ids, "p_local": 0.5, "p_cloud": 0.9})
    made = Window(frame=frame, features=None, signals=[], soft=soft, digest="")  # type: ignore[arg-type]
    return made, good * 1.0


def labels(good: FloatArray, at: Sequence[int], source: str = "user") -> list[Label]:
    return [
        Label(
            decision=f"d{i}",
            group=f"g{i}",
            tier="local",
            score=float(good[i]),
            weight=1.0,
            source=source,
            at=0.0,
        )
        for i in at
    ]


def heard(
    copied: float, anchors: int, drawn: bool = True
) -> tuple[Independent, FloatArray, Window]:
    made, good = window(copied)
    said = labels(good, range(anchors))
    found = independent(made, said, {x.decision for x in said} if drawn else set(), {})
    return found, good, made


@pytest.mark.parametrize("copied", [0.0, 0.1, 0.15, 0.3, 0.5])
def test_labels_stay_calibrated_when_a_second_model_copies_mistakes(copied: float) -> None:
    found, good, made = heard(copied, 150)
    before = made.soft["p_local"].to_numpy()[150:]
    after, truth = found.window.soft["p_local"].to_numpy()[150:], good[150:]
    assert abs(after.mean() - truth.mean()) < 0.05
    assert metrics.ece(after, truth) < max(0.07, 0.8 * metrics.ece(before, truth))
    # A copy always agrees, what is said of a right answer only RIGHT of the time.
    share = copied * (1 - WRONG) / (RIGHT - WRONG)
    assert found.copied[pair_name(LOCAL, SECOND)] == pytest.approx(share, abs=0.12)


def test_the_more_is_copied_the_less_agreement_counts_and_it_is_said() -> None:
    shares = [heard(c, 150)[0].copied[pair_name(LOCAL, SECOND)] for c in (0.0, 0.3, 0.6)]
    assert shares == sorted(shares)
    words = heard(0.6, 150)[0].words
    assert len(words) == 1 and SECOND in words[0] and not heard(0.0, 150)[0].words


def test_without_anchors_agreement_tells_the_order_and_hardly_a_level() -> None:
    levels = []
    for copied in (0.0, 0.5):
        found, good, _ = heard(copied, 0)
        p = found.window.soft["p_local"].to_numpy()
        levels.append(p.mean())
        assert not found.copied and metrics.auc(p, good) > 0.7
    assert levels == pytest.approx([0.5, 0.5], abs=0.03)


def test_volunteers_are_no_anchors() -> None:
    nobody, ratings = heard(0.5, 0)[0], heard(0.5, 150, drawn=False)[0]
    assert not ratings.copied
    same = nobody.window.soft["p_local"].to_numpy()
    assert ratings.window.soft["p_local"].to_numpy() == pytest.approx(same)


def test_what_was_found_before_stands_until_there_is_more() -> None:
    made, good = window(0.0)
    name = pair_name(LOCAL, SECOND)
    few = labels(good, range(2))
    found = independent(made, few, {x.decision for x in few}, {name: 0.4})
    assert found.copied[name] > 0.2
    many = labels(good, range(400))
    assert independent(made, many, {x.decision for x in many}, {name: 0.4}).copied[name] < 0.1


def test_opinions_of_older_logs_are_left_as_they_are() -> None:
    made, good = window(0.3)
    said = labels(good, range(100))
    drawn = {x.decision for x in said}
    old = replace(made, soft=made.soft.drop(columns=list(OF_PAIR)))
    assert independent(old, said, drawn, {}).window is old
    mixed = made.soft.copy()
    mixed.loc[mixed.index[2000:], list(OF_PAIR)] = np.nan
    after = independent(replace(made, soft=mixed), said, drawn, {}).window.soft
    assert (after["p_local"][2000:] == made.soft["p_local"][2000:]).all()
    assert (after["p_local"][:2000] != made.soft["p_local"][:2000]).any()
