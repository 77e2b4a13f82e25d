"""Numbers for Prometheus."""

from typing import Annotated

from fastapi import APIRouter, Header, Response

from app import openapi_parts as docs
from app.services import ServicesDep

router = APIRouter(tags=["health"])

_EXAMPLE = "# TYPE inlay_queue_depth gauge\ninlay_queue_depth 3.0\n"
_ANSWER = {
    "description": "All series, as Prometheus text or OpenMetrics, whichever `Accept` prefers.",
    "content": {"text/plain": {"schema": {"type": "string"}, "example": _EXAMPLE}},
}


@router.get("/metrics", summary="Metrics", response_class=Response, responses=docs.responses({200: _ANSWER}, ()))
def metrics(services: ServicesDep, accept: Annotated[str, Header(include_in_schema=False)] = "") -> Response:
    """Counters of this process and gauges of the queue. Who may read them is a setting, and no limit counts it.

    Without Redis the answer is 200 all the same, and `inlay_redis_up` is 0.
    """
    content, content_type = services.metrics.scraped(accept)
    return Response(content, headers={"Content-Type": content_type, "Cache-Control": "no-store"})
