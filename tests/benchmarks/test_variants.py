"""Variants of methods and of how prompts are followed, each on a tiny random model."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks import quality
from benchmarks.methods import Method, as_asked
from benchmarks.pictures import symmetric_scenes
from benchmarks.restoring import Restored, restore
from benchmarks.roster import PEERS, compared
from benchmarks.running import run
from benchmarks.stating import agreeing, written_residual_255
from benchmarks.tasks import TASKS, Case, make_cases
from jobs.settings import Settings
from sampler.evaluation import Answer, Denoise, Encode, Process, Request
from worker.canvas import to_picture
from worker.diffusers_model import DiffusersModel
from worker.model import load

GUIDED = [name for name in compared() if name not in PEERS or not PEERS[name].is_tuned]
"""All but the tuned rival, whose network is another; `tests/sampler/peers/test_rival.py` guides it."""

MEASURING = ["newton", "default", "mpgd", "dps", "psld", "freedom"]


FULL_SIZE_METHODS = ("default", "mpgd", "dps", "psld")


@pytest.fixture(scope="module")
def model(tiny_folder: Path) -> DiffusersModel:
    return load(Settings(model=str(tiny_folder), device="cpu", dtype="float32"))


def case_of(task: str, guidance_scale: float = 1.0) -> Case:
    return make_cases(TASKS[task], symmetric_scenes(3, 1), 0, guidance_scale)[0]


def method_of(name: str, model: DiffusersModel, steps: int = 2) -> Method:
    return as_asked(name, steps, None, None, model.dtype)


def restored(model: DiffusersModel, case: Case, method: Method) -> Restored:
    return run(model, [lambda: restore(model, case, method)], 1).results[0]


def requests_of(model: DiffusersModel, case: Case, method: Method) -> list[Request]:
    """All that the method asks for, in order."""
    asked: list[Request] = []

    def watched() -> Process[Restored]:
        process = restore(model, case, method)
        answer: Answer = None
        while True:
            try:
                request = process.send(answer)
            except StopIteration as stop:
                finished: Restored = stop.value
                return finished
            asked.append(request)
            answer = yield request

    start: Callable[[], Process[Restored]] = watched
    run(model, [start], 1)
    return asked


@pytest.mark.parametrize(
    ("task", "name"),
    [
        *(("box", name) for name in GUIDED),
        *(("x4", name) for name in MEASURING),
        *((task, name) for task in ("colorize", "deblur") for name in ("default", "dps")),
    ],
)
def test_every_method_follows_a_prompt_more_strongly_at_twice_the_evaluations(
    model: DiffusersModel, task: str, name: str
) -> None:
    method = method_of(name, model)
    free, guided = (restored(model, case_of(task, scale), method) for scale in (1.0, 5.0))
    assert guided.nfe == 2 * free.nfe
    assert guided.backward_passes == 2 * free.backward_passes
    assert not np.array_equal(np.asarray(guided.picture), np.asarray(free.picture))


@pytest.mark.parametrize(
    ("name", "encodings"),
    [("default", 5), ("default-refills-none", 1), ("default-refills-70", 2), ("default-refills-50-90", 3)],
)
def test_known_pixels_are_encoded_again_as_often_as_the_variant_says(
    model: DiffusersModel, name: str, encodings: int
) -> None:
    asked = requests_of(model, case_of("box"), method_of(name, model, steps=10))
    assert sum(isinstance(request, Encode) for request in asked) == encodings


def test_a_variant_differs_from_the_service_in_its_refills_only(model: DiffusersModel) -> None:
    """Variants take another way through the code, which must not differ otherwise: with one step there is no refill."""
    service, variant = (
        restored(model, case_of("box"), method_of(name, model, steps=1)).picture
        for name in ("default", "default-refills-50-90")
    )
    assert np.array_equal(np.asarray(service), np.asarray(variant))


@pytest.mark.parametrize(
    ("name", "timestep"), [("default", 999), ("newton-eta1", 999), ("newton", 801), ("newton-trailing", 999)]
)
def test_all_but_the_published_solver_begin_at_the_noisiest_timestep(
    model: DiffusersModel, name: str, timestep: int
) -> None:
    """As the service samples, whatever the checkpoint's own configuration says."""
    asked = requests_of(model, case_of("half_left"), method_of(name, model, steps=5))
    assert next(request.timestep for request in asked if isinstance(request, Denoise)) == timestep


