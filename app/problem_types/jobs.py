"""Problems of jobs and their results."""

from app.problem_types.kind import define

JOB_NOT_FOUND = define(
    "job_not_found",
    404,
    "There is no such job",
    cause="The id is wrong, or the job was deleted.",
    cure="Use the `links` of the answer that accepted the job.",
)
JOB_EXPIRED = define(
    "job_expired",
    410,
    "The job has expired",
    cause="The job ended longer ago than jobs are kept (`result_ttl_s` of `GET /v1/limits`).",
    cure="Fetch results sooner; submit it again with the same seed to get the same picture.",
)
JOB_FINAL = define(
    "job_final",
    409,
    "The job has already ended",
    cause="A job that has succeeded or failed cannot be canceled any more.",
    cure="Nothing to do; `DELETE` removes it.",
)
RESULT_NOT_READY = define(
    "result_not_ready",
    409,
    "The result does not exist yet",
    cause="The job is queued or running.",
    cure="Wait as long as Retry-After says, or ask the job with `Prefer: wait=30`.",
    retryable=True,
)
JOB_FAILED = define(
    "job_failed",
    409,
    "The job failed",
    cause="There is no result, because the job ended with an error; the job's `error` tells which.",
    cure="Read the job's `error`.",
)
JOB_CANCELED = define(
    "job_canceled",
    409,
    "The job was canceled",
    cause="There is no result, because the job was canceled before it ended.",
    cure="Submit it again if you want it after all.",
)
WAIT_TIMEOUT = define(
    "wait_timeout",
    504,
    "The job has not ended in time",
    cause="The routes for OpenAI's client wait for their job, but at most `INLAY_OPENAI_WAIT_S`; the job goes on.",
    cure="Follow the job that `message` and the header `Location` name, instead of sending the request again.",
)
RESULT_NOT_FOUND = define(
    "result_not_found",
    404,
    "There is no result with this index",
    cause="Indices count from 0 to n - 1.",
    cure="Ask for an index below the job's `n`.",
)
RESULT_EXPIRED = define(
    "result_expired",
    410,
    "The result has expired",
    cause="The picture is kept for a limited time, and that time is over.",
    cure="Fetch results sooner; submit it again with the same seed to get the same picture.",
)
