"""Gradients through a real network and autoencoder, for the methods that we compare with."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from sampler.evaluation import Denoise, Denoised, Differentiate, Networks, Objective
from tests.worker.test_model import requests
from worker.diffusers_model import DiffusersModel


def picture_distance(request: Denoise) -> Objective:
    """|D(x0_hat)| + |E(D(x0_hat))|: a way through all three networks."""

    def objective(x: Tensor, networks: Networks) -> tuple[Tensor, Denoised]:
        denoised = networks.denoise(x, request.timestep, request.conditioning)
        image = networks.decode(denoised.x0_hat)
        norms: Tensor = torch.linalg.vector_norm(image) + torch.linalg.vector_norm(networks.encode(image))
        return norms, denoised

    return objective


@pytest.mark.parametrize("guided", [False, True])
def test_gradient_is_that_of_finite_differences(tiny_model: DiffusersModel, guided: bool) -> None:
    request = requests(tiny_model, 2)[guided]
    objective = picture_distance(request)
    answer = tiny_model.differentiate(Differentiate(request.x_t, objective))
    direction = torch.randn(4, 16, 16, generator=torch.Generator().manual_seed(6))
    h = 0.01
    ahead, behind = (
        tiny_model.differentiate(Differentiate(request.x_t + step * direction, objective)).value for step in (h, -h)
    )
    slope = float((answer.gradient * direction).sum())
    assert abs(slope) > 0.01
    assert slope == pytest.approx((ahead - behind) / (2 * h), rel=0.02)


def test_gradient_comes_with_the_plain_evaluation_and_leaves_no_graph(tiny_model: DiffusersModel) -> None:
    [request] = requests(tiny_model, 1)
    answer = tiny_model.differentiate(Differentiate(request.x_t, picture_distance(request)))
    [plain] = tiny_model.denoise([request])
    assert answer.denoised is not None
    torch.testing.assert_close(answer.denoised.x0_hat, plain.x0_hat, atol=1e-5, rtol=1e-4)
    assert not any(t.requires_grad for t in (answer.gradient, answer.denoised.x0_hat, answer.denoised.eps))
    assert not request.x_t.requires_grad
