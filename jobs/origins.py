"""Web origins as settings name them."""

from __future__ import annotations

from urllib.parse import urlsplit

EVERY = "*"


def read_origins(text: str) -> list[str]:
    """The origins in a text of them separated by spaces: each `https://host[:port]` as browsers send it, or `*`.

    Raises:
        ValueError: one of them is no origin: it has a path, a user, no host, or another scheme than http or https.
    """
    return [_origin(word) for word in text.split()]


def _origin(word: str) -> str:
    if word == EVERY:
        return word
    parts = urlsplit(word)
    bare = f"{parts.scheme}://{parts.netloc}"
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None or word != bare:
        raise ValueError(f"{word!r} is no origin; one looks like https://app.example.com, without a path")
    return word.lower()
