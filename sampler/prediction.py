"""What a network's output means: `epsilon`, `v_prediction` and `flow`, to and from `x0_hat` and `eps`.

The only place that knows. With `x_t = alpha_t * x0 + sigma_t * eps` the outputs are

- `epsilon`: `eps` (Ho et al. 2020, arXiv 2006.11239),
- `v_prediction`: `alpha_t * eps - sigma_t * x0` (Salimans & Ho 2022, arXiv 2202.00512),
- `flow`: `eps - x0`, the velocity of the straight path (Liu et al. 2022, arXiv 2209.03003).
"""

from __future__ import annotations

from typing import Literal, assert_never

from torch import Tensor

PredictionType = Literal["epsilon", "v_prediction", "flow"]
Coefficient = float | Tensor
"""A number, or a tensor that broadcasts against the latents, such as one number a sample as (n, 1, 1, 1)."""


def to_x0_and_eps(
    prediction_type: PredictionType, output: Tensor, x_t: Tensor, alpha_t: Coefficient, sigma_t: Coefficient
) -> tuple[Tensor, Tensor]:
    """The clean estimate and the noise estimate behind a network output.

    All tensors have one shape, in float32. Any `alpha_t`, `sigma_t` will do, variance preserving or not; at
    `alpha_t = 0` the output `epsilon` says nothing about x0 and the estimate is not finite.
    """
    match prediction_type:
        case "epsilon":
            return (x_t - sigma_t * output) / alpha_t, output
        case "v_prediction":
            power = alpha_t * alpha_t + sigma_t * sigma_t
            return (alpha_t * x_t - sigma_t * output) / power, (sigma_t * x_t + alpha_t * output) / power
        case "flow":
            total = alpha_t + sigma_t
            return (x_t - sigma_t * output) / total, (x_t + alpha_t * output) / total
        case _:
            assert_never(prediction_type)


def from_x0_and_eps(
    prediction_type: PredictionType, x0: Tensor, eps: Tensor, alpha_t: Coefficient, sigma_t: Coefficient
) -> Tensor:
    """The output of a network that believes in `x0` and `eps`: inverse of `to_x0_and_eps`, and the training target."""
    match prediction_type:
        case "epsilon":
            return eps
        case "v_prediction":
            return alpha_t * eps - sigma_t * x0
        case "flow":
            return eps - x0
        case _:
            assert_never(prediction_type)


def jacobian_vector(
    direction: Tensor, delta_x0_hat: Tensor, delta_eps: Tensor, alpha_t: Coefficient, sigma_t: Coefficient
) -> Tensor:
    """`J @ direction`, with `J` the Jacobian of `x0_hat` with respect to `x_t`, from one finite difference.

    `delta_x0_hat` and `delta_eps` are the changes of the two estimates along `h * direction`, divided by `h`. As
    `x_t + h * direction = alpha_t * x0_hat + sigma_t * eps` holds for both evaluations, `J e` is
    `(e - sigma_t * delta_eps) / alpha_t`; it is computed as

        (alpha_t * e - sigma_t * delta_v) / (alpha_t^2 + sigma_t^2),  delta_v = alpha_t * delta_eps - sigma_t * delta_x0

    which is the same number: the identity part is exact and only the network's own change is a difference, but the
    rounding of a `v_prediction` or `flow` network is not amplified by `sigma_t / alpha_t` (14.6 at t = 999 of Stable
    Diffusion), and `alpha_t = 0` is harmless.
    """
    delta_v = alpha_t * delta_eps - sigma_t * delta_x0_hat
    return (alpha_t * direction - sigma_t * delta_v) / (alpha_t * alpha_t + sigma_t * sigma_t)
