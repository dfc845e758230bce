"""The benchmark of holding streams plays by the gateway's rules."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from router.answers.constants import MARKS
from router.decide.router import Router
from router.engine.hold import Hold
from router.errors import DataError
from router.registry.artifact import Artifact
from router.wire.summary import Summary
from tests.conftest import EVERYDAY
from training.bench import streams
from training.bench.streams import Streams, judged, kept, played, run_streams
from training.report import tables as report

PROMPTS = (
    "How many prime numbers are there between 100 and 200?",
    "What is the capital of France?",
    "Summarise the causes of the French revolution in two lines.",
    "Write a haiku about rain.",
)
TEXTS = (
    "That cannot be determined, and I do not have a way to say it. " * 12,
    "There are 21 of them. " * 8,
    "The answer needs a moment of thought; " * 9,
    "Paris.",
)


@pytest.fixture(scope="module")
def answers() -> pd.DataFrame:
    pairs = [(p, t) for p in PROMPTS for t in TEXTS]
    frame = pd.DataFrame(pairs, columns=["prompt", "text"])
    return frame.assign(source="mine", group=frame["prompt"], score=0.0, cloud=1.0)


@pytest.mark.parametrize("reach", [0.0, 130.0, 250.0, 1e9])
@pytest.mark.parametrize("price", [0.0, 0.02])
def test_a_played_stream_is_held_and_replaced_as_the_gateway_would(
    shipped: Artifact, answers: pd.DataFrame, reach: float, price: float
) -> None:
    router = Router(shipped, local_model="small", look_price=price)
    rows = judged(shipped, "small", answers)
    done = played(router.second_look().look, rows, rows.threshold, reach, price)
    for i, (prompt, text) in enumerate(zip(answers["prompt"], answers["text"], strict=True)):
        before = router.predict(prompt)
        if before.tier == "cloud":
            assert done.to_cloud[i] and not done.held[i]
            continue
        hold = Hold(router, before, "small", reach)
        assert done.held[i] == hold.wanted
        read = next((n for n in range(len(text)) if hold.enough(Summary(text=text[:n]))), None)
        if read is None:  # it ended first
            whole = router.predict_after(before, text)
            assert not hold.wanted or done.to_cloud[i] == (whole.tier == "cloud")
        elif hold.wanted:
            assert done.to_cloud[i] == hold.poor
            assert done.waited[i] == max(m for m in MARKS if m <= read)
            assert done.spared[i] == (len(text) - done.waited[i] if hold.poor else 0)


def known(n: int, good: float) -> Streams:
    """Streams of which a whole answer tells all, a prompt nothing."""
    local = (np.arange(n) < good * n) * 1.0
    p = np.full((n, 5, 2), 0.9)
    p[:, :, 0] = 0.7
    p[:, 4, 0] = local
    return Streams(
        source="mine",
        model="small",
        group=np.arange(n).astype(str),
        chars=np.full(n, 1000.0),
        p=p,
        threshold=np.full((n, 5), 0.5),
        local=local,
        cloud=np.ones(n),
    )


def test_who_reads_whole_answers_and_sees_all_of_it_gets_all_there_is(router: Router) -> None:
    found = streams.compared([known(200, 0.7)], streams.policies_of(router), seed=0)
    blind, seeing = found["prompt alone"], found["whole answers"]
    assert blind["apgr"]["value"] == pytest.approx(0.5)
    assert seeing["quality"]["value"] == pytest.approx(1.0)
    assert seeing["apgr gained"]["low"] > 0.2
    assert (blind["held"], blind["seconds"]) == (0.0, 0.0)
    assert seeing["chars"] == 1000
    assert seeing["seconds"] == pytest.approx(1000 / 4 / 30)


def written(folder: Path) -> None:
    """Prompts with outcomes of both tiers and answers, and judged answers without prompts."""
    ids = [f"q{i}" for i in range(300)]
    prompts = pd.DataFrame({"prompt_id": ids, "qkey": ids, "source": "mine", "category": "x"})
    prompts.assign(prompt=[f"How many days have {i} weeks?" for i in range(300)]).to_parquet(
        folder / "mine.prompts.parquet"
    )
    score = np.arange(300) % 2 * 1.0
    outcomes = [
        pd.DataFrame({"prompt_id": ids, "tier": "local", "model": "small", "score": score}),
        pd.DataFrame({"prompt_id": ids, "tier": "cloud", "model": "big", "score": 1.0}),
    ]
    pd.concat(outcomes).to_parquet(folder / "mine.outcomes.parquet")
    texts = [f"There are {7 * i} days in them. " * (1 + i % 30) for i in range(300)]
    answers = pd.DataFrame({"prompt_id": ids, "model": "small", "text": texts})
    answers.to_parquet(folder / "mine.answers.parquet")
    judged = answers.assign(prompt_id="j" + answers["prompt_id"], tier="local", judge="gpt")
    judged.assign(score=score).to_parquet(folder / "judged.answers.parquet")


def test_kept_answers_of_groups_that_no_fit_saw_are_replayed(
    tmp_path: Path, shipped: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path)
    monkeypatch.setattr(streams, "LEAST_STREAMS", 10)
    frame = kept(tmp_path)
    assert set(frame["source"]) == {"mine", "judged"}
    assert 20 < len(frame) < 120  # a tenth of each
    assert frame.loc[frame["source"] == "judged", "prompt"].isna().all()
    found = run_streams(tmp_path, shipped, everyday=EVERYDAY)
    for source in found["sources"].values():
        policies = source["policies"]
        assert policies["prompt alone"]["held"] == 0
        assert policies["whole answers"]["chars"] >= policies["every beginning"]["chars"]
    waits = list(found["everyday"]["held"].values())
    assert waits == sorted(waits)
    assert waits[1] < 0.5  # at the default most streams are not held
    console = Console(record=True, width=140)
    report.streams(console, found)
    said = console.export_text()
    assert "stream_wait 2 s" in said and "Everyday" in said


def test_a_folder_without_such_answers_is_told_so(tmp_path: Path) -> None:
    written(tmp_path)
    (tmp_path / "judged.answers.parquet").unlink()
    pd.DataFrame({"prompt_id": ["q1"], "model": ["other"], "text": ["x"]}).to_parquet(
        tmp_path / "mine.answers.parquet"
    )
    with pytest.raises(DataError, match="no answers with text and scores"):
        kept(tmp_path)
