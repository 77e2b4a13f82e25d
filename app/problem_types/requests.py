"""Problems of the request as a whole: its framing, body and address."""

from app.problem_types.kind import define

BAD_REQUEST = define(
    "bad_request",
    400,
    "The request is not valid HTTP",
    cause="The request line, a header or the framing of the body is malformed.",
    cure="Use an HTTP library; check proxies between you and the service.",
)
INVALID_JSON = define(
    "invalid_json",
    400,
    "The body is not valid JSON",
    cause="Broken syntax, a repeated name, NaN or Infinity, more parts than any job has, or text that is not UTF-8.",
    cure="Send one JSON object, as RFC 8259 defines it.",
)
INVALID_MULTIPART = define(
    "invalid_multipart",
    400,
    "The body is not valid multipart/form-data",
    cause="The boundary is missing or wrong, the body ends too early, or there are too many parts.",
    cure="Let your HTTP library write the Content-Type header together with the body.",
)
DUPLICATE_FIELD = define(
    "duplicate_field",
    422,
    "A field was given more than once",
    cause="Two parts have the same name, or a plain field repeats what `params` says.",
    cure="Send every field once.",
)
HEAD_TIMEOUT = define(
    "head_timeout",
    408,
    "The head of the request did not arrive in time",
    cause="The request line and the headers were slower than the service waits for.",
    cure="Send the head at once, as every HTTP library does; look for a proxy that holds it back.",
    retryable=True,
)
BODY_TIMEOUT = define(
    "body_timeout",
    408,
    "The body did not arrive in time",
    cause="The upload was slower than the service waits for.",
    cure="Send it again, over a faster connection or with a smaller picture.",
    retryable=True,
)
BODY_TOO_LARGE = define(
    "body_too_large",
    413,
    "The body is too large",
    cause="The request has more bytes than `max_body_bytes` of `GET /v1/limits`.",
    cure="Send a smaller file; JPEG or WebP instead of PNG; multipart instead of base64.",
)
FILE_TOO_LARGE = define(
    "file_too_large",
    413,
    "A file is too large",
    cause="The picture or the mask has more bytes than `max_upload_bytes` of `GET /v1/limits`.",
    cure="Send a smaller file; JPEG or WebP instead of PNG.",
)
UNSUPPORTED_MEDIA_TYPE = define(
    "unsupported_media_type",
    415,
    "The content type of the body is not accepted",
    cause="A job is neither `multipart/form-data` nor `application/json`, or is compressed with Content-Encoding.",
    cure="Send one of the two, uncompressed.",
)
ROUTE_NOT_FOUND = define(
    "route_not_found",
    404,
    "There is nothing at this address",
    cause="The path is not one of the service's.",
    cure="Look at `/docs` for the paths there are.",
)
METHOD_NOT_ALLOWED = define(
    "method_not_allowed",
    405,
    "The method is not allowed here",
    cause="The path exists, the method does not.",
    cure="Use one of the methods in the Allow header.",
)
HTTP_ERROR = define(
    "http_error",
    400,
    "The request was refused",
    cause="The HTTP layer refused the request for a reason that has no code of its own; see `status` and `detail`.",
    cure="Look up the HTTP status.",
)
