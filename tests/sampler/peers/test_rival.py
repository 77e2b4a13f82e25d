"""The network tuned to inpaint: that it is given what it was trained with, in the Gaussian world."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest
import torch
from torch import Tensor

from sampler.engine import Engine, run
from sampler.errors import EvaluationError
from sampler.evaluation import Conditioning, Denoise, Denoised, Encode, Process, Report
from sampler.guidance import evaluate
from sampler.peers import rival
from sampler.peers.problem import Problem
from sampler.peers.rival import Settings, sample
from sampler.prediction import from_x0_and_eps
from sampler.sample import SampleResult
from tests.sampler.gaussian import NO_TEXT, SHAPE, GaussianEvaluator, keep_left, left_half
from tests.sampler.peers.restorations import Unmasked, problem, run_together, watched

KNOWN = left_half()
STEPS = 20


@dataclass
class InpaintingWorld(GaussianEvaluator):
    """The exact inpainting network: from two noisy latents, a mask of the hole and two masked latents."""

    inputs: list[Tensor] = field(default_factory=list)

    def network(self, x_t: Tensor, timesteps: Tensor, prompts: Tensor) -> Tensor:
        if x_t.shape[1] != 5:
            raise ValueError(f"takes 5 channels, not {x_t.shape[1]}")
        self.inputs.append(x_t)
        return torch.stack([self._one(row, int(t)) for row, t in zip(x_t, timesteps, strict=True)]).float()

    def _one(self, channels: Tensor, timestep: int) -> Tensor:
        """E[x0 | x_t, known latents], by conditioning the world twice."""
        x_t, hole, masked = channels[:2].double(), channels[2], channels[3:].double()
        alpha_t, sigma_t = self.schedule.alpha_sigma(timestep)
        known = (hole == 0).expand(SHAPE)
        mean, C = self.completion(masked, known)
        noisy = alpha_t**2 * C + sigma_t**2 * torch.eye(len(C), dtype=torch.float64)
        x0 = masked.clone()
        x0[~known] = mean + alpha_t * C @ torch.linalg.solve(noisy, x_t[~known] - alpha_t * mean)
        return from_x0_and_eps(self.prediction_type, x0, (x_t - alpha_t * x0) / sigma_t, alpha_t, sigma_t)


def test_the_completions_mean_and_spread_are_those_of_the_conditional_law() -> None:
    world = InpaintingWorld()
    x0 = world.draw(0)
    truth, covariance = world.completion(x0, KNOWN)
    results = run_together([sample(problem(keep_left(x0), seed), Settings(50)) for seed in range(12)], world)
    samples = torch.stack([result.latents for result in results]).double()[:, ~KNOWN]
    assert float((samples.mean(0) - truth).norm() / (truth - world.mean).norm()) < 0.08
    assert float(samples.std(0).mean() / covariance.diagonal().sqrt().mean()) == pytest.approx(1.0, abs=0.25)


def test_known_latents_come_back_from_the_network_and_not_by_pasting() -> None:
    world = InpaintingWorld()
    result = run(sample(problem(keep_left(world.draw(0))), Settings(STEPS)), world)
    assert result.residual == pytest.approx(0.0, abs=1e-5)
    assert (result.nfe, result.backward_passes) == (STEPS, 0) == (Settings(STEPS).evaluations, 0)


def test_channels_are_laid_out_as_the_training_lays_them_out() -> None:
    """Noisy latents, 1 where the picture is to be made, and latents that are 0 there whatever the hole holds."""
    world = InpaintingWorld()
    x0 = world.draw(0)
    run(sample(problem(watched(x0, hole=7.0)), Settings(1)), world)
    [row] = world.inputs[0]
    assert torch.equal(row[2], (~KNOWN[0]).float())
    assert torch.equal(row[3:], torch.where(KNOWN, x0.float(), 0.0))


def test_a_cell_that_is_known_in_part_is_to_be_made() -> None:
    constraint = watched(torch.ones(SHAPE))
    grey = replace(constraint, mask=0.5 * constraint.mask)
    assert torch.equal(rival.mask_and_latents(grey, None), torch.cat([torch.ones(1, 4, 4), torch.zeros(SHAPE)]))


def test_checkpoints_trained_with_grey_holes_see_the_measurement_encoded_once() -> None:
    class Encoding(InpaintingWorld):
        def encode(self, requests: Sequence[Encode]) -> list[Tensor]:
            self.image_batches.append(len(requests))
            return [request.image.mean() * torch.ones(SHAPE) for request in requests]

    world = Encoding()
    asked = replace(problem(keep_left(world.draw(0))), measurement=torch.full((3, 8, 8), 0.25))
    run(sample(asked, Settings(3, masked_latents="grey_hole")), world)
    assert world.image_batches == [1]
    for [row] in world.inputs:
        assert torch.equal(row[3:], torch.full(SHAPE, 0.25))


def test_the_constraint_is_renewed_and_reported_once_a_step_and_the_new_one_is_used() -> None:
    world = InpaintingWorld()
    x0, later, reports = world.draw(0), world.draw(1).float(), list[Report]()
    constraint = watched(x0, later=later)
    result = run(sample(problem(constraint), Settings(STEPS)), world, reports.append)
    assert [report.step for report in reports] == list(range(1, STEPS + 1))
    assert constraint.renewals == pytest.approx([number / STEPS for number in range(1, STEPS + 1)])
    assert len(result.residuals) == STEPS
    torch.testing.assert_close(result.latents[KNOWN], later[KNOWN], atol=1e-4, rtol=0)


def test_guided_evaluations_see_the_channels_twice() -> None:
    world = InpaintingWorld()
    guided = Conditioning(torch.zeros(1, 1), torch.ones(1, 1), 2.0)
    result = run(sample(problem(keep_left(world.draw(0)), conditioning=guided), Settings(3)), world)
    assert result.nfe == 6
    for rows in world.inputs:
        assert torch.equal(rows[0], rows[1])


def test_one_seed_is_one_answer_and_another_seed_another() -> None:
    world = InpaintingWorld()
    first, again, other = (
        run(sample(problem(keep_left(world.draw(0)), seed), Settings(5)), world).latents for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert float((first - other)[~KNOWN].abs().max()) > 0.01


def test_a_network_without_further_channels_refuses_them() -> None:
    class FourChannels(InpaintingWorld):
        def network(self, x_t: Tensor, timesteps: Tensor, prompts: Tensor) -> Tensor:
            if x_t.shape[1] != 2:
                raise ValueError("takes nothing besides its latents")
            return x_t

    with pytest.raises(EvaluationError, match="nothing besides"):
        run(sample(problem(keep_left(GaussianEvaluator().draw(0))), Settings(2)), FourChannels())


def test_requests_with_and_without_further_channels_share_no_batch() -> None:
    @dataclass
    class Either(GaussianEvaluator):
        def denoise(self, requests: Sequence[Denoise]) -> list[Denoised]:
            self.batches.append(list(requests))
            return [Denoised(request.x_t, request.x_t) for request in requests]

    def process(asked: Problem, extra: int) -> Process[SampleResult]:
        yield Denoise(torch.zeros(SHAPE), 500, NO_TEXT, torch.zeros(extra, 4, 4) if extra else None)
        return (yield from sample(asked, Settings(1)))

    world = Either()
    engine: Engine[SampleResult] = Engine(world)
    for seed, extra in enumerate((0, 3, 0, 3, 1)):
        engine.add(process(problem(keep_left(world.draw(0)), seed), extra))
    for _ in range(3):
        engine.step()
    assert [{request.extra_channels for request in batch} for batch in world.batches] == [{0}, {3}, {1}]


def test_further_channels_are_no_part_of_the_noisy_latents() -> None:
    """The network sees them beside `x_t`; the estimates are of the latents alone and satisfy the noising equation."""
    world = InpaintingWorld()
    x_t = torch.randn(SHAPE, generator=torch.Generator().manual_seed(0))
    extra = rival.mask_and_latents(watched(world.draw(0)), None)
    [denoised] = evaluate([Denoise(x_t, 500, NO_TEXT, extra)], world.network, world.schedule, "v_prediction")
    alpha_t, sigma_t = world.schedule.alpha_sigma(500)
    torch.testing.assert_close(alpha_t * denoised.x0_hat + sigma_t * denoised.eps, x_t)
    assert torch.equal(world.inputs[-1][0], torch.cat([x_t, extra]))


def test_without_a_mask_it_says_so() -> None:
    with pytest.raises(ValueError, match="mask"):
        run(sample(problem(Unmasked()), Settings(2)), InpaintingWorld())


def test_no_steps_are_refused() -> None:
    with pytest.raises(ValueError, match="steps"):
        Settings(0)
