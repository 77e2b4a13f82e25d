"""The commands that a page of the documentation asks its reader to type."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tests.deploy.watched import ROOT

PROGRAMS = "docker|kubectl|kustomize|redis-cli|inlay|python|make|promtool"


def shown(page: str) -> list[str]:
    """Those in blocks, in order, as a shell reads them."""
    blocks = re.findall(r"^ *```console\n(.*?)^ *```", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL)
    return [line.strip().removeprefix("$ ") for block in blocks for line in block.splitlines() if "$ " in line]


def mentioned(page: str) -> list[str]:
    """Those in sentences, each once: a program with something to do."""
    text = re.sub(r"^ *```.*?^ *```", "", (ROOT / page).read_text(), flags=re.MULTILINE | re.DOTALL)
    return list(dict.fromkeys(re.findall(rf"`((?:{PROGRAMS}) [^`]+)`", text)))


def filled(command: str, places: Sequence[tuple[str, str]]) -> str:
    """The command with something in place of what its reader is to choose."""
    for place, value in places:
        command = re.sub(rf"\b{place}\b", value, command)
    return command
