"""Methods at their settings or budgets, one after the other on one task; what cannot run is noted, not hidden."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from benchmarks.measuring import Measured, Prepared, Setting, measure
from benchmarks.methods import Method, Unavailable, as_asked, at_budget
from sampler.errors import SamplerError
from sampler.schedule import Eta


@dataclass(frozen=True)
class Wanted:
    """A method at a budget of NFE, or else with these settings (None: its published ones)."""

    name: str
    budget_nfe: int | None = None
    steps: int | None = None
    inner_steps: int | None = None
    eta: Eta | None = None

    def method(self, dtype: torch.dtype) -> Method:
        """Raises `Unavailable`, and `ValueError` for settings out of range."""
        if self.budget_nfe is not None:
            return at_budget(self.name, self.budget_nfe, dtype)
        return as_asked(self.name, self.steps, self.inner_steps, self.eta, dtype)

    def __str__(self) -> str:
        return self.name if self.budget_nfe is None else f"{self.name} at {self.budget_nfe} NFE"


def survey(
    setting: Setting, prepared: Prepared, wanted: Sequence[Wanted], notes: list[str]
) -> Iterator[tuple[Wanted, Measured]]:
    """Measure each; what is not available, not for this task, or fails is told and added to `notes`.

    A method that a smaller budget already brought to the same settings is not run again.
    """
    done: set[tuple[str, int, int | None]] = set()
    for one in wanted:
        try:
            method = one.method(setting.model.dtype)
            key = (method.name, method.steps, method.inner_steps)
            if key in done:
                continue
            done.add(key)
            measured = measure(setting, prepared, method, one.budget_nfe)
        except Unavailable as error:
            tell(f"skipped {one.name}: {error}", notes)
        except (SamplerError, ValueError) as error:
            tell(f"skipped {one} on {prepared.task.name}: {error}", notes)
        else:
            if one.budget_nfe is not None and measured.row.nfe > one.budget_nfe:
                tell(f"{one} took {measured.row.nfe}", notes)
            yield one, measured


def tell(note: str, notes: list[str]) -> None:
    """Print a note and keep it, once."""
    if note not in notes:
        notes.append(note)
        print(note, flush=True)
