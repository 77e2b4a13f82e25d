"""What one key may do: a rate of submissions and a number of active jobs, counted by all API processes together."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import httpx
import pytest

from jobs import keys
from jobs.record import JobState
from tests.app.answers import problem
from tests.app.keyed import KeyedService

QUOTA, WINDOW_S, MAX_ACTIVE = 8, 600, 3
"""The window is longer than any test takes on any machine; `let_pass` is how it goes by."""
NAMES = tuple(f"caller-{number}" for number in range(9))


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeyedService]:
    limits = {"rate_limit_jobs": QUOTA, "rate_window_s": WINDOW_S, "max_active_jobs": MAX_ACTIVE}
    with KeyedService(tmp_path_factory.mktemp("keys") / "keys", NAMES, **limits) as running:
        yield running


_used = count()


@pytest.fixture
def name() -> str:
    """A caller whom no other test has used."""
    return NAMES[next(_used)]


def submit(client: httpx.Client, **headers: str) -> httpx.Response:
    return client.post("/v1/jobs", json={"task": "generate"}, headers=headers)


def left(answer: httpx.Response) -> tuple[int, int]:
    """What the header tells: submissions left, and seconds until there is one more."""
    assert answer.headers["ratelimit-policy"] == f'"submissions";q={QUOTA};w={WINDOW_S}'
    found = re.fullmatch(r'"submissions";r=(\d+);t=(\d+)', answer.headers["ratelimit"])
    assert found, answer.headers["ratelimit"]
    return int(found[1]), int(found[2])


def let_pass(service: KeyedService, name: str, seconds: float) -> None:
    """As if the caller's submissions had been sent so many seconds earlier."""
    book = keys.caller(name, "submissions")
    for submission, _ in list(service.worker.redis.zscan_iter(book)):
        service.worker.redis.zincrby(book, -seconds, submission)


def test_rate_counts_down_refuses_and_recovers(service: KeyedService, name: str) -> None:
    client = service.of(name)
    answers = [client.post("/v1/jobs", json={"task": "no such"}) for _ in range(QUOTA)]
    assert [left(answer)[0] for answer in answers] == list(range(QUOTA))[::-1]
    assert {answer.status_code for answer in answers} == {422}, "a refused submission counts and tells, too"
    refused = submit(client)
    assert problem(refused, 429, "rate_limited")["retryable"]
    remaining, reset_s = left(refused)
    assert remaining == 0
    assert 1 <= reset_s <= WINDOW_S
    assert refused.headers["retry-after"] == str(reset_s)
    assert client.get("/v1/jobs").status_code == 200, "only submissions count"
    let_pass(service, name, reset_s - 1)
    time.sleep(1)
    assert submit(client).status_code == 202, "as it was told"
    let_pass(service, name, WINDOW_S)
    assert left(submit(client))[0] == QUOTA - 1


def test_rate_holds_across_api_processes_and_is_each_callers_own(service: KeyedService) -> None:
    one, other = NAMES[next(_used)], NAMES[next(_used)]
    clients = [service.of(one, replica) for replica in (0, 1)]
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda number: submit(clients[number % 2]), range(3 * QUOTA)))
    limited = [answer for answer in answers if answer.headers["content-type"] == "application/problem+json"]
    codes = [answer.json()["code"] for answer in limited]
    assert codes.count("rate_limited") == 2 * QUOTA
    assert left(submit(service.of(other)))[0] == QUOTA - 1


def test_active_jobs_are_bounded_across_api_processes(service: KeyedService, name: str) -> None:
    clients = [service.of(name, replica) for replica in (0, 1)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: submit(clients[number % 2]), range(QUOTA)))
    accepted = [answer for answer in answers if answer.status_code == 202]
    assert len(accepted) == MAX_ACTIVE
    refused = [answer for answer in answers if answer.status_code != 202]
    for answer in refused:
        assert problem(answer, 429, "too_many_active_jobs")["retryable"]
        assert int(answer.headers["retry-after"]) >= 1
    assert {job["id"] for job in clients[0].get("/v1/jobs").json()["jobs"]} == {a.json()["id"] for a in accepted}


def end(service: KeyedService, client: httpx.Client, how: str, job_id: str) -> None:
    if how == "succeeds":
        service.worker.finish(service.worker.start(job_id))
    elif how == "fails":
        service.worker.fail(service.worker.start(job_id))
    elif how == "is canceled while it waits":
        assert client.post(f"/v1/jobs/{job_id}/cancel").status_code == 200
    elif how == "is canceled while it runs":
        service.worker.start(job_id)
        assert client.post(f"/v1/jobs/{job_id}/cancel").status_code == 202
        assert submit(client).status_code == 429, "until its worker has stopped it"
        service.worker.store.transition(job_id, JobState.CANCELED, expect={JobState.RUNNING})
    elif how == "is deleted":
        assert client.delete(f"/v1/jobs/{job_id}").status_code == 204
    else:
        service.worker.redis.delete(keys.job(job_id))


def test_every_end_of_a_job_makes_room(service: KeyedService, name: str) -> None:
    client = service.of(name)
    ways = (
        "succeeds",
        "fails",
        "is canceled while it waits",
        "is canceled while it runs",
        "is deleted",
        "expires",
    )
    waiting = [submit(client).json()["id"] for _ in range(MAX_ACTIVE)]
    for how in ways:
        service.worker.redis.delete(keys.caller(name, "submissions"))
        assert submit(client).status_code == 429, how
        end(service, client, how, waiting.pop(0))
        accepted = submit(client)
        assert accepted.status_code == 202, (how, accepted.text)
        waiting.append(accepted.json()["id"])


def test_a_replay_counts_in_the_rate_but_makes_no_further_job(service: KeyedService, name: str) -> None:
    client, key = service.of(name), {"Idempotency-Key": "one"}
    answers = [submit(client, **key) for _ in range(MAX_ACTIVE + 1)]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert left(answers[-1])[0] == QUOTA - MAX_ACTIVE - 1


def test_keys_of_different_callers_are_different(service: KeyedService) -> None:
    one, other = NAMES[next(_used)], NAMES[next(_used)]
    answers = [submit(service.of(who), **{"Idempotency-Key": "the-same"}) for who in (one, other)]
    assert [answer.status_code for answer in answers] == [202, 202], answers[0].text
    first, second = (answer.json()["id"] for answer in answers)
    assert first != second
    assert [job["id"] for job in service.of(other).get("/v1/jobs").json()["jobs"]] == [second]


def test_limits_are_told(service: KeyedService, name: str, http: httpx.Client) -> None:
    told = service.of(name).get("/v1/limits").json()
    assert (told["rate_limit_jobs"], told["rate_window_s"], told["max_active_jobs"]) == (QUOTA, WINDOW_S, MAX_ACTIVE)
    without_keys = http.get("/v1/limits").json()
    assert without_keys["rate_limit_jobs"] is without_keys["max_active_jobs"] is None
    assert "ratelimit" not in http.post("/v1/jobs", json={"task": "generate"}).headers
