from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from sampler.batching import BatchSizes
from sampler.constraints.inpaint import InpaintConstraint
from sampler.engine import Engine, Ticket, run
from sampler.errors import DivergedError, EvaluationError, ProtocolError
from sampler.evaluation import Conditioning, Denoise, Denoised, Process, Report, decode, encode
from sampler.sample import SampleResult, SamplerOptions, sample
from tests.sampler.gaussian import NO_TEXT, SHAPE, GaussianEvaluator, keep_left
from tests.sampler.unet import UnetEvaluator, small_random_unet

WORLD = GaussianEvaluator()
TEXT, NEGATIVE = torch.randn(2, 5, 16, generator=torch.Generator().manual_seed(2))


def latents_process(seed: int = 0, steps: int = 3, text: Conditioning = NO_TEXT) -> Process[SampleResult]:
    options = SamplerOptions(steps=steps, inner_steps=1)
    constraint = keep_left(WORLD.draw(0))
    return sample(SHAPE, constraint, text, WORLD.schedule, options, torch.Generator().manual_seed(seed))


def picture_process(seed: int, evaluator: UnetEvaluator) -> Process[Tensor]:
    """A whole job, of one of eight kinds: task, guidance, steps, corrections and fresh noise all differ by seed."""
    constraint = None
    if seed % 4:
        image = torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(100 + seed)) * 2 - 1
        y = yield from encode(image)
        mask = torch.zeros(8, 8)
        mask[:, : 2 * (seed % 4)] = 1
        constraint = InpaintConstraint(y, mask)
    text = Conditioning(TEXT, NEGATIVE, 3.0 if seed % 2 else 1.0)
    options = SamplerOptions(steps=4 + seed % 3, inner_steps=seed % 3, eta=1.0 if seed % 5 else "paper")
    generator = torch.Generator().manual_seed(seed)
    result = yield from sample((4, 8, 8), constraint, text, evaluator.schedule, options, generator)
    return (yield from decode(result.latents))


def drive(engine: Engine[Tensor]) -> dict[Ticket, Tensor]:
    results: dict[Ticket, Tensor] = {}
    while engine.running:
        results |= {end.ticket: end.unwrap() for end in engine.step()}
    return results


def test_eight_mixed_jobs_together_equal_eight_alone() -> None:
    """To 1e-5 without corrections and 0.01 with, in pictures of about unit size.

    Batched convolutions round differently, and the probe's difference quotient and steps of fixed length amplify that.
    """
    evaluator = UnetEvaluator(small_random_unet())
    alone = [run(picture_process(seed, evaluator), evaluator) for seed in range(8)]
    evaluator.batch_rows.clear()
    engine: Engine[Tensor] = Engine(evaluator)
    tickets = []
    results: dict[Ticket, Tensor] = {}
    for seed in range(8):
        tickets.append(engine.add(picture_process(seed, evaluator)))
        results |= {end.ticket: end.unwrap() for end in engine.step()}
    results |= drive(engine)
    for seed, (ticket, expected) in enumerate(zip(tickets, alone, strict=True)):
        corrected = seed % 4 > 0 and seed % 3 > 0
        torch.testing.assert_close(results[ticket], expected, atol=1e-2 if corrected else 1e-5, rtol=0)
    assert max(evaluator.batch_rows) >= 8
    assert set(evaluator.batch_rows) <= {1, 2, 4, 8, 16}


def test_requests_with_and_without_guidance_share_a_call_padded_to_the_next_size() -> None:
    evaluator = UnetEvaluator(small_random_unet())
    engine: Engine[SampleResult] = Engine(evaluator)
    for scale in (1.0, 3.0, 1.0):
        text, generator = Conditioning(TEXT, NEGATIVE, scale), torch.Generator().manual_seed(0)
        engine.add(sample((4, 8, 8), None, text, evaluator.schedule, SamplerOptions(steps=2), generator))
    engine.add(
        sample((4, 8, 8), None, Conditioning(TEXT), evaluator.schedule, SamplerOptions(steps=2), torch.Generator())
    )
    engine.step()
    assert evaluator.batch_rows == [8]


