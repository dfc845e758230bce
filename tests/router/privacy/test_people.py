"""Names and addresses: what the tagger finds of values of a maker that it has not learnt from."""

import json
import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from random import Random
from uuid import UUID

import numpy as np
import pytest

from router.privacy import PrivacyFilter
from router.privacy.constants import PEOPLE_REACH
from router.privacy.detectors import Builtin, People
from router.privacy.people import Floats, hashed, tagger, tokens_of
from tests.privacy_recall.measure import alarms, recall, together
from tests.privacy_recall.ordinary import everyday, made

ADDRESSES = PrivacyFilter([People()])
WHOLE = PrivacyFilter([Builtin(), People()])
BOTH = PrivacyFilter([People(names=True)])
HOLDING = ("Lindenallee 12b",)


@pytest.mark.parametrize(("kind", "least"), [("address", 0.9), ("name", 0.78)])
def test_most_addresses_and_names_are_found(kind: str, least: float) -> None:
    seed = secrets.randbelow(10**6)
    found = recall(BOTH.kinds, seed, each=8, kinds=[kind])[kind]
    whole = together(found.values())
    assert len(found) >= 20
    assert whole.share >= least, (seed, whole.others[:5])


def test_a_name_is_private_only_if_its_owner_says_so() -> None:
    text = "Dear Connie Cantrell,\nthank you for your letter."
    assert ADDRESSES.kinds(text) == ()
    assert BOTH.kinds(text) == ("name",)


@pytest.mark.parametrize(
    "text",
    [
        "Ship it to 4122 Rose Street, Denver, CO 80203, please.",
        "Ich wohne in der Lindenstraße 12, 50968 Köln.",
        "Ship it to 4122 Rose Street%2C Denver%2C CO 80203",
    ],
)
def test_an_address_is_private(text: str) -> None:
    assert ADDRESSES.kinds(text) == ("address",)


@pytest.mark.parametrize(
    "text",
    [
        "What is the capital of Peru, and how far is it from Quito in 2024?",
        "Plan 3 days in Paris, 2 in Rome and 4 in New York.",
        "Python 3.12 on Ubuntu 22.04 fails at line 345 of Server.java",
        "Chapter 12, Section 4: World War II, 1939 to 1945",
    ],
)
def test_places_years_and_versions_are_no_addresses(text: str) -> None:
    assert ADDRESSES.kinds(text) == ()


def test_ids_that_agents_send_with_each_request_are_neither_cards_nor_addresses() -> None:
    """One machine in fifty had an id that looked like an address, and so sent nothing away."""
    rng, found = Random(0), []
    for _ in range(600):
        device, session = f"{rng.getrandbits(256):064x}", UUID(int=rng.getrandbits(128), version=4)
        ids = json.dumps({"device_id": device, "session_id": str(session)})
        body = {"messages": [], "metadata": {"user_id": ids}}
        found += WHOLE.screen(json.dumps(body).encode()).kinds
    assert found == []
    near = f"Ship it to 4122 Rose Street, Denver, CO 80203 (order {session})."
    assert ADDRESSES.kinds(near) == ("address",)
    assert WHOLE.kinds(f"4242 4242 4242 4242, {device}") == ("card",)


def test_everyday_prompts_and_numbers_of_work_are_no_addresses() -> None:
    rng = Random(5)
    share, _ = alarms(ADDRESSES.kinds, [made(rng) for _ in range(2000)])
    assert share.found <= 4
    prompts = list(everyday())
    flagged = [prompt for prompt in prompts if ADDRESSES.kinds(prompt)]
    # In twenty languages; what is kept here by mistake is answered all the same.
    assert len([p for p in flagged if not any(h in p for h in HOLDING)]) <= 0.001 * len(prompts)


@pytest.mark.parametrize(
    "text",
    [
        "Stuur het naar Andreahof 050\n6488\nChassepierre.",
        "Jeg bor i Ruudskogen 6B, 0811 Helland.",
        "Ich wohne in der Alexandar-Lampert-Weg 1/1, 2251 Landeck.",
        "Asun osoitteessa Jänkäkuja 811, 53826 Rantasalmi.",
    ],
)
def test_an_address_is_known_by_its_form_where_it_is_said_to_be_one(text: str) -> None:
    assert ADDRESSES.kinds(text) == ("address",)


def test_the_form_alone_is_no_address() -> None:
    assert ADDRESSES.kinds("Compare Chapter 12, 2010 Edition with Table 3, 1999 Berlin.") == ()


def test_what_is_remembered_of_tokens_changes_no_score(monkeypatch: pytest.MonkeyPatch) -> None:
    """However small the memory is, and whoever else fills it at the same time."""
    monkeypatch.setattr("router.privacy.people.TOKENS_KNOWN", 7)
    small = replace(tagger())  # with a memory of its own
    texts = [[t.text for t in tokens_of(prompt)] for prompt in islice(everyday(), 200)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(small.scores, texts * 3))
    for tokens, scores in zip(texts * 3, found, strict=True):
        assert np.allclose(scores, tagger().scores(tokens), atol=1e-5)
    assert np.allclose(small.scores(["Rose"])[0], _added_up("Rose"), atol=1e-5)


def _added_up(token: str) -> Floats:
    """The scores of a token alone, feature by feature."""
    weights, bias = tagger().weights, tagger().bias
    return sum((weights[bucket, PEOPLE_REACH] for bucket in hashed(token)), start=bias)
