"""Masking: the cloud sees stand-ins, the user sees values, and what is not certain stays."""

import asyncio
import json
import re
from collections.abc import AsyncGenerator, Callable
from random import Random
from typing import Any

import pytest

from router.backends.base import Ask
from router.backends.masked import Unmasked
from router.engine.opened import Opened
from router.privacy import PrivacyFilter
from router.privacy.detectors import Builtin, Own, People
from router.privacy.filter import Screening
from router.privacy.masking import Restorer, StandIns
from router.types import Tier
from router.wire import Api, Json
from tests.privacy_recall.sentences import sentence
from tests.privacy_recall.values import LOCALES, Values
from tests.router.privacy.test_no_leak import MODES
from tests.router.privacy.test_privacy import ELSEWHERE, PLACES, SECRET, filled
from tests.servers import upstream
from tests.servers.fixtures import Run
from tests.servers.running import HARD

MASKING = PrivacyFilter([Builtin(), Own((), ["Project Falcon"])], mask=True)
WIDE = PrivacyFilter([Builtin(), People()], mask=True, also=[People(names=True)])
TOOL = {"type": "function", "function": {"name": "send", "parameters": {"type": "object"}}}


def screened(*turns: str, **more: Any) -> Screening:
    messages = [
        {"role": ("user", "assistant")[i % 2], "content": text} for i, text in enumerate(turns)
    ]
    return MASKING.screen(json.dumps({"messages": messages, **more}).encode())


def sent(screening: Screening) -> str:
    return json.dumps(screening.clear().body(), ensure_ascii=False)


def test_one_value_has_one_stand_in_through_the_conversation() -> None:
    first = "I am ann@example.org, not bob@example.org."
    short = sent(screened(first))
    longer = sent(screened(first, "Hello ann@example.org!", "And eve@example.org, ann@example.org"))
    assert "I am <EMAIL_1>, not <EMAIL_2>." in short
    assert "I am <EMAIL_1>, not <EMAIL_2>." in longer
    assert "Hello <EMAIL_1>!" in longer
    assert "And <EMAIL_3>, <EMAIL_1>" in longer
    assert "example.org" not in longer


def test_a_stand_in_that_the_user_wrote_is_not_taken() -> None:
    assert "<EMAIL_1> or <EMAIL_2>" in sent(screened("Is it <EMAIL_1> or ann@example.org?"))


def test_with_tools_a_stand_in_has_the_form_of_the_value() -> None:
    text = "Mail ann@example.org, card 4242424242424242, call +49 30 901820"
    body = sent(screened(text, tools=[TOOL]))
    assert "masked-1@person.example" in body
    assert not MASKING.screen(b'{"messages": []}').masked
    card = re.search(r"card (\d+)", body)
    assert card is not None
    assert Builtin()(card[1]).__next__().kind == "card"
    assert not any(value in body for value in ("ann@", "4242", "901820"))


@pytest.mark.parametrize(
    "body",
    [
        {"messages": [{"role": "user", "content": "AKIAIOSFODNN7EXAMPLE of ann@example.org"}]},
        {"messages": [], "card": 4242424242424242},
        {"messages": [], "metadata": {"ann@example.org": 1}},
        {"messages": [{"role": "user", "content": "see YW5uIGlzIGFubkBleGFtcGxlLm9yZw=="}]},
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "I am ann@example.org"},
                        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
                    ],
                }
            ]
        },
        {
            "messages": [
                {"role": "user", "content": "my card is 4242 4242"},
                {"role": "assistant", "content": "Go on."},
                {"role": "user", "content": "4242 4242"},
            ]
        },
        {
            "messages": [
                {"role": "user", "content": "write to ann.lee@example.org, ann.lee is back"},
            ]
        },
    ],
    ids=["credential", "number", "key", "base64", "image", "over two turns", "half of it again"],
)
def test_what_cannot_be_masked_with_certainty_stays(body: Json) -> None:
    found = MASKING.screen(json.dumps(body).encode())
    assert found.private
    assert not found.masked


def test_declared_private_stays() -> None:
    payload = json.dumps({"messages": [{"role": "user", "content": "hi ann@example.org"}]}).encode()
    assert MASKING.screen(payload).masked
    assert not MASKING.screen(payload, "private").masked
    assert not MASKING.screen(payload, headers={"anthropic-beta": "ann@example.org"}).masked


@pytest.mark.parametrize("place", PLACES)
def test_nothing_leaves_from_any_place_unmasked(place: str) -> None:
    found = MASKING.screen(json.dumps(filled(PLACES[place])).encode())
    assert found.private
    if found.masked:
        assert "example.org" not in sent(found)
        assert "ann.lee" not in sent(found)


