"""Requests of any shape: always an answer or a sentence, never a 500 and never a hang."""

import json
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.servers import upstream
from tests.servers.running import Gateway

pytestmark = pytest.mark.servers

_TEXT = st.text(max_size=20)
_ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=6,
)
_BLOCK = st.fixed_dictionaries(
    {
        "type": st.sampled_from(
            [
                "text",
                "image_url",
                "image",
                "tool_use",
                "tool_result",
                "thinking",
                "document",
                "file",
                "input_audio",
            ]
        )
        | _ODD
    },
    optional={
        "text": _TEXT | _ODD,
        "image_url": _ODD,
        "source": _ODD,
        "content": _ODD,
        "id": _ODD,
        "tool_use_id": _ODD,
        "name": _ODD,
        "input": _ODD,
        "signature": _ODD,
    },
)
_MESSAGE = st.fixed_dictionaries(
    {
        "role": st.sampled_from(["user", "assistant", "system", "tool", "developer"]) | _ODD,
        "content": _TEXT | st.lists(_BLOCK, max_size=3) | _ODD,
    },
    optional={
        "tool_calls": st.lists(_ODD, max_size=2) | _ODD,
        "tool_call_id": _ODD,
        "refusal": _ODD,
        "reasoning_content": _ODD,
    },
)
_BODY = st.fixed_dictionaries(
    {"messages": st.lists(_MESSAGE, min_size=1, max_size=4) | _ODD},
    optional={
        "model": st.sampled_from(["auto", "local", "cloud"]) | _ODD,
        "stream": st.booleans() | _ODD,
        "system": _TEXT | st.lists(_BLOCK, max_size=2) | _ODD,
        "tools": st.lists(_ODD) | _ODD,
        "tool_choice": _ODD,
        "max_tokens": _ODD,
        "n": _ODD,
        "stop": _ODD,
        "stop_sequences": _ODD,
        "response_format": _ODD,
        "stream_options": _ODD,
        "thinking": _ODD,
        "output_config": _ODD,
        "user": _ODD,
        "metadata": _ODD,
        "parallel_tool_calls": _ODD,
        "reasoning_effort": _ODD,
    },
)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with (
        upstream.Upstream(upstream.local) as local,
        upstream.Upstream(upstream.cloud) as cloud,
        Gateway(
            tmp_path_factory.mktemp("fuzz"),
            local_url=local.url,
            cloud_url=cloud.url,
            cascade="checks",
        ) as running,
    ):
        yield running


@pytest.mark.parametrize(
    "path",
    [
        "/v1/chat/completions",
        "/v1/messages",
        "/v1/route",
        "/v1/messages/count_tokens",
        "/v1/feedback",
    ],
)
@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(body=_BODY | _ODD)
def test_any_json_gets_an_answer_or_a_sentence(gateway: Gateway, path: str, body: Any) -> None:
    data = json.dumps(body).encode("utf-8", "replace")
    answer = gateway.client.post(path, content=data, timeout=10)
    assert answer.status_code in (200, 400, 404, 502, 503)
    if answer.status_code != 200:
        assert answer.json()["error"]["message"].endswith(".")


@settings(max_examples=30, deadline=None)
@given(data=st.binary(max_size=200))
def test_any_bytes_get_a_sentence(gateway: Gateway, data: bytes) -> None:
    answer = gateway.client.post("/v1/chat/completions", content=data, timeout=10)
    assert answer.status_code == 400


@settings(max_examples=30, deadline=None)
@given(
    headers=st.dictionaries(
        st.sampled_from(
            [
                "x-router-tier",
                "x-router-cascade",
                "x-router-privacy",
                "x-api-key",
                "authorization",
                "anthropic-beta",
                "anthropic-version",
                "content-type",
            ]
        ),
        st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30),
    )
)
def test_any_headers_get_an_answer_or_a_sentence(gateway: Gateway, headers: dict[str, str]) -> None:
    try:
        answer = gateway.chat("hi", headers=headers)
    except (httpx.LocalProtocolError, ValueError):
        return
    assert answer.status_code in (200, 400)
