"""Secrets that sign webhooks, in the text form of Standard Webhooks (standardwebhooks.com): `whsec_` and base64."""

from __future__ import annotations

from base64 import b64decode

PREFIX = "whsec_"
FEWEST_BYTES, MOST_BYTES = 24, 64
"""What the specification allows."""


def read_secret(text: str) -> bytes:
    """The bytes of a secret. Raises `ValueError`, which does not repeat it."""
    try:
        secret = b64decode(text.removeprefix(PREFIX).encode("ascii"), validate=True)
    except ValueError:  # binascii's and the encoder's are both
        secret = b""
    if not text.startswith(PREFIX) or not FEWEST_BYTES <= len(secret) <= MOST_BYTES:
        raise ValueError(f"a webhook secret is {PREFIX} and {FEWEST_BYTES} to {MOST_BYTES} bytes in base64")
    return secret
