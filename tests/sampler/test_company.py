"""A picture does not depend on its company: whoever joins or leaves at whatever call, it is the one sampled alone."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import pytest
import torch
from torch import Tensor

from sampler.batching import BatchSizes
from sampler.constraints.inpaint import InpaintConstraint
from sampler.engine import Engine, Ticket, run
from sampler.evaluation import Conditioning, Process, decode, encode
from sampler.sample import SamplerOptions, SolverName, sample
from tests.sampler.unet import UnetEvaluator, small_random_unet

JOBS = 12
TEXTS = torch.randn(4, 5, 16, generator=torch.Generator().manual_seed(3))
SIZES = [
    BatchSizes(),
    BatchSizes((1, 2, 3, 4, 5, 6, 7, 8), (1, 2, 3)),
    BatchSizes((3,), (2,)),
    BatchSizes((1, 2, 4, 8), (1, 4), {1: 1.0, 2: 1.1, 4: 1.5, 8: 4.0}),
]


class RowByRow(UnetEvaluator):
    """Evaluates the rows of a call one after the other: what a row is answered cannot come from another row's."""

    def network(self, x_t: Tensor, timesteps: Tensor, prompts: Tensor) -> Tensor:
        self.batch_rows.append(len(x_t))
        with torch.no_grad():
            rows = [self.unet(x_t[[i]], timesteps[[i]], prompts[[i]]).sample for i in range(len(x_t))]
        return torch.cat(rows)


def picture(number: int, evaluator: UnetEvaluator) -> Process[Tensor]:
    """Job `number`: what is known, words, guidance, solver, steps and fresh noise all differ."""
    draw = Random(number)
    constraint = None
    if number % 4:
        image = torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(100 + number)) * 2 - 1
        y = yield from encode(image)
        mask = torch.zeros(8, 8)
        mask[:, : 2 * (number % 4)] = 1
        constraint = InpaintConstraint(y, mask)
    text = Conditioning(TEXTS[number % 3], TEXTS[3], 1.0 if number % 3 else draw.uniform(1.5, 5.0))
    solver: SolverName = "newton" if number % 2 else "default"
    options = SamplerOptions(draw.randint(2, 4), draw.randint(0, 2), solver, eta=draw.choice([0.0, 1.0]))
    result = yield from sample(
        (4, 8, 8), constraint, text, evaluator.schedule, options, torch.Generator().manual_seed(number)
    )
    return (yield from decode(result.latents))


@dataclass
class Street:
    """An engine at which jobs arrive, stay to the end, or are taken away, all as `draw` has it."""

    evaluator: UnetEvaluator
    draw: Random

    def __post_init__(self) -> None:
        self.engine: Engine[Tensor] = Engine(self.evaluator, self.draw.choice(SIZES))
        self.staying: dict[Ticket, int] = {}
        self.passing: list[Ticket] = []
        self.results: dict[int, Tensor] = {}
        self.most_running = 0

    def pass_by(self) -> dict[int, Tensor]:
        """Pictures of all jobs, each of which has arrived at some call."""
        to_come = self.draw.sample(range(JOBS), JOBS)
        while to_come or self.staying:
            for _ in range(min(len(to_come), self.draw.choice([0, 0, 1, 1, 3]))):
                number = to_come.pop()
                self.staying[self._add(number)] = number
            if self.draw.random() < 0.3:
                self.passing.append(self._add(self.draw.randrange(JOBS)))
            if self.passing and self.draw.random() < 0.3:
                self.engine.remove(self.passing.pop(self.draw.randrange(len(self.passing))))
            if self.draw.random() < 0.1:
                self.engine.batch_sizes = self.draw.choice(SIZES)
            self.most_running = max(self.most_running, self.engine.running)
            for end in self.engine.step():
                if end.ticket in self.staying:
                    self.results[self.staying.pop(end.ticket)] = end.unwrap()
        return self.results

    def _add(self, number: int) -> Ticket:
        return self.engine.add(picture(number, self.evaluator), owner=self.draw.choice("abc"))


@pytest.fixture(scope="module")
def unet() -> object:
    return small_random_unet()


@pytest.fixture(scope="module")
def alone(unet: object) -> list[Tensor]:
    """Each job's picture, sampled with nobody else there."""
    evaluator = RowByRow(unet)
    return [run(picture(number, evaluator), evaluator) for number in range(JOBS)]


@pytest.mark.parametrize("seed", range(4))
def test_pictures_are_the_same_to_the_bit_whoever_joins_and_leaves(
    unet: object, alone: list[Tensor], seed: int
) -> None:
    """Where the network answers row by row, nothing of the engine, the guidance or the solvers mixes jobs."""
    street = Street(RowByRow(unet), Random(seed))
    results = street.pass_by()
    assert [torch.equal(results[number], alone[number]) for number in range(JOBS)] == [True] * JOBS
    assert street.most_running > 2


def test_pictures_are_the_same_within_rounding_where_the_network_answers_a_batch_at_once(
    unet: object, alone: list[Tensor]
) -> None:
    """To 1e-5 without corrections and 0.01 with, in float32 and in pictures of about unit size.

    Batched convolutions round differently, and a correction's difference quotient amplifies that.
    """
    street = Street(UnetEvaluator(unet), Random(7))
    results = street.pass_by()
    for number, expected in enumerate(alone):
        torch.testing.assert_close(results[number], expected, atol=1e-2 if number % 4 else 1e-5, rtol=0)
    assert max(street.evaluator.batch_rows) > 2


def test_pictures_of_two_seeds_differ(alone: list[Tensor]) -> None:
    """Or the comparisons above would say nothing."""
    assert min(float((one - two).abs().max()) for one in alone for two in alone if one is not two) > 0.05
