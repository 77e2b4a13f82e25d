"""Time travel: steps that are taken more than once, with a return to more noise in between."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Visit:
    """One visit of a step: its `index`, and that of the step where the run `stands`, later than `index` on a return.

    `is_last`: the step is not visited again.
    """

    index: int
    stands: int
    is_last: bool


def traveled(steps: int, share: tuple[float, float], repeats: int) -> list[int]:
    """The order of a run of `steps` whose steps within the `share` are each taken `repeats` times."""
    first, end = (bound * steps for bound in share)
    return [index for index in range(steps) for _ in range(repeats if first <= index < end else 1)]


def visits(order: Sequence[int]) -> Iterator[Visit]:
    """The visits of a run that takes the steps with these indices in turn."""
    last = {index: number for number, index in enumerate(order)}
    stands = 0
    for number, index in enumerate(order):
        yield Visit(index, stands, last[index] == number)
        stands = index + 1
