"""As many damaged files as one likes, all drawn from one seed: thirty kinds of whole files, and what befalls them.

What befalls a file is either blind (bits, slices, words) or knows the format (a PNG's chunk whose checksum is made
right again, so that the damage reaches what lies behind the checksum). Each goes out as a picture or as a mask, under
a name and a declared type that are right or wrong. Many still decode: a 202 is as good as a 4xx then.
"""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable, Iterator
from functools import cache

from PIL import Image, ImageCms

from tests.app.hostile.bombs import slow_jpegs
from tests.app.hostile.files import STRANGERS, chunk, packed_zeros, png
from tests.app.hostile.requests import BOUNDARY, Hostile
from tests.app.pictures import encoded, gradient, mask_image, mask_png, picture_png

Damage = Callable[[random.Random, bytes], bytes]

EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)
DECLARED = ("image/png", "image/jpeg", "image/svg+xml", "text/html", "application/x-php", "image/*", "\u00e9", "")
POLARITIES = ("white_repaints", "keep_white", "transparent_repaints")
NAMES = ("a.png", "a.jpg.exe", "../../etc/passwd", "", "a" * 300, "a\u202egnp.exe", "con", "%00.png", "a;b=c")


@cache
def whole_files() -> dict[str, bytes]:
    """Every kind of pixels, containers and metadata that one may meet, those that are refused as a whole included."""
    frames = [gradient(), gradient().rotate(180)]
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "x" * 2000
    wide = Image.frombytes("I;16", (96, 80), bytes(range(256)) * 60)
    return {
        **{f"png {mode}": encoded(gradient(mode=mode)) for mode in ("L", "P", "1", "RGB", "LA", "RGBA")},
        "png of 16 bits": encoded(wide),
        "png with EXIF": encoded(gradient(), exif=exif),
        "png with a profile": encoded(gradient(), icc_profile=profile),
        "png interlaced": png(96, 80, zlib.compress(bytes((96 * 3 + 1) * 80))),
        **{f"jpeg {mode}": encoded(gradient(mode=mode), "JPEG") for mode in ("L", "RGB", "CMYK")},
        "jpeg progressive": encoded(gradient(), "JPEG", progressive=True),
        "jpeg with EXIF": encoded(gradient(), "JPEG", exif=exif),
        "jpeg with a profile": encoded(gradient(), "JPEG", icc_profile=profile),
        **{f"webp {mode}": encoded(gradient(mode=mode), "WEBP") for mode in ("RGB", "RGBA")},
        "webp lossless": encoded(gradient(mode="RGBA"), "WEBP", lossless=True, exif=exif),
        "gif": encoded(gradient(mode="P"), "GIF"),
        "gif with transparency": encoded(gradient(mode="P"), "GIF", transparency=3),
        **{
            f"animated {kind}": encoded(frames[0], kind, save_all=True, append_images=frames[1:])
            for kind in ("GIF", "PNG", "WEBP", "AVIF", "TIFF")
        },
        **{kind: encoded(gradient(), kind) for kind in ("TIFF", "AVIF", "BMP", "ICO", "PPM")},
        "tiff of 16 bits": encoded(wide, "TIFF"),
        "mask": mask_png(),
        "mask of 1 bit": encoded(mask_image().convert("1")),
    }


def requests(seed: int, count: int) -> Iterator[Hostile]:
    """`count` requests; the same ones for the same seed."""
    chance = random.Random(seed)
    wholes, damages = sorted(whole_files().items()), sorted(DAMAGES.items())
    for number in range(count):
        kind, data = wholes[number % len(wholes)]
        done = []
        for _ in range(chance.choice((0, 1, 1, 1, 2))):
            name, damage = damages[chance.randrange(len(damages))]
            data = damage(chance, data)
            done.append(name)
        yield _sent(chance, f"{number}: {kind}, {' and '.join(done) or 'whole'}", data)
    for name, data in heavy_files().items():
        yield _sent(chance, name, data)


def heavy_files() -> dict[str, bytes]:
    """Metadata and pixels that unpack to much more than the file."""
    whole = zlib.compress(bytes((96 * 3 + 1) * 80))
    profile = chunk(b"iCCP", b"a\0\0" + packed_zeros(64 * 2**20))
    ifd = struct.pack("<2sHIH", b"II", 42, 8, 0xFFFF) + struct.pack("<HHII", 0x112, 3, 0xFFFFFFF, 8) * 5000
    segments = b"\xff\xe1" + struct.pack(">H", 8 + 60000) + b"Exif\0\0" + ifd[:60000]
    jpeg = encoded(gradient(), "JPEG")
    return slow_jpegs(2**19) | {
        "png whose profile unpacks to 64 MB": png(96, 80, whole, profile),
        "png whose EXIF counts to 2**28": png(96, 80, whole, chunk(b"eXIf", ifd)),
        "jpeg of EXIF that counts to 2**28": jpeg[:2] + segments * 8 + jpeg[2:],
        "flat png of four million pixels": png(2048, 2040, zlib.compress(bytes((2048 * 3 + 1) * 2040))),
        "png of a thousand texts that unpack": png(
            96, 80, whole, chunk(b"zTXt", b"a\0\0" + packed_zeros(2**20)) * 1000
        ),
    }


