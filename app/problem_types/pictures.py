"""Problems of pictures and masks."""

from app.problem_types.kind import define

FILE_EMPTY = define(
    "file_empty",
    422,
    "A file is empty",
    cause="A picture or mask has no bytes; often a form sent before a file was chosen.",
    cure="Send the file's content.",
)
UNSUPPORTED_IMAGE_TYPE = define(
    "unsupported_image_type",
    415,
    "The file is not a PNG, JPEG, WebP or GIF picture",
    cause="The content, whatever its name says, is of another type: SVG, TIFF, HEIC, PDF, HTML, …",
    cure="Convert it to PNG, JPEG or WebP.",
)
IMAGE_TRUNCATED = define(
    "image_truncated",
    422,
    "The picture ends too early",
    cause="Bytes are missing at the end; often an interrupted download or upload.",
    cure="Fetch or export the file again.",
)
IMAGE_CORRUPT = define(
    "image_corrupt",
    422,
    "The picture is damaged",
    cause="A checksum, a length or the compressed data is wrong.",
    cure="Open the picture and save it again.",
)
TRAILING_DATA = define(
    "trailing_data",
    422,
    "There is something behind the picture",
    cause="Bytes follow the picture's end: a second file (ZIP, HTML, video of a motion photo) is hidden in it.",
    cure="Open the picture and save it again; export a motion photo as a still picture.",
)
ANIMATED_IMAGE = define(
    "animated_image",
    422,
    "The picture is animated",
    cause="The file has more than one frame, and which one is meant cannot be known.",
    cure="Send the frame that you want as a still picture.",
)
IMAGE_TOO_SMALL = define(
    "image_too_small",
    422,
    "The picture is too small",
    cause="A side has fewer pixels than `min_side_px` of `GET /v1/limits`, divided by `factor` for `upscale`.",
    cure="Send a larger picture.",
)
IMAGE_TOO_LARGE = define(
    "image_too_large",
    422,
    "The picture has too many pixels",
    cause="Width times height is more than `max_pixels` of `GET /v1/limits`.",
    cure="Scale the picture down.",
)
RESULT_TOO_LARGE = define(
    "result_too_large",
    422,
    "The result would have too many pixels",
    cause="Enlarged as asked for, the picture has more than `max_pixels` of `GET /v1/limits`.",
    cure="Enlarge it less, or scale the picture down first.",
)
BEYOND_MODEL = define(
    "beyond_model",
    422,
    "The model is too small for the picture",
    cause="A picture to upscale is larger than the model's `native_size_px`, or reduced to it a blur vanishes.",
    cure="Send a part of the picture, or ask for a larger model (`GET /v1/models`).",
)
ASPECT_RATIO = define(
    "aspect_ratio",
    422,
    "The picture is too long and thin",
    cause="One side of the picture, or of the result, is more than 32 times the other.",
    cure="Cut it into shorter pieces.",
)
DECOMPRESSION_BOMB = define(
    "decompression_bomb",
    422,
    "The picture unpacks to far more than its size",
    cause="A few bytes stand for very many pixels, frames, blocks, segments or scans, as no photograph does.",
    cure="Scale the picture down, or save it again with another program.",
)
MASK_MISSING = define(
    "mask_missing",
    422,
    "There is no mask",
    cause="`inpaint` got neither a mask file nor a picture with an alpha channel.",
    cure="Send `mask`, or make transparent what shall be repainted.",
)
MASK_SIZE_MISMATCH = define(
    "mask_size_mismatch",
    422,
    "The mask has another size than the picture",
    cause="After EXIF orientation, width or height of mask and picture differ.",
    cure="Make them equal, or set `mask_resize` to true.",
)
MASK_EMPTY = define(
    "mask_empty",
    422,
    "The mask repaints nothing",
    cause="No pixel is marked; often a mask with the opposite polarity, or an opaque alpha channel.",
    cure="White means repaint; for the opposite set `mask_polarity` to `keep_white`.",
)
MASK_FULL = define(
    "mask_full",
    422,
    "The mask repaints everything",
    cause="Every pixel is marked, so nothing of the picture would be kept.",
    cure="Leave some of the picture, check `mask_polarity`, or use `generate`.",
)
