from dataclasses import replace

import numpy as np
import pytest

from router.labels.label import Label, Signal, capped, labelled, noise
from router.labels.signals import Served, implicit
from router.labels.sources import PER_GROUP, PER_KEY_DAY, SILENCE_WEIGHT
from router.labels.trust import trusted
from tests.silence import weighed

DAY = 86_400.0


def signal(source: str = "user", score: float | None = None, **more: object) -> Signal:
    given = {"decision": "d", "group": "g", "tier": "local", "at": 1.0, **more}
    return Signal(source=source, score=score, **given)  # type: ignore[arg-type]


def label(number: int, score: float, **more: object) -> Label:
    given = {
        "decision": f"d{number}",
        "group": f"g{number}",
        "tier": "local",
        "weight": 1.0,
        "source": "user",
        "at": float(number),
        "key": None,
        **more,
    }
    return Label(score=score, **given)  # type: ignore[arg-type]


def test_a_person_outranks_the_judge_who_outranks_what_happened() -> None:
    every = [signal("quiet"), signal("cut off"), signal("judge", 0.5), signal("user", 1.0)]
    assert [(x.source, x.score) for x in labelled(every)] == [("user", 1.0)]
    assert labelled(every[:3])[0].source == "judge"
    assert labelled(every[:2])[0].source == "cut off"
    assert labelled(every[:1])[0].weight == 0.0


def test_the_last_word_of_a_key_replaces_what_it_said_before() -> None:
    said = [signal("user", 0.0, at=5.0, key="a"), signal("user", 1.0, at=2.0, key="a")]
    assert labelled(said)[0].score == 0.0
    corrected = labelled([signal("user", 1.0, at=1.0), signal("corrected", at=2.0)])[0]
    assert corrected.score == 0.2 and corrected.weight == 1.0


def test_explicit_signals_that_contradict_each_other_count_for_nothing() -> None:
    two = [signal("user", 1.0, key="a"), signal("user", 0.0, key="b")]
    assert labelled(two)[0].weight == 0.0
    milder = labelled([signal("user", 1.0), signal("judge", 0.5)])[0]
    assert milder.weight == 0.5 and milder.score == 1.0


def test_both_tiers_of_a_request_have_labels_of_their_own() -> None:
    found = labelled([signal("judge", 0.0), signal("judge", 1.0, tier="cloud")])
    assert {x.tier: x.score for x in found} == {"local": 0.0, "cloud": 1.0}


def ratings(key: str | None, scores: list[float], step: float = 1.0) -> list[Signal]:
    return [
        signal("user", score, decision=f"d{i}", group=f"g{i}", key=key, at=100.0 + i * step)
        for i, score in enumerate(scores)
    ]


def test_a_flood_from_one_key_counts_as_a_days_worth() -> None:
    found = trusted(ratings("bot", [float(i % 2) for i in range(1000)]), {})
    assert [s.at for s in found.signals] == [100.0 + i for i in range(PER_KEY_DAY)]
    assert "950 ratings" in found.words[0]


def test_ratings_that_all_say_the_same_are_left_out() -> None:
    sour, me = ratings("sour", [0.0] * 30), ratings("me", [float(i % 2) for i in range(30)])
    found = trusted([*sour, *me], {})
    assert {s.key for s in found.signals} == {"me"}
    assert "All 30 ratings of key sour say 0.00" in found.words[0]
    assert len(trusted(sour[:19], {}).signals) == 19  # too few to call it a side


def test_a_judge_may_find_everything_good_and_corrections_are_one_side_of_a_person() -> None:
    verdicts = [signal("judge", 1.0, decision=f"d{i}") for i in range(40)]
    assert len(trusted(verdicts, {}).signals) == 40
    corrections = [signal("corrected", decision=f"d{i}", at=float(i)) for i in range(25)]
    praise = [signal("user", 1.0, decision=f"p{i}", at=float(i)) for i in range(10)]
    assert len(trusted([*corrections, *praise], {}).signals) == 35
    assert trusted(corrections, {}).signals == []


def test_who_says_the_opposite_of_all_other_evidence_is_not_believed() -> None:
    good = [float(i % 2) for i in range(30)]
    free = {(f"d{i}", "local"): 0.2 + 0.6 * g for i, g in enumerate(good)}
    liar = trusted(ratings("liar", [1 - g for g in good]), free)
    assert liar.signals == [] and "the opposite of all other evidence" in liar.words[0]
    assert len(trusted(ratings("me", good), free).signals) == 30
    # Evidence that knows nothing costs nobody his voice.
    rng = np.random.default_rng(0)
    blind = {k: float(rng.random()) for k in free}
    assert len(trusted(ratings("me", good), blind).signals) == 30


def test_without_agreement_the_others_are_the_evidence() -> None:
    good = [float(i % 2) for i in range(30)]
    others = [*ratings("a", good), *ratings("b", good)]
    found = trusted([*others, *ratings("liar", [1 - g for g in good])], {})
    assert {s.key for s in found.signals} == {"a", "b"}


def test_no_key_has_more_than_half_of_the_say() -> None:
    bot = [label(i, float(i % 2), key="bot", at=i * DAY / 10) for i in range(200)]
    owner = [label(1000 + i, float(i % 3 > 0), key="me", at=i * DAY) for i in range(20)]
    found = capped([*bot, *owner])
    share = sum(x.weight for x in found.labels if x.key == "bot")
    assert share <= 110.0 + 1e-9  # half of 220


