"""The methods that are compared, each by its name, and how each is fitted to a budget of network evaluations (NFE).

A solver of `SamplerOptions` is one line in `OWN` (`benchmarks.roster`), and there once the options accept it. A peer of
`sampler.peers` is one line in `PEERS`: its module's `Settings` say what a run costs (`evaluations`), and the largest
number of steps that a budget allows is taken. Budgets count evaluations; backward passes, which cost two more each, are
reported beside.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Protocol, cast

import torch

from benchmarks.identity import told
from benchmarks.roster import OWN, PAPER_STEPS, PEERS, PUBLISHED, PUBLISHED_FOR, Own, names
from benchmarks.tasks import Kind
from sampler.evaluation import Process
from sampler.peers.problem import Problem
from sampler.sample import SampleResult, SamplerOptions, sample
from sampler.schedule import Eta, Spacing

MOST_STEPS = 1000


class Unavailable(RuntimeError):
    """A method that cannot be run here, with the reason."""


@dataclass(frozen=True, eq=False)
class Method:
    """A method ready to run. `own` and `options` are set for our own solvers, which run as a job of the worker does.

    `settings` are all of its settings as a text: equal texts, equal results. `is_published`: it was published with
    them, for some task. `is_tuned`: it needs a checkpoint of its own, tuned for inpainting.
    """

    name: str
    steps: int
    inner_steps: int | None
    eta: Eta | None
    sampler: Callable[[Problem], Process[SampleResult]]
    settings: str
    is_published: bool = False
    own: Own | None = None
    options: SamplerOptions | None = None
    is_tuned: bool = False

    @property
    def spacing(self) -> Spacing | None:
        """Which timesteps it asks for; None for those of the service."""
        return self.own.spacing if self.own else None

    def is_published_for(self, kind: Kind) -> bool:
        """Whether it was published with these settings for such tasks."""
        return self.is_published and kind in PUBLISHED_FOR.get(self.name, (kind,))


class PeerSettings(Protocol):
    """What the `Settings` of every peer have."""

    @property
    def steps(self) -> int:
        """Noise levels of a run."""
        ...

    @property
    def evaluations(self) -> int:
        """Requests to the network in a run."""
        ...


class PeerModule(Protocol):
    """What every module in `sampler.peers` that is a method has."""

    Settings: Callable[..., PeerSettings]

    def sample(self, problem: Problem, settings: PeerSettings) -> Process[SampleResult]:
        """Latents that meet the problem's constraint."""
        ...


def at_budget(name: str, nfe: int, dtype: torch.dtype) -> Method:
    """The method with as many steps as `nfe` evaluations allow and otherwise its published settings.

    But for those that `benchmarks.roster` fits to a budget, its corrections or repetitions a step. Raises `Unavailable`
    where not even one step fits.
    """
    if name in OWN:
        own = OWN[name]
        steps, inner_steps = own.at_budget(nfe)
        return _own(name, own, _options(own, steps, inner_steps, own.eta, dtype))
    module = _peer_module(name)
    knobs = {**PEERS[name].always, **PEERS[name].at_budget(nfe)}
    settings = None
    for steps in range(1, MOST_STEPS + 1):
        candidate = module.Settings(steps=steps, **knobs)
        if candidate.evaluations > nfe:
            break
        settings = candidate
    if settings is None:
        raise Unavailable(f"{name} needs more than {nfe} evaluations")
    return _peer(name, module, settings)


def as_asked(name: str, steps: int | None, inner_steps: int | None, eta: Eta | None, dtype: torch.dtype) -> Method:
    """The method with these settings, its published ones where None; raises `Unavailable`."""
    if name in OWN:
        own = OWN[name]
        paper = PAPER_STEPS if steps is None else steps, own.inner_steps if inner_steps is None else inner_steps
        return _own(name, own, _options(own, *paper, own.eta if eta is None else eta, dtype))
    module = _peer_module(name)
    asked = {} if steps is None else {"steps": steps}
    return _peer(name, module, module.Settings(**PEERS[name].always, **asked))


def _options(own: Own, steps: int, inner_steps: int, eta: Eta, dtype: torch.dtype) -> SamplerOptions:
    solver: Any = own.solver  # one of the literal's values: `names` has looked
    options = SamplerOptions(steps=steps, inner_steps=inner_steps, solver=solver, eta=eta, network_dtype=dtype)
    return options if own.rates is None else replace(options, rates=own.rates)


def _own(name: str, own: Own, options: SamplerOptions) -> Method:
    def sampler(problem: Problem) -> Process[SampleResult]:
        shape, conditioning = problem.latents_shape, problem.conditioning
        schedule = replace(problem.schedule, spacing=own.spacing or problem.schedule.spacing)
        return sample(shape, problem.constraint, conditioning, schedule, options, problem.generator)

    asked = (options.steps, options.inner_steps, options.eta)
    variant = f"spacing={own.spacing}, refills={own.refills}, through_decoder={own.through_decoder}"
    return Method(
        name,
        *asked,
        sampler,
        settings=f"{told(options)}, {variant}",
        is_published=name in PUBLISHED and asked == (PAPER_STEPS, own.inner_steps, own.eta),
        own=own,
        options=options,
    )


def _peer_module(name: str) -> PeerModule:
    if name not in PEERS:
        raise Unavailable(f"no method is called {name}; there are {', '.join(names())}")
    module = f"sampler.peers.{PEERS[name].module}"
    if find_spec(module) is None:
        raise Unavailable(f"there is no {module}")
    return cast(PeerModule, import_module(module))


def _peer(name: str, module: PeerModule, settings: PeerSettings) -> Method:
    return Method(
        name,
        settings.steps,
        getattr(settings, "inner_steps", None),
        getattr(settings, "eta", None),
        lambda problem: module.sample(problem, settings),
        settings=f"{PEERS[name].module}.{settings}",
        is_published=name in PUBLISHED and settings == module.Settings(**PEERS[name].always),
        is_tuned=PEERS[name].is_tuned,
    )