@pytest.mark.parametrize("size", range(1, 30))
def test_a_stand_in_is_found_however_it_is_cut(size: int) -> None:
    stand_ins = StandIns({"<EMAIL_1>": "ann@x.org", "4000009990000015": "4242 4242 4242 4242"})
    text = "a < b, <EMAIL_1> <EMAIL_12> pays 4000 0099 9000 0015 or 4000009990000015, <EM"
    restorer = Restorer(stand_ins)
    pieces = [restorer.feed(text[i : i + size]) for i in range(0, len(text), size)]
    assert "".join(pieces) + restorer.end() == (
        "a < b, ann@x.org <EMAIL_12> pays 4242 4242 4242 4242 or 4242 4242 4242 4242, <EM"
    )


def test_in_json_a_value_is_escaped() -> None:
    stand_ins = StandIns({"<ADDRESS_1>": '1 "Old" Road\nYork'})
    assert json.loads(stand_ins.restored('{"to": "<ADDRESS_1>"}', in_json=True)) == {
        "to": '1 "Old" Road\nYork'
    }


class Echo:
    """A cloud that repeats the last turn, as text and as a call, in pieces."""

    tier: Tier = "cloud"

    def __init__(self, api: Api, rng: Random) -> None:
        self.name, self.api, self._rng = "Echo", api, rng
        self.seen = ""

    def _said(self, ask: Ask) -> str:
        assert ask.clearance is not None
        body = ask.clearance.body()
        self.seen += json.dumps(body, ensure_ascii=False)
        return str(body["messages"][-1]["content"])

    async def send(self, ask: Ask) -> Json:
        text = self._said(ask)
        function = {"name": "send", "arguments": json.dumps({"to": text}, ensure_ascii=False)}
        return {"choices": [{"message": {"content": text, "tool_calls": [{"function": function}]}}]}

    async def stream(self, ask: Ask) -> AsyncGenerator[Json, None]:
        text = self._said(ask)
        call = json.dumps({"to": text}, ensure_ascii=False)
        events = openai_events if self.api == "openai" else anthropic_events
        for event in events(self._cut(text), self._cut(call)):
            yield event

    def _cut(self, text: str) -> list[str]:
        out, at = [], 0
        while at < len(text):
            size = self._rng.randint(1, 9)
            out.append(text[at : at + size])
            at += size
        return out


def openai_events(texts: list[str], calls: list[str]) -> list[Json]:
    deltas: list[Json] = [{"content": t} for t in texts]
    deltas += [{"tool_calls": [{"index": 0, "function": {"arguments": c}}]} for c in calls]
    deltas[len(texts)]["tool_calls"][0] |= {"id": "c1", "type": "function"}
    deltas[len(texts)]["tool_calls"][0]["function"]["name"] = "send"
    events = [{"choices": [{"index": 0, "delta": d, "finish_reason": None}]} for d in deltas]
    return [*events, {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}]


def anthropic_events(texts: list[str], calls: list[str]) -> list[Json]:
    def block(index: int, start: Json, kind: str, name: str, pieces: list[str]) -> list[Json]:
        deltas = [
            {"type": "content_block_delta", "index": index, "delta": {"type": kind, name: p}}
            for p in pieces
        ]
        first = {"type": "content_block_start", "index": index, "content_block": start}
        return [first, *deltas, {"type": "content_block_stop", "index": index}]

    tool = {"type": "tool_use", "id": "t1", "name": "send", "input": {}}
    return [
        {"type": "message_start", "message": {"usage": {"input_tokens": 1, "output_tokens": 1}}},
        *block(0, {"type": "text", "text": ""}, "text_delta", "text", texts),
        *block(1, tool, "input_json_delta", "partial_json", calls),
        {
            "type": "message_delta",
            "delta": {"stop_reason": "tool_use"},
            "usage": {"output_tokens": 9},
        },
        {"type": "message_stop"},
    ]


async def answered(backend: Unmasked, ask: Ask) -> tuple[str, Any]:
    opened = Opened("cloud", backend.api, backend.stream(ask))
    async for _ in opened.events():
        pass
    summary = opened.fold.summary()
    return summary.text, json.loads(summary.calls[0].arguments)["to"]