def test_a_repeated_prompt_counts_as_three_labels() -> None:
    same = [label(i, float(i % 2), group="same", key=f"k{i % 7}") for i in range(100)]
    assert sum(x.weight for x in capped(same).labels) == pytest.approx(PER_GROUP)


def test_silence_says_nothing_until_the_audit_has_measured_it() -> None:
    quiet = [signal("quiet", decision=f"d{i}", group=f"g{i}") for i in range(400)]
    assert capped(labelled(quiet)).labels == []
    said = [replace(s, source="user", score=float(i % 4 > 0)) for i, s in enumerate(quiet[:120])]
    assert weighed([*quiet, *said], set()) == said
    assert weighed([*quiet, *said[:20]], {s.decision for s in said[:20]}) == said[:20]


def test_the_audit_gives_silence_the_worth_that_it_has() -> None:
    """Of those who are not content three in four ask again, so silence is a good sign."""
    good = [i % 2 == 0 for i in range(400)]
    said = [
        signal("user", float(g), decision=f"d{i}", group=f"g{i}") for i, g in enumerate(good[:200])
    ]
    quiet = [
        signal("quiet", decision=f"d{i}", group=f"g{i}")
        for i, g in enumerate(good)
        if g or i % 8 == 1
    ]
    heard = weighed([*said, *quiet], {s.decision for s in said})
    silent = [s for s in heard if s.source == "quiet"]
    assert len(silent) == len(quiet)
    assert silent[0].value == pytest.approx(0.8) and 0 < silent[0].weight <= SILENCE_WEIGHT


def test_noise_compares_sources_on_the_same_answers() -> None:
    both = [signal("user", 1.0), signal("judge", 0.5), signal("judge", 0.0, decision="other")]
    found = noise(both)
    assert [(n.first, n.second, n.answers, n.difference) for n in found] == [
        ("judge", "user", 1, 0.5)
    ]


ONE = Served(id="a", at=0.0, group="g", text="t", key=None, tier="local", rule="learned")


def test_the_same_request_again_of_the_cloud_is_a_complaint() -> None:
    again = replace(ONE, id="b", at=60.0, tier="cloud", rule="explicit")
    found = implicit([ONE, again], now=100.0, maturity_s=DAY)
    assert [(s.decision, s.source) for s in found] == [("a", "asked the cloud")]
    late = replace(again, at=7200.0)
    assert implicit([ONE, late], now=7300.0, maturity_s=DAY) == []


def test_a_regenerate_says_less_and_other_words_say_nothing() -> None:
    again = replace(ONE, id="b", at=60.0)
    assert [s.source for s in implicit([ONE, again], 100.0, DAY)] == ["regenerated"]
    other = replace(again, text="other words of the group")
    assert implicit([ONE, other], 100.0, DAY) == []
    stranger = replace(again, key="somebody else")
    assert implicit([ONE, stranger], 100.0, DAY) == []


def test_silence_counts_only_when_mature() -> None:
    assert implicit([ONE], now=DAY - 1, maturity_s=DAY) == []
    assert [s.source for s in implicit([ONE], now=DAY, maturity_s=DAY)] == ["quiet"]


def test_faults_speak_of_the_local_answer_even_when_it_was_escalated() -> None:
    broken = replace(ONE, tier="cloud", checks=("invalid tool arguments",), escalated=True)
    found = implicit([broken], now=1.0, maturity_s=DAY)
    assert [(s.tier, s.source, s.value) for s in found] == [("local", "bad call", 0.0)]


def test_the_order_of_signals_does_not_matter() -> None:
    rng = np.random.default_rng(0)
    every = [
        signal(s, v, decision=f"d{i % 5}", at=float(i), key=f"k{i % 3}")
        for i, (s, v) in enumerate([("user", 1.0), ("judge", 0.5), ("quiet", None)] * 10)
    ]
    expected = labelled(every)
    for _ in range(5):
        assert labelled([every[i] for i in rng.permutation(len(every))]) == expected


def known_of(rng: np.random.Generator, good: list[float]) -> dict[tuple[str, str], float]:
    """What a model of some skill expected of answers."""
    return {
        (f"d{i}", "local"): float(np.clip(0.45 + 0.2 * g + rng.normal(0, 0.2), 0, 1))
        for i, g in enumerate(good)
    }


def test_who_says_much_must_show_to_know_something() -> None:
    rng = np.random.default_rng(1)
    good = [float(g) for g in rng.random(120) < 0.6]
    claims = known_of(rng, good)
    honest = ratings("me", good, step=DAY / 40)
    assert len(trusted(honest, {}, claims).signals) == 120
    blind = ratings("blind", [float(g) for g in rng.permutation(good)], step=DAY / 40)
    found = trusted(blind, {}, claims)
    assert found.signals == [] and "better than chance" in found.words[0]
    liar = ratings("liar", [1 - g for g in good], step=DAY / 40)
    assert {s.key for s in trusted([*honest, *liar], {}, claims).signals} == {"me"}
    few = ratings("new", [1.0, 0.0] * 5)
    assert len(trusted(few, {}, claims).signals) == 10  # too few to ask for proof


def test_a_single_signal_says_what_its_mean_would_say() -> None:
    rng = np.random.default_rng(2)
    for source in ("user", "judge", "useless", "quiet"):
        for worth in (None, 0.0, *rng.random(20) ** 8):
            one = signal(source, float(rng.random()), worth=worth)
            (label,) = labelled([one])
            weights = [one.weight] if one.weight else None
            assert label.score == float(np.average([one.value], weights=weights))
            assert (label.weight, label.source, label.at) == (one.weight, source, one.at)
