"""What a kind of problem is, and the catalogue of all of them."""

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
        """The `type` member, without the prefix of a proxy: where this service explains the problem."""
        return f"{PROBLEM_DOCS_PATH}#{self.code}"


CATALOGUE: dict[str, ProblemType] = {}


def define(code: str, status: int, title: str, *, cause: str, cure: str, retryable: bool = False) -> ProblemType:
    """Adds a kind of problem to the catalogue; a code never changes its meaning."""
    CATALOGUE[code] = ProblemType(code, status, title, cause, cure, retryable)
    return CATALOGUE[code]
