"""What can be said against a `webhook_url` when a job is submitted."""

from app import problem_types
from app.outbound.failures import OutboundFailure
from app.problems import Problem
from app.services import Services
from jobs.spec import AnySpec

CHECK_S = 5.0


async def check_webhook(services: Services, caller: str, spec: AnySpec) -> None:
    """Raises Problem if the job has a `webhook_url` that could not be called, or not signed for its caller."""
    if spec.webhook_url is None:
        return
    if not services.webhook_secrets(caller):
        detail = "There is no secret to sign this caller's webhooks with."
        raise Problem(problem_types.WEBHOOK_UNSIGNED, detail, pointer="/webhook_url")
    try:
        await services.outbound.check(spec.webhook_url, timeout_s=CHECK_S)
    except OutboundFailure as failure:
        raise Problem(problem_types.URL_REFUSED, failure.detail, pointer="/webhook_url") from None
