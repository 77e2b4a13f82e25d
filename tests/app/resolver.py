"""Names that lead where a test wants."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

PUBLIC, PUBLIC_V6 = "93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"


class Names:
    """A resolver that answers what it is told, in turn; the last answer again and again."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self._answers = deque(answers)
        self.asked: list[tuple[str, int]] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append((host, port))
        return self._answers.popleft() if len(self._answers) > 1 else self._answers[0]
