"""A span for each request, with the attributes that OpenTelemetry gives to generative AI.

Names: https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/; what they do not have
begins with `router.`. Words of requests and answers only with `traces_content`, only where the
outcome log may keep them too, and so never of a private request.
"""

import json
from typing import TYPE_CHECKING, Any

from router.app import Service
from router.engine.record import Record
from router.errors import MissingExtra

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

_NS = 1e9
_COMPLETIONS = ("completions",)  # dialects that are no chat
# Column of the outcome log -> attribute; what is null there is left out.
_ATTRIBUTES = {
    "model": "gen_ai.response.model",
    "max_tokens": "gen_ai.request.max_tokens",
    "input_tokens": "gen_ai.usage.input_tokens",
    "output_tokens": "gen_ai.usage.output_tokens",
    "cache_read": "gen_ai.usage.cache_read.input_tokens",
    "cache_write": "gen_ai.usage.cache_creation.input_tokens",
    "error": "error.type",
    "id": "router.decision_id",
    "tier": "router.tier",
    "rule": "router.rule",
    "kind": "router.kind",
    "stream": "router.stream",
    "p_local": "router.p_local",
    "p_cloud": "router.p_cloud",
    "gain": "router.gain",
    "threshold": "router.threshold",
    "propensity": "router.propensity",
    "explored": "router.explored",
    "escalated": "router.escalated",
    "router_version": "router.version",
    "policy_version": "router.policy_version",
    "cost_usd": "router.cost_usd",
    "first_token_s": "router.first_token_s",
}


class Tracing:
    """Makes spans of finished requests and hands them to an exporter, in the background."""

    def __init__(self, service: Service, exporter: "SpanExporter", content: bool) -> None:
        try:  # here, as the extra [otel] need not be installed
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
        except ModuleNotFoundError as error:
            raise MissingExtra(str(error.name), "otel") from error
        self._service, self._content = service, content
        self.provider = TracerProvider(resource=Resource.create({"service.name": "hybrid-router"}))
        self.provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self.provider.get_tracer("router")

    def watch(self, record: Record) -> None:
        """Make the span of one request, below the client's own where it sent a traceparent."""
        from opentelemetry.trace import SpanKind, Status, StatusCode
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        row = record.row
        operation = "text_completion" if row["api"] in _COMPLETIONS else "chat"
        span = self._tracer.start_span(
            f"{operation} {record.model or record.call.model}".strip(),
            context=TraceContextTextMapPropagator().extract(record.call.headers),
            kind=SpanKind.CLIENT,
            start_time=int(record.at * _NS),
            attributes={**self._attributes(record, row, operation), **self._words(row)},
        )
        if record.status != 200:
            span.set_status(Status(StatusCode.ERROR))
        span.end(int((record.at + record.latency_s) * _NS))

    def _attributes(self, record: Record, row: dict[str, Any], operation: str) -> dict[str, Any]:
        out = {name: row[column] for column, name in _ATTRIBUTES.items()}
        out["gen_ai.operation.name"] = operation
        out["gen_ai.provider.name"] = self._provider(record)
        out["gen_ai.request.model"] = record.call.model
        out["gen_ai.response.finish_reasons"] = [row["finish"]] if row["finish"] else None
        out["router.private_kinds"] = list(record.private) or None
        return {name: value for name, value in out.items() if value is not None}

    def _provider(self, record: Record) -> str | None:
        if record.tier == "local":
            return self._service.server.kind
        return self._service.settings.cloud_api if record.tier == "cloud" else None

    def _words(self, row: dict[str, Any]) -> dict[str, str]:
        """What was asked and answered, in the form of a log's row, if that is wanted."""
        if not self._content or row["request"] is None:
            return {}
        asked = json.loads(row["request"]).get("messages", [])
        said = {"role": "assistant", "content": row["answer"] or ""}
        return {
            "gen_ai.input.messages": json.dumps(asked, ensure_ascii=False),
            "gen_ai.output.messages": json.dumps([said], ensure_ascii=False),
        }


def tracing(service: Service) -> Tracing | None:
    """As the settings want it; None where `traces_url` is not set. Raises MissingExtra."""
    settings = service.settings
    if settings.traces_url is None:
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    except ModuleNotFoundError as error:
        raise MissingExtra(str(error.name), "otel") from error
    exporter = OTLPSpanExporter(endpoint=settings.traces_url)
    return Tracing(service, exporter, settings.traces_content)