def test_other_timesteps_are_all_that_the_trailing_variant_has_of_its_own(model: DiffusersModel) -> None:
    trailing = as_asked("newton-trailing", 2, 1, 1.0, model.dtype)
    other = as_asked("newton-eta1", 2, 1, None, model.dtype)
    expected, found = (restored(model, case_of("box"), method).picture for method in (other, trailing))
    assert np.array_equal(np.asarray(expected), np.asarray(found))


def test_the_papers_enlarging_takes_a_gradient_of_the_decoder_a_correction(model: DiffusersModel) -> None:
    method = method_of("newton-sr", model, steps=1)
    found = restored(model, case_of("x4"), method)
    assert (found.nfe, found.backward_passes) == (21, 11)  # one more tells the residual of the end
    shorter = as_asked("newton-gradient", 1, 10, None, model.dtype)
    assert not np.array_equal(np.asarray(found.picture), np.asarray(restored(model, case_of("x4"), shorter).picture))


def test_the_encoders_probe_and_the_decoders_gradient_stand_side_by_side(tiny_folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "x4.json"
    options = ["--count", "2", "--batch", "2", "--threads", "1", "--model", str(tiny_folder), "--json", str(path)]
    methods = ["--masks", "x4", "box", "--methods", "default", "default-gradient", "--budgets", "4"]
    assert quality.main([*options, *methods]) == 0
    report = json.loads(path.read_text())
    probe, gradient, in_a_hole = report["rows"]
    assert (probe["method"], probe["nfe"], probe["backward_passes"]) == ("default", 4, 0)
    assert (gradient["method"], gradient["nfe"], gradient["backward_passes"]) == ("default-gradient", 4, 3)
    for row in (probe, gradient):
        assert 0 < row["written_residual_255"] < 0.5
    assert (in_a_hole["method"], in_a_hole["written_residual_255"]) == ("default", None)
    assert "without the decoder's gradient" in report["notes"][0]


def test_the_residual_is_that_of_the_written_picture_in_levels(model: DiffusersModel) -> None:
    case = case_of("x4")
    brighter = case.upload.picture.point(lambda value: min(255, value + 3))
    assert (written_residual_255(model, case, case.upload.picture) or 0.0) < 0.5
    assert written_residual_255(model, case, brighter) == pytest.approx(3.0, abs=0.5)
    assert written_residual_255(model, case_of("box"), brighter) is None
    grey = case_of("colorize")
    assert (written_residual_255(model, grey, grey.upload.picture.convert("L").convert("RGB")) or 0.0) < 0.5
    assert written_residual_255(model, grey, brighter) == pytest.approx(3.0, abs=0.5)


def test_colour_and_sharpness_are_compared_as_enlarging_is(tiny_folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "full-size.json"
    options = ["--count", "1", "--batch", "1", "--threads", "1", "--model", str(tiny_folder), "--json", str(path)]
    wanted = ["--masks", "colorize", "deblur", "--methods", *FULL_SIZE_METHODS, "--budgets", "2"]
    assert quality.main([*options, *wanted]) == 0
    rows = json.loads(path.read_text())["rows"]
    assert [(row["task"], row["mask"], row["method"]) for row in rows] == [
        (task, task, name) for task in ("colorize", "deblur") for name in FULL_SIZE_METHODS
    ]
    for row in rows:
        assert not row["published"]
        assert row["residual"] > 0
        assert row["known_max_abs_diff"] is None
        assert row["vae_bound_db"] > 5
        assert 0 < row["written_residual_255"] < (0.5 if row["task"] == "colorize" else 20)
        assert (row["backward_passes"] > 0) == (row["method"] in {"dps", "psld"})


def test_results_are_finished_as_the_service_finishes_them(model: DiffusersModel) -> None:
    """Deblurring adds what the blurred result misses, damped: it comes closer, not all the way as enlarging does."""
    case = case_of("deblur")
    grey = torch.zeros(3, 128, 128)
    before, after = (
        written_residual_255(model, case, to_picture(image)) for image in (grey, agreeing(model, case, grey))
    )
    assert before is not None
    assert after is not None
    assert 0.05 * before < after < 0.5 * before
    assert agreeing(model, case_of("box"), grey) is grey
