"""The privacy filter: what it finds, in which disguise, and that nothing goes round it."""

import base64
import html
import json
import string
from importlib import import_module
from random import Random
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.errors import ConfigError, RequestRefused
from router.privacy import Clearance, PrivacyFilter
from router.privacy.credentials import _GATES, _NARROW, plugins
from router.privacy.detectors import Builtin, Own
from tests.privacy_recall.ordinary import everyday
from tests.servers.running import HARD

FILTER = PrivacyFilter([Builtin(["US", "DE"]), Own(["INV-[0-9]{4}"], ["Project Falcon", "Ørsted"])])
PRIVATE = {
    "mail ann.lee+x@mail.example.co.uk please": "email",
    "card 4242 4242 4242 4242": "card",
    "card 4242-4242-4242-4242, exp 12/29": "card",
    "amex 378282246310005": "card",
    "IBAN DE89 3704 0044 0532 0130 00 at home": "iban",
    "gb82west12345698765432": "iban",
    "my number is 912-34-5678": "national-number:us.ssn",
    "SSN: 536904399": "national-number:us.ssn",
    "codice fiscale RSSMRA85T10A562S": "national-number:it.codicefiscale",
    "DNI 12345678Z": "national-number:es.dni",
    "CPF 390.533.447-05": "national-number:br.cpf",
    "Steuer-ID 36574261809": "national-number:de.idnr",
    "call (202) 555-0143": "phone",
    "call +44 20 7946 0958": "phone",
    "Tel. 030 901820": "phone",
    "phone 4155552671": "phone",
    "AKIAIOSFODNN7EXAMPLE": "credential:aws-access-key",
    "ghp_EXAMPLENOTAREALGITHUBTOKEN0000000000": "credential:github-token",
    "xoxb-00000-00000-EXAMPLENOTAREALTOKEN": "credential:slack-token",
    "sk-ant-api03-" + "a" * 40: "credential:token",
    "-----BEGIN OPENSSH PRIVATE KEY-----": "credential:private-key",
    'password = "hunter2secret"': "credential:secret-keyword",
    "DB_PASSWORD=letmein99": "credential:token",
    "postgres://user:pass1234@db.internal/x": "credential:basic-auth-credentials",
    "status of PROJECT FALCON": "own-word",
    "ask ørsted about it": "own-word",
    "see INV-2041": "own-pattern",
}
CLEAN = (
    "What is 1234567890 * 987654321?",
    "2024-01-15 10:30:45,123 ERROR",
    "3.14159265358979323846",
    "git clone git@github.com:a/b.git",
    "def f(api_key: str = None): return api_key",
    "UUID 123e4567-e89b-12d3-a456-426614174000",
    "x = os.environ['API_KEY']",
    "timestamp 1700000000000",
    "192.168.1.1:8080",
    "How do I reset a password?",
    "ISBN 978-3-16-148410-0",
    "1, 2, 3, 4, 5, 6, 7, 8, 9, 10",
    "Falconry is an old project",
    "sum 100 200 300 400 500 600 700",
    "AC power at 12:30:45",
    "see lines 100-200 and 300-400",
    "Co-Authored-By: Claude <noreply@anthropic.com>",
    "@pytest.mark.parametrize",
    "a@b",
    "v1.2.3-rc.4+build.567",
    "2^64 = 18446744073709551616",
    "The secret of success: hard work",
    "https://example.org/a?page=2&sort=asc",
    "sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
)


@pytest.mark.parametrize(("text", "kind"), PRIVATE.items())
def test_each_kind_is_found(text: str, kind: str) -> None:
    assert kind in FILTER.kinds(text)


@pytest.mark.parametrize("text", CLEAN)
def test_ordinary_text_is_clean(text: str) -> None:
    assert FILTER.kinds(text) == ()


def test_a_card_within_an_id_is_found_and_none_is_seen_where_there_is_none() -> None:
    kinds = PrivacyFilter([Builtin()]).kinds
    rng, letters = Random(11), string.ascii_letters + string.digits
    for card in ("4242424242424242", "378282246310005", "6759649826438453"):
        for _ in range(20):
            before, after = ("".join(rng.choices(letters, k=12)) for _ in range(2))
            assert kinds(f"see user_{before}x{card}y{after}, please") == ("card",), before
    for size in (24, 32, 48):
        ids = ("".join(rng.choices(letters, k=size)) for _ in range(1000))
        assert [one for one in ids if "card" in kinds(f"trace {one}")] == []
    hashes = (f"{rng.getrandbits(160):040x}" for _ in range(2000))
    assert [one for one in hashes if "card" in kinds(f"commit {one}")] == []


# The everyday prompts in which somebody's number or address does stand.
HOLDING = ("2025550143", "0221 4455-10", "anna@example.org")


