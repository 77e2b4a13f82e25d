from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from sampler.constraints.style import LARGEST_CHANGE, Features, StyleConstraint, cost_of, differentiated, gram, grams
from sampler.engine import run
from sampler.errors import DivergedError
from tests.sampler.autoencoders import AutoencoderEvaluator, invertible

GENERATOR = torch.Generator().manual_seed(0)
KERNELS = torch.randn(5, 3, 3, 3, generator=GENERATOR) / 5
REFERENCE, PICTURE = torch.rand(2, 3, 16, 16, generator=GENERATOR) * 2 - 1


def convolutional(image: Tensor) -> tuple[Tensor, ...]:
    """Two layers without borders: the picture continues on the other side."""
    wrapped = functional.pad(image[None], (1, 1, 1, 1), mode="circular")
    return image, functional.silu(functional.conv2d(wrapped, KERNELS))[0]


def tokens(image: Tensor) -> tuple[Tensor, ...]:
    return (functional.unfold(image[None], 4, stride=4)[0].mT,)


def as_autoencoder() -> AutoencoderEvaluator:
    """A world whose latents are the pictures themselves."""
    return AutoencoderEvaluator(lambda image: image.clone(), lambda latents: latents.clone())


def test_gram_is_the_mean_over_places_of_products_of_channels() -> None:
    maps = torch.tensor([[[1.0, 2.0]], [[3.0, -1.0]]])
    expected = torch.tensor([[2.5, 0.5], [0.5, 5.0]])
    assert torch.equal(gram(maps), expected)
    assert torch.equal(gram(maps.flatten(1).mT), expected)
    with pytest.raises(ValueError, match="maps"):
        gram(torch.zeros(4))


@pytest.mark.parametrize("features", [convolutional, tokens])
def test_the_reference_itself_asks_for_nothing(features: Features) -> None:
    misfit = run(StyleConstraint(features, grams(features, REFERENCE)).misfit(REFERENCE), as_autoencoder())
    assert misfit.residual == 0.0
    assert not misfit.direction.any()


def test_a_shifted_picture_has_the_same_style() -> None:
    constraint = StyleConstraint(convolutional, grams(convolutional, REFERENCE))
    here, there = (
        run(constraint.misfit(image), as_autoencoder()) for image in (PICTURE, PICTURE.roll((3, -5), (1, 2)))
    )
    assert there.residual == pytest.approx(here.residual, rel=1e-5)
    assert torch.allclose(there.direction, here.direction.roll((3, -5), (1, 2)), atol=1e-6)


def test_direction_is_read_off_the_encoder_from_the_gradient_of_the_picture() -> None:
    reference = grams(convolutional, REFERENCE)
    pixels = PICTURE.clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(cost_of(convolutional(pixels), reference), pixels)
    direction = run(StyleConstraint(convolutional, reference).misfit(PICTURE), as_autoencoder()).direction
    cosine = functional.cosine_similarity(direction.flatten(), -gradient.flatten(), dim=0)
    assert float(cosine) == pytest.approx(1.0, abs=1e-5)
    assert float(direction.abs().amax()) <= LARGEST_CHANGE + 1e-5


@pytest.mark.parametrize("features", [convolutional, tokens])
def test_repeated_moves_take_the_reference_s_style(features: Features) -> None:
    world = invertible()
    constraint = StyleConstraint(features, grams(features, world.decode_one(world.encode_one(REFERENCE))))
    z = world.encode_one(PICTURE)
    first = run(constraint.misfit(z), world).residual
    for _ in range(100):
        z = z + run(constraint.misfit(z), world).direction
    assert run(constraint.misfit(z), world).residual < 0.1 * first


def test_residual_is_relative_to_the_reference() -> None:
    for strength in (1.0, 5.0):
        reference = grams(tokens, strength * REFERENCE)
        assert run(StyleConstraint(tokens, reference).misfit(0 * PICTURE), as_autoencoder()).residual == pytest.approx(
            1
        )


def test_a_misfit_needs_no_gradient_of_the_autoencoder() -> None:
    world = as_autoencoder()
    run(StyleConstraint(tokens, grams(tokens, REFERENCE)).misfit(PICTURE), world)
    assert sorted(world.asked) == ["decode", "encode", "encode"]


def test_it_works_inside_of_inference_mode() -> None:
    with torch.inference_mode():
        inside = run(StyleConstraint(tokens, grams(tokens, REFERENCE)).misfit(PICTURE.clone()), as_autoencoder())
    outside = run(StyleConstraint(tokens, grams(tokens, REFERENCE)).misfit(PICTURE), as_autoencoder())
    assert torch.equal(inside.direction, outside.direction)


def test_a_gradient_that_is_not_finite_is_an_error() -> None:
    def steep_at_zero(image: Tensor) -> tuple[Tensor, ...]:
        return (image.abs().sqrt(),)

    with pytest.raises(DivergedError, match="style"):
        differentiated(steep_at_zero, grams(steep_at_zero, REFERENCE), torch.zeros(3, 16, 16))


@pytest.mark.parametrize("reference", [(), (torch.zeros(3, 3),)])
def test_a_reference_without_features_is_refused(reference: tuple[Tensor, ...]) -> None:
    with pytest.raises(ValueError, match="not zero"):
        StyleConstraint(tokens, reference)
