"""A caller's jobs, page by page."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from app import openapi_examples as examples
from app import openapi_parts as docs
from app import problem_types
from app.auth import CallerDep
from app.problems import Problem
from app.services import Services, ServicesDep
from app.views import JobView, view
from jobs.record import JobState

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

LONGEST_PAGE = 100
_PLACE = re.compile(rb"[0-9]{1,20}")


class Asked(BaseModel):
    """Which jobs; whatever else stands in the query is refused, as a misspelt filter would list everything."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(20, ge=1, le=LONGEST_PAGE, description="Jobs on one page.")
    state: JobState | None = Field(None, description="Only jobs in this state.")
    cursor: str | None = Field(None, max_length=64, description="`next_cursor` of the page before.")


class JobPage(BaseModel):
    """Some of the caller's jobs, newest first."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)

    jobs: list[JobView] = Field(description="May be fewer than asked for, even none, before the last page.")
    next_cursor: str | None = Field(description="Send it as `cursor` to get the next page; null on the last one.")


@router.get(
    "",
    summary="List jobs",
    responses=docs.responses(
        {200: examples.shown(examples.JOB_PAGE)}, (problem_types.INVALID_FIELD, problem_types.UNKNOWN_FIELD)
    ),
)
async def list_jobs(
    request: Request,
    services: ServicesDep,
    caller: CallerDep,
    asked: Annotated[Asked, Query()],
) -> JobPage:
    """The caller's own jobs that are still kept, newest first; jobs that arrive meanwhile do not shift the pages."""
    after = None if asked.cursor is None else _place(asked.cursor)
    base_path = str(request.scope.get("root_path", ""))
    return await services.stored(_page, services, caller, base_path, asked, after)


def _page(services: Services, caller: str, base_path: str, asked: Asked, after: int | None) -> JobPage:
    page = services.listing.page(caller, limit=asked.limit, state=asked.state, after=after)
    jobs = [view(services, record, base_path) for record in page.records]
    return JobPage(jobs=jobs, next_cursor=None if page.next_place is None else _cursor(page.next_place))


def _cursor(place: int) -> str:
    return urlsafe_b64encode(str(place).encode()).decode().rstrip("=")


def _place(cursor: str) -> int:
    try:
        text = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
    except ValueError:
        text = b""
    if not _PLACE.fullmatch(text):
        raise Problem(problem_types.INVALID_FIELD, "cursor is not one of this service's.", pointer="/cursor")
    return int(text)
