"""The recipes of docs/api.md for receivers, run as they stand on what the service signs; and its tables."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest

from app.webhooks.signing import signature
from jobs.deliveries import Attempt, AttemptError, DeliveryState
from jobs.record import FINAL_STATES

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
SECTION = PAGE.partition("\n## Webhooks\n")[2].partition("\n## ")[0]
SECRET, KEY = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", bytes(32)
BODY = '{"type":"job.succeeded","data":{"metadata":{"order":"ä☂"}}}'.encode()


def headers_at(timestamp_s: int, *keys: bytes) -> dict[str, str]:
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": signature(keys or (KEY,), "msg_1", timestamp_s, BODY),
    }


def cases() -> list[tuple[dict[str, str], bytes, bool]]:
    """Headers, body, and whether they are right; fresh now, as a run of all tests takes longer than they stay so."""
    now = int(time.time())
    return [
        (headers_at(now), BODY, True),
        (headers_at(now, b"x" * 32, KEY), BODY, True),
        (headers_at(now, b"x" * 32), BODY, False),
        (headers_at(now), BODY + b" ", False),
        (headers_at(now - 3600), BODY, False),
        (headers_at(now) | {"webhook-id": "msg_2"}, BODY, False),
        (headers_at(now) | {"webhook-signature": "v1,"}, BODY, False),
    ]


def code(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", SECTION, re.DOTALL)
    return str(found)


def test_the_python_recipe_tells_right_from_wrong() -> None:
    names: dict[str, Any] = {}
    exec(code("python"), names)  # noqa: S102  # our own page
    told = [(names["verified"](SECRET, headers, body), right) for headers, body, right in cases()]
    assert [verdict for verdict, _ in told] == [right for _, right in told]


def test_the_javascript_recipe_tells_right_from_wrong(
    tmp_path: Path, missing_system_part: Callable[[str], NoReturn]
) -> None:
    if shutil.which("node") is None:
        missing_system_part("node")
    tried = cases()
    sent = json.dumps([[headers, body.decode()] for headers, body, _ in tried])
    asked = f"for (const [headers, body] of {sent}) console.log(verified({SECRET!r}, headers, Buffer.from(body)));"
    (tmp_path / "recipe.mjs").write_text(code("js") + asked)
    told = subprocess.run(["node", "recipe.mjs"], cwd=tmp_path, check=True, capture_output=True, text=True, timeout=60)
    assert [line == "true" for line in told.stdout.split()] == [right for *_, right in tried]


@pytest.mark.parametrize("name", [*AttemptError, *DeliveryState, *Attempt.model_fields])
def test_words_of_the_log_are_documented(name: str) -> None:
    assert f"`{name}`" in SECTION


def test_events_are_documented() -> None:
    table = set(re.findall(r"^\| `(job\.\w+)` \|", SECTION, re.MULTILINE))
    assert table == {f"job.{state}" for state in FINAL_STATES}
