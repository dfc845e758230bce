"""The application: a list of routes over a service."""

from contextlib import nullcontext
from functools import partial

from starlette.routing import Route, Router
from starlette.types import ASGIApp

from router.app import Service
from router.dialects.base import Dialect
from router.dialects.table import CHAT, DIALECTS, MESSAGES, OLLAMA
from router.gateway.embeddings import Embeddings
from router.gateway.endpoints import Answering, Endpoint, Endpoints
from router.gateway.metrics import Metrics
from router.gateway.ollama import PASSED, OllamaApi
from router.gateway.origins import Origins
from router.gateway.page.addresses import Page
from router.gateway.page.feed import Feed
from router.gateway.stored import Stored
from router.gateway.tracing import tracing
from router.gateway.unknown import Unknown
from router.monitor.watch import Watch


def create_app(
    service: Service,
    watch: Watch | None = None,
    feed: Feed | None = None,
    metrics: Metrics | None = None,
) -> ASGIApp:
    """The gateway for a service that is open already; whoever opened it closes it.

    A bare router: every endpoint turns its own failures into answers, so that Starlette's
    middleware for that would only cost time.
    """
    metrics = metrics or Metrics(service, watch)
    service.watchers.append(metrics.watch)
    if (traces := tracing(service)) is not None:
        service.watchers.append(traces.watch)
    feed = feed or Feed()
    service.watchers.append(feed.watch)
    stored = Stored(service)
    embeddings = Embeddings(service)
    ollama = OllamaApi(service, embeddings)
    page = Page(service, ollama, watch, feed)
    do = Endpoints(service, metrics, stored, embeddings, ollama)

    def route(
        path: str, endpoint: Endpoint, method: str = "POST", dialect: Dialect = CHAT
    ) -> Route:
        counted = metrics.under_way if method == "POST" else nullcontext()  # no looks at it
        return Route(path, Answering(endpoint, dialect, counted), methods=[method])

    routes = [
        *(route(d.path, partial(do.answer, dialect=d), dialect=d) for d in DIALECTS),
        route("/v1/messages/count_tokens", do.count_tokens, dialect=MESSAGES),
        route("/v1/responses/{name}", stored.get, "GET"),
        route("/v1/responses/{name}", stored.delete, "DELETE"),
        route("/v1/responses/{name}/input_items", stored.input_items, "GET"),
        route("/v1/embeddings", do.embeddings),
        route("/v1/models", do.list_models, "GET"),
        route("/v1/models/{name:path}", do.list_models, "GET"),
        route("/api/tags", ollama.tags, "GET", OLLAMA),
        route("/api/show", ollama.show, dialect=OLLAMA),
        route("/api/ps", ollama.ps, "GET", OLLAMA),
        route("/api/version", ollama.version, "GET", OLLAMA),
        route("/api/embed", ollama.embed, dialect=OLLAMA),
        route("/api/embeddings", ollama.embed, dialect=OLLAMA),
        *(route(path, ollama.passed, method, OLLAMA) for method, path in PASSED),
        route("/", page.home, "GET", OLLAMA),
        route("/page/numbers", page.numbers, "GET"),
        route("/page/curve", page.curve, "GET"),
        route("/page/events", page.events, "GET"),
        route("/page/decisions/{id}", page.decision, "GET"),
        route("/page/promote", page.promote),
        route("/page/rollback", page.roll_back),
        route("/page/{name}", page.file, "GET"),
        route("/v1/route", do.route),
        route("/v1/feedback", do.feedback),
        route("/healthz", do.healthz, "GET"),
        route("/readyz", do.readyz, "GET"),
        route("/metrics", do.metrics, "GET"),
    ]
    return Origins(Router(routes=[*routes, Route("/{path:path}", Unknown(routes))]))
