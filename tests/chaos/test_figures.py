"""How the figures of faults are kept and summed, and how jobs are shared out to tests."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.chaos.figures import Row, Total, read, total, write
from tests.chaos.place import share
from tests.chaos.table import BEGIN, END, renewed

FIRST = Row("one fault", "the kill", 4.0, accepted=20, lost=0, doubled=0, run_again=8, compared=20)
SECOND = Row("another", "the cut", 1.5, accepted=5, lost=1, doubled=2, run_again=0, compared=4, differing=1)


def test_a_report_has_the_last_row_of_each_fault_and_their_total(tmp_path: Path) -> None:
    path = tmp_path / "report"
    for told in (FIRST, SECOND, replace(FIRST, accepted=30)):
        write(path, told)
    assert read(path) == [SECOND, replace(FIRST, accepted=30)]
    assert '"accepted": 35' in path.read_text().splitlines()[-1]


def test_what_ledgers_counted_is_summed() -> None:
    assert total([FIRST, SECOND]) == Total(
        faults=2, accepted=25, lost=1, doubled=2, run_again=8, compared=24, differing=1
    )


def test_the_table_takes_the_place_of_the_one_before_and_ends_with_the_total() -> None:
    page = renewed(f"before\n{BEGIN}\nold\n{END}\nafter", [FIRST, SECOND])
    assert page.startswith("before\n")
    assert page.endswith(f"| all 2 |  |  | 25 | 1 | 2 | 8 | 24 | 1 |\n\n{END}\nafter")
    assert "old" not in page


@pytest.mark.parametrize(("whole", "tests"), [(2000, 23), (2000, 1), (7, 3)])
def test_shares_come_to_the_whole(whole: int, tests: int) -> None:
    assert whole <= share(whole, tests) * tests < whole + tests