@pytest.mark.parametrize("api", ["openai", "anthropic"])
def test_five_hundred_conversations_come_back_with_every_value(api: Api) -> None:
    rng = Random(11)
    makers = [Values(locale, 7) for locale in sorted(LOCALES)[:8]]
    asked = 0
    while asked < 250:  # in each dialect
        values = [rng.choice(makers).draw(rng.choice(("email", "card", "iban"))) for _ in range(3)]
        text = f"First {values[0]}, then {values[1]}; at last {values[2]} and {values[0]}."
        tools = {"tools": [TOOL]} if asked % 2 else {}
        found = screened(f"I am {values[1]}.", "Hello.", text, **tools)
        assert found.masked, text
        asked += 1
        echo = Echo(api, rng)
        ask = Ask(api=api, body={}, model="m", deadline=0.0, clearance=found.clear())
        assert asyncio.run(answered(Unmasked(echo), ask)) == (text, text)
        whole = asyncio.run(Unmasked(echo).send(ask))["choices"][0]["message"]
        assert whole["content"] == text
        arguments = whole["tool_calls"][0]["function"]["arguments"]
        assert json.loads(arguments) == {"to": text}
        assert not any(value in echo.seen for value in values)


def echoing(connection: upstream.Connection, got: upstream.Got) -> Any:
    """Claude, which repeats what it was told."""
    text = got.body["messages"][-1]["content"]
    said = text if isinstance(text, str) else "".join(b.get("text", "") for b in text)
    if not got.body.get("stream"):
        return connection.json(
            {
                "type": "message",
                "role": "assistant",
                "model": "m",
                "content": [{"type": "text", "text": said}],
                "stop_reason": "end_turn",
                "usage": {"input_tokens": 1, "output_tokens": 1},
            }
        )
    events = anthropic_events([said[i : i + 4] for i in range(0, len(said), 4)], [])
    return connection.stream([e for e in events if e.get("index") != 1])


SETTINGS: dict[str, object] = {"private": "mask", "threshold": -1.0}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("ask", ["chat", "messages"])
def test_the_cloud_answers_with_stand_ins_and_the_user_reads_values(
    run: Run, cloud: upstream.Upstream, ask: str, stream: bool
) -> None:
    cloud.script = echoing
    gateway = run(**SETTINGS)
    send: Callable[..., Any] = getattr(gateway, ask)
    answer = send(f"Write to {SECRET} for me.", model="auto", stream=stream)
    assert answer.headers["x-router-tier"] == "cloud"
    assert answer.headers["x-router-masked"] == "email"
    assert "masked" in answer.headers["x-router-reason"]
    assert SECRET in said_in(answer.text, stream)
    assert b"<EMAIL_1>" in cloud.asked[0].raw
    assert b"example.org" not in cloud.asked[0].raw
    row = gateway.rows()[0]
    assert row["request"] is None
    assert SECRET not in json.dumps(row)


def said_in(text: str, stream: bool) -> str:
    """What was said, pieces of a stream put together."""
    if not stream:
        return text
    data = [json.loads(x[6:]) for x in text.splitlines() if x.startswith("data: {")]
    deltas = [e.get("delta") or (e.get("choices") or [{}])[0].get("delta") or {} for e in data]
    return "".join(d.get("text") or d.get("content") or "" for d in deltas)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("local_state", ["well", "failing"])
def test_no_value_reaches_the_cloud_by_any_path(
    run: Run, local: upstream.Upstream, cloud: upstream.Upstream, mode: str, local_state: str
) -> None:
    async def unwell(connection: upstream.Connection, got: upstream.Got) -> None:
        if got.method == "GET":
            await upstream.local(connection, got)
        else:
            await connection.json({"error": {"message": "no"}}, 500)

    cloud.script = echoing
    if local_state == "failing":
        local.script = unwell
    gateway = run(**MODES[mode], private="mask", local_limits={"retries": 0, "failures": 1000})
    masked = set()
    for i, (name, place) in enumerate(PLACES.items()):
        for model in ("auto", "cloud"):
            stream = (i + len(model)) % 2 == 0
            body = {**filled(place), "model": model, "stream": stream, "max_tokens": 50}  # type: ignore[dict-item]
            answer = gateway.client.post("/v1/chat/completions", json=body)
            if "x-router-masked" in answer.headers:
                masked.add(name)
    assert not any(b"ann.lee" in got.raw for got in cloud.got)
    for i, (path, place) in enumerate(ELSEWHERE.values()):
        body = {**filled(place), "model": "cloud", "stream": i % 2 == 0}  # type: ignore[dict-item]
        body |= {"max_tokens": 50} if path == "/v1/messages" else {}
        if "x-router-masked" in gateway.client.post(path, json=body).headers:
            masked.add(path)
    assert {path for path, _ in ELSEWHERE.values()} <= masked
    gateway.messages(HARD, model="cloud", headers={"anthropic-beta": f"files-2025, {SECRET}"})
    declared = {"x-router-privacy": "private"}
    tier = gateway.chat(HARD, model="cloud", headers=declared).headers.get("x-router-tier")
    assert tier in ("local", None)
    assert {"last turn", "first turn", "arguments", "result"} <= masked
    assert not masked & {"two blocks", "file name", "key"}
    assert not any(b"example.org" in got.raw for got in cloud.got)
    kept = json.dumps(gateway.rows())
    assert "example.org" not in kept


