"""The Responses API over a whole gateway, by the official SDK, through both tiers."""

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from router.gateway.auth import hash_of
from tests.servers import upstream
from tests.servers.fixtures import Run
from tests.servers.running import Gateway

TOOL: Any = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather now.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    "strict": False,
}
USE = {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"city": "Oslo"}}


def client_of(gateway: Gateway) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{gateway.url}/v1", api_key="k", max_retries=0)


@pytest.fixture
def gateway(run: Run) -> Gateway:
    return run()


@pytest.fixture
def gpt(gateway: Gateway) -> Iterator[openai.OpenAI]:
    with client_of(gateway) as made:
        yield made


def calling(connection: upstream.Connection, got: upstream.Got) -> Any:
    """A local server whose model calls two tools, with interleaved arguments."""
    if got.method == "GET" or got.path.startswith("/api/"):
        return upstream.local(connection, got)
    messages = got.body["messages"]
    if messages[-1]["role"] == "tool":
        return connection.json(upstream.said("Four degrees."))
    parts = [(0, "a", "get_weather", ""), (1, "b", "get_weather", "")]
    deltas: list[Any] = [
        {"index": i, "id": k, "type": "function", "function": {"name": n, "arguments": a}}
        for i, k, n, a in parts
    ]
    for index, text in ((0, '{"city": '), (1, '{"city": "Bergen"}'), (0, '"Oslo"}')):
        deltas.append({"index": index, "function": {"arguments": text}})
    if not got.body.get("stream"):
        whole = upstream.said("")
        made = ((0, "Oslo"), (1, "Bergen"))
        calls = [
            {
                "id": f"c{i}",
                "type": "function",
                "function": {"name": "get_weather", "arguments": json.dumps({"city": c})},
            }
            for i, c in made
        ]
        whole["choices"][0]["message"] = {"role": "assistant", "content": None, "tool_calls": calls}
        whole["choices"][0]["finish_reason"] = "tool_calls"
        return connection.json(whole)

    def chunk(delta: Any, finish: str | None = None) -> Any:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return {"id": "c", "object": "chat.completion.chunk", "model": "small", "choices": [choice]}

    events = [chunk({"role": "assistant", "content": "Let me see."})]
    events += [chunk({"tool_calls": [d]}) for d in deltas]
    return connection.stream([*events, chunk({}, "tool_calls"), "[DONE]"])


@pytest.mark.parametrize(("tier", "said"), [("local", "Hello there."), ("cloud", "Hello from the")])
def test_text_comes_from_either_tier(gpt: openai.OpenAI, tier: str, said: str) -> None:
    made = gpt.responses.create(
        model=tier, input="Say hello.", instructions="Be brief.", metadata={"topic": "greeting"}
    )
    assert made.output_text.startswith(said)
    assert made.status == "completed"
    assert made.instructions == "Be brief."
    assert made.metadata == {"topic": "greeting"}
    assert made.usage is not None
    assert made.usage.total_tokens == made.usage.input_tokens + made.usage.output_tokens > 0


@pytest.mark.parametrize("tier", ["local", "cloud"])
def test_a_stream_has_its_events_in_order(gpt: openai.OpenAI, tier: str) -> None:
    events = list(gpt.responses.create(model=tier, input="Say hello.", stream=True))
    assert [e.sequence_number for e in events] == list(range(len(events)))
    kinds = [e.type.removeprefix("response.") for e in events]
    assert kinds[:4] == ["created", "in_progress", "output_item.added", "content_part.added"]
    assert kinds[-4:] == ["output_text.done", "content_part.done", "output_item.done", "completed"]
    assert set(kinds[4:-4]) == {"output_text.delta"}
    last = events[-1].response  # type: ignore[union-attr]
    deltas = "".join(e.delta for e in events if e.type == "response.output_text.delta")
    assert last.output_text == deltas
    assert last.usage is not None
    assert last.id == events[0].response.id  # type: ignore[union-attr]


def test_the_stream_helper_of_the_sdk_puts_it_together(gpt: openai.OpenAI) -> None:
    with gpt.responses.stream(model="cloud", input="Say hello.") as stream:
        assert stream.get_final_response().output_text == "Hello from the cloud."


