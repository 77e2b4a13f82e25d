"""Which requests share a call: fairness between owners, the measured best size, what fits into memory."""

from collections.abc import Sequence

import pytest
import torch

from sampler.answering import Silent
from sampler.batching import BatchSizes, FairShare, Limits, Waiting, choose, shape
from sampler.engine import Engine, Ticket
from sampler.errors import EvaluationError
from sampler.evaluation import Answer, Conditioning, Decode, Denoise, Denoised, Encode, Process
from sampler.sample import SampleResult
from tests.sampler.gaussian import SHAPE, GaussianEvaluator
from tests.sampler.test_engine import latents_process

GUIDED = Conditioning(torch.zeros(1, 1), torch.ones(1, 1), 2.0)
PLAIN = Conditioning(torch.zeros(1, 1))


def denoise(text: Conditioning = PLAIN) -> Denoise:
    return Denoise(torch.zeros(SHAPE), 1, text)


def waiting(*owners: str) -> list[Waiting[int]]:
    return [Waiting(number, denoise(), owner, number) for number, owner in enumerate(owners)]


class Watching(Silent):
    """Keeps what the engine tells."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, int, int]] = []
        self.short: list[int] = []
        self.again: list[int] = []
        self.joins: list[int] = []

    def joined(self, running: int) -> None:
        self.joins.append(running)

    def evaluated(self, kind: str, rows: int, padded: int, seconds: float) -> None:
        assert seconds > 0
        self.calls.append((kind, rows, padded))

    def out_of_memory(self, kind: str, rows: int) -> None:
        self.short.append(rows)

    def retried(self, kind: str, requests: int) -> None:
        self.again.append(requests)


class Small(GaussianEvaluator):
    """Has memory for so many rows only."""

    most = 2
    error: Exception = torch.OutOfMemoryError("CUDA out of memory")

    def denoise(self, requests: Sequence[Denoise]) -> list[Denoised]:
        if sum(request.conditioning.nfe for request in requests) > self.most:
            raise self.error
        return super().denoise(requests)


def test_one_owner_among_a_crowd_is_in_every_call() -> None:
    share, served = FairShare(), []
    place = 20
    queue = [*waiting(*["crowd"] * 12), Waiting(99, denoise(), "one", place)]
    for _ in range(10):
        batch = choose(queue, BatchSizes((4,)), share, Limits())
        served.append([one.owner for one in batch].count("one"))
        for one in batch:
            place += 1
            queue.remove(one)
            queue.append(Waiting(one.item, one.request, one.owner, place))
    assert served == [1] * 10


def test_owners_share_equally_whatever_they_run() -> None:
    share = FairShare()
    counts = dict.fromkeys("abc", 0)
    place = 0
    queue = waiting(*"aaaaaaaa", *"bb", *"cccc")
    for _ in range(60):
        for one in choose(queue, BatchSizes((2,)), share, Limits()):
            place += 1
            counts[str(one.owner)] += 1
            queue.remove(one)
            queue.append(Waiting(one.item, one.request, one.owner, 100 + place))
    assert set(counts.values()) == {40}


def test_a_new_owner_starts_level_and_does_not_make_up_for_its_absence() -> None:
    share = FairShare()
    for _ in range(50):
        choose(waiting("old"), BatchSizes((1,)), share, Limits())
    owners = [choose(waiting("old", "new"), BatchSizes((1,)), share, Limits())[0].owner for _ in range(10)]
    assert owners.count("new") == 5


def test_within_an_owner_the_one_that_waits_longest_comes_first() -> None:
    queue = waiting(*"aaaa")
    batch = choose(queue[::-1], BatchSizes((1, 2)), FairShare(), Limits())
    assert [one.item for one in batch] == [0, 1]


def test_guided_requests_take_two_rows_and_never_overfill_a_call() -> None:
    queue = [Waiting(number, denoise(GUIDED), number, number) for number in range(3)]
    assert len(choose(queue, BatchSizes((1, 2, 4)), FairShare(), Limits())) == 2
    assert len(choose(queue, BatchSizes((1, 2, 3)), FairShare(), Limits())) == 1


@pytest.mark.parametrize(
    ("seconds", "rows", "taken"),
    [
        ({1: 1.0, 2: 2.0, 4: 4.0, 8: 8.0}, 5, 4),  # time grows with rows: a call of eight would pay for three of nobody
        ({1: 1.0, 2: 2.0, 4: 4.0, 8: 8.0}, 8, 8),
        ({1: 1.0, 2: 1.0, 4: 1.0, 8: 1.0}, 5, 5),  # the device is idle: one call of eight
        ({1: 1.0, 2: 1.1, 4: 1.2, 8: 9.9}, 8, 4),
        ({1: 1.0, 2: 1.1}, 5, 5),  # not all are measured
    ],
)
def test_measured_seconds_choose_the_size_that_answers_most_in_a_second(
    seconds: dict[int, float], rows: int, taken: int
) -> None:
    sizes = BatchSizes((1, 2, 4, 8), seconds=seconds)
    assert len(choose(waiting(*"abcdefgh"[:rows]), sizes, FairShare(), Limits())) == taken


def test_pictures_go_by_their_own_sizes() -> None:
    sizes = BatchSizes((1, 2, 4), (1, 2), {1: 1.0, 2: 9.0, 4: 99.0})
    for request in (Encode(torch.zeros(3, 8, 8)), Decode(torch.zeros(4, 1, 1))):
        queue = [Waiting(number, request, None, number) for number in range(3)]
        assert len(choose(queue, sizes, FairShare(), Limits())) == 2


def test_short_memory_halves_the_call_and_later_calls_stay_below() -> None:
    watch, evaluator = Watching(), Small()
    engine: Engine[SampleResult] = Engine(evaluator, BatchSizes((8,)), watch)
    tickets = [engine.add(latents_process(seed)) for seed in range(8)]
    assert engine.step() == []
    assert watch.short == [8, 4, 4]
    assert watch.calls == [("denoise", 2, 2)] * 4
    ends: dict[Ticket, SampleResult] = {}
    while engine.running:
        ends |= {end.ticket: end.unwrap() for end in engine.step()}
    assert watch.short == [8, 4, 4]
    assert set(ends) == set(tickets)
    assert watch.again == []


class Smallest(Small):
    """Has memory for a single row."""

    most = 1


def test_a_request_that_does_not_fit_alone_fails_alone_and_padding_is_given_up_first() -> None:
    watch = Watching()
    engine: Engine[SampleResult] = Engine(Smallest(), BatchSizes((2,)), watch)
    healthy = engine.add(latents_process(0, steps=1))
    large = engine.add(latents_process(1, text=GUIDED))
    ends = []
    while engine.running:
        ends += engine.step()
    errors = {end.ticket: end.error for end in ends}
    assert errors[healthy] is None
    error = errors[large]
    assert isinstance(error, EvaluationError)
    assert isinstance(error.__cause__, torch.OutOfMemoryError)
    assert {padded for _, _, padded in watch.calls} == {1}


def test_a_limit_is_tried_again_after_many_calls_that_fitted() -> None:
    limits = Limits(calls=3)
    what = shape(denoise())
    limits.lower(what, 4)
    limits.lower(what, 6)
    assert limits.of(what) == 4
    for _ in range(3):
        limits.fitted(what)
    assert limits.of(what) == 8
    assert limits.of("another") > 1000


@pytest.mark.parametrize("owner", ["crowd", "another"])
def test_a_process_that_joins_eight_is_in_the_next_call(owner: str) -> None:
    """Of its own owner or another; then, alone for its owner, in every one."""
    watch = Watching()
    engine: Engine[SampleResult] = Engine(GaussianEvaluator(), BatchSizes((1, 2, 4)), watch)
    for seed in range(8):
        engine.add(latents_process(seed, steps=20), owner="crowd")
    for _ in range(5):
        engine.step()
    answers: list[int] = []

    def watched() -> Process[SampleResult]:
        process = latents_process(9)
        answer: Answer = None
        while True:
            answer = yield process.send(answer)
            answers.append(len(watch.calls))

    before = len(watch.calls)
    ticket = engine.add(watched(), owner=owner)
    assert watch.joins == [*range(1, 10)]
    for _ in range(4):
        engine.step()
    assert answers[0] == before + 1
    if owner == "another":
        assert set(answers) == {before + number for number in range(1, 5)}
    assert engine.remove(ticket)
