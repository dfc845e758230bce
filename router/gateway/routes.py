"""The application: a list of routes over a service."""

from functools import partial

from starlette.routing import Route, Router

from router.app import Service
from router.dialects.base import Dialect
from router.dialects.table import CHAT, DIALECTS, MESSAGES
from router.gateway.endpoints import Answering, Endpoint, Endpoints
from router.gateway.metrics import Metrics
from router.gateway.stored import Stored
from router.gateway.unknown import Unknown
from router.monitor.watch import Watch


def create_app(service: Service, watch: Watch | None = None) -> Router:
    """The gateway for a service that is open already; whoever opened it closes it.

    A bare router: every endpoint turns its own failures into answers, so that Starlette's
    middleware for that would only cost time.
    """
    metrics = Metrics(service, watch)
    service.watchers.append(metrics.watch)
    stored = Stored(service)
    do = Endpoints(service, metrics, stored)

    def route(
        path: str, endpoint: Endpoint, method: str = "POST", dialect: Dialect = CHAT
    ) -> Route:
        return Route(path, Answering(endpoint, dialect), methods=[method])

    routes = [
        *(route(d.path, partial(do.answer, dialect=d), dialect=d) for d in DIALECTS),
        route("/v1/messages/count_tokens", do.count_tokens, dialect=MESSAGES),
        route("/v1/responses/{name}", stored.get, "GET"),
        route("/v1/responses/{name}", stored.delete, "DELETE"),
        route("/v1/embeddings", do.embeddings),
        route("/v1/models", do.list_models, "GET"),
        route("/v1/models/{name:path}", do.list_models, "GET"),
        route("/v1/route", do.route),
        route("/v1/feedback", do.feedback),
        route("/healthz", do.healthz, "GET"),
        route("/readyz", do.readyz, "GET"),
        route("/metrics", do.metrics, "GET"),
    ]
    return Router(routes=[*routes, Route("/{path:path}", Unknown(routes))])
