"""Muon with an Adam fallback: momentum orthogonalised by Newton–Schulz for matrices, Adam for the rest.

Source: K. Jordan et al., "Muon: an optimizer for hidden layers in neural networks" (2024); the update's
scale `0.2 * sqrt(max(rows, columns))` follows Liu et al., "Muon is scalable for LLM training"
(arXiv 2502.16982), so that one learning rate serves both kinds of parameters.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor


def orthogonalize(matrix: Tensor, rounds: int = 5) -> Tensor:
    """The nearest semi-orthogonal matrix, approximately, by a quintic Newton–Schulz iteration in bfloat16."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = matrix.to(torch.bfloat16)
    transposed = x.size(0) > x.size(1)
    if transposed:
        x = x.T
    x = x / (x.norm() + 1e-7)
    for _ in range(rounds):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    result: Tensor = (x.T if transposed else x).to(matrix.dtype)
    return result


class Muon(torch.optim.Optimizer):
    """One optimiser over two kinds of parameters; `is_matrix` decides by shape and name.

    Convolution kernels (out, in, kh, kw) are treated as matrices (out, in * kh * kw).
    """

    def __init__(self, named: Iterable[tuple[str, torch.nn.Parameter]], lr: float, weight_decay: float = 0.0) -> None:
        matrices: list[torch.nn.Parameter] = []
        others: list[torch.nn.Parameter] = []
        for name, parameter in named:
            (matrices if is_matrix(name, parameter) else others).append(parameter)
        groups: list[dict[str, Any]] = [
            {"params": matrices, "matrix": True},
            {"params": others, "matrix": False},
        ]
        super().__init__(groups, {"lr": lr, "weight_decay": weight_decay})
        self.steps = 0

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # no closures here
        self.steps += 1
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                update_of = self._muon if group["matrix"] else self._adam
                update = update_of(parameter, parameter.grad)
                if group["matrix"] and group["weight_decay"]:
                    parameter.mul_(1 - group["lr"] * group["weight_decay"])
                parameter.add_(update, alpha=-group["lr"])

    def _muon(self, parameter: Tensor, gradient: Tensor, momentum: float = 0.95) -> Tensor:
        state = self.state[parameter]
        buffer: Tensor = state.setdefault("momentum", torch.zeros_like(parameter))
        buffer.lerp_(gradient, 1 - momentum)
        look_ahead = gradient.lerp(buffer, momentum)
        matrix = look_ahead.reshape(look_ahead.size(0), -1)
        scale = 0.2 * max(matrix.shape) ** 0.5
        update: Tensor = orthogonalize(matrix).reshape(parameter.shape) * scale
        return update

    def _adam(self, parameter: Tensor, gradient: Tensor, beta1: float = 0.9, beta2: float = 0.99) -> Tensor:
        state = self.state[parameter]
        mean: Tensor = state.setdefault("mean", torch.zeros_like(parameter))
        square: Tensor = state.setdefault("square", torch.zeros_like(parameter))
        mean.lerp_(gradient, 1 - beta1)
        square.mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
        debiased = (square / (1 - beta2**self.steps)).sqrt().add_(1e-8)
        return mean / (1 - beta1**self.steps) / debiased


def is_matrix(name: str, parameter: Tensor) -> bool:
    """Hidden weights are orthogonalised; ends of the network, embeddings, norms and biases are not."""
    ends = ("conv_in", "conv_out", "embed", "quant_conv")
    return parameter.ndim >= 2 and not any(end in name for end in ends)
