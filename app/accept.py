"""The one way in: check what was sent, store the pictures, record the job, put it on the queue."""

import contextlib
import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog
from pydantic import ValidationError
from redis.exceptions import RedisError

from app import problem_types
from app.availability import check_available, check_room, queue_full
from app.bodies import FILE_FIELDS, Submission
from app.idempotency import Accepted, claim_on, not_created, replay
from app.images import Picture, read_picture, to_png
from app.masks import Mask, read_mask
from app.problems import Problem, pointing_at
from app.services import Services
from app.validation import from_validation_errors
from jobs import keys
from jobs.admission import Claim
from jobs.connect import REDIS_FULL
from jobs.errors import JobError
from jobs.record import JobRecord, UnderstoodInput
from jobs.settings import Settings
from jobs.spec import JOB_SPEC, CompleteSpec, GenerateSpec, InpaintSpec
from jobs.workers import WorkerPresence

log = structlog.get_logger(__name__)

Spec = CompleteSpec | InpaintSpec | GenerateSpec
_TAKES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "complete": (("image",), ()),
    "inpaint": (("image",), ("mask",)),
    "generate": ((), ()),
}
"""Files by task: required, optional."""
_LONGEST_PX = {"webp": 16383, "jpeg": 65500}
"""What the formats (WebP) and their encoders (libjpeg) can hold, a side."""
_SEED_BITS = 32
"""Drawn seeds stay below 2**32, so that JavaScript's numbers hold them exactly."""


@dataclass(frozen=True)
class Checked:
    """A request that may become a job: what is asked, what was understood, and the blobs to store by name (PNG)."""

    spec: Spec
    understood: UnderstoodInput | None
    pngs: dict[str, bytes]


async def accept(
    services: Services, caller: str, submission: Submission, idempotency_key: str | None = None
) -> Accepted:
    """Turns a submission into a queued job, or into the one that it was turned into before under the same key.

    Raises:
        Problem: the request is refused, and nothing is left of it.
        RedisError: the store failed half-way; what was stored has been taken back as far as it can be reached.
    """
    spec = check_parameters(submission)
    claim: Claim | None = None
    if idempotency_key is not None:
        claim = await services.decoded(claim_on, idempotency_key, spec, submission.files)
        if (before := await services.stored(replay, services, caller, claim)) is not None:
            return before
    workers = await services.stored(check_available, services)
    _check_model(spec, workers)
    checked = await services.decoded(check_pictures, spec, submission.files, services.settings, workers)
    record = _record(checked, caller)
    async with services.accepting:  # counting and adding must not interleave, or the queue outgrows its bound
        accepted = await services.stored(_commit, services, record, checked, workers, claim)
    log.info("job_accepted", job_id=accepted.record.id, task=spec.task, caller=caller, replayed=accepted.replayed)
    return accepted


def check_parameters(submission: Submission) -> Spec:
    """The validated spec. JSON is read strictly by type; a plain field of a form is text and is read as its type.

    Raises:
        Problem: a parameter or a file is missing, unknown, or not allowed.
    """
    fields: dict[str, Any] = submission.fields
    try:
        if submission.plain:
            read: Spec = JOB_SPEC.validate_python(fields, strict=False)
            fields = fields | {name: getattr(read, name) for name in submission.plain}
        spec: Spec = JOB_SPEC.validate_python(fields, strict=True)
    except ValidationError as error:
        raise from_validation_errors(error.errors(include_url=False, include_input=False)) from None
    required, optional = _TAKES[spec.task]
    for name in FILE_FIELDS:
        if name in submission.files and name not in required + optional:
            detail = f"The task {spec.task} takes no {name}."
            raise Problem(problem_types.UNKNOWN_FIELD, detail, pointer=f"/{name}")
        if name in required and name not in submission.files:
            detail = f"The task {spec.task} needs a file {name}."
            raise Problem(problem_types.MISSING_FIELD, detail, pointer=f"/{name}")
    return spec


