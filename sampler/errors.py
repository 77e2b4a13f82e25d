"""What can go wrong while sampling. A solver that stops early is a result with a reason, not an error."""


class SamplerError(Exception):
    """Base of every error that this package raises on purpose (wrong arguments raise `ValueError`)."""


class DivergedError(SamplerError):
    """A state or an answer is not finite, or larger than any latents can be."""


class EvaluationError(SamplerError):
    """The network failed on this one request, alone in its batch; the cause is chained."""


class ProtocolError(SamplerError):
    """An evaluator or a driver of a process broke the contract: wrong kind or wrong number of answers."""
