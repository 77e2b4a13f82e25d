"""Every kind of problem the service can answer with: code, status, cause and cure (RFC 9457).

A code never changes its meaning. `docs/api.md` has one row, with an anchor, for each of them; so has the page that
`type` points to.
"""

from dataclasses import dataclass

PROBLEM_DOCS_PATH = "/docs/problems"


@dataclass(frozen=True)
class ProblemType:
    """One kind of problem; `retryable` says whether the same request may succeed later."""

    code: str
    status: int
    title: str
    cause: str
    cure: str
    retryable: bool = False

    @property
    def uri(self) -> str:
        """The `type` member: where this service explains the problem."""
        return f"{PROBLEM_DOCS_PATH}#{self.code}"


CATALOGUE: dict[str, ProblemType] = {}


def _define(code: str, status: int, title: str, *, cause: str, cure: str, retryable: bool = False) -> ProblemType:
    CATALOGUE[code] = ProblemType(code, status, title, cause, cure, retryable)
    return CATALOGUE[code]


# The request as a whole
BAD_REQUEST = _define(
    "bad_request",
    400,
    "The request is not valid HTTP",
    cause="The request line, a header or the framing of the body is malformed.",
    cure="Use an HTTP library; check proxies between you and the service.",
)
INVALID_JSON = _define(
    "invalid_json",
    400,
    "The body is not valid JSON",
    cause="Broken syntax, a repeated name, NaN or Infinity, more parts than any job has, or text that is not UTF-8.",
    cure="Send one JSON object, as RFC 8259 defines it.",
)
INVALID_MULTIPART = _define(
    "invalid_multipart",
    400,
    "The body is not valid multipart/form-data",
    cause="The boundary is missing or wrong, the body ends too early, or there are too many parts.",
    cure="Let your HTTP library write the Content-Type header together with the body.",
)
DUPLICATE_FIELD = _define(
    "duplicate_field",
    422,
    "A field was given more than once",
    cause="Two parts have the same name, or a plain field repeats what `params` says.",
    cure="Send every field once.",
)
BODY_TIMEOUT = _define(
    "body_timeout",
    408,
    "The body did not arrive in time",
    cause="The upload was slower than the service waits for.",
    cure="Send it again, over a faster connection or with a smaller picture.",
    retryable=True,
)
BODY_TOO_LARGE = _define(
    "body_too_large",
    413,
    "The body is too large",
    cause="The request has more bytes than `max_body_bytes` of `GET /v1/limits`.",
    cure="Send a smaller file; JPEG or WebP instead of PNG; multipart instead of base64.",
)
FILE_TOO_LARGE = _define(
    "file_too_large",
    413,
    "A file is too large",
    cause="The picture or the mask has more bytes than `max_upload_bytes` of `GET /v1/limits`.",
    cure="Send a smaller file; JPEG or WebP instead of PNG.",
)
UNSUPPORTED_MEDIA_TYPE = _define(
    "unsupported_media_type",
    415,
    "The content type of the body is not accepted",
    cause="A job is neither `multipart/form-data` nor `application/json`, or is compressed with Content-Encoding.",
    cure="Send one of the two, uncompressed.",
)
ROUTE_NOT_FOUND = _define(
    "route_not_found",
    404,
    "There is nothing at this address",
    cause="The path is not one of the service's.",
    cure="Look at `/docs` for the paths there are.",
)
METHOD_NOT_ALLOWED = _define(
    "method_not_allowed",
    405,
    "The method is not allowed here",
    cause="The path exists, the method does not.",
    cure="Use one of the methods in the Allow header.",
)
HTTP_ERROR = _define(
    "http_error",
    400,
    "The request was refused",
    cause="The HTTP layer refused the request for a reason that has no code of its own; see `status` and `detail`.",
    cure="Look up the HTTP status.",
)

