from collections.abc import Callable
from time import process_time

import pytest
import torch
from torch import Tensor

from sampler.fill import extend_border, known_cells


def half(size: int) -> Tensor:
    known = torch.zeros(size, size)
    known[:, : size // 2] = 1
    return known


def box(size: int) -> Tensor:
    known = torch.ones(size, size)
    known[size // 4 : size // 2, size // 4 : size // 2] = 0
    return known


def corner(size: int) -> Tensor:
    known = torch.zeros(size, size)
    known[: size // 3, : size // 3] = 1
    return known


def specks(size: int) -> Tensor:
    return (torch.rand(size, size, generator=torch.Generator().manual_seed(1)) > 0.95).float()


def grey(size: int) -> Tensor:
    return torch.linspace(0, 1, size).expand(size, size)


MASKS = (half, box, corner, specks, grey)
IMAGE = torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("hole", [0.0, 1.0, -7.5, 1e30, float("inf"), float("nan")])
def test_what_the_hole_holds_does_not_change_the_fill_by_a_bit(mask: Callable[[int], Tensor], hole: float) -> None:
    known = mask(64)
    other = torch.where(known > 0, IMAGE, hole)
    assert torch.equal(extend_border(IMAGE, known), extend_border(other, known))


@pytest.mark.parametrize("mask", MASKS)
def test_known_pixels_stay_and_the_fill_stays_in_their_range(mask: Callable[[int], Tensor]) -> None:
    known = mask(64)
    filled = extend_border(IMAGE, known)
    assert torch.equal(filled[:, known > 0], IMAGE[:, known > 0])
    assert float(filled.abs().max()) <= 1.0 + 1e-6


@pytest.mark.parametrize("turns", range(4))
def test_half_a_picture_is_continued_by_its_edge(turns: int) -> None:
    known = torch.rot90(half(64), turns)
    image = torch.rot90(IMAGE, turns, (1, 2))
    expected = torch.rot90(torch.cat([IMAGE[:, :, :32], IMAGE[:, :, 31:32].expand(-1, -1, 32)], 2), turns, (1, 2))
    assert torch.equal(extend_border(image, known), expected)


def test_a_hole_in_a_slope_is_bridged_smoothly() -> None:
    slope = torch.linspace(-1, 1, 64).expand(3, 64, 64)
    filled = extend_border(slope, box(64))
    assert float(filled.diff(dim=2).abs().max()) < 0.2
    assert float((filled - slope).abs().max()) < 0.3


def test_a_flat_picture_stays_flat_beyond_a_corner() -> None:
    torch.testing.assert_close(extend_border(torch.full((3, 64, 64), 0.25), corner(64)), torch.full((3, 64, 64), 0.25))


def test_fill_is_fast_at_512_pixels() -> None:
    image, known = torch.zeros(3, 512, 512), corner(512)
    seconds = []
    for _ in range(3):
        start = process_time()
        extend_border(image, known)
        seconds.append(process_time() - start)
    assert min(seconds) < 0.3


def test_a_cell_is_as_known_as_its_least_known_pixel() -> None:
    known = torch.ones(32, 48)
    known[0, 0] = 0
    known[31, 47] = 0.5
    cells = known_cells(known, 8)
    expected = torch.ones(4, 6)
    expected[0, 0], expected[3, 5] = 0, 0.5
    assert torch.equal(cells, expected)


def test_misuse_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing is known"):
        extend_border(IMAGE, torch.zeros(64, 64))
    with pytest.raises(ValueError, match="must be"):
        extend_border(IMAGE, torch.zeros(64, 32))
    with pytest.raises(ValueError, match="whole number"):
        known_cells(torch.ones(64, 60), 8)
