"""Who asks for what, and how often: the load's shape over time, and when each submission is due."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random

ONE_TASK: Mapping[str, float] = {"complete": 1.0}
ALL_TASKS: Mapping[str, float] = {
    "complete": 0.4,
    "inpaint": 0.2,
    "outpaint": 0.1,
    "generate": 0.1,
    "upscale": 0.1,
    "colorize": 0.05,
    "deblur": 0.05,
}
ONE_CALLER: Mapping[str, float] = {"alone": 1.0}
UNEQUAL_CALLERS: Mapping[str, float] = {"crowd": 0.7, "anna": 0.1, "ben": 0.1, "chris": 0.1}


def level(share: float) -> float:
    """The same load all the time."""
    del share
    return 1.0


def spike(share: float) -> float:
    """Five times the load in the third fifth of the time, half of it before and after: 1.4 on the whole."""
    return 5.0 if 0.4 <= share < 0.6 else 0.5


@dataclass(frozen=True)
class Profile:
    """A load: `shape` says by which factor the rate is multiplied after a share of the time, `peak` is its largest.

    `tasks` and `callers` are weights. `limits` are the largest values of figures in the report with which a run
    passes; a command line may set others.
    """

    name: str
    what: str
    shape: Callable[[float], float] = level
    peak: float = 1.0
    tasks: Mapping[str, float] = field(default_factory=lambda: ONE_TASK)
    callers: Mapping[str, float] = field(default_factory=lambda: ONE_CALLER)
    limits: Mapping[str, float] = field(default_factory=dict)


STRICT = {"lost": 0.0, "wrong": 0.0, "refused_share": 0.0, "failed_share": 0.0, "lag_p99_s": 0.1, "submit_p99_s": 1.0}
"""Of a service that can bear the load. A clock that lags has not offered what the report says."""

PROFILES = {
    profile.name: profile
    for profile in (
        Profile("steady", "one caller, one task, the same rate all the time", limits=STRICT),
        Profile(
            "spike",
            "half the rate, five times the rate, half the rate; may be refused at the peak, nothing may be lost",
            shape=spike,
            peak=5.0,
            limits={**STRICT, "refused_share": 0.5, "submit_p99_s": 3.0},
        ),
        Profile("soak", "every task and four callers for a long time", tasks=ALL_TASKS, callers=UNEQUAL_CALLERS,
                limits=STRICT),
        Profile("mixed-tasks", "every task, one caller", tasks=ALL_TASKS, limits=STRICT),
        Profile("mixed-callers", "four callers of whom one sends seven tenths", callers=UNEQUAL_CALLERS, limits=STRICT),
    )
}  # fmt: skip


@dataclass(frozen=True)
class Arrival:
    """A submission that is due `at_s` seconds after the start, whatever has become of those before it."""

    number: int
    at_s: float
    task: str
    caller: str


def arrivals(profile: Profile, rate: float, seconds: float, most: int, seed: int) -> list[Arrival]:
    """A Poisson process of `rate` submissions a second times the profile's shape, by thinning one at its peak.

    (Lewis and Shedler 1979.) At most `most`, none after `seconds`. A seed draws the same again.
    """
    draw = Random(f"{seed}/{profile.name}")
    drawn: list[Arrival] = []
    at_s = draw.expovariate(rate * profile.peak)
    while at_s < seconds and len(drawn) < most:
        if draw.random() * profile.peak < profile.shape(at_s / seconds):
            drawn.append(Arrival(len(drawn), at_s, _drawn(draw, profile.tasks), _drawn(draw, profile.callers)))
        at_s += draw.expovariate(rate * profile.peak)
    return drawn


def _drawn(draw: Random, weights: Mapping[str, float]) -> str:
    return draw.choices(list(weights), list(weights.values()))[0]
