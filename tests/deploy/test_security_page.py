"""docs/security.md names tests for what it claims; each of them exists."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text()
THREATS = PAGE.partition("## Threats")[2].partition("\n## ")[0]


def test_every_named_test_exists() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)
    assert len(named) > 20
    for file, function in named:
        assert re.search(rf"^(async )?def {function}\(", (ROOT / file).read_text(), re.MULTILINE), f"{file}::{function}"


def test_every_threat_names_a_test() -> None:
    rows = [row for row in THREATS.splitlines() if row.startswith("| ")][1:]
    assert len(rows) > 15
    for row in rows:
        threat, cure, shown = (cell.strip() for cell in row.strip("|").split("|"))
        assert threat
        assert cure
        assert re.search(r"`tests/[\w/]+\.py::\w+`", shown), threat
