"""Tool calls: their validity against what was offered, and the agreement of two lists of them."""

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router import Answer, Router
from router.answers.call_agreement import IN_COMMON, calls_in_common
from router.answers.call_checks import CHECKS, Offered, checks
from router.answers.literals import CallLiteral
from router.answers.tool_fit import ToolFit
from router.decide.default import default_router
from router.engine.call import Call
from router.errors import InputError
from router.types import Offer

WEATHER: dict[str, Any] = {
    "name": "weather.get",
    "description": "The weather of a town.",
    "parameters": {
        "type": "object",
        "properties": {
            "town": {"type": "string"},
            "days": {"type": "integer", "minimum": 1},
            "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
            "at": {"type": "object", "properties": {"lat": {"type": "number"}}},
        },
        "required": ["town"],
    },
}
OPENAI = {"type": "function", "function": WEATHER}
ANTHROPIC = {"name": "weather.get", "input_schema": WEATHER["parameters"]}
BARE = {
    **WEATHER,
    "parameters": {
        **WEATHER["parameters"],
        "type": "dict",
        "properties": {
            **WEATHER["parameters"]["properties"],
            "at": {"type": "dict", "properties": {"lat": {"type": "float"}}},
        },
    },
}


FIT = ToolFit(default_router().extractor)


def offered(tools: Any, prompt: str | None) -> Offered:
    return Offered.of(Offer(tools, prompt), FIT)


def call(name: str = "weather_get", **arguments: Any) -> CallLiteral:
    return CallLiteral(name, arguments)


def checked(
    *calls: CallLiteral, tools: Any = (OPENAI,), prompt: str | None = None
) -> dict[str, float]:
    return dict(zip(CHECKS, checks(calls, "", offered(tools, prompt)).tolist(), strict=True))


@pytest.mark.parametrize("tool", [OPENAI, ANTHROPIC, BARE])
@pytest.mark.parametrize(
    ("made", "fault"),
    [
        (call(town="Oslo"), None),
        (call(town="Oslo", days=3.0, unit="Celsius", at={"lat": 59.0}), None),
        (call("Weather.get", town="Oslo"), None),
        (call("forecast", town="Oslo"), "unknown function"),
        (call(days=3.0), "argument missing"),
        (call(town="Oslo", colour="red"), "argument too many"),
        (call(town="Oslo", days="three"), "argument of another type"),
        (call(town="Oslo", days=2.5), "argument of another type"),
        (call(town="Oslo", at={"lat": "north"}), "argument of another type"),
        (call(town="Oslo", unit="kelvin"), "argument out of range"),
        (call(town="Oslo", days=0.0), "argument out of range"),
    ],
)
def test_each_fault_of_a_call_is_named_in_every_shape_of_tools(
    tool: Any, made: CallLiteral, fault: str | None
) -> None:
    found = checked(made, tools=[tool])
    faults = {c for c in CHECKS if c.startswith(("unknown", "argument ")) and found[c]}
    assert faults == ({fault} if fault else set())
    assert found["valid"] == (fault is None)


def test_calling_nothing_is_seen_only_where_tools_were_offered() -> None:
    assert checked()["calls nothing"] == 1
    assert not checks((), "", None).any()


def test_faults_are_shares_of_the_calls() -> None:
    found = checked(call(town="Oslo"), call(), call(town="Oslo"))
    assert found["argument missing"] == pytest.approx(1 / 3)
    assert found["same call twice"] == found["several calls"] == 1


def test_values_are_looked_for_in_the_words_of_the_request() -> None:
    given = "What is the weather in San José for 3 days?"
    found = checked(call(town="San José", days=3.0), prompt=given)
    assert found["values in the request"] == found["numbers of the request used"] == 1
    found = checked(call(town="Lima", days=5.0), prompt=given)
    assert found["values in the request"] == found["numbers of the request used"] == 0


def test_two_lists_of_calls_agree_by_value_whatever_their_order() -> None:
    one = (call(town="Oslo", days=3.0), call(town="Rome"))
    two = (call("Weather.get", town="rome"), call(town="Oslo", days=3.0))
    found = dict(zip(IN_COMMON, calls_in_common(one, two), strict=True))
    assert found["equal calls"] == found["arguments in common"] == 1
    other = dict(zip(IN_COMMON, calls_in_common(one, (call(town="Oslo", days=4.0),)), strict=True))
    assert other["equal calls"] == other["same functions"] == 0
    assert other["functions in common"] == 0.5
    nothing = dict(zip(IN_COMMON, calls_in_common((), ()), strict=True))
    assert nothing["both call nothing"] == 1
    assert dict(zip(IN_COMMON, calls_in_common(one, ()), strict=True))["one calls nothing"] == 1


LITERALS = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
CALLS = st.lists(
    st.builds(
        CallLiteral,
        st.sampled_from(["f", "g", "weather.get"]),
        st.dictionaries(st.sampled_from(["town", "days", "x"]), LITERALS),
    ),
    max_size=4,
).map(tuple)


@given(CALLS, CALLS)
def test_agreement_of_calls_is_symmetric_and_whole_with_itself(
    one: tuple[CallLiteral, ...], two: tuple[CallLiteral, ...]
) -> None:
    there, back = calls_in_common(one, two), calls_in_common(two, one)
    assert np.allclose(there, back)
    assert (there >= 0).all() and (there <= 1).all()
    own = dict(zip(IN_COMMON, calls_in_common(one, one), strict=True))
    assert own["equal calls" if one else "both call nothing"] == 1