def test_batches_stay_within_the_largest_size_and_shapes_apart() -> None:
    evaluator = GaussianEvaluator()
    engine: Engine[SampleResult] = Engine(evaluator, BatchSizes((1, 2, 4)))
    for seed in range(6):
        engine.add(latents_process(seed))
    for seed in range(3):
        engine.add(latents_process(seed, text=Conditioning(torch.zeros(2, 1))))
    for _ in range(3):
        engine.step()
    assert [len(batch) for batch in evaluator.batches] == [4, 4, 4]
    assert {len({request.conditioning.prompt.shape for request in batch}) for batch in evaluator.batches} == {1}


def test_a_request_with_more_rows_than_the_largest_batch_goes_alone() -> None:
    evaluator = GaussianEvaluator()
    engine: Engine[SampleResult] = Engine(evaluator, BatchSizes((1,)))
    guided = Conditioning(torch.zeros(1, 1), torch.ones(1, 1), 2.0)
    engine.add(latents_process(text=guided))
    engine.add(latents_process(text=guided))
    engine.step()
    engine.step()
    assert [len(batch) for batch in evaluator.batches] == [1, 1]


def test_images_are_padded_to_their_own_sizes() -> None:
    evaluator = GaussianEvaluator()
    engine: Engine[Tensor] = Engine(evaluator, BatchSizes(image=(2, 4)))
    for _ in range(5):
        engine.add(encode(torch.zeros(3, 8, 8)))
    assert [len(engine.step()) for _ in range(2)] == [4, 1]
    assert evaluator.image_batches == [4, 2]
    engine.add(decode(torch.zeros(2, 4, 4)))
    assert engine.step()[0].unwrap().shape == (3, 4, 4)


def test_work_joins_and_leaves_at_every_call() -> None:
    engine: Engine[SampleResult] = Engine(WORLD)
    first = engine.add(latents_process(0, steps=1))
    assert engine.step() == []
    second = engine.add(latents_process(1, steps=1))
    ends = [[end.ticket for end in engine.step()] for _ in range(3)]
    assert ends == [[], [first], [second]]
    assert engine.running == 0
    assert engine.step() == []


def test_removal_closes_the_generator_and_leaves_the_others() -> None:
    closed = []

    def watched() -> Process[SampleResult]:
        try:
            return (yield from latents_process(0))
        finally:
            closed.append(True)

    engine: Engine[SampleResult] = Engine(WORLD)
    ticket, other = engine.add(watched()), engine.add(latents_process(1))
    engine.step()
    assert engine.remove(ticket)
    assert closed == [True]
    assert not engine.remove(ticket)
    ends = []
    while engine.running:
        ends += engine.step()
    assert [end.ticket for end in ends] == [other]


def test_jobs_may_be_removed_from_reports_their_own_included() -> None:
    engine: Engine[SampleResult] = Engine(WORLD)

    def cancel(report: Report) -> None:
        engine.remove(tickets[report.step - 1])
        if report.step == 2:
            raise ConnectionError("too late: it is removed already")

    tickets = [engine.add(latents_process(0), cancel), engine.add(latents_process(0), cancel)]
    ends = []
    while engine.running:
        ends += engine.step()
    assert ends == []


class Poisoned(GaussianEvaluator):
    """Fails when a batch holds the marked prompt, as an allocator or a kernel would: for the whole batch."""

    def denoise(self, requests: Sequence[Denoise]) -> list[Denoised]:
        answers = super().denoise(requests)
        if any(bool((request.conditioning.prompt == 13).all()) for request in requests):
            raise RuntimeError("CUDA error: an illegal memory access was encountered")
        return answers


