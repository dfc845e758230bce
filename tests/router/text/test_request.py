import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from router.decide.router import Router
from router.errors import InputError
from router.text.constants import MAX_NESTING
from router.text.request import request_from_messages, request_from_prompt


def user(content: object) -> dict[str, object]:
    return {"role": "user", "content": content}


@pytest.mark.parametrize("prompt", ["", "   ", "\n\t", "\u2003"])
def test_empty_prompt_is_refused(prompt: str) -> None:
    with pytest.raises(InputError, match="empty"):
        request_from_prompt(prompt)


@pytest.mark.parametrize("prompt", [b"bytes", 3, None, ["a"]])
def test_prompt_must_be_text(prompt: object) -> None:
    with pytest.raises(InputError, match="not text"):
        request_from_prompt(prompt)  # type: ignore[arg-type]


def test_last_user_turn_is_the_routing_text() -> None:
    long = "Prove that the medians of a triangle meet in a point, and give the ratio in which."
    request = request_from_messages(
        [user("Hello"), {"role": "assistant", "content": "Hi"}, user(long)]
    )
    assert request.text == long
    assert request.turns == 3


def test_short_follow_up_brings_what_it_follows() -> None:
    messages = [
        user("Design a distributed ledger with three regions and strict serialisability."),
        {"role": "assistant", "content": "Use one leader per shard."},
        user("why?"),
    ]
    text = request_from_messages(messages).text
    assert text.endswith("why?")
    assert "ledger" in text


def test_system_text_is_not_routed_but_counted() -> None:
    request = request_from_messages([{"role": "system", "content": "S" * 500}, user("Say hi.")])
    assert request.text == "Say hi."
    assert request.chars == 507


def test_structure_of_blocks_tools_and_images() -> None:
    messages = [
        user([{"type": "text", "text": "Look"}, {"type": "image_url", "image_url": {"url": "x"}}]),
        {
            "role": "assistant",
            "content": [{"type": "tool_use", "id": "1", "name": "f", "input": {}}],
        },
        user([{"type": "tool_result", "content": [{"type": "text", "text": "42"}]}]),
        {"role": "tool", "content": "done"},
    ]
    schema = {"type": "json_schema", "json_schema": {}}
    request = request_from_messages(messages, tools=[{"name": "f"}], response_format=schema)
    assert (request.images, request.tool_results, request.tools) == (1, 2, 1)
    assert request.json_schema


@pytest.mark.parametrize(
    ("messages", "says"),
    [
        ([], "no user turn"),
        ([{"role": "system", "content": "x"}], "no user turn"),
        ([user("  ")], "no user turn"),
        ([{"role": "robot", "content": "x"}], "unknown role"),
        ([{"content": "x"}], "unknown role"),
        (["hello"], "not an object"),
        ([user(3.5)], "unknown kind"),
        ("hello", "list of"),
    ],
)
def test_faulty_conversations_are_named(messages: object, says: str) -> None:
    with pytest.raises(InputError, match=says):
        request_from_messages(messages)  # type: ignore[arg-type]


def test_deep_nesting_is_refused() -> None:
    content: object = "x"
    for _ in range(MAX_NESTING + 2):
        content = [{"type": "tool_result", "content": content}]
    with pytest.raises(InputError, match="nested"):
        request_from_messages([user(content)])


def test_ten_megabytes_and_lone_surrogates_are_answered(router: Router) -> None:
    assert router.predict("word " * 2_000_000).est_cost_usd > 1
    assert router.predict("broken \ud800 text").tier in ("local", "cloud")
    assert router.predict("\x00\x01\x02").tier in ("local", "cloud")


@given(st.text(st.characters(exclude_categories=()), max_size=300))
def test_any_text_is_answered_or_refused(router: Router, text: str) -> None:
    try:
        decision = router.predict(text)
    except InputError:
        assert not text.strip()
        return
    assert 0 <= decision.p_local <= 1
    assert 0 <= decision.p_cloud <= 1
    assert decision.est_cost_usd >= 0
    assert (decision.tier == "cloud") == (decision.gain > decision.threshold)


_json = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "text", "content", "role", "x"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)


_message = st.fixed_dictionaries({"role": st.sampled_from(["user", "tool", "x"]), "content": _json})


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(_message, max_size=4))
def test_any_messages_are_answered_or_refused(messages: list[dict[str, object]]) -> None:
    try:
        request = request_from_messages(messages)
    except InputError as error:
        assert str(error).endswith(".")
        return
    assert request.text.strip()
