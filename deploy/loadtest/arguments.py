"""The command line of a load test."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from deploy.loadtest.plan import FASTEST, LONGEST_S, MOST
from deploy.loadtest.profiles import PROFILES


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The options, within bounds; ends the program with 2 for others."""
    parser = argparse.ArgumentParser(prog="python -m deploy.loadtest")
    add = parser.add_argument
    add("--profile", choices=list(PROFILES), default="steady", help=_profiles())
    add("--rate", type=float, nargs="+", default=[2.0], metavar="JOBS", help="offered submissions a second")
    add("--seconds", type=float, default=30.0, help="how long submissions are due")
    add("--most", type=int, default=10_000, help="submissions of one run at most")
    add("--workers", type=int, nargs="+", default=[1], metavar="COUNT")
    add("--apis", type=int, default=1, help="API processes, which take turns")
    add("--engine", choices=("real", "stub"), default="real")
    add("--pace", type=Path, help="report of `inlay bench engine` at whose pace a stub answers")
    add("--threads", type=int, help="of a real worker's network; all cores if left out")
    add("--model", default="models/scenes-128")
    add("--steps", type=int, default=20, help="denoising steps of a job")
    add("--queue-depth", type=int, default=1000, help="jobs that may wait before others are refused")
    add("--patience", type=float, default=120.0, help="seconds after the last submission in which jobs must end")
    add("--seed", type=int, default=0)
    add("--limit", nargs="*", default=[], metavar="FIGURE=MOST", help="beside the profile's own, or in their place")
    add("--url", nargs="+", help="addresses of API processes that run already; the caller's key is INLAY_API_KEY")
    add("--allow-remote", action="store_true", help="load addresses that are not this machine's")
    add("--out", type=Path, help="folder for rows.json and the plots")
    options = parser.parse_args(arguments)
    try:
        options.limits = dict(PROFILES[options.profile].limits) | dict(map(_limit, options.limit))
        _check(options)
    except ValueError as error:
        parser.error(str(error))
    return options


def _check(options: argparse.Namespace) -> None:
    if not 0 < options.seconds <= LONGEST_S:
        raise ValueError(f"--seconds: more than 0, at most {LONGEST_S:g}")
    if not all(0 < rate <= FASTEST for rate in options.rate):
        raise ValueError(f"--rate: more than 0, at most {FASTEST:g}")
    if not 0 < options.most <= MOST:
        raise ValueError(f"--most: 1 to {MOST}")
    if options.url and len(options.workers) > 1:
        raise ValueError("--workers: a service that runs already has its own")
    if options.pace and options.engine != "stub":
        raise ValueError("--pace is a stub's; --engine stub")
    if min(options.workers) < 1 or options.apis < 1:
        raise ValueError("at least one worker and one API process")


def _limit(text: str) -> tuple[str, float]:
    name, separator, most = text.partition("=")
    if not separator:
        raise ValueError(f"{text!r} is no limit: end_to_end_p95_s=10")
    return name, float(most)


def _profiles() -> str:
    return "; ".join(f"{profile.name}: {profile.what}" for profile in PROFILES.values())
