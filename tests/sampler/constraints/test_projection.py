from __future__ import annotations

import pytest
import torch
from torch import Tensor

from sampler.constraints.colorize import Colorize
from sampler.constraints.linear import LinearOperator
from sampler.constraints.projection import LEVEL, make_consistent
from sampler.constraints.super_resolution import SuperResolution

OPERATORS = (
    SuperResolution(2, "area"),
    SuperResolution(4, "area"),
    SuperResolution(8, "area"),
    SuperResolution(4, "bicubic"),
    Colorize(),
)


def draw(seed: int) -> Tensor:
    """A picture of 8 bits with much black and white in it, (3, 32, 32)."""
    image = 1.2 * torch.randn(3, 32, 32, generator=torch.Generator().manual_seed(seed))
    return ((image.clamp(-1, 1) + 1) / LEVEL).round() * LEVEL - 1


def residual_levels(image: Tensor, operator: LinearOperator, y: Tensor) -> float:
    """Measured anew on the stored bytes."""
    stored = ((image + 1) * 127.5).round().to(torch.uint8)
    return float((y - operator.forward(stored.float() / 127.5 - 1)).square().mean().sqrt()) / LEVEL


@pytest.mark.parametrize("operator", OPERATORS, ids=str)
def test_the_stored_picture_measures_what_was_measured(operator: LinearOperator) -> None:
    y = operator.forward(draw(0))
    blurred = draw(1) * 0.7
    assert residual_levels(blurred, operator, y) > 2.0
    consistent = make_consistent(blurred, operator, y)
    assert consistent.is_met
    assert residual_levels(consistent.image, operator, y) <= 0.5
    assert consistent.residual == pytest.approx(residual_levels(consistent.image, operator, y) * LEVEL, abs=1e-5)


def test_every_value_is_one_that_8_bits_have() -> None:
    image = make_consistent(draw(1) * 0.7, OPERATORS[0], OPERATORS[0].forward(draw(0))).image
    levels = (image + 1) / LEVEL
    assert torch.allclose(levels, levels.round(), atol=1e-4)
    assert float(image.amin()) >= -1.0
    assert float(image.amax()) <= 1.0


def test_where_clamping_takes_something_back_the_neighbours_give_it() -> None:
    operator = SuperResolution(4, "area")
    picture = torch.full((3, 4, 4), 0.95)
    picture[:, 0] = -0.5
    y = torch.full((3, 1, 1), 0.97)
    once = make_consistent(picture, operator, y, max_rounds=1)
    assert not once.is_met
    many = make_consistent(picture, operator, y)
    assert many.is_met
    assert many.rounds > 1
    assert residual_levels(many.image, operator, y) <= 0.5


def test_a_consistent_picture_is_only_rounded() -> None:
    operator = SuperResolution(2, "area")
    picture = draw(0) + LEVEL / 5
    consistent = make_consistent(picture, operator, operator.forward(draw(0)))
    assert consistent.rounds == 0
    assert torch.allclose(consistent.image, draw(0), atol=1e-6)


def test_projection_comes_closer_to_the_truth() -> None:
    operator, truth = SuperResolution(2, "area"), draw(0)
    picture = truth + 0.3 * torch.randn(truth.shape, generator=torch.Generator().manual_seed(2))
    image = make_consistent(picture, operator, operator.forward(truth)).image
    assert float((image - truth).square().mean()) < float((picture.clamp(-1, 1) - truth).square().mean())


def test_what_no_picture_measures_ends_with_the_nearest_and_says_so() -> None:
    operator = SuperResolution(4, "area")
    consistent = make_consistent(torch.zeros(3, 8, 8), operator, torch.full((3, 2, 2), 1.5), max_rounds=5)
    assert not consistent.is_met
    assert consistent.residual == pytest.approx(0.5)
    assert torch.allclose(consistent.image, torch.ones(3, 8, 8))


@pytest.mark.parametrize(("tolerance", "max_rounds"), [(-0.1, 1), (0.1, -1)])
def test_negative_limits_are_refused(tolerance: float, max_rounds: int) -> None:
    with pytest.raises(ValueError, match="must not be negative"):
        make_consistent(torch.zeros(3, 4, 4), OPERATORS[0], torch.zeros(3, 2, 2), tolerance, max_rounds)
