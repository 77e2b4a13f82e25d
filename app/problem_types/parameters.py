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
    cause="This task has no such parameter; often a spelling mistake, or a mask sent to a task that takes none.",
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
