"""Known pixels in picture space, and the regions that they form."""

import pytest
import torch

from sampler.constraints.mask import Mask
from sampler.constraints.regions import Margins, Side, complete, outpaint

IMAGE = torch.rand(3, 6, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.mark.parametrize("hole", [1.0, -1e30, float("inf"), float("nan")])
def test_what_the_hole_holds_never_enters(hole: float) -> None:
    known = complete(6, 8, "left", 0.5)
    mask, holed = Mask(known), torch.where(known > 0, IMAGE, hole)
    expected = IMAGE * known
    assert torch.equal(mask.forward(holed), expected)
    assert torch.equal(mask.adjoint(holed), expected)
    assert torch.equal(mask.pseudo_inverse(holed), expected)


def test_known_pixels_pass_to_the_last_bit() -> None:
    mask = Mask(torch.ones(6, 8))
    assert torch.equal(mask.pseudo_inverse(mask.forward(IMAGE)), IMAGE)


def test_grey_is_a_strength_that_the_pseudo_inverse_divides_out() -> None:
    mask = Mask(torch.full((6, 8), 0.25))
    assert torch.equal(mask.forward(IMAGE), 0.25 * IMAGE)
    assert torch.equal(mask.pseudo_inverse(mask.forward(IMAGE)), IMAGE)


def test_a_mask_of_booleans_is_one_of_zeros_and_ones() -> None:
    known = complete(6, 8, "top", 0.5)
    assert torch.equal(Mask(known > 0).forward(IMAGE), Mask(known).forward(IMAGE))


@pytest.mark.parametrize("known", [torch.zeros(1, 6, 8), torch.full((6, 8), 1.5), torch.full((6, 8), float("nan"))])
def test_what_is_no_mask_is_refused(known: torch.Tensor) -> None:
    with pytest.raises(ValueError, match="known must"):
        Mask(known)


def test_a_picture_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        Mask(torch.ones(8, 6)).forward(IMAGE)


@pytest.mark.parametrize(
    ("keep", "known"),
    [("left", (6, 2, 0, 0)), ("right", (6, 2, 0, 6)), ("top", (2, 8, 0, 0)), ("bottom", (2, 8, 4, 0))],
)
def test_one_side_is_kept(keep: Side, known: tuple[int, int, int, int]) -> None:
    height, width, top, left = known
    expected = torch.zeros(6, 8)
    expected[top : top + height, left : left + width] = 1
    assert torch.equal(complete(6, 8, keep, 0.3), expected)


@pytest.mark.parametrize(("fraction", "columns"), [(0.001, 1), (0.999, 7)])
def test_a_tiny_or_huge_share_still_leaves_both_parts(fraction: float, columns: int) -> None:
    assert int(complete(6, 8, "left", fraction)[0].sum()) == columns


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.5, float("nan")])
def test_a_fraction_that_keeps_nothing_or_everything_is_refused(fraction: float) -> None:
    with pytest.raises(ValueError, match="fraction"):
        complete(6, 8, "left", fraction)


def test_a_picture_too_narrow_to_cut_is_refused() -> None:
    with pytest.raises(ValueError, match="cut in two"):
        complete(6, 1, "left", 0.5)


def test_outpainting_lays_the_picture_between_its_margins() -> None:
    out = outpaint(6, 8, Margins(left_px=1, top_px=2, right_px=3, bottom_px=4))
    assert (out.canvas_height_px, out.canvas_width_px) == (12, 12)
    assert int(out.known.sum()) == 48
    canvas = out.lay(IMAGE)
    assert torch.equal(canvas[:, 2:8, 1:9], IMAGE)
    assert torch.equal(out.cut(canvas), IMAGE)
    assert torch.equal(canvas, Mask(out.known).forward(canvas))


def test_a_batch_is_laid_on_a_batch_of_canvases_of_its_dtype() -> None:
    out = outpaint(6, 8, Margins(right_px=8))
    canvases = out.lay(IMAGE.double().expand(2, 3, 6, 8))
    assert canvases.shape == (2, 3, 6, 16)
    assert canvases.dtype == torch.float64


def test_a_canvas_grows_to_a_multiple_on_the_right_and_at_the_bottom() -> None:
    out = outpaint(6, 8, Margins(left_px=5), multiple_px=8)
    assert out.known.shape == (8, 16)
    assert torch.equal(out.cut(out.known), torch.ones(6, 8))
    assert (out.left_px, out.top_px) == (5, 0)


def test_outpainting_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="positive"):
        Margins()
    with pytest.raises(ValueError, match="negative"):
        Margins(left_px=-1, right_px=4)
    with pytest.raises(ValueError, match="at least 1"):
        outpaint(6, 8, Margins(left_px=1), multiple_px=0)
    with pytest.raises(ValueError, match="is not of 8×6"):
        outpaint(6, 8, Margins(left_px=1)).lay(IMAGE.mT)