# Parameters
MISSING_FIELD = _define(
    "missing_field",
    422,
    "A required field is missing",
    cause="`task`, or a field that this task needs (`image`, `keep`, …), is absent.",
    cure="Add the field that `pointer` names.",
)
UNKNOWN_FIELD = _define(
    "unknown_field",
    422,
    "A field is not known",
    cause="This task has no such parameter; often a spelling mistake, or a mask sent to a task that takes none.",
    cure="Remove or rename the field that `pointer` names.",
)
INVALID_FIELD = _define(
    "invalid_field",
    422,
    "A field has a value that is not allowed",
    cause="Wrong type, out of range, not one of the choices, or too long.",
    cure="Read `detail`; the OpenAPI schema and `GET /v1/limits` state all ranges.",
)
UNKNOWN_MODEL = _define(
    "unknown_model",
    422,
    "The model is not served here",
    cause="`model` names none of the models that this service has loaded.",
    cure="Leave `model` out, or choose one from `GET /v1/models`.",
)
INVALID_BASE64 = _define(
    "invalid_base64",
    422,
    "A file is not valid base64",
    cause="The string is neither standard base64 (RFC 4648 §4, padded, no line breaks) nor a base64 data URL.",
    cure="Encode with `base64 -w0`, or send multipart.",
)

# Pictures and masks
FILE_EMPTY = _define(
    "file_empty",
    422,
    "A file is empty",
    cause="The picture or mask has no bytes; often a form sent before a file was chosen.",
    cure="Send the file's content.",
)
UNSUPPORTED_IMAGE_TYPE = _define(
    "unsupported_image_type",
    415,
    "The file is not a PNG, JPEG, WebP or GIF picture",
    cause="The content, whatever its name says, is of another type: SVG, TIFF, HEIC, PDF, HTML, …",
    cure="Convert it to PNG, JPEG or WebP.",
)
IMAGE_TRUNCATED = _define(
    "image_truncated",
    422,
    "The picture ends too early",
    cause="Bytes are missing at the end; often an interrupted download or upload.",
    cure="Fetch or export the file again.",
)
IMAGE_CORRUPT = _define(
    "image_corrupt",
    422,
    "The picture is damaged",
    cause="A checksum, a length or the compressed data is wrong.",
    cure="Open the picture and save it again.",
)
TRAILING_DATA = _define(
    "trailing_data",
    422,
    "There is something behind the picture",
    cause="Bytes follow the picture's end: a second file (ZIP, HTML, video of a motion photo) is hidden in it.",
    cure="Open the picture and save it again; export a motion photo as a still picture.",
)
ANIMATED_IMAGE = _define(
    "animated_image",
    422,
    "The picture is animated",
    cause="The file has more than one frame, and which one is meant cannot be known.",
    cure="Send the frame that you want as a still picture.",
)
IMAGE_TOO_SMALL = _define(
    "image_too_small",
    422,
    "The picture is too small",
    cause="One side of the picture has fewer pixels than `min_side_px` of `GET /v1/limits`.",
    cure="Send a larger picture.",
)
IMAGE_TOO_LARGE = _define(
    "image_too_large",
    422,
    "The picture has too many pixels",
    cause="Width times height is more than `max_pixels` of `GET /v1/limits`.",
    cure="Scale the picture down.",
)
DECOMPRESSION_BOMB = _define(
    "decompression_bomb",
    422,
    "The picture unpacks to far more than its size",
    cause="A few bytes stand for very many pixels, frames, blocks or scans, as no photograph does.",
    cure="Scale the picture down, or save it again with another program.",
)
MASK_MISSING = _define(
    "mask_missing",
    422,
    "There is no mask",
    cause="`inpaint` got neither a mask file nor a picture with an alpha channel.",
    cure="Send `mask`, or make transparent what shall be repainted.",
)
MASK_SIZE_MISMATCH = _define(
    "mask_size_mismatch",
    422,
    "The mask has another size than the picture",
    cause="After EXIF orientation, width or height of mask and picture differ.",
    cure="Make them equal, or set `mask_resize` to true.",
)
MASK_EMPTY = _define(
    "mask_empty",
    422,
    "The mask repaints nothing",
    cause="No pixel is marked; often a mask with the opposite polarity, or an opaque alpha channel.",
    cure="White means repaint; for the opposite set `mask_polarity` to `keep_white`.",
)
MASK_FULL = _define(
    "mask_full",
    422,
    "The mask repaints everything",
    cause="Every pixel is marked, so nothing of the picture would be kept.",
    cure="Leave some of the picture, check `mask_polarity`, or use `generate`.",
)

