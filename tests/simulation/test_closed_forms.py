"""With one picture at a time the simulation is a queue whose waits are known in closed form."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from statistics import mean

import pytest

from deploy.pace import Pace
from deploy.simulation.load import Job, Work, half_picture, poisson
from deploy.simulation.service import Autoscaling, Design, Ended, simulate
from deploy.simulation.waiting import WaitingLine

SERVICE_S = 0.1
ONE_AT_A_TIME = Design(Pace({1: SERVICE_S}), room=1, rows=1)
SECONDS = 2000.0


def served(load: float, work: Callable[[Random], tuple[Work, ...]]) -> list[Ended]:
    return simulate(ONE_AT_A_TIME, poisson(load / SERVICE_S, SECONDS, 3, work)).ended


@pytest.mark.parametrize("load", [0.3, 0.6])
def test_exponential_work_waits_as_in_m_m_1(load: float) -> None:
    ended = served(load, lambda draw: (Work("network", draw.expovariate(1.0)),))
    assert mean(one.total_s for one in ended) == pytest.approx(SERVICE_S / (1 - load), rel=0.06)


@pytest.mark.parametrize("load", [0.3, 0.6])
def test_constant_work_waits_as_in_m_d_1(load: float) -> None:
    ended = served(load, lambda draw: (Work("network"),))
    waited = SERVICE_S * load / (2 * (1 - load))
    assert mean(one.wait_s for one in ended) == pytest.approx(waited, rel=0.06)


def test_equal_seeds_have_equal_ends_and_others_not() -> None:
    def ends(seed: int) -> list[Ended]:
        jobs = poisson(4.0, 60.0, seed, lambda draw: half_picture(5))
        return simulate(Design(Pace({1: 0.01, 8: 0.03}, {1: 0.01, 4: 0.02}), workers=2), jobs).ended

    assert ends(1) == ends(1)
    assert ends(1) != ends(2)


def test_eight_jobs_that_share_calls_take_as_long_as_calls_of_eight_rows() -> None:
    pace = Pace({1: 0.01, 8: 0.03})
    jobs = [Job(number, 0.0, "alone", (Work("network"),) * 10) for number in range(8)]
    outcome = simulate(Design(pace), jobs)
    assert outcome.calls == 11, "the first has begun before the others come"
    assert [one.ended_s for one in outcome.ended] == pytest.approx([0.3] * 8, rel=0.1)


def test_a_small_caller_does_not_wait_for_a_crowd_that_came_first() -> None:
    crowd = [Job(number, 0.0, "crowd", (Work("network"),)) for number in range(50)]
    small = Job(50, 0.05, "small", (Work("network"),))

    def wait_s(*, fair: bool) -> float:
        ended = simulate(Design(Pace({1: 0.1}), room=1, rows=1, fair=fair), [*crowd, small]).ended
        return next(one.wait_s for one in ended if one.caller == "small")

    assert wait_s(fair=False) > 4.0
    assert wait_s(fair=True) < 0.2


def test_workers_that_start_late_are_there_after_their_start() -> None:
    scaling = Autoscaling(least=1, most=4, target=2, poll_s=5.0, start_s=20.0, cool_down_s=30.0)
    jobs = [Job(number, 0.0, "alone", (Work("network"),)) for number in range(60)]
    outcome = simulate(Design(Pace({1: 1.0}), room=1, rows=1, autoscaling=scaling), jobs)
    assert outcome.most_workers == 4
    last = max(one.ended_s for one in outcome.ended)
    assert last == pytest.approx(25 + (60 - 25) / 4, abs=2.0)


def test_the_line_is_that_of_the_service_for_equal_costs() -> None:
    line, draw = WaitingLine(), Random(1)
    for number in range(6):
        line.put(Job(number, draw.random(), "crowd" if number < 5 else "small", ()))
    assert [line.take().number for _ in range(6)] == [0, 5, 1, 2, 3, 4]
