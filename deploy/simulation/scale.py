"""What 10 to 10,000 GPUs would do: cost of a picture, the lag of autoscaling, fairness, and what Redis has to bear."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil

from deploy.pace import Pace
from deploy.simulation.comparison import figures
from deploy.simulation.load import Job, half_picture, poisson
from deploy.simulation.service import Autoscaling, Design, simulate

FLEETS = (10, 100, 1_000, 10_000)
SIMULATED_GPUS = 300
"""Of larger fleets no more are simulated: all serve one line, so the more there are, the less anybody waits."""
MOST_JOBS = 10_000
GRAIN = 10
DRAWN_S = 300.0


@dataclass(frozen=True)
class Prices:
    """Of a GPU's hour, in any currency; `utilisation` is the share of its most that it is offered."""

    gpu_hour: float = 2.5
    utilisation: float = 0.7


@dataclass(frozen=True)
class RedisNeed:
    """What one job and one idle worker take of Redis: commands, and microseconds of its one thread."""

    commands_a_job: float
    us_a_job: float
    commands_a_worker_s: float
    us_a_worker_s: float

    def busy(self, jobs_per_s: float, workers: int) -> float:
        """Share of one Redis thread's time; beyond about 0.7 answers wait for one another."""
        return (jobs_per_s * self.us_a_job + workers * self.us_a_worker_s) / 1e6

    def commands(self, jobs_per_s: float, workers: int) -> float:
        """Commands a second."""
        return jobs_per_s * self.commands_a_job + workers * self.commands_a_worker_s


@dataclass(frozen=True)
class FleetRow:
    """One size of fleet at the prices' utilisation; seconds of a job after the first quarter, when all are at work."""

    gpus: int
    jobs_per_s: float
    p50_s: float
    p95_s: float
    cost_a_picture: float
    redis_commands_per_s: float
    redis_share: float

    def shards(self, bearable: float = 0.5) -> int:
        """Redis servers, each of which is busy for a bearable share of its time."""
        return max(1, ceil(self.redis_share / bearable))


def most_per_s(pace: Pace, steps: int, room: int, rows: int) -> float:
    """Half pictures a second of one worker that never lacks any: a full room that arrives at once."""
    work = half_picture(steps)
    jobs = [Job(number, 0.0, "alone", work) for number in range(20 * room)]
    return figures(simulate(Design(pace, 1, room, rows), jobs).ended)["throughput_per_s"]


def fleets(pace: Pace, prices: Prices, need: RedisNeed, *, steps: int, room: int, seed: int) -> list[FleetRow]:
    """A row for each of `FLEETS`."""
    rows = max(pace.network_s)
    alone = most_per_s(pace, steps, room, rows)
    return [_fleet(pace, prices, need, count, alone, (steps, room, rows, seed)) for count in FLEETS]


def _fleet(
    pace: Pace, prices: Prices, need: RedisNeed, gpus: int, alone_per_s: float, numbers: tuple[int, int, int, int]
) -> FleetRow:
    steps, room, rows, seed = numbers
    rate = prices.utilisation * alone_per_s * gpus
    simulated = min(gpus, SIMULATED_GPUS)
    told = _settled(Design(pace, simulated, room, rows), rate * simulated / gpus, steps, seed)
    return FleetRow(
        gpus=gpus,
        jobs_per_s=rate,
        p50_s=told["end_to_end_p50_s"],
        p95_s=told["end_to_end_p95_s"],
        cost_a_picture=prices.gpu_hour * gpus / 3600 / rate,
        redis_commands_per_s=need.commands(rate, gpus),
        redis_share=need.busy(rate, gpus),
    )


def _settled(design: Design, rate: float, steps: int, seed: int) -> dict[str, float]:
    work, seconds = half_picture(steps, GRAIN), min(DRAWN_S, MOST_JOBS / rate)
    ended = simulate(design, poisson(rate, seconds, seed, lambda _: work)).ended
    return figures([one for one in ended if one.at_s >= seconds / 4])


@dataclass(frozen=True)
class LagRow:
    """After a step in load: the longest wait, and seconds until waits are below `bearable_s` for good."""

    start_s: float
    longest_wait_s: float
    settled_s: float
    most_workers: int


STEP_AT_S, STEP_S, BEARABLE_S = 120.0, 900.0, 5.0
FIRST_WORKERS = 2


def lags(pace: Pace, starts_s: Sequence[float], *, steps: int, room: int, seed: int) -> list[LagRow]:
    """Two workers, half busy, are offered four times as much from one moment on; others are added that start late."""
    rows = max(pace.network_s)
    rate = 0.5 * FIRST_WORKERS * most_per_s(pace, steps, room, rows)
    work = half_picture(steps, steps)
    before = poisson(rate, STEP_AT_S, seed, lambda _: work)
    after = poisson(4 * rate, STEP_S, seed + 1, lambda _: work)
    jobs = before + [replace(job, number=len(before) + job.number, at_s=STEP_AT_S + job.at_s) for job in after]
    return [_lag(Design(pace, FIRST_WORKERS, room, rows), jobs, start_s) for start_s in starts_s]


def _lag(design: Design, jobs: Sequence[Job], start_s: float) -> LagRow:
    scaling = Autoscaling(least=design.workers, most=20 * design.workers, start_s=start_s)
    outcome = simulate(replace(design, autoscaling=scaling), jobs)
    late = [one.at_s for one in outcome.ended if one.wait_s > BEARABLE_S]
    return LagRow(
        start_s=start_s,
        longest_wait_s=max(one.wait_s for one in outcome.ended),
        settled_s=max(late, default=STEP_AT_S) - STEP_AT_S,
        most_workers=outcome.most_workers,
    )


@dataclass(frozen=True)
class FairnessRow:
    """Of a caller with a job every now and then, beside one who sends two hundred at once."""

    order: str
    small_p50_s: float
    small_p95_s: float
    crowd_p50_s: float


CROWD = 200


def fairness(pace: Pace, *, steps: int, room: int, seed: int) -> list[FairnessRow]:
    """Four workers; the same jobs as they came, and in the service's order."""
    rows = max(pace.network_s)
    alone = most_per_s(pace, steps, room, rows)
    work = half_picture(steps, GRAIN)
    crowd = [Job(number, 0.0, "crowd", work, cost=float(steps)) for number in range(CROWD)]
    small = poisson(0.05 * alone, CROWD / 4 / alone, seed, lambda _: work, caller="small")
    jobs = crowd + [replace(job, number=CROWD + job.number, cost=float(steps)) for job in small]
    told = []
    for order, fair in (("as they came", False), ("start-time fair queueing", True)):
        ended = simulate(Design(pace, 4, room, rows, fair=fair), jobs).ended
        mine = sorted(one.total_s for one in ended if one.caller == "small")
        theirs = sorted(one.total_s for one in ended if one.caller == "crowd")
        told.append(
            FairnessRow(order, mine[len(mine) // 2], mine[int(0.95 * (len(mine) - 1))], theirs[len(theirs) // 2])
        )
    return told
