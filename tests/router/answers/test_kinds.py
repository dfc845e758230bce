"""Kinds of evidence, the form of prose, and what is said of answers like none learned from."""

from dataclasses import replace

import numpy as np
import pytest

from router import Answer, Router
from router.answers.familiar import Familiar, anchored
from router.answers.form import FORM, form_statistics
from router.answers.kinds import EVIDENCE, kind_of_evidence
from router.answers.reading import Reader
from router.answers.verifier import SQUARED
from router.registry.artifact import Artifact
from router.types import Offer

TOOL = {"name": "add", "parameters": {"type": "object", "properties": {"a": {"type": "number"}}}}
CALL = {"name": "add", "arguments": {"a": 1}}


@pytest.fixture(scope="module")
def reader(shipped: Artifact) -> Reader:
    second = Router(shipped).second
    assert second is not None
    return second.reader


@pytest.mark.parametrize(
    ("answer", "offered", "kind"),
    [
        (Answer("7 * 7 = 49"), False, "final answer"),
        (
            Answer("Rain falls when drops grow heavy. It rarely falls from small clouds."),
            0,
            "prose",
        ),
        (Answer("```python\ndef double(x):\n    return 2 * x\n```"), False, "code"),
        (Answer('{"city": "Bern", "people": [1, 2]}'), False, "data"),
        (Answer("", tool_calls=[CALL]), True, "call"),
        (Answer("No function here does that."), True, "no call"),
        (Answer("Rain falls when dro", so_far=True), False, "beginning"),
        (Answer('{"city": "Be', so_far=True), False, "exact beginning"),
        (Answer("", so_far=True), True, "exact beginning"),
        (Answer(""), False, "prose"),
    ],
)
def test_every_answer_is_of_one_kind(
    reader: Reader, answer: Answer, offered: bool, kind: str
) -> None:
    offer = Offer([TOOL], "Add one.") if offered else None
    reading = reader.read([answer], ["text"], [offer])[0]
    assert EVIDENCE[kind_of_evidence(reading, "text")] == kind


def test_an_exams_answer_without_its_final_answer_is_no_prose(reader: Reader) -> None:
    text = "Rain falls when drops grow heavy, rarely from small clouds. " * 2
    reading = reader.read([Answer(text)], ["choice"])[0]
    assert EVIDENCE[kind_of_evidence(reading, "choice")] == "final answer"
    begun = reader.read([Answer(text, so_far=True)], ["choice"])[0]
    assert EVIDENCE[kind_of_evidence(begun, "choice")] == "exact beginning"


def test_the_form_of_prose_is_counted() -> None:
    text = "# Plan\n\n1. Buy **bread**.\n2. Eat it!\n\n- slowly\n* alone\n\nShall we begin?"
    found = form_statistics(text, text, 20, 15)
    assert set(found) == set(FORM)
    counts = {n: round(float(np.expm1(found[n]))) for n in ("list items", "headings", "bold")}
    assert counts == {"list items": 2, "headings": 1, "bold": 1}
    assert found["ends with a question"] == 1 and found["share of distinct words"] == 0.75
    assert form_statistics("", "", 0, 0)["length of words"] == 0
    assert form_statistics("Größe", "Größe", 1, 1)["not ASCII"] > 0


def test_familiarity_falls_with_distance_and_for_kinds_never_seen() -> None:
    size = len(SQUARED)
    known = Familiar(
        support=np.array([1000.0, 0.0]),
        centre=np.zeros((2, size)),
        precision=np.stack([np.eye(size)] * 2),
        level=np.zeros(2),
    )
    near, far = np.zeros((1, size)), np.full((1, size), 4.0)
    first, second = np.array([0]), np.array([1])
    assert known.degree(near, first)[0] == 1
    assert 0 < known.degree(far, first)[0] < 0.5
    assert known.degree(near, second)[0] == 0
    both = known.degree(np.concatenate([near, far]), np.array([0, 0]))
    assert np.allclose(both, [1, known.degree(far, first)[0]])
    assert anchored(np.ones((1, 2)), np.zeros(1), np.full((1, 2), 3.0)).tolist() == [[3.0, 3.0]]


def test_what_is_like_nothing_learned_from_keeps_the_prompts_word(shipped: Artifact) -> None:
    assert shipped.verifier is not None
    blank = {**shipped.verifier, "support": np.zeros(len(EVIDENCE))}
    router = Router(replace(shipped, verifier=blank))
    before = router.predict("How many days do seven weeks have?")
    after = router.predict_after(before, "The answer is 49.", ["It is 50."])
    assert after.p_local == pytest.approx(before.p_local)
    assert after.p_cloud == pytest.approx(before.p_cloud)
    assert after.threshold > before.threshold
    assert "Little like this answer was learned from" in after.reason
    unknown = router.predict_after(None, "The answer is 49.")
    assert 0.4 < unknown.p_local < 0.9 and unknown.tier == "local"


def test_an_unmeasured_model_carries_its_burden_after_reading_too(shipped: Artifact) -> None:
    known, unknown = (Router(shipped, local_model=m) for m in ("llama3.1:8b", "nobody-knows:8b"))
    answer = "Rain falls when drops grow heavy. It rarely falls from small clouds, which hold few."
    for prompt in ("Why does it rain?", None):
        before = [r.predict(prompt) if prompt else None for r in (known, unknown)]
        after = [r.predict_after(b, answer) for r, b in zip((known, unknown), before, strict=True)]
        assert after[1].threshold > after[0].threshold
        assert "burden of proof" in after[1].reason and "burden" not in after[0].reason
    sure = Router(shipped, local_model="nobody-knows:8b", confidence=0.5)
    assert sure.predict_after(None, answer).threshold == pytest.approx(after[0].threshold)
