"""Jobs as the simulation knows them: when they come, from whom, and which calls each needs one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal

from deploy.loadtest.profiles import Arrival

Kind = Literal["network", "image"]


@dataclass(frozen=True)
class Work:
    """`count` evaluations of a kind in a row, seen as one call that takes `count` times as long.

    One makes every evaluation a call of its own, as in the engine; more makes a large simulation quicker, and a job
    that comes waits for the end of the whole.
    """

    kind: Kind
    count: float = 1.0


@dataclass(frozen=True)
class Job:
    """`cost` is what its caller is charged in the queue; `rows` are what it takes of each call (2 with guidance)."""

    number: int
    at_s: float
    caller: str
    work: tuple[Work, ...]
    cost: float = 1.0
    rows: int = 1


def half_picture(steps: int, grain: int = 1) -> tuple[Work, ...]:
    """A half picture of the service's default solver: two evaluations a step, five decodings and encodings each.

    The picture is encoded, four times on the way it is decoded and encoded again, and it is decoded. `grain`
    evaluations are one `Work`; if that is more than one, the autoencoder's passes are two, before and after.
    """
    network = [Work("network", min(grain, 2 * steps - done)) for done in range(0, 2 * steps, grain)]
    parts = 5
    if grain > 1:
        return Work("image", parts), *network, Work("image", parts)
    work: list[Work] = [Work("image")]
    for part in range(parts):
        work += network[part * len(network) // parts : (part + 1) * len(network) // parts]
        work += [Work("image")] * (2 if part < parts - 1 else 1)
    return tuple(work)


def jobs_of(arrivals: Sequence[Arrival], steps: int, grain: int = 1) -> list[Job]:
    """A half picture for each arrival of a load test."""
    work = half_picture(steps, grain)
    return [Job(one.number, one.at_s, one.caller, work, cost=float(steps)) for one in arrivals]


def poisson(
    rate: float, seconds: float, seed: int, work: Callable[[Random], tuple[Work, ...]], caller: str = "alone"
) -> list[Job]:
    """A Poisson stream of one caller, each job with the work that is drawn for it."""
    draw = Random(f"{seed}/{caller}")
    jobs: list[Job] = []
    at_s = draw.expovariate(rate)
    while at_s < seconds:
        drawn = work(draw)
        jobs.append(Job(len(jobs), at_s, caller, drawn, cost=sum(part.count for part in drawn)))
        at_s += draw.expovariate(rate)
    return jobs
