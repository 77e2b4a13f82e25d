"""The Fréchet distance between two sets of features (Heusel et al. 2017, arXiv 1706.08500, eq. 6).

Between Gaussians of the sets' moments: `|m1 - m2|^2 + tr(C1 + C2 - 2 (C1^1/2 C2 C1^1/2)^1/2)`. It is biased upwards
for few pictures: compare only figures of equally many.
"""

from __future__ import annotations

import torch
from torch import Tensor


def frechet_distance(one: Tensor, other: Tensor) -> float:
    """Distance between sets of features (n, d) and (m, d), at least two each, computed in float64.

    With `C = R^T R` for both sets, the trace of the square root of the symmetric product is the sum of the singular
    values of `R1 R2^T`: no root of a d x d matrix is taken, and small eigenvalues keep their digits.
    """
    one, other = one.double(), other.double()
    (mean_one, root_one), (mean_other, root_other) = _moments(one), _moments(other)
    shared = torch.linalg.svdvals(root_one @ root_other.T).sum()
    spread = root_one.square().sum() + root_other.square().sum() - 2 * shared
    return max(0.0, float((mean_one - mean_other).square().sum() + spread))


def _moments(features: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (d,) and a root (k, d) of the covariance `root^T root`, with k the smaller of n and d."""
    count, dimensions = features.shape
    if count < 2:
        raise ValueError("a covariance needs at least two pictures")
    centre = features.mean(0)
    root = (features - centre) / (count - 1) ** 0.5
    return centre, root if count <= dimensions else torch.linalg.qr(root).R