@pytest.mark.parametrize("api", ["openai", "anthropic"])
def test_what_has_no_checksum_comes_back_as_well(api: Api) -> None:
    """Telephone numbers, names and addresses, in the sentences of their languages."""
    rng, asked = Random(12), 0
    locales = ["de_DE", "en_US", "fr_FR", "nl_NL", "ja_JP", "it_IT", "pl_PL", "fi_FI"]
    makers = [Values(locale, 9) for locale in locales]
    detectors = (Builtin(), People(names=True))
    for _ in range(150):
        texts = []
        for _ in range(3):
            maker = rng.choice(makers)
            kind = rng.choice(("phone", "name", "address"))
            texts.append(sentence(rng, maker.language, kind, maker.draw(kind)))
        text = "\n".join(texts)
        found = WIDE.screen(json.dumps({"messages": [{"role": "user", "content": text}]}).encode())
        if not found.masked:
            continue
        asked += 1
        echo = Echo(api, rng)
        ask = Ask(api=api, body={}, model="m", deadline=0.0, clearance=found.clear())
        assert asyncio.run(answered(Unmasked(echo), ask)) == (text, text)
        values = {f.value for detector in detectors for f in detector(text)}
        assert values
        assert not any(value in echo.seen for value in values if value)
    assert asked > 100


ASKED: dict[str, Json] = {
    "/v1/chat/completions": {"messages": []},
    "/v1/messages": {"messages": [], "max_tokens": 50},
    "/v1/responses": {"input": ""},
    "/v1/completions": {"prompt": ""},
    "/api/chat": {"messages": []},
    "/api/generate": {"prompt": ""},
}
TOLD = (
    "Write to ann.lee@mail.example.org for me.",
    "Call me on +44 20 7946 0958, please.",
    "Ship it to 4122 Rose Street, Denver, CO 80203, please.",
    "My name is Connie Cantrell and I live at 12 Baker Street, London NW1 6XE.",
)
HIDDEN = (b"ann.lee", b"7946 0958", b"4122 Rose", b"Cantrell", b"12 Baker")


def _texts(value: Any) -> list[str]:
    """What stands under the names that pieces of text have in any dialect."""
    if isinstance(value, list):
        return [t for v in value for t in _texts(v)]
    if not isinstance(value, dict):
        return []
    names = ("content", "text", "delta", "response")
    mine = [v for k, v in value.items() if k in names and isinstance(v, str)]
    return mine + [t for v in value.values() for t in _texts(v)]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path", ASKED)
def test_values_come_back_in_every_dialect(
    run: Run, cloud: upstream.Upstream, path: str, stream: bool
) -> None:
    cloud.script = echoing
    gateway = run(**SETTINGS)
    for text in TOLD:
        turns = [{"role": "user", "content": text}]
        filled = {k: turns if k == "messages" else text for k in ASKED[path] if k != "max_tokens"}
        body = {**ASKED[path], **filled, "model": "auto", "stream": stream}
        answer = gateway.client.post(path, json=body)
        assert answer.headers["x-router-tier"] == "cloud"
        assert answer.headers["x-router-masked"]
        lines = answer.text.splitlines() if stream else [answer.text]
        parts = [line.removeprefix("data: ") for line in lines]
        said = [t for part in parts if part.startswith("{") for t in _texts(json.loads(part))]
        assert text in "".join(said)
    assert not any(value in got.raw for value in HIDDEN for got in cloud.got)
    assert not any(value.decode() in json.dumps(gateway.rows()) for value in HIDDEN)


@pytest.mark.parametrize("mode", MODES)
def test_no_value_reaches_the_cloud_through_the_other_apis(
    run: Run, cloud: upstream.Upstream, mode: str
) -> None:
    cloud.script = echoing
    gateway = run(**MODES[mode], private="mask")
    went = 0
    for i, (path, body) in enumerate(ELSEWHERE.values()):
        for stream in (False, True):
            model = ("cloud", "auto")[i % 2]
            made = {**filled(body), "model": model, "stream": stream}  # type: ignore[dict-item]
            went += "x-router-masked" in gateway.client.post(path, json=made).headers
    assert went
    assert all(b"example.org" not in got.raw and b"ann.lee" not in got.raw for got in cloud.got)
    assert "example.org" not in json.dumps(gateway.rows())
