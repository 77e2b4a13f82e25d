"""The methods that are compared, each by its name, and how each is fitted to a budget of network evaluations (NFE).

A solver of `SamplerOptions` is one line in `OWN`, and there once the options accept it. A peer of `sampler.peers` is
one line in `PEERS`: its module's `Settings` say what a run costs (`evaluations`), and the largest number of steps that
a budget allows is taken. Budgets count evaluations; backward passes, which cost two more each, are reported beside.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Protocol, cast, get_args, get_type_hints

import torch

from sampler.evaluation import Process
from sampler.peers.problem import Problem
from sampler.sample import SampleResult, SamplerOptions, sample
from sampler.schedule import Eta, Spacing

MOST_STEPS = 1000
PAPER_STEPS, PAPER_INNER_STEPS = 20, 5


class Unavailable(RuntimeError):
    """A method that cannot be run here, with the reason."""


@dataclass(frozen=True, eq=False)
class Method:
    """A method ready to run. `options` are set for our own solvers, which run as a job of the worker does.

    `is_tuned`: it needs a checkpoint of its own, tuned for inpainting.
    """

    name: str
    steps: int
    inner_steps: int | None
    eta: Eta | None
    sampler: Callable[[Problem], Process[SampleResult]]
    options: SamplerOptions | None = None
    is_tuned: bool = False


@dataclass(frozen=True)
class Own:
    """A solver of ours: its options at a budget of `nfe`."""

    solver: str
    eta: Eta
    at_budget: Callable[[int], tuple[int, int]]
    """NFE to (steps, inner steps)."""

    inner_steps: int
    """Corrections a step where neither a budget nor a wish says otherwise."""

    spacing: Spacing | None = None
    """Which timesteps: None for those that the problem says."""


def newton_at(nfe: int) -> tuple[int, int]:
    """The paper's 20 steps with as many corrections, up to 5, as fit at 1 + 2K evaluations; at least one.

    Under 60 evaluations there is one correction and fewer steps: few corrections in many steps serve it best.
    """
    inner_steps = max(1, min(PAPER_INNER_STEPS, (nfe // PAPER_STEPS - 1) // 2))
    return max(1, nfe // (1 + 2 * inner_steps)), inner_steps


def default_at(nfe: int) -> tuple[int, int]:
    """Two evaluations a step, whose correction is the solver's own; more steps for more evaluations."""
    return max(1, nfe // 2), 1


OWN: Mapping[str, Own] = {
    "newton": Own("newton", "paper", newton_at, PAPER_INNER_STEPS, "leading"),
    "newton-eta1": Own("newton", 1.0, newton_at, PAPER_INNER_STEPS),
    "default": Own("default", 1.0, default_at, 1),
}


@dataclass(frozen=True)
class Peer:
    """A module of `sampler.peers`; `always` are settings that make the variant, `at_budget` those that fit NFE."""

    module: str
    always: Mapping[str, Any] = field(default_factory=dict)
    at_budget: Callable[[int], dict[str, Any]] = lambda _: {}
    is_tuned: bool = False


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


def lanpaint_at(nfe: int) -> dict[str, Any]:
    """20 steps with as many inner ones as fit, 1 to 10: the paper has runs with 5 and with 10."""
    return {"inner_steps": max(1, min(10, nfe // PAPER_STEPS - 1))}


PEERS: Mapping[str, Peer] = {
    "blended": Peer("blended"),
    "repaint": Peer("repaint", at_budget=lambda _: {"jump_length": 1, "resamplings": 3}),
    "mpgd": Peer("mpgd"),
    "ding": Peer("ding"),
    "ding-flow": Peer("ding", {"noise": "flow"}),
    "lanpaint": Peer("lanpaint", at_budget=lanpaint_at),
    "dps": Peer("dps"),
    "psld": Peer("psld"),
    "freedom": Peer("freedom"),
    "rival": Peer("rival", is_tuned=True),
    "rival-grey": Peer("rival", {"masked_latents": "grey_hole"}, is_tuned=True),
}


def names() -> list[str]:
    """Every method that can be asked for, whether or not it can run here."""
    accepted = get_args(get_type_hints(SamplerOptions)["solver"])
    return [name for name, own in OWN.items() if own.solver in accepted] + list(PEERS)


def at_budget(name: str, nfe: int, dtype: torch.dtype) -> Method:
    """The method with the settings that it does best with at `nfe` evaluations or fewer; raises `Unavailable`."""
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
    return SamplerOptions(steps=steps, inner_steps=inner_steps, solver=solver, eta=eta, network_dtype=dtype)


def _own(name: str, own: Own, options: SamplerOptions) -> Method:
    def sampler(problem: Problem) -> Process[SampleResult]:
        shape, conditioning = problem.latents_shape, problem.conditioning
        schedule = replace(problem.schedule, spacing=own.spacing or problem.schedule.spacing)
        return sample(shape, problem.constraint, conditioning, schedule, options, problem.generator)

    return Method(name, options.steps, options.inner_steps, options.eta, sampler, options)


def _peer_module(name: str) -> PeerModule:
    if name not in PEERS:
        raise Unavailable(f"no method is called {name}; there are {', '.join(names())}")
    module = f"sampler.peers.{PEERS[name].module}"
    if find_spec(module) is None:
        raise Unavailable(f"there is no {module}")
    return cast(PeerModule, import_module(module))


def _peer(name: str, module: PeerModule, settings: PeerSettings) -> Method:
    inner_steps, eta = getattr(settings, "inner_steps", None), getattr(settings, "eta", None)
    return Method(
        name,
        settings.steps,
        inner_steps,
        eta,
        lambda problem: module.sample(problem, settings),
        is_tuned=PEERS[name].is_tuned,
    )
