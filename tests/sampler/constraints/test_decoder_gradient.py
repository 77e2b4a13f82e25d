from __future__ import annotations

import pytest
import torch
from torch import Tensor

from sampler.constraints.decoder_gradient import DecoderGradientConstraint
from sampler.constraints.super_resolution import SuperResolution
from sampler.engine import run
from sampler.errors import EvaluationError
from tests.sampler.autoencoders import AutoencoderEvaluator, invertible, random_kl
from tests.sampler.gaussian import GaussianEvaluator

OPERATOR = SuperResolution(4, "area")
GENERATOR = torch.Generator().manual_seed(0)
Z = torch.randn(4, 8, 8, generator=GENERATOR, dtype=torch.float64)
Y = torch.randn(3, 4, 4, generator=GENERATOR, dtype=torch.float64)


def half_square(world: AutoencoderEvaluator, z: Tensor) -> Tensor:
    return 0.5 * (Y - OPERATOR.forward(world.decode_one(z))).square().sum()


def test_direction_points_against_the_gradient_through_the_decoder() -> None:
    world = random_kl()
    z = Z.clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(half_square(world, z), z)
    direction = run(DecoderGradientConstraint(OPERATOR, Y).misfit(Z), world).direction
    cosine = torch.nn.functional.cosine_similarity(direction.flatten(), -gradient.flatten(), dim=0)
    assert float(cosine) == pytest.approx(1.0, abs=1e-9)


def test_residual_is_the_pictures() -> None:
    world = random_kl()
    residual = run(DecoderGradientConstraint(OPERATOR, Y).misfit(Z), world).residual
    assert residual == pytest.approx(float((Y - OPERATOR.forward(world.decode_one(Z))).square().mean().sqrt()))


def test_the_direction_itself_is_the_best_step_along_it_for_a_linear_decoder() -> None:
    mix = torch.randn(3, 4, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    up = torch.nn.Upsample(scale_factor=2)
    world = AutoencoderEvaluator(lambda image: image, lambda z: torch.einsum("ic,chw->ihw", mix, up(z[None])[0]))
    direction = run(DecoderGradientConstraint(OPERATOR, Y).misfit(Z), world).direction
    values = [float(half_square(world, Z + length * direction)) for length in (0.9, 1.0, 1.1)]
    assert values[1] == min(values)
    assert values[0] == pytest.approx(values[2])


def test_where_the_gradient_vanishes_nothing_more_is_asked() -> None:
    world = invertible()
    operator = SuperResolution(4, "area")
    y = operator.forward(world.decode_one(Z.float()))
    misfit = run(DecoderGradientConstraint(operator, y).misfit(Z.float()), world)
    assert misfit.residual == 0.0
    assert not misfit.direction.any()
    assert world.asked == ["differentiate"]


def test_an_evaluator_without_gradients_says_so() -> None:
    with pytest.raises(EvaluationError, match="does not differentiate"):
        run(DecoderGradientConstraint(OPERATOR, Y).misfit(Z), GaussianEvaluator())
