"""Who is compared: our solvers with their variants, the peers, and what each was published with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, get_args, get_type_hints

from benchmarks.tasks import Kind
from sampler.sample import SamplerOptions
from sampler.schedule import Eta, Spacing

PAPER_STEPS, PAPER_INNER_STEPS = 20, 5
PAPER_ENLARGING_INNER_STEPS, PAPER_ENLARGING_RATES = 10, (0.1, 0.1)
HOLES: tuple[Kind, ...] = ("complete", "inpaint")
ENLARGING: tuple[Kind, ...] = ("upscale",)


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
    """Which timesteps: None for those of the service."""

    refills: tuple[float, ...] | None = None
    """Shares of the steps after which known pixels are encoded again, for study; None as the service does."""

    through_decoder: bool = False
    """Enlarge by the decoder's gradient, as published, instead of by the encoder's probe; for study."""

    rates: tuple[float, float] | None = None
    """Lengths of the first and the last correction of a step; None for those of `SamplerOptions`."""

    for_study: bool = False
    """Measured only when asked for, though the worker could run it."""

    @property
    def is_of_worker(self) -> bool:
        """Whether the worker's own code can run it, on a picture with a hole."""
        return self.refills is None and not self.through_decoder

    @property
    def is_studied(self) -> bool:
        """Whether it is a variant that only says what a part of the method is worth."""
        return self.for_study or not self.is_of_worker


@dataclass(frozen=True)
class Peer:
    """A module of `sampler.peers`; `always` are settings that make the variant, `at_budget` those that fit NFE."""

    module: str
    always: Mapping[str, Any] = field(default_factory=dict)
    at_budget: Callable[[int], dict[str, Any]] = lambda _: {}
    is_tuned: bool = False


