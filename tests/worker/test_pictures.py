"""Pictures, masks, canvases and compositing: what is known stays, what stands in the hole is never seen."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image

from jobs.spec import OutputSpec
from sampler.fill import known_cells
from tests.worker.conftest import noise_png, png
from worker import images
from worker.canvas import from_canvas, to_canvas
from worker.compositing import Upload, composite, replace_window
from worker.errors import InputUnreadable
from worker.geometry import Box, place

SIZES = [(64, 64), (100, 75), (128, 128), (300, 200), (1024, 768)]


def picture(width: int, height: int, seed: int = 0) -> Image.Image:
    return images.read(noise_png(width, height, seed), "RGB", max_pixels=10**7)


def disc(width: int, height: int) -> Image.Image:
    y, x = np.ogrid[:height, :width]
    inside = ((x - width / 2) / (width / 6)) ** 2 + ((y - height / 2) / (height / 6)) ** 2 < 1
    return Image.fromarray(np.where(inside, 255, 0).astype(np.uint8))


@pytest.mark.parametrize("feather_px", [0, 8])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("shape", ["side", "disc"])
def test_known_pixels_are_byte_identical_in_the_png(size: tuple[int, int], shape: str, feather_px: int) -> None:
    original = picture(*size)
    mask = disc(*size) if shape == "disc" else images.side_mask(*size, "left", 0.5)
    placement = place(*size, 128, 8, images.hole_box(mask))
    painted = picture(placement.window.width, placement.window.height, 1)
    fill = picture(placement.window.width, placement.window.height, 2)
    result = composite(Upload(original, mask), painted, fill, placement, feather_px)
    encoded = images.encode(result, OutputSpec())
    written = np.asarray(Image.open(io.BytesIO(encoded.data)))
    known = np.asarray(mask) == 0
    assert written.shape == (size[1], size[0], 3)
    assert np.array_equal(written[known], np.asarray(original)[known])
    assert images.known_max_abs_diff(original, encoded, mask) == 0
    assert not np.array_equal(written[~known], np.asarray(original)[~known])


def test_difference_is_measured_on_the_file() -> None:
    original, mask = picture(64, 64), images.side_mask(64, 64, "left", 0.5)
    for output in (OutputSpec(format="jpeg", quality=30), OutputSpec(format="webp", quality=30)):
        encoded = images.encode(original, output)
        assert encoded.content_type == f"image/{output.format}"
        assert images.known_max_abs_diff(original, encoded, mask) > 10
    changed = original.copy()
    changed.putpixel((40, 3), (1, 2, 3))
    assert images.known_max_abs_diff(original, images.encode(changed, OutputSpec()), mask) == 0
    changed.putpixel((3, 3), tuple(255 - value for value in original.getpixel((3, 3))))  # type: ignore[union-attr]  # RGB
    assert images.known_max_abs_diff(original, images.encode(changed, OutputSpec()), mask) > 0


def test_feather_fades_in_from_the_border_and_only_in_the_hole() -> None:
    mask = images.side_mask(128, 128, "left", 0.5)
    placement = place(128, 128, 128, 8)
    black, white = (Image.new("RGB", (128, 128), colour) for colour in ((0, 0, 0), (255, 255, 255)))
    upload = Upload(Image.new("RGB", (128, 128), (9, 9, 9)), mask)
    row = np.asarray(composite(upload, white, black, placement, 16))[64, :, 0].astype(int)
    assert set(row[:64]) == {9}
    assert row[64] < 20
    assert np.all(np.diff(row[64:]) >= 0)
    assert set(row[81:]) == {255}


@pytest.mark.parametrize("size", SIZES)
def test_nothing_of_the_hole_is_ever_seen(size: tuple[int, int]) -> None:
    mask = disc(*size)
    one = picture(*size)
    other = Image.composite(picture(*size, 1), one, mask)
    placement = place(*size, 128, 8, images.hole_box(mask))
    first, second = to_canvas(one, mask, placement), to_canvas(other, mask, placement)
    assert torch.equal(first.image, second.image)
    assert torch.equal(first.known, second.known)
    painted, fill = (picture(placement.window.width, placement.window.height, seed) for seed in (3, 4))
    results = [composite(Upload(each, mask), painted, fill, placement, 5) for each in (one, other)]
    assert results[0].tobytes() == results[1].tobytes()


def test_scaled_pixel_is_known_only_if_all_under_its_kernel_are() -> None:
    original = Image.new("RGB", (256, 256), (200, 100, 50))
    mask = images.side_mask(256, 256, "left", 0.5)
    canvas = to_canvas(original, mask, place(256, 256, 128, 8))
    assert int(canvas.known[64].sum()) == 63
    expected = torch.tensor([200, 100, 50]).reshape(3, 1, 1) / 127.5 - 1
    assert torch.allclose(canvas.image, expected.expand(3, 128, 128), atol=1e-6)


def test_unscaled_canvas_returns_the_same_bytes() -> None:
    original = picture(100, 75)
    placement = place(100, 75, 128, 8)
    canvas = to_canvas(original, Image.new("L", (100, 75), 0), placement)
    assert from_canvas(canvas.image, placement).tobytes() == original.tobytes()
    assert int(canvas.known.sum()) == 100 * 75


def test_picture_without_anything_known_is_grey() -> None:
    canvas = to_canvas(picture(64, 64), Image.new("L", (64, 64), 255), place(64, 64, 128, 8))
    assert not canvas.known.any()
    assert not canvas.image.any()


@pytest.mark.parametrize("size", [(2048, 64), (64, 2048)])
def test_strip_has_known_cells(size: tuple[int, int]) -> None:
    mask = images.side_mask(*size, "left" if size[0] > size[1] else "top", 0.5)
    canvas = to_canvas(picture(*size), mask, place(*size, 128, 8))
    assert float(known_cells(canvas.known, 8).mean()) > 0.2
    assert not canvas.image.any() or float(canvas.image.abs().max()) <= 1


def test_grey_mask_mixes_in_its_strength() -> None:
    upload = Upload(Image.new("RGB", (128, 128), (0, 0, 0)), Image.new("L", (128, 128), 51))
    placement = place(128, 128, 128, 8)
    white = Image.new("RGB", (128, 128), (255, 255, 255))
    assert composite(upload, white, white, placement, 0).getpixel((5, 5)) == (51, 51, 51)


def test_without_preserving_the_window_is_replaced() -> None:
    upload = Upload(picture(300, 300), disc(300, 300))
    placement = place(300, 300, 128, 8, Box(140, 140, 20, 20))
    painted = picture(placement.window.width, placement.window.height, 1)
    result = replace_window(upload, painted, placement)
    assert result.crop(placement.window.corners).tobytes() == painted.tobytes()
    assert result.crop((0, 0, 300, 80)).tobytes() == upload.picture.crop((0, 0, 300, 80)).tobytes()


@pytest.mark.parametrize(
    ("keep", "kept"), [("left", np.s_[:, :30]), ("right", np.s_[:, 70:]), ("top", np.s_[:15]), ("bottom", np.s_[35:])]
)
def test_side_mask_keeps_its_side(keep: str, kept: tuple[slice, ...]) -> None:
    mask = np.asarray(images.side_mask(100, 50, keep, 0.3))
    assert not mask[kept].any()
    assert (mask == 0).sum() == mask[kept].size


@pytest.mark.parametrize(
    "data",
    [b"", b"no png", noise_png(64, 64)[:200], png(Image.new("RGB", (101, 100))), b"\x89PNG\r\n\x1a\n" + b"\0" * 40],
    ids=["empty", "text", "truncated", "too large", "broken header"],
)
def test_unreadable_upload_is_refused(data: bytes) -> None:
    with pytest.raises(InputUnreadable):
        images.read(data, "RGB", max_pixels=10_000)


def test_own_limit_holds_where_pillows_is_lower(monkeypatch: pytest.MonkeyPatch) -> None:
    data = noise_png(64, 64)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    assert images.read(data, "RGB", max_pixels=64 * 64).size == (64, 64)
    with pytest.raises(InputUnreadable, match="more than"):
        images.read(data, "RGB", max_pixels=64 * 64 - 1)


def test_mask_that_keeps_everything_is_refused() -> None:
    with pytest.raises(InputUnreadable):
        images.hole_box(Image.new("L", (64, 64), 0))
