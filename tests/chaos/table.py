"""Put the figures of faults into docs/faults.md: `python -m tests.chaos.table chaos.jsonl`.

The file is what `pytest -m slow tests/chaos --chaos-report chaos.jsonl` has written.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from tests.chaos.figures import Row, Total, read, total

PAGE = Path(__file__).parents[2] / "docs" / "faults.md"
BEGIN, END = "<!-- figures: python -m tests.chaos.table -->", "<!-- end of figures -->"
HEAD = (
    "| fault | seconds until a job ended again | counted from | accepted | lost | ended twice | begun again "
    "| pictures compared | differ |"
)
COUNTED = ("accepted", "lost", "doubled", "run_again", "compared", "differing")


def table(rows: Sequence[Row]) -> str:
    """As Markdown, with their total in the last row."""
    lines = [HEAD, "|" + "---|" * (HEAD.count("|") - 1)]
    lines += [_line(one.fault, f"{one.recovered_s:.1f}", one.since, *_counts(one)) for one in rows]
    together = total(rows)
    lines.append(_line(f"all {together.faults}", "", "", *_counts(together)))
    return "\n".join(lines)


def _counts(told: Row | Total) -> list[int]:
    return [getattr(told, name) for name in COUNTED]


def _line(*cells: object) -> str:
    return "| " + " | ".join(map(str, cells)) + " |"


def renewed(page: str, rows: Sequence[Row]) -> str:
    """The page with this table between its marks. Raises `ValueError` if it has none."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no marks: {BEGIN} and {END}")
    return f"{before}{begin}\n\n{table(rows)}\n\n{end}{after}"


def main(arguments: Sequence[str]) -> int:
    """One argument: the file of rows."""
    (path,) = map(Path, arguments)
    PAGE.write_text(renewed(PAGE.read_text(), read(path)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