def test_everyday_prompts_are_not_private() -> None:
    kinds = PrivacyFilter([Builtin()]).kinds
    flagged = [prompt for prompt in everyday() if kinds(prompt)]
    assert flagged
    assert all(any(held in prompt for held in HOLDING) for prompt in flagged)


def wide(text: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


def spread(text: str) -> str:
    return "\u200b".join(text)


DISGUISES = {
    "percent": lambda t: quote(t, safe=""),
    "every byte percent": lambda t: "".join(f"%{b:02X}" for b in t.encode()),
    "base64": lambda t: "see " + base64.b64encode(b"Record: " + t.encode()).decode(),
    "base64 for URLs": lambda t: (
        base64.urlsafe_b64encode(b"Rec " + t.encode()).decode().rstrip("=")
    ),
    "base64 twice": lambda t: base64.b64encode(base64.b64encode(b"Record " + t.encode())).decode(),
    "hex": lambda t: t.encode().hex(),
    "entities": lambda t: "".join(f"&#{ord(c)};" for c in t),
    "html": lambda t: html.escape(t),
    "full width": wide,
    "invisible characters": spread,
    "escapes": lambda t: "".join(f"\\u{ord(c):04x}" for c in t),
    "JSON in JSON": lambda t: json.dumps({"args": json.dumps({"v": t})}),
}


@pytest.mark.parametrize("disguise", DISGUISES)
@pytest.mark.parametrize(
    "text", ["ann.lee@mail.example.org", "4242424242424242", "912-34-5678", "AKIAIOSFODNN7EXAMPLE"]
)
def test_a_disguise_does_not_help(text: str, disguise: str) -> None:
    assert FILTER.kinds(DISGUISES[disguise](text))


@pytest.mark.parametrize("digits", ["٤٢٤٢٤٢٤٢٤٢٤٢٤٢٤٢", "𝟒𝟐𝟒𝟐𝟒𝟐𝟒𝟐𝟒𝟐𝟒𝟐𝟒𝟐𝟒𝟐", "4242‑4242‑4242‑4242"])
def test_digits_of_any_script_are_digits(digits: str) -> None:
    assert FILTER.kinds(digits) == ("card",)


PLACES = {
    "last turn": {"messages": [{"role": "user", "content": "{}"}]},
    "first turn": {
        "messages": [
            {"role": "user", "content": "{}"},
            {"role": "assistant", "content": "ok"},
            {"role": "user", "content": HARD},
        ]
    },
    "system turn": {
        "messages": [{"role": "system", "content": "{}"}, {"role": "user", "content": HARD}]
    },
    "block": {"messages": [{"role": "user", "content": [{"type": "text", "text": "{}"}]}]},
    "two blocks": {
        "messages": [
            {
                "role": "user",
                "content": [{"type": "text", "text": "<"}, {"type": "text", "text": ">"}],
            }
        ]
    },
    "arguments": {
        "messages": [
            {"role": "user", "content": HARD},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {
                        "id": "c",
                        "type": "function",
                        "function": {"name": "f", "arguments": '{"to": "{}"}'},
                    }
                ],
            },
            {"role": "tool", "tool_call_id": "c", "content": "done"},
        ]
    },
    "result": {
        "messages": [
            {"role": "user", "content": HARD},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
                ],
            },
            {"role": "tool", "tool_call_id": "c", "content": "{}"},
        ]
    },
    "tool": {
        "messages": [{"role": "user", "content": HARD}],
        "tools": [
            {"type": "function", "function": {"name": "f", "description": "{}", "parameters": {}}}
        ],
    },
    "file name": {
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": HARD},
                    {
                        "type": "file",
                        "file": {"filename": "{}", "file_data": "data:application/pdf;base64,AA"},
                    },
                ],
            }
        ]
    },
    "key": {"messages": [{"role": "user", "content": HARD}], "metadata": {"{}": 1}},
    "user": {"messages": [{"role": "user", "content": HARD}], "user": "{}"},
    "unknown field": {"messages": [{"role": "user", "content": HARD}], "x": {"y": [["{}"]]}},
}
_ASKED = {"role": "user", "content": HARD}
_CUSTOM = {"type": "custom_tool_call", "call_id": "c", "name": "f", "input": "{}"}
_GRAMMAR = {"type": "grammar", "syntax": "lark", "definition": "{}"}
_USE = {
    "role": "assistant",
    "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {"to": "{}"}}],
}
_RESULT = {
    "role": "user",
    "content": [{"type": "tool_result", "tool_use_id": "t", "content": "done"}],
}
# The same for the other APIs that clients speak, by address.
ELSEWHERE: dict[str, tuple[str, object]] = {
    "input": ("/v1/responses", {"input": "{}"}),
    "instructions": ("/v1/responses", {"input": HARD, "instructions": "{}"}),
    "a part of a turn": (
        "/v1/responses",
        {"input": [{"role": "user", "content": [{"type": "input_text", "text": "{}"}]}, _ASKED]},
    ),
    "two parts of a turn": (
        "/v1/responses",
        {
            "input": [
                {
                    "role": "user",
                    "content": [
                        {"type": "input_text", "text": "<"},
                        {"type": "input_text", "text": ">"},
                    ],
                },
                _ASKED,
            ]
        },
    ),
    "a refusal": (
        "/v1/responses",
        {
            "input": [
                {"role": "assistant", "content": [{"type": "refusal", "refusal": "{}"}]},
                _ASKED,
            ]
        },
    ),
    "arguments of a call": (
        "/v1/responses",
        {
            "input": [
                _ASKED,
                {
                    "type": "function_call",
                    "call_id": "c",
                    "name": "f",
                    "arguments": '{"to": "{}"}',
                },
                {"type": "function_call_output", "call_id": "c", "output": "done"},
            ]
        },
    ),
    "output of a call": (
        "/v1/responses",
        {
            "input": [
                _ASKED,
                {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{ }"},
                {"type": "function_call_output", "call_id": "c", "output": "{}"},
            ]
        },
    ),
    "output in parts": (
        "/v1/responses",
        {
            "input": [
                _ASKED,
                {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{ }"},
                {
                    "type": "function_call_output",
                    "call_id": "c",
                    "output": [{"type": "input_text", "text": "{}"}],
                },
            ]
        },
    ),
    "free text of a call": ("/v1/responses", {"input": [_ASKED, _CUSTOM]}),
    "a tool": (
        "/v1/responses",
        {"input": HARD, "tools": [{"type": "function", "name": "f", "description": "{}"}]},
    ),
    "a tool's grammar": (
        "/v1/responses",
        {"input": HARD, "tools": [{"type": "custom", "name": "f", "format": _GRAMMAR}]},
    ),
    "a tool within the conversation": (
        "/v1/responses",
        {
            "input": [
                {
                    "type": "additional_tools",
                    "tools": [{"type": "function", "name": "f", "description": "{}"}],
                },
                _ASKED,
            ]
        },
    ),
    "a schema": (
        "/v1/responses",
        {
            "input": HARD,
            "text": {
                "format": {"type": "json_schema", "name": "a", "schema": {"description": "{}"}}
            },
        },
    ),
    "a file's name": (
        "/v1/responses",
        {
            "input": [
                {
                    "role": "user",
                    "content": [
                        {"type": "input_text", "text": HARD},
                        {
                            "type": "input_file",
                            "filename": "{}",
                            "file_data": "data:application/pdf;base64,AA",
                        },
                    ],
                }
            ]
        },
    ),
    "metadata": ("/v1/responses", {"input": HARD, "metadata": {"to": "{}"}}),
    "user": ("/v1/responses", {"input": HARD, "user": "{}"}),
    "a prompt": ("/v1/completions", {"prompt": "{}"}),
    "a list of one prompt": ("/v1/completions", {"prompt": ["{}"]}),
    "an unknown field": ("/v1/completions", {"prompt": HARD, "x": ["{}"]}),
    "a turn at Ollama's": ("/api/chat", {"messages": [{"role": "user", "content": "{}"}]}),
    "two turns at Ollama's": (
        "/api/chat",
        {"messages": [{"role": "system", "content": "<"}, {"role": "user", "content": "{}"}]},
    ),
    "what a model said": (
        "/api/chat",
        {"messages": [{"role": "assistant", "content": "{}"}, _ASKED]},
    ),
    "arguments as an object": (
        "/api/chat",
        {
            "messages": [
                _ASKED,
                {
                    "role": "assistant",
                    "content": "",
                    "tool_calls": [{"function": {"name": "f", "arguments": {"to": "{}"}}}],
                },
                {"role": "tool", "tool_name": "f", "content": "done"},
            ]
        },
    ),
    "a tool's result": (
        "/api/chat",
        {
            "messages": [
                _ASKED,
                {
                    "role": "assistant",
                    "content": "",
                    "tool_calls": [{"function": {"name": "f", "arguments": {}}}],
                },
                {"role": "tool", "tool_name": "f", "content": "{}"},
            ]
        },
    ),
    "a tool at Ollama's": (
        "/api/chat",
        {
            "messages": [_ASKED],
            "tools": [{"type": "function", "function": {"name": "f", "description": "{}"}}],
        },
    ),
    "a format": ("/api/chat", {"messages": [_ASKED], "format": {"description": "{}"}}),
    "a stop": ("/api/chat", {"messages": [_ASKED], "options": {"stop": ["{}"]}}),
    "Claude's system text": ("/v1/messages", {"messages": [_ASKED], "system": "{}"}),
    "a block of it": (
        "/v1/messages",
        {"messages": [_ASKED], "system": [{"type": "text", "text": "{}"}]},
    ),
    "a turn at Claude's": (
        "/v1/messages",
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "{}"}]}]},
    ),
    "a system turn at Claude's": (
        "/v1/messages",
        {"messages": [_ASKED, {"role": "system", "content": "{}"}]},
    ),
    "a thought": (
        "/v1/messages",
        {
            "messages": [
                _ASKED,
                {
                    "role": "assistant",
                    "content": [
                        {"type": "thinking", "thinking": "{}", "signature": "s"},
                        {"type": "text", "text": "Yes."},
                    ],
                },
                _ASKED,
            ]
        },
    ),
    "the input of a use": ("/v1/messages", {"messages": [_ASKED, _USE, _RESULT]}),
    "the result of a use": (
        "/v1/messages",
        {
            "messages": [
                _ASKED,
                {
                    "role": "assistant",
                    "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {}}],
                },
                {
                    "role": "user",
                    "content": [{"type": "tool_result", "tool_use_id": "t", "content": "{}"}],
                },
            ]
        },
    ),
    "a tool at Claude's": (
        "/v1/messages",
        {
            "messages": [_ASKED],
            "tools": [{"name": "f", "description": "{}", "input_schema": {"type": "object"}}],
        },
    ),
    "a user at Claude's": ("/v1/messages", {"messages": [_ASKED], "metadata": {"user_id": "{}"}}),
    "a prompt at Ollama's": ("/api/generate", {"prompt": "{}"}),
    "a system prompt": ("/api/generate", {"prompt": HARD, "system": "{}"}),
}
SECRET = "ann.lee@mail.example.org"


