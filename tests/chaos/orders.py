"""What the callers of a fault test ask for: few different jobs, so that there are equal ones to compare."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any, Self

from tests.chaos.ledger import FileLedger
from tests.soak.orders import picture_png

SEEDS = 3
STEPS = 10


@dataclass(frozen=True)
class Asked:
    """Everything that a picture depends on."""

    params: Mapping[str, Any]

    def parts(self, webhook_url: str) -> dict[str, tuple[str, bytes, str]]:
        """The multipart body of its submission."""
        params = json.dumps({**self.params, "webhook_url": webhook_url}).encode()
        parts = {"params": ("params", params, "application/json")}
        if self.params["task"] == "complete":
            parts["image"] = ("image.png", picture_png(0), "image/png")
        return parts

    def dump(self) -> str:
        """As the ledger keeps it."""
        return json.dumps(self.params, sort_keys=True)

    @classmethod
    def parse(cls, text: str) -> Self:
        """What `dump` has written."""
        return cls(json.loads(text))


class Orders:
    """Two of each kind, one for each of two callers, then two of the next."""

    def __init__(self) -> None:
        self._numbers = count()

    def next(self, **params: Any) -> Asked:
        """The next one, with these parameters beside or in place of its own."""
        pair = next(self._numbers) // 2
        task = ("generate", "complete")[pair % 2]
        return Asked({"task": task, "steps": STEPS, "seed": pair // 2 % SEEDS, **params})

    def once_each(self, ledger: FileLedger, expected: Mapping[str, str]) -> Iterator[tuple[Asked, str]]:
        """Each kind of which there is a job that was to succeed, and who asked for it first."""
        kinds: dict[str, str] = {}
        for line in ledger.of("accepted"):
            if line.job_id not in expected:
                kinds.setdefault(line.asked, line.caller)
        for asked, caller in kinds.items():
            yield Asked.parse(asked), caller
