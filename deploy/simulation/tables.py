"""The simulation's answers as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from deploy.pace import Pace
from deploy.simulation.scale import BEARABLE_S, Prices, RedisNeed, fairness, fleets, lags

STARTS_S = (15.0, 60.0, 180.0, 600.0)


def tables(pace: Pace, prices: Prices, need: RedisNeed, *, steps: int, room: int, seed: int) -> str:
    """All tables, each under its heading."""
    parts = [
        ("Fleets", fleet_table(pace, prices, need, steps=steps, room=room, seed=seed)),
        ("Autoscaling", lag_table(pace, steps=steps, room=room, seed=seed)),
        ("Fairness", fairness_table(pace, steps=steps, room=room, seed=seed)),
    ]
    return "\n\n".join(f"### {heading}\n\n{table}" for heading, table in parts)


def fleet_table(pace: Pace, prices: Prices, need: RedisNeed, *, steps: int, room: int, seed: int) -> str:
    """Cost and Redis by the number of GPUs."""
    head = ["GPUs", "jobs/s", "p50 s", "p95 s", "cost of a picture", "Redis commands/s", "of one Redis", "shards"]
    return _markdown(
        head,
        [
            [
                *(f"{row.gpus:,}", f"{row.jobs_per_s:,.1f}", f"{row.p50_s:.2f}", f"{row.p95_s:.2f}"),
                *(f"{row.cost_a_picture:.5f}", f"{row.redis_commands_per_s:,.0f}", f"{row.redis_share:.1%}"),
                str(row.shards()),
            ]
            for row in fleets(pace, prices, need, steps=steps, room=room, seed=seed)
        ],
    )


def lag_table(pace: Pace, *, steps: int, room: int, seed: int) -> str:
    """How long a step in load is felt, by the seconds that a worker takes to start."""
    head = ["start of a worker, s", "longest wait, s", f"s until waits are below {BEARABLE_S:g} s", "most workers"]
    rows = lags(pace, STARTS_S, steps=steps, room=room, seed=seed)
    return _markdown(
        head,
        [
            [f"{row.start_s:g}", f"{row.longest_wait_s:.1f}", f"{row.settled_s:.0f}", str(row.most_workers)]
            for row in rows
        ],
    )


def fairness_table(pace: Pace, *, steps: int, room: int, seed: int) -> str:
    """What a small caller sees beside a large one."""
    head = ["order", "small caller p50 s", "p95 s", "crowd p50 s"]
    return _markdown(
        head,
        [
            [row.order, f"{row.small_p50_s:.1f}", f"{row.small_p95_s:.1f}", f"{row.crowd_p50_s:.1f}"]
            for row in fairness(pace, steps=steps, room=room, seed=seed)
        ],
    )


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])
