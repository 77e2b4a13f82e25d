"""Problems of single parameters."""

from app.problem_types.kind import define

MISSING_FIELD = define(
    "missing_field",
    422,
    "A required field is missing",
    cause="`task`, or a file that this task needs (`image`, `reference`), is absent.",
    cure="Add the field that `pointer` names.",
)
UNKNOWN_FIELD = define(
    "unknown_field",
    422,
    "A field is not known",
    cause="There is no such parameter here; often a spelling mistake, or a mask sent to a task that takes none.",
    cure="Remove or rename the field that `pointer` names.",
)
INVALID_FIELD = define(
    "invalid_field",
    422,
    "A field has a value that is not allowed",
    cause="Wrong type, out of range, not one of the choices, or too long.",
    cure="Read `detail`; the OpenAPI schema and `GET /v1/limits` state all ranges.",
)
UNKNOWN_MODEL = define(
    "unknown_model",
    422,
    "The model is not served here",
    cause="`model` names none of the models that this service has loaded.",
    cure="Leave `model` out, or choose one from `GET /v1/models`.",
)
TASK_UNAVAILABLE = define(
    "task_unavailable",
    422,
    "The task is not done here",
    cause="No worker that may take the job does this task: `style` needs a network that sees styles.",
    cure="See the `tasks` of `GET /v1/models`; the operator can set `INLAY_STYLE_MODEL`.",
)
INVALID_BASE64 = define(
    "invalid_base64",
    422,
    "A file is not valid base64",
    cause="The string is neither standard base64 (RFC 4648 §4, padded, no line breaks) nor a base64 data URL.",
    cure="Encode with `base64 -w0`, or send multipart.",
)
URL_REFUSED = define(
    "url_refused",
    422,
    "The service may not call this URL",
    cause="Its scheme, port or host is not allowed, or its host has no address, or one that is not public.",
    cure="Give an `https://` URL of a public server; the operator can allow more (`docs/settings.md`).",
)
WEBHOOK_UNSIGNED = define(
    "webhook_unsigned",
    422,
    "There is no secret to sign webhooks with",
    cause="`webhook_url` was given, but the operator has set no webhook secret for this caller.",
    cure="Ask the operator for one (`inlay keys webhook`, or `INLAY_WEBHOOK_SECRET` where there are no keys).",
)
URL_INPUTS_OFF = define(
    "url_inputs_off",
    422,
    "Pictures are not fetched here",
    cause="`image_url`, `mask_url` or `reference_url` was given, but this service does not fetch pictures.",
    cure="Send the file itself; the operator can set `INLAY_URL_INPUTS`.",
)
URL_NOT_FETCHED = define(
    "url_not_fetched",
    422,
    "The picture could not be fetched",
    cause="The server did not answer in time, not with 200, with a redirect, or with compressed content.",
    cure="Give the picture's final address, where anybody can fetch it without a login; or send the file itself.",
    retryable=True,
)