@pytest.mark.parametrize("stream", [False, True])
def test_tools_go_round_by_the_id_of_their_call(
    run: Run, local: upstream.Upstream, stream: bool
) -> None:
    local.script = calling
    gateway = run()
    with client_of(gateway) as gpt:
        asked: Any = {"model": "local", "tools": [TOOL], "tool_choice": "auto"}
        if stream:
            with gpt.responses.stream(input="Weather?", **asked) as events:
                made = events.get_final_response()
        else:
            made = gpt.responses.create(input="Weather?", **asked)
        calls = [item for item in made.output if item.type == "function_call"]
        cities = [json.loads(c.arguments)["city"] for c in calls]
        assert cities == ["Oslo", "Bergen"]
        outputs: Any = [
            {"type": "function_call_output", "call_id": c.call_id, "output": "4"} for c in calls
        ]
        whole = gpt.responses.create(
            input=[{"role": "user", "content": "Weather?"}, *made.output, *outputs],  # type: ignore[misc]
            **asked,
        )
        assert whole.output_text == "Four degrees."
        by_id = gpt.responses.create(input=outputs, previous_response_id=made.id, **asked)
        assert by_id.output_text == "Four degrees."
    first, second = (g.body["messages"] for g in local.asked[-2:])
    assert [m["role"] for m in second] == ["user", "assistant", "tool", "tool"]
    assert [c["id"] for c in second[1]["tool_calls"]] == [m["tool_call_id"] for m in second[2:]]
    assert [c["function"] for c in first[1]["tool_calls"]] == [
        c["function"] for c in second[1]["tool_calls"]
    ]


def test_the_clouds_calls_are_items_of_their_own(run: Run, cloud: upstream.Upstream) -> None:
    async def using(connection: upstream.Connection, got: upstream.Got) -> None:
        said = upstream.claude_said(content=[USE], stop_reason="tool_use")
        await connection.json(said)

    cloud.script = using
    with client_of(run()) as gpt:
        made = gpt.responses.create(model="cloud", input="Weather?", tools=[TOOL])
    assert [item.type for item in made.output] == ["function_call"]
    assert cloud.asked[0].body["tools"][0]["name"] == "get_weather"


def test_a_conversation_goes_on_from_what_was_kept(
    gpt: openai.OpenAI, local: upstream.Upstream
) -> None:
    first = gpt.responses.create(model="local", input="Name a river.", instructions="Be brief.")
    then = gpt.responses.create(
        model="local", input="Another.", previous_response_id=first.id, instructions="Be long."
    )
    assert then.previous_response_id == first.id
    assert [(m["role"], m["content"]) for m in local.asked[-1].body["messages"]] == [
        ("system", "Be long."),
        ("user", "Name a river."),
        ("assistant", "Hello there."),
        ("user", "Another."),
    ]


@pytest.mark.parametrize(
    ("settings", "more", "why"),
    [
        ({"store": "none"}, {}, "it is none"),
        ({"store": "features"}, {}, "it is features"),
        ({}, {"store": False}, "store was false"),
        ({}, {"input": "Mail ann@example.org"}, "it is private"),
    ],
)
def test_where_nothing_was_kept_the_error_says_why(
    run: Run, settings: dict[str, Any], more: dict[str, Any], why: str
) -> None:
    with client_of(run(**settings)) as gpt:
        made = gpt.responses.create(**{"model": "local", "input": "Name a river.", **more})
        with pytest.raises(openai.BadRequestError, match=why) as refused:
            gpt.responses.create(model="local", input="Go on.", previous_response_id=made.id)
        assert refused.value.code == "previous_response_not_found"
        with pytest.raises(openai.NotFoundError, match=why):
            gpt.responses.retrieve(made.id)


