"""Who is compared: settings at budgets and as published, for which tasks, and that earlier rows keep their text."""

from __future__ import annotations

import pytest
import torch

from benchmarks.identity import told
from benchmarks.methods import Method, as_asked, at_budget
from benchmarks.roster import OWN, PUBLISHED, compared, names
from benchmarks.survey import Wanted, at_budgets
from benchmarks.tasks import Kind
from sampler.sample import SamplerOptions


def as_published(name: str) -> Method:
    return as_asked(name, None, None, None, torch.float32)


def test_newton_keeps_the_papers_steps_while_a_correction_fits() -> None:
    fitted = {nfe: at_budget("newton", nfe, torch.float32) for nfe in (20, 40, 60, 100, 220, 440)}
    assert {nfe: (method.steps, method.inner_steps) for nfe, method in fitted.items()} == {
        20: (6, 1),
        40: (13, 1),
        60: (20, 1),
        100: (20, 2),
        220: (20, 5),
        440: (40, 5),
    }


def test_our_solver_spends_two_evaluations_a_step() -> None:
    fitted = at_budget("default", 41, torch.float32)
    assert (fitted.steps, fitted.inner_steps, fitted.eta) == (20, 1, 1.0)


def test_published_budgets_are_those_of_the_papers() -> None:
    published = {name: as_asked(name, None, None, None, torch.float32) for name in PUBLISHED}
    assert all(method.is_published for method in published.values())
    assert {name: method.steps for name, method in published.items()} == {
        "newton": 20,
        "newton-trailing": 20,
        "newton-sr": 20,
        "blended": 50,
        "repaint": 250,
        "mpgd": 100,
        "ding": 25,
        "lanpaint": 20,
        "dps": 1000,
        "psld": 1000,
        "psld-box": 1000,
        "freedom": 100,
    }
    assert not any(at_budget(name, 80, torch.float32).is_published for name in PUBLISHED)
    assert not as_asked("newton-eta1", None, None, None, torch.float32).is_published


def test_who_has_no_published_budget_is_left_out_of_it() -> None:
    wanted = at_budgets(["default", "dps"], ["published", 60, 20])
    assert wanted == [Wanted("default", 20), Wanted("default", 60), Wanted("dps", 20), Wanted("dps", 60), Wanted("dps")]


def test_variants_for_study_are_measured_only_when_asked_for() -> None:
    assert {"default-gradient", "default-refills-50-90", "newton-trailing", "newton-sr"} <= set(names()) - set(
        compared()
    )
    assert {"newton", "default", "psld", "psld-box"} <= set(compared())


def test_methods_are_offered_by_name() -> None:
    assert {"newton", "newton-eta1", "blended", "repaint", "mpgd", "ding", "lanpaint", "dps", "rival"} <= set(names())


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("newton", {"complete", "inpaint"}),
        ("newton-trailing", {"complete", "inpaint"}),
        ("newton-sr", {"upscale"}),
        ("psld", {"complete", "inpaint", "upscale"}),
        ("psld-box", {"complete", "inpaint"}),
        ("newton-eta1", set()),
    ],
)
def test_settings_are_published_for_the_tasks_that_they_were_published_for(name: str, kinds: set[Kind]) -> None:
    method = as_published(name)
    every: tuple[Kind, ...] = ("complete", "inpaint", "upscale")
    assert {kind for kind in every if method.is_published_for(kind)} == kinds
    assert not any(at_budget(name, 80, torch.float32).is_published_for(kind) for kind in every)


def test_the_paper_enlarges_with_ten_corrections_of_one_length() -> None:
    method = as_published("newton-sr")
    assert method.options is not None
    assert method.options.newton.rates() == pytest.approx([0.1] * 10)
    assert method.spacing == "trailing"
    assert method.own is not None
    assert method.own.through_decoder
    assert "rates=(0.1, 0.1)" in method.settings
    fitted = {nfe: at_budget("newton-sr", nfe, torch.float32) for nfe in (60, 220, 420)}
    assert {nfe: (one.steps, one.inner_steps) for nfe, one in fitted.items()} == {
        60: (20, 1),
        220: (20, 5),
        420: (20, 10),
    }


def test_other_timesteps_are_a_variant_that_the_worker_runs_as_it_runs_newton() -> None:
    assert OWN["newton-trailing"].is_of_worker
    assert not OWN["newton-sr"].is_of_worker
    assert as_published("newton-trailing").options == as_published("newton").options


def test_both_weights_of_psld_are_there() -> None:
    assert as_published("psld").settings == "psld.Settings(steps=1000, omega=1.0, gamma=0.1, eta=0.0)"
    assert as_published("psld-box").settings == "psld.Settings(steps=1000, omega=0.1, gamma=0.01, eta=0.0)"


def test_rows_that_are_there_keep_their_settings_text() -> None:
    """An option that is newer than they are is told only where it is not the default."""
    assert as_published("newton").settings == (
        "SamplerOptions(steps=20, inner_steps=5, solver='newton', eta='paper', h=None, network_dtype=torch.float32, "
        "tolerance=0.0, largest_latent=1000.0), spacing=leading, refills=None, through_decoder=False"
    )
    options = SamplerOptions(solver="default", eta=1.0)
    assert told(options) == repr(options).replace(", rates=(0.5, 0.1)", "")
    assert told(SamplerOptions(rates=(0.5, 0.2))) == repr(SamplerOptions(rates=(0.5, 0.2)))
