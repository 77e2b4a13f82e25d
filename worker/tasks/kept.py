"""Tasks that keep known pixels to the byte: `complete`, `inpaint`, `outpaint`."""

from __future__ import annotations

from PIL import Image
from torch import Tensor

from jobs.sizes import result_size
from jobs.spec import CompleteSpec, InpaintSpec, OutpaintSpec
from worker import images
from worker.assignment import Assignment, Prepared
from worker.canvas import from_canvas, to_canvas
from worker.compositing import Upload, composite, replace_window
from worker.errors import InputUnreadable
from worker.geometry import place

KeptSpec = CompleteSpec | InpaintSpec | OutpaintSpec


def prepare_kept(assignment: Assignment, spec: KeptSpec) -> Prepared:
    """Lay what is known on the canvas; finished, the painted part is put into the upload.

    Raises:
        BlobMissing, InputUnreadable: as `Assignment.read`.
    """
    upload = _upload(assignment, spec)
    model = assignment.model
    box = None if isinstance(spec, CompleteSpec) else images.hole_box(upload.mask)
    placement = place(upload.picture.width, upload.picture.height, model.native_size_px, model.cell_px, box)
    canvas = to_canvas(upload.picture, upload.mask, placement)

    def finish(image: Tensor) -> Image.Image:
        painted = from_canvas(image, placement)
        if not spec.preserve_known:
            return replace_window(upload, painted, placement)
        return composite(upload, painted, from_canvas(canvas.image, placement), placement, spec.mask_feather_px)

    return Prepared(assignment.plan(placement, canvas), finish, upload)


def _upload(assignment: Assignment, spec: KeptSpec) -> Upload:
    picture = assignment.read("image")
    if isinstance(spec, CompleteSpec):
        return Upload(picture, images.side_mask(picture.width, picture.height, spec.keep, spec.fraction))
    if isinstance(spec, OutpaintSpec):
        return framed(picture, spec)
    mask = assignment.read("mask", "L")
    if mask.size != picture.size:
        raise InputUnreadable("the stored mask has another size than the picture")
    return Upload(picture, mask)


def framed(picture: Image.Image, spec: OutpaintSpec) -> Upload:
    """The picture with the margins that it is to get: black, and marked to be painted."""
    size, corner = result_size(spec, *picture.size), (spec.left_px, spec.top_px)
    larger, mask = Image.new("RGB", size), Image.new("L", size, 255)
    larger.paste(picture, corner)
    mask.paste(0, (*corner, corner[0] + picture.width, corner[1] + picture.height))
    return Upload(larger, mask)