def test_an_answer_can_be_had_again_and_forgotten(gateway: Gateway, gpt: openai.OpenAI) -> None:
    made = gpt.responses.create(model="local", input="Hi.", metadata={"a": "b"}, tools=[TOOL])
    again = gpt.responses.retrieve(made.id)
    assert again.output == made.output
    assert (again.metadata, again.model, again.usage) == (made.metadata, made.model, made.usage)
    assert [t.name for t in again.tools] == ["get_weather"]  # type: ignore[union-attr]
    gpt.responses.delete(made.id)
    with pytest.raises(openai.NotFoundError, match="deleted"):
        gpt.responses.retrieve(made.id)
    assert gateway.rows()[0]["request"] is None
    assert gateway.rows()[0]["answer"] is None
    with pytest.raises(openai.NotFoundError, match="no response with that id"):
        gpt.responses.retrieve("resp_unknown")


def test_the_items_that_it_answered_can_be_listed_in_pages(
    run: Run, local: upstream.Upstream
) -> None:
    local.script = calling
    with client_of(run()) as gpt:
        image = {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "low"}
        asked: Any = [{"role": "user", "content": [{"type": "input_text", "text": "Go."}, image]}]
        create, given = gpt.responses.create, {"model": "local", "tools": [TOOL]}
        first = create(input=asked, instructions="Be brief.", **given)
        results: Any = [
            {"type": "function_call_output", "call_id": call.call_id, "output": "4"}
            for call in first.output
        ]
        second = create(input=results, previous_response_id=first.id, **given)
        listing = gpt.responses.input_items
        found = [item.to_dict() for item in listing.list(second.id, order="asc", limit=2)]
        kinds = ["message", "function_call", "function_call"] + ["function_call_output"] * 2
        assert [item["type"] for item in found] == kinds  # over three pages
        assert found[0]["content"] == [{"type": "input_text", "text": "Go."}, image]
        assert [item["call_id"] for item in found[3:]] == [call.call_id for call in first.output]
        assert [item.id for item in listing.list(second.id)] == [i["id"] for i in found[::-1]]
        assert [item.id for item in listing.list(second.id, after=found[1]["id"])] == [
            found[0]["id"]
        ]
        wrong: Any
        for wrong in ({"limit": 0}, {"order": "up"}, {"after": "item_x"}):
            with pytest.raises(openai.BadRequestError, match=f"{next(iter(wrong))} must be"):
                listing.list(second.id, **wrong)
        with pytest.raises(openai.BadRequestError, match="without stream"):
            gpt.responses.retrieve(second.id, stream=True)
        gpt.responses.delete(second.id)
        with pytest.raises(openai.NotFoundError, match="deleted"):
            listing.list(second.id)
        with pytest.raises(openai.NotFoundError, match="no response with that id"):
            listing.list("resp_unknown")


def test_what_can_be_listed_goes_in_again(gateway: Gateway, gpt: openai.OpenAI) -> None:
    made = gpt.responses.create(model="local", input="Name a river.")
    again = gpt.responses.create(model="local", previous_response_id=made.id, input="Another.")
    items: Any = [i.to_dict() for i in gpt.responses.input_items.list(again.id, order="asc")]
    assert [item["content"][0]["text"] for item in items] == [
        "Name a river.",
        made.output_text,
        "Another.",
    ]
    assert gpt.responses.create(model="local", input=items).status == "completed"


def test_a_chat_completion_is_no_response(gateway: Gateway, gpt: openai.OpenAI) -> None:
    gateway.chat("Hello.", model="local")
    with pytest.raises(openai.NotFoundError):
        gpt.responses.retrieve("resp_" + gateway.rows()[0]["id"])