def newton_at(nfe: int, most_inner_steps: int = PAPER_INNER_STEPS) -> tuple[int, int]:
    """The paper's 20 steps with as many corrections, up to its own, as fit at 1 + 2K evaluations; at least one.

    Under 60 evaluations there is one correction and fewer steps: few corrections in many steps serve it best.
    """
    inner_steps = max(1, min(most_inner_steps, (nfe // PAPER_STEPS - 1) // 2))
    return max(1, nfe // (1 + 2 * inner_steps)), inner_steps


def newton_enlarging_at(nfe: int) -> tuple[int, int]:
    """The same with up to the 10 corrections that the paper has for super-resolution."""
    return newton_at(nfe, PAPER_ENLARGING_INNER_STEPS)


def default_at(nfe: int) -> tuple[int, int]:
    """Two evaluations a step, whose correction is the solver's own; more steps for more evaluations."""
    return max(1, nfe // 2), 1


def lanpaint_at(nfe: int) -> dict[str, Any]:
    """20 steps with as many inner ones as fit, 1 to 10: the paper has runs with 5 and with 10."""
    return {"inner_steps": max(1, min(10, nfe // PAPER_STEPS - 1))}


def refilled(*percent: int) -> Own:
    """Our solver with the known pixels encoded again after these shares of the steps only."""
    return Own("default", 1.0, default_at, 1, refills=tuple(share / 100 for share in percent))


OWN: Mapping[str, Own] = {
    "newton": Own("newton", "paper", newton_at, PAPER_INNER_STEPS, "leading"),
    "newton-eta1": Own("newton", 1.0, newton_at, PAPER_INNER_STEPS),
    "default": Own("default", 1.0, default_at, 1),
    "newton-trailing": Own("newton", "paper", newton_at, PAPER_INNER_STEPS, "trailing", for_study=True),
    "newton-sr": Own(
        *("newton", "paper", newton_enlarging_at, PAPER_ENLARGING_INNER_STEPS, "trailing"),
        through_decoder=True,
        rates=PAPER_ENLARGING_RATES,
    ),
    "newton-gradient": Own("newton", "paper", newton_at, PAPER_INNER_STEPS, "leading", through_decoder=True),
    "default-gradient": Own("default", 1.0, default_at, 1, through_decoder=True),
    "default-refills-none": refilled(),
    "default-refills-30": refilled(30),
    "default-refills-50": refilled(50),
    "default-refills-70": refilled(70),
    "default-refills-30-70": refilled(30, 70),
    "default-refills-50-90": refilled(50, 90),
    "default-refills-30-60-90": refilled(30, 60, 90),
}

PEERS: Mapping[str, Peer] = {
    "blended": Peer("blended"),
    "repaint": Peer("repaint", at_budget=lambda _: {"jump_length": 1, "resamplings": 3}),
    "mpgd": Peer("mpgd"),
    "ding": Peer("ding"),
    "ding-flow": Peer("ding", {"noise": "flow"}),
    "lanpaint": Peer("lanpaint", at_budget=lanpaint_at),
    "dps": Peer("dps"),
    "psld": Peer("psld"),
    "psld-box": Peer("psld", {"omega": 0.1, "gamma": 0.01}),
    "freedom": Peer("freedom"),
    "rival": Peer("rival", is_tuned=True),
    "rival-grey": Peer("rival", {"masked_latents": "grey_hole"}, is_tuned=True),
}

PUBLISHED: Mapping[str, str] = {
    "newton": "arXiv 2410.18804, released notebooks: 20 steps of 5 corrections, 220 NFE. No notebook has its timesteps "
    "and its noise together: it asks the network at 951, 901, … as `diffusers/inpaint.ipynb` does, which steps with "
    "the scheduler's own noise, and draws noise of variance beta-tilde as `stable-diffusion/inpaint.ipynb` does, which "
    "starts at 999 (`newton-trailing`)",
    "newton-trailing": "arXiv 2410.18804, `stable-diffusion/inpaint.ipynb`: 20 steps of 5 corrections, 220 NFE, at "
    "999, 949, …, with noise of variance beta-tilde",
    "newton-sr": "arXiv 2410.18804, `stable-diffusion/superres.ipynb` (there ×8): 20 steps of 10 corrections of length "
    "0.1, 420 NFE, through the decoder's gradient, with timesteps and noise as `newton-trailing`",
    "blended": "arXiv 2206.02779, released code: 50 steps of DDIM",
    "repaint": "arXiv 2201.09865: 250 steps, jumps of 10, 10 samplings, 2,410 NFE",
    "mpgd": "arXiv 2311.16424: 100 steps",
    "ding": "arXiv 2512.18365: 25 steps, 49 NFE",
    "lanpaint": "arXiv 2502.03491, LanPaint-5: 20 steps of 5 iterations, 120 NFE",
    "dps": "arXiv 2209.14687, released configuration: 1000 steps of DDPM, each differentiated",
    "psld": "arXiv 2307.00619, released code: 1000 steps of DDIM, each differentiated; its default weights 1 and 0.1, "
    "which its scripts for scattered holes and for blur have",
    "psld-box": "arXiv 2307.00619, released `inverse_bip.sh`: as `psld`, with its weights 0.1 and 0.01 for a box",
    "freedom": "arXiv 2303.09833, released code: 100 steps, 30 of them three times, 160 NFE, each differentiated",
}
"""Methods with a budget of their own, and where it is from: the defaults of their `Settings`.

arXiv 2410.18804 compares with PSLD, FreeDoM and MPGD on Stable Diffusion, and tells the time that each takes (figure 1
of its second version): 8 min, 1 min and 18 s, and 15 s for its own. Other variants, and the rival, which is tuned here,
have none.
"""


PUBLISHED_FOR: Mapping[str, tuple[Kind, ...]] = {
    "newton": HOLES,
    "newton-trailing": HOLES,
    "newton-sr": ENLARGING,
    "psld-box": HOLES,
}
"""For which tasks these settings were published; the others' are for whatever the method can do."""


def names() -> list[str]:
    """Every method that can be asked for, whether or not it can run here."""
    accepted = get_args(get_type_hints(SamplerOptions)["solver"])
    return [name for name, own in OWN.items() if own.solver in accepted] + list(PEERS)


def compared() -> list[str]:
    """The methods that are measured unless others are asked for: all but variants for study."""
    return [name for name in names() if name not in OWN or not OWN[name].is_studied]