@settings(max_examples=200)
@given(
    CALLS,
    st.lists(
        LITERALS | st.fixed_dictionaries({"name": st.just("f"), "parameters": LITERALS}), max_size=3
    ),
)
def test_no_definition_of_a_tool_breaks_the_checks(
    calls: tuple[CallLiteral, ...], tools: list[Any]
) -> None:
    found = checks(calls, "", offered(tools, "words"))
    assert np.isfinite(found).all()


def _doubling(depth: int) -> dict[str, Any]:
    """A schema of a few lines that stands for 2 ** depth."""
    levels = {
        f"l{i}": {"allOf": [{"$ref": f"#/$defs/l{i + 1}"}, {"$ref": f"#/$defs/l{i + 1}"}]}
        for i in range(depth)
    }
    return {"$defs": levels, "properties": {"town": {"$ref": "#/$defs/l0"}}}


@pytest.mark.parametrize(
    "schema",
    [
        _doubling(60),
        {"$ref": "#"},
        {"properties": {"town": {"$ref": "#/properties/town"}}},
        {"properties": {"town": {"$ref": "http://127.0.0.1:9/schema.json"}}},
        {"properties": {"town": {"type": "string", "pattern": "(a+)+$"}}},
        {"properties": 3, "required": 4, "type": ["string", 5], "enum": "no"},
        {"properties": {"town": {"anyOf": [{"type": "integer"}] * 100_000}}},
    ],
)
def test_a_hostile_schema_allows_what_it_cannot_say(schema: dict[str, Any]) -> None:
    tool = {"name": "weather_get", "parameters": schema}
    long = call(town="a" * 5_000 + "!", list=[[1.0] * 100] * 50)
    assert checked(long, tools=[tool])["tools offered"] == 1


def test_local_references_are_followed() -> None:
    schema = {
        "$defs": {"Town": {"type": "string"}},
        "properties": {"town": {"$ref": "#/$defs/Town"}},
    }
    tool = {"name": "f", "parameters": schema}
    assert checked(call("f", town="Oslo"), tools=[tool])["valid"] == 1
    assert checked(call("f", town=3.0), tools=[tool])["argument of another type"] == 1


def test_a_decision_remembers_the_tools_and_shows_them_nowhere() -> None:
    router = Router.load()
    before = router.predict("Weather in Oslo?", tools=[OPENAI])
    assert before.offer is not None and before.offer.tools == [OPENAI]
    assert "weather" not in repr(before) and "offer" not in before.as_dict()
    answer = Answer("", tool_calls=[{"name": "weather_get", "arguments": {"town": "Oslo"}}])
    evidence = router._evidence_after(before, answer)
    assert dict(zip(CHECKS, evidence.answer.checks, strict=True))["valid"] == 1
    told = router.predict_after(None, answer, tools=[OPENAI])
    assert told.offer is not None and told.offer.prompt is None
    batch = router.predict_after_batch([None], [answer], tools=[[OPENAI]])
    assert batch[0].p_local == pytest.approx(told.p_local)
    with pytest.raises(InputError, match="tools must be a list"):
        router.predict_after(None, answer, tools={"name": "f"})  # type: ignore[arg-type]


def test_where_no_tool_fits_the_request_the_checks_say_so() -> None:
    fits = checked(call(town="Oslo"), prompt="What is the weather in the town of Oslo?")
    not_so = checked(call(town="Oslo"), prompt="Who painted the ceiling of the Sistine Chapel?")
    for name in ("best fit: words", "best fit: meaning", "fit of the calls: words"):
        assert fits[name] > not_so[name]
    assert fits["calls, nothing fits"] < 0.5 < not_so["calls, nothing fits"]
    talks = checked(prompt="Who painted the ceiling of the Sistine Chapel?")
    assert talks["calls nothing, nothing fits"] == not_so["calls, nothing fits"]
    assert talks["calls nothing, something fits"] == 1 - talks["calls nothing, nothing fits"]


def test_types_of_other_languages_take_values_written_in_them() -> None:
    schema = {"properties": {"sizes": {"type": "ArrayList"}, "own": {"type": "Widget"}}}
    tool = {"name": "f", "parameters": {**schema, "required": ["sizes", "absent"]}}
    for value in ([1.0], "new ArrayList<>(1)"):
        assert checked(call("f", sizes=value, own=3.0), tools=[tool])["valid"] == 1
    assert checked(call("f", sizes=3.0), tools=[tool])["argument of another type"] == 1


@pytest.mark.parametrize(("api", "tool"), [("openai", OPENAI), ("anthropic", ANTHROPIC)])
def test_the_gateway_knows_what_a_request_offers(api: Any, tool: Any) -> None:
    messages = [{"role": "user", "content": "Weather in Oslo?"}]
    request = Call.of(api, {"messages": messages, "tools": [tool]}).request
    assert request is not None and request.offer == Offer([tool], "Weather in Oslo?")
    more = [*messages, {"role": "assistant", "content": "It rains."}, *messages]
    request = Call.of(api, {"messages": more, "tools": [tool]}).request
    assert request is not None and request.offer == Offer([tool], None)


def test_a_request_without_tools_loads_no_schema_library() -> None:
    code = (
        "import sys, router; d = router.predict_tier('Hello'); router.predict_after(d, 'Hello!');"
        "print('jsonschema' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
