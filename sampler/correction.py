"""What every correction of `x_t` is made of: the probe that reads `J e` off the network, and its size."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

import torch
from torch import Tensor

from sampler.errors import DivergedError
from sampler.evaluation import Denoised, Denoiser, Process
from sampler.prediction import jacobian_vector
from sampler.schedule import Step

SMALLEST = 1e-12
"""Directions with no entry above this are zero: nothing to correct, and nothing to divide by."""

PROBE_SIZES = {torch.float16: 0.1, torch.bfloat16: 0.1}


@dataclass(frozen=True, eq=False)
class Corrected:
    """The corrected `x_t` (c, h, w), the estimates that belong to it, and the residual that the correction saw last."""

    x_t: Tensor
    denoised: Denoised
    residual: float


def probe_size(dtype: torch.dtype) -> float:
    """The largest entry `h` of the probing displacement, by the precision that the network computes in.

    The published 0.005 drowns in the rounding of half precision: a larger one trades rounding for curvature. TF32
    rounds like float16, so a network that computes in it needs float16's `h`.
    """
    return PROBE_SIZES.get(dtype, 0.005)


def probe(x_t: Tensor, base: Denoised, step: Step, e: Tensor, h: float, denoiser: Denoiser) -> Process[Tensor]:
    """`J e` by one evaluation at `x_t + h_k e` with `h_k = h / max|e|`, in float32; zero, at no cost, for `e = 0`."""
    size = largest(e)
    if not size > SMALLEST:
        return torch.zeros_like(e)
    h_k = h / size
    probed = yield from denoiser(x_t + h_k * e, step.timestep)
    delta_x0_hat, delta_eps = (probed.x0_hat - base.x0_hat) / h_k, (probed.eps - base.eps) / h_k
    return jacobian_vector(e, delta_x0_hat, delta_eps, step.alpha_t, step.sigma_t)


def largest(direction: Tensor) -> float:
    """The largest absolute entry; raises `DivergedError` unless it is finite."""
    size = float(direction.abs().amax())
    if not isfinite(size):
        raise DivergedError("a correction of x_t is not finite")
    return size
