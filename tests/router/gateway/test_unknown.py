"""Addresses that are not there, in the shape of the API that was meant."""

from tests.servers.fixtures import Run


def test_an_unknown_address_says_what_there_is(run: Run) -> None:
    answer = run().client.post("/v1/audio/speech", json={})
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "unknown_address"
    assert "POST /v1/chat/completions" in answer.json()["error"]["message"]
    assert "/healthz" not in answer.json()["error"]["message"]


def test_beside_messages_it_is_an_error_of_anthropics(run: Run) -> None:
    answer = run().client.post("/v1/messages/batches", json={})
    assert answer.status_code == 404
    assert answer.json()["type"] == "error"
    assert answer.json()["error"]["type"] == "not_found_error"


def test_a_wrong_method_names_the_right_ones(run: Run) -> None:
    answer = run().client.get("/v1/chat/completions")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"
    assert "POST" in answer.json()["error"]["message"]
