"""Spans of requests, by an exporter that keeps them."""

import json

import pytest

from router.engine.record import Record
from router.errors import MissingExtra
from router.gateway.tracing import Tracing, tracing
from tests.servers import upstream
from tests.servers.fixtures import Run
from tests.servers.running import EASY, HARD, Gateway

pytest.importorskip("opentelemetry.sdk")
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

MAIL = "Write to ann.lee@mail.example.org about it."
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def traced(gateway: Gateway, content: bool = False) -> tuple[Tracing, InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    made = Tracing(gateway.service, exporter, content)
    gateway.service.watchers.append(made.watch)
    return made, exporter


def spans(of: tuple[Tracing, InMemorySpanExporter]) -> list[ReadableSpan]:
    of[0].provider.force_flush()
    return list(of[1].get_finished_spans())


def test_a_span_says_who_answered_what_it_cost_and_why(run: Run) -> None:
    gateway = run()
    kept = traced(gateway)
    gateway.chat(EASY)
    gateway.messages(HARD, stream=True, headers={"traceparent": PARENT})
    easy, hard = (dict(span.attributes or {}) for span in spans(kept))
    rows = gateway.rows()
    assert easy["gen_ai.operation.name"] == hard["gen_ai.operation.name"] == "chat"
    assert (easy["gen_ai.provider.name"], hard["gen_ai.provider.name"]) == ("openai", "anthropic")
    assert (easy["gen_ai.request.model"], easy["gen_ai.response.model"]) == ("auto", "small")
    assert hard["gen_ai.response.model"] == "claude-sonnet-5-5"
    assert hard["gen_ai.usage.output_tokens"] == rows[1]["output_tokens"] == 5
    assert easy["gen_ai.response.finish_reasons"] == ("stop",)
    assert [a["router.decision_id"] for a in (easy, hard)] == [row["id"] for row in rows]
    assert hard["router.gain"] == pytest.approx(rows[1]["gain"])
    first, second = spans(kept)
    assert first.name == "chat small" and first.parent is None
    assert second.parent is not None and f"{second.parent.trace_id:032x}" == PARENT[3:35]
    assert (second.end_time or 0) - (second.start_time or 0) == pytest.approx(
        rows[1]["latency_s"] * 1e9, rel=1e-3
    )


def test_the_row_is_made_once_for_the_span_and_the_log(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[Record] = []
    close = Record.close
    monkeypatch.setattr(Record, "close", lambda self: (closed.append(self), close(self))[1])
    gateway = run()
    kept = traced(gateway)
    gateway.chat(EASY)
    (row,), (span,), (record,) = gateway.rows(), spans(kept), closed
    assert record.row.items() <= row.items()
    assert dict(span.attributes or {})["router.decision_id"] == record.row["id"]


def test_no_word_is_in_a_span_unless_it_is_wanted_and_never_of_what_is_private(run: Run) -> None:
    gateway = run()
    silent, open_ = traced(gateway), traced(gateway, content=True)
    for text in (EASY, MAIL):
        gateway.chat(text)
    gateway.chat(EASY, store=False)
    told = "".join(str(dict(s.attributes or {})) for s in spans(silent))
    assert "France" not in told and "ann.lee" not in told and "Hello" not in told
    asked, private, unkept = (dict(s.attributes or {}) for s in spans(open_))
    assert json.loads(str(asked["gen_ai.input.messages"]))[0]["content"] == EASY
    assert json.loads(str(asked["gen_ai.output.messages"]))[0]["content"] == "Hello there."
    assert private["router.private_kinds"] == ("email",)
    assert not {"gen_ai.input.messages", "gen_ai.output.messages"} & {*private, *unkept}
    assert "ann.lee" not in str(private)


def test_a_failure_has_its_name_and_nothing_of_its_words(
    run: Run, local: upstream.Upstream
) -> None:
    async def broken(connection: upstream.Connection, got: upstream.Got) -> None:
        await connection.json({"error": "out of memory"}, 500)

    gateway = run(local_limits={"retries": 0})
    kept = traced(gateway)
    local.script = broken
    gateway.chat(EASY, model="local")
    (span,) = spans(kept)
    assert not span.status.is_ok
    assert dict(span.attributes or {})["error.type"] == gateway.rows()[0]["error"]
    assert span.status.description is None


def test_without_a_setting_there_is_none_and_without_the_package_a_sentence(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = run()
    assert tracing(gateway.service) is None
    monkeypatch.setitem(__import__("sys").modules, "opentelemetry.exporter", None)
    to = {"traces_url": "http://127.0.0.1:4318/v1/traces"}
    gateway.service.settings = gateway.service.settings.model_copy(update=to)
    with pytest.raises(MissingExtra, match=r"hybrid-router\[otel\]"):
        tracing(gateway.service)
