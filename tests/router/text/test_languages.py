"""What the English vocabulary cannot read is read all the same."""

import numpy as np
import pytest

from router.decide.router import Router
from router.text.features import Features, stacked
from router.text.request import request_from_messages, request_from_prompt
from router.text.structure import NAMES

SAME = {  # one sentence in several languages
    "en": "Please explain the difference between a contract and a law.",
    "ru": "Пожалуйста, объясни разницу между договором и законом.",
    "zh": "请解释一下合同和法律之间的区别是什么。",
    "ja": "契約と法律の違いを説明してください。",
    "ko": "계약과 법률의 차이를 설명해 주세요.",
    "th": "ช่วยอธิบายความแตกต่างระหว่างสัญญากับกฎหมายหน่อย",
    "ar": "من فضلك اشرح الفرق بين العقد والقانون.",
    "hi": "कृपया अनुबंध और कानून के बीच का अंतर समझाइए।",
    "el": "Εξήγησέ μου τη διαφορά μεταξύ σύμβασης και νόμου.",
    "pl": "Proszę, wyjaśnij różnicę między umową a ustawą.",
}
LENGTH, WORDS = NAMES.index("text length"), NAMES.index("number of words")


def features(router: Router, *texts: str) -> Features:
    return router.extractor.extract([request_from_prompt(t) for t in texts])


def tokens(router: Router, text: str) -> set[str]:
    return {router.extractor.tokens[i] for i in features(router, text).words[0]}


def test_the_same_sentence_is_about_as_long_in_every_language(router: Router) -> None:
    structure = features(router, *SAME.values()).structure
    assert np.ptp(structure[:, LENGTH]) < np.log(1.8)
    assert np.ptp(structure[:, WORDS]) < np.log(2.5)


@pytest.mark.parametrize("language", sorted(set(SAME) - {"en"}))
def test_what_it_wants_is_known_in_english(router: Router, language: str) -> None:
    assert "explain" in tokens(router, SAME[language])


@pytest.mark.parametrize(
    ("text", "word"),
    [("Jelaskan ini dengan rinci", "explain"), ("Vertaal dit naar het Engels", "translate")],
)
def test_languages_in_plain_letters_are_looked_up_too(router: Router, text: str, word: str) -> None:
    for _ in range(2):  # the second time, its words are remembered
        assert word in tokens(router, text)
    assert word not in tokens(router, "Tell me more of it")


def test_english_has_no_syllables_and_other_scripts_have(router: Router) -> None:
    found = features(router, "It’s naïve – isn’t it?", *SAME.values())
    assert len(features(router, SAME["en"]).syllables.flat) == 0
    assert len(found.syllables[0]) == 2, "the four-letter runs of one word"
    assert (found.syllables.sizes[2:] > 5).all()


def test_one_word_in_two_endings_shares_its_beginning(router: Router) -> None:
    one, other, apart = (
        set(features(router, t).syllables[0]) for t in ("договор", "договором", "мир")
    )
    assert one < other and not one & apart


def test_a_batch_gives_what_single_requests_do(router: Router) -> None:
    whole = features(router, *SAME.values())
    single = stacked([features(router, text) for text in SAME.values()])
    assert np.allclose(whole.structure, single.structure)
    assert np.allclose(whole.embedding, single.embedding, atol=1e-6)
    assert whole.syllables.flat.tolist() == single.syllables.flat.tolist()
    back = whole.take(np.arange(len(SAME))[::-1])
    assert back.syllables[0].tolist() == whole.syllables[len(SAME) - 1].tolist()


@pytest.mark.parametrize(
    "text",
    [
        "\u0e33" * 50_000,
        "\ufdfa" * 9000,
        "a\u0301" * 9000,
        "𐍈𐍉" * 5000,
        "？！" * 5000,
        "\U0010ffff" * 999,
    ],
    ids=["Thai", "ligatures", "combining", "Gothic", "signs", "beyond"],
)
def test_strange_scripts_are_decided(router: Router, text: str) -> None:
    decision = router.predict(text)
    assert 0 < decision.p_local < 1 and 0 < decision.p_cloud < 1


def test_tools_and_rounds_matter_and_do_not_explode(router: Router) -> None:
    """A dozen tools and sixty rounds: no more than the few that outcomes could teach."""
    tools = [{"type": "function", "function": {"name": f"tool_{i}"}} for i in range(12)]
    asked = {
        "role": "user",
        "content": "Book the flight that we found, for two, on Friday morning.",
    }

    def decided(rounds: int, tools: list[dict[str, object]]) -> tuple[float, float]:
        turns = [
            {"role": role, "content": "done"}
            for _ in range(rounds)
            for role in ("assistant", "tool")
        ]
        request = request_from_messages([asked, *turns], tools)
        found = router.predict_batch([request])
        return float(found.p_local[0]), float(found.p_cloud[0])

    alone, few, many = decided(0, []), decided(4, tools), decided(60, tools)
    assert decided(0, tools) != alone
    assert few[0] < alone[0], "a task of several calls is done only when all of them are right"
    assert 0.01 < many[0] <= few[0] and 0.01 < many[1] <= few[1]
    assert many[1] > many[0]