def _sent(chance: random.Random, name: str, data: bytes) -> Hostile:
    """As a picture or as a mask, in a form whose parts lie about name, type and length."""
    as_mask = chance.random() < 0.4
    parts = b""
    files = {"image": picture_png(), "mask": data} if as_mask else {"image": data}
    for field, content in files.items():
        disposition = f'Content-Disposition: form-data; name="{field}"; filename="{chance.choice(NAMES)}"'
        lies = f"Content-Type: {chance.choice(DECLARED)}\r\nContent-Length: {chance.choice(EXTREMES)}"
        parts += f"--{BOUNDARY}\r\n{disposition}\r\n{lies}\r\n\r\n".encode() + content + b"\r\n"
    task = "inpaint" if as_mask else chance.choice(("complete", "colorize", "inpaint"))
    texts = {"task": task}
    if as_mask:
        texts |= {"mask_polarity": chance.choice(POLARITIES), "mask_resize": chance.choice(("true", "false"))}
    for field, text in texts.items():
        parts += f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{text}\r\n'.encode()
    parts += f"--{BOUNDARY}--\r\n".encode()
    kind = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    return Hostile(f"{name}, as {'a mask' if as_mask else task}", parts, kind, definite=False)


def _span(chance: random.Random, data: bytes) -> tuple[int, int]:
    start = chance.randrange(len(data) + 1)
    return start, min(len(data), start + chance.choice((1, 2, 4, 16, 100, 1000)))


def flip_bits(chance: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.choice((1, 2, 8, 40)) if data else 0):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def cut(chance: random.Random, data: bytes) -> bytes:
    return data[: chance.randrange(len(data) + 1)]


def take_out(chance: random.Random, data: bytes) -> bytes:
    start, stop = _span(chance, data)
    return data[:start] + data[stop:]


def say_twice(chance: random.Random, data: bytes) -> bytes:
    start, stop = _span(chance, data)
    return data[:stop] + data[start:stop] * chance.choice((1, 3, 200)) + data[stop:]


def put_in(chance: random.Random, data: bytes) -> bytes:
    start, _ = _span(chance, data)
    return data[:start] + chance.randbytes(chance.choice((1, 4, 100, 5000))) + data[start:]


def extreme_word(chance: random.Random, data: bytes) -> bytes:
    """A length, an offset, a count or a size, mostly: those stand in a file's first bytes."""
    near = chance.random() < 0.7
    start = chance.randrange(max(1, min(len(data), 120) if near else len(data)))
    size, order = chance.choice((("H", ">"), ("I", ">"), ("H", "<"), ("I", "<")))
    word = struct.pack(order + size, chance.choice(EXTREMES) & (0xFFFF if size == "H" else 0xFFFFFFFF))
    return data[:start] + word + data[start + len(word) :]


def append_stranger(chance: random.Random, data: bytes) -> bytes:
    return data + chance.choice(sorted(STRANGERS.values()))


def prepend_stranger(chance: random.Random, data: bytes) -> bytes:
    return chance.choice(sorted(STRANGERS.values())) + data


def splice(chance: random.Random, data: bytes) -> bytes:
    """The beginning of one file and the end of another."""
    other = chance.choice(sorted(whole_files().values()))
    return data[: chance.randrange(len(data) + 1)] + other[chance.randrange(len(other)) :]


def resealed_chunk(chance: random.Random, data: bytes) -> bytes:
    """Damages one chunk of a PNG and makes its checksum right again; other files get a blind one."""
    chunks = _png_chunks(data)
    if not chunks:
        return extreme_word(chance, data)
    number = chance.randrange(len(chunks))
    kind, body = chunks[number]
    damage = chance.choice((flip_bits, cut, say_twice, put_in, extreme_word))
    chunks[number] = (chance.choice((kind, kind, kind, b"tEXt", b"IDAT", b"acTL", b"PLTE")), damage(chance, body))
    return data[:8] + b"".join(chunk(*one) for one in chunks)


def shuffled_chunks(chance: random.Random, data: bytes) -> bytes:
    chunks = _png_chunks(data)
    chance.shuffle(chunks)
    return data[:8] + b"".join(chunk(*one) for one in chunks) if chunks else take_out(chance, data)


def _png_chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    found, position = [], 8
    while data.startswith(b"\x89PNG") and position + 12 <= len(data):
        length = int.from_bytes(data[position : position + 4])
        found.append((data[position + 4 : position + 8], data[position + 8 : position + 8 + length]))
        position += 12 + length
    return found


DAMAGES: dict[str, Damage] = {
    damage.__name__: damage
    for damage in (
        flip_bits,
        cut,
        take_out,
        say_twice,
        put_in,
        extreme_word,
        append_stranger,
        prepend_stranger,
        splice,
        resealed_chunk,
        shuffled_chunks,
    )
}
