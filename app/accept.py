"""The one way in: check what was sent, store the pictures, record the job, put it on the queue."""

import contextlib
import secrets
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import anyio
import structlog
from pydantic import ValidationError
from redis.exceptions import RedisError

from app import problem_types
from app.availability import check_available, check_room, queue_full
from app.bodies import Submission
from app.idempotency import Accepted, claim_on, not_created, replay
from app.metrics import ACCEPTED, REPLAYED
from app.middleware import current_request_id
from app.problems import Problem
from app.result_checks import able_workers
from app.services import Services
from app.task_files import FILE_FIELDS, TASK_FILES, url_field
from app.understanding import Checked, check_pictures
from app.url_inputs import with_fetched
from app.validation import from_validation_errors
from app.webhooks.submitting import check_webhook
from jobs import keys
from jobs.admission import Claim
from jobs.connect import REDIS_FULL
from jobs.errors import JobError
from jobs.record import JobRecord, Origin
from jobs.spec import JOB_SPEC, AnySpec
from jobs.turns import Turn
from jobs.workers import WorkerPresence

log = structlog.get_logger(__name__)

_SEED_BITS = 32
"""Drawn seeds stay below 2**32, so that JavaScript's numbers hold them exactly."""


async def accept(
    services: Services, caller: str, submission: Submission, idempotency_key: str | None = None
) -> Accepted:
    """Turns a submission into a queued job, or into the one that it was turned into before under the same key.

    Raises:
        Problem: the request is refused, and nothing is left of it.
        RedisError, BlobsAway: a store failed half-way; what was stored has been taken back as far as can be reached.
    """
    with services.metrics.counting_refusals(submission.fields.get("task")):
        accepted = await _accept(services, caller, submission, idempotency_key)
    task = accepted.record.spec.task
    services.metrics.count_submit(task, REPLAYED if accepted.replayed else ACCEPTED)
    log.info("job_accepted", job_id=accepted.record.id, task=task, caller=caller, replayed=accepted.replayed)
    return accepted


@contextlib.contextmanager
def _place(services: Services) -> Iterator[None]:
    """One of the places for work on submissions. Who waited behind many would be answered long after he gave up.

    Replays need none, and who waits for a name server does not hold one.
    """
    place = object()
    try:
        services.submitting.acquire_on_behalf_of_nowait(place)
    except anyio.WouldBlock:
        detail = "Too many submissions are under way at once."
        raise Problem(problem_types.OVERLOADED, detail, headers={"Retry-After": "2"}) from None
    try:
        yield
    finally:
        services.submitting.release_on_behalf_of(place)


async def _accept(services: Services, caller: str, submission: Submission, idempotency_key: str | None) -> Accepted:
    spec = check_parameters(submission)
    claim: Claim | None = None
    if idempotency_key is not None:
        claim = await services.decoded(claim_on, idempotency_key, spec, submission)
        if (before := await services.stored(replay, services, caller, claim)) is not None:
            return before
    workers = await services.stored(check_available, services)
    able = able_workers(spec, workers)
    await check_webhook(services, caller, spec)
    with _place(services):
        async with with_fetched(services, submission) as files:
            checked = await services.decoded(check_pictures, spec, files, services.settings, able)
        origin = Origin(request_id=current_request_id(), traceparent=services.tracing.traceparent())
        record = _record(checked, caller, origin)
        await services.shelved(_shelve, services, record, checked, workers)
        async with services.accepting:  # counting and adding must not interleave, or the queue outgrows its bound
            return await services.stored(_commit, services, record, workers, claim)


def check_parameters(submission: Submission) -> AnySpec:
    """The validated spec. JSON is read strictly by type; a plain field of a form is text and is read as its type.

    Raises:
        Problem: a parameter or a file is missing, unknown, or not allowed.
    """
    fields: dict[str, Any] = submission.fields
    try:
        if submission.plain:
            read: AnySpec = JOB_SPEC.validate_python(fields, strict=False)
            fields = fields | {name: getattr(read, name) for name in submission.plain}
        spec: AnySpec = JOB_SPEC.validate_python(fields, strict=True)
    except ValidationError as error:
        raise from_validation_errors(error.errors(include_url=False, include_input=False)) from None
    _check_files(spec, submission)
    return spec


def _check_files(spec: AnySpec, submission: Submission) -> None:
    takes = TASK_FILES[spec.task]
    for name in FILE_FIELDS:
        field = url_field(name) if name in submission.urls else name
        given = name in submission.files or name in submission.urls
        if given and name not in takes.required + takes.optional:
            raise Problem(problem_types.UNKNOWN_FIELD, f"The task {spec.task} takes no {field}.", pointer=f"/{field}")
        if name in takes.required and not given:
            detail = f"The task {spec.task} needs a file {name}."
            raise Problem(problem_types.MISSING_FIELD, detail, pointer=f"/{name}")


def _record(checked: Checked, caller: str, origin: Origin) -> JobRecord:
    job_id = uuid.uuid4().hex
    seed = checked.spec.seed
    return JobRecord(
        id=job_id,
        caller=caller,
        spec=checked.spec,
        seed=secrets.randbits(_SEED_BITS) if seed is None else seed,
        input=checked.understood,
        inputs={name: keys.blob(job_id, name) for name in checked.pngs},
        metadata=checked.spec.metadata,
        origin=origin,
    )


def _shelve(services: Services, record: JobRecord, checked: Checked, workers: list[WorkerPresence]) -> None:
    """Before its turn to be added comes: a store that is slow with pictures holds up nobody else."""
    with _whole_or_gone(services, record, workers), services.tracing.part("store"):
        for name, png in checked.pngs.items():
            services.blobs.put(record.inputs[name], png, "image/png", ttl_s=services.settings.job_ttl_s)


def _commit(services: Services, record: JobRecord, workers: list[WorkerPresence], claim: Claim | None) -> Accepted:
    max_active = services.settings.max_active_jobs if services.keys is not None else None
    try:
        with _whole_or_gone(services, record, workers):
            check_room(services, workers)
            with services.tracing.part("enqueue"):
                services.store.create(record, claim=claim, max_active=max_active)
                services.queue.enqueue(record.id, Turn.of(record))
            return Accepted(record)
    except JobError as error:
        return not_created(services, record.caller, error)


@contextlib.contextmanager
def _whole_or_gone(services: Services, record: JobRecord, workers: list[WorkerPresence]) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        _take_back(services, record)
        if isinstance(error, REDIS_FULL):
            raise queue_full(services, workers, "The job does not fit into the job store now.") from None
        raise


def _take_back(services: Services, record: JobRecord) -> None:
    """Best effort; what cannot be reached expires. A record that may still be there keeps its pictures.

    For then the job will run, and whoever repeats the submission under its key is answered with it.
    """
    try:
        services.store.delete(record.id, told=False)
    except RedisError:
        return
    steps: tuple[Callable[[], object], ...] = (
        lambda: services.queue.remove(record.id),
        lambda: services.blobs.delete(record.inputs.values()),
    )
    for undo in steps:
        with contextlib.suppress(RedisError):
            undo()
