"""What the store keeps for each caller: idempotency keys, a list of jobs, those that are active, and a rate."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from jobs import keys
from jobs.admission import Claim
from jobs.connect import RedisClient
from jobs.errors import IdempotencyKeyReused, JobError, SubmissionRepeated, TooManyActiveJobs
from jobs.listing import FILTERED_BATCH, MOST_LOOKED_AT, CallerJobs
from jobs.rate import SubmissionRate
from jobs.record import JobRecord, JobState
from jobs.settings import Settings
from jobs.store import JobStore
from tests.jobs.conftest import NewRecord

CLAIM = Claim("order 17", "fingerprint")


def owned(record: JobRecord, caller: str = "alice") -> JobRecord:
    return record.model_copy(update={"caller": caller})


def test_hundred_submissions_at_once_under_one_key_make_one_job(
    store: JobStore, redis: RedisClient, new_record: NewRecord
) -> None:
    def submit(number: int) -> str:
        record = owned(new_record(f"job-{number:08}"))
        try:
            store.create(record, claim=CLAIM)
        except SubmissionRepeated as repeated:
            return repeated.job_id
        return record.id

    with ThreadPoolExecutor(20) as pool:
        answers = set(pool.map(submit, range(100)))
    assert len(answers) == 1
    assert store.active_ids() == list(answers)
    assert redis.zcard(keys.caller("alice", "jobs")) == 1


def test_another_submission_under_the_key_is_told_from_the_same_one(store: JobStore, new_record: NewRecord) -> None:
    store.create(owned(new_record()), claim=CLAIM)
    assert store.admission.known("alice", CLAIM) == "job-00000001"
    other = Claim(CLAIM.key, "another fingerprint")
    with pytest.raises(IdempotencyKeyReused):
        store.create(owned(new_record("job-00000002")), claim=other)
    with pytest.raises(IdempotencyKeyReused):
        store.admission.known("alice", other)


def test_a_key_is_its_callers_own(store: JobStore, new_record: NewRecord) -> None:
    store.create(owned(new_record()), claim=CLAIM)
    store.create(owned(new_record("job-00000002"), "bob"), claim=CLAIM)
    assert store.admission.known("bob", CLAIM) == "job-00000002"
    assert store.admission.known("carol", CLAIM) is None


def test_a_key_outlives_its_job_but_not_its_deletion(
    store: JobStore, redis: RedisClient, new_record: NewRecord
) -> None:
    store.create(owned(new_record()), claim=CLAIM)
    redis.delete(keys.job("job-00000001"))  # what its time to live does in a day
    with pytest.raises(SubmissionRepeated):
        store.create(owned(new_record("job-00000002")), claim=CLAIM)
    store.delete("job-00000001")
    assert store.admission.known("alice", CLAIM) is None
    store.create(owned(new_record("job-00000003")), claim=CLAIM)
    assert store.admission.known("alice", CLAIM) == "job-00000003"


def test_a_submission_sent_again_after_a_lost_answer_is_its_own_first(store: JobStore, new_record: NewRecord) -> None:
    record = owned(new_record())
    for _ in range(2):
        store.create(record, claim=CLAIM, max_active=1)


def test_active_jobs_of_a_caller_are_bounded_under_parallel_submissions(store: JobStore, new_record: NewRecord) -> None:
    def submit(number: int) -> str:
        try:
            store.create(owned(new_record(f"job-{number:08}")), max_active=3)
        except TooManyActiveJobs:
            return "refused"
        return "accepted"

    with ThreadPoolExecutor(10) as pool:
        assert Counter(pool.map(submit, range(30))) == {"accepted": 3, "refused": 27}
    store.create(owned(new_record("job-of-bob"), "bob"), max_active=3)


@pytest.mark.parametrize("how", ["succeeds", "fails", "is canceled", "is deleted", "expires"])
def test_a_job_that_ends_makes_room(store: JobStore, redis: RedisClient, new_record: NewRecord, how: str) -> None:
    store.create(owned(new_record()), max_active=1)
    store.claim("job-00000001", "worker")
    with pytest.raises(TooManyActiveJobs):
        store.create(owned(new_record("job-00000002")), max_active=1)
    if how in {"succeeds", "fails"}:
        end = JobState.SUCCEEDED if how == "succeeds" else JobState.FAILED
        store.transition("job-00000001", end, expect={JobState.RUNNING})
    elif how == "is canceled":
        store.transition("job-00000001", JobState.CANCELED, expect={JobState.RUNNING})
    elif how == "is deleted":
        store.delete("job-00000001")
    else:
        redis.delete(keys.job("job-00000001"))
    store.create(owned(new_record("job-00000002")), max_active=1)


def test_refused_submissions_leave_nothing(store: JobStore, redis: RedisClient, new_record: NewRecord) -> None:
    store.create(owned(new_record()), claim=CLAIM, max_active=1)
    before = set(redis.keys("*"))
    for claim in (CLAIM, Claim(CLAIM.key, "another"), Claim("another", CLAIM.fingerprint), None):
        with pytest.raises(JobError):
            store.create(owned(new_record("job-00000002")), claim=claim, max_active=1)
    assert set(redis.keys("*")) == before
    assert store.active_ids() == ["job-00000001"]
    assert redis.zcard(keys.caller("alice", "jobs")) == redis.scard(keys.caller("alice", "active")) == 1


def ids(page_of: list[JobRecord]) -> list[str]:
    return [record.id for record in page_of]


def test_pages_are_newest_first_and_stay_while_jobs_arrive(
    store: JobStore, redis: RedisClient, new_record: NewRecord
) -> None:
    listing = CallerJobs(redis)
    created = [f"job-{number:08}" for number in range(7)]
    for job_id in created:
        store.create(owned(new_record(job_id)))
    store.create(owned(new_record("job-of-bob"), "bob"))
    seen, after = [], None
    for number in range(3):
        page = listing.page("alice", limit=3, after=after)
        seen += ids(page.records)
        after = page.next_place
        store.create(owned(new_record(f"job-late-{number}")))
    assert seen == created[::-1]
    assert after is None
    assert ids(listing.page("bob", limit=1).records) == ["job-of-bob"]
    assert listing.page("carol", limit=3).records == []


def test_expired_jobs_leave_the_list(store: JobStore, redis: RedisClient, new_record: NewRecord) -> None:
    for number in range(4):
        store.create(owned(new_record(f"job-{number:08}")))
    redis.delete(*[keys.job(f"job-{number:08}") for number in (0, 2)])
    page = CallerJobs(redis).page("alice", limit=2)
    assert ids(page.records) == ["job-00000003", "job-00000001"]
    redis.delete(keys.job("job-00000001"))
    store.create(owned(new_record("job-00000004")))
    assert redis.zcard(keys.caller("alice", "jobs")) == 2, "also without anybody looking"
    store.delete("job-00000004")
    assert redis.zcard(keys.caller("alice", "jobs")) == 1


def test_a_state_is_found_among_many_others_in_bounded_steps(
    store: JobStore, redis: RedisClient, new_record: NewRecord
) -> None:
    store.create(owned(new_record("job-canceled")))
    store.request_cancel("job-canceled")
    for number in range(MOST_LOOKED_AT):
        store.create(owned(new_record(f"job-{number:08}")))
    listing = CallerJobs(redis)
    first = listing.page("alice", limit=5, state=JobState.CANCELED)
    assert first.records == []
    assert first.next_place is not None
    second = listing.page("alice", limit=5, state=JobState.CANCELED, after=first.next_place)
    assert (ids(second.records), second.next_place) == (["job-canceled"], None)
    waiting = listing.page("alice", limit=FILTERED_BATCH + 1, state=JobState.QUEUED)
    assert len(waiting.records) == FILTERED_BATCH + 1


def test_a_record_of_another_version_does_not_hide_the_others(
    store: JobStore, redis: RedisClient, new_record: NewRecord
) -> None:
    for number in range(2):
        store.create(owned(new_record(f"job-{number:08}")))
    redis.hset(keys.job("job-00000001"), "novelty", "1")
    assert ids(CallerJobs(redis).page("alice", limit=5).records) == ["job-00000000"]


def test_rate_counts_down_and_recovers(redis: RedisClient) -> None:
    rate = SubmissionRate(redis, jobs=2, window_s=1)
    quotas = [rate.spend("alice", str(number)) for number in range(3)]
    assert [(quota.granted, quota.remaining, quota.reset_s) for quota in quotas] == [
        (True, 1, 1),
        (True, 0, 1),
        (False, 0, 1),
    ]
    assert rate.spend("bob", "0").granted
    time.sleep(1.1)
    assert rate.spend("alice", "later").remaining == 1


def test_rate_counts_a_repeated_command_once_and_keeps_its_bound_under_parallel_ones(redis: RedisClient) -> None:
    rate = SubmissionRate(redis, jobs=5, window_s=60)
    assert [rate.spend("alice", "the same").remaining for _ in range(3)] == [4, 4, 4]
    with ThreadPoolExecutor(10) as pool:
        granted = [quota.granted for quota in pool.map(lambda number: rate.spend("alice", str(number)), range(40))]
    assert sum(granted) == 4


def test_a_lowered_quota_tells_when_there_is_room_again(redis: RedisClient) -> None:
    for number in range(3):
        SubmissionRate(redis, jobs=3, window_s=60).spend("alice", str(number))
    lowered = SubmissionRate(redis, jobs=1, window_s=60).spend("alice", "another")
    assert (lowered.granted, lowered.remaining) == (False, 0)
    assert 59 <= lowered.reset_s <= 60


def test_everything_kept_for_a_caller_expires(
    store: JobStore, redis: RedisClient, settings: Settings, new_record: NewRecord
) -> None:
    store.create(owned(new_record()), claim=CLAIM, max_active=1)
    SubmissionRate(redis, jobs=1, window_s=60).spend("alice", "0")
    lives = {key: redis.ttl(key) for key in redis.keys("inlay:caller:*")}
    assert len(lives) == 4
    assert min(lives.values()) > 0
    assert lives[keys.idempotency("alice", CLAIM.key).encode()] <= settings.idempotency_ttl_s