def filled(body: object) -> object:
    """`body` with the secret in its place, halves of it where it has two."""
    text = json.dumps(body).replace('{}\\"', SECRET + '\\"').replace('"{}"', f'"{SECRET}"')
    return json.loads(text.replace('"<"', '"ann.lee@mail."').replace('">"', '"example.org"'))


@pytest.mark.parametrize("place", PLACES)
def test_no_place_in_a_request_is_overlooked(place: str) -> None:
    payload = json.dumps(filled(PLACES[place])).encode()
    assert b"example.org" in payload
    screening = FILTER.screen(payload)
    assert screening.private
    assert SECRET not in repr(screening.findings)
    with pytest.raises(RequestRefused):
        screening.clear()


def test_a_number_is_as_private_as_its_digits() -> None:
    assert FILTER.screen(b'{"messages": [], "card": 4242424242424242}').kinds == ("card",)


def test_only_the_wall_can_clear() -> None:
    with pytest.raises(TypeError):
        Clearance(b"{}", object())
    body = {"messages": [{"role": "user", "content": "hi"}]}
    cleared = FILTER.screen(json.dumps(body).encode()).clear()
    cleared.body()["messages"].append("changed")
    assert cleared.body() == body


def test_pixels_are_not_read_as_text() -> None:
    data = base64.b64encode(b"x 4242424242424242 y").decode()
    block = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}
    assert not FILTER.screen(json.dumps({"messages": [{"content": [block]}]}).encode()).private


def test_what_its_owner_calls_public_is_not_private_but_its_neighbour_is() -> None:
    found = PrivacyFilter([Builtin(public=["help@acme.example"])])
    assert found.kinds("Write to help@acme.example.") == ()
    assert found.kinds("Write to help@acme.example or ann@acme.example.") == ("email",)


def test_a_wrong_pattern_is_named() -> None:
    with pytest.raises(ConfigError, match="Pattern 1"):
        Own(["a", "("])


@pytest.mark.parametrize("name", _GATES)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_no_gate_hides_what_its_detector_would_find(name: str, data: st.DataObject) -> None:
    """Gates make the scan fast; a match of any pattern must pass its gate."""
    plugin = plugins()[name]
    if name == "keyword.KeywordDetector":  # its patterns are built from words
        words = import_module("detect_secrets.plugins.keyword").DENYLIST
        assert all(any(g in word.replace("_?", "_") for g in _GATES[name]) for word in words)
        return
    patterns = list(plugin.denylist)
    text = data.draw(st.from_regex(data.draw(st.sampled_from(patterns))))
    if not any(True for _ in plugin.analyze_string(text)):
        return
    assert any(g in text.lower() or g in text for g in _GATES[name])
    assert name not in _NARROW or _NARROW[name].search(text)
