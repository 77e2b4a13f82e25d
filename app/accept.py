"""The one way in: check what was sent, store the pictures, record the job, put it on the queue."""

import contextlib
import secrets
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import structlog
from pydantic import ValidationError
from redis.exceptions import RedisError

from app import problem_types
from app.availability import check_available, place_of, queue_full, queue_too_long, uploads_too_large
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
from jobs.admission import Claim, Terms
from jobs.connect import REDIS_FULL
from jobs.errors import JobError, QueueTooLong, UploadsTooLarge
from jobs.record import JobRecord, Origin
from jobs.spec import JOB_SPEC, AnySpec
from jobs.workers import WorkerPresence

log = structlog.get_logger(__name__)

SHELVED_S = 3600
"""Seconds that a picture is kept whose job is not made: of a process that dies in between, no more is left."""

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


async def _accept(services: Services, caller: str, submission: Submission, idempotency_key: str | None) -> Accepted:
    spec = check_parameters(submission)
    if idempotency_key is None:
        return await _work(services, caller, spec, submission)
    claim = await services.decoded(claim_on, idempotency_key, spec, submission)
    async with services.twins.alone(caller, idempotency_key):
        before = await services.stored(replay, services, caller, claim)
        return before or await _work(services, caller, spec, submission, claim)


async def _work(
    services: Services, caller: str, spec: AnySpec, submission: Submission, claim: Claim | None = None
) -> Accepted:
    """Replays need no place for work on submissions, and who waits for a name server does not hold one."""
    upload_bytes = sum(map(len, submission.files.values()))
    workers = services.outlook.recent() or await services.stored(check_available, services, upload_bytes)
    able = able_workers(spec, workers)
    await check_webhook(services, caller, spec)
    with services.submitting.one():
        async with with_fetched(services, submission) as files:
            checked = await services.decoded(check_pictures, spec, files, services.settings, able)
        origin = Origin(request_id=current_request_id(), traceparent=services.tracing.traceparent())
        record = _record(checked, caller, origin)
        call = services.shelved if checked.pngs else services.stored
        try:
            return await call(_commit, services, record, checked, workers, claim)
        except Problem:
            services.outlook.bad()
            raise


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


def _commit(
    services: Services, record: JobRecord, checked: Checked, workers: list[WorkerPresence], claim: Claim | None
) -> Accepted:
    """Stores the pictures, which count for nothing yet, and then makes the job in one step."""
    max_active = services.settings.max_active_jobs if services.keys is not None else None
    upload_bytes = sum(map(len, checked.pngs.values()))
    try:
        with _whole_or_gone(services, record, workers):
            with services.tracing.part("store"):
                for name, png in checked.pngs.items():
                    services.blobs.put(record.inputs[name], png, "image/png", ttl_s=SHELVED_S)
            with services.tracing.part("enqueue"):
                terms = Terms(claim, max_active, upload_bytes)
                standing = services.store.admission.enter(record, services.queue, terms)
    except QueueTooLong as full:
        raise queue_too_long(services, workers, full.waiting) from None
    except UploadsTooLarge as full:
        raise uploads_too_large(services, workers, full.held, upload_bytes) from None
    except JobError as error:
        return not_created(services, record.caller, error)
    return Accepted(record, place=place_of(standing, workers))


@contextlib.contextmanager
def _whole_or_gone(services: Services, record: JobRecord, workers: list[WorkerPresence]) -> Iterator[None]:
    try:
        yield
    except JobError:  # nothing was recorded
        with contextlib.suppress(RedisError):
            services.blobs.delete(record.inputs.values())
        raise
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
