"""Follow a job as it happens."""

from typing import Annotated

from fastapi import APIRouter, Header, Query, Response
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from app import openapi_parts as docs
from app import problem_types
from app.auth import CallerDep
from app.following import Follower
from app.lookup import find_job
from app.services import ServicesDep
from jobs.events import BEFORE_ALL, event_id

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

_ID_PATTERN = r"^[0-9]{1,20}-[0-9]{1,20}$"
_ID = "1767225600000-0"
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
"""Neither kept nor collected on the way; the second is nginx's word for it."""

Previews = Annotated[bool, Query(description="Add small pictures of the estimate so far to `progress`.")]
After = Annotated[
    str | None,
    Query(pattern=_ID_PATTERN, examples=[_ID], description="Id of the last event seen; the header of that name wins."),
]
LastEventId = Annotated[
    str | None,
    Header(
        alias="Last-Event-ID",
        pattern=_ID_PATTERN,
        examples=[_ID],
        description="Id of the last event seen, as browsers send it.",
    ),
]


class EventStream(StreamingResponse):
    """A follower's chunks as an answer; however it ends, the follower leaves."""

    def __init__(self, follower: Follower) -> None:
        super().__init__(follower.chunks(), headers=_HEADERS, media_type="text/event-stream")
        self._follower = follower

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve until the job is final, the client goes away or the server stops."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._follower.leave()


@router.get(
    "/{job_id}/events",
    summary="Follow a job as it happens",
    response_class=Response,
    responses=docs.responses(
        {200: docs.EVENTS, 204: docs.NOTHING_LEFT},
        (problem_types.JOB_NOT_FOUND, problem_types.JOB_EXPIRED, problem_types.INVALID_FIELD),
    ),
)
async def follow_job(
    job_id: str,
    services: ServicesDep,
    caller: CallerDep,
    previews: Previews = False,
    last_event_id: After = None,
    last_event_id_header: LastEventId = None,
) -> Response:
    """Server-sent events from the job's first on, or after the last one seen, until it is final.

    `queued`, `started`, `progress` (with `previews=true` also small pictures), and finally `succeeded`, `failed` or
    `canceled`; comments in between show that the connection lives. A job that ended long ago is told from its record.
    """
    record = await services.stored(find_job, services, caller, job_id)
    seen = last_event_id_header or last_event_id
    after = event_id(seen) if seen else BEFORE_ALL
    follower = await services.following.follow(record, after, previews=previews)
    return Response(status_code=204) if follower is None else EventStream(follower)
