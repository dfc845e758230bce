"""The application: a list of routes over a service."""

from starlette.routing import Route, Router

from router.app import Service
from router.gateway.endpoints import Answering, Endpoint, Endpoints
from router.gateway.metrics import Metrics
from router.monitor.watch import Watch
from router.wire import Api


def create_app(service: Service, watch: Watch | None = None) -> Router:
    """The gateway for a service that is open already; whoever opened it closes it.

    A bare router: every endpoint turns its own failures into answers, so that Starlette's
    middleware for that would only cost time.
    """
    metrics = Metrics(service, watch)
    service.watchers.append(metrics.watch)
    do = Endpoints(service, metrics)

    def route(path: str, endpoint: Endpoint, method: str = "POST", api: Api = "openai") -> Route:
        return Route(path, Answering(endpoint, api), methods=[method])

    return Router(
        routes=[
            route("/v1/chat/completions", do.chat_completions),
            route("/v1/messages", do.messages, api="anthropic"),
            route("/v1/messages/count_tokens", do.count_tokens, api="anthropic"),
            route("/v1/embeddings", do.embeddings),
            route("/v1/models", do.list_models, "GET"),
            route("/v1/models/{name:path}", do.list_models, "GET"),
            route("/v1/route", do.route),
            route("/v1/feedback", do.feedback),
            route("/healthz", do.healthz, "GET"),
            route("/readyz", do.readyz, "GET"),
            route("/metrics", do.metrics, "GET"),
        ]
    )
