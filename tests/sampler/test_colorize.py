"""Luminance as Pillow takes it, and the colours that are nearest to none."""

import numpy as np
import pytest
import torch

from sampler.constraints.colorize import LUMINANCE, Colorize
from training.scenes import make_scene

PICTURE = make_scene(3)[1]
IMAGE = torch.from_numpy(np.array(PICTURE)).permute(2, 0, 1).float()


def test_luminance_is_pillows_grey_within_its_rounding() -> None:
    pillows = torch.from_numpy(np.array(PICTURE.convert("L"))).float()
    assert float((Colorize().forward(IMAGE)[0] - pillows).abs().max()) <= 0.51


def test_weights_sum_to_one_so_that_white_stays_white() -> None:
    assert sum(LUMINANCE) == pytest.approx(1.0)
    torch.testing.assert_close(Colorize().forward(torch.ones(3, 2, 2)), torch.ones(1, 2, 2))


def test_correcting_by_the_pseudo_inverse_keeps_the_colour_differences_orthogonal_to_luminance() -> None:
    colorize, target = Colorize(), torch.full((1, *IMAGE.shape[1:]), 100.0)
    corrected = IMAGE + colorize.pseudo_inverse(target - colorize.forward(IMAGE))
    torch.testing.assert_close(colorize.forward(corrected), target)
    moved = corrected - IMAGE
    torch.testing.assert_close(moved[0] * LUMINANCE[1], moved[1] * LUMINANCE[0])


@pytest.mark.parametrize("channels", [1, 4])
def test_pictures_without_three_channels_are_refused(channels: int) -> None:
    with pytest.raises(ValueError, match="3 channels"):
        Colorize().forward(torch.zeros(channels, 4, 4))
    with pytest.raises(ValueError, match="1 channels"):
        Colorize().adjoint(torch.zeros(3, 4, 4))
