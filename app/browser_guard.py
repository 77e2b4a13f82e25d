"""What keeps pages of strangers, in a browser that reaches the service, from using it where it asks for no key.

Such a page has two ways. It can bind its own name to our address (DNS rebinding): then the browser takes us for a
part of it, and it reads everything; but the browser sends that name as `Host`. Or it posts a form across origins, which
needs nobody's leave; but the browser says so in `Sec-Fetch-Site` and `Origin`. Where there are keys, neither way leads
anywhere: no browser sends a key by itself.
"""

import re

import structlog
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from app import problem_types
from app.auth import is_loopback
from app.middleware import current_request_id
from app.problems import Problem
from app.rendering import answer_to
from jobs.origins import EVERY, read_origins
from jobs.settings import Settings

log = structlog.get_logger(__name__)

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
"""They change nothing, and without leave (CORS) a page cannot read what they answer."""
_HOST = re.compile(r"(?:\[([0-9a-f:.]+)\]|([^\[\]:/@\s]+))(?::[0-9]{1,5})?", re.IGNORECASE)


class BrowserGuard:
    """Refuses names that are not the service's, and changes that a page of another origin asks for.

    Without `allowed_hosts` any name will do where `allow_anonymous` is set: only the operator knows what a proxy is
    called. Clients that are no browsers send no `Origin`, and are not asked for one.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self._names = frozenset((settings.allowed_hosts or "").lower().split())
        self._any_name = EVERY in self._names or (settings.allow_anonymous and not self._names)
        self._origins = frozenset(read_origins(settings.cors_origins or ""))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request, or refuses it."""
        problem = self._refusal(scope) if scope["type"] == "http" else None
        if problem is None:
            await self.app(scope, receive, send)
            return
        log.info("request_refused", code=problem.kind.code, detail=problem.detail, path=scope["path"])
        answer = answer_to(problem, scope, current_request_id())
        await answer(scope, receive, send)

    def _refusal(self, scope: Scope) -> Problem | None:
        headers = Headers(scope=scope)
        server: str = (scope.get("server") or ("",))[0]  # the address that the connection was made to
        host = headers.get("host", "")
        if host and not self._any_name and not self._is_ours(host, server):
            return Problem(problem_types.HOST_REFUSED, "The header Host does not name this service.")
        if scope["method"] not in SAFE_METHODS and not self._may_change(headers, host):
            return Problem(problem_types.ORIGIN_REFUSED, "A page of another origin may not ask for this.")
        return None

    def _is_ours(self, host: str, server: str) -> bool:
        found = _HOST.fullmatch(host)
        if found is None:
            return False
        name = (found[1] or found[2]).lower().removesuffix(".")
        return name in self._names or name == server or is_loopback(name) or name.endswith(".localhost")

    def _may_change(self, headers: Headers, host: str) -> bool:
        """`Sec-Fetch-Site` first: it is right behind proxies that change `Host`, but only https and loopback get it."""
        origin, site = headers.get("origin"), headers.get("sec-fetch-site")
        if EVERY in self._origins or origin in self._origins:
            return True
        if site is not None:
            return site in {"same-origin", "none"}
        return origin is None or origin.partition("://")[2].lower() == host.lower()
