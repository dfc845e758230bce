"""Official SDKs in front, real servers behind, nothing of ours but the gateway."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import anthropic
import httpx
import openai
import pytest

from router.answers.reading import Answer
from router.decide.router import Router
from router.gateway.embedded import NAME
from tests import ROOT
from tests.servers.fixtures import free_port, wait_for
from tests.servers.record import CLAUDE_TOOL, OPENAI_TOOL
from tests.servers.running import EASY, Gateway, until

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory, llama: str, llmock: str) -> Iterator[Gateway]:
    """A real small model at home, llmock in the cloud; by itself it would be trusted little."""
    folder = tmp_path_factory.mktemp("real")
    cloud_url = f"{llmock}/anthropic"
    with Gateway(folder, local_url=llama, cloud_url=cloud_url, threshold=1.0) as gateway:
        yield gateway


@pytest.fixture
def gpt(real: Gateway) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{real.url}/v1", api_key="none", max_retries=0) as client:
        yield client


@pytest.fixture
def claude(real: Gateway) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=real.url, api_key="none", max_retries=0) as client:
        yield client


ASK = [{"role": "user", "content": "Name a river."}]


@pytest.mark.parametrize("model", ["local", "cloud", "auto"])
def test_the_openai_sdk(gpt: openai.OpenAI, model: str) -> None:
    answer = gpt.chat.completions.create(model=model, messages=ASK, max_tokens=8)
    assert answer.choices[0].message.content
    assert answer.usage.completion_tokens > 0
    stream = gpt.chat.completions.create(
        model=model,
        messages=ASK,
        max_tokens=8,
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert chunks[-1].usage.completion_tokens > 0
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] in ("stop", "length")


@pytest.mark.parametrize("model", ["local", "cloud", "auto"])
def test_the_anthropic_sdk(claude: anthropic.Anthropic, model: str) -> None:
    answer = claude.messages.create(model=model, messages=ASK, max_tokens=8)
    assert answer.content[0].text
    assert answer.usage.output_tokens > 0
    with claude.messages.stream(model=model, messages=ASK, max_tokens=8) as stream:
        words = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert words == final.content[0].text != ""
    assert final.stop_reason in ("end_turn", "max_tokens")
    assert final.usage.output_tokens > 0


def test_tools_of_both_sdks_in_the_cloud(gpt: openai.OpenAI, claude: anthropic.Anthropic) -> None:
    ask = [{"role": "user", "content": "Weather in Oslo?"}]
    answer = gpt.chat.completions.create(model="cloud", messages=ask, tools=[OPENAI_TOOL])
    call = answer.choices[0].message.tool_calls[0]
    assert answer.choices[0].finish_reason == "tool_calls"
    assert (call.function.name, call.function.arguments) == (
        "get_weather",
        '{"city": "mock-city"}',
    )
    result = {"role": "tool", "tool_call_id": call.id, "content": "4 degrees"}
    turns = [*ask, answer.choices[0].message.model_dump(exclude_none=True), result]
    final = gpt.chat.completions.create(model="cloud", messages=turns, tools=[OPENAI_TOOL])
    assert final.choices[0].message.content
    with claude.messages.stream(
        model="cloud", messages=ask, tools=[CLAUDE_TOOL], max_tokens=50
    ) as stream:
        used = stream.get_final_message().content[0]
    assert (used.name, used.input) == ("get_weather", {"city": "mock-city"})


def test_tools_of_an_anthropic_client_by_a_local_server_that_has_them(
    tmp_path: Path, llmock: str
) -> None:
    ask = [{"role": "user", "content": "Weather in Oslo?"}]
    with (
        Gateway(tmp_path, local_url=llmock, cloud_url="http://127.0.0.1:9") as gateway,
        anthropic.Anthropic(base_url=gateway.url, api_key="none", max_retries=0) as claude,
        claude.messages.stream(
            model="local", messages=ask, tools=[CLAUDE_TOOL], max_tokens=50
        ) as stream,
    ):
        message = stream.get_final_message()
    assert message.stop_reason == "tool_use"
    assert message.content[0].input == {"city": "mock-city"}


def test_a_template_without_tools_sends_requests_with_tools_to_the_cloud(
    gpt: openai.OpenAI,
) -> None:
    raw = gpt.chat.completions.with_raw_response.create(
        model="auto", messages=ASK, tools=[OPENAI_TOOL]
    )
    assert raw.headers["x-router-rule"] == "limits"
    assert "takes no tools" in raw.headers["x-router-reason"]
    with pytest.raises(openai.BadRequestError, match="takes no tools"):
        gpt.chat.completions.create(model="local", messages=ASK, tools=[OPENAI_TOOL])


def test_schema_logprobs_and_seed_reach_the_local_model(gpt: openai.OpenAI) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    answer = gpt.chat.completions.create(
        model="local",
        messages=[{"role": "user", "content": "Legs of a spider?"}],
        max_tokens=20,
        seed=1,
        logprobs=True,
        temperature=0,
        response_format={"type": "json_schema", "json_schema": {"name": "a", "schema": schema}},
    )
    assert answer.choices[0].message.content.startswith("{")
    assert answer.choices[0].logprobs.content[0].logprob <= 0


def test_the_verifier_sees_how_sure_the_model_was_and_the_client_need_not(
    real: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    judge = type(real.service.policy.router).predict_after

    def watched(self: object, decision: object, answer: Answer, others: object) -> object:
        seen.append(answer.logprobs)
        return judge(self, decision, answer, others)  # type: ignore[arg-type]

    monkeypatch.setattr(type(real.service.policy.router), "predict_after", watched)
    # A second opinion makes a stream wait for its end, so that all of it can be read.
    for stream, cascade in ((False, "checks"), (True, "second_opinion")):
        headers = {"x-router-cascade": cascade}
        answer = real.chat(EASY, max_tokens=8, stream=stream, temperature=0, headers=headers)
        assert answer.headers["x-router-rule"] == "learned"
        assert '"logprob":' not in answer.text
    assert len(seen) >= 2
    assert all(len(s) == 8 for s in seen)


SLIPS = (  # what a model of 135M begins badly
    "Explain how to reverse a linked list in C.",
    "Which is heavier, a pound of feathers or two pounds of iron, and why?",
    "How many prime numbers are there between 100 and 200?",
    "What is 17 times 23? Explain each step.",
)


def test_a_poor_beginning_stops_a_real_model(tmp_path: Path, llama: str, llmock: str) -> None:
    """Where it lowers what the prompt promised, the cloud answers and llama.cpp rests."""
    router = Router.load(ROOT / "models", local_model=NAME, confidence=0.5)
    urls = {"local_url": llama, "cloud_url": f"{llmock}/anthropic"}
    for number, ask in enumerate(SLIPS):
        threshold = min(router.predict(ask).gain + 0.01, 1.0)
        given = {**urls, "cascade": "checks", "threshold": threshold, "confidence": 0.5}
        with Gateway(
            tmp_path,
            **given,
            stream_wait=60.0,
            look_price=0.0,
            log_url=f"sqlite:///{tmp_path}/{number}",
        ) as gateway:
            # So slow that only the first 120 characters come in time.
            gateway.service.dispatcher.pace.saw(NAME, 1000, 400.0)
            short = gateway.chat(ask, stream=True, temperature=0, max_tokens=60)
            if short.headers.get("x-router-held-until") != "120":
                continue
            if short.headers["x-router-tier"] == "local":
                continue
            gateway.service.dispatcher.pace.saw(NAME, 1000, 400.0)
            endless = {"max_tokens": 3000, "ignore_eos": True}
            long = gateway.chat(ask, stream=True, temperature=0, **endless)
            assert long.headers["x-router-escalated"] == "true"
            until(lambda: not any(s["is_processing"] for s in httpx.get(f"{llama}/slots").json()))
            return
    raise AssertionError("No beginning lowered what its prompt promised.")


def test_the_true_window_of_the_local_model_is_known(real: Gateway, gpt: openai.OpenAI) -> None:
    assert real.service.server.kind == "llama.cpp"
    assert real.service.server.models[NAME].context == 4096
    long = [{"role": "user", "content": "Summarise: " + "many words " * 4000}]
    raw = gpt.chat.completions.with_raw_response.create(model="auto", messages=long)
    assert raw.headers["x-router-tier"] == "cloud"
    with pytest.raises(openai.BadRequestError, match="4096"):
        gpt.chat.completions.create(model="local", messages=long)


def test_the_asynchronous_sdks_side_by_side(real: Gateway) -> None:
    async def main() -> list[str]:
        gpt = openai.AsyncOpenAI(base_url=f"{real.url}/v1", api_key="x", max_retries=0)
        claude = anthropic.AsyncAnthropic(base_url=real.url, api_key="x", max_retries=0)
        async with gpt, claude:
            one, two = await asyncio.gather(
                gpt.chat.completions.create(model="cloud", messages=ASK),
                claude.messages.create(model="cloud", messages=ASK, max_tokens=9),
            )
        return [one.choices[0].message.content or "", two.content[0].text]

    assert all(asyncio.run(main()))


def test_count_tokens_by_the_cloud_and_at_home(tmp_path: Path, mock_ai: str, llama: str) -> None:
    with (
        Gateway(tmp_path, local_url=llama, cloud_url=mock_ai) as gateway,
        anthropic.Anthropic(base_url=gateway.url, api_key="none", max_retries=0) as claude,
    ):
        for model in ("cloud", "local"):
            counted = claude.messages.count_tokens(model=model, messages=ASK)
            assert counted.input_tokens > 0


def test_errors_are_the_sdks_own(gpt: openai.OpenAI, claude: anthropic.Anthropic) -> None:
    with pytest.raises(openai.NotFoundError):
        gpt.chat.completions.create(model="no-such-model", messages=ASK)
    with pytest.raises(anthropic.NotFoundError):
        claude.messages.create(model="no-such-model", messages=ASK, max_tokens=5)
    with pytest.raises(openai.BadRequestError):
        gpt.chat.completions.create(model="auto", messages=[])


def test_models_and_embeddings(
    gpt: openai.OpenAI, claude: anthropic.Anthropic, llmock: str, tmp_path: Path
) -> None:
    assert NAME in [m.id for m in gpt.models.list()]
    assert "auto" in [m.id for m in claude.models.list()]
    with (
        Gateway(tmp_path, local_url=llmock) as gateway,
        openai.OpenAI(base_url=f"{gateway.url}/v1", api_key="none", max_retries=0) as other,
    ):
        made = other.embeddings.create(model="text-embedding-3-small", input="hi")
        assert len(made.data[0].embedding) > 0


def test_serve_embedded_answers_on_a_fresh_machine(tmp_path: Path) -> None:
    """`router serve --embedded` with nothing else on the machine."""
    port, log = free_port(), tmp_path / "log"
    command = [
        str(Path(sys.executable).parent / "router"),
        "serve",
        "--embedded",
        "--port",
        str(port),
    ]
    environment = {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": str(ROOT),  # this tree, wherever the command was installed from
        "ROUTER_LOG_URL": f"sqlite:///{tmp_path}/o.db",
        "HOME": str(tmp_path),
    }
    with (
        log.open("wb") as out,
        subprocess.Popen(command, stdout=out, stderr=out, env=environment, cwd=tmp_path) as process,
    ):
        try:
            wait_for(f"http://127.0.0.1:{port}/healthz", process, log)
            body = {"model": "auto", "messages": ASK, "max_tokens": 8}
            url = f"http://127.0.0.1:{port}/v1/chat/completions"
            answer = httpx.post(url, json=body, timeout=60)
        finally:
            process.terminate()
            process.wait(20)
    assert answer.status_code == 200
    assert answer.headers["x-router-model"] == NAME
    said = log.read_text()
    assert NAME in said
    assert "ANTHROPIC_BASE_URL" in said


def test_route_request_without_a_gateway(
    llama: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import router.api
    from router import route_request

    monkeypatch.setenv("ROUTER_LOCAL_URL", llama)
    monkeypatch.setenv("ROUTER_LOG_URL", f"sqlite:///{tmp_path}/o.db")
    try:
        for _ in range(2):
            answer = route_request(ASK, tier="local", max_tokens=8)
            assert (answer.tier, answer.model, answer.rule) == ("local", NAME, "explicit")
            assert answer.text
    finally:
        router.api._close()
