"""Known pixels through an autoencoder whose cells see over their border, as every convolutional one's do."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from sampler.constraints.known_pixels import KnownPixels, encode_known
from sampler.engine import run
from sampler.evaluation import Decode, Denoise, Denoised, Encode
from sampler.fill import extend_border

CELL_PX = 4
TRUTH = torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
KNOWN = torch.zeros(16, 16)
KNOWN[:, :8] = 1
CELLS = torch.zeros(4, 4)
CELLS[:, :2] = 1


class Blurring:
    """Encodes by blurring over the cells' borders and averaging each cell; decodes by repeating."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def denoise(self, requests: Sequence[Denoise]) -> list[Denoised]:
        raise AssertionError("a constraint costs no network evaluation")

    def encode(self, requests: Sequence[Encode]) -> list[Tensor]:
        self.asked.append("encode")
        return [latents_of(request.image) for request in requests]

    def decode(self, requests: Sequence[Decode]) -> list[Tensor]:
        self.asked.append("decode")
        return [functional.interpolate(request.latents[None], scale_factor=CELL_PX)[0] for request in requests]


def latents_of(image: Tensor) -> Tensor:
    blurred = functional.avg_pool2d(functional.pad(image[None], (2, 2, 2, 2), mode="replicate"), 5, stride=1)
    return functional.avg_pool2d(blurred, CELL_PX)[0]


def stated(hole: float = 0.0, refills: tuple[float, ...] = (0.5,)) -> KnownPixels:
    image = extend_border(torch.where(KNOWN > 0, TRUTH, torch.full_like(TRUTH, hole)), KNOWN)
    return run(encode_known(image, KNOWN, CELLS, refills), Blurring())


def test_a_refill_from_a_good_estimate_brings_the_known_latents_closer_to_the_truth() -> None:
    y, x0 = latents_of(TRUTH), latents_of(TRUTH)
    before = stated()
    after = run(before.renewed(x0, 0.5), Blurring())
    assert before.latents.residual(y) > 1.3 * after.latents.residual(y) > 0


def test_refills_happen_when_they_are_due_and_cost_a_decode_and_an_encode_each() -> None:
    constraint, evaluator = stated(refills=(0.3, 0.5, 0.8)), Blurring()
    x0_hat = latents_of(TRUTH)
    counts = []
    for number in range(1, 11):
        constraint = run(constraint.renewed(x0_hat, number / 10), evaluator)
        counts.append(len(evaluator.asked))
    assert counts == [0, 0, 2, 2, 4, 4, 4, 6, 6, 6]
    assert evaluator.asked == ["decode", "encode"] * 3


def test_few_steps_that_jump_over_refills_make_up_for_them_once() -> None:
    evaluator = Blurring()
    constraint = run(stated(refills=(0.3, 0.5, 0.8)).renewed(latents_of(TRUTH), 0.6), evaluator)
    assert len(evaluator.asked) == 2
    assert constraint.refills == (0.8,)


def test_after_the_last_step_nothing_is_renewed() -> None:
    evaluator, constraint = Blurring(), stated()
    assert run(constraint.renewed(latents_of(TRUTH), 1.0), evaluator) is constraint
    assert evaluator.asked == []


@pytest.mark.parametrize("hole", [1.0, -1.0, float("nan"), float("inf")])
def test_what_the_hole_held_changes_no_bit(hole: float) -> None:
    x0_hat = torch.randn(3, 4, 4, generator=torch.Generator().manual_seed(1))
    ours, reference = (run(stated(value).renewed(x0_hat, 0.9), Blurring()) for value in (hole, 0.0))
    assert torch.equal(ours.latents.y, reference.latents.y)
    assert torch.equal(ours.latents.error_direction(x0_hat), reference.latents.error_direction(x0_hat))


def test_only_known_cells_are_asked_for() -> None:
    e = stated().latents.error_direction(torch.zeros(3, 4, 4))
    assert e[:, :, :2].any()
    assert not e[:, :, 2:].any()
