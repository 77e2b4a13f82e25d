"""What every constraint promises, whatever its operator and wherever it measures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from sampler.constraints.base import Constraint, Misfit
from sampler.constraints.blur import Blur, gaussian_kernel
from sampler.constraints.colorize import Colorize
from sampler.constraints.decoded import DecodedConstraint
from sampler.constraints.decoder_gradient import DecoderGradientConstraint
from sampler.constraints.inpaint import InpaintConstraint
from sampler.constraints.known_pixels import encode_known
from sampler.constraints.linear import LinearOperator
from sampler.constraints.mask import Mask
from sampler.constraints.stacked import Stacked
from sampler.constraints.style import StyleConstraint, grams
from sampler.constraints.super_resolution import SuperResolution
from sampler.engine import run
from tests.sampler.autoencoders import AutoencoderEvaluator, invertible

SHAPE = (4, 8, 8)
X0, TRUTH = 0.8 * torch.randn(2, *SHAPE, generator=torch.Generator().manual_seed(0))
WORLD = invertible()
PICTURE = WORLD.decode_one(TRUTH)


@dataclass(frozen=True)
class Case:
    """A constraint that `TRUTH` meets."""

    name: str
    make: Callable[[], Constraint]

    def misfit(self, x0_hat: Tensor) -> Misfit:
        return run(self.make().misfit(x0_hat), invertible())


def half() -> Tensor:
    known = torch.zeros(8, 8)
    known[:, :4] = 1
    return known


def known_pixels() -> Constraint:
    known = half().repeat_interleave(2, 0).repeat_interleave(2, 1)
    return run(encode_known(PICTURE, known, half()), WORLD)


def decoded(operator: LinearOperator) -> Constraint:
    return DecodedConstraint(operator, operator.forward(PICTURE))


def small_and_half_known() -> LinearOperator:
    left = Mask(half().repeat_interleave(2, 0).repeat_interleave(2, 1))
    return Stacked((SuperResolution(4, "area"), left), (3, 16, 16))


def by_gradient(operator: LinearOperator) -> Constraint:
    return DecoderGradientConstraint(operator, operator.forward(PICTURE))


def edges_and_colours(image: Tensor) -> tuple[Tensor, ...]:
    edges = torch.randn(6, 3, 3, 3, generator=torch.Generator().manual_seed(7)) / 5
    return image, functional.conv2d(image[None], edges).tanh()[0]


def style() -> Constraint:
    return StyleConstraint(edges_and_colours, grams(edges_and_colours, PICTURE))


CASES = (
    Case("half_known", lambda: InpaintConstraint(TRUTH, half())),
    Case("softly_known", lambda: InpaintConstraint(TRUTH, torch.linspace(0, 1, 8).expand(8, 8))),
    Case("known_pixels", known_pixels),
    Case("decoded_super_resolution", lambda: decoded(SuperResolution(4, "area"))),
    Case("decoded_bicubic", lambda: decoded(SuperResolution(2, "bicubic"))),
    Case("decoded_colorize", lambda: decoded(Colorize())),
    Case("decoded_mask", lambda: decoded(Mask(half().repeat_interleave(2, 0).repeat_interleave(2, 1)))),
    Case("decoded_blur", lambda: decoded(Blur(gaussian_kernel(1.0)))),
    Case("decoded_stack", lambda: decoded(small_and_half_known())),
    Case("decoder_gradient", lambda: by_gradient(SuperResolution(4, "area"))),
    Case("style", style),
)
every_constraint = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


@every_constraint
def test_direction_is_of_the_estimates_shape_and_finite(case: Case) -> None:
    e = case.misfit(X0).direction
    assert e.shape == X0.shape
    assert e.dtype == torch.float32
    assert e.isfinite().all()


@every_constraint
@pytest.mark.parametrize("length", [0.05, 0.5, 1.0])
def test_moving_along_the_direction_lowers_the_residual(case: Case, length: float) -> None:
    before = case.misfit(X0)
    assert case.misfit(X0 + length * before.direction).residual < before.residual


@every_constraint
def test_where_the_constraint_is_met_there_is_nothing_to_do(case: Case) -> None:
    met = case.misfit(TRUTH)
    assert met.residual < 1e-5
    assert float(met.direction.abs().amax()) < 1e-5


@every_constraint
def test_the_estimate_is_left_as_it_is(case: Case) -> None:
    x0 = X0.clone()
    case.misfit(x0)
    assert torch.equal(x0, X0)


@every_constraint
def test_asking_twice_gives_the_same_answer(case: Case) -> None:
    constraint, world = case.make(), invertible()
    first, second = run(constraint.misfit(X0), world), run(constraint.misfit(X0), world)
    assert torch.equal(first.direction, second.direction)
    assert first.residual == second.residual


@every_constraint
def test_the_denoiser_is_never_asked_and_gradients_only_by_name(case: Case) -> None:
    world = invertible()
    run(case.make().misfit(X0), world)
    assert ("differentiate" in world.asked) == (case.name == "decoder_gradient")


@every_constraint
def test_after_the_last_step_nothing_is_renewed(case: Case) -> None:
    constraint, world = case.make(), invertible()
    assert run(constraint.renewed(X0, 1.0), world) is constraint
    assert world.asked == []


@every_constraint
def test_answers_made_in_inference_mode_are_fine(case: Case) -> None:
    world = invertible()

    def encode_one(image: Tensor) -> Tensor:
        with torch.inference_mode():
            return world.encode_one(image)

    def decode_one(latents: Tensor) -> Tensor:
        with torch.inference_mode(not torch.is_grad_enabled()):
            return world.decode_one(latents)

    answer = run(case.make().misfit(X0), AutoencoderEvaluator(encode_one, decode_one))
    assert torch.equal(answer.direction, case.misfit(X0).direction)
