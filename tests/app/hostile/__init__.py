"""Requests that must be refused: some five hundred of them, made on the spot, the same ones every time.

`corpus()` yields each as a `Hostile`. Where a damaged file may still decode (a flipped bit in compressed pixels),
`definite` is false: a 202 is as good as a problem then; only a 5xx is not. `mutations.py` makes more of them.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.app.hostile.bodies import bad_base64, bad_content_types, bad_forms, bad_json
from tests.app.hostile.bombs import bombs
from tests.app.hostile.masks import bad_masks
from tests.app.hostile.parameters import bad_parameters
from tests.app.hostile.pictures import damaged_pictures, polyglots, wrong_types
from tests.app.hostile.requests import Hostile


def corpus() -> Iterator[Hostile]:
    """All of them."""
    yield from damaged_pictures()
    yield from bombs()
    yield from wrong_types()
    yield from polyglots()
    yield from bad_masks()
    yield from bad_json()
    yield from bad_base64()
    yield from bad_forms()
    yield from bad_parameters()
    yield from bad_content_types()
