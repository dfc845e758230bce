"""A log and files of outcomes that mean harm: the other rows teach, or a sentence says why not."""

from pathlib import Path

import pytest
from sqlalchemy import text

from router.decide.router import Router
from router.errors import DataError
from router.outcomes import export
from router.outcomes.savings import savings
from router.registry.artifact import Artifact
from tests.training import logs
from tests.training.pipelines.test_learn import window_of
from training.data.readers import read

DEEP = "[" * 50_000 + "]" * 50_000
HARM = {
    "a request nested without end": ("request", DEEP),
    "half a request": ("request", '{"half'),
    "a list": ("request", "[1]"),
    "messages that are none": ("request", '{"messages": 5}'),
    "content that is none": ("request", '{"messages": [{"role": "user", "content": {"a": 1}}]}'),
    "bytes for a request": ("request", b"\xff\xfe"),
    "bytes for an answer": ("answer", b"\xff\xfe"),
    "calls nested without end": ("answer", 'x\n[{"name": ' + DEEP),
    "checks that are none": ("checks", "[[[["),
    "checks of another form": ("checks", '{"a": 1}'),
    "kinds that are none": ("private_kinds", '{"a'),
    "features that are none": ("features", b"\x00\x01"),
    "a propensity of nought": ("propensity", 0.0),
}


@pytest.mark.parametrize("name", HARM)
def test_a_hostile_row_is_left_out_and_the_others_are_read(
    tmp_path: Path, router: Router, shipped: Artifact, name: str
) -> None:
    engine = logs.log(tmp_path, router, logs.prompts(12), logs.contrary, studied=True)
    column, value = HARM[name]
    with engine.begin() as connection:
        harmed = f"UPDATE decisions SET {column} = :value WHERE id = 'd00003'"
        connection.execute(text(harmed), {"value": value})
    assert len(list(export.outcomes(engine))) >= 11
    assert len(list(export.answers(engine))) >= 11
    assert window_of(engine, shipped).signals
    assert savings(engine)
    engine.dispose()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("deep.jsonl", b'{"prompt": ' + DEEP.encode() + b"}\n"),
        ("deep messages.jsonl", b'{"messages": "' + DEEP.encode() + b'"}\n'),
        ("nul.csv", b"prompt\x00,score\n\x00,1\n"),
        ("wide.csv", b",".join(b"c%d" % i for i in range(20_000)) + b"\n"),
        ("pickle.parquet", b"\x80\x04\x95cos\nsystem\n."),
        ("numbers.jsonl", b'{"prompt": "a", "score": 1e999, "tier": ' + b"9" * 5000 + b"}\n"),
        ("formula.csv", b"prompt,tier,model,score\n=cmd|'/c calc'!A1,local,m,=1+1\n"),
    ],
)
def test_a_hostile_file_is_refused_by_name(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=name.split(".")[0]):
        read(tmp_path / name)
