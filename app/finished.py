"""Finished pictures: their bytes, or an address at the blob store from which a client can fetch them itself."""

from app import problem_types
from app.problems import Problem
from app.services import Services
from jobs.blobs import Blob
from jobs.errors import BlobMissing
from jobs.record import Result

_EXTENSIONS = {"image/png": "png", "image/webp": "webp", "image/jpeg": "jpg"}


def file_name(job_id: str, index: int, result: Result) -> str:
    """Under which a picture may be saved."""
    return f"inlay-{job_id[:12]}-{index}.{_EXTENSIONS.get(result.content_type, 'bin')}"


def fetch(services: Services, result: Result) -> Blob:
    """The picture itself.

    Raises:
        Problem: it is kept no longer.
        BlobsAway: the store does not answer.
    """
    try:
        return services.blobs.get(result.blob)
    except BlobMissing:
        raise Problem(problem_types.RESULT_EXPIRED, "The picture has expired.") from None


def address(services: Services, job_id: str, index: int, result: Result) -> str | None:
    """A presigned address of the picture, for a short time; None where the settings or the store have none.

    Raises:
        BlobsAway: the store has no credentials to sign with.
    """
    life_s = services.settings.presigned_ttl_s
    if life_s is None:
        return None
    name = file_name(job_id, index, result)
    return services.blobs.presigned(result.blob, life_s=life_s, content_type=result.content_type, file_name=name)