def test_a_failing_batch_is_retried_one_by_one_and_only_the_guilty_fails() -> None:
    evaluator = Poisoned()
    engine: Engine[SampleResult] = Engine(evaluator)
    innocent = [engine.add(latents_process(seed)) for seed in range(3)]
    guilty = engine.add(latents_process(3, text=Conditioning(torch.full((1, 1), 13.0))))
    ends = engine.step()
    assert [end.ticket for end in ends] == [guilty]
    with pytest.raises(EvaluationError, match="illegal memory access") as caught:
        ends[0].unwrap()
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert [len(batch) for batch in evaluator.batches] == [4, 1, 1, 1, 1]
    results: dict[Ticket, Tensor] = {}
    while engine.running:
        results |= {end.ticket: end.unwrap().latents for end in engine.step()}
    for seed, ticket in enumerate(innocent):
        expected = run(latents_process(seed), WORLD).latents
        torch.testing.assert_close(results[ticket], expected, atol=1e-3, rtol=0)


def test_an_answer_that_is_not_a_number_fails_its_own_process_only() -> None:
    engine: Engine[SampleResult] = Engine(WORLD)
    sick = engine.add(latents_process(0, text=Conditioning(torch.full((1, 1), float("nan")))))
    healthy = engine.add(latents_process(1))
    ends = []
    while engine.running:
        ends += engine.step()
    assert [(end.ticket, type(end.error)) for end in ends] == [(sick, DivergedError), (healthy, type(None))]


def test_an_encoding_that_is_not_a_number_fails_its_own_process_only() -> None:
    engine: Engine[Tensor] = Engine(WORLD)
    sick = engine.add(encode(torch.full((3, 8, 8), float("nan"))))
    engine.add(encode(torch.zeros(3, 8, 8)))
    errors = {end.ticket: end.error for end in engine.step()}
    assert isinstance(errors.pop(sick), DivergedError)
    assert list(errors.values()) == [None]


def test_exceptions_of_a_process_or_of_its_report_end_that_process_alone() -> None:
    def refuses_to_start() -> Process[SampleResult]:
        if WORLD.mean:
            raise LookupError("no input")
        return (yield from latents_process(0))

    def failing_report(report: Report) -> None:
        raise ConnectionError("the store is gone")

    engine: Engine[SampleResult] = Engine(WORLD)
    first = engine.add(refuses_to_start())
    second = engine.add(latents_process(0), failing_report)
    third = engine.add(latents_process(0))
    errors: dict[Ticket, type] = {}
    while engine.running:
        errors |= {end.ticket: type(end.error) for end in engine.step()}
    assert errors == {first: LookupError, second: ConnectionError, third: type(None)}


def test_a_process_that_fails_while_it_is_closed_keeps_its_first_error() -> None:
    def stubborn() -> Process[Tensor]:
        try:
            return (yield from encode(torch.full((3, 8, 8), float("nan"))))
        finally:
            raise OSError("the cache is read-only")

    engine: Engine[Tensor] = Engine(WORLD)
    engine.add(stubborn())
    error = engine.step()[0].error
    assert isinstance(error, DivergedError)
    assert "read-only" in error.__notes__[0]


class Forgetful(GaussianEvaluator):
    """Loses the last answer."""

    def denoise(self, requests: Sequence[Denoise]) -> list[Denoised]:
        return super().denoise(requests)[:-1]


def test_a_wrong_number_of_answers_is_an_error() -> None:
    with pytest.raises(EvaluationError) as caught:
        run(latents_process(0), Forgetful())
    assert isinstance(caught.value.__cause__, ProtocolError)


def test_a_process_may_refuse_an_answer_of_the_wrong_kind() -> None:
    process = encode(torch.zeros(3, 8, 8))
    next(process)
    with pytest.raises(ProtocolError, match="expected a tensor"):
        process.send(None)


@pytest.mark.parametrize("sizes", [(), (0, 1), (2, 1), (1, 1)])
def test_batch_sizes_must_be_positive_and_ascending(sizes: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="ascending"):
        BatchSizes(sizes)
    with pytest.raises(ValueError, match="ascending"):
        BatchSizes(image=sizes)
