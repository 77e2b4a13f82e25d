"""Whose turn it is: callers share the queue, priority orders a caller's own jobs, nothing is lost on the way."""

import threading
from typing import Any

import pytest

from jobs import keys
from jobs.connect import RedisClient
from jobs.queue import JobQueue
from jobs.record import JobRecord
from jobs.spec import JOB_SPEC
from jobs.turns import Turn


def submit(queue: JobQueue, caller: str, *names: str, cost: float = 1.0, urgent: bool = False) -> None:
    for name in names:
        queue.enqueue(name, Turn(caller, cost, urgent))


def take(queue: JobQueue, redis: RedisClient) -> str:
    name = redis.lpop(queue.rq.key)
    assert isinstance(name, bytes)
    queue.taken(name.decode())
    return name.decode()


def test_one_job_among_a_hundred_of_another_caller_is_second(queue: JobQueue) -> None:
    submit(queue, "crowd", *(f"c{number}" for number in range(100)))
    submit(queue, "one", "single")
    order = queue.rq.get_job_ids()
    assert order.index("single") == 1
    assert [name for name in order if name != "single"] == [f"c{number}" for number in range(100)]


def test_callers_alternate_and_each_keeps_its_order(queue: JobQueue) -> None:
    submit(queue, "a", "a0", "a1", "a2", "a3")
    submit(queue, "b", "b0", "b1", "b2")
    assert queue.rq.get_job_ids() == ["a0", "b0", "a1", "b1", "a2", "b2", "a3"]


def test_a_job_of_three_times_the_cost_counts_as_three(queue: JobQueue) -> None:
    submit(queue, "large", "l0", "l1", cost=3.0)
    submit(queue, "small", *(f"s{number}" for number in range(6)))
    assert queue.rq.get_job_ids() == ["l0", "s0", "s1", "s2", "l1", "s3", "s4", "s5"]


@pytest.mark.parametrize(
    ("asked", "evaluations"),
    [
        ({"task": "complete"}, 20 * 2),
        ({"task": "complete", "inner_steps": 20}, 20 * 2),
        ({"task": "complete", "inner_steps": 0}, 20),
        ({"task": "inpaint", "solver": "newton"}, 20 * 11),
        ({"task": "upscale", "solver": "newton", "inner_steps": 20, "steps": 100, "n": 8}, 8 * 100 * 41),
        ({"task": "colorize", "solver": "newton", "inner_steps": 0}, 20),
        ({"task": "deblur", "sigma_px": 2, "guidance_scale": 3}, 20 * 2 * 2),
        ({"task": "generate", "solver": "newton", "guidance_scale": 1, "n": 3}, 3 * 20),
        ({"task": "generate"}, 20 * 2),
        ({"task": "style", "guidance_scale": 1}, 20 * 11),
        ({"task": "style", "solver": "default"}, 20 * 2 * 2),
    ],
)
def test_a_job_costs_the_network_evaluations_that_it_asks_for(asked: dict[str, Any], evaluations: int) -> None:
    record = JobRecord(id="job-00000001", caller="a", spec=JOB_SPEC.validate_python(asked), seed=1)
    assert Turn.of(record) == Turn("a", cost=evaluations)


def test_who_comes_late_starts_level_and_does_not_make_up_for_its_absence(queue: JobQueue, redis: RedisClient) -> None:
    submit(queue, "early", *(f"e{number}" for number in range(10)))
    assert [take(queue, redis) for _ in range(5)] == ["e0", "e1", "e2", "e3", "e4"]
    submit(queue, "late", "x0", "x1", "x2")
    order = queue.rq.get_job_ids()
    assert order == ["x0", "e5", "x1", "e6", "x2", "e7", "e8", "e9"]


def test_after_an_empty_queue_all_are_level(queue: JobQueue, redis: RedisClient) -> None:
    submit(queue, "a", *(f"a{number}" for number in range(50)))
    for _ in range(50):
        take(queue, redis)
    submit(queue, "a", "again")
    submit(queue, "b", "b0")
    assert queue.rq.get_job_ids() == ["again", "b0"]


def test_priority_goes_before_the_callers_own_jobs_and_takes_nothing_from_others(queue: JobQueue) -> None:
    submit(queue, "a", "a0", "a1", "a2")
    submit(queue, "b", "b0", "b1", "b2")
    submit(queue, "a", "now", urgent=True)
    assert queue.rq.get_job_ids() == ["now", "b0", "a0", "b1", "a1", "b2", "a2"]
    submit(queue, "a", "then", urgent=True)
    assert queue.rq.get_job_ids() == ["now", "b0", "then", "b1", "a0", "b2", "a1", "a2"]
    submit(queue, "c", "c0")
    assert queue.rq.get_job_ids()[:4] == ["now", "b0", "c0", "then"]


def test_jobs_put_back_to_the_front_stay_there(queue: JobQueue, redis: RedisClient) -> None:
    submit(queue, "a", "a0", "a1")
    taken = take(queue, redis)
    queue.requeue(taken)
    submit(queue, "b", "b0")
    assert queue.rq.get_job_ids() == ["a0", "b0", "a1"]


def test_a_job_that_leaves_the_queue_unserved_leaves_no_place_behind(queue: JobQueue, redis: RedisClient) -> None:
    submit(queue, "a", "a0", "a1", "a2")
    queue.remove("a1")
    assert sorted(redis.hkeys(keys.turns(queue.rq.key, "tags"))) == [b"a0", b"a2"]
    assert sorted(redis.hkeys(keys.turns(queue.rq.key, "owners"))) == [b"a0", b"a2"]


def test_a_job_that_was_taken_at_once_is_not_put_back(queue: JobQueue, redis: RedisClient) -> None:
    queue.enqueue("quick")
    take(queue, redis)
    assert not queue.turns.place("quick", Turn("a"))
    assert queue.depth() == 0


def test_long_queues_are_searched_to_their_head(queue: JobQueue) -> None:
    submit(queue, "a", "first")
    submit(queue, "a", *(f"a{number}" for number in range(200)))
    for caller in "bcd":
        submit(queue, caller, caller)
    assert queue.rq.get_job_ids()[:5] == ["first", "b", "c", "d", "a0"]
    assert queue.depth() == 204


def test_many_callers_at_once_lose_nothing(queue: JobQueue) -> None:
    def many(caller: str) -> None:
        submit(queue, caller, *(f"{caller}{number}" for number in range(25)))

    threads = [threading.Thread(target=many, args=(caller,)) for caller in "abcdefgh"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    order = queue.rq.get_job_ids()
    assert sorted(order) == sorted(f"{caller}{number}" for caller in "abcdefgh" for number in range(25))
    for caller in "abcdefgh":
        assert [name for name in order if name[0] == caller] == [f"{caller}{number}" for number in range(25)]


@pytest.mark.parametrize("what", ["tags", "owners", "now", "callers"])
def test_books_expire(queue: JobQueue, redis: RedisClient, what: str) -> None:
    submit(queue, "a", "a0")
    assert redis.ttl(keys.turns(queue.rq.key, what)) > 0
