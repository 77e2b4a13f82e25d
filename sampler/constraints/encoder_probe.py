"""From an error of the picture to the error of its latents, with forward passes of the encoder only."""

from __future__ import annotations

import torch
from torch import Tensor

from sampler.evaluation import Process, encode


def read_off_encoder(picture: Tensor, r: Tensor, h: float = 1.0) -> Process[Tensor]:
    """`(E(picture + h r) - E(picture)) / h`, latents (c, h, w), by two `Encode`; exactly zero, by one, for `r = 0`.

    `picture` and `r` are (3, H, W) in units of [-1, 1]. A decoder's transposed Jacobian carries an error back only by
    backpropagation. The encoder goes that way forwards: where both are each other's inverse, its Jacobian is the
    inverse of the decoder's. A small `h` gives the Jacobian's product; 1 gives the secant, the change of the latents
    when the picture is changed by all of `r`.
    """
    there = yield from encode(picture + h * r)
    if not bool(r.any()):
        # In other company the same picture is encoded with other rounding, which is no error; `there` has its shape.
        return torch.zeros_like(there)
    here = yield from encode(picture)
    return (there - here) / h
