"""Methods at their settings or budgets, one after the other on one task; what cannot run is noted, not hidden."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import torch

from benchmarks.identity import Identity
from benchmarks.measuring import Measured, measure
from benchmarks.methods import Method, Unavailable, as_asked, at_budget
from benchmarks.roster import PUBLISHED
from benchmarks.row import Row
from benchmarks.setting import Prepared, Setting, identify
from sampler.errors import SamplerError
from sampler.schedule import Eta

Budget: TypeAlias = int | Literal["published"]
"""Network evaluations a picture, or what each method was published with."""


@dataclass(frozen=True)
class Wanted:
    """A method at a budget of NFE, or else with these settings (None: its published ones)."""

    name: str
    budget_nfe: int | None = None
    steps: int | None = None
    inner_steps: int | None = None
    eta: Eta | None = None

    def method(self, dtype: torch.dtype, nfe_a_request: int = 1) -> Method:
        """Raises `Unavailable`, and `ValueError` for settings out of range. A guided request takes 2 evaluations."""
        if self.budget_nfe is not None:
            return at_budget(self.name, self.budget_nfe // nfe_a_request, dtype)
        return as_asked(self.name, self.steps, self.inner_steps, self.eta, dtype)

    def __str__(self) -> str:
        return self.name if self.budget_nfe is None else f"{self.name} at {self.budget_nfe} NFE"


def at_budgets(methods: Sequence[str], budgets: Sequence[Budget]) -> list[Wanted]:
    """Each method at each budget, the smallest first and the published last, for those that have one."""
    equal = sorted(budget for budget in budgets if budget != "published")
    wanted = []
    for name in methods:
        wanted += [Wanted(name, budget) for budget in equal]
        wanted += [Wanted(name)] if "published" in budgets and name in PUBLISHED else []
    return wanted


def survey(
    setting: Setting,
    prepared: Prepared,
    wanted: Sequence[Wanted],
    notes: list[str],
    measured_before: Mapping[Identity, Row] | None = None,
) -> Iterator[tuple[Wanted, Measured]]:
    """Measure each; what is not available, not for this task, or fails is told and added to `notes`.

    A method that a smaller budget already brought to the same settings is not run again, nor is what was measured
    before: its row comes without pictures.
    """
    before = measured_before or {}
    done: set[str] = set()
    for one in wanted:
        try:
            method = one.method(setting.model.dtype, 1 if setting.guidance_scale == 1.0 else 2)
            key = f"{method.name} {method.settings}"
            if key in done:
                continue
            done.add(key)
            row = before.get(identify(setting, prepared, method))
            measured = Measured(row, []) if row else measure(setting, prepared, method, one.budget_nfe)
            published = method.is_published_for(prepared.task.kind)
        except Unavailable as error:
            tell(f"skipped {one}: {error}", notes)
        except (SamplerError, ValueError) as error:
            tell(f"skipped {one} on {prepared.task.name}: {error}", notes)
        else:
            if one.budget_nfe is not None and measured.row.nfe > one.budget_nfe:
                tell(f"{one} took {measured.row.nfe}", notes)
            yield one, replace(measured, row=replace(measured.row, budget_nfe=one.budget_nfe, published=published))


def tell(note: str, notes: list[str]) -> None:
    """Print a note and keep it, once."""
    if note not in notes:
        notes.append(note)
        print(note, flush=True)


def forget(one: Wanted, task: str, notes: list[str]) -> None:
    """Drop what an earlier run noted of a method that now could run."""
    skipped = (f"skipped {one}: ", f"skipped {one} on {task}: ")
    notes[:] = [note for note in notes if not note.startswith(skipped)]
