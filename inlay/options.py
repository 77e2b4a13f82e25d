"""Options that several commands share, declared once as dataclasses whose fields become options."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from enum import StrEnum
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from inlay.connecting import DEFAULT_URL


class KeptSide(StrEnum):
    """The side of the picture that is known."""

    LEFT = "left"
    RIGHT = "right"
    TOP = "top"
    BOTTOM = "bottom"


class Format(StrEnum):
    """File format of results."""

    PNG = "png"
    WEBP = "webp"
    JPEG = "jpeg"


class MaskPolarity(StrEnum):
    """What white means in a mask."""

    WHITE_REPAINTS = "white_repaints"
    TRANSPARENT_REPAINTS = "transparent_repaints"
    KEEP_WHITE = "keep_white"


class Kernel(StrEnum):
    """Shape of a blur."""

    GAUSSIAN = "gaussian"
    MOTION = "motion"


class Solver(StrEnum):
    """How the constraint is met."""

    DEFAULT = "default"
    NEWTON = "newton"


class Priority(StrEnum):
    """Whether a job goes before the caller's others."""

    NORMAL = "normal"
    HIGH = "high"


class State(StrEnum):
    """Where a job is."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"


Picture = Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="The picture file.")]
Url = Annotated[str, typer.Option(envvar="INLAY_URL", help="Address of the service.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout, errors included.")]
Show = Annotated[bool, typer.Option("--show/--no-show", help="Show the picture too, in a terminal that can.")]


@dataclass(frozen=True, slots=True)
class Sampling:
    """Parameters of every task; what is left out is decided by the service."""

    prompt: Annotated[str | None, typer.Option(help="What is to be seen.")] = None
    negative_prompt: Annotated[str | None, typer.Option(help="What is not to be seen.")] = None
    guidance_scale: Annotated[float | None, typer.Option(help="Classifier-free guidance; 1 is off.")] = None
    steps: Annotated[int | None, typer.Option(help="Sampling steps.")] = None
    solver: Annotated[Solver | None, typer.Option(help="Ours, or the paper's.")] = None
    inner_steps: Annotated[int | None, typer.Option(help="Corrections per step of the paper's solver.")] = None
    seed: Annotated[int | None, typer.Option(help="The same seed draws the same picture.")] = None
    n: Annotated[int | None, typer.Option("--n", help="How many pictures.")] = None
    model: Annotated[str | None, typer.Option(help="Model to ask for.")] = None
    priority: Annotated[Priority | None, typer.Option(help="High goes before other jobs of yours that wait.")] = None
    webhook_url: Annotated[str | None, typer.Option(help="https:// address to tell when the job has ended.")] = None
    format: Annotated[Format, typer.Option(help="File format of the result.")] = Format.PNG

    def parameters(self) -> dict[str, Any]:
        """As the service's parameters, without what was left out."""
        given = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "format"}
        return {name: value for name, value in given.items() if value is not None} | {
            "output": {"format": self.format.value}
        }


@dataclass(frozen=True, slots=True)
class Delivery:
    """Which service to use and what to do with its answer."""

    output: Annotated[Path | None, typer.Option("--output", "-o", help="Where the result goes.")] = None
    url: Url = DEFAULT_URL
    timeout_s: Annotated[float | None, typer.Option("--timeout", help="Give up waiting after so many seconds.")] = None
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Print the job's id and return at once.")] = False
    as_json: AsJson = False
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no picture, only the result.")] = False
    show: Show = True


def with_shared_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the fields of its dataclass parameters as options; it receives the dataclasses, filled."""
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, type[Any]] = {
        name: hint for name, hint in hints.items() if isinstance(hint, type) and is_dataclass(hint)
    }

    @wraps(command)
    def run(**values: object) -> None:
        for name, kind in groups.items():
            values[name] = kind(**{field.name: values.pop(field.name) for field in fields(kind)})
        command(**values)

    own = [
        parameter.replace(kind=Parameter.KEYWORD_ONLY, annotation=hints[parameter.name])
        for parameter in signature(command).parameters.values()
        if parameter.name not in groups
    ]
    shared = [
        Parameter(field.name, Parameter.KEYWORD_ONLY, default=field.default, annotation=annotation)
        for kind in groups.values()
        for field, annotation in zip(fields(kind), get_type_hints(kind, include_extras=True).values(), strict=True)
    ]
    run.__dict__.pop("__wrapped__")
    run.__dict__["__signature__"] = Signature(own + shared)
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in own + shared}
    return run
