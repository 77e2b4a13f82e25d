"""Why a call to a client's URL came to nothing."""

from jobs.deliveries import AttemptError


class OutboundFailure(Exception):
    """`detail` is safe to show: it names nothing of this service's network that the client did not."""

    def __init__(self, error: AttemptError, detail: str) -> None:
        super().__init__(f"{error}: {detail}")
        self.error = error
        self.detail = detail


def refused(detail: str) -> OutboundFailure:
    """The guard does not let it through."""
    return OutboundFailure(AttemptError.REFUSED, detail)
