"""Results that the asked format cannot hold are refused before anything is sampled."""

from __future__ import annotations

import pytest

from app.problems import Problem
from app.understanding import check_pictures
from jobs.settings import Settings
from jobs.spec import CompleteSpec, OutputSpec
from tests.app.pictures import encoded, gradient


def test_webp_is_refused_where_it_cannot_hold_the_picture() -> None:
    files = {"image": encoded(gradient(16384, 512))}
    with pytest.raises(Problem) as caught:
        check_pictures(CompleteSpec(output=OutputSpec(format="webp")), files, Settings(), [])
    assert (caught.value.kind.code, caught.value.pointer) == ("invalid_field", "/output/format")
    assert check_pictures(CompleteSpec(output=OutputSpec(format="jpeg")), files, Settings(), []).pngs