# Jobs
JOB_NOT_FOUND = _define(
    "job_not_found",
    404,
    "There is no such job",
    cause="The id is wrong, or the job was deleted.",
    cure="Use the `links` of the answer that accepted the job.",
)
JOB_EXPIRED = _define(
    "job_expired",
    410,
    "The job has expired",
    cause="The job ended longer ago than jobs are kept (`result_ttl_s` of `GET /v1/limits`).",
    cure="Fetch results sooner; submit it again with the same seed to get the same picture.",
)
JOB_FINAL = _define(
    "job_final",
    409,
    "The job has already ended",
    cause="A job that succeeded, failed or was canceled cannot be canceled.",
    cure="Nothing to do; `DELETE` removes it.",
)
RESULT_NOT_READY = _define(
    "result_not_ready",
    409,
    "The result does not exist yet",
    cause="The job is queued or running.",
    cure="Wait as long as Retry-After says, or ask the job with `Prefer: wait=30`.",
    retryable=True,
)
JOB_FAILED = _define(
    "job_failed",
    409,
    "The job failed",
    cause="There is no result, because the job ended with an error; the job's `error` tells which.",
    cure="Read the job's `error`.",
)
JOB_CANCELED = _define(
    "job_canceled",
    409,
    "The job was canceled",
    cause="There is no result, because the job was canceled before it ended.",
    cure="Submit it again if you want it after all.",
)
RESULT_NOT_FOUND = _define(
    "result_not_found",
    404,
    "There is no result with this index",
    cause="Indices count from 0 to n - 1.",
    cure="Ask for an index below the job's `n`.",
)
RESULT_EXPIRED = _define(
    "result_expired",
    410,
    "The result has expired",
    cause="The picture is kept for a limited time, and that time is over.",
    cure="Fetch results sooner; submit it again with the same seed to get the same picture.",
)

# The service
QUEUE_FULL = _define(
    "queue_full",
    429,
    "The queue is full",
    cause="More jobs wait than the service is willing to promise (`max_queue_depth` of `GET /v1/limits`).",
    cure="Send it again after Retry-After.",
    retryable=True,
)
NO_WORKER = _define(
    "no_worker",
    503,
    "No worker is there",
    cause="No warmed-up worker has been seen; jobs would wait for nobody.",
    cure="Start a worker, or send it again later.",
    retryable=True,
)
STORAGE_UNAVAILABLE = _define(
    "storage_unavailable",
    503,
    "The job store cannot be reached",
    cause="Redis does not answer.",
    cure="Send it again later; the operator should look at Redis.",
    retryable=True,
)
OVERLOADED = _define(
    "overloaded",
    503,
    "Too many uploads at once",
    cause="The uploads that are under way fill the memory set aside for them.",
    cure="Send it again after Retry-After.",
    retryable=True,
)
INTERNAL_ERROR = _define(
    "internal_error",
    500,
    "Something went wrong in the service",
    cause="A fault of the service, not of the request; it is in the service's log under `request_id`.",
    cure="Tell the operator the `request_id`.",
)

SUBMIT_PROBLEMS = (
    BAD_REQUEST,
    INVALID_JSON,
    INVALID_MULTIPART,
    BODY_TIMEOUT,
    BODY_TOO_LARGE,
    FILE_TOO_LARGE,
    UNSUPPORTED_MEDIA_TYPE,
    UNSUPPORTED_IMAGE_TYPE,
    DUPLICATE_FIELD,
    MISSING_FIELD,
    UNKNOWN_FIELD,
    INVALID_FIELD,
    UNKNOWN_MODEL,
    INVALID_BASE64,
    FILE_EMPTY,
    IMAGE_TRUNCATED,
    IMAGE_CORRUPT,
    TRAILING_DATA,
    ANIMATED_IMAGE,
    IMAGE_TOO_SMALL,
    IMAGE_TOO_LARGE,
    DECOMPRESSION_BOMB,
    MASK_MISSING,
    MASK_SIZE_MISMATCH,
    MASK_EMPTY,
    MASK_FULL,
    QUEUE_FULL,
    NO_WORKER,
    OVERLOADED,
)
"""What can be wrong with a submission."""
EVERYWHERE = (STORAGE_UNAVAILABLE, INTERNAL_ERROR)
"""What every route that touches the store may answer."""