def _check_model(spec: Spec, workers: list[WorkerPresence]) -> None:
    served = {worker.model for worker in workers}
    if spec.model is not None and served and spec.model not in served:
        detail = f"model must be one of: {', '.join(sorted(served))}."
        raise Problem(problem_types.UNKNOWN_MODEL, detail, pointer="/model")


def check_pictures(spec: Spec, files: dict[str, bytes], settings: Settings, workers: list[WorkerPresence]) -> Checked:
    """Decodes the files and says what was understood; works on pixels, so call it off the event loop.

    Raises:
        Problem: a file is refused.
    """
    if isinstance(spec, GenerateSpec):
        return Checked(spec, _understood_canvas(spec, workers), {})
    with pointing_at("/image"):
        picture = read_picture(files["image"], settings)
    _check_output(spec, picture)
    if isinstance(spec, CompleteSpec):
        return Checked(spec, _understood_side(spec, picture), {"image": to_png(picture.rgb)})
    mask = read_mask(files.get("mask"), picture, spec, settings)
    pngs = {"image": to_png(picture.rgb), "mask": to_png(mask.grey)}
    return Checked(spec, _understood_mask(picture, mask), pngs)


def _check_output(spec: Spec, picture: Picture) -> None:
    longest = _LONGEST_PX.get(spec.output.format)
    if longest is not None and max(picture.size_px) > longest:
        detail = f"A {spec.output.format} picture has at most {longest} pixels a side; ask for png."
        raise Problem(problem_types.INVALID_FIELD, detail, pointer="/output/format")


def _understood_canvas(spec: GenerateSpec, workers: list[WorkerPresence]) -> UnderstoodInput | None:
    native = workers[0].native_size_px if workers else None
    width, height = spec.width_px or native, spec.height_px or native
    return UnderstoodInput(width_px=width, height_px=height) if width and height else None


def _understood_side(spec: CompleteSpec, picture: Picture) -> UnderstoodInput:
    width, height = picture.size_px
    side = width if spec.keep in {"left", "right"} else height
    return UnderstoodInput(
        width_px=width,
        height_px=height,
        format=picture.format,
        mask_source="side",
        coverage=round(1 - round(side * spec.fraction) / side, 6),
    )


def _understood_mask(picture: Picture, mask: Mask) -> UnderstoodInput:
    width, height = picture.size_px
    return UnderstoodInput(
        width_px=width,
        height_px=height,
        format=picture.format,
        mask_source=mask.source,
        mask_polarity=mask.polarity,
        coverage=round(mask.coverage, 6),
    )


def _record(checked: Checked, caller: str) -> JobRecord:
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
    )


def _commit(
    services: Services, record: JobRecord, checked: Checked, workers: list[WorkerPresence], claim: Claim | None
) -> Accepted:
    check_room(services, workers)
    max_active = services.settings.max_active_jobs if services.keys is not None else None
    try:
        for name, png in checked.pngs.items():
            services.blobs.put(record.inputs[name], png, "image/png", ttl_s=services.settings.job_ttl_s)
        services.store.create(record, claim=claim, max_active=max_active)
        services.queue.enqueue(record.id)
        return Accepted(record)
    except BaseException as error:
        _take_back(services, record)
        if isinstance(error, JobError):
            return not_created(services, record.caller, error)
        if isinstance(error, REDIS_FULL):
            raise queue_full(services, workers, "The job does not fit into the job store now.") from None
        raise


def _take_back(services: Services, record: JobRecord) -> None:
    """Best effort: each step on its own; what cannot be reached expires."""
    steps: tuple[Callable[[], object], ...] = (
        lambda: services.store.delete(record.id),
        lambda: services.queue.remove(record.id),
        lambda: services.blobs.delete(record.inputs.values()),
    )
    for undo in steps:
        with contextlib.suppress(RedisError):
            undo()
