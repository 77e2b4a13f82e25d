"""Pictures by URL: fetched under the guard, and from then on like uploads."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus

import anyio

from app import problem_types
from app.bodies import Submission
from app.outbound.caller import USER_AGENT
from app.outbound.exchange import Answer, Message
from app.outbound.failures import OutboundFailure
from app.problems import Problem, pointing_at
from app.services import Services
from app.task_files import url_field
from jobs.deliveries import AttemptError

_FETCH = Message("GET", (("User-Agent", USER_AGENT), ("Accept", "image/*"), ("Accept-Encoding", "identity")))


@asynccontextmanager
async def with_fetched(services: Services, submission: Submission) -> AsyncIterator[dict[str, bytes]]:
    """All files of a submission, fetched ones included; holds a place among those that fetch until the block ends.

    Raises:
        Problem: pictures are not fetched here, this one cannot be, or too many are being fetched.
    """
    if not submission.urls:
        yield submission.files
        return
    if not services.settings.url_inputs:
        pointer = f"/{url_field(next(iter(submission.urls)))}"
        raise Problem(problem_types.URL_INPUTS_OFF, "This service fetches no pictures.", pointer=pointer)
    place = object()
    try:
        services.fetching.acquire_on_behalf_of_nowait(place)
    except anyio.WouldBlock:
        detail = "Too many pictures are being fetched at once."
        raise Problem(problem_types.OVERLOADED, detail, headers={"Retry-After": "2"}) from None
    try:
        yield submission.files | {name: await _fetch(services, name, url) for name, url in submission.urls.items()}
    except Problem as problem:
        for name in submission.urls:
            if problem.pointer == f"/{name}":  # the checks of uploads know files by their names
                problem.pointer = f"/{url_field(name)}"
        raise
    finally:
        services.fetching.release_on_behalf_of(place)


async def _fetch(services: Services, name: str, url: str) -> bytes:
    settings = services.settings
    with pointing_at(f"/{url_field(name)}"):
        try:
            answer = await services.outbound.send(
                url, _FETCH, timeout_s=settings.url_timeout_s, max_bytes=settings.max_upload_bytes
            )
        except OutboundFailure as failure:
            kind = _KINDS.get(failure.error, problem_types.URL_NOT_FETCHED)
            raise Problem(kind, failure.detail) from None
        return _content(answer, settings.max_upload_bytes)


_KINDS = dict.fromkeys((AttemptError.REFUSED, AttemptError.UNRESOLVED), problem_types.URL_REFUSED)


def _content(answer: Answer, max_bytes: int) -> bytes:
    if 300 <= answer.status < 400:
        detail = f"The server answers {answer.status}, and redirects are not followed."
        raise Problem(problem_types.URL_NOT_FETCHED, detail)
    if answer.status != HTTPStatus.OK:
        raise Problem(problem_types.URL_NOT_FETCHED, f"The server answers {answer.status}.")
    if answer.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise Problem(problem_types.URL_NOT_FETCHED, "The server answers with compressed content.")
    if answer.cut:
        raise Problem(problem_types.FILE_TOO_LARGE, f"The file has more than the {max_bytes} bytes allowed.")
    return answer.body
