"""HEAD for what monitors look at: the answer to GET without its body. Plain ASGI."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

MONITORED = frozenset(
    {"/", "/healthz", "/readyz", "/metrics", "/v1/limits", "/v1/models", "/docs", "/docs/problems", "/openapi.json"}
)
"""Not the others: a HEAD of a stream of events would last as long as its job."""


class Heads:
    """Asks the routes with GET, as they know nothing of HEAD."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        if scope["type"] != "http" or scope["method"] != "HEAD" or not is_monitored(scope):
            await self.app(scope, receive, send)
            return

        async def send_no_body(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        asked = {**scope, "method": "GET"}  # a copy: the server must go on knowing that it owes no body
        await self.app(asked, receive, send_no_body)
        if "route" in asked:
            scope["route"] = asked["route"]  # what is measured is measured by route


def is_monitored(scope: Scope) -> bool:
    """Whether HEAD is served at this address."""
    return scope["path"].removeprefix(str(scope.get("root_path", ""))) in MONITORED
