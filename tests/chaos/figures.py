"""What a fault cost, as a row: how long nothing ended, what was lost, what ended twice, what ran again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from tests.chaos.invariants import compared, differing, doubled, lost
from tests.chaos.ledger import FileLedger


@dataclass(frozen=True)
class Row:
    """`recovered_s`: from the moment that `since` names to the first end of a job that the fault had touched.

    `run_again`: jobs that a second worker, or the same one, had to begin anew. `compared`: jobs whose picture was held
    against that of an equal job, and `differing` those where it was another.
    """

    fault: str
    since: str
    recovered_s: float
    accepted: int
    lost: int
    doubled: int
    run_again: int
    compared: int = 0
    differing: int = 0


def row(ledger: FileLedger, fault: str, since: str, recovered_s: float, gone: int = 0) -> Row:
    """The rest is in the ledger, but for jobs that are `gone`, whatever was seen of them."""
    attempts = {line.job_id: line.attempt for line in ledger.of("polled")}
    return Row(
        fault=fault,
        since=since,
        recovered_s=round(recovered_s, 2),
        accepted=sum(1 for _ in ledger.of("accepted")),
        lost=lost(ledger) + gone,
        doubled=doubled(ledger),
        run_again=sum(attempt > 1 for attempt in attempts.values()),
        compared=compared(ledger),
        differing=len(differing(ledger)),
    )


@dataclass(frozen=True)
class Total:
    """What all faults of a report came to, by their ledgers."""

    faults: int
    accepted: int
    lost: int
    doubled: int
    run_again: int
    compared: int = 0
    differing: int = 0

    def sentence(self) -> str:
        """In short."""
        return (
            f"{self.faults} faults: {self.accepted} jobs accepted, {self.lost} lost, {self.doubled} ended twice, "
            f"{self.run_again} begun again; {self.compared} pictures compared, {self.differing} differ"
        )


def total(rows: Sequence[Row]) -> Total:
    """The sums."""
    summed = [one.name for one in fields(Total) if one.name != "faults"]
    return Total(faults=len(rows), **{name: sum(getattr(one, name) for one in rows) for name in summed})


def write(path: Path, told: Row) -> None:
    """Add it to a file of JSON lines, in place of an earlier row of the same fault; the last line is their total."""
    rows = [one for one in read(path) if one.fault != told.fault] if path.exists() else []
    rows.append(told)
    lines = [*map(asdict, rows), {"total": asdict(total(rows))}]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def read(path: Path) -> list[Row]:
    """The rows of such a file."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [Row(**line) for line in lines if "total" not in line]
