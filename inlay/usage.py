"""Wrong usage, told as JSON where JSON was asked for."""

from __future__ import annotations

import sys
from itertools import takewhile
from typing import Any

import typer
from typer.core import TyperGroup

from inlay.terminal import print_json

# The class of every error about arguments has no public name in typer.
_USAGE_ERROR: type[Any] = typer.BadParameter.__mro__[1]


class Commands(TyperGroup):
    """All commands. With `--json` among the arguments, wrong usage is one JSON object on stdout, like other errors."""

    def main(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401  # as it is in typer
        """Run the command that the arguments name, and exit unless `standalone_mode` is off."""
        given = args[0] if args else options.get("args")
        words = sys.argv[1:] if given is None else list(given)
        if "--json" not in takewhile(lambda word: word != "--", words) or not options.get("standalone_mode", True):
            return super().main(*args, **options)
        try:
            status = super().main(*args, **{**options, "standalone_mode": False})
        except _USAGE_ERROR as error:
            print_json({"error": {"kind": type(error).__name__, "detail": error.format_message()}})
            status = error.exit_code
        sys.exit(status or 0)
