"""The old completions over a whole gateway, by the official SDK, through both tiers."""

from typing import Any

import openai
import pytest

from tests.servers import upstream
from tests.servers.fixtures import Run


@pytest.mark.parametrize("prompt", ["Say hello.", ["Say hello."]])
@pytest.mark.parametrize(("tier", "said"), [("local", "Hello there."), ("cloud", "Hello from the")])
def test_text_and_stream_come_from_either_tier(run: Run, tier: str, said: str, prompt: Any) -> None:
    with openai.OpenAI(base_url=f"{run().url}/v1", api_key="k") as gpt:
        whole = gpt.completions.create(model=tier, prompt=prompt, max_tokens=50)
        assert whole.choices[0].text.startswith(said)
        assert whole.choices[0].finish_reason == "stop"
        assert whole.usage is not None
        options: Any = {"include_usage": True}
        parts = list(
            gpt.completions.create(model=tier, prompt=prompt, stream=True, stream_options=options)
        )
    text = "".join(c.text for part in parts for c in part.choices)
    assert text == whole.choices[0].text
    assert parts[-1].usage is not None
    assert parts[-1].choices == []
    assert parts[-2].choices[0].finish_reason == "stop"


@pytest.mark.parametrize(
    "more",
    [
        {"prompt": ["one", "two"]},
        {"prompt": [1, 2, 3]},
        {"n": 2},
        {"best_of": 3},
        {"echo": True},
        {"suffix": "end"},
        {"logprobs": 3},
    ],
)
def test_what_a_chat_model_cannot_do_is_refused(
    run: Run, local: upstream.Upstream, more: dict[str, Any]
) -> None:
    body = {"model": "local", "prompt": "Hi.", **more}
    answer = run().client.post("/v1/completions", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "invalid_request"
    assert not local.asked
