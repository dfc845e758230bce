"""The fast tokenisation gives the ids of the tokenizer it stands in for."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.decide.default import default_router
from router.decide.router import Router
from router.text import wordpiece
from router.text.constants import MAX_TOKENS
from router.text.wordpiece import WordPiece
from training.data.dataset import Dataset

ODD = [
    "a[UNK]b",
    "[PAD]",
    "x\x00y",
    "\x7f",
    "a\x0bb",
    "\x1c",
    "a\x85b",
    "a b",
    "",
    " \t\n",
    "_foo__bar",
    "## #ing",
    "supercalifragilistic" * 6,
    "don't",
    "naïve café",
    "日本語",
    "e=mc^2",
    "ΟΔΟΣ ΣΊΣΥΦΟΣ İSTANBUL Straße",
    "“It’s — well… 5€” said\u00a0she\u200b\u200b \u200b",
    "한국어 " * 400,
]


def expected(router: Router, texts: list[str]) -> list[list[int]]:
    encoded = router.extractor.wordpiece.tokenizer.encode_batch_fast(
        texts, add_special_tokens=False
    )
    return [e.ids for e in encoded]


def test_ids_equal_the_tokenizers(router: Router, everyday: Dataset) -> None:
    texts = [*everyday.prompts["prompt"].tolist(), *ODD, "long words " * 2000]
    assert router.extractor.wordpiece.ids(texts) == expected(router, texts)


@given(st.text(st.characters(max_codepoint=127), max_size=200))
def test_any_ascii_text_has_the_tokenizers_ids(text: str) -> None:
    router = default_router()
    assert router.extractor.wordpiece.ids([text]) == expected(router, [text])


@given(st.lists(st.one_of(st.text(max_size=40), st.sampled_from(ODD)), max_size=6), st.data())
def test_any_text_has_the_tokenizers_ids(parts: list[str], data: st.DataObject) -> None:
    """Signs of any script, spaces of any kind, and words that were met before."""
    router = default_router()
    text = data.draw(st.sampled_from([" ", "\u3000", "\u2028", "’", "ß"])).join(parts)
    assert router.extractor.wordpiece.ids([text, text]) == expected(router, [text, text])


def test_what_was_read_before_changes_nothing(
    router: Router, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = ["explicar/" * 30, "por que, explicar. (demuestra)", "the cat, explicar"]
    piece = WordPiece(router.extractor.wordpiece.tokenizer, MAX_TOKENS)
    fresh = [WordPiece(piece.tokenizer, MAX_TOKENS).ids([text], lexicon=True)[0] for text in texts]
    monkeypatch.setattr(wordpiece, "CHUNKS_REMEMBERED", 2)
    assert piece.ids(texts * 2, lexicon=True) == fresh * 2


def test_what_the_lexicon_remembers_changes_nothing(router: Router, everyday: Dataset) -> None:
    """Stems of several words are found wherever their first word was met before."""
    lexicon = router.extractor.wordpiece.lexicon
    phrases = [stem for stems in lexicon._several.values() for stem in stems]
    texts = [*everyday.prompts["prompt"].str.lower(), *phrases]
    texts += [f"({a}, {b.split()[0]}\n{a}" for a, b in pairwise(phrases)]
    assert len(phrases) > 100
    assert [lexicon.of_text(t) for t in texts] == [lexicon._scanned(t) for t in texts]