@pytest.mark.parametrize(
    "more",
    [
        {"tools": [{"type": "web_search"}]},
        {"tools": [{"type": "file_search", "vector_store_ids": ["v"]}]},
        {"tools": [{"type": "mcp", "server_label": "s", "server_url": "http://x"}]},
        {"tools": [{"type": "computer_use_preview"}]},
        {"tools": [TOOL], "tool_choice": {"type": "web_search"}},
        {"background": True},
        {"conversation": "conv_1"},
        {"prompt": {"id": "pmpt_1"}},
        {"input": [{"type": "item_reference", "id": "msg_1"}]},
        {"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}]},
        {"input": [{"role": "judge", "content": "hi"}]},
        {"input": 7},
        {"include": ["message.output_text.logprobs"]},
    ],
)
def test_what_cannot_be_carried_over_is_refused(
    gateway: Gateway, local: upstream.Upstream, more: dict[str, Any]
) -> None:
    body = {"model": "local", "input": "Hi.", **more}
    answer = gateway.client.post("/v1/responses", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert not local.asked


def test_an_image_and_a_schema_reach_both_tiers(
    gpt: openai.OpenAI, local: upstream.Upstream, cloud: upstream.Upstream
) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    text: Any = {"format": {"type": "json_schema", "name": "n", "schema": schema}}
    image = {"type": "input_image", "image_url": "data:image/png;base64,AAAA"}
    words = {"type": "input_text", "text": "How many?"}
    given: Any = [{"role": "user", "content": [words, image]}]
    for tier in ("local", "cloud"):
        gpt.responses.create(model=tier, input=given, text=text, max_output_tokens=50)
    here, there = local.asked[-1].body, cloud.asked[-1].body
    assert here["messages"][0]["content"][1]["image_url"] == {"url": image["image_url"]}
    assert here["response_format"]["json_schema"]["schema"] == schema
    assert here["max_tokens"] == there["max_tokens"] == 50
    assert there["messages"][0]["content"][1]["source"]["data"] == "AAAA"
    assert there["output_config"]["format"]["schema"] == schema
    assert "router" not in here
    assert "router" not in there


def test_a_stream_that_breaks_off_ends_as_failed(run: Run, local: upstream.Upstream) -> None:
    async def breaking(connection: upstream.Connection, got: upstream.Got) -> None:
        if got.method == "GET":
            await upstream.local(connection, got)
        else:
            await connection.stream(upstream.chunks()[:3])

    local.script = breaking
    with client_of(run()) as gpt:
        events = list(gpt.responses.create(model="local", input="Hi.", stream=True))
    assert events[-1].type == "response.failed"
    assert events[-1].response.error is not None
    assert events[-1].sequence_number == len(events) - 1


def test_an_answer_cut_off_is_incomplete(run: Run, local: upstream.Upstream) -> None:
    async def cut(connection: upstream.Connection, got: upstream.Got) -> None:
        body = upstream.said("Once upon")
        body["choices"][0]["finish_reason"] = "length"
        if got.method == "GET":
            await upstream.local(connection, got)
        else:
            await connection.json(body)

    local.script = cut
    with client_of(run()) as gpt:
        made = gpt.responses.create(model="local", input="A tale.", max_output_tokens=2)
    assert made.status == "incomplete"
    assert made.incomplete_details is not None
    assert made.incomplete_details.reason == "max_output_tokens"


CODEX: list[Any] = [  # the kinds of tools that Codex 0.169 offers
    {"type": "function", "name": "exec_command", "parameters": {"type": "object"}},
    {
        "type": "custom",
        "name": "apply_patch",
        "description": "Edits files.",
        "format": {"type": "grammar", "syntax": "lark", "definition": "start: patch"},
    },
    {
        "type": "namespace",
        "name": "agents",
        "tools": [{"type": "function", "name": "spawn", "parameters": {"type": "object"}}],
    },
    {"type": "tool_search", "execution": "client", "parameters": {"type": "object"}},
    {"type": "local_shell"},
    {"type": "web_search", "external_web_access": False},
]
ARGUMENTS = {
    "exec_command": {"cmd": "ls"},
    "apply_patch": {"input": "*** Begin Patch"},
    "agents__spawn": {"task": "look"},
    "tool_search": {"query": "calendar"},
    "local_shell": {"command": ["ls"]},
}


@pytest.mark.parametrize("stream", [False, True])
def test_every_tool_that_codex_runs_itself_is_called_as_it_was_offered(
    run: Run, local: upstream.Upstream, stream: bool
) -> None:
    calls = [
        {
            "index": i,
            "id": f"c{i}",
            "type": "function",
            "function": {"name": name, "arguments": json.dumps(given)},
        }
        for i, (name, given) in enumerate(ARGUMENTS.items())
    ]

    async def all_at_once(connection: upstream.Connection, got: upstream.Got) -> None:
        message = {"role": "assistant", "content": None, "tool_calls": calls}
        if got.method == "GET":
            await upstream.local(connection, got)
        elif got.body.get("stream"):
            choice = {"index": 0, "delta": message, "finish_reason": "tool_calls"}
            await connection.stream([{"id": "c", "model": "small", "choices": [choice]}, "[DONE]"])
        else:
            choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
            await connection.json({"id": "c", "model": "small", "choices": [choice]})

    local.script = all_at_once
    gateway = run()
    body = {"model": "local", "input": "Go.", "tools": CODEX, "stream": stream}
    answer = gateway.client.post("/v1/responses", json=body)
    if stream:
        events = [json.loads(x[6:]) for x in answer.text.splitlines() if x.startswith("data: ")]
        output = events[-1]["response"]["output"]
        done = [e["item"] for e in events if e["type"] == "response.output_item.done"]
        assert done == output
    else:
        output = answer.json()["output"]
    assert [(i["type"], i.get("namespace"), i.get("name")) for i in output] == [
        ("function_call", None, "exec_command"),
        ("custom_tool_call", None, "apply_patch"),
        ("function_call", "agents", "spawn"),
        ("tool_search_call", None, None),
        ("local_shell_call", None, None),
    ]
    assert output[1]["input"] == "*** Begin Patch"
    assert output[3]["arguments"] == {"query": "calendar"}
    assert output[4]["action"]["command"] == ["ls"]
    offered = [t["function"] for t in local.asked[0].body["tools"]]
    assert [f["name"] for f in offered] == list(ARGUMENTS)
    assert "start: patch" in offered[1]["description"]
    found = [{"type": "function", "name": "calendar", "parameters": {"type": "object"}}]
    results = [
        {"type": "function_call_output", "call_id": i["call_id"], "output": "ok"} for i in output
    ]
    results[3] = {
        "type": "tool_search_output",
        "call_id": output[3]["call_id"],
        "tools": found,
    }
    given = [{"role": "user", "content": "Go."}, *output, *results]
    gateway.client.post("/v1/responses", json={**body, "input": given})
    turns, tools = local.asked[1].body["messages"], local.asked[1].body["tools"]
    said = {c["function"]["name"]: c["function"]["arguments"] for c in turns[1]["tool_calls"]}
    assert json.loads(said["apply_patch"]) == ARGUMENTS["apply_patch"]
    assert json.loads(said["local_shell"])["command"] == ["ls"]
    assert said.keys() == ARGUMENTS.keys()
    assert [t["tool_call_id"] for t in turns[2:]] == [i["call_id"] for i in output]
    assert tools[-1]["function"]["name"] == "calendar"


def test_tools_may_come_within_the_conversation_and_be_narrowed(
    gateway: Gateway, local: upstream.Upstream
) -> None:
    given = [
        {"type": "additional_tools", "role": "developer", "tools": CODEX},
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x"},
        {"role": "user", "content": "Go."},
    ]
    allowed = {
        "type": "allowed_tools",
        "mode": "required",
        "tools": [
            {"type": "local_shell"},
            {"type": "function", "namespace": "agents", "name": "spawn"},
        ],
    }
    body = {"model": "local", "input": given, "tool_choice": allowed}
    gateway.client.post("/v1/responses", json=body)
    sent = local.asked[0].body
    assert [t["function"]["name"] for t in sent["tools"]] == ["agents__spawn", "local_shell"]
    assert sent["tool_choice"] == "required"
    assert sent["messages"] == [{"role": "user", "content": "Go."}]


def test_an_answer_is_there_for_the_key_that_had_it_alone(run: Run) -> None:
    gateway = run(api_keys={"ann": hash_of("key-a"), "bob": hash_of("key-b")})
    ann, bob = ({"authorization": f"Bearer {key}"} for key in ("key-a", "key-b"))
    client, body = gateway.client, {"model": "local", "input": "Name a river."}
    name = client.post("/v1/responses", json=body, headers=ann).json()["id"]
    assert client.get(f"/v1/responses/{name}", headers=ann).status_code == 200
    assert client.get(f"/v1/responses/{name}").status_code == 401
    assert client.get(f"/v1/responses/{name}", headers=bob).status_code == 404
    assert client.delete(f"/v1/responses/{name}", headers=bob).status_code == 404
    further = {**body, "previous_response_id": name}
    assert client.post("/v1/responses", json=further, headers=bob).status_code == 400
