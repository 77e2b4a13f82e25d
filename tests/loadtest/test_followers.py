"""Clients who poll and follow, on a real service whose worker is played; what they noted is held to what happened."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from deploy.loadtest.audience import Crowd, Noted
from deploy.loadtest.figures import exceeded
from deploy.loadtest.followers import LIMITS, figures, main, parse, watch
from deploy.loadtest.scrape import bound, status_buckets
from jobs.settings import Settings
from tests.app.service import ApiProcess
from tests.app.stand_in import StandIn
from tests.redis_process import RedisProcess

ROOT = Path(__file__).parents[2]
STEPS, PACE_S = 6, 0.05
LIFE = 3 + STEPS
"""Events of one job: queued, started, each step, succeeded."""


@pytest.fixture
def url() -> Iterator[str]:
    """A service whose jobs are played one after the other."""
    with RedisProcess() as redis, ApiProcess(redis_url=redis.url) as api:
        worker, over = StandIn(Settings(redis_url=SecretStr(redis.url))), threading.Event()
        worker.appear()
        player = threading.Thread(target=play, args=(worker, over))
        player.start()
        yield f"http://127.0.0.1:{api.port}"
        over.set()
        player.join()
        worker.close()


def play(worker: StandIn, over: threading.Event) -> None:
    while not over.wait(PACE_S):
        for job_id in worker.queue.waiting():
            record = worker.start(job_id)
            for step in range(1, STEPS + 1):
                over.wait(PACE_S)
                worker.report(record, step)
            worker.finish(record)


def test_half_of_the_clients_poll_and_half_hear_every_event_once_though_one_leaves_on_the_way(url: str) -> None:
    before = status_buckets([url])
    noted = asyncio.run(watch([url], Crowd(clients=8, jobs=2, seconds=0.1, steps=STEPS)))
    assert (noted.jobs, noted.failed) == (2, Counter())
    assert (noted.lost, noted.repeated, noted.disagreeing) == (0, 0, 0)
    assert noted.events == 4 * LIFE
    assert noted.resumed >= 1
    assert len(noted.status_s) == len(noted.lag_s) >= 4
    counted = status_buckets([url])
    counted.subtract(before)
    assert max(counted.values()) == len(noted.status_s), "the service counts the same requests"
    assert bound(counted, 1.0) > 0


def test_a_lost_a_repeated_and_a_swapped_event_are_noticed() -> None:
    noted = Noted()
    noted.compare(["1", "2", "2", "9"], ["1", "2", "3"])
    assert (noted.events, noted.lost, noted.repeated, noted.disagreeing) == (4, 1, 2, 1)
    noted.compare(["2", "1"], ["1", "2"])
    assert (noted.lost, noted.repeated, noted.disagreeing) == (1, 2, 2)
    noted.compare(["1", "2"], ["1", "2"])
    assert noted.disagreeing == 2
    beyond = exceeded(figures(noted, Counter()), LIMITS)
    assert {sentence.split()[0] for sentence in beyond} >= {"lost", "repeated", "disagreeing"}


def test_a_run_that_measured_nothing_has_not_passed() -> None:
    beyond = exceeded(figures(Noted(), Counter()), LIMITS)
    assert {sentence.split()[0] for sentence in beyond} == {"status_p99_s", "lag_p99_s"}


def test_the_services_histogram_tells_a_bound_and_no_value_in_between() -> None:
    buckets = {0.005: 50, 0.01: 98, 0.025: 99, float("inf"): 100}
    assert (bound(buckets, 0.5), bound(buckets, 0.51), bound(buckets, 0.99)) == (0.005, 0.01, 0.025)
    assert bound(buckets, 1.0) == float("inf")
    assert bound({}, 0.5) != bound({}, 0.5), "NaN"


@pytest.mark.parametrize(
    ("needed", "told"), [(250, "300"), (350, "350"), (450, "450 open files are needed, and 400 allowed")]
)
def test_the_bound_on_open_files_is_raised_as_far_as_it_may_be(needed: int, told: str) -> None:
    code = f"""if True:
        import resource
        from deploy.loadtest.open_files import TooFewFiles, allow_open_files
        resource.setrlimit(resource.RLIMIT_NOFILE, (300, 400))
        try:
            allow_open_files({needed})
            print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
        except TooFewFiles as error:
            print(error)
    """
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert told in ended.stdout


@pytest.mark.parametrize(
    "wrong",
    [["--clients", "1"], ["--clients", "1000000"], ["--seconds", "1e6"], ["--jobs", "2000"], ["--apis", "0"]],
)
def test_what_has_no_bounds_or_no_meaning_is_refused(wrong: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(wrong)
    assert ended.value.code == 2


@pytest.mark.slow
def test_twenty_clients_on_the_real_worker_lose_nothing(tmp_path: Path) -> None:
    report = tmp_path / "followers.json"
    assert main(["--clients", "20", "--seconds", "5", "--apis", "2", "--json", str(report)]) in {0, 1}
    told = json.loads(report.read_text())["figures"]
    assert (told["lost"], told["repeated"], told["disagreeing"], told["failed"]) == (0, 0, 0, 0)
    assert told["polls"] >= 20
    assert told["jobs"] >= 2
